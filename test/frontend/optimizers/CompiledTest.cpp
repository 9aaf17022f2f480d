//===- CompiledTest.cpp - What a step makes at its first call -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Deferred weights, the optimizer's arrays, hooks, a rate that changes: a
// compiled step has the bits of the eager one and is recorded once.

#include "etch/etch.h"

#include <gtest/gtest.h>

using namespace etch;

namespace {

struct Run {
  std::vector<double> losses, weights;
  int recordings = 0, programs = 0;
};

/// Twenty steps of a net whose weights are drawn in the first one.
template <class O, class Prepare>
Run train(bool compiled, O optimizer, Prepare prepare) {
  random::seed(3);
  Variable x = array({{0.1, 0.2}, {0.3, -0.4}, {0.9, 0.5}}),
           t = array({0, 1, 1});
  MLP model({4, 2}, relu);
  optimizer.setup(model);
  prepare(model, optimizer);
  auto body = [&](const Variable &x, const Variable &t) {
    Variable loss = softmax_cross_entropy(model(x), t);
    model.clear_grads();
    loss.backward();
    optimizer.update();
    return loss;
  };
  auto step = compile(body);
  Run run;
  for (int i = 0; i < 20; ++i) {
    if constexpr (requires { optimizer.lr; })
      optimizer.lr = 0.1 / (i + 1);
    run.losses.push_back((compiled ? step(x, t) : body(x, t)).item());
  }
  for (const Variable &p : model.params())
    for (double w : p.to_vector())
      run.weights.push_back(w);
  run.recordings = step.trace_count();
  run.programs = step.compile_count();
  return run;
}

template <class O, class Prepare> void expect_same(O optimizer, Prepare p) {
  Run eager = train(false, optimizer, p), compiled = train(true, optimizer, p);
  EXPECT_EQ(eager.losses, compiled.losses);
  EXPECT_EQ(eager.weights, compiled.weights);
  EXPECT_EQ(compiled.recordings, 1);
  EXPECT_EQ(compiled.programs, 1);
}
constexpr auto nothing = [](MLP &, Optimizer &) {};

TEST(CompiledTraining, C150_EveryOptimizer) {
  expect_same(SGD(), nothing);
  expect_same(MomentumSGD(), nothing);
  expect_same(AdaGrad(), nothing);
  expect_same(AdaDelta(), nothing);
  expect_same(Adam(), nothing);
  expect_same(AdamW(), nothing);
  expect_same(RMSprop(), nothing);
}

TEST(CompiledTraining, C085_C150_EveryHook) {
  expect_same(SGD(),
              [](MLP &, Optimizer &o) { o.append_hook(WeightDecay(0.1)); });
  expect_same(SGD(),
              [](MLP &, Optimizer &o) { o.append_hook(ClipGrad(0.01)); });
  expect_same(Adam(), [](MLP &m, Optimizer &o) {
    o.append_hook(FreezeParam({m[0]}));
    o.append_hook(ClipGrad(0.5));
  });
}

} // namespace
