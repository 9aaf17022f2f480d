//===- EndToEndTest.cpp - what a user sees of the whole -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "test/support/Json.h"
#include "test/support/Near.h"

#include <etch/etch.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <dlfcn.h>
#include <filesystem>
#include <fstream>
#include <sstream>

using namespace etch;
using etch::test::Json;
using etch::test::near;
namespace fs = std::filesystem;

namespace {
double figure(const std::string &key) {
  return Json::data("book.json")[key].number();
}

TEST(C016_Formulas, MatyasVerbatim) {
  auto matyas = [](const Variable &x, const Variable &y) {
    Variable z = 0.26 * (pow(x, 2) + pow(y, 2)) - 0.48 * x * y;
    return z;
  };
  Variable x(1.0), y(1.0);
  Variable z = matyas(x, y);
  z.backward();
  double slope = figure("matyas");
  EXPECT_TRUE(near({x.grad().item(), y.grad().item()}, {slope, slope}, 1e-15));

  auto compiled = compile([&](const Variable &x, const Variable &y) {
    Variable z = matyas(x, y);
    return grad(z, {x, y});
  });
  Variables g = compiled(Variable(1.0), Variable(1.0));
  EXPECT_EQ(g[0].item(), x.grad().item());
  EXPECT_EQ(g[1].item(), y.grad().item());
}

// Results that no cache holds are stored past the caches, line by line where
// rows begin within one: the bits are those of a few rows alone, which are not.
TEST(Bits, OfRowsThatBeginWithinALine) {
  auto f = compile([](const Variable &x, const Variable &s) -> Variables {
    Variable y = x * s;
    return {softmax(x), x + s, y, max(y, {.axis = 1}), sum(y, {.axis = 1})};
  });
  constexpr int64_t few = 64;
  for (auto [rows, columns] : {std::pair(18 * few, 1021), {4 * few, 5003}}) {
    // Zeros of both signs, the largest of every third row.
    std::vector<float> data(size_t(rows * columns)), scales(size_t(rows), 1.5f);
    for (int64_t i = 0; i < rows * columns; ++i) {
      float number = float(i * 7919 % 1000 - 500) / 64;
      data[size_t(i)] = i / columns % 3 ? number : std::min(number, -0.0f);
      if (i % 7 == 0)
        data[size_t(i)] = i % 2 ? 0.0f : -0.0f;
    }
    Variable x = from_data(std::span<const float>(data), {rows, columns}),
             s = from_data(std::span<const float>(scales), {rows, 1});
    Variables all = f(x, s);
    for (int64_t first = 0; first < rows; first += few) {
      Slice these = slice(first, first + few);
      Variables part = f(x[these], s[these]);
      for (size_t n = 0; n < all.size(); ++n) {
        auto expected = part[n].to_vector<float>(),
             found = all[n][these].to_vector<float>();
        ASSERT_EQ(found.size(), expected.size());
        EXPECT_EQ(std::memcmp(found.data(), expected.data(), 4 * found.size()),
                  0)
            << "result " << n << ", row " << first << " of " << columns;
      }
    }
  }
}

double seconds(const std::function<void()> &run) {
  double best = 1e30;
  for (int i = 0; i < 12; ++i) {
    auto start = std::chrono::steady_clock::now();
    run();
    best = std::min(best, std::chrono::duration<double>(
                              std::chrono::steady_clock::now() - start)
                              .count());
  }
  return best;
}

// One reverse sweep, whatever the number of inputs: a million parameters cost
// a small multiple of the function itself. Best of interleaved runs.
TEST(C038_ReverseSweep, CostDoesNotGrowWithInputs) {
  Variable w = random::randn({1000, 1000}).astype(f32).detach();
  w.set_requires_grad(true);
  Variable x = random::randn({64, 1000}).astype(f32).detach();
  auto loss = [](const Variable &w, const Variable &x) {
    return sum(tanh(matmul(x, w)));
  };
  auto forward = compile(loss, {.pure = true});
  auto both = compile(
      [&](const Variable &w, const Variable &x) {
        Variable y = loss(w, x);
        Variables g = grad(y, {w});
        return Variables{y, g[0]};
      },
      {.pure = true});
  double f = seconds([&] { forward(w, x); });
  double fb = seconds([&] { both(w, x); });
  EXPECT_LT(fb, 10 * f) << "forward " << f << " s, with gradient " << fb;
}

// The user's own loop, unrolled by the trace: no recursion over its depth, in
// recording, differentiation, compilation or release.
TEST(C025_Depth, AHundredThousandTracedOperations) {
  constexpr int depth = 100000;
  auto start = std::chrono::steady_clock::now();
  auto f = compile([](const Variable &x) {
    Variable y = x;
    for (int i = 0; i < depth; ++i)
      y = y + x;
    return Variables{y, grad(y, {x})[0]};
  });
  Variables r = f(Variable(1.0));
  EXPECT_EQ(r[0].item(), depth + 1.0);
  EXPECT_EQ(r[1].item(), depth + 1.0);
  EXPECT_EQ(f(Variable(2.0))[0].item(), 2 * (depth + 1.0));
  EXPECT_EQ(f.compile_count(), 1);
  double taken =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
          .count();
  RecordProperty("seconds", std::to_string(taken));
  EXPECT_LT(taken, 60);
}

// tanh's rule reads its result only, so what came in is gone; linear's reads
// neither the product nor the sum.
TEST(C141_SavedValues, EagerChainKeepsHalf) {
  constexpr int64_t n = 1 << 18, depth = 8;
  Variable h = zeros({n}, {.dtype = f32});
  int64_t before = memory_stats().live_bytes;
  for (int i = 0; i < depth; ++i)
    h = tanh(h + 1.0);
  int64_t kept = memory_stats().live_bytes - before;
  EXPECT_GE(kept, depth * n * 4);
  EXPECT_LT(kept, (depth + 1) * n * 4) << "sums are kept, too";
  EXPECT_NEAR(sum(h).item(), double(n) * h.to_vector()[0], 1);
}

TEST(C141_SavedValues, EagerLinearDropsTheProduct) {
  constexpr int64_t n = 256;
  Variable x = zeros({n, n}, {.dtype = f32}), w = zeros({n, n}, {.dtype = f32}),
           b = zeros({n}, {.dtype = f32});
  int64_t before = memory_stats().live_bytes;
  Variable y = linear(x, w, b);
  int64_t kept = memory_stats().live_bytes - before;
  EXPECT_LT(kept, n * n * 4 + 4096) << "more than the result is kept";
}

TEST(C141_SavedValues, CompiledStepSavesNoSums) {
  constexpr int64_t n = 1 << 16, depth = 4;
  auto step = compile([](const Variable &x) {
    Variable h = x;
    for (int i = 0; i < depth; ++i)
      h = tanh(h + 1.0);
    return grad(sum(h), {x});
  });
  step(zeros({n}, {.dtype = f32}));
  EXPECT_LE(step.saved_bytes(), uint64_t(depth * n * 4));
}

// Asked of the driver itself, not of Etch: without one there is no device.
TEST(C148_NoGraphicsProcessor, IsAStateNotAnError) {
  int devices = 0;
  if (void *driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL)) {
    auto init = reinterpret_cast<int (*)(unsigned)>(dlsym(driver, "cuInit"));
    auto count =
        reinterpret_cast<int (*)(int *)>(dlsym(driver, "cuDeviceGetCount"));
    if (!init || !count || init(0) != 0 || count(&devices) != 0)
      devices = 0;
  }
  if (devices == 0) {
    EXPECT_FALSE(cuda::is_available());
    EXPECT_NE(cuda::unavailable_reason(), "");
  }
  EXPECT_EQ(cuda::is_available(), cuda::unavailable_reason().empty());
  // Whatever the answer, the processor does its work.
  EXPECT_EQ((Variable(2.0) * 3.0).item(), 6.0);
}

