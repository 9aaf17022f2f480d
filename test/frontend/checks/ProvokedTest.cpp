//===- ProvokedTest.cpp - What failures say -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Mistakes that users make, one by one. test/data/provoked.json has the exact
// messages; LINE stands for the line at which the mistake is made. Each names
// the operation, the cause, the values and the line. The tests print them.
//===----------------------------------------------------------------------===//

#include "test/support/Json.h"

#include <etch/etch.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <gtest/gtest.h>
#include <iostream>

using namespace etch;
using etch::test::Json;

namespace {

/// The line of the statement that fails.
int line;
int loop_line; ///< of the loop that a message speaks of
#define FAILS_HERE (line = __LINE__)

std::string replaced(std::string text, const std::string &from,
                     const std::string &to) {
  for (size_t at = 0; (at = text.find(from, at)) != text.npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

/// Runs what fails, and compares its message with the one that is expected.
void provoke(const std::string &name, const std::function<void()> &mistake,
             const std::string &temporary = "TEMPORARY") {
  static const Json all = Json::data("provoked.json");
  line = 0;
  std::string message, kind;
  try {
    mistake();
  } catch (const Error &e) {
    message = e.what();
    kind = dynamic_cast<const ShapeError *>(&e)      ? "ShapeError"
           : dynamic_cast<const DTypeError *>(&e)    ? "DTypeError"
           : dynamic_cast<const TraceError *>(&e)    ? "TraceError"
           : dynamic_cast<const ValueError *>(&e)    ? "ValueError"
           : dynamic_cast<const UserError *>(&e)     ? "UserError"
           : dynamic_cast<const CompileError *>(&e)  ? "CompileError"
           : dynamic_cast<const RuntimeError *>(&e)  ? "RuntimeError"
           : dynamic_cast<const IOError *>(&e)       ? "IOError"
           : dynamic_cast<const DeviceError *>(&e)   ? "DeviceError"
           : dynamic_cast<const InternalError *>(&e) ? "InternalError"
                                                     : "Error";
    EXPECT_EQ(int(e.where().line), line) << message;
  }
  std::cout << kind << ": " << message << "\n";
  message = replaced(message, temporary, "TEMPORARY");
  ASSERT_TRUE(all.has(name)) << message;
  const Json &expected = all[name];
  EXPECT_EQ(kind, expected["kind"].text());
  auto place = [](int l) { return "ProvokedTest.cpp:" + std::to_string(l); };
  EXPECT_EQ(message,
            replaced(replaced(expected["message"].text(), "LINE", place(line)),
                     "LOOP", place(loop_line)));
  // The four parts are really there.
  for (const char *part : {"op", "cause"})
    EXPECT_NE(message.find(expected[part].text()), message.npos) << part;
  for (const Json &value : expected["values"].array())
    EXPECT_NE(message.find(value.text()), message.npos) << value.text();
  EXPECT_NE(expected["message"].text().find("[LINE]"), std::string::npos);
}

std::string temporary_folder() {
  static const std::string folder = [] {
    std::string name =
        (std::filesystem::temp_directory_path() / "etch-provoked-XXXXXX")
            .string();
    return std::string(mkdtemp(name.data()));
  }();
  return folder;
}

} // namespace

TEST(Provoked, Shape) {
  provoke("shape", [] {
    Variable x = ones({2, 3}), w = ones({4, 5});
    FAILS_HERE, matmul(x, w);
  });
}

TEST(Provoked, Broadcast) {
  provoke("broadcast", [] {
    auto f = compile(
        [](const Variable &x, const Variable &b) { return FAILS_HERE, x + b; });
    f(ones({2, 3}), ones({4}));
  });
}

TEST(Provoked, DType) {
  provoke("dtype", [] {
    Variable x = ones({3, 2}), index = array({0.0, 2.0});
    FAILS_HERE, embed_id(index, x);
  });
}

TEST(Provoked, Nan) {
  provoke("nan", [] {
    auto f = compile(
        [](const Variable &x) {
          Variable y = x * 2.0 - 1.0;
          return sum((FAILS_HERE, log(y)));
        },
        {.check = Check::nan});
    f(array({{1.0, 2.0}, {0.25, 0.0}}));
  });
}

TEST(Provoked, NanInAGradient) {
  provoke("nan in a gradient", [] {
    Parameter w{array({4.0, 0.0})};
    auto f = compile(
        [&](const Variable &x) {
          Variable loss = sum((FAILS_HERE, sqrt(w)) * x);
          w.clear_grad();
          loss.backward();
          return loss;
        },
        {.check = Check::nan});
    f(array({1.0, 2.0}));
  });
}

TEST(Provoked, C135_Index) {
  provoke("index", [] {
    Parameter w{ones({4, 3})};
    SGD optimizer({.lr = 0.1});
    auto f = compile([&](const Variable &x, const Variable &t) {
      Variable loss = (FAILS_HERE, softmax_cross_entropy(matmul(x, w), t));
      return loss;
    });
    f(ones({2, 4}), array({1, 3}));
  });
}

TEST(Provoked, StaleCapture) {
  provoke("stale capture", [] {
    Variable kept;
    auto f = compile([&](const Variable &x) {
      kept = x * 2.0;
      kept.set_name("hidden");
      throw std::runtime_error("interrupted");
      return kept;
    });
    try {
      f(ones({3}));
    } catch (const std::runtime_error &) {
    }
    FAILS_HERE, kept * 2.0;
  });
}

TEST(Provoked, TracedIf) {
  provoke("traced if", [] {
    auto f = compile([](const Variable &x) {
      Variable mean_ = mean(x);
      mean_.set_name("average");
      if (FAILS_HERE, mean_ > 0.5)
        return x * 2.0;
      return x;
    });
    f(ones({3}));
  });
}

TEST(Provoked, HostRead) {
  provoke("host read", [] {
    auto f = compile([](const Variable &x) {
      Variable y = sum(x, {.axis = 0});
      double scale = (FAILS_HERE, y.to_vector())[0];
      return x * scale;
    });
    f(ones({3, 2}));
  });
}

TEST(Provoked, Budget) {
  provoke("budget", [] {
    auto f = compile(
        [](const Variable &x) {
          return FAILS_HERE, matmul(matmul(x, x), matmul(x, x));
        },
        {.memory_budget = 1000});
    f(ones({64, 64}));
  });
}

TEST(Provoked, Reshape) {
  provoke("reshape", [] {
    Variable x = ones({2, 3});
    FAILS_HERE, x.reshape({4, 2});
  });
}

TEST(Provoked, Weights) {
  std::string path = temporary_folder() + "/small.npz";
  provoke(
      "weights",
      [&] {
        MLP small({3, 2}), large({5, 2});
        small(ones({1, 4}));
        small.save_weights(path);
        large(ones({1, 4}));
        FAILS_HERE, large.load_weights(path);
      },
      path);
}

TEST(Provoked, WrittenState) {
  provoke("written state", [] {
    Variable state = zeros({2});
    state.set_name("counter");
    auto f = compile([&](const Variable &x) {
      Variable y = x + state;
      (FAILS_HERE, state.span<double>())[0] = 1;
      return y;
    });
    f(ones({2}));
  });
}

TEST(Provoked, Library) {
  std::string path = temporary_folder() + "/provoked";
  provoke(
      "library",
      [&] {
        auto f = compile([](const Variable &x) { return x * 2.0; });
        Variable x = ones({2, 3});
        x.set_name("x");
        f(x);
        export_library(f, path, {x});
        auto library = load_library(temporary_folder() + "/libprovoked.so");
        FAILS_HERE, library.run({ones({3, 2})});
      },
      path);
}

TEST(Provoked, Gradient) {
  provoke("gradient", [] {
    auto f = compile([](const Variable &x) {
      Parameter start{Variable(1.0)};
      auto small = [&](const Variables &s) { return s[0] < x; };
      auto twice = [](const Variables &s) { return Variables{s[0] * 2.0}; };
      Variables first{start};
      Variables s = (loop_line = __LINE__, while_loop(small, twice, first));
      FAILS_HERE, s[0].backward();
      return s[0];
    });
    f(Variable(10.0));
  });
}

TEST(Provoked, LoopLimit) {
  provoke("loop limit", [] {
    auto f = compile(
        [](const Variable &n) {
          auto twice = [](const Variable &, const Variables &s) {
            return Variables{s[0] * 2.0};
          };
          Variables start{Variable(1.0)};
          LoopOptions most{.max_iterations = 8};
          return (FAILS_HERE, for_loop(n, twice, start, most))[0];
        },
        {.check = Check::bounds});
    f(Variable(12));
  });
}

// These two: one where there is a graphics processor, one where there is none.

TEST(Provoked, TwoDevices) {
  if (!cuda::is_available())
    GTEST_SKIP() << "NO GRAPHICS PROCESSOR: " << cuda::unavailable_reason();
  provoke("two devices", [] {
    Variable x = ones({2, 3}).to(cuda(0)), w = ones({3, 4});
    FAILS_HERE, matmul(x, w);
  });
}

TEST(Provoked, NoDevice) {
  if (cuda::is_available())
    GTEST_SKIP() << "there is a graphics processor";
  provoke(
      "no device",
      [] {
        auto f = [](const Variable &x) { return x * 2.0; };
        FAILS_HERE, compile(f, {.device = cuda(0)});
      },
      cuda::unavailable_reason());
}
