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
  test::OnBoth ys(steps, xs,
                  {.device = cuda(0),
                   .mode = Mode::fast,
                   .dynamic = false,
                   .precision = precision,
                   .libraries = false});
  double most = 0;
  for (size_t i = 0; i < ys.host.size(); ++i) {
    auto a = ys.host[i].to_vector<double>(),
         b = ys.device[i].to_vector<double>();
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

/// Losses of some steps, and what a step needs besides arguments and states.
struct Steps {
  std::vector<double> losses;
  uint64_t bytes = 0;
};
template <class M>
Steps train(std::function<std::unique_ptr<M>()> make, const Variable &x,
            const Variable &t, const CompileOptions &options) {
  random::seed(0);
  std::unique_ptr<M> model = make();
  (*model)(x);
  SGD optimizer({.lr = 0.01});
  optimizer.setup(*model);
  auto step = compile(
      [&](const Variable &x, const Variable &t) {
        Variable loss = mean_squared_error((*model)(x), t);
        loss.backward();
        optimizer.update();
        model->clear_grads();
        return loss;
      },
      options);
  Steps result;
  for (int i = 0; i < 2; ++i)
    result.losses.push_back(step(x, t).item());
  result.bytes = step.arena_bytes();
  return result;
}

CompileOptions with(Precision precision, bool libraries) {
  return {.device = cuda(0),
          .mode = Mode::fast,
          .dynamic = false,
          .precision = precision,
          .libraries = libraries};
}

/// Steps do the same, in less memory.
template <class M>
void expect_half(std::function<std::unique_ptr<M>()> make, Shape in, Shape out,
                 bool libraries) {
  random::seed(1);
  Variable x = noise(in).set_requires_grad(false),
           t = noise(out).set_requires_grad(false);
  Steps full = train(make, x, t, with(Precision::full, libraries)),
        half = train(make, x, t, with(Precision::bf16, libraries));
  EXPECT_LT(double(half.bytes), 0.8 * double(full.bytes));
  for (size_t i = 0; i < full.losses.size(); ++i)
    EXPECT_NEAR(half.losses[i], full.losses[i], 0.02 * full.losses[i]) << i;
}

TEST_F(OwnProducts, ArraysInBetweenTakeHalf) {
  expect_half<MLP>(
      [] {
        return std::make_unique<MLP>(std::vector<int64_t>{48, 48, 8}, relu);
      },
      {256, 32}, {256, 8}, true);
}

struct Convolutions : Model {
  Conv2d first{*this, "first", 24, 3}, second{*this, "second", 32, 3};
  BatchNorm norm{*this, "norm"};
  Linear last{*this, "last", 10};

  Variable forward(const Variable &x) override {
    Variable y = relu(norm(first(x)));
    return last(flatten(pooling(relu(second(y)), 2, {.stride = 2})));
  }
};

TEST_F(OwnProducts, ImagesTakeHalf) {
  expect_half<Convolutions>([] { return std::make_unique<Convolutions>(); },
                            {4, 3, 12, 12}, {4, 10}, false);
}

} // namespace
