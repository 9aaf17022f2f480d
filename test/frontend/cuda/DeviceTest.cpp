//===- DeviceTest.cpp - Arrays and programs on a graphics processor -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Everything here must hold on any device: the bits are those of the host.
//===----------------------------------------------------------------------===//

#include "test/frontend/cuda/Device.h"

#include <cstdio>
#include <fstream>
#include <iterator>

using namespace etch;
using test::bits_of;
using testing::HasSubstr;

namespace {

struct OnDevice : test::DeviceTest {};

struct Training {
  Variables states; ///< weights and their gradients
  std::vector<double> losses;
};

/// Steps of a small network by a compiled step.
template <class O>
Training train(Device device, O optimizer, int steps, bool moved = true) {
  random::seed(0);
  MLP model({20, 5}, tanh);
  Variable x = random::randn({8, 6}).astype(f32),
           t = random::randn({8, 5}).astype(f32);
  model(x);
  if (moved)
    model.to(device);
  optimizer.setup(model);
  auto step = compile(
      [&](const Variable &x, const Variable &t) {
        Variable loss = mean_squared_error(model(x), t);
        model.clear_grads();
        loss.backward();
        optimizer.update();
        return loss;
      },
      {.device = device});
  Training result;
  for (int i = 0; i < steps; ++i)
    result.losses.push_back(step(x, t).item());
  for (const Variable &p : model.params()) {
    EXPECT_EQ(p.device(), device) << p.name();
    result.states.push_back(p);
    result.states.push_back(p.grad());
  }
  return result;
}

void expect_same(const Training &a, const Training &b) {
  EXPECT_EQ(a.losses, b.losses);
  ASSERT_EQ(a.states.size(), b.states.size());
  for (size_t i = 0; i < a.states.size(); ++i)
    EXPECT_EQ(bits_of(a.states[i]), bits_of(b.states[i])) << i;
}

TEST_F(OnDevice, ArraysGoThereAndBack) {
  Variable x = array({{1.5, 2, 3}, {4, 5, 6}}), y = x.to(cuda(0));
  EXPECT_EQ(x.device(), cpu());
  EXPECT_EQ(y.device(), cuda(0));
  EXPECT_EQ(to_string(y.device()), "cuda(0)");
  EXPECT_TRUE(y.to(cuda(0)).is(y));
  EXPECT_EQ(y.to_vector(), x.to_vector());
  EXPECT_EQ(y.to(cpu()).device(), cpu());
  EXPECT_EQ(y[1].to_vector(), (std::vector<double>{4, 5, 6}));
  EXPECT_EQ(y.T().to(cpu()).to_vector(), x.T().to_vector());
}

TEST_F(OnDevice, C147_ACompiledStepHasTheBitsOfTheHost) {
  expect_same(train(cpu(), SGD({.lr = 0.1}), 4),
              train(cuda(0), SGD({.lr = 0.1}), 4));
  expect_same(train(cpu(), Adam(), 4), train(cuda(0), Adam(), 4));
}

TEST_F(OnDevice, StatesMoveToTheirProgram) {
  expect_same(train(cpu(), SGD({.lr = 0.1}), 3),
              train(cuda(0), SGD({.lr = 0.1}), 3, /*moved=*/false));
}

} // namespace
