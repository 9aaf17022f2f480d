//===- NormalisationTest.cpp - batch_norm, losses, activations ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Against the formulas in NumPy (test/data/functions.json); eager and compiled.
//===----------------------------------------------------------------------===//

#include "etch/etch.h"
#include "test/support/Json.h"
#include "test/support/Near.h"

#include <gmock/gmock.h>

using namespace etch;
using etch::test::Json;
using etch::test::near;
using testing::HasSubstr;
using testing::ThrowsMessage;

namespace {

const Json &expected() {
  static const Json data = Json::data("functions.json");
  return data;
}

Variable tensor(const Json &numbers, const Shape &shape) {
  std::vector<double> values = numbers.numbers();
  return from_data(std::span<const double>(values), shape);
}

/// Three training batches and a test batch.
struct BatchNormRun {
  std::vector<std::vector<double>> outputs;
  std::vector<double> mean, var, test;
  int compiled = 0;

  BatchNormRun(const char *name, const Shape &shape, bool in_program) {
    Json own = expected()[name];
    int64_t channels = shape[1];
    Variable gamma = tensor(own["gamma"], {channels}),
             beta = tensor(own["beta"], {channels}),
             running_mean = zeros({channels}), running_var = ones({channels});
    auto body = [&](const Variable &x) {
      return batch_norm(x, gamma, beta, running_mean, running_var);
    };
    auto program = compile(body);
    auto run = [&](const Variable &x) {
      return (in_program ? program(x) : body(x)).to_vector();
    };
    for (size_t i = 0; i < 3; ++i)
      outputs.push_back(run(tensor(own["x"][i], shape)));
    compiled = program.compile_count();
    mean = running_mean.to_vector();
    var = running_var.to_vector();
    TestMode scope;
    test = run(tensor(own["x"][2], shape));
    EXPECT_EQ(running_mean.to_vector(), mean) << "test mode changes nothing";
    EXPECT_FALSE(running_mean.creator());
  }
};

void expect_batch_norm(const char *name, const Shape &shape) {
  Json own = expected()[name];
  BatchNormRun eager(name, shape, false), compiled(name, shape, true);
  for (size_t i = 0; i < 3; ++i)
    EXPECT_TRUE(near(eager.outputs[i], own["y"][i].numbers(), 1e-12, 1e-13));
  EXPECT_TRUE(near(eager.mean, own["mean"].numbers(), 1e-13));
  EXPECT_TRUE(near(eager.var, own["var"].numbers(), 1e-13));
  EXPECT_TRUE(near(eager.test, own["test"].numbers(), 1e-12, 1e-13));
  EXPECT_EQ(compiled.outputs, eager.outputs);
  EXPECT_EQ(compiled.mean, eager.mean);
  EXPECT_EQ(compiled.var, eager.var);
  EXPECT_EQ(compiled.test, eager.test);
  EXPECT_EQ(compiled.compiled, 1);
}

TEST(BatchNorm, RunningStatisticsOfMatrices) {
  expect_batch_norm("batch_norm_2d", {5, 3});
}
TEST(BatchNorm, RunningStatisticsOfPictures) {
  expect_batch_norm("batch_norm_4d", {2, 3, 2, 3});
}

TEST(BatchNorm, OneElementPerChannel) {
  // The variance of one element is 0, its estimate too: not 0/0.
  Variable mean = zeros({2}), var = ones({2});
  batch_norm(array({{3.0, 5.0}}), ones({2}), zeros({2}), mean, var);
  EXPECT_TRUE(near(mean.to_vector(), {0.3, 0.5}, 1e-14));
  EXPECT_TRUE(near(var.to_vector(), {0.9, 0.9}, 1e-14));
}

TEST(BatchNorm, SinglePrecisionStays) {
  Variable mean = zeros({2}, {.dtype = f32}), var = ones({2}, {.dtype = f32});
  Variable gamma = ones({2}, {.dtype = f32}), beta = zeros({2}, {.dtype = f32});
  Variable x = array({{3.0f, 5.0f}, {1.0f, 2.0f}});
  Variable y = batch_norm(x, gamma, beta, mean, var);
  EXPECT_EQ(y.dtype(), f32);
  EXPECT_EQ(mean.dtype(), f32);
  TestMode scope;
  EXPECT_EQ(batch_norm(x, gamma, beta, mean, var).dtype(), f32);
}

TEST(BatchNorm, GradientsOfAllInputs) {
  Variable x = tensor(expected()["batch_norm_4d"]["x"][0], {2, 3, 2, 3});
  Variable gamma = array({0.5, 1.0, 2.0}), beta = array({0.0, 1.0, -1.0});
  Variable weight = sin(x * 3);
  auto loss = [&](const Variable &a, const Variable &g, const Variable &b) {
    return sum(batch_norm(a, g, b) * weight);
  };
  Tolerance close{1e-5, 1e-7};
  EXPECT_TRUE(gradient_check(
      [&](const Variable &v) { return loss(v, gamma, beta); }, x, close));
  EXPECT_TRUE(gradient_check(
      [&](const Variable &v) { return loss(x, v, beta); }, gamma, close));
  EXPECT_TRUE(gradient_check(
      [&](const Variable &v) { return loss(x, gamma, v); }, beta, close));
}
/// Of the channels of x (N, C, …).
struct Statistics {
  std::vector<double> mean, var;
  int64_t count; ///< elements of a channel

