//===- FastTest.cpp - mode `fast` stays within its bound ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The bound is in units of the sum of the absolute values of a sum's terms;
// what is exact is computed in double precision, for numbers of single
// precision.
//===----------------------------------------------------------------------===//

#include "etch/etch.h"

#include <gmock/gmock.h>

#include <cmath>

using namespace etch;

namespace {
constexpr double unit = 1.0 / (1 << 24); ///< half a unit in the last place of 1

/// |fast - exact| <= n * unit * sizes, everywhere.
void expect_within(const Variable &fast, const Variable &exact,
                   const Variable &sizes, double n, const char *what) {
  std::vector<double> x = fast.to_vector(), y = exact.to_vector(),
                      size = sizes.to_vector();
  ASSERT_EQ(x.size(), y.size());
  double worst = 0;
  for (size_t i = 0; i < x.size(); ++i)
    worst = std::max(worst, std::abs(x[i] - y[i]) / (unit * size[i]));
  EXPECT_LE(worst, n) << what;
}
} // namespace

TEST(Fast, C137_SumsOfProductsStayWithinTheBound) {
  auto f = [](const Variable &x, const Variable &a, const Variable &b,
              const Variable &c) {
    return a * x + b * x - c * x + x * x * x * x * c + a * b + a * b;
  };
  auto sizes = [](const Variable &x, const Variable &a, const Variable &b,
                  const Variable &c) {
    return abs(a * x) + abs(b * x) + abs(c * x) + abs(x * x * x * x * c) +
           abs(a * b) + abs(a * b);
  };
  random::seed(11);
  auto draw = [] { return random::randn({10007}).astype(f32).detach(); };
  Variable x = draw(), a = draw(), b = draw(), c = draw();
  auto wide = [](const Variable &v) { return v.astype(f64).detach(); };
  auto fast = compile(f, {.mode = Mode::fast});
  NoGrad scope;
  expect_within(fast(x, a, b, c), f(wide(x), wide(a), wide(b), wide(c)),
                sizes(wide(x), wide(a), wide(b), wide(c)), 12, "value");
  auto strict = compile(f);
  EXPECT_EQ(strict(x, a, b, c).to_vector(), f(x, a, b, c).to_vector());
}

TEST(Fast, DerivativesStayWithinTheBound) {
  // The sizes of the terms of gy * (1 - y * y), twice.
  auto f = [](const Variable &x) {
    Variable g = grad(sum(tanh(x)), {x}, {.create_graph = true})[0];
    return grad(sum(g), {x})[0];
  };
  random::seed(12);
  Variable x = random::randn({10007}).astype(f32);
  auto fast = compile(f, {.mode = Mode::fast});
  Variable exact = f(x.astype(f64)), value = fast(x);
  NoGrad scope;
  expect_within(value, exact, ones({10007}).astype(f64) * 2.0, 12,
                "second derivative");
}

TEST(Fast, C137_ConvolutionsStayWithinTheBound) {
  // Fewer products (Winograd), forward and towards the images.
  auto f = [](const Variable &x, const Variable &w) {
    Variable y = conv2d(x, w, {}, {.pad = 1});
    return y + grad(sum(y * x), {x})[0];
  };
  random::seed(13);
  Variable x = random::randn({16, 48, 20, 20}).astype(f32).detach(),
           w = random::randn({48, 48, 3, 3}).astype(f32).detach();
  x.set_requires_grad(true);
  auto fast = compile(f, {.mode = Mode::fast});
  Variable value = fast(x, w), strict = f(x, w);
  Variable wide = x.astype(f64).detach();
  wide.set_requires_grad(true);
  Variable exact = f(wide, w.astype(f64).detach());
  NoGrad scope;
  EXPECT_NE(value.to_vector(), strict.to_vector());
  // No number is larger than 6. Sums towards the images run over as many other
  // weights: about as large; y counts twice.
  Variable sizes = conv2d(ones({16, 48, 20, 20}).astype(f64) * 6.0,
                          abs(w.astype(f64)), {}, {.pad = 1});
  expect_within(value, exact, sizes * 3.0, 16, "value and gradient");
}

TEST(Fast, C137_MomentsInOnePassAreAsGood) {
  // Of numbers around 0, and far from it, where a sum of squares alone has
  // nothing left of the variance; of an empty batch, too.
  auto f = [](const Variable &x, const Variable &g, const Variable &t) {
    Variable y = batch_norm(x, g, zeros({6}).astype(x.dtype()), {}, {});
    return grad(sum(y * t), {x, g});
  };
  auto value = [](const Variable &x, const Variable &g, const Variable &) {
    return batch_norm(x, g, zeros({6}).astype(x.dtype()), {}, {});
  };
  random::seed(14);
  auto quick = compile(f, {.mode = Mode::fast});
  auto quick_value = compile(value, {.mode = Mode::fast});
  for (double far : {0.0, 100.0, -3000.0}) {
    auto leaf = [](const Variable &v) {
      Variable x = v.detach();
      x.set_requires_grad(true);
      return x;
    };
    Variable x = leaf((random::randn({16, 6, 9, 7}) + far).astype(f32)),
             g = leaf((random::randn({6}) + 2.0).astype(f32)),
             t = random::randn({16, 6, 9, 7}).astype(f32).detach();
    Variable wx = leaf(x.astype(f64)), wg = leaf(g.astype(f64)),
             wt = t.astype(f64).detach();
    auto exact = f(wx, wg, wt), fast = quick(x, g, t);
    Variable y = value(wx, wg, wt), z = quick_value(x, g, t);
    NoGrad scope;
    // A number that is far off has as large an error as its difference.
    double n = 64 + 8 * std::abs(far);
    expect_within(z, y, ones(y.shape()) * 16.0, n, "value");
    expect_within(fast[0], exact[0], ones(y.shape()) * 16.0, n, "of x");
    expect_within(fast[1], exact[1], ones({6}) * 256.0, n, "of gamma");
  }
  Variable none = zeros({0, 6, 9, 7}).astype(f32), one = ones({6}).astype(f32);
  EXPECT_EQ(quick_value(none, one, none).shape(), Shape({0, 6, 9, 7}));
}
