//===- ScanTest.cpp - how often a loop runs is known at run time ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "Extents.h"

using namespace extents;

namespace {
/// A recurrent network over (T, N, 3), its loss and gradients.
struct Window {
  Parameter wx, wh, b;
  explicit Window(int64_t hidden) {
    random::seed(0);
    wx = Parameter(draw({3, hidden}));
    wh = Parameter(draw({hidden, hidden}));
    b = Parameter(draw({hidden}));
  }
  Variable operator()(const Variable &x, const Variable &h0) const {
    auto [carry, ys] = scan(
        [this](const Variables &s, const Variables &in) {
          Variable h = tanh(matmul(in[0], wx) + b + matmul(s[0], wh));
          return std::pair(Variables{h}, Variables{sum(h * h)});
        },
        {h0}, {x});
    Variable loss = sum(ys[0]) + sum(carry[0]);
    for (const Variable &p : {wx, wh, b})
      p.clear_grad();
    loss.backward();
    return loss;
  }
};
} // namespace

TEST(Scan, C122_StepsAtRunTime) {
  Window window(5);
  auto f = compile(window);
  size_t length = 0;
  for (int steps : {5, 30, 1, 17, 100}) {
    EXPECT_TRUE(f.check(draw({steps, 4, 3}), draw({4, 5}))) << steps;
    length = length ? length : f.program().size();
    EXPECT_EQ(f.program().size(), length);
  }
  EXPECT_EQ(f.compile_count(), 1) << f.report();
}

TEST(Scan, C122_BatchAndSteps) {
  // The batch is axis 0 of the state, axis 1 of the sequence.
  auto f = compile([w = Window(5)](const Variable &x, const Variable &h) {
    return w(x.transpose({1, 0, 2}), h);
  });
  for (int batch : {4, 9, 1, 30})
    EXPECT_TRUE(f.check(draw({batch, 6, 3}), draw({batch, 5}))) << batch;
  EXPECT_EQ(f.compile_count(), 1) << f.report();
}

TEST(Scan, C122_AsManyStepsAsOthers) {
  Window window(5);
  auto f = compile(window);
  for (int steps : {5, 3, 4, 9})
    EXPECT_TRUE(f.check(draw({steps, 5, 3}), draw({5, 5}))) << steps;
  EXPECT_EQ(f.compile_count(), 1) << f.report();
}

TEST(Scan, C133_CondOfABatch) {
  auto f = compile([](const Variable &x) {
    return cond(sum(x) > 0, [&] { return x * 2; }, [&] { return x - 0.5; });
  });
  for (int n : {5, 1, 64})
    EXPECT_TRUE(f.check(draw({n, 4}))) << n;
  EXPECT_EQ(f.compile_count(), 1) << f.report();
}

TEST(Scan, C133_LoopOfABatch) {
  auto f = compile([](const Variable &x) {
    Variable y =
        for_loop(4, [&](const Variable &s) { return tanh(s * x) * 0.9; }, x);
    return grad(sum(y), {x})[0];
  });
  for (int n : {5, 1, 64})
    EXPECT_TRUE(f.check(draw({n, 4}))) << n;
  EXPECT_EQ(f.compile_count(), 1) << f.report();
}