  explicit Statistics(const Variable &x)
      : mean(size_t(x.shape()[1])), var(mean), count(x.size() / x.shape()[1]) {
    std::vector<double> values = x.to_vector();
    for (size_t i = 0; i < values.size(); ++i)
      mean[channel(x, i)] += values[i] / double(count);
    for (size_t i = 0; i < values.size(); ++i)
      var[channel(x, i)] +=
          std::pow(values[i] - mean[channel(x, i)], 2) / double(count);
  }
  static size_t channel(const Variable &x, size_t i) {
    size_t channels = size_t(x.shape()[1]),
           inner = size_t(x.size() / x.shape()[0]) / channels;
    return i / inner % channels;
  }
  std::vector<double> normalise(const Variable &x, const Variable &gamma,
                                const Variable &beta) const {
    std::vector<double> y = x.to_vector(), g = gamma.to_vector(),
                        b = beta.to_vector();
    for (size_t i = 0; i < y.size(); ++i) {
      size_t c = channel(x, i);
      y[i] = g[c] * (y[i] - mean[c]) / std::sqrt(var[c] + 2e-5) + b[c];
    }
    return y;
  }
};

TEST(BatchNorm, BatchesOfManyShapes) {
  random::seed(0);
  for (const Shape &shape :
       {Shape{8, 1}, Shape{1, 10}, Shape{20, 10}, Shape{20, 10, 5, 5}}) {
    int64_t channels = shape[1];
    Variable x = random::randn(shape), gamma = random::randn({channels}),
             beta = random::randn({channels}), mean = random::randn({channels}),
             var = abs(random::randn({channels}));
    EXPECT_TRUE(near(batch_norm(x, gamma, beta).to_vector(),
                     Statistics(x).normalise(x, gamma, beta), 1e-11, 1e-12));
    Statistics given(x);
    given.mean = mean.to_vector();
    given.var = var.to_vector();
    TestMode scope;
    EXPECT_TRUE(near(batch_norm(x, gamma, beta, mean, var).to_vector(),
                     given.normalise(x, gamma, beta), 1e-11, 1e-12));
  }
}

TEST(BatchNorm, TenBatchesThroughTheLayer) {
  random::seed(0);
  for (const Shape &shape : {Shape{20, 10}, Shape{20, 10, 5, 5}}) {
    etch::BatchNorm layer;
    Variable x, gamma = ones({10}), beta = zeros({10});
    std::vector<double> mean(10), var(10, 1);
    for (int batch = 0; batch < 10; ++batch) {
      x = random::randn(shape);
      Statistics own(x);
      EXPECT_TRUE(near(layer(x).to_vector(), own.normalise(x, gamma, beta),
                       1e-11, 1e-12));
      double n = double(own.count);
      for (size_t c = 0; c < 10; ++c) {
        mean[c] = 0.9 * mean[c] + 0.1 * own.mean[c];
        var[c] = 0.9 * var[c] + 0.1 * own.var[c] * n / (n - 1);
      }
    }
    EXPECT_TRUE(near(layer.avg_mean.to_vector(), mean, 1e-12, 1e-14));
    EXPECT_TRUE(near(layer.avg_var.to_vector(), var, 1e-12, 1e-14));
    Statistics running(x);
    running.mean = mean;
    running.var = var;
    TestMode scope;
    EXPECT_TRUE(near(layer(x).to_vector(), running.normalise(x, gamma, beta),
                     1e-11, 1e-12));
  }
}

TEST(BatchNorm, WhatDoesNotFit) {
  Variable x = ones({4, 3}), two = ones({2}), three = ones({3});
  EXPECT_THAT([&] { batch_norm(x, two, three); },
              ThrowsMessage<ShapeError>(
                  testing::AllOf(HasSubstr("gamma"), HasSubstr("(2,)"),
                                 HasSubstr("NormalisationTest.cpp"))));
  EXPECT_THAT([&] { batch_norm(x, three, three, two, three); },
              ThrowsMessage<ShapeError>(HasSubstr("running mean")));
  EXPECT_THROW(batch_norm(three, three, three), ShapeError);
  TestMode scope;
  EXPECT_THAT([&] { batch_norm(x, three, three); },
              ThrowsMessage<ValueError>(HasSubstr("running statistics")));
}

TEST(LayerNorm, OverTheLastAxis) {
  Json own = expected()["layer_norm"];
  Variable x = tensor(own["x"], {2, 3, 4});
  Variable y =
      layer_norm(x, tensor(own["gamma"], {4}), tensor(own["beta"], {4}));
  EXPECT_TRUE(near(y.to_vector(), own["y"].numbers(), 1e-12, 1e-13));
}

TEST(Gelu, BothForms) {
  Json own = expected()["gelu"];
  Variable x = tensor(own["x"], {7});
  EXPECT_TRUE(near(gelu(x).to_vector(), own["erf"].numbers(), 1e-13, 1e-16));
  EXPECT_TRUE(
      near(gelu(x, Gelu::erf).to_vector(), own["erf"].numbers(), 1e-13, 1e-16));
  EXPECT_TRUE(near(gelu(x, Gelu::tanh).to_vector(), own["tanh"].numbers(),
                   1e-13, 1e-16));
  EXPECT_TRUE(gradient_check(
      [](const Variable &v) { return gelu(v, Gelu::tanh); }, x, {1e-5, 1e-7}));
  // It goes where functions of one array go.
  MLP net({3, 1}, gelu);
  EXPECT_EQ(net(ones({2, 2})).shape(), (Shape{2, 1}));
}

TEST(CrossEntropy, OfProbabilitiesAndScores) {
  Json own = expected()["cross_entropy"];
  Variable x = tensor(own["x"], {4, 3}), p = tensor(own["p"], {4, 3}),
           t = tensor(own["t"], {4, 3});
  double loss = own["loss"].number();
  Variable of_scores = sigmoid_cross_entropy(x, t),
           of_p = binary_cross_entropy(p, t);
  EXPECT_NEAR(of_scores.item(), loss, 1e-14);
  EXPECT_NEAR(of_p.item(), loss, 1e-14);
  of_scores.backward();
  of_p.backward();
  EXPECT_TRUE(near(x.grad().to_vector(), own["gx"].numbers(), 1e-12, 1e-15));
  EXPECT_TRUE(near(p.grad().to_vector(), own["gp"].numbers(), 1e-12, 1e-15));
  // Integer targets, of another rank.
  Variable column = array({{0.5}, {-1.0}, {2.0}}), classes = array({1, 0, 1});
  EXPECT_DOUBLE_EQ(sigmoid_cross_entropy(column, classes).item(),
                   binary_cross_entropy(sigmoid(column), classes).item());
  EXPECT_THROW(sigmoid_cross_entropy(x, classes), ShapeError);
  // Neither overflows nor takes the logarithm of 0.
  Variable far = array({1000.0, -1000.0});
  EXPECT_EQ(sigmoid_cross_entropy(far, array({1, 0})).item(), 0);
  EXPECT_EQ(sigmoid_cross_entropy(far, array({0, 1})).item(), 1000);
  EXPECT_LT(binary_cross_entropy(array({1.0, 0.0}), array({0, 1})).item(), 35);
}

TEST(CrossEntropy, SmallOnesKeepTheirDigits) {
  std::vector<float> scores;
  for (float v = -87; v <= 87; v += 0.37F)
    scores.push_back(v);
  std::vector<double> soft, slope, loss[2], pull[2];
  for (double v : scores) {
    double small = std::log1p(std::exp(-std::abs(v)));
    soft.push_back(std::max(v, 0.0) + small);
    slope.push_back(1 / (1 + std::exp(-v)));
    loss[0].push_back(soft.back());
    loss[1].push_back(std::max(-v, 0.0) + small);
    pull[0].push_back(slope.back());
    pull[1].push_back(-1 / (1 + std::exp(v)));
  }
  Variable x =
      from_data(std::span<const float>(scores), {int64_t(scores.size())});
  auto of_softplus = [](const Variable &x) -> Variables {
    Variable y = softplus(x);
    return {y, grad(sum(y), {x})[0]};
  };
  // A batch of one has the score's own loss.
  auto of_loss = [](const Variable &x, const Variable &t) -> Variables {
    Variable y = sigmoid_cross_entropy(x, t);
    return {y, grad(y, {x})[0]};
  };
  constexpr double bound = 4 * 0x1p-23;
  for (const Variables &ys : {of_softplus(x), compile(of_softplus)(x)}) {
    EXPECT_TRUE(near(ys[0].to_vector(), soft, bound));
    EXPECT_TRUE(near(ys[1].to_vector(), slope, bound));
  }
  auto compiled = compile(of_loss);
  for (int t : {0, 1})
    for (size_t i = 0; i < scores.size(); ++i) {
      Variable one = array({{scores[i]}}), target = array({{t}});
      for (const Variables &ys :
           {of_loss(one, target), compiled(one, target)}) {
        EXPECT_TRUE(near(ys[0].to_vector(), {loss[t][i]}, bound)) << scores[i];
        EXPECT_TRUE(near(ys[1].to_vector(), {pull[t][i]}, bound)) << scores[i];
      }
    }
}

/// Values and gradients of two ways to compute the same.
template <class F, class G>
void expect_equal(F f, G g, const Variables &xs, double rtol = 1e-13) {
  Variables leaves, others;
  for (const Variable &x : xs) {
    leaves.push_back(Parameter(x));
    others.push_back(Parameter(x));
  }
  Variable y = f(leaves), z = g(others);
  EXPECT_TRUE(near(y.to_vector(), z.to_vector(), rtol, 1e-15));
  sum(y * y).backward();
  sum(z * z).backward();
  for (size_t i = 0; i < xs.size(); ++i)
    EXPECT_TRUE(near(leaves[i].grad().to_vector(), others[i].grad().to_vector(),
                     rtol, 1e-15));
}

TEST(SimpleForms, C068_Linear) {
  random::seed(0);
  Variable x = random::randn({4, 3}), w = random::randn({3, 2}),
           b = random::randn({2});
  expect_equal(
      [](const Variables &v) { return linear(v[0], v[1], v[2]); },
      [](const Variables &v) { return linear_simple(v[0], v[1], v[2]); },
      {x, w, b});
  expect_equal([](const Variables &v) { return linear(v[0], v[1]); },
               [](const Variables &v) { return linear_simple(v[0], v[1]); },
               {x, w});
}

TEST(SimpleForms, C069_Sigmoid) {
  EXPECT_EQ(sigmoid(Variable(0.0)).item(), 0.5);
  EXPECT_EQ(sigmoid_simple(Variable(0.0)).item(), 0.5);
  expect_equal([](const Variables &v) { return sigmoid(v[0]); },
               [](const Variables &v) { return sigmoid_simple(v[0]); },
               {linspace(-7, 7, 50)});
}

TEST(SimpleForms, C071_Softmax) {
  random::seed(0);
  expect_equal([](const Variables &v) { return softmax(v[0]); },
               [](const Variables &v) { return softmax_simple(v[0]); },
               {random::randn({4, 3})});
}

TEST(SimpleForms, C072_SoftmaxCrossEntropy) {
  random::seed(0);
  Variable t = array({2, 0, 1, 1});
  expect_equal(
      [&](const Variables &v) { return softmax_cross_entropy(v[0], t); },
      [&](const Variables &v) { return softmax_cross_entropy_simple(v[0], t); },
      {random::randn({4, 3})});
}

TEST(SimpleForms, C073_MeanSquaredError) {
  random::seed(0);
  expect_equal(
      [](const Variables &v) { return mean_squared_error(v[0], v[1]); },
      [](const Variables &v) { return mean_squared_error_simple(v[0], v[1]); },
      {random::randn({4, 3}), random::randn({4, 3})});
}

} // namespace
