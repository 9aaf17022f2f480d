//===- PrecisionTest.cpp - Products of less precision, by our kernels -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/frontend/cuda/Device.h"

#include <cmath>

using namespace etch;

namespace {

struct OwnProducts : test::DeviceTest {};

/// A network's loss and gradients: products in all layouts, convolutions.
Variables steps(const Variables &v) {
  Variable x = v[0] * 1.0, w = v[1] * 1.0, u = v[2] * 1.0;
  Variable h = tanh(conv2d(x, w, {}, {.pad = 1}));
  Variable y = tanh(matmul(h.reshape({x.shape()[0], -1}), u));
  Variables g = grad(sum(y * y), {x, w, u});
  return {y, g[0], g[1], g[2]};
}

Variable noise(Shape shape) { return random::randn(shape).astype(f32); }

/// How far results are off, of the largest element.
double error(const Variables &xs, Precision precision) {
  Variables expected = steps(xs), there;
  for (const Variable &x : xs)
    there.push_back(x.to(cuda(0)));
  auto compiled = compile(steps, {.device = cuda(0),
                                  .mode = Mode::fast,
                                  .dynamic = false,
                                  .precision = precision,
                                  .libraries = false});
  Variables ys = compiled(there);
  double most = 0;
  for (size_t i = 0; i < ys.size(); ++i) {
    auto a = expected[i].to_vector<double>(), b = ys[i].to_vector<double>();
    double largest = 0, off = 0;
    for (size_t k = 0; k < a.size(); ++k) {
      largest = std::max(largest, std::fabs(a[k]));
      off = std::max(off, std::fabs(a[k] - b[k]));
    }
    most = std::max(most, off / largest);
  }
  return most;
}

TEST_F(OwnProducts, AreAsPreciseAsTheirProgramAsks) {
  random::seed(0);
  Variables xs = {noise({3, 5, 6, 7}), noise({24, 5, 3, 3}) * 0.2,
                  noise({24 * 42, 20}) * 0.05};
  double full = error(xs, Precision::full), tf32 = error(xs, Precision::tf32),
         bf16 = error(xs, Precision::bf16);
  EXPECT_LT(full, 1e-5);
  EXPECT_LT(tf32, 1e-2);
  EXPECT_LT(bf16, 8e-2);
  // Rounded they are: an emulator has tensor cores, and so has a device.
  EXPECT_GT(tf32, 2 * full);
  EXPECT_GT(bf16, 2 * tf32);
}

} // namespace
