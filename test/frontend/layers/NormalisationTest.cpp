//===- NormalisationTest.cpp - BatchNorm, LayerNorm, EmbedID --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/etch.h"
#include "test/runtime/TemporaryFolder.h"
#include "test/support/Json.h"
#include "test/support/Near.h"

#include <cmath>
#include <gmock/gmock.h>

using namespace etch;
using test::near;
using test::TemporaryFolder;
using testing::ElementsAre;

namespace {

std::vector<std::string> paths(const Layer &l) {
  std::vector<std::string> all;
  for (const Layer::Named &n : l.named_params())
    all.push_back(n.path);
  return all;
}

struct Net : Model {
  Linear fc{*this, "fc", 4, {.dtype = f64}};
  BatchNorm bn{*this, "bn"};
  Linear out{*this, "out", 2, {.dtype = f64}};
  Variable forward(const Variable &x) override { return out(relu(bn(fc(x)))); }
};

TEST(BatchNormLayer, StatisticsBelongToTheWeightsButAreNotLearned) {
  Net net;
  net(random::randn({8, 3}));
  EXPECT_THAT(paths(net),
              ElementsAre("fc/W", "fc/b", "bn/gamma", "bn/beta", "bn/avg_mean",
                          "bn/avg_var", "out/W", "out/b"));
  EXPECT_EQ(net.params().size(), 6u);
  EXPECT_EQ(net.bn.gamma.shape(), Shape{4});
  EXPECT_EQ(net.bn.avg_mean.name(), "bn/avg_mean");
  EXPECT_FALSE(net.bn.avg_var.requires_grad());
}

TEST(BatchNormLayer, TakesTheTypeOfItsInput) {
  BatchNorm single, twice, pictures;
  EXPECT_EQ(single(ones({2, 3}, {.dtype = f32})).dtype(), f32);
  EXPECT_EQ(single.gamma.dtype(), f32);
  EXPECT_EQ(twice(ones({2, 3})).dtype(), f64);
  EXPECT_EQ(pictures(ones({2, 5, 4, 4})).shape(), (Shape{2, 5, 4, 4}));
  EXPECT_EQ(pictures.avg_var.shape(), Shape{5});
  EXPECT_THROW(BatchNorm()(ones({3})), ShapeError);
}

struct Trained {
  std::vector<double> losses, weights;
  int compiled = 0;
};

Trained train(bool in_program) {
  random::seed(1);
  Net net;
  Variable x = random::randn({16, 3});
  Variable t = argmax(random::randn({16, 2}), {.axis = 1});
  auto optimizer = Adam({.lr = 0.01}).setup(net);
  auto body = [&](const Variable &x, const Variable &t) {
    Variable loss = softmax_cross_entropy(net(x), t);
    net.clear_grads();
    loss.backward();
    optimizer.update();
    return loss;
  };
  auto step = compile(body);
  Trained run;
  for (int i = 0; i < 20; ++i)
    run.losses.push_back((in_program ? step(x, t) : body(x, t)).item());
  for (const Layer::Named &n : net.named_params())
    for (double w : n.parameter->to_vector())
      run.weights.push_back(w);
  run.compiled = step.compile_count();
  return run;
}

TEST(BatchNormLayer, C150_TrainingCompiled) {
  Trained eager = train(false), compiled = train(true);
  EXPECT_LT(eager.losses.back(), eager.losses.front());
  EXPECT_EQ(eager.losses, compiled.losses);
  EXPECT_EQ(eager.weights, compiled.weights);
  EXPECT_EQ(compiled.compiled, 1);
}

TEST(BatchNormLayer, C123_SavedAndLoaded) {
  TemporaryFolder folder;
  Net net, other;
  Variable x = random::randn({8, 3});
  for (int i = 0; i < 3; ++i)
    net(x);
  net.save_weights(folder / "net.npz");
  other.load_weights(folder / "net.npz");
  TestMode scope;
  EXPECT_EQ(other(x).to_vector(), net(x).to_vector());
  EXPECT_EQ(other.params().size(), 6u);
  EXPECT_FALSE(other.bn.avg_mean.requires_grad());
}

TEST(BatchNormLayer, TestModeBeforeTraining) {
  BatchNorm bn({.eps = 0});
  TestMode scope;
  Variable x = random::randn({4, 3});
  EXPECT_EQ(bn(x).to_vector(), x.to_vector());
}

TEST(LayerNormLayer, NormalisesTheLastAxis) {
  LayerNorm norm;
  Variable x = random::randn({2, 3, 4});
  Variable y = norm(x);
  EXPECT_EQ(y.to_vector(), layer_norm(x, ones({4}), zeros({4})).to_vector());
  EXPECT_THAT(paths(norm), ElementsAre("gamma", "beta"));
  EXPECT_EQ(norm.params().size(), 2u);
  sum(y * x).backward();
  EXPECT_EQ(norm.gamma.grad().shape(), Shape{4});
  EXPECT_THROW(LayerNorm()(Variable(1.0)), ShapeError);
}

TEST(EmbedIdLayer, RowsOfItsWeights) {
  random::seed(0);
  EmbedID embed(7, 3, {.dtype = f64});
  random::seed(0);
  EXPECT_EQ(embed.W.to_vector(), random::randn({7, 3}).to_vector());
  Variable y = embed(array({{0, 6, 0}, {2, 1, 0}}));
  EXPECT_EQ(y.shape(), (Shape{2, 3, 3}));
  EXPECT_EQ(y[0][1].to_vector(), embed.W[6].to_vector());
  sum(y).backward();
  EXPECT_EQ(embed.W.grad()[0].to_vector(), (std::vector<double>{3, 3, 3}));
  EXPECT_EQ(embed.W.grad()[3].to_vector(), (std::vector<double>{0, 0, 0}));
  EXPECT_EQ(EmbedID(4, 2).W.dtype(), f32);
  EXPECT_THROW(EmbedID(0, 2), ValueError);
  EXPECT_THROW(EmbedID(2, 2, {.dtype = i64}), DTypeError);
  EXPECT_THROW(embed(array({7})), Error);
}

TEST(DropoutLayer, C075_TrainingAndTest) {
  random::seed(0);
  Dropout dropout;
  Variable x = ones({1000});
  std::vector<double> y = dropout(x).to_vector();
  double sum = 0;
  for (double v : y) {
    EXPECT_TRUE(v == 0 || v == 2);
    sum += v;
  }
  EXPECT_NEAR(sum / 1000, 1, 0.15);
  EXPECT_NE(dropout(x).to_vector(), y);
  EXPECT_TRUE(dropout.named_params().empty());
  // The ratio is a number that programs take at each call.
  auto program = compile([&](const Variable &x) { return dropout(x); });
  for (double ratio : {0.43455, 0.56245, 0.0}) {
    dropout.ratio = ratio;
    for (double v : program(x).to_vector())
      EXPECT_TRUE(v == 0 || std::abs(v - 1 / (1 - ratio)) < 1e-12);
  }
  EXPECT_EQ(program.compile_count(), 1);
  TestMode scope;
  EXPECT_EQ(dropout(x).to_vector(), x.to_vector());
}

TEST(Sequences, AllLayersInARow) {
  Sequential net;
  net.add<EmbedID>(5, 4).add<LayerNorm>().add<Dropout>(0.2).add<Linear>(3).add(
      flatten);
  EXPECT_EQ(net(array({{0, 1}, {2, 4}})).shape(), (Shape{2, 6}));
  EXPECT_EQ(net.params().size(), 5u);
}

} // namespace
