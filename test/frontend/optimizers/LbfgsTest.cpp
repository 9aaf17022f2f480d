//===- LbfgsTest.cpp - Minima by L-BFGS -----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/etch.h"
#include "test/support/Near.h"

#include <cmath>
#include <gmock/gmock.h>

using namespace etch;
using test::near;
using testing::HasSubstr;
using testing::ThrowsMessage;

namespace {

struct Params : Layer {
  Parameter w;
  explicit Params(const Variable &initial) : w(initial) { add_param("w", w); }
};

/// Sum of 100 (x[i+1] - x[i]²)² + (1 - x[i])²; its minimum is at ones.
Variable rosenbrock(const Variable &x) {
  Variable a = x[slice(0, -1)], b = x[slice(1, to_end)];
  return sum(100 * square(b - square(a)) + square(1 - a));
}

/// Minimises f; gives how often it was evaluated.
template <class F>
int minimise(Params &params, F f, LBFGSOptions options = {}) {
  options.max_iter = 200;
  options.max_eval = 500;
  options.tolerance_grad = 1e-10;
  options.tolerance_change = 0;
  auto optimizer = LBFGS(options).setup(params);
  double loss = optimizer.step([&] {
    Variable y = f(params.w);
    params.clear_grads();
    y.backward();
    return y;
  });
  EXPECT_EQ(loss, f(params.w).item()) << "the parameters are at the best point";
  return optimizer.evaluations();
}

TEST(Lbfgs, C086_Rosenbrock) {
  for (auto [x, y] : {std::pair(0.0, 2.0), std::pair(-1.2, 1.0),
                      std::pair(10.0, -7.0), std::pair(1.0, 1.0)}) {
    Params params(array({x, y}));
    EXPECT_LT(minimise(params, rosenbrock), 120) << x << ", " << y;
    EXPECT_TRUE(near(params.w.to_vector(), {1, 1}, 1e-6)) << x << ", " << y;
  }
}

TEST(Lbfgs, C086_RosenbrockOfTenVariables) {
  Params params(zeros({10}));
  EXPECT_LT(minimise(params, rosenbrock), 200);
  EXPECT_TRUE(near(params.w.to_vector(), std::vector<double>(10, 1.0), 1e-6));
}

TEST(Lbfgs, C086_QuadraticFormsInFewSteps) {
  random::seed(0);
  Variable a = random::randn({6, 6}), b = random::randn({6});
  Variable spd = matmul(a, a.T()) + eye(6);
  Params params(zeros({6}));
  auto f = [&](const Variable &x) {
    return 0.5 * sum(x * matmul(spd, x)) - sum(b * x);
  };
  EXPECT_LT(minimise(params, f), 40);
  EXPECT_TRUE(
      near(matmul(spd, params.w).to_vector(), b.to_vector(), 1e-8, 1e-8));
}

/// Losses after each of five steps of fitting a small net.
std::vector<double> fit(bool compiled, DType dtype) {
  random::seed(0);
  Variable x = random::rand({40, 1}).astype(dtype);
  Variable t = sin(6.0 * x);
  MLP model({8, 1}, tanh, {.dtype = dtype});
  auto body = [&](const Variable &x, const Variable &t) {
    Variable loss = mean_squared_error(model(x), t);
    model.clear_grads();
    loss.backward();
    return loss;
  };
  auto program = compile(body);
  auto optimizer = LBFGS().setup(model).add_hook(WeightDecay(1e-6));
  std::vector<double> losses;
  for (int i = 0; i < 5; ++i)
    losses.push_back(
        optimizer.step([&] { return compiled ? program(x, t) : body(x, t); }));
  if (compiled) {
    EXPECT_EQ(program.compile_count(), 1);
  }
  return losses;
}

TEST(Lbfgs, C086_ClosuresMayBeCompiled) {
  for (DType dtype : {f32, f64}) {
    std::vector<double> eager = fit(false, dtype);
    EXPECT_LT(eager.back(), 0.01);
    EXPECT_LT(eager.back(), eager.front());
    EXPECT_EQ(fit(true, dtype), eager);
  }
}

TEST(Lbfgs, WhatIsNoNumberIsAvoided) {
  // log is not defined behind the first step.
  Params params(array({0.1}));
  auto f = [](const Variable &x) { return sum(10 * x - log(x)); };
  params.w.assign(array({3.0}));
  minimise(params, f, {.lr = 100});
  EXPECT_NEAR(params.w.item(), 0.1, 1e-6);
}

TEST(Lbfgs, Misuse) {
  Params params(array({1.0, 2.0}));
  auto closure = [&] {
    Variable y = sum(square(params.w));
    params.clear_grads();
    y.backward();
    return y;
  };
  EXPECT_THAT([&] { LBFGS().step(closure); },
              ThrowsMessage<ValueError>(HasSubstr("setup")));
  auto optimizer = LBFGS().setup(params);
  closure();
  EXPECT_THAT([&] { optimizer.update(); },
              ThrowsMessage<UserError>(HasSubstr("step(closure)")));
  auto program = compile([&] { return Variable(optimizer.step(closure)); });
  EXPECT_THAT([&] { program(); },
              ThrowsMessage<TraceError>(HasSubstr("compile the closure")));
  params.w.assign(array({NAN, 1.0}));
  EXPECT_THAT([&] { optimizer.step(closure); },
              ThrowsMessage<ValueError>(testing::AllOf(
                  HasSubstr("nan"), HasSubstr("LbfgsTest.cpp"))));
}

} // namespace