std::string read(const fs::path &file) {
  std::ifstream in(file);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// ETCH_DUMP leaves the program after each phase; any two neighbours are the
// pictures before and after it.
TEST(C157_Pictures, BeforeAndAfterAPhase) {
  fs::path dir = fs::path(testing::TempDir()) / "etch-pictures";
  fs::remove_all(dir);
  fs::create_directories(dir);
  setenv("ETCH_DUMP", dir.c_str(), 1);
  auto goldstein_price = compile([](const Variable &x, const Variable &y) {
    return (1 + pow(x + y + 1, 2) * (19 - 14 * x + 3 * pow(x, 2) - 14 * y +
                                     6 * x * y + 3 * pow(y, 2))) *
           (30 +
            pow(2 * x - 3 * y, 2) * (18 - 32 * x + 12 * pow(x, 2) + 48 * y -
                                     36 * x * y + 27 * pow(y, 2)));
  });
  double value = goldstein_price(Variable(1.0), Variable(1.0)).item();
  unsetenv("ETCH_DUMP");
  EXPECT_EQ(value, 1876.0);

  std::vector<fs::path> phases;
  for (const auto &entry : fs::directory_iterator(dir))
    if (read(entry.path()).find("etch.") != std::string::npos)
      phases.push_back(entry.path());
  std::sort(phases.begin(), phases.end());
  ASSERT_GE(phases.size(), 2u) << "ETCH_DUMP wrote too few files";
  auto boxes = [](const std::string &dot) {
    size_t n = 0;
    for (size_t at = 0; (at = dot.find("box", at)) != std::string::npos; ++at)
      ++n;
    return n;
  };
  std::vector<size_t> counts;
  for (const fs::path &phase : phases) {
    std::string dot = get_dot_program(read(phase));
    ASSERT_EQ(dot.substr(0, 7), "digraph") << phase;
    plot_dot_text(dot, phase.string() + ".dot");
    EXPECT_EQ(read(phase.string() + ".dot"), dot);
    counts.push_back(boxes(dot));
  }
  EXPECT_LT(*std::min_element(counts.begin(), counts.end()), counts.front());
  fs::remove_all(dir);
}
} // namespace
