//===- RecurrentTest.cpp - recurrent networks as loops of a program -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A window of a recurrent network as a scan, against the ordinary loop that
// unrolls it on the tape.
//===----------------------------------------------------------------------===//

#include "etch/etch.h"
#include "test/runtime/TemporaryFolder.h"

#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <sstream>

using namespace etch;
using test::TemporaryFolder;

namespace {

using Numbers = std::vector<double>;

Numbers bits(const Variable &x) {
  return x.defined() ? x.to_vector() : Numbers{-12345};
}

/// An independent leaf.
Variable fresh(const Variable &x) {
  Variable y = zeros_like(x);
  y.assign(x);
  return y;
}

/// The book's network of step 59 as formulas, in float32.
struct Network {
  Parameter wx, wh, bh, wy, by;

  explicit Network(int64_t hidden) {
    random::seed(0);
    auto draw = [](const Shape &shape) {
      return Parameter(astype(random::randn(shape) * 0.3, f32));
    };
    wx = draw({1, hidden});
    wh = draw({hidden, hidden});
    bh = draw({hidden});
    wy = draw({hidden, 1});
    by = draw({1});
  }
  Variables params() const { return {wx, wh, bh, wy, by}; }
  void clear() const {
    for (const Variable &p : params())
      p.clear_grad();
  }
  Variable step(const Variable &h, const Variable &x) const {
    return tanh(matmul(x, wx) + bh + matmul(h, wh));
  }
  Variable loss(const Variable &h, const Variable &t) const {
    return mean_squared_error(matmul(h, wy) + by, t);
  }

  /// The last state and the sum of the losses, unrolled.
  Variables unrolled(const Variable &h0, const Variable &x,
                     const Variable &t) const {
    Variable h = h0, total = zeros({}, {.dtype = f32});
    for (int i = 0; i < x.len(); ++i) {
      h = step(h, x[i]);
      total = total + loss(h, t[i]);
    }
    return {h, total};
  }
  Variables scanned(const Variable &h0, const Variable &x,
                    const Variable &t) const {
    return scan(
               [this](const Variables &s, const Variables &in) {
                 Variable h = step(s[0], in[0]);
                 return std::pair(Variables{h, s[1] + loss(h, in[1])},
                                  Variables{});
               },
               Variables{h0, zeros({}, {.dtype = f32})}, Variables{x, t})
        .first;
  }
};

Variable waves(int64_t steps, double phase) {
  return astype(sin(linspace(phase, phase + 0.2 * double(steps), steps)), f32)
      .detach()
      .reshape(Shape{steps, 1, 1});
}

TEST(Recurrent, C122_C132_WindowEqualsTheUnrolledLoop) {
  constexpr int64_t hidden = 20, window = 30;
  Network net(hidden);
  Variable h0 = zeros({1, hidden}, {.dtype = f32});
  auto step = [&](const Variable &h, const Variable &x, const Variable &t) {
    net.clear();
    Variables r = net.scanned(h, x, t);
    r[1].backward();
    return r;
  };
  auto compiled = compile(step);
  for (int k = 0; k < 3; ++k) {
    Variable x = waves(window, k), t = waves(window, k + 0.2);
    std::vector<Numbers> seen[3];
    for (int mode = 0; mode < 3; ++mode) {
      Variable h = fresh(h0);
      Variables r;
      if (mode == 0) {
        net.clear();
        r = net.unrolled(h, x, t);
        r[1].backward();
      } else {
        r = mode == 1 ? step(h, x, t) : compiled(h, x, t);
      }
      for (const Variable &y : r)
        seen[mode].push_back(bits(y));
      seen[mode].push_back(bits(h.grad()));
      for (const Variable &p : net.params())
        seen[mode].push_back(bits(p.grad()));
    }
    EXPECT_EQ(seen[0], seen[1]);
    EXPECT_EQ(seen[0], seen[2]);
  }
  EXPECT_EQ(compiled.compile_count(), 1);
}

/// The program that a call of f leaves after a phase.
template <class F> std::string dumped(const std::string &phase, F &&call) {
  TemporaryFolder folder;
  setenv("ETCH_DUMP", folder.path().c_str(), 1);
  call();
  unsetenv("ETCH_DUMP");
  std::string loops;
  for (const auto &entry : std::filesystem::directory_iterator(folder.path())) {
    std::stringstream text;
    text << std::ifstream(entry.path()).rdbuf();
    if (entry.path().string().find(phase) != std::string::npos &&
        text.str().find("etch.loop") != std::string::npos)
      loops += text.str(); // eager operations have none
  }
  return loops;
}

int64_t count(const std::string &text, const std::string &part) {
  int64_t n = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; ++at)
    ++n;
  return n;
}

