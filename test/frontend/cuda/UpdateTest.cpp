//===- UpdateTest.cpp - Many parameters, one launch -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/frontend/cuda/Device.h"

using namespace etch;
using test::bits_of;

namespace {

struct Updates : test::DeviceTest {};

struct Trained {
  std::vector<std::vector<uint64_t>> parameters;
  int launches = 0;
};

/// Three layers, six parameters; `updates`: an optimizer's steps, too; `kept`:
/// gradients are there afterwards.
template <class O>
Trained train(Device device, O optimizer, bool updates, bool kept = true) {
  random::seed(0);
  MLP model({60, 50, 5}, tanh);
  Variable x = random::randn({8, 6}).astype(f32),
           t = random::randn({8, 5}).astype(f32);
  model(x);
  model.to(device);
  optimizer.setup(model);
  auto step = compile(
      [&](const Variable &x, const Variable &t) {
        Variable loss = mean_squared_error(model(x), t);
        model.clear_grads();
        loss.backward();
        if (updates)
          optimizer.update();
        if (!kept)
          model.clear_grads();
        return loss;
      },
      {.device = device});
  for (int i = 0; i < 3; ++i)
    step(x, t);
  Trained result;
  result.launches = step.num_launches();
  for (const Variable &p : model.params())
    result.parameters.push_back(bits_of(p));
  return result;
}

/// Numbers that all parameters share, such as a step's, are made by one more.
template <class O> void expect_one_launch(O optimizer, int shared) {
  Trained here = train(cpu(), optimizer, true),
          there = train(cuda(0), optimizer, true),
          without = train(cuda(0), optimizer, false),
          cleared = train(cuda(0), optimizer, true, false);
  EXPECT_EQ(here.parameters, there.parameters);
  EXPECT_EQ(there.launches, without.launches + 1 + shared);
  // They wait for one another although each gradient takes memory until then.
  EXPECT_EQ(cleared.launches, there.launches);
}

TEST_F(Updates, AreOneLaunch) {
  expect_one_launch(SGD({.lr = 0.1}), 0);
  expect_one_launch(MomentumSGD(), 0);
  expect_one_launch(Adam(), 1);
  expect_one_launch(AdaGrad(), 0);
}

} // namespace
