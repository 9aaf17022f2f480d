//===- GradientTest.cpp - the book's gradients ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "etch/etch.h"
#include "test/support/Json.h"
#include "test/support/Near.h"

#include <gmock/gmock.h>

using namespace etch;
using etch::test::Json;
using etch::test::near;
using testing::ElementsAre;
using testing::HasSubstr;

static const Json &book() {
  static const Json file = Json::data("book.json");
  return file;
}
static double figure(const char *name) { return book()[name].number(); }

static Variable composite(const Variable &x) { return square(exp(square(x))); }
static Variable sphere(const Variable &x, const Variable &y) {
  return pow(x, 2) + pow(y, 2);
}
static Variable matyas(const Variable &x, const Variable &y) {
  return 0.26 * (pow(x, 2) + pow(y, 2)) - 0.48 * x * y;
}
static Variable goldstein(const Variable &x, const Variable &y) {
  return (1 + pow(x + y + 1, 2) * (19 - 14 * x + 3 * pow(x, 2) - 14 * y +
                                   6 * x * y + 3 * pow(y, 2))) *
         (30 + pow(2 * x - 3 * y, 2) * (18 - 32 * x + 12 * pow(x, 2) + 48 * y -
                                        36 * x * y + 27 * pow(y, 2)));
}

TEST(C004_Types, GradientHasTheTypeOfTheData) {
  for (DType t : {f32, f64}) {
    Variable x = ones({2}, {.dtype = t});
    Variable y = x * 2 + 1.5;
    EXPECT_EQ(y.dtype(), t);
    y.backward();
    EXPECT_EQ(x.grad().type(), x.type());
  }
}

TEST(C005_Types, ResultsOfScalarsAreArrays) {
  EXPECT_EQ(square(Variable(3.0)).shape(), Shape{});
}

TEST(C009_Operators, SumsAndProducts) {
  Variable a(3.0), b(2.0), c(1.0);
  Variable y = a * b + c;
  y.backward();
  EXPECT_EQ(y.item(), 7);
  EXPECT_EQ(a.grad().item(), 2);
  EXPECT_EQ(b.grad().item(), 3);
  EXPECT_EQ(c.grad().item(), 1);
  Variable x(2.0);
  EXPECT_EQ((x + Variable(3.0)).item(), 5);
  EXPECT_EQ((3.0 * x + 1.0).item(), 7);
}

TEST(C010_Operators, ArrayOnTheLeft) {
  Variable x = array({1.0});
  Variable y = array({2.0}) + x;
  EXPECT_THAT(y.to_vector(), ElementsAre(3));
  EXPECT_TRUE(bool(y.creator()));
}

TEST(C011_Operators, NegationAndSubtraction) {
  auto check = [](Variable (*f)(const Variable &), double value, double slope) {
    Variable x(2.0);
    Variable y = f(x);
    y.backward();
    EXPECT_EQ(y.item(), value);
    EXPECT_EQ(x.grad().item(), slope);
  };
  check([](const Variable &x) { return -x; }, -2, -1);
  check([](const Variable &x) { return 2.0 - x; }, 0, -1);
  check([](const Variable &x) { return x - 1.0; }, 1, 1);
}

TEST(C012_Operators, Division) {
  Variable x(2.0), a(3.0);
  Variable y = 3.0 / x;
  y.backward();
  EXPECT_EQ(y.item(), 1.5);
  EXPECT_EQ(x.grad().item(), -0.75);
  x.clear_grad();
  (a / x).backward();
  EXPECT_EQ(a.grad().item(), 0.5);
  EXPECT_EQ(x.grad().item(), -0.75);
  EXPECT_EQ((Variable(7) / 2).item(), 3.5); // true division
}

TEST(C013_C014_Operators, ConstantPowers) {
  Variable x(2.0);
  Variable y = pow(x, 3);
  y.backward();
  EXPECT_EQ(y.item(), 8);
  EXPECT_EQ(x.grad().item(), 12);
  x.clear_grad();
  Variable square_of_x = pow(x, 2);
  square_of_x.backward();
  EXPECT_EQ(x.grad().item(), 4);
  EXPECT_EQ(square_of_x.creator().inputs().size(), 1u); // no exponent
}

