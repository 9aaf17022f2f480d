//===- HigherOrderTest.cpp - gradients of gradients, graph sizes ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "etch/etch.h"
#include "test/support/Json.h"
#include "test/support/Near.h"

#include <cmath>
#include <gmock/gmock.h>
#include <set>

using namespace etch;
using etch::test::Json;
using etch::test::near;
using testing::ElementsAre;

static const Json &book() {
  static const Json file = Json::data("book.json");
  return file;
}

static Variable quartic(const Variable &x) { return pow(x, 4) - 2 * pow(x, 2); }

TEST(C040_SecondDerivative, Quartic) {
  const Json &expected = book()["second_derivative"];
  Variable x(2.0);
  quartic(x).backward({.create_graph = true});
  EXPECT_EQ(x.grad().item(), expected["first"].number());
  Variable gx = x.grad();
  x.clear_grad();
  gx.backward();
  EXPECT_EQ(x.grad().item(), expected["second"].number());
}

TEST(C041_SecondDerivative, AddsUpUnlessCleared) {
  Variable x(2.0);
  quartic(x).backward({.create_graph = true});
  Variable gx = x.grad();
  gx.backward();
  EXPECT_EQ(x.grad().item(), book()["second_derivative"]["uncleared"].number());
}

TEST(C042_Sine, FourDerivatives) {
  std::vector<double> expected = book()["sin_derivatives"].numbers(), actual;
  Variable x(1.0);
  Variable y = sin(x);
  actual.push_back(y.item());
  y.backward({.create_graph = true});
  for (int i = 0; i < 4; ++i) {
    Variable gx = x.grad();
    actual.push_back(gx.item());
    x.clear_grad();
    gx.backward({.create_graph = true});
  }
  EXPECT_TRUE(near(actual, expected, 3e-16));
}

TEST(C043_Sine, DerivativesOnAnArray) {
  Variable x = linspace(-7, 7, 200);
  EXPECT_NEAR(x[1].item(), book()["linspace_1"].number(), 5e-9);
  Variable y = sin(x);
  y.backward({.create_graph = true});
  double (*curves[])(double) = {[](double v) { return std::cos(v); },
                                [](double v) { return -std::sin(v); },
                                [](double v) { return -std::cos(v); },
                                [](double v) { return std::sin(v); }};
  std::vector<double> at = x.to_vector();
  for (auto curve : curves) {
    Variable gx = x.grad();
    std::vector<double> expected;
    for (double v : at)
      expected.push_back(curve(v));
    EXPECT_TRUE(near(gx.to_vector(), expected, 1e-12, 1e-12));
    x.clear_grad();
    gx.backward({.create_graph = true});
  }
}

/// Functions and Variables from which y was computed.
static std::pair<size_t, size_t> graph_size(const Variable &y) {
  std::set<const void *> functions, variables;
  std::vector<Variable> hold{y};
  std::vector<Creator> stack;
  variables.insert(y.node());
  if (y.creator())
    stack.push_back(y.creator());
  while (!stack.empty()) {
    Creator f = stack.back();
    stack.pop_back();
    if (!functions.insert(f.id()).second)
      continue;
    for (const Variable &x : f.inputs()) {
      hold.push_back(x);
      variables.insert(x.node());
      if (x.creator())
        stack.push_back(x.creator());
    }
  }
  return {functions.size(), variables.size()};
}

TEST(C044_C158_Tanh, DerivativesAndGraphSizesToOrderEight) {
  std::vector<double> expected = book()["tanh_derivatives"].numbers(), actual;
  std::vector<double> functions, variables;
  Variable x(1.0);
  tanh(x).backward({.create_graph = true});
  for (int order = 1; order <= 8; ++order) {
    Variable gx = x.grad();
    actual.push_back(gx.item());
    auto [f, v] = graph_size(gx);
    functions.push_back(double(f));
    variables.push_back(double(v));
    x.clear_grad();
    if (order < 8)
      gx.backward({.create_graph = true});
  }
  EXPECT_TRUE(near(actual, expected, 1e-13));
  EXPECT_EQ(functions, book()["tanh_functions"].numbers());
  EXPECT_EQ(variables, book()["tanh_variables"].numbers());
}

