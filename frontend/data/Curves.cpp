//===- Curves.cpp - Spiral and SinCurve -----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/datasets.h"

#include "etch/array.h"
#include "etch/random.h"

#include <cmath>
#include <numbers>

namespace etch {

static Dataset spiral(const DatasetOptions &options) {
  constexpr int64_t classes = 3, points = 100;
  random::seed(options.train ? 1984 : 2020);
  Variable noise = random::randn({classes * points});
  std::span<const double> normal = noise.span<const double>();
  std::vector<float> x(size_t(classes * points * 2));
  std::vector<int64_t> t(size_t(classes * points));
  for (int64_t arm = 0; arm < classes; ++arm)
    for (int64_t i = 0; i < points; ++i) {
      size_t k = size_t(arm * points + i);
      double rate = double(i) / double(points);
      double theta = double(arm) * 4.0 + 4.0 * rate + normal[k] * 0.2;
      x[2 * k] = float(rate * std::sin(theta));
      x[2 * k + 1] = float(rate * std::cos(theta));
      t[k] = arm;
    }
  Dataset ordered(from_data(std::span<const float>(x), {classes * points, 2}),
                  from_data(std::span<const int64_t>(t), {classes * points}));
  Variable order = random::permutation(classes * points);
  Sample mixed = ordered.batch(order.span<const int64_t>());
  return Dataset(mixed.x, mixed.t, options.transform, options.target_transform);
}

Spiral::Spiral(const DatasetOptions &options) : Dataset(spiral(options)) {}

static Dataset sin_curve(const DatasetOptions &options) {
  constexpr int64_t points = 1000;
  const double end = 2 * std::numbers::pi, step = end / (points - 1);
  Variable noise = random::uniform(-0.05, 0.05, {points});
  std::span<const double> added = noise.span<const double>();
  std::vector<double> y(points);
  for (int64_t i = 0; i < points; ++i) {
    double x = i == points - 1 ? end : double(i) * step;
    y[size_t(i)] = options.train ? std::sin(x) + added[size_t(i)] : std::cos(x);
  }
  std::span<const double> all(y);
  return Dataset(from_data(all.first(points - 1), {points - 1, 1}),
                 from_data(all.last(points - 1), {points - 1, 1}),
                 options.transform, options.target_transform);
}

SinCurve::SinCurve(const DatasetOptions &options)
    : Dataset(sin_curve(options)) {}

} // namespace etch
