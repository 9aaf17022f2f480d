//===- ImagesTest.cpp - Networks whose images have channels last ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Programs for tensor cores keep them so (etch-channels-last): what they
// compute is what the CPU does, but for rounding.
//===----------------------------------------------------------------------===//

#include "test/frontend/cuda/Device.h"

#include <cmath>

using namespace etch;

namespace {

struct Images : test::DeviceTest {};

/// A network's result and gradients: batch norm, pooling, windows of one place,
/// a shortcut with steps, a mean of places.
Variables residual(const Variables &v) {
  Variables x;
  for (const Variable &each : v)
    x.push_back(each * 1.0);
  Variable h = conv2d(x[0], x[1], {}, {.pad = 1});
  Variable d = h - mean(h, {.axis = {0, 2, 3}, .keepdims = true});
  Variable s = mean(d * d, {.axis = {0, 2, 3}, .keepdims = true});
  Variable p = pooling(relu(d / sqrt(s + 1e-3) * x[2]), 3, {.stride = 2});
  Variable q = p + conv2d(p, x[3]);
  Variable r = relu(conv2d(q, x[4], {}, {.stride = 2, .pad = 1}) +
                    conv2d(q, x[5], {}, {.stride = 2}));
  Variable y = matmul(mean(r, {.axis = {2, 3}}), x[6]);
  Variables results = grad(sum(y * y), x);
  results.insert(results.begin(), y);
  return results;
}

/// Biases, a flattened image.
Variables plain(const Variables &v) {
  Variables x;
  for (const Variable &each : v)
    x.push_back(each * 1.0);
  Variable h = relu(conv2d(x[0], x[1], x[2]));
  Variable p =
      pooling(relu(conv2d(h, x[3], x[4], {.pad = 1})), 2, {.stride = 2});
  Variable y = matmul(p.reshape({x[0].shape()[0], -1}), x[5]);
  Variables results = grad(sum(y * y), x);
  results.insert(results.begin(), y);
  return results;
}

Variable noise(const Shape &shape, double scale = 1) {
  return (random::randn(shape) * scale).astype(f32);
}

/// How far results are off, of their length. What is nearly 0 may come out on
/// the other side of a relu, and of what is nearly equal another one may be the
/// largest: gradients have other elements there.
double error(Variables (*network)(const Variables &), const Variables &xs,
             Precision precision, bool libraries) {
  test::OnBoth ys(network, xs,
                  {.device = cuda(0),
                   .mode = Mode::fast,
                   .precision = precision,
                   .libraries = libraries});
  double most = 0;
  for (size_t i = 0; i < ys.host.size(); ++i) {
    auto a = ys.host[i].to_vector<double>(),
         b = ys.device[i].to_vector<double>();
    double length = 0, off = 0;
    for (size_t k = 0; k < a.size(); ++k) {
      length += a[k] * a[k];
      off += (a[k] - b[k]) * (a[k] - b[k]);
    }
    most = std::max(most, std::sqrt(off / length));
  }
  return most;
}

void expect_near(Variables (*network)(const Variables &), const Variables &xs,
                 bool libraries) {
  EXPECT_LT(error(network, xs, Precision::tf32, libraries), 0.15);
  EXPECT_LT(error(network, xs, Precision::bf16, libraries), 0.3);
}

TEST_F(Images, AResidualNetwork) {
  random::seed(0);
  Variables xs = {noise({4, 3, 16, 16}),      noise({32, 3, 3, 3}, 0.3),
                  noise({1, 32, 1, 1}),       noise({32, 32, 1, 1}, 0.1),
                  noise({48, 32, 3, 3}, 0.1), noise({48, 32, 1, 1}, 0.1),
                  noise({48, 10}, 0.2)};
  for (bool libraries : {false, true})
    expect_near(residual, xs, libraries);
}

TEST_F(Images, APlainNetwork) {
  random::seed(1);
  Variables xs = {noise({3, 1, 14, 14}), noise({32, 1, 3, 3}, 0.3),
                  noise({32}),           noise({28, 32, 3, 3}, 0.1),
                  noise({28}),           noise({28 * 36, 10}, 0.1)};
  for (bool libraries : {false, true})
    expect_near(plain, xs, libraries);
}

} // namespace
