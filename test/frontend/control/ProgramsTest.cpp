//===- ProgramsTest.cpp - loops and branches in compiled functions --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The same bits as eagerly, values and gradients, and one program whatever the
// data are.
//===----------------------------------------------------------------------===//

#include "etch/etch.h"
#include "test/support/Json.h"
#include "test/support/Near.h"

#include <cmath>
#include <gmock/gmock.h>

using namespace etch;
using etch::test::Json;
using etch::test::near;
using testing::HasSubstr;

namespace {

using Numbers = std::vector<double>;

Numbers bits(const Variable &x) {
  return x.defined() ? x.to_vector() : Numbers{-12345};
}

/// An independent leaf.
Variable copy_of(const Variable &x) {
  Variable y = zeros_like(x);
  y.assign(x);
  return y;
}

/// Calls f eagerly and compiled on each of the lists; compares results and
/// gradients of the arguments and of `captured`. Gives the compiled function.
template <class F>
auto expect_same(F f, const std::vector<Variables> &calls,
                 const Variables &captured = {}, int programs = 1) {
  auto compiled = compile(f);
  for (const Variables &xs : calls) {
    std::vector<Numbers> seen[2];
    for (int mode = 0; mode < 2; ++mode) {
      Variables args;
      for (const Variable &x : xs)
        args.push_back(copy_of(x));
      for (const Variable &c : captured)
        c.clear_grad();
      Variables ys = mode ? compiled(args) : f(args);
      for (const Variables &list : {ys, args, captured})
        for (const Variable &x : list) {
          seen[mode].push_back(bits(x));
          seen[mode].push_back(bits(x.grad()));
        }
    }
    EXPECT_EQ(seen[0], seen[1]);
  }
  EXPECT_EQ(compiled.compile_count(), programs);
  return compiled;
}

//===----------------------------------------------------------------------===//
// The Taylor series of the book's step 27
//===----------------------------------------------------------------------===//

/// sin(x) from as many terms as the threshold asks for, and their number.
Variables my_sin(const Variable &x, const Variable &threshold) {
  Variables r =
      while_loop([&](const Variables &s) { return abs(s[1]) >= threshold; },
                 [&](const Variables &s) -> Variables {
                   // The sum, the last term, the number of the next, its
                   // coefficient, its power of x.
                   Variable t = s[3] * s[4], n = astype(s[2], f64);
                   return {s[0] + t, t, s[2] + 1,
                           -s[3] / ((2 * n + 2) * (2 * n + 3)), s[4] * x * x};
                 },
                 {0.0, 1.0, 0, 1.0, x}, {.max_iterations = 100});
  return {r[0], r[2]};
}

TEST(LoopPrograms, C054_C132_TaylorSeries) {
  const Json book = Json::data("book.json")["my_sin"];
  auto f = [](const Variables &args) {
    Variables r = my_sin(args[0], args[1]);
    r[0].backward();
    return r;
  };
  Variable x(std::acos(-1.0) / 4);
  auto compiled = expect_same(f, {{x, Variable(1e-4)},
                                  {x, Variable(1e-150)},

                                  {Variable(-0.5), Variable(1e-9)}});
  for (const Json &expected : book.array()) {
    Variable at = copy_of(x);
    Variables r =
        compiled(Variables{at, Variable(expected["threshold"].number())});
    EXPECT_EQ(r[1].item(), expected["terms"].number());
    EXPECT_TRUE(near({r[0].item()}, {expected["value"].number()}, 4e-16));
    EXPECT_TRUE(
        near({at.grad().item()}, {expected["gradient"].number()}, 4e-16));
  }
  EXPECT_EQ(compiled.compile_count(), 1);
}

TEST(LoopPrograms, C047_C132_TaylorSeriesToTheSecondOrder) {
  auto f = [](const Variables &args) {
    const Variable &x = args[0];
    Variable y = my_sin(x, args[1])[0];
    Variable g = grad(y, {x}, {.create_graph = true})[0];
    Variable h = grad(g, {x}, {.create_graph = true})[0];
    return Variables{y, g, h, grad(h, {x})[0]};
  };
  auto compiled = compile(f);
  for (double at : {0.5, 1.25, -2.0}) {
    Variables args = {Variable(at), Variable(1e-20)};
    Variables ys = compiled(args), eager = f(args);
    Numbers expected = {std::sin(at), std::cos(at), -std::sin(at),
                        -std::cos(at)};
    for (size_t i = 0; i < 4; ++i) {
      EXPECT_TRUE(near(bits(ys[i]), {expected[i]}, 0, 1e-14)) << i;
      EXPECT_TRUE(near(bits(ys[i]), bits(eager[i]), 1e-13)) << i;
    }
  }
  EXPECT_EQ(compiled.compile_count(), 1);
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

TEST(LoopPrograms, C053_GradientDescentAsOneProgram) {
  const Json book = Json::data("book.json")["rosenbrock"];
  auto descend = [](const Variables &xs) {
    return for_loop(xs[2],
                    [](const Variables &s) -> Variables {
                      Variable y =
                          100 * square(s[1] - square(s[0])) + square(s[0] - 1);
                      Variables g = grad(y, s);
                      return {s[0] - 0.001 * g[0], s[1] - 0.001 * g[1]};
                    },
                    {xs[0], xs[1]});
  };
  auto f = expect_same(descend, {{Variable(0.0), Variable(2.0), Variable(1)},
                                 {Variable(0.0), Variable(2.0), Variable(20)}});
  int before = f.run_count();
  Variables r = f(Variables{Variable(0.0), Variable(2.0), Variable(10000)});
  EXPECT_EQ(f.run_count(), before + 1);
  EXPECT_EQ(f.compile_count(), 1);
  EXPECT_TRUE(
      near({r[0].item(), r[1].item()}, book["after_10000"].numbers(), 0, 5e-9));
}

TEST(LoopPrograms, C050_NewtonsMethod) {
  auto newton = [](const Variables &xs) {
    auto f = [](const Variable &x) { return pow(x, 4) - 2 * pow(x, 2); };
    Variables r =
        while_loop([](const Variables &s) { return abs(s[1]) > 1e-12; },
                   [&](const Variables &s) -> Variables {
                     Variable g =
                         grad(f(s[0]), {s[0]}, {.create_graph = true})[0];
                     Variable h = grad(g, {s[0]})[0];
                     return {s[0] - g / h, g / h};
                   },
                   {xs[0], 1.0});
    return r;
  };
  auto f = expect_same(newton, {{Variable(2.0)}, {Variable(0.9)}});
  EXPECT_EQ(f(Variables{Variable(2.0)})[0].item(), 1);
}

TEST(LoopPrograms, C132_CapturesAndStates) {
  Parameter w(array({0.5, -1.5, 2.0}));
  Variable frozen = array({1.0, 2.0, 3.0}).detach();
  double scale = 0.75;
  auto f = [&](const Variables &xs) {
    Variables r =
        for_loop(3,
                 [&](const Variable &i, const Variables &s) -> Variables {
                   Variable next = tanh(s[0] * w + frozen * scale) + i;
                   return {next, s[1] + sum(next * xs[0]), s[0]};
                 },
                 {xs[0], 0.0, xs[0]});
    Variable loss = r[1] + sum(r[0] * r[2]) + sum(w * xs[0]);
    loss.backward();
    return Variables{loss, r[0]};
  };
  expect_same(f, {{array({0.1, 0.2, 0.3})}, {array({-1.0, 0.0, 1.0})}}, {w});
}

// The sums of gradients have one order, whatever is what.
TEST(LoopPrograms, C132_ValuesThatAreSeveralThings) {
  Parameter w(array({0.7, -0.3, 1.1}));
  auto f = [&](const Variables &xs) {
    // x is an initial state, twice, an input and a capture; w, too, a state.
    const Variable &x = xs[0];
    auto [s, ys] = scan(
        [&](const Variables &s, const Variable &row) {
          Variable a = sin(s[0] * s[0] * w + x * row) + s[1] * s[2];
          Variable b = s[0] * x - w * w;
          return std::pair(Variables{a, a, w, s[1]}, Variables{a, b, w, s[0]});
        },
        Variables{x, x, w, w}, stack({x, w, x * w}));
    Variable loss = sum(s[0] * s[1] + s[2] * s[3] * x) +
                    sum(ys[0] * ys[1] + ys[2] * ys[3] * w) + sum(x * w * w);
    auto [p, q] = cond(
        sum(x) > 0, [&] { return std::pair(x, x); },
        [&] { return std::pair(w * x, x); });
    loss = loss + sum(p * q * x * p);
    loss.backward();
    return Variables{loss, s[0], ys[3]};
  };
  expect_same(f, {{array({0.1, 0.2, 0.3})}, {array({-1.0, 0.3, 0.1})}}, {w});
}

TEST(LoopPrograms, CountsThatAreData) {
  Variable w(1.5);
  auto f = [&](const Variables &xs) {
    Variable y = for_loop(
        xs[1], [&](const Variable &i, const Variable &s) { return s * w + i; },
        xs[0], {.max_iterations = 8});
    y.backward();
    return Variables{y};
  };
  std::vector<Variables> calls;
  for (int n : {3, 8, 20, 1})
    calls.push_back({Variable(2.0), Variable(n)});
  auto compiled = expect_same(f, calls, {w});
  // No iteration: what a loop might have used has a gradient of zero.
  for (int n : {0, -1}) {
    w.clear_grad();
    Variables xs = {Variable(2.0), Variable(n)};
    EXPECT_EQ(compiled(xs)[0].item(), 2);
    EXPECT_EQ(xs[0].grad().item(), 1);
    EXPECT_EQ(w.grad().item(), 0);
  }
  EXPECT_EQ(compiled.compile_count(), 1);
}

TEST(LoopPrograms, NestedLoopsAndBranches) {
  Parameter w(array({0.5, -0.25}));
  auto f = [&](const Variables &xs) {
    Variable y = for_loop(
        3,
        [&](const Variable &i, const Variable &s) {
          Variable t = s * w + i;
          Variable inner = for_loop(
              4,
              [&](const Variable &u) {
                return cond(
                    sum(u) > 0.5, [&] { return u * t - 0.125; },
                    [&] { return sin(u) + xs[0] * w; });
              },
              t);
          return inner + t;
        },
        xs[0]);
    sum(y * y).backward();
    return Variables{y};
  };
  expect_same(f, {{array({0.3, 0.1})}, {array({-0.3, -0.1})}}, {w});
}

TEST(LoopPrograms, C131_Branches) {
  Parameter w(Variable(3.0)), unused(Variable(1.0));
  auto f = [&](const Variables &xs) {
    const Variable &x = xs[0];
    auto [a, b] = cond(
        sum(x) > 0, [&] { return std::pair(x * w, sum(x)); },
        [&] { return std::pair(exp(x), sum(x * x) * unused); });
    (sum(a) * b).backward();
    return Variables{a, b};
  };
  auto compiled = compile(f);
  for (auto at : {array({1.0, 2.0}), array({-1.0, 0.5})}) {
    w.clear_grad();
    unused.clear_grad();
    Variable x = copy_of(at), e = copy_of(at);
    Variables ys = compiled(Variables{x});
    Numbers gw = bits(w.grad()), gu = bits(unused.grad());
    w.clear_grad();
    unused.clear_grad();
    Variables eager = f({e});
    for (size_t i = 0; i < 2; ++i)
      EXPECT_EQ(bits(ys[i]), bits(eager[i]));
    EXPECT_EQ(bits(x.grad()), bits(e.grad()));
    // What the branch that ran does not use has a gradient of zero.
    EXPECT_EQ(gw, w.grad() ? bits(w.grad()) : Numbers{0});
    EXPECT_EQ(gu, unused.grad() ? bits(unused.grad()) : Numbers{0});
  }
  EXPECT_EQ(compiled.compile_count(), 1);
}

TEST(LoopPrograms, NoGradAndUntracked) {
  Parameter w(Variable(2.0));
  auto f = [&](const Variables &xs) {
    Variable y;
    {
      NoGrad scope;
      y = for_loop(3, [&](const Variable &s) { return s * w; }, xs[0]);
    }
    Variable z = y * w;
    z.backward();
    return Variables{z};
  };
  expect_same(f, {{Variable(1.5)}}, {w});
}

struct Doubled : Function {
  Variables forward(const Variables &xs) override { return {xs[0] * 2.0}; }
  Variables backward(const Variables &gys) override { return {gys[0] * 3.0}; }
};

TEST(LoopPrograms, UserFunctionsInABody) {
  Doubled doubled;
  auto f = [&](const Variables &xs) {
    Variable y = for_loop(
        3, [&](const Variable &s) -> Variable { return doubled(s) + xs[1]; },
        xs[0]);
    y.backward();
    return Variables{y};
  };
  auto compiled = expect_same(f, {{Variable(1.5), Variable(0.5)}});
  Variables xs = {Variable(1.5), Variable(0.5)};
  compiled(xs);
  EXPECT_EQ(xs[0].grad().item(), 27);
  EXPECT_EQ(xs[1].grad().item(), 13);
}

//===----------------------------------------------------------------------===//
// Soundness: a loop is compared like everything else
//===----------------------------------------------------------------------===//

TEST(LoopPrograms, C136_AnotherBodyIsAnotherProgram) {
  double scale = 2;
  bool sine = false;
  int n = 3;
  Variable w(1.0);
  auto f = compile([&](const Variable &x) {
    return for_loop(
        n, [&](const Variable &s) { return (sine ? sin(s) : s * scale) + w; },
        x);
  });
  EXPECT_EQ(f(Variable(1.0)).item(), 15);
  scale = 3; // a captured number is refilled
  EXPECT_EQ(f(Variable(1.0)).item(), 40);
  EXPECT_EQ(f.compile_count(), 1);
  n = 2; // a count is part of the program
  EXPECT_EQ(f(Variable(1.0)).item(), 13);
  EXPECT_EQ(f.compile_count(), 2);
  EXPECT_THAT(f.explain(), HasSubstr("a loop"));
  sine = true;
  EXPECT_EQ(f(Variable(0.0)).item(), (sin(Variable(1.0)) + 1.0).item());
  EXPECT_EQ(f.compile_count(), 3);
  sine = false, n = 3; // both ways are kept
  w.assign(2.0);
  EXPECT_EQ(f(Variable(1.0)).item(), 27 + 2 * 13);
  w = Variable(0.0);
  EXPECT_EQ(f(Variable(1.0)).item(), 27);
  EXPECT_EQ(f.compile_count(), 3);
  EXPECT_EQ(f.trace_count(), 3);
}

TEST(LoopPrograms, C136_AnotherBranchIsAnotherProgram) {
  bool both = false;
  auto f = compile([&](const Variable &x) {
    return cond(x > 0, [&] { return both ? x * 2 : x; }, [&] { return -x; });
  });
  EXPECT_EQ(f(Variable(3.0)).item(), 3);
  EXPECT_EQ(f(Variable(-3.0)).item(), 3);
  EXPECT_EQ(f.compile_count(), 1);
  both = true;
  EXPECT_EQ(f(Variable(3.0)).item(), 6);
  EXPECT_EQ(f.compile_count(), 2);
}

TEST(LoopPrograms, C136_StateUpdatesAround) {
  Parameter w(Variable(0.5));
  auto step = [&](const Variable &x) {
    Variable y = for_loop(4, [&](const Variable &s) { return tanh(s * w); }, x);
    Variable loss = square(y - 0.25);
    w.clear_grad();
    loss.backward();
    w.data() -= 0.5 * w.grad();
    return loss;
  };
  Numbers seen[2];
  for (int mode = 0; mode < 2; ++mode) {
    w.assign(0.5);
    auto f = compile(step);
    for (int i = 0; i < 5; ++i) {
      Variable x(0.5 + i);
      seen[mode].push_back((mode ? f(x) : step(x)).item());
      seen[mode].push_back(w.item());
    }
    if (mode)
      EXPECT_EQ(f.compile_count(), 1);
  }
  EXPECT_EQ(seen[0], seen[1]);
}

// Two captures that turn out to be one value, late in the compiler.
TEST(Cond, CapturesThatAreOneValue) {
  auto f = [](const Variable &x) {
    Variable a = max(x, {.keepdims = true}), b = min(a, {.keepdims = true});
    return cond(
        sum(b) > sum(a), [&] { return b * a + sin(b); },
        [&] { return a - b + 1; });
  };
  auto compiled = compile(f);
  Variable x(2.0);
  EXPECT_EQ(compiled(x).item(), f(x).item());
}

} // namespace