TEST(C021_Composition, ThreeFunctions) {
  EXPECT_TRUE(
      near({composite(Variable(0.5)).item()}, {figure("composite")}, 4e-16));
}

TEST(C023_Traversal, FromResultToInput) {
  Variable x(0.5);
  Variable a = square(x), b = exp(a), y = square(b);
  EXPECT_EQ(y.creator().name(), "mul");
  EXPECT_TRUE(y.creator().inputs()[0].is(b));
  EXPECT_EQ(b.creator().name(), "exp");
  EXPECT_TRUE(b.creator().inputs()[0].is(a));
  EXPECT_TRUE(a.creator().inputs()[0].is(x));
  EXPECT_FALSE(bool(x.creator()));
  EXPECT_EQ(x.generation(), 0);
  EXPECT_EQ(y.generation(), 3);
  EXPECT_TRUE(y.creator().outputs()[0].is(y));
}

TEST(C023_Traversal, OperandsThatNobodyHolds) {
  Variable x(0.5);
  Variable y = (x + 1.0) + 2.0; // addition keeps no contents
  Variable inner = y.creator().inputs()[0];
  EXPECT_EQ(inner.creator().name(), "add");
  EXPECT_EQ(inner.type(), y.type());
  EXPECT_TRUE(y.creator().inputs()[0].is(inner));
  EXPECT_THROW(inner.item(), ValueError);
}

TEST(C024_Recursion, EqualsTheLoop) {
  struct Chain {
    static Variable recursive(const Variable &x, int n) {
      return n == 0 ? x : sin(recursive(x, n - 1));
    }
  };
  Variable x(0.5), looped = x;
  Variable y = Chain::recursive(x, 20);
  for (int i = 0; i < 20; ++i)
    looped = sin(looped);
  EXPECT_EQ(y.item(), looped.item());
  EXPECT_EQ(grad(y, {x})[0].item(), grad(looped, {x})[0].item());
}

TEST(C025_Depth, AHundredThousandOperations) {
  Variable x(1.0), y = x;
  for (int i = 1; i < 100000; ++i)
    y = y + x;
  y.backward();
  EXPECT_EQ(y.item(), 100000);
  EXPECT_EQ(x.grad().item(), 100000);
  y = Variable(); // and the graph goes without recursion
  EXPECT_TRUE(bool(x.grad()));
}

TEST(C026_Chain, AllDigits) {
  Variable x(0.5);
  composite(x).backward();
  EXPECT_TRUE(near({x.grad().item()}, {figure("composite_gradient")}, 4e-16));
}

TEST(C027_NumericalGradient, CentralDifferences) {
  EXPECT_TRUE(near({numerical_diff(square, Variable(2.0)).item()},
                   {figure("square_numerical")}, 1e-12));
  EXPECT_TRUE(near({numerical_diff(composite, Variable(0.5)).item()},
                   {figure("composite_numerical")}, 1e-11));
}

TEST(C028_Accumulation, SameVariableTwice) {
  Variable x(3.0);
  add(x, x).backward();
  EXPECT_EQ(x.grad().item(), book()["accumulation"]["twice"].number());
}

TEST(C028_C029_Accumulation, OverCallsUntilCleared) {
  const Json &expected = book()["accumulation"];
  Variable x(3.0);
  add(x, x).backward();
  add(add(x, x), x).backward();
  EXPECT_EQ(x.grad().item(), expected["uncleared"].number());
  x.clear_grad();
  EXPECT_FALSE(bool(x.grad()));
  add(add(x, x), x).backward();
  EXPECT_EQ(x.grad().item(), expected["thrice"].number());
}

