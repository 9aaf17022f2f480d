//===- SoundnessTest.cpp - programs of open extents are never stale -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a function computes for extents that were guessed wrongly is right all
// the same; at worst there is one program more.
//===----------------------------------------------------------------------===//

#include "Extents.h"

using namespace extents;

namespace {
/// Compiled calls have eager's bits at all extents; at most so many programs.
template <class F>
void expect_sound(F f, std::initializer_list<int> extents, int most,
                  int columns = 10) {
  auto compiled = compile(f);
  for (int n : extents) {
    Variable x = draw({n, columns});
    Variable eager = f(x), again = compiled(x);
    expect_same_bits(eager, again, "n = " + std::to_string(n));
  }
  EXPECT_LE(compiled.compile_count(), most) << compiled.report();
}
} // namespace

TEST(OpenExtents, C136_AsManyAsClasses) {
  Variable w = draw({10, 10}), b = draw({10});
  auto f = [&](const Variable &x) {
    Variable y = matmul(x, w) + b;
    return softmax(y - mean(y, {.axis = 0}), {.axis = 1}).reshape({-1, 2, 5}) *
           2.0;
  };
  expect_sound(f, {10, 3, 100, 1, 10}, 1);
  expect_sound(f, {100, 10, 1, 7}, 1);
  // Here a guess may be wrong: one more program.
  auto square = [&](const Variable &x) {
    return broadcast_to(sum(x).reshape({1, 1}), {10, 10}) + w;
  };
  expect_sound(square, {10, 3, 100, 10}, 2);
}

TEST(OpenExtents, C136_HostNumbers) {
  expect_sound(
      [](const Variable &x) { return sum(x, {.axis = 0}) / x.shape(0); },
      {10, 3, 100, 1, 10}, 1);
  expect_sound(
      [](const Variable &x) { return x * double(x.shape(0) * x.shape(0)); },
      {10, 3, 100, 1, 10}, 1);
  // How often a loop of the host runs is part of the program.
  expect_sound(
      [](const Variable &x) {
        Variable y = x;
        for (int i = 0; i < x.shape(0); ++i)
          y = tanh(y);
        return y;
      },
      {4, 3, 5, 1, 4}, 4);
  expect_sound(
      [](const Variable &x) { return x.shape(0) > 5 ? x * 2 : tanh(x); },
      {4, 30, 5, 6, 100}, 2);
}

TEST(OpenExtents, C136_OneFirst) {
  Variable row = draw({1, 10});
  auto f = [&](const Variable &x) {
    return (x - row) * mean(x, {.axis = 0, .keepdims = true});
  };
  expect_sound(f, {1, 100, 1, 7}, 2);
  expect_sound(f, {100, 1, 7}, 1);
}

TEST(OpenExtents, C136_CapturedMasks) {
  auto f = [](const Variable &x) {
    Variable mask = arange(0, double(x.size())).reshape(x.shape()) / 10.0;
    return x * mask.astype(f32) + zeros(x.shape(), {.dtype = f32}) +
           eye(x.len(), {.dtype = f32})[{all, slice(0, 1)}];
  };
  // At extent 1 the part of the diagonal is all of it.
  expect_sound(f, {10, 3, 100, 1, 10}, 3);
  expect_sound(f, {100, 3, 10, 1}, 3);
  // One that does not fit is refused as in eager mode.
  Variable mask = draw({100, 10});
  auto g = compile([&](const Variable &x) { return x * mask; });
  g(draw({100, 10}));
  EXPECT_THROW(g(draw({7, 10})), ShapeError);
  EXPECT_EQ(g(draw({1, 10})).shape(), (Shape{100, 10}));
  mask = draw({7, 10});
  EXPECT_TRUE(g.check(draw({7, 10})));
}

TEST(OpenExtents, C136_Slices) {
  expect_sound(
      [](const Variable &x) { return x[slice(1, to_end)] - x[slice(0, -1)]; },
      {10, 3, 100, 2}, 2);
  expect_sound([](const Variable &x) { return x[slice(0, 2)] * x[1]; },
               {10, 3, 100, 2}, 2);
  expect_sound([](const Variable &x) { return x[-1] + x[slice(-2, to_end)]; },
               {10, 3, 100, 2}, 3);
  expect_sound(
      [](const Variable &x) { return x[slice(to_end, to_end, -1)] * 2; },
      {10, 3, 100, 1}, 2);
  expect_sound(
      [](const Variable &x) { return x[slice(0, x.shape(0) / 2)] * 2; },
      {10, 4, 100, 7, 10}, 5);
}

TEST(OpenExtents, C136_StatesOfABatch) {
  for (auto order : {std::vector<int>{5, 5, 3, 3, 5}, {10, 10, 4}}) {
    Variable eager_h = zeros({1, 10}, {.dtype = f32}),
             h = zeros({1, 10}, {.dtype = f32});
    auto step = [](Variable &h) {
      return [&h](const Variable &x) {
        if (h.len() != x.len())
          h = zeros(x.shape(), {.dtype = f32});
        h.assign(tanh(h * 0.5 + x));
        return h * 2;
      };
    };
    auto eager = step(eager_h), f = step(h);
    auto compiled = compile(f);
    for (int n : order) {
      Variable x = draw({n, 10});
      expect_same_bits(eager(x), compiled(x), "result");
      expect_same_bits(eager_h, h, "state");
    }
    EXPECT_LE(compiled.compile_count(), 2) << compiled.report();
  }
}

TEST(OpenExtents, C136_ConstraintsAreErrors) {
  auto f = compile([](const Variable &x, const Variable &t) {
    return mean_squared_error(x, t);
  });
  f(draw({100, 3}), draw({100, 3}));
  f(draw({7, 3}), draw({7, 3}));
  EXPECT_EQ(f.compile_count(), 1);
  try {
    f(draw({7, 3}), draw({8, 3}));
    ADD_FAILURE();
  } catch (const ShapeError &error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("(7, 3)"));
    EXPECT_THAT(error.what(), testing::HasSubstr("(8, 3)"));
    EXPECT_THAT(error.what(), testing::HasSubstr("SoundnessTest.cpp:"));
  }
  f(draw({8, 3}), draw({8, 3}));
  EXPECT_EQ(f.compile_count(), 1);
}

// What random programs found: nothing is said of extents by what is empty.
TEST(OpenExtents, C136_Empty) {
  expect_sound(
      [](const Variable &x) { return -log(abs(x)).reshape({18, 1, 0}); },
      {33, 3, 1, 33}, 4, 0);
}