TEST(Recurrent, C140_OneProductOfAllInputs) {
  random::seed(0);
  RNN rnn(20);
  rnn(zeros({4, 3}, {.dtype = f32}));
  rnn(zeros({4, 3}, {.dtype = f32}));
  auto window = [&](const Variable &h, const Variable &x) {
    return scan(
               [&](const Variable &s, const Variable &in) {
                 Variable next = rnn.next(in, s);
                 return std::pair(next, next);
               },
               h, x)
        .second;
  };
  auto training = [&](const Variable &h, const Variable &x) {
    Variable ys = window(h, x);
    rnn.clear_grads();
    sum(ys).backward();
    return ys;
  };
  CompileOptions fixed{.dynamic = false};
  auto forward = compile(window, fixed);
  auto step = compile(training, fixed);
  Variable h = zeros({4, 20}, {.dtype = f32});
  Variable x = fresh(sin(arange(360.0)).reshape(30, 4, 3).astype(f32));
  std::string text = dumped("simplify", [&] { forward(h, x); });
  EXPECT_EQ(count(text, "etch.matmul"), 2) << text; // and h2h in the loop
  EXPECT_EQ(count(text, "(tensor<120x3xf32>, tensor<3x20xf32>)"), 1) << text;
  EXPECT_EQ(count(text, "(tensor<4x20xf32>, tensor<20x20xf32>)"), 1) << text;
  EXPECT_LT(text.find("tensor<3x20xf32>) ->"), text.find("etch.loop"));
  // The gradient of all inputs is one product behind the backward loop.
  text = dumped("simplify", [&] { step(h, x); });
  EXPECT_EQ(count(text, "(tensor<120x3xf32>, tensor<3x20xf32>)"), 1) << text;
  EXPECT_EQ(count(text, "(tensor<120x20xf32>, tensor<20x3xf32>)"), 1) << text;
  EXPECT_EQ(count(text, "(tensor<4x20xf32>, tensor<20x3xf32>)"), 0) << text;
  EXPECT_GT(text.rfind("tensor<20x3xf32>) ->"), text.rfind("etch.loop"));
  // Every cotangent is there in every iteration, and read where it comes in.
  EXPECT_EQ(count(text, "etch.presence"), 0) << text;
  EXPECT_EQ(count(text, "etch.gather"), 0) << text;
  // Eagerly there are 30 of each; the bits are the same.
  EXPECT_EQ(bits(forward(h, x)), bits(window(h, x)));
  EXPECT_TRUE(step.check(h, x));
}

TEST(Recurrent, C120_StateIsInputAndOutput) {
  Network net(8);
  auto f = compile([&](const Variable &h, const Variable &x) {
    return scan(
        [&](const Variable &s, const Variable &in) {
          Variable next = net.step(s, in);
          return std::pair(next, matmul(next, net.wy));
        },
        h, x);
  });
  Variable h0 = zeros({1, 8}, {.dtype = f32}), x = waves(60, 0.5);
  auto [h, ys] = f(h0, x);
  auto [h1, ys1] = f(h0, x[slice(0, 30)]);
  auto [h2, ys2] = f(h1, x[slice(30, 60)]);
  EXPECT_EQ(bits(h2), bits(h));
  EXPECT_EQ(bits(concat({ys1, ys2})), bits(ys));
}

TEST(Recurrent, C121_TruncatedBackpropagation) {
  Network net(8);
  Variable x = waves(20, 0), t = waves(20, 0.2);
  Variable h0 = zeros({1, 8}, {.dtype = f32});
  // Two windows, cut between them or not; the loss is that of the second.
  auto gradients = [&](bool cut, bool loops) {
    auto f = [&, cut, loops](const Variable &h) {
      net.clear();
      auto window = [&](const Variable &s, int at) {
        Slice part = slice(at, at + 10);
        return loops ? net.scanned(s, x[part], t[part])
                     : net.unrolled(s, x[part], t[part]);
      };
      Variable first = window(h, 0)[0];
      Variable loss = window(cut ? first.detach() : first, 10)[1];
      loss.backward();
      return loss;
    };
    std::vector<Numbers> seen;
    Variable h = fresh(h0);
    seen.push_back(bits(loops ? compile(f)(h) : f(h)));
    seen.push_back(bits(h.grad()));
    for (const Variable &p : net.params())
      seen.push_back(bits(p.grad()));
    return seen;
  };
  for (bool cut : {false, true})
    EXPECT_EQ(gradients(cut, false), gradients(cut, true)) << cut;
  // Beyond the cut there is no gradient.
  EXPECT_EQ(gradients(true, true)[1], Numbers{-12345});
  EXPECT_NE(gradients(false, true)[1], Numbers{-12345});
  EXPECT_NE(gradients(false, true)[3], gradients(true, true)[3]);
}

