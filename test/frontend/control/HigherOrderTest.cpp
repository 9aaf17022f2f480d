//===- HigherOrderTest.cpp - gradients of all orders through loops --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Also: which arrays they reach. Where the unrolled loop gives an array no
// gradient, so must the program.
//===----------------------------------------------------------------------===//

#include "etch/etch.h"

#include <cmath>
#include <gmock/gmock.h>

using namespace etch;

namespace {

using Numbers = std::vector<double>;

Numbers bits(const Variable &x) {
  return x.defined() ? x.to_vector() : Numbers{-12345};
}

Variable fresh(const Variable &x) {
  Variable y = zeros_like(x);
  y.assign(x);
  return y;
}

/// Calls f eagerly and compiled: results and gradients, and whether they are
/// there, up to `error` relatively.
template <class F>
void expect_same(F f, const Variables &xs, const Variables &captured = {},
                 double error = 0, const CompileOptions &options = {}) {
  auto compiled = compile(f, options);
  std::vector<Numbers> seen[3];
  for (int mode = 0; mode < 3; ++mode) {
    Variables args;
    for (const Variable &x : xs)
      args.push_back(fresh(x));
    for (const Variable &c : captured)
      c.clear_grad();
    Variables ys = mode ? compiled(args) : f(args);
    for (const Variable &y : ys)
      seen[mode].push_back(bits(y));
    for (const Variables &list : {args, captured})
      for (const Variable &x : list)
        seen[mode].push_back(bits(x.grad()));
  }
  EXPECT_EQ(compiled.compile_count(), 1);
  EXPECT_EQ(seen[1], seen[2]);
  ASSERT_EQ(seen[0].size(), seen[1].size());
  for (size_t i = 0; i < seen[0].size(); ++i) {
    ASSERT_EQ(seen[0][i].size(), seen[1][i].size()) << "value " << i;
    for (size_t k = 0; k < seen[0][i].size(); ++k)
      EXPECT_NEAR(seen[0][i][k], seen[1][i][k], error * std::abs(seen[0][i][k]))
          << "value " << i << ", element " << k;
  }
}

TEST(LoopGradients, C047_WhatTheSecondOrderReaches) {
  Parameter w(Variable(1.5)), b(Variable(0.25)), unused(Variable(1.0));
  auto f = [&](const Variables &xs) {
    Variable y = for_loop(
        3, [&](const Variable &s) { return s * w + b * xs[1]; }, xs[0]);
    Variables g = grad(y, {xs[0], w, b, unused}, {.create_graph = true});
    EXPECT_FALSE(g[3].defined());
    // dy/dx = w³ reaches w alone, dy/db reaches w and x1.
    Variables h = grad(g[0], {xs[0], xs[1], w, b});
    Variables k = grad(g[2], {xs[0], xs[1], w, b});
    Variables all = {y, g[0], g[1], g[2]};
    all.insert(all.end(), h.begin(), h.end());
    all.insert(all.end(), k.begin(), k.end());
    return all;
  };
  expect_same(f, {Variable(2.0), Variable(0.5)}, {}, 1e-14);
}

TEST(LoopGradients, C047_BackwardTwiceThroughAScan) {
  Parameter w(array({0.5, -0.5}));
  auto f = [&](const Variables &xs) {
    auto [h, ys] = scan(
        [&](const Variable &s, const Variable &in) {
          Variable next = tanh(s * w + in);
          return std::pair(next, next * in);
        },
        xs[1], xs[0]);
    (sum(ys * ys) + sum(h)).backward({.create_graph = true});
    Variable g = w.grad();
    Variable gx = xs[0].grad();
    for (const Variable &x : {xs[0], xs[1], Variable(w)})
      x.clear_grad();
    (sum(g * g) + sum(gx * gx)).backward();
    return Variables{h, ys, g, gx};
  };
  expect_same(f, {linspace(-1, 1, 8).reshape(4, 2), array({0.1, 0.2})}, {w},
              1e-12);
}

/// The sums of a value that is a state, an output and read twice by backward
/// loops have their terms in one order.
TEST(LoopGradients, C047_SecondOrderHasTheSameBits) {
  using Body = std::function<Variable(const Variable &, const Variable &)>;
  const Body bodies[] = {
      [](const Variable &h, const Variable &) { return tanh(h * h); },
      [](const Variable &h, const Variable &w) { return tanh(h * h * w); },
      [](const Variable &h, const Variable &w) {
        Variable a = h + w;
        return tanh(a) * a;
      }};
  Variable x = sin(arange(40.0)), w = cos(arange(40.0) * 1.7);
  auto twice = [](const Variable &y, const Variables &xs) {
    Variables first = grad(sum(y), xs, {.create_graph = true});
    Variables all = grad(sum(first[0] * 0.5 + first[1]), xs);
    all.insert(all.end(), first.begin(), first.end());
    return all;
  };
  for (const Body &body : bodies) {
    auto repeated = [&](int n) {
      return [&, n](const Variables &xs) {
        Variable y = for_loop(
            n, [&](const Variable &h) { return body(h, xs[1]); }, xs[0]);
        return twice(y * y * tanh(y) * xs[1], xs);
      };
    };
    expect_same(repeated(1), {x, w});
    expect_same(repeated(3), {x, w});
    expect_same(
        [&](const Variables &xs) {
          auto [last, ys] = scan(
              [&](const Variable &h, const Variable &in) {
                Variable next = body(h, xs[1]) + in;
                return std::pair(next, next);
              },
              xs[0], stack({xs[0], xs[1]}));
          return twice(ys * ys + last, xs);
        },
        {x, w});
    expect_same(
        [&](const Variables &xs) {
          auto until = [&](const Variable &from, const Variable &step) {
            return while_loop([](const Variables &s) { return s[1] < 2.5; },
                              [&](const Variables &s) -> Variables {
                                return {body(s[0], step),
                                        s[1] + 0.5 * s[1] + 0.25};
                              },
                              {from, mean(abs(from))}, {.max_iterations = 6});
          };
          Variables a = until(xs[0], xs[1]), b = until(a[0], sin(xs[0]));
          return twice(b[0] * xs[1] + a[1] * b[1], xs);
        },
        {x, w});
  }
}

TEST(LoopGradients, C047_ThroughBranches) {
  Parameter w(Variable(1.5));
  auto f = [&](const Variables &xs) {
    Variable y = cond(
        xs[0] > 0, [&] { return pow(xs[0], 3) * w; },
        [&] { return exp(xs[0] * w); });
    Variable g = grad(y, {xs[0]}, {.create_graph = true})[0];
    g.backward();
    return Variables{y, g};
  };
  expect_same(f, {Variable(2.0)}, {w}, 1e-14);
  expect_same(f, {Variable(-2.0)}, {w}, 1e-14);
}

TEST(LoopGradients, C132_GradientStepsInABody) {
  // The result of some descent, differentiated with respect to its rate and to
  // the loss that it descends.
  Parameter a(array({1.0, 3.0})), rate(Variable(0.05));
  auto f = [&](const Variables &xs) {
    Variable found = for_loop(
        5,
        [&](const Variable &s) {
          Variable loss = sum(a * square(s - xs[1]) + pow(s, 4));
          Variable g = grad(loss, {s}, {.create_graph = true})[0];
          return s - rate * g;
        },
        xs[0]);
    Variable loss = sum(square(found));
    loss.backward();
    return Variables{loss, found};
  };
  expect_same(f, {array({0.5, -0.5}), array({0.25, 1.0})}, {a, rate}, 1e-13);
}

TEST(LoopGradients, DetachInABody) {
  Parameter w(Variable(1.5));
  auto f = [&](const Variables &xs) {
    Variable y = for_loop(
        4, [&](const Variable &s) { return s.detach() * w + s * 0.5; }, xs[0]);
    y.backward();
    return Variables{y};
  };
  expect_same(f, {Variable(2.0)}, {w});
}

TEST(LoopGradients, StatesThatDoNotMeet) {
  // y does not reach x1, whatever the loop carries beside.
  auto f = [](const Variables &xs) {
    Variables r = for_loop(3,
                           [](const Variables &s) -> Variables {
                             return {s[0] * 2.0, s[1] * 3.0, s[2] + 1};
                           },
                           {xs[0], xs[1], 0});
    r[0].backward();
    EXPECT_FALSE(xs[1].grad());
    return Variables{r[0], r[1]};
  };
  expect_same(f, {Variable(2.0), Variable(3.0)});
}

TEST(LoopGradients, StatesThatAreForgotten) {
  // The last state comes from w alone: x has no gradient, though it is read.
  Parameter w(Variable(1.5));
  auto f = [&](const Variables &xs) {
    Variable y = for_loop(1, [&](const Variable &) { return sin(w); }, xs[0]);
    Variables r = for_loop(
        1, [&](const Variables &s) -> Variables { return {s[1] * w, s[0]}; },
        {xs[1], y});
    r[0].backward();
    return r;
  };
  expect_same(f, {Variable(2.0), Variable(3.0)}, {w});
}

TEST(LoopGradients, RetainedAndCut) {
  Parameter w(Variable(1.5));
  auto f = [&](const Variables &xs) {
    Variable before = xs[0] * w;
    Variable y =
        for_loop(3, [&](const Variable &s) { return sin(s) * w; }, before);
    Variable z = y * y;
    z.backward({.retain_grad = true});
    Variables grads = {z, before.grad(), y.grad(), z.grad()};
    w.clear_grad();
    z.unchain_backward();
    (y * w).backward();
    return grads;
  };
  expect_same(f, {Variable(2.0)}, {w});
}

struct Looped : Function {
  Variables forward(const Variables &xs) override {
    return {for_loop(3, [](const Variable &s) { return s * 2.0; }, xs[0])};
  }
  Variables backward(const Variables &gys) override {
    const Variable &x = inputs()[0];
    return {for_loop(
        3, [&](const Variable &g) { return g * 2.0 + x * 0.0; }, gys[0])};
  }
};

TEST(LoopGradients, LoopsInAUserFunction) {
  Looped looped;
  auto f = [&](const Variables &xs) {
    Variable y = looped(xs[0] * xs[0]);
    Variable g = grad(y, {xs[0]}, {.create_graph = true})[0];
    g.backward();
    return Variables{y, g};
  };
  expect_same(f, {Variable(2.0)});
}

TEST(LoopGradients, C039_C048_TransformsOfLoops) {
  auto f = [](const Variables &xs) {
    auto power = [](const Variable &x) {
      return sum(
          for_loop(3, [&](const Variable &s) { return s * x; }, ones_like(x)));
    };
    const Variable &x = xs[0];
    auto [y, slope] = jvp(power, x, xs[1]);
    return Variables{y, slope, grad(power)(x), hvp(power, x, xs[1]),
                     hessian(power)(x)};
  };
  expect_same(f, {array({2.0, 3.0}), array({1.0, -1.0})}, {}, 1e-13);
  Variables ys = compile(f)(Variables{array({2.0, 3.0}), array({1.0, -1.0})});
  EXPECT_EQ(ys[0].item(), 8 + 27);
  EXPECT_EQ(ys[1].item(), 12 - 27);
  EXPECT_EQ(bits(ys[4]), (Numbers{12, 0, 0, 18}));
}

TEST(LoopGradients, TransformsInABody) {
  auto f = [](const Variables &xs) {
    auto quartic = [](const Variable &x) { return pow(x, 4) - 2 * pow(x, 2); };
    Variable x = for_loop(
        4,
        [&](const Variable &s) {
          return s - grad(quartic)(s) / grad(grad(quartic))(s);
        },
        xs[0]);
    Variable v = for_loop(
        2,
        [&](const Variable &s) {
          return jvp([](const Variable &u) { return u * u; }, s, s).second;
        },
        xs[0]);
    return Variables{x, v};
  };
  expect_same(f, {Variable(2.0)}, {}, 1e-14);
}

TEST(LoopGradients, PureFunctionsAndChecks) {
  Parameter w(Variable(0.5));
  auto f = [&](const Variables &xs) {
    Variable y = while_loop([](const Variable &s) { return s < 10; },
                            [&](const Variable &s) { return s * (w + 1); },
                            xs[0], {.max_iterations = 50});
    y.backward();
    return Variables{y};
  };
  expect_same(f, {Variable(1.0)}, {w}, 0, {.pure = true});
  auto compiled = compile(f);
  Variables xs = {Variable(1.0)};
  CheckReport report = compiled.check(xs);
  EXPECT_TRUE(report) << report.difference;
}

TEST(LoopGradients, ManyIterationsAndSteps) {
  // The tape is planned: 2000 steps of 50 numbers.
  Parameter w(linspace(0.5, 0.9, 50));
  auto f = [&](const Variables &xs) {
    Variable y = for_loop(
        2000, [&](const Variable &s) { return sin(s * w) + 0.1; }, xs[0]);
    sum(y).backward();
    return Variables{y};
  };
  expect_same(f, {linspace(0, 1, 50)}, {w});
}

} // namespace
