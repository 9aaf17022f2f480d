//===- Draw.cpp - First contents of weights -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/layers/Draw.h"
#include "etch/array.h"
#include "etch/random.h"
#include "frontend/engine/Engine.h"

using namespace etch;

template <class T>
static Variable scaled(std::span<const double> draws, double scale,
                       const Shape &shape) {
  std::vector<T> values(draws.begin(), draws.end());
  for (T &v : values)
    v *= T(scale);
  return from_data(std::span<const T>(values), shape);
}

Variable detail::draw_normal(const Shape &shape, double scale, DType dtype) {
  RecordingScope suspended(nullptr);
  Variable normal = random::randn(shape);
  std::span<const double> draws = normal.span<const double>();
  return dtype == f32 ? scaled<float>(draws, scale, shape)
                      : scaled<double>(draws, scale, shape);
}
