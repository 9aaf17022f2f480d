//===- TrainingTest.cpp - The book's figures ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/datasets.h"
#include "etch/etch.h"
#include "etch/models.h"
#include "etch/optimizers.h"
#include "etch/random.h"
#include "test/support/Json.h"
#include "test/support/Near.h"

#include <cmath>
#include <numbers>

using namespace etch;
using test::Json;

namespace {

const Json &expected() {
  static const Json data = Json::data("training.json");
  return data;
}

/// 100 points in [0, 1) and noise in [0, 1), drawn in this order.
struct Points {
  Variable x, noise;
  Points() {
    random::seed(0);
    x = random::rand({100, 1});
    noise = random::rand({100, 1});
  }
};

TEST(Training, C087_LinearRegression) {
  Json figures = expected()["linear_regression"];
  Points points;
  Variable x = points.x, y = 5 + 2 * x + points.noise;
  Variable W = zeros({1, 1}), b = zeros({1});
  std::vector<double> losses;
  for (int i = 0; i < 100; ++i) {
    Variable loss = mean_squared_error(y, matmul(x, W) + b);
    W.clear_grad();
    b.clear_grad();
    loss.backward();
    W.data() -= 0.1 * W.grad();
    b.data() -= 0.1 * b.grad();
    losses.push_back(loss.item());
  }
  EXPECT_TRUE(test::near(
      {losses.front(), losses.back()},
      {figures["first_loss"].number(), figures["loss_100"].number()}, 1e-12));
  EXPECT_TRUE(test::near({W.item(), b.item()},
                         {figures["W"].number(), figures["b"].number()},
                         1e-12));
}

Variable sine(const Points &points) {
  std::vector<double> y = points.x.to_vector();
  for (double &v : y)
    v = std::sin(2 * std::numbers::pi * v);
  return from_data(std::span<const double>(y), {100, 1}) + points.noise;
}

TEST(Training, C088_SineFunctional) {
  Points points;
  Variable x = points.x, y = sine(points);
  Variable W1 = 0.01 * random::randn({1, 10}), b1 = zeros({10});
  Variable W2 = 0.01 * random::randn({10, 1}), b2 = zeros({1});
  W1.unchain();
  W2.unchain();
  std::vector<double> losses;
  for (int i = 0; i < 10000; ++i) {
    Variable loss =
        mean_squared_error(y, linear(sigmoid(linear(x, W1, b1)), W2, b2));
    for (Variable *p : {&W1, &b1, &W2, &b2})
      p->clear_grad();
    loss.backward();
    for (Variable *p : {&W1, &b1, &W2, &b2})
      p->data() -= 0.2 * p->grad();
    if (i % 1000 == 0)
      losses.push_back(loss.item());
  }
  EXPECT_TRUE(
      test::near(losses, expected()["sine_functional"].numbers(), 1e-6));
}

struct TwoLayerNet : Model {
  Linear l1{*this, "l1", 10}, l2{*this, "l2", 1};
  Variable forward(const Variable &x) override { return l2(sigmoid(l1(x))); }
};

std::vector<double> train(Model &model, Optimizer &optimizer, const Variable &x,
                          const Variable &y) {
  std::vector<double> losses;
  for (int i = 0; i < 10000; ++i) {
    Variable loss = mean_squared_error(y, model(x));
    model.clear_grads();
    loss.backward();
    optimizer.update();
    if (i % 1000 == 0)
      losses.push_back(loss.item());
  }
  return losses;
}

TEST(Training, C082_C089_SineByModelAndOptimizer) {
  Points points;
  Variable y = sine(points);
  TwoLayerNet model;
  auto optimizer = SGD({.lr = 0.2}).setup(model);
  std::vector<double> losses = train(model, optimizer, points.x, y);
  EXPECT_TRUE(test::near(losses, expected()["sine_layers"].numbers(), 1e-5));
}

TEST(Training, C079_C089_SineByMlp) {
  Points points;
  Variable y = sine(points);
  MLP model({10, 1});
  auto optimizer = SGD({.lr = 0.2}).setup(model);
  std::vector<double> losses = train(model, optimizer, points.x, y);
  EXPECT_TRUE(test::near(losses, expected()["sine_layers"].numbers(), 1e-5));
}

// The expected figures are read from a file; a wrong one must be noticed.
TEST(Training, APerturbedFigureFails) {
  std::vector<double> figures = expected()["sine_layers"].numbers();
  std::vector<double> wrong = figures;
  wrong[3] *= 1 + 2e-5;
  EXPECT_TRUE(test::near(figures, figures, 1e-5));
  EXPECT_FALSE(test::near(figures, wrong, 1e-5));
}

TEST(Training, C090_SpiralFirstEpochs) {
  Spiral data;
  MLP model({10, 3});
  auto optimizer = SGD({.lr = 1.0}).setup(model);
  DataLoader loader(data, 30);
  std::vector<double> means;
  for (int epoch = 0; epoch < 2; ++epoch) {
    double sum = 0;
    for (auto &[x, t] : loader) {
      Variable loss = softmax_cross_entropy(model(x), t);
      model.clear_grads();
      loss.backward();
      optimizer.update();
      sum += loss.item() * double(x.len());
    }
    means.push_back(sum / 300);
  }
  EXPECT_TRUE(
      test::near(means, expected()["spiral_epochs"].numbers(), 0, 0.002));
}

} // namespace