static Variable goldstein(const Variable &x, const Variable &y) {
  return (1 + pow(x + y + 1, 2) * (19 - 14 * x + 3 * pow(x, 2) - 14 * y +
                                   6 * x * y + 3 * pow(y, 2))) *
         (30 + pow(2 * x - 3 * y, 2) * (18 - 32 * x + 12 * pow(x, 2) + 48 * y -
                                        36 * x * y + 27 * pow(y, 2)));
}

TEST(C158_GraphSizes, GoldsteinPrice) {
  auto [f, v] = graph_size(goldstein(Variable(1.0), Variable(1.0)));
  EXPECT_EQ(double(f), book()["goldstein_price"]["functions"].number());
  EXPECT_EQ(double(v), book()["goldstein_price"]["variables"].number());
}

static Variable my_sin(const Variable &x, double threshold, int &terms) {
  Variable y = 0.0;
  double factorial = 1;
  for (int i = 0; i < 100000; ++i) {
    if (i)
      factorial *= double(2 * i) * double(2 * i + 1);
    double c = (i % 2 ? -1 : 1) / factorial;
    Variable t = c * pow(x, 2 * i + 1);
    y = y + t;
    ++terms;
    if (std::abs(t.item()) < threshold)
      break;
  }
  return y;
}

TEST(C054_C158_Taylor, DataDependentLoop) {
  for (const Json &c : book()["my_sin"].array()) {
    int terms = 0;
    Variable x(std::acos(-1.0) / 4);
    Variable y = my_sin(x, c["threshold"].number(), terms);
    y.backward();
    EXPECT_EQ(terms, c["terms"].number());
    EXPECT_TRUE(near({y.item()}, {c["value"].number()}, 2e-16));
    EXPECT_TRUE(near({x.grad().item()}, {c["gradient"].number()}, 2e-16));
    auto [functions, variables] = graph_size(y);
    EXPECT_EQ(double(functions), c["functions"].number());
    EXPECT_EQ(double(variables), c["variables"].number());
  }
}

TEST(C055_Sine, AtAQuarterOfPi) {
  double expected = book()["sin_quarter_pi"].number();
  Variable x(std::acos(-1.0) / 4);
  Variable y = sin(x);
  y.backward();
  EXPECT_TRUE(near({y.item()}, {expected}, 2.3e-16));
  EXPECT_TRUE(near({x.grad().item()}, {expected}, 2.3e-16));
}

TEST(C046_DoubleBackprop, GradientInAnExpression) {
  Variable x(2.0);
  Variable y = pow(x, 2);
  y.backward({.create_graph = true});
  Variable gx = x.grad();
  x.clear_grad();
  Variable z = pow(gx, 3) + y;
  z.backward();
  EXPECT_EQ(x.grad().item(), book()["double_backprop"].number());
}

TEST(C048_Hessian, TimesAVector) {
  auto f = [](const Variable &x) { return sum(pow(x, 2)); };
  Variable v = array({4.0, 5.0});
  EXPECT_EQ(hvp(f, array({1.0, 2.0}), v).to_vector(), book()["hvp"].numbers());
  int64_t n = 100000;
  EXPECT_EQ(hvp(f, ones({n}), ones({n})).shape(), Shape{n});
}

TEST(C039_Forward, JacobianTimesVector) {
  auto f = [](const Variable &x) { return square(exp(square(x))); };
  auto [y, slope] = jvp(f, Variable(0.5), Variable(1.0));
  EXPECT_TRUE(
      near({slope.item()}, {book()["composite_gradient"].number()}, 4e-16));
}

TEST(Functional, JacobianHessianValueAndGrad) {
  Variable x = array({1.0, 2.0});
  auto f = [](const Variable &v) { return v * sum(v); };
  EXPECT_THAT(jacobian(f)(x).to_vector(), ElementsAre(4, 1, 2, 5));
  auto g = [](const Variable &v) { return sum(pow(v, 3)); };
  EXPECT_THAT(hessian(g)(x).to_vector(), ElementsAre(6, 0, 0, 12));
  auto [value, slope] = value_and_grad(g)(x);
  EXPECT_EQ(value.item(), 9);
  EXPECT_THAT(slope.to_vector(), ElementsAre(3, 12));
  auto [y, pull] = vjp(f, x);
  EXPECT_THAT(pull(array({1.0, 0.0})).to_vector(), ElementsAre(4, 1));
}