TEST(C030_Aliasing, GradientsAreDistinct) {
  Variable x(3.0);
  Variable y = add(x, x);
  y.backward({.retain_grad = true});
  EXPECT_EQ(x.grad().item(), 2);
  EXPECT_EQ(y.grad().item(), 1);
  EXPECT_FALSE(x.grad().is(y.grad()));
}

TEST(C031_Diamond, EachAdjointOnce) {
  Variable x(2.0);
  Variable a = square(x);
  Variable y = square(a) + square(a);
  y.backward();
  EXPECT_EQ(y.item(), book()["accumulation"]["diamond_value"].number());
  EXPECT_EQ(x.grad().item(), book()["accumulation"]["diamond"].number());
}

TEST(C031_Diamond, AFunctionsBackwardRunsOnce) {
  struct Counted : Function {
    int calls = 0;
    Variables forward(const Variables &xs) override { return {xs[0] * 2.0}; }
    Variables backward(const Variables &gys) override {
      ++calls;
      return {gys[0] * 2.0};
    }
  } twice;
  Variable x(1.0);
  Variable a = twice(x);
  (a * a + a).backward();
  EXPECT_EQ(twice.calls, 1);
  EXPECT_EQ(x.grad().item(), 10);
}

TEST(C032_TwoInputs, SumOfSquares) {
  Variable x(2.0), y(3.0);
  Variable z = add(square(x), square(y));
  z.backward();
  std::vector<double> expected = book()["two_inputs"]["gradient"].numbers();
  EXPECT_EQ(z.item(), book()["two_inputs"]["value"].number());
  EXPECT_EQ(x.grad().item(), expected[0]);
  EXPECT_EQ(y.grad().item(), expected[1]);
}

TEST(C033_Retention, LeavesOnlyUnlessAsked) {
  for (bool retain : {false, true}) {
    Variable x0(1.0), x1(1.0);
    Variable t = add(x0, x1), y = add(x0, t);
    y.backward({.retain_grad = retain});
    EXPECT_EQ(bool(y.grad()), retain);
    EXPECT_EQ(bool(t.grad()), retain);
    if (retain) {
      EXPECT_EQ(y.grad().item(), 1);
      EXPECT_EQ(t.grad().item(), 1);
    }
    EXPECT_EQ(x0.grad().item(), 2);
    EXPECT_EQ(x1.grad().item(), 1);
  }
}

TEST(C034_NoGrad, NoGraphAndAClearError) {
  Variable x(2.0), y;
  {
    NoGrad scope;
    y = square(x);
  }
  EXPECT_FALSE(bool(y.creator()));
  try {
    y.backward();
    FAIL();
  } catch (const UserError &e) {
    EXPECT_THAT(e.what(), HasSubstr("has no graph"));
    EXPECT_THAT(e.what(), HasSubstr("GradientTest.cpp"));
  }
}

TEST(C035_Formulas, SphereMatyasGoldsteinPrice) {
  auto gradient = [](Variable (*f)(const Variable &, const Variable &)) {
    Variable x(1.0), y(1.0);
    f(x, y).backward();
    return std::vector<double>{x.grad().item(), y.grad().item()};
  };
  EXPECT_EQ(gradient(sphere), book()["sphere"].numbers());
  double slope = figure("matyas");
  EXPECT_TRUE(near(gradient(matyas), {slope, slope}, 1e-15));
  const Json &price = book()["goldstein_price"];
  EXPECT_EQ(goldstein(Variable(1.0), Variable(1.0)).item(),
            price["value"].number());
  EXPECT_EQ(gradient(goldstein), price["gradient"].numbers());
}

TEST(C037_Unused, HasNoGradient) {
  Variable x(1.0), unused(1.0);
  Variable y = square(x);
  EXPECT_FALSE(bool(grad(y, {unused})[0]));
  y.backward();
  EXPECT_FALSE(bool(unused.grad()));
}

