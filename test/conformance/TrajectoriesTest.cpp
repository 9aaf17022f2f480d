//===- TrajectoriesTest.cpp - Whole trainings against foreign values ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/compile.h"
#include "etch/etch.h"
#include "test/conformance/Oracles.h"
#include "test/runtime/TemporaryFolder.h"
#include "test/support/Json.h"
#include "test/support/Near.h"
#include "test/support/TestedDevice.h"

#include <iostream>

using namespace etch;
using namespace etch::test;

namespace {

constexpr double rtol = 1e-10;

std::map<std::string, Variable> load(const std::string &name) {
  return load_npz(oracles() + "/goldens/trajectories/" + name + ".npz");
}

bool has_oracles() {
  return std::filesystem::exists(oracles() + "/goldens/trajectories");
}

struct Net : Model {
  Linear l1, l2;
  Net(int64_t hidden, int64_t out, const std::map<std::string, Variable> &init)
      : l1(*this, "l1", hidden), l2(*this, "l2", out) {
    TemporaryFolder folder;
    std::map<std::string, Variable> weights;
    for (auto &[key, value] : init)
      if (key.starts_with("init/"))
        weights[key.substr(5)] = value;
    save_npz(folder / "init.npz", weights);
    load_weights(folder / "init.npz");
  }
  Variable forward(const Variable &x) override { return l2(sigmoid(l1(x))); }
};

std::unique_ptr<Optimizer> make_optimizer(const Json &c, Layer &model) {
  std::unique_ptr<Optimizer> optimizer;
  const std::string &kind = c["optimizer"].text();
  double lr = c.has("lr") ? c["lr"].number() : 0;
  if (kind == "SGD")
    optimizer = std::make_unique<SGD>(SGDOptions{.lr = lr});
  else if (kind == "MomentumSGD")
    optimizer = std::make_unique<MomentumSGD>(
        MomentumOptions{.lr = lr, .momentum = c["momentum"].number()});
  else if (kind == "AdaGrad")
    optimizer = std::make_unique<AdaGrad>(AdaGradOptions{.lr = lr});
  else if (kind == "AdaDelta")
    optimizer = std::make_unique<AdaDelta>();
  else if (kind == "Adam")
    optimizer = std::make_unique<Adam>(AdamOptions{.lr = lr});
  optimizer->set_target(model);
  if (c.has("weight_decay"))
    optimizer->append_hook(WeightDecay(c["weight_decay"].number()));
  if (c.has("clip_grad"))
    optimizer->append_hook(ClipGrad(c["clip_grad"].number()));
  return optimizer;
}

/// Trains as the trajectory did and compares all losses and final weights.
void expect_training(const std::string &name, const Json &c, bool compiled) {
  SCOPED_TRACE(name + (compiled ? ", compiled" : ", eager"));
  auto golden = load(name);
  Net net(golden["init/l1/W"].shape(1), golden["init/l2/W"].shape(1), golden);
  std::unique_ptr<Optimizer> optimizer = make_optimizer(c, net);
  bool classes = c["loss"].text() == "softmax_cross_entropy";
  auto body = [&](const Variable &x, const Variable &t) {
    Variable y = net(x);
    Variable loss =
        classes ? softmax_cross_entropy(y, t) : mean_squared_error(t, y);
    net.clear_grads();
    loss.backward();
    optimizer->update();
    return loss;
  };
  auto step = compile(body, on_tested_device());
  std::vector<double> losses;
  for (int i = 0; i < golden["losses"].size(); ++i) {
    const Variable &x = golden["x" + std::to_string(i)],
                   &t = golden["t" + std::to_string(i)];
    losses.push_back((compiled ? step(x, t) : body(x, t)).item());
  }
  EXPECT_TRUE(near(losses, golden["losses"].to_vector(), rtol));
  for (const Layer::Named &n : net.named_params())
    EXPECT_TRUE(near(n.parameter->to_vector(),
                     golden["final/" + n.path].to_vector(), rtol, 1e-13))
        << n.path;
  if (compiled) {
    EXPECT_EQ(step.compile_count(), 1);
  }
}

class Trajectories : public testing::TestWithParam<std::string> {
protected:
  void SetUp() override {
    if (!has_oracles())
      GTEST_SKIP() << "no oracle folder: configure with -DETCH_ORACLES=DIR";
  }
};

TEST_P(Trajectories, C161_Eager) {
  expect_training(GetParam(), Json::data("trajectories.json")[GetParam()],
                  false);
}
TEST_P(Trajectories, C161_Compiled) {
  expect_training(GetParam(), Json::data("trajectories.json")[GetParam()],
                  true);
}

std::vector<std::string> names() {
  std::vector<std::string> all;
  Json settings = Json::data("trajectories.json");
  for (auto &[name, own] : settings.object())
    all.push_back(name);
  return all;
}
INSTANTIATE_TEST_SUITE_P(Oracle, Trajectories, testing::ValuesIn(names()),
                         [](const auto &info) { return info.param; });

/// f and its derivatives up to order 6.
template <class F> Variables derivatives(F f, const Variable &x) {
  Variables all{f(x)};
  for (int order = 1; order <= 6; ++order)
    all.push_back(grad(all.back(), {x}, {.create_graph = true})[0]);
  return all;
}

class HigherOrder : public testing::TestWithParam<bool> {};

TEST_P(HigherOrder, C161_SinAndTanhToOrder6) {
  if (!has_oracles())
    GTEST_SKIP() << "no oracle folder: configure with -DETCH_ORACLES=DIR";
  auto golden = load("higher_order");
  for (auto [name, f] :
       {std::pair<std::string, Variable (*)(Operand)>("sin", sin),
        std::pair<std::string, Variable (*)(Operand)>("tanh", tanh)}) {
    auto body = [f = f](const Variable &x) { return derivatives(f, x); };
    Variable x = golden[name + "_x"];
    Variables results = GetParam() ? compile(body)(x) : body(x);
    for (size_t order = 0; order <= 6; ++order)
      EXPECT_TRUE(near(results[order].to_vector(),
                       golden[name + "_d" + std::to_string(order)].to_vector(),
                       rtol, 1e-13))
          << name << ", order " << order;
  }
}
INSTANTIATE_TEST_SUITE_P(Oracle, HigherOrder, testing::Bool(),
                         [](const auto &info) {
                           return info.param ? "Compiled" : "Eager";
                         });

} // namespace