TEST(C049_GradientPenalty, AgreesWithNumericalDifferences) {
  Variable x = array({{0.5, -1.0}, {1.5, 0.25}});
  auto penalty = [&](const Variable &w) {
    Variable input = x.detach().set_requires_grad(true);
    Variable y = sum(tanh(matmul(input, w)));
    Variable gx = grad(y, {input}, {.create_graph = true})[0];
    Variable norm = sqrt(sum(square(gx), {.axis = 1}));
    return sum(square(norm - 1.0));
  };
  Variable w = array({{0.3, -0.7, 0.1}, {0.9, 0.4, -0.2}});
  Variable gradient = grad(penalty(w), {w})[0];
  Variable expected = zeros_like(w);
  for (int64_t i = 0; i < 6; ++i) {
    double side[2];
    for (int s = 0; s < 2; ++s) {
      Variable moved = w.reshape(6).detach();
      moved.span<double>()[size_t(i)] += s ? 1e-5 : -1e-5;
      side[s] = penalty(moved.reshape(2, 3)).item();
    }
    expected.span<double>()[size_t(i)] = (side[1] - side[0]) / 2e-5;
  }
  EXPECT_TRUE(allclose(gradient, expected, {1e-5, 1e-7}));
}

TEST(C050_Newton, SevenUpdates) {
  std::vector<double> iterates;
  Variable x(2.0);
  for (int i = 0; i < 8; ++i) {
    iterates.push_back(x.item());
    x.clear_grad();
    quartic(x).backward({.create_graph = true});
    Variable gx = x.grad();
    x.clear_grad();
    gx.backward();
    x.data() -= gx / x.grad();
  }
  EXPECT_TRUE(near(iterates, book()["newton"].numbers(), 1e-14));
}

static Variable rosenbrock(const Variable &x0, const Variable &x1) {
  return 100 * pow(x1 - pow(x0, 2), 2) + pow(x0 - 1, 2);
}

TEST(C050_Newton, RosenbrockInSixUpdates) {
  auto f = [](const Variable &v) { return rosenbrock(v[0], v[1]); };
  Variable x = array({0.0, 2.0});
  int updates = 0;
  while (!(x[0].item() == 1 && x[1].item() == 1) && updates < 20) {
    Variable g = value_and_grad(f)(x).second;
    std::vector<double> h = hessian(f)(x).to_vector(), d = g.to_vector();
    double det = h[0] * h[3] - h[1] * h[2];
    x.data() -= array(
        {(h[3] * d[0] - h[1] * d[1]) / det, (h[0] * d[1] - h[2] * d[0]) / det});
    ++updates;
  }
  EXPECT_EQ(updates, book()["newton_rosenbrock_updates"].number());
}

TEST(C051_C052_Rosenbrock, GradientDescent) {
  const Json &expected = book()["rosenbrock"];
  Variable x0(0.0), x1(2.0);
  Variable y = rosenbrock(x0, x1);
  y.backward();
  EXPECT_EQ(y.item(), expected["value"].number());
  EXPECT_EQ((std::vector<double>{x0.grad().item(), x1.grad().item()}),
            expected["gradient"].numbers());
  std::vector<double> first;
  auto state = [&] { return std::vector<double>{x0.item(), x1.item()}; };
  for (int i = 1; i <= 50000; ++i) {
    x0.clear_grad();
    x1.clear_grad();
    rosenbrock(x0, x1).backward();
    x0.data() -= 0.001 * x0.grad();
    x1.data() -= 0.001 * x1.grad();
    if (i <= 2)
      for (double v : state())
        first.push_back(v);
    if (i == 1000)
      EXPECT_TRUE(near(state(), expected["after_1000"].numbers(), 1e-5));
    if (i == 9999)
      EXPECT_TRUE(near(state(), expected["after_9999"].numbers(), 1e-8));
    if (i == 10000)
      EXPECT_TRUE(near(state(), expected["after_10000"].numbers(), 1e-8));
  }
  EXPECT_TRUE(near(first, expected["first_steps"].numbers(), 1e-12));
  EXPECT_TRUE(near(state(), expected["after_50000"].numbers(), 1e-12));
}