TEST(Seeds, GivenByTheUser) {
  Variable x = array({1.0, 2.0});
  Variable y = square(x);
  y.set_grad(array({10.0, 100.0}));
  y.backward();
  EXPECT_THAT(x.grad().to_vector(), ElementsAre(20, 400));
  EXPECT_THAT(grad(y, {x}, {.seed = array({1.0, 0.0})})[0].to_vector(),
              ElementsAre(2, 0));
  EXPECT_THROW(y.set_grad(Variable(1.0)), ShapeError);
}

TEST(Seeds, OfALeafIsItsOwnGradient) {
  Variable x = array({1.0, 2.0});
  x.backward();
  x.backward();
  EXPECT_THAT(x.grad().to_vector(), ElementsAre(1, 1));
}

TEST(Grad, OfIntermediateValues) {
  Variable x(3.0);
  Variable a = square(x), y = square(a);
  Variables g = grad(y, {a, x});
  EXPECT_EQ(g[0].item(), 18);
  EXPECT_EQ(g[1].item(), 108);
  EXPECT_FALSE(bool(x.grad()));
}

TEST(Grad, ConstantsTakeNone) {
  Variable x(3.0), c(2.0);
  c.set_requires_grad(false);
  (x * c).backward();
  EXPECT_EQ(x.grad().item(), 2);
  EXPECT_FALSE(bool(c.grad()));
  Variable cut = stop_gradient(x) * x;
  EXPECT_EQ(grad(cut, {x})[0].item(), 3);
  EXPECT_EQ(grad(x.detach() * x, {x})[0].item(), 3);
  EXPECT_THROW((Variable(2) * 3).backward(), UserError);
}

TEST(Unchain, CutsTheGraph) {
  Variable x(2.0);
  Variable a = square(x), b = square(a), y = square(b);
  a.unchain();
  EXPECT_FALSE(bool(a.creator()));
  y.backward();
  EXPECT_FALSE(bool(x.grad()));
  EXPECT_EQ(a.grad().item(), 4 * 64); // a is a leaf now
}

TEST(Unchain, BackwardCutsEverythingBehind) {
  Variable x(2.0);
  Variable a = square(x), b = square(a), y = square(b);
  y.unchain_backward();
  EXPECT_TRUE(bool(y.creator()));
  EXPECT_FALSE(bool(b.creator()));
  EXPECT_FALSE(bool(a.creator()));
  Variable z = y * b;
  z.backward();
  EXPECT_FALSE(bool(x.grad()));
  EXPECT_EQ(b.grad().item(), 2 * 16 * 16 + 256);
}

TEST(State, AssignDoesNotDisturbTheGraph) {
  Variable w(3.0), x(2.0);
  Variable y = w * x;
  w.assign(Variable(100.0));
  y.backward();
  EXPECT_EQ(x.grad().item(), 3); // what the product read
  EXPECT_EQ(w.grad().item(), 2);
  Variable z = square(w);
  w.assign(Variable(1.0));
  Variable g = grad(z, {w}, {.create_graph = true})[0];
  EXPECT_EQ(g.item(), 200);
  EXPECT_EQ(grad(g, {w})[0].item(), 2);
}

TEST(State, DataIsAnUpdateWithoutGraph) {
  Variable x = array({1.0, 2.0}), same = x;
  sum(square(x)).backward();
  x.data() = x.data() - 0.5 * x.grad();
  EXPECT_THAT(same.to_vector(), ElementsAre(0, 0));
  x.data() += 1.0;
  EXPECT_THAT(same.to_vector(), ElementsAre(1, 1));
  EXPECT_FALSE(bool(x.creator()));
  x += 1.0; // a new array
  EXPECT_THAT(same.to_vector(), ElementsAre(1, 1));
}

// What the tape keeps of x is decided for each exponent anew.
TEST(Power, GradientAfterThatOfAZerothPower) {
  Variable x(3.0);
  for (double exponent : {0.0, 1.0, 2.0, 0.0, 3.0}) {
    x.clear_grad();
    pow(x, exponent).backward();
    EXPECT_EQ(x.grad().item(), exponent * std::pow(3.0, exponent - 1));
  }
}
