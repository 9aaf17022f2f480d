//===- PartsTest.cpp - slices in compiled functions -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/compile.h"
#include "etch/etch.h"

#include <gmock/gmock.h>

using namespace etch;
using testing::HasSubstr;
using testing::Not;

namespace {

using Values = std::vector<double>;

/// Runs `body` eagerly and compiled for each number in turn and compares value
/// and gradient; returns how often it was compiled.
template <class Body>
int64_t expect_same(Body body, const Variable &x,
                    std::vector<int64_t> numbers) {
  int64_t at = 0;
  auto step = [&](const Variable &x) {
    Variable loss = body(x, at);
    x.clear_grad();
    loss.backward();
    return loss;
  };
  auto f = compile(step);
  for (int64_t number : numbers) {
    at = number;
    double eager = step(x).item();
    Values slope = x.grad().to_vector();
    EXPECT_EQ(f(x).item(), eager) << number;
    EXPECT_EQ(x.grad().to_vector(), slope) << number;
  }
  EXPECT_EQ(f.trace_count(), f.compile_count());
  return f.compile_count();
}

TEST(CompiledParts, WhereASliceBeginsMayChange) {
  Variable x = random::randn({20, 7});
  auto rows = [](const Variable &x, int64_t i) {
    return sum(pow(x[slice(i, i + 3)], 3));
  };
  // The second time it is noticed, from the third on it is a number.
  EXPECT_LE(expect_same(rows, x, {0, 3, 6, 9, 12, 15, 17, 2}), 3);
  auto row = [](const Variable &x, int64_t i) { return sum(exp(x[i])); };
  EXPECT_LE(expect_same(row, x, {4, -1, 19, 0, 7, 8, -20}), 3);
  auto block = [](const Variable &x, int64_t i) {
    return sum(x[{slice(i, i + 4), i % 7}] * x[{slice(0, 4), 2}]);
  };
  EXPECT_LE(expect_same(block, x, {1, 2, 9, 16, 3, 4}), 4);
}

TEST(CompiledParts, WhatStaysIsKnown) {
  // Steps of an unrolled loop begin elsewhere, but where they did before.
  auto f = compile([](const Variable &x) {
    Variable h = x[0];
    for (int t = 1; t < 4; ++t)
      h = tanh(h + x[t]);
    return h;
  });
  Variable x = random::randn({4, 5});
  f(x), f(x), f(x);
  EXPECT_EQ(f.compile_count(), 1);
  EXPECT_THAT(f.program(), Not(HasSubstr("slice_at")));
}

TEST(CompiledParts, OneKernelForJoinedArrays) {
  auto f = compile([](const Variable &x, const Variable &w) {
    return tanh(concat({x, w * 2.0}, 1)) + 1.0;
  });
  Variable x = random::randn({3, 4}), w = random::randn({3, 2});
  Variable y = f(x, w);
  EXPECT_EQ(y.to_vector(), (tanh(concat({x, w * 2.0}, 1)) + 1.0).to_vector());
}

} // namespace
