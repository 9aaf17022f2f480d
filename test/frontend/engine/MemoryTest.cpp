//===- MemoryTest.cpp - contents die as soon as nothing reads them --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "etch/etch.h"
#include "test/support/Json.h"

#include <gtest/gtest.h>

using namespace etch;
using etch::test::Json;

static int64_t live() { return memory_stats().live_bytes; }
constexpr int64_t n = 10000, bytes = n * 8;

TEST(Memory, ChainsKeepWhatTheirRulesRead) {
  Variable x = ones({n});
  int64_t before = live();
  auto kept = [&](Variable (*f)(const Variable &)) {
    Variable y = x;
    for (int i = 0; i < 10; ++i)
      y = f(y);
    return (live() - before + bytes / 2) / bytes;
  };
  // tanh reads its result, which the next one reads as well.
  EXPECT_EQ(kept([](const Variable &v) { return tanh(v); }), 10);
  EXPECT_EQ(kept([](const Variable &v) { return sin(v); }), 10);
  // Sums read nothing: only the last result is alive.
  EXPECT_EQ(kept([](const Variable &v) { return v + 1.0; }), 1);
  EXPECT_EQ(kept([](const Variable &v) { return tanh(v + 1.0); }), 10);
  EXPECT_EQ(kept([](const Variable &v) { return 2.0 * v; }), 1);
  EXPECT_EQ(kept([](const Variable &v) { return sum(v) + v; }), 1);
  EXPECT_EQ(live(), before);
}

TEST(Memory, ProductBeforeTheBiasIsReleased) {
  Variable x = ones({100, 10}), w = ones({10, 100}), b = ones({100});
  int64_t before = live();
  Variable y = linear(x, w, b);
  EXPECT_LT(live() - before, 2 * 100 * 100 * 8);
}

TEST(Memory, ModesOfTheBook) {
  const Json file = Json::data("book.json");
  for (bool tracked : {true, false}) {
    UsingConfig mode(&Config::enable_backprop, tracked);
    release_cached_memory();
    int64_t before = live();
    reset_peak_memory();
    {
      Variable x = ones({100, 100, 100});
      // One statement each: C++ keeps the temporaries of an expression.
      Variable y = square(x);
      y = square(y);
      y = square(y);
    }
    double peak = double(memory_stats().peak_bytes - before);
    double expected =
        file["no_grad_memory"][tracked ? "tracked" : "untracked"].number();
    EXPECT_NEAR(peak, expected, 0.01 * expected);
  }
}

TEST(Memory, RepetitionDoesNotGrow) {
  auto step = [] {
    Variable x = ones({n});
    Variable y = square(square(square(x)));
    y.backward({.create_graph = true});
    // A gradient with a graph, held by a leaf of that graph, is a cycle until
    // it is cleared.
    x.clear_grad();
  };
  step();
  int64_t before = live();
  for (int i = 0; i < 100; ++i)
    step();
  EXPECT_EQ(live(), before);
}

TEST(Memory, GradientsOfIntermediatesAreDropped) {
  Variable x = ones({n});
  Variable y = sum(square(sin(x)));
  int64_t before = live();
  y.backward();
  EXPECT_LT(live() - before, 3 * bytes / 2); // x.grad() alone
}
