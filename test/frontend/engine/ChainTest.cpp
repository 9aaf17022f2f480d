//===- ChainTest.cpp - formulas that run as one kernel --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Gradient rules and updates of parameters: one kernel each, with the bits of
// their operations one after the other.
//===----------------------------------------------------------------------===//

#include "etch/etch.h"
#include "frontend/engine/KernelText.h"

#include <gtest/gtest.h>

using namespace etch;
using namespace etch::detail;

namespace {

Variable some(const Shape &shape, DType dtype, uint64_t seed) {
  random::seed(seed);
  return random::randn(shape).astype(dtype).detach();
}

/// The gradients of sum(f(x, y) * w), which is not the same everywhere.
template <class F>
std::vector<std::vector<double>> gradients(const F &f, const Variable &a,
                                           const Variable &b, bool graph) {
  Variable x = a.detach().set_requires_grad(true),
           y = b.detach().set_requires_grad(true);
  Variable z = f(x, y);
  Variable total = sum(z * some(z.shape(), z.dtype(), 9));
  Variables found = grad(total, {x, y}, {.create_graph = graph});
  std::vector<std::vector<double>> all;
  for (const Variable &g : found)
    all.push_back(g.defined() ? g.to_vector() : std::vector<double>());
  return all;
}

/// Where a graph is wanted each operation runs alone.
template <class F> void expect_same_bits(const F &f) {
  for (DType dtype : {f32, f64}) {
    Variable x = some({7, 19}, dtype, 1), y = some({7, 19}, dtype, 2),
             row = some({19}, dtype, 3),
             turned = some({19, 7}, dtype, 4).transpose();
    for (const Variable &other : {y, row, turned})
      EXPECT_EQ(gradients(f, x, other, false), gradients(f, x, other, true));
    EXPECT_EQ(gradients(f, turned, y, false), gradients(f, turned, y, true));
  }
}

TEST(Chains, RulesHaveTheBitsOfTheirOperations) {
  auto both = [](auto f) {
    return [f](const Variable &x, const Variable &y) { return f(x) + f(y); };
  };
  expect_same_bits([](auto &x, auto &y) { return x * y; });
  expect_same_bits([](auto &x, auto &y) { return x / (y * y + 1); });
  expect_same_bits([](auto &x, auto &y) { return maximum(x, y); });
  expect_same_bits([](auto &x, auto &y) { return minimum(x, y); });
  expect_same_bits([](auto &x, auto &y) { return where(x > y, x, y * 2); });
  expect_same_bits(both([](const Variable &x) { return sigmoid(x); }));
  expect_same_bits(both([](const Variable &x) { return tanh(x); }));
  expect_same_bits(both([](const Variable &x) { return erf(x); }));
  expect_same_bits(both([](const Variable &x) { return sin(x) * cos(x); }));
  expect_same_bits(both([](const Variable &x) { return relu(x); }));
  expect_same_bits(both([](const Variable &x) { return abs(x); }));
  expect_same_bits(both([](const Variable &x) { return pow(x, 3); }));
  expect_same_bits(both([](const Variable &x) { return sqrt(abs(x) + 1); }));
  expect_same_bits(both([](const Variable &x) { return gelu(x); }));
}

TEST(Chains, ARuleIsOneKernel) {
  Variable x = some({5, 3}, f32, 1).set_requires_grad(true);
  Variable y = sigmoid(x), seed = some({5, 3}, f32, 2);
  y.set_grad(seed);
  uint64_t before = eager_kernel_runs();
  y.backward();
  EXPECT_EQ(eager_kernel_runs(), before + 1);
  EXPECT_EQ(x.grad().to_vector(), (seed * y * (1 - y)).to_vector());
}

TEST(Chains, AnUpdateIsOneKernel) {
  MLP model({4, 2}, sigmoid);
  Variable loss = sum(model(some({3, 5}, f32, 1)));
  loss.backward();
  size_t count = model.params().size();
  auto runs = [&](auto &&optimizer) {
    optimizer.setup(model);
    optimizer.update(); // makes its arrays
    uint64_t before = eager_kernel_runs();
    optimizer.update();
    return eager_kernel_runs() - before;
  };
  EXPECT_EQ(runs(SGD()), count);
  EXPECT_EQ(runs(MomentumSGD()), count);
  EXPECT_EQ(runs(AdaGrad()), count);
  EXPECT_EQ(runs(AdaDelta()), count);
  EXPECT_EQ(runs(RMSprop()), count);
}

TEST(Chains, UpdatesHaveTheBitsOfTheirOperations) {
  Parameter w(some({6, 5}, f32, 1));
  Variable before = w.detach(), g = some({5, 6}, f32, 2).transpose();
  struct Net : Layer {
    Parameter &w;
    explicit Net(Parameter &w) : w(w) { add_param("w", w); }
    Variable forward(const Variable &x) override { return x; }
  } net(w);
  w.set_grad(g);
  SGD sgd({.lr = 0.3});
  sgd.setup(net);
  sgd.update();
  Variable single = before - (0.3 * g.astype(f64)).astype(f32);
  EXPECT_EQ(w.to_vector(), single.to_vector());
}

TEST(Chains, Text) {
  Shape shape = {4};
  int64_t one = 1, zero = 0;
  Attrs none, to = {std::string("f64")};
  Chain::Source sources[] = {{f32, nullptr, &one}, {f64, nullptr, &zero}};
  Chain::Op ops[] = {{&opInfo(OpId::Cast), &to, f64, {0}},
                     {&opInfo(OpId::Mul), &none, f64, {2, 1}}};
  uint8_t results[] = {1, 0};
  Chain chain = {sources, ops, results, &shape};
  EXPECT_EQ(
      chain_text({&chain, 1, {Inner::contiguous, Inner::repeated}}),
      "func.func @main(%arg0: tensor<?xf32> {etch.strided = [1]}, %arg1: "
      "tensor<?xf64> {etch.strided = [0]}) -> (tensor<?xf64>, tensor<?xf64>) "
      "{\n"
      "  %2 = \"etch.cast\"(%arg0) {to = \"f64\"} : (tensor<?xf32>) -> "
      "tensor<?xf64> loc(\"site\":0:0)\n"
      "  %3 = \"etch.mul\"(%2, %arg1) : (tensor<?xf64>, tensor<?xf64>) -> "
      "tensor<?xf64> loc(\"site\":0:0)\n"
      "  func.return %3, %2 : tensor<?xf64>, tensor<?xf64>\n}\n");
}

} // namespace
