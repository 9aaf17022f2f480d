//===- HigherOrderTest.cpp - gradients of gradients in programs -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "etch/etch.h"

#include <gmock/gmock.h>

using namespace etch;

namespace {

std::vector<double> bits(const Variable &x) {
  return x.defined() ? x.to_vector() : std::vector<double>{-12345};
}

Variable leaf(const Variable &x) {
  return from_data(std::span<const double>(x.to_vector()), x.shape());
}

/// Calls f eagerly and compiled, thrice.
template <class F> void expect_same(F f, const Variables &xs) {
  auto compiled = compile(f);
  for (int i = 0; i < 3; ++i) {
    Variables eager_args, args;
    for (const Variable &x : xs) {
      eager_args.push_back(leaf(x * (1.0 + i)));
      args.push_back(leaf(x * (1.0 + i)));
    }
    Variables eager = f(eager_args), ys = compiled(args);
    ASSERT_EQ(eager.size(), ys.size());
    for (size_t k = 0; k < ys.size(); ++k)
      EXPECT_EQ(bits(eager[k]), bits(ys[k])) << "result " << k;
    for (size_t k = 0; k < xs.size(); ++k)
      EXPECT_EQ(bits(eager_args[k].grad()), bits(args[k].grad()))
          << "gradient " << k;
  }
  EXPECT_EQ(compiled.compile_count(), 1);
}

TEST(HigherOrder, C136_FourthPower) {
  auto f = compile([](const Variable &x) {
    Variable y = pow(x, 4) - 2 * pow(x, 2);
    y.backward({.create_graph = true});
    Variable gx = x.grad();
    x.clear_grad();
    gx.backward();
    return std::pair(gx, x.grad());
  });
  for (int i = 0; i < 2; ++i) {
    auto [gx, gx2] = f(Variable(2.0));
    EXPECT_EQ(gx.item(), 24.0);
    EXPECT_EQ(gx2.item(), 44.0);
  }
}

TEST(HigherOrder, C136_DoubleBackprop) {
  auto f = compile([](const Variable &x) {
    Variable y = x * x;
    y.backward({.create_graph = true});
    Variable gx = x.grad();
    x.clear_grad();
    Variable z = gx * gx * gx + y;
    z.backward();
    return x.grad();
  });
  EXPECT_EQ(f(Variable(2.0)).item(), 100.0);
}

TEST(HigherOrder, C136_TanhOrders) {
  for (int order = 1; order <= 6; ++order) {
    auto f = [order](const Variables &xs) {
      const Variable &x = xs[0];
      Variable y = tanh(x);
      y.backward({.create_graph = true});
      for (int i = 1; i < order; ++i) {
        Variable gx = x.grad();
        x.clear_grad();
        gx.backward({.create_graph = true});
      }
      return Variables{y, x.grad()};
    };
    if (order <= 2) {
      expect_same(f, {linspace(-3, 3, 13)});
      continue;
    }
    // Equal terms are merged between orders: the last bits differ.
    auto compiled = compile(f);
    Variable a = leaf(linspace(-3, 3, 13)), b = leaf(linspace(-3, 3, 13));
    Variables eager = f({a}), ys = compiled(Variables{b});
    EXPECT_TRUE(allclose(ys[1], eager[1], {.rtol = 1e-12, .atol = 1e-10}))
        << order << ": " << eager[1] << ys[1];
  }
}

TEST(HigherOrder, C136_GradFunction) {
  expect_same(
      [](const Variables &xs) {
        Variable y = sin(xs[0]) * xs[1];
        Variables g = grad(y, xs, {.create_graph = true});
        Variable unused(1.0);
        Variables h = grad(sum(g[0] * g[1]), {xs[0], xs[1], unused, y});
        EXPECT_FALSE(h[2].defined());
        EXPECT_FALSE(h[3].defined());
        return Variables{g[0], g[1], h[0], h[1]};
      },
      {linspace(0, 1, 5), linspace(2, 3, 5)});
}

TEST(HigherOrder, C136_HessianVectorProduct) {
  expect_same(
      [](const Variables &xs) {
        Variable x = xs[0];
        auto f = [](const Variable &v) { return sum(v * v * v * exp(v)); };
        return Variables{hvp(f, x, xs[1])};
      },
      {linspace(0, 1, 5), linspace(2, 3, 5)});
}

TEST(HigherOrder, C136_HessianJacobianAndForwardMode) {
  expect_same(
      [](const Variables &xs) {
        auto f = [](const Variable &v) { return sum(v * v * v); };
        auto g = [](const Variable &v) { return sin(v) * v; };
        auto [y, jv] = jvp(g, xs[0], xs[1]);
        return Variables{hessian(f)(xs[0]), jacobian(g)(xs[0]), y, jv};
      },
      {linspace(0, 1, 3), linspace(2, 3, 3)});
}

TEST(HigherOrder, C136_SeedsAndDetach) {
  expect_same(
      [](const Variables &xs) {
        Variable y = xs[0] * xs[1] + (xs[0] * xs[0]).detach() * xs[1];
        y.set_grad(xs[1] * 2.0);
        y.backward();
        return Variables{y, xs[0].grad() * 2.0, y.grad()};
      },
      {linspace(0, 1, 5), linspace(2, 3, 5)});
}

TEST(HigherOrder, C136_OnlyWhatItDependsOn) {
  // The gradient of the slope does not depend on b: it stays without one.
  expect_same(
      [](const Variables &xs) {
        const Variable &x = xs[0], &a = xs[1], &b = xs[2];
        Variable y = a * x + b;
        Variable gx = grad(sum(y * x), {x}, {.create_graph = true})[0];
        sum(gx * gx).backward();
        Variable z = a * x * x + b;
        Variable gz = grad(sum(z), {x}, {.create_graph = true})[0];
        for (const Variable &v : xs)
          v.clear_grad();
        sum(gz).backward();
        EXPECT_FALSE(b.grad().defined());
        return Variables{gx, gz};
      },
      {linspace(0, 1, 5), linspace(2, 3, 5), linspace(4, 5, 5)});
}

struct Square : Function {
  Variables forward(const Variables &xs) override { return {xs[0] * xs[0]}; }
  Variables backward(const Variables &gys) override {
    return {2.0 * inputs()[0] * gys[0]};
  }
};

/// Two inputs, two outputs, one of which it uses in backward.
struct Polar : Function {
  Variables forward(const Variables &xs) override {
    Variable e = exp(xs[0]);
    return {e * cos(xs[1]), e * sin(xs[1])};
  }
  Variables backward(const Variables &gys) override {
    const Variables &ys = outputs();
    return {gys[0] * ys[0] + gys[1] * ys[1], gys[1] * ys[0] - gys[0] * ys[1]};
  }
};

struct NoBackward : Function {
  Variables forward(const Variables &xs) override { return {xs[0] * 3.0}; }
};

/// A gradient that is not that of the forward: shows which one is used.
struct Clip : Function {
  Variables forward(const Variables &xs) override { return {xs[0]}; }
  Variables backward(const Variables &gys) override {
    return {minimum(gys[0], 0.5), Variable()};
  }
};

TEST(UserFunction, C136_C146_FirstAndSecondOrder) {
  Square square;
  expect_same(
      [&](const Variables &xs) {
        Variable y = sum(square(square(xs[0]) + 1.0));
        y.backward({.create_graph = true});
        Variable gx = xs[0].grad();
        xs[0].clear_grad();
        sum(gx).backward();
        return Variables{y, gx};
      },
      {linspace(0, 1, 5)});
}

TEST(UserFunction, C136_C146_SeveralOutputs) {
  Polar polar;
  expect_same(
      [&](const Variables &xs) {
        Variables ys = polar(xs[0], xs[1]);
        Variables g =
            grad(sum(ys[0] * ys[0] * 2.0 + ys[1]), xs, {.create_graph = true});
        sum(g[0] * g[1]).backward();
        return Variables{ys[0], ys[1], g[0], g[1]};
      },
      {linspace(0, 1, 5), linspace(2, 3, 5)});
}

TEST(UserFunction, C136_OneOfTwoOutputs) {
  Polar polar;
  expect_same(
      [&](const Variables &xs) {
        Variables ys = polar(xs[0], xs[1]);
        sum(ys[1]).backward();
        return Variables{ys[0]};
      },
      {linspace(0, 1, 5), linspace(2, 3, 5)});
}

TEST(UserFunction, C136_C146_ItsOwnRule) {
  Clip clip;
  expect_same(
      [&](const Variables &xs) {
        Variable y = sum(clip(xs[0], xs[1]) * xs[0] * 2.0);
        y.backward();
        return Variables{y};
      },
      {linspace(-1, 1, 5), linspace(2, 3, 5)});
}

TEST(UserFunction, C136_WithoutBackward) {
  NoBackward triple;
  expect_same([&](const Variables &xs) { return Variables{triple(xs[0])}; },
              {linspace(0, 1, 5)});
  auto f = compile([&](const Variable &x) {
    Variable y = sum(triple(x));
    y.backward();
    return y;
  });
  EXPECT_THROW(f(ones({3})), UserError);
}

TEST(UserFunction, C034_WithoutGraph) {
  Square square;
  auto f = compile([&](const Variable &x) {
    NoGrad scope;
    return square(x);
  });
  Variable y = f(Variable(3.0));
  EXPECT_EQ(y.item(), 9.0);
  EXPECT_THROW(y.backward(), UserError);
  EXPECT_EQ(f.saved_bytes(), 0u);
}

TEST(Severed, C034_NoGradientOutOfAResult) {
  auto f = compile([](const Variable &x) { return x * x; });
  Variable x(3.0), y = f(x);
  EXPECT_THROW(y.backward(), UserError);
  Variable z = y * 2.0;
  EXPECT_THROW(z.backward(), UserError);
  Variable cut = y.detach() * x;
  cut.backward();
  EXPECT_EQ(x.grad().item(), 9.0);
}

} // namespace
