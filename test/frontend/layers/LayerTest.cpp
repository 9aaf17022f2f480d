//===- LayerTest.cpp - Parameters, layers, models -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/etch.h"
#include "etch/models.h"
#include "etch/random.h"
#include "test/support/Json.h"
#include "test/support/Near.h"

#include <cmath>
#include <gmock/gmock.h>

using namespace etch;
using test::Json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

namespace {

struct Inner : Layer {
  Parameter p1{ones({2})};
  Inner(Layer &owner, std::string name) : Layer(owner, std::move(name)) {
    add_param("p1", p1);
  }
  Variable forward(const Variable &x) override { return x * p1; }
};

struct Outer : Layer {
  Parameter p1{zeros({3})}, p2{zeros({4})};
  Variable constant = ones({5}); // a Variable is no parameter
  Inner l1{*this, "l1"};
  Outer() {
    add_param("p1", p1);
    add_param("p2", p2);
  }
  Variable forward(const Variable &x) override { return l1(x); }
};

std::vector<std::string> paths(const Layer &l) {
  std::vector<std::string> all;
  for (const Layer::Named &n : l.named_params())
    all.push_back(n.path);
  return all;
}

TEST(Parameter, C076_IsAVariableOfItsOwnKind) {
  Parameter p(array({1.0, 2.0}));
  Variable x = array({1.0, 2.0}), same = p;
  EXPECT_TRUE(is_parameter(p));
  EXPECT_TRUE(is_parameter(same));
  EXPECT_FALSE(is_parameter(x));
  EXPECT_FALSE(is_parameter(p.detach()));
  EXPECT_EQ((p * x).to_vector(), (std::vector<double>{1, 4}));
  EXPECT_FALSE(is_parameter(p * x));
}

TEST(Layer, C077_NestedParametersOnceEach) {
  Outer outer;
  EXPECT_THAT(paths(outer), ElementsAre("l1/p1", "p1", "p2"));
  Variables params = outer.params();
  ASSERT_EQ(params.size(), 3u);
  for (const Variable &p : params)
    EXPECT_TRUE(is_parameter(p));
  EXPECT_TRUE(params[0].is(outer.l1.p1));
  EXPECT_EQ(outer.l1.path(), "l1");
  EXPECT_EQ(outer.l1.p1.name(), "l1/p1");
  EXPECT_EQ(outer.p2.name(), "p2");
}

TEST(Layer, C077_SharedParametersCountOnce) {
  struct Twice : Layer {
    Parameter a{ones({2})}, b = a;
    Twice() {
      add_param("a", a);
      add_param("b", b);
    }
  } layer;
  EXPECT_EQ(layer.params().size(), 1u);
  EXPECT_EQ(layer.named_params().size(), 2u);
}

TEST(Layer, C077_ClearGradsClearsAll) {
  Outer outer;
  for (const Variable &p : outer.params())
    p.set_grad(ones_like(p));
  outer.clear_grads();
  for (const Variable &p : outer.params())
    EXPECT_FALSE(p.grad().defined());
}

TEST(Layer, AReplacedParameterIsFound) {
  Outer outer;
  outer.p2 = Parameter(ones({7}));
  EXPECT_EQ(outer.params()[2].shape(), Shape{7});
}

TEST(Layer, NamesMustBeOfUse) {
  struct Wrong : Layer {
    Parameter p{ones({})};
    explicit Wrong(std::string second) {
      add_param("p", p);
      add_param(std::move(second), p);
    }
  };
  EXPECT_THROW(Wrong("p"), ValueError);
  EXPECT_THROW(Wrong("a/b"), ValueError);
  EXPECT_THROW(Wrong(""), ValueError);
}

TEST(Layer, C018_ForwardMustBeWritten) {
  struct Nothing : Layer {};
  Nothing layer;
  EXPECT_THAT([&] { layer(ones({2})); },
              ThrowsMessage<UserError>(testing::AllOf(
                  HasSubstr("Nothing"), HasSubstr("not implemented"),
                  HasSubstr("LayerTest.cpp"))));
}

TEST(Layer, AnInnerLayerMayGoFirst) {
  Outer outer;
  {
    Inner second(outer, "second");
    EXPECT_EQ(outer.named_params().size(), 4u);
  }
  EXPECT_EQ(outer.named_params().size(), 3u);
  auto owner = std::make_unique<Outer>();
  Inner survivor(*owner, "survivor");
  owner.reset();
  EXPECT_EQ(survivor.path(), "");
}

TEST(Linear, C078_DeferredSize) {
  random::seed(0);
  Linear layer(10);
  EXPECT_FALSE(layer.W.defined());
  EXPECT_EQ(layer.params().size(), 1u);
  EXPECT_EQ(layer.named_params().size(), 2u);
  Variable y = layer(ones({100, 1}));
  EXPECT_EQ(y.shape(), (Shape{100, 10}));
  EXPECT_EQ(layer.W.shape(), (Shape{1, 10}));
  EXPECT_EQ(layer.b.shape(), (Shape{10}));
  EXPECT_EQ(layer.W.dtype(), f32);
  EXPECT_EQ(layer.b.dtype(), f32);
  EXPECT_EQ(layer.W.name(), "W");
  Variable W = layer.W;
  layer(ones({7, 1}));
  EXPECT_TRUE(W.is(layer.W));
}

TEST(Linear, C078_ScaleOfTheWeights) {
  random::seed(0);
  Linear layer(3, {.in_size = 4});
  random::seed(0);
  std::vector<double> normal = random::randn({4, 3}).to_vector();
  std::vector<float> W = layer.W.to_vector<float>();
  for (size_t i = 0; i < W.size(); ++i)
    EXPECT_EQ(W[i], float(normal[i]) * 0.5f);
  for (double b : layer.b.to_vector())
    EXPECT_EQ(b, 0);
}

TEST(Linear, C078_WithoutBiasAndInDouble) {
  Linear layer(3, {.nobias = true, .dtype = f64});
  Variable x = random::randn({5, 2});
  Variable y = layer(x);
  EXPECT_EQ(layer.W.dtype(), f64);
  EXPECT_FALSE(layer.b.defined());
  EXPECT_EQ(layer.params().size(), 1u);
  EXPECT_EQ(y.to_vector(), matmul(x, layer.W).to_vector());
}

TEST(Linear, RefusesWhatHasNoMeaning) {
  EXPECT_THROW(Linear(0), ValueError);
  EXPECT_THROW(Linear(3, {.in_size = -1}), ValueError);
  EXPECT_THROW(Linear(3, {.dtype = i64}), DTypeError);
  Linear layer(3);
  EXPECT_THROW(layer(1.0), ShapeError);
  layer(ones({2, 5}));
  EXPECT_THROW(layer(ones({2, 6})), ShapeError);
}

struct TwoLayerNet : Model {
  Linear l1, l2;
  TwoLayerNet(int64_t hidden, int64_t out)
      : l1(*this, "l1", hidden), l2(*this, "l2", out) {}
  Variable forward(const Variable &x) override { return l2(sigmoid(l1(x))); }
};

TEST(Models, C079_TwoLayerNet) {
  TwoLayerNet model(10, 1);
  EXPECT_EQ(model(random::randn({100, 1})).shape(), (Shape{100, 1}));
  EXPECT_THAT(paths(model), ElementsAre("l1/W", "l1/b", "l2/W", "l2/b"));
  EXPECT_EQ(model.l2.W.name(), "l2/W");
}

TEST(Models, C079_Mlp) {
  Variable x = random::randn({100, 1});
  MLP two({10, 1}), five({10, 20, 30, 40, 1});
  EXPECT_EQ(two(x).shape(), (Shape{100, 1}));
  EXPECT_EQ(five(x).shape(), (Shape{100, 1}));
  EXPECT_EQ(two.count(), 2u);
  EXPECT_EQ(five.params().size(), 10u);
  EXPECT_EQ(five[3].W.shape(), (Shape{30, 40}));
  EXPECT_EQ(five[3].W.name(), "l3/W");
  MLP with_relu({10, 1}, relu),
      with_lambda({10, 1}, [](const Variable &v) { return v * 2; });
  with_relu(x), with_lambda(x);
  EXPECT_THROW(MLP(std::vector<int64_t>{}), ValueError);
}

TEST(Models, C079_MlpIsLinearAndActivationInTurn) {
  Variable x = array({{0.5, -1.0}, {2.0, 0.25}});
  MLP model({3, 2});
  random::seed(4);
  Variable y = model(x);
  Linear l0(3), l1(2);
  random::seed(4);
  EXPECT_EQ(y.to_vector(), l1(sigmoid(l0(x))).to_vector());
}

TEST(Models, SequentialIsTheSame) {
  Variable x = array({{0.5, -1.0}, {2.0, 0.25}});
  MLP model({3, 2}, tanh);
  random::seed(4);
  Variable y = model(x);
  Sequential steps;
  steps.add<Linear>(3).add(tanh).add<Linear>(2);
  random::seed(4);
  EXPECT_EQ(y.to_vector(), steps(x).to_vector());
  EXPECT_THAT(paths(steps), ElementsAre("l0/W", "l0/b", "l2/W", "l2/b"));
  EXPECT_EQ(steps.count(), 2u);
  EXPECT_EQ(steps[1].path(), "l2");
}

TEST(Models, C080_ExactInitialWeights) {
  Json expected = Json::data("training.json");
  random::seed(0);
  MLP model({10, 3});
  Variable y = model(array({{0.2, -0.4}}));
  EXPECT_EQ(y.shape(), (Shape{1, 3}));
  EXPECT_TRUE(
      test::near(y.to_vector(), expected["mlp_init"].numbers(), 0, 1e-7));
  EXPECT_TRUE(test::near(softmax(y).to_vector(), expected["softmax"].numbers(),
                         0, 1e-7));
}

TEST(Models, C072_C080_LossOfTheBatch) {
  random::seed(0);
  MLP model({10, 3});
  Variable x = array({{0.2, -0.4}, {0.3, 0.5}, {1.3, -3.2}, {2.1, 0.3}});
  model(array({{0.2, -0.4}}));
  Variable loss = softmax_cross_entropy(model(x), array({2, 0, 1, 0}));
  EXPECT_NEAR(loss.item(),
              Json::data("training.json")["cross_entropy"].number(), 1e-7);
}

TEST(Accuracy, C074_ShareOfRowsWithoutGradient) {
  Variable y = array({{0.2, 0.8, 0.0}, {0.1, 0.9, 0.0}, {0.8, 0.1, 0.1}});
  Variable share = accuracy(y, array({1, 2, 0}));
  EXPECT_DOUBLE_EQ(share.item(), 2.0 / 3.0);
  EXPECT_EQ(share.shape(), Shape{});
  EXPECT_FALSE(share.creator());
}

} // namespace