TEST(Recurrent, C122_CodeSizeDoesNotGrow) {
  Network net(8);
  auto f =
      compile([&](const Variable &h, const Variable &x, const Variable &t) {
        net.clear();
        Variables r = net.scanned(h, x, t);
        r[1].backward();
        return r[1];
      });
  Variable h0 = zeros({1, 8}, {.dtype = f32});
  size_t size = 0;
  int kernels = 0;
  for (int64_t steps : {30, 60, 90}) {
    f(h0, waves(steps, 0), waves(steps, 1));
    if (size) {
      EXPECT_EQ(f.program().size(), size);
      EXPECT_EQ(f.num_kernels(), kernels);
    }
    size = f.program().size();
    kernels = f.num_kernels();
  }
}

TEST(Recurrent, C122_StepsAreData) {
  Network net(8);
  Variable x = waves(40, 0), t = waves(40, 0.2);
  auto f = compile([&](const Variable &h, const Variable &steps) {
    net.clear();
    Variables r =
        for_loop(steps,
                 [&](const Variable &i, const Variables &s) -> Variables {
                   Variable next = net.step(s[0], x[i]);
                   return {next, s[1] + net.loss(next, t[i])};
                 },
                 {h, zeros({}, {.dtype = f32})}, {.max_iterations = 40});
    r[1].backward();
    return r[1];
  });
  for (int64_t steps : {5, 30, 40, 1}) {
    Variable h = zeros({1, 8}, {.dtype = f32}), e = fresh(h);
    Variable loss = f(h, Variable(steps));
    std::vector<Numbers> seen = {bits(loss), bits(h.grad())}, expected;
    for (const Variable &p : net.params())
      seen.push_back(bits(p.grad()));
    net.clear();
    Variable eager = net.unrolled(e, x[slice(0, steps)], t[slice(0, steps)])[1];
    eager.backward();
    expected = {bits(eager), bits(e.grad())};
    for (const Variable &p : net.params())
      expected.push_back(bits(p.grad()));
    EXPECT_EQ(seen, expected) << steps;
  }
  EXPECT_EQ(f.compile_count(), 1);
}

TEST(Recurrent, OutputsInReverse) {
  auto f = [](const Variables &xs) {
    auto [h, ys] = scan(
        [&](const Variable &s, const Variable &in) {
          Variable next = s * xs[1] + in;
          return std::pair(next, Variables{next * in, next});
        },
        zeros({2}), xs[0], {.reverse = true});
    Variable loss = sum(ys[0] * ys[1]) + sum(h);
    loss.backward();
    return Variables{loss, h, ys[0], ys[1]};
  };
  auto compiled = compile(f);
  Variable x = linspace(-1, 1, 10).reshape(5, 2), w = array({0.5, 2.0});
  std::vector<Numbers> seen[2];
  for (int mode = 0; mode < 2; ++mode) {
    Variables xs = {fresh(x), fresh(w)};
    for (const Variable &y : mode ? compiled(xs) : f(xs))
      seen[mode].push_back(bits(y));
    for (const Variable &v : xs)
      seen[mode].push_back(bits(v.grad()));
  }
  EXPECT_EQ(seen[0], seen[1]);
}

TEST(Recurrent, C127_ExportedLoops) {
  Network net(4);
  auto f = compile([&](const Variable &h, const Variable &x) {
    auto [last, ys] = scan(
        [&](const Variable &s, const Variable &in) {
          Variable next = cond(
              sum(in) > 0, [&] { return net.step(s, in); }, [&] { return s; });
          return std::pair(next, matmul(next, net.wy));
        },
        h, x);
    return std::pair(last, ys);
  });
  Variable h0 = zeros({1, 4}, {.dtype = f32}), x = waves(40, 0);
  TemporaryFolder folder;
  export_library(f, folder / "recurrent", {h0, x});
  Library library = load_library(folder / "librecurrent.so");
  Variables out = library.run({h0, x});
  auto [h, ys] = f(h0, x);
  EXPECT_EQ(bits(out[0]), bits(h));
  EXPECT_EQ(bits(out[1]), bits(ys));
}

} // namespace
