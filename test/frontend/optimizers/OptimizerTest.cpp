//===- OptimizerTest.cpp - Updates against their formulas -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/etch.h"
#include "etch/models.h"
#include "etch/optimizers.h"
#include "test/support/Json.h"
#include "test/support/Near.h"

#include <cmath>
#include <gmock/gmock.h>

using namespace etch;
using test::Json;
using testing::HasSubstr;
using testing::ThrowsMessage;

namespace {

/// One parameter w = (1, 2, 3), or others to be added.
struct Params : Layer {
  Parameter w;
  explicit Params(Variable initial = array({1.0, 2.0, 3.0})) : w(initial) {
    add_param("w", w);
  }
};

template <class O>
void expect_three_steps(O &&optimizer, const char *name, double rtol = 1e-14) {
  Params params;
  optimizer.setup(params);
  Json expected = Json::data("optimizers.json")[name];
  for (int t = 1; t <= 3; ++t) {
    params.w.set_grad(array({1.0, -2.0, 0.5}) * double(t));
    optimizer.update();
    EXPECT_TRUE(test::near(params.w.to_vector(),
                           expected[size_t(t - 1)].numbers(), rtol))
        << name << ", step " << t;
  }
}

TEST(Optimizers, C082_Sgd) { expect_three_steps(SGD({.lr = 0.1}), "sgd"); }
TEST(Optimizers, C084_AdaGrad) { expect_three_steps(AdaGrad(), "adagrad"); }
TEST(Optimizers, C084_AdaDelta) { expect_three_steps(AdaDelta(), "adadelta"); }
TEST(Optimizers, C084_Adam) { expect_three_steps(Adam(), "adam"); }
TEST(Optimizers, C083_MomentumDefaults) {
  expect_three_steps(MomentumSGD(), "momentum");
}
TEST(Optimizers, AdamW) { expect_three_steps(AdamW(), "adamw"); }
TEST(Optimizers, RMSprop) { expect_three_steps(RMSprop(), "rmsprop"); }

TEST(Optimizers, C084_Defaults) {
  EXPECT_EQ(SGD().lr, 0.01);
  EXPECT_EQ(MomentumSGD().lr, 0.01);
  EXPECT_EQ(MomentumSGD().momentum, 0.9);
  Adam adam;
  EXPECT_EQ(adam.lr, 0.001);
  EXPECT_EQ(adam.beta1, 0.9);
  EXPECT_EQ(adam.beta2, 0.999);
  EXPECT_EQ(adam.eps, 1e-8);
  EXPECT_EQ(AdaGrad().lr, 0.001);
  EXPECT_EQ(AdaDelta().rho, 0.95);
  EXPECT_EQ(AdaDelta().eps, 1e-6);
  EXPECT_EQ(AdamW().weight_decay, 0.01);
  EXPECT_EQ(RMSprop().alpha, 0.99);
}

TEST(Optimizers, C083_Momentum) {
  Params params(zeros({}));
  MomentumSGD optimizer({.lr = 0.1, .momentum = 0.9});
  optimizer.setup(params);
  std::vector<double> seen;
  for (int step = 0; step < 2; ++step) {
    params.w.set_grad(Variable(1.0));
    optimizer.update();
    seen.push_back(params.w.item());
  }
  EXPECT_TRUE(test::near(
      seen, Json::data("optimizers.json")["momentum_C083"].numbers(), 1e-15));
}

TEST(Optimizers, C082_SetupGivesTheOptimizer) {
  Params params;
  auto optimizer = SGD({.lr = 0.5}).setup(params);
  static_assert(std::is_same_v<decltype(optimizer), SGD>);
  params.w.set_grad(array({2.0, 2.0, 2.0}));
  optimizer.update();
  EXPECT_EQ(params.w.to_vector(), (std::vector<double>{0, 1, 2}));
  Adam adam;
  EXPECT_EQ(&adam.setup(params).add_hook(WeightDecay(0.1)), &adam);
}

TEST(Optimizers, C082_ParametersWithoutGradientStay) {
  struct Two : Layer {
    Parameter a{array({1.0})}, b{array({1.0})};
    Two() { add_param("a", a), add_param("b", b); }
  } params;
  auto optimizer = Adam().setup(params);
  params.a.set_grad(array({1.0}));
  optimizer.update();
  EXPECT_NE(params.a.item(), 1.0);
  EXPECT_EQ(params.b.item(), 1.0);
  // State exists for those that were updated, and for the whole.
  EXPECT_EQ(optimizer.state().count("m/a"), 1u);
  EXPECT_EQ(optimizer.state().count("m/b"), 0u);
  EXPECT_EQ(optimizer.state().at("m/a").name(), "optimizer/m/a");
}

TEST(Optimizers, C082_NoTargetIsAnError) {
  SGD optimizer;
  EXPECT_THAT([&] { optimizer.update(); },
              ThrowsMessage<ValueError>(HasSubstr("setup")));
}

TEST(Optimizers, UpdatesKeepTheArrayAndLeaveNoGraph) {
  Params params(array({1.0f, 2.0f}));
  Variable same = params.w;
  auto optimizer = Adam().setup(params);
  (params.w * params.w).sum().backward();
  optimizer.update();
  EXPECT_TRUE(same.is(params.w));
  EXPECT_EQ(params.w.dtype(), f32);
  EXPECT_FALSE(params.w.creator());
  EXPECT_TRUE(is_parameter(params.w));
  EXPECT_FALSE(optimizer.state().at("m/w").creator());
  EXPECT_EQ(optimizer.state().at("m/w").dtype(), f32);
}

TEST(Optimizers, TheRateMayChange) {
  Params params(zeros({}));
  auto optimizer = SGD({.lr = 1}).setup(params);
  params.w.set_grad(Variable(1.0));
  optimizer.update();
  optimizer.lr = 0.25;
  optimizer.update();
  EXPECT_EQ(params.w.item(), -1.25);
}

TEST(Hooks, C085_WeightDecayAddsToTheGradient) {
  Params params;
  auto optimizer = SGD({.lr = 1}).setup(params);
  optimizer.add_hook(WeightDecay(0.1));
  params.w.set_grad(array({1.0, 1.0, 1.0}));
  optimizer.update();
  EXPECT_TRUE(test::near(params.w.grad().to_vector(), {1.1, 1.2, 1.3}, 1e-15));
  EXPECT_TRUE(test::near(params.w.to_vector(), {-.1, .8, 1.7}, 1e-14));
}

TEST(Hooks, C085_WeightDecayIsAPenaltyInTheLoss) {
  auto trained = [](bool hook) {
    random::seed(0);
    double rate = 0.4;
    Variable x = random::rand({10, 2}), t = zeros({10}, {.dtype = i64});
    Linear layer(3, {.nobias = true, .in_size = 2});
    layer.W.assign(ones({2, 3}));
    auto optimizer = SGD().setup(layer);
    if (hook)
      optimizer.add_hook(WeightDecay(rate));
    Variable loss = softmax_cross_entropy(layer(x), t);
    if (!hook)
      loss = loss + rate / 2 * sum(square(layer.W));
    layer.clear_grads();
    loss.backward();
    optimizer.update();
    return layer.W.to_vector();
  };
  std::vector<double> w = trained(true);
  EXPECT_TRUE(test::near(trained(false), w, 1e-6));
  EXPECT_LT(w[1], 1);
}

TEST(Hooks, C085_ClipGradScalesAllTogether) {
  struct Two : Layer {
    Parameter a{zeros({2})}, b{zeros({})};
    Two() { add_param("a", a), add_param("b", b); }
  } params;
  auto optimizer = SGD({.lr = 1}).setup(params);
  optimizer.add_hook(ClipGrad(6.5));
  auto norm = [&] {
    std::vector<double> a = params.a.grad().to_vector();
    return std::sqrt(a[0] * a[0] + a[1] * a[1] +
                     std::pow(params.b.grad().item(), 2));
  };
  params.a.set_grad(array({3.0, 4.0}));
  params.b.set_grad(Variable(12.0));
  optimizer.update();
  EXPECT_NEAR(norm(), 6.5, 1e-5);
  EXPECT_NEAR(params.b.grad().item(), 6.0, 1e-5);
  // Small gradients stay as they are, bit for bit.
  params.a.set_grad(array({0.1, 0.2}));
  params.b.set_grad(Variable(0.3));
  optimizer.update();
  EXPECT_EQ(params.a.grad().to_vector(), (std::vector<double>{0.1, 0.2}));
  EXPECT_EQ(params.b.grad().item(), 0.3);
}

TEST(Hooks, C085_FreezeParam) {
  MLP model({3, 2}, sigmoid, {.dtype = f64});
  Variable x = ones({1, 4});
  model(x);
  auto optimizer = SGD({.lr = 1}).setup(model);
  optimizer.add_hook(FreezeParam({model[0], model[1].b}));
  Variables before;
  for (const Variable &p : model.params()) {
    before.push_back(p + 0.0);
    p.set_grad(ones_like(p));
  }
  optimizer.update();
  Variables after = model.params();
  EXPECT_EQ(after[0].to_vector(), before[0].to_vector());
  EXPECT_EQ(after[1].to_vector(), before[1].to_vector());
  EXPECT_NE(after[2].to_vector(), before[2].to_vector());
  EXPECT_EQ(after[3].to_vector(), before[3].to_vector());
}

TEST(Hooks, C085_RunInTheirOrderOnPresentGradients) {
  Params params;
  auto optimizer = SGD({.lr = 1}).setup(params);
  std::vector<size_t> seen;
  optimizer
      .add_hook([&](const Variables &p) {
        seen.push_back(p.size());
        p[0].clear_grad();
      })
      .add_hook([&](const Variables &p) { seen.push_back(p.size()); });
  params.w.set_grad(ones({3}));
  optimizer.update();
  EXPECT_EQ(seen, (std::vector<size_t>{1, 0}));
  EXPECT_EQ(params.w.to_vector(), (std::vector<double>{1, 2, 3}));
}

} // namespace
