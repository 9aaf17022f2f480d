//===- TransformsTest.cpp - functions of functions ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Against closed forms, eagerly and compiled, with the same bits.
//===----------------------------------------------------------------------===//

#include "etch/etch.h"

#include <cmath>
#include <gmock/gmock.h>

using namespace etch;
using testing::AllOf;
using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pointwise;

namespace {

using Numbers = std::vector<double>;

/// The values of f(xs), eagerly and compiled; they must have the same bits.
template <class F> std::vector<Numbers> both(F f, const Variables &xs) {
  auto values = [](const Variables &ys) {
    std::vector<Numbers> all;
    for (const Variable &y : ys)
      all.push_back(y.defined() ? y.to_vector() : Numbers{});
    return all;
  };
  std::vector<Numbers> eager = values(f(xs));
  auto compiled = compile(f);
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(eager, values(compiled(xs)));
  EXPECT_EQ(compiled.compile_count(), 1);
  return eager;
}

auto near(const Numbers &expected, double error = 1e-12) {
  return Pointwise(DoubleNear(error), expected);
}

Variable cube(const Variable &x) { return x * x * x; }

TEST(Transforms, C039_JacobianTimesVector) {
  auto composite = [](const Variable &x) { return square(exp(square(x))); };
  auto r = both(
      [&](const Variables &xs) {
        auto [y, slope] = jvp(composite, xs[0], 1.0);
        return Variables{y, slope};
      },
      {Variable(0.5)});
  EXPECT_THAT(r[0], near({std::exp(0.5)}));
  EXPECT_THAT(r[1], near({3.297442541400256}));
  // d(x y, x + 2y) = (y dx + x dy, dx + 2 dy)
  r = both(
      [](const Variables &xs) {
        auto f = [](const Variables &v) {
          return Variables{v[0] * v[1], v[0] + 2 * v[1]};
        };
        auto [ys, products] = jvp(f, xs, Variables{array({1.0, 0.5}), xs[0]});
        return products;
      },
      {array({2.0, 3.0}), array({5.0, 7.0})});
  EXPECT_THAT(r[0], near({5 + 2 * 2, 7 * 0.5 + 3 * 3}));
  EXPECT_THAT(r[1], near({1 + 2 * 2, 0.5 + 2 * 3}));
}

TEST(Transforms, GradientsOfSeveralArguments) {
  auto f = [](const Variable &x, const Variable &y) { return sum(x * x * y); };
  auto r = both(
      [&](const Variables &xs) {
        auto [value, g] = value_and_grad(f)(xs[0], xs[1]);
        return Variables{value, g[0], g[1]};
      },
      {array({1.0, 2.0}), array({3.0, 4.0})});
  EXPECT_EQ(r[0], Numbers{19});
  EXPECT_THAT(r[1], ElementsAre(6, 16));
  EXPECT_THAT(r[2], ElementsAre(1, 4));
  // A list; further results; integers, which have no gradient.
  Variable x = array({1.0, 2.0});
  auto many = [](const Variables &v) {
    return std::pair(sum(v[0] * v[1]), v[0] + 1);
  };
  auto [ys, gs] = value_and_grad(many)(Variables{x, array({3, 4})});
  ASSERT_EQ(ys.size(), 2u);
  EXPECT_EQ(ys[0].item(), 11);
  EXPECT_THAT(gs[0].to_vector(), ElementsAre(3, 4));
  EXPECT_FALSE(gs[1].defined());
  EXPECT_FALSE(x.grad());
  // What f does not use; what it captures.
  auto h = [&](const Variable &u, const Variable &) { return sum(u * x); };
  Variables g = grad(h)(x, x);
  EXPECT_THAT(g[0].to_vector(), ElementsAre(1, 2));
  EXPECT_THAT(g[1].to_vector(), ElementsAre(0, 0));
}

TEST(Transforms, AnyOrder) {
  auto r = both(
      [](const Variables &xs) {
        auto d1 = grad(cube);
        auto d2 = grad(d1);
        auto d3 = grad(d2);
        auto d4 = grad(d3);
        Variable x = xs[0];
        return Variables{d1(x), d2(x), d3(x), d4(x)};
      },
      {Variable(2.0)});
  EXPECT_EQ(r, (std::vector<Numbers>{{12}, {12}, {6}, {0}}));
  // Third derivatives as a Jacobian of a Hessian: of sum(x³ y) they are 6 y on
  // the diagonal.
  r = both(
      [](const Variables &xs) {
        auto f = [&](const Variable &x) { return sum(cube(x) * xs[1]); };
        return Variables{jacobian(hessian(f))(xs[0])};
      },
      {array({1.0, 2.0}), array({1.0, 3.0})});
  EXPECT_THAT(r[0], ElementsAre(6, 0, 0, 0, 0, 0, 0, 18));
  // Forward over reverse is the Hessian times a vector, and so is hvp.
  r = both(
      [](const Variables &xs) {
        auto f = [](const Variable &x) { return sum(exp(x)) * sum(x); };
        return Variables{jvp(grad(f), xs[0], xs[1]).second,
                         hvp(f, xs[0], xs[1]),
                         matmul(hessian(f)(xs[0]), xs[1])};
      },
      {array({0.5, 1.0}), array({1.0, -2.0})});
  EXPECT_THAT(r[0], near(r[1]));
  EXPECT_THAT(r[2], near(r[1]));
}

TEST(Transforms, WhatAFunctionCapturesIsConstant) {
  // f(u) = u x², so df/du = x² and d/dx of that is 2x; not 3x².
  auto r = both(
      [](const Variables &xs) {
        auto outer = [](const Variable &x) {
          Variable z = x * x;
          return grad([&](const Variable &u) { return u * z; })(x);
        };
        Variable x = xs[0];
        return Variables{outer(x), grad(outer)(x)};
      },
      {Variable(3.0)});
  EXPECT_EQ(r[0], Numbers{9});
  EXPECT_EQ(r[1], Numbers{6});
}

TEST(Transforms, VectorTimesJacobian) {
  auto r = both(
      [](const Variables &xs) {
        auto f = [](const Variable &x) { return x * sum(x); };
        auto [y, pull] = vjp(f, xs[0]);
        auto g = [](const Variables &v) {
          return Variables{v[0] * v[1], v[0] + 1};
        };
        auto [ys, pull2] = vjp(g, xs);
        Variables gs = pull2({xs[1], xs[0]});
        return Variables{y, pull(array({1.0, 0.0})), gs[0], gs[1]};
      },
      {array({1.0, 2.0}), array({3.0, 5.0})});
  EXPECT_THAT(r[0], ElementsAre(3, 6));
  EXPECT_THAT(r[1], ElementsAre(4, 1));
  EXPECT_THAT(r[2], ElementsAre(9 + 1, 25 + 2));
  EXPECT_THAT(r[3], ElementsAre(3, 10));
}

TEST(Transforms, Jacobians) {
  auto r = both(
      [](const Variables &xs) {
        auto f = [](const Variable &x, const Variable &y) {
          return concat({x * y, 2 * x});
        };
        Variables j = jacobian(f)(xs[0], xs[1]);
        auto two = [](const Variable &x) {
          return std::pair(sum(x), matmul(x, x));
        };
        Variables k = jacobian(two)(xs[0]);
        auto both = [](const Variables &v) {
          return Variables{v[0] * v[1], v[1]};
        };
        std::vector<Variables> m = jacobian(both)(xs);
        return Variables{j[0], j[1], k[0], k[1], m[0][0], m[0][1], m[1][0]};
      },
      {array({1.0, 2.0}), array({3.0, 5.0})});
  EXPECT_THAT(r[0], ElementsAre(3, 0, 0, 5, 2, 0, 0, 2));
  EXPECT_THAT(r[1], ElementsAre(1, 0, 0, 2, 0, 0, 0, 0));
  EXPECT_THAT(r[2], ElementsAre(1, 1));
  EXPECT_THAT(r[3], ElementsAre(2, 4));
  EXPECT_THAT(r[4], ElementsAre(3, 0, 0, 5));
  EXPECT_THAT(r[5], ElementsAre(1, 0, 0, 2));
  EXPECT_THAT(r[6], ElementsAre(0, 0, 0, 0));
  // Shapes count elements; float32 stays.
  Variable x = astype(ones({2, 3}), f32);
  Variable j = jacobian([](const Variable &v) { return v.T(); })(x);
  EXPECT_EQ(j.shape(), (Shape{6, 6}));
  EXPECT_EQ(j.dtype(), f32);
  EXPECT_EQ(jacobian(cube)(zeros({0})).shape(), (Shape{0, 0}));
  EXPECT_EQ(jacobian(cube)(2.0).to_vector(), Numbers{12});
}

TEST(Transforms, Hessians) {
  auto r = both(
      [](const Variables &xs) {
        // x' x y[0]: blocks 2 y[0] I, 2 x in the first column.
        auto f = [](const Variable &x, const Variable &y) {
          return sum(x * x) * y[0];
        };
        std::vector<Variables> h = hessian(f)(xs[0], xs[1]);
        Variables p = hvp([&](const Variables &v) { return f(v[0], v[1]); }, xs,
                          Variables{array({1.0, 0.0}), array({1.0, 0.0})});
        return Variables{h[0][0], h[0][1], h[1][0], h[1][1], p[0], p[1]};
      },
      {array({1.0, 2.0}), array({3.0, 5.0})});
  EXPECT_THAT(r[0], ElementsAre(6, 0, 0, 6));
  EXPECT_THAT(r[1], ElementsAre(2, 0, 4, 0));
  EXPECT_THAT(r[2], ElementsAre(2, 4, 0, 0));
  EXPECT_THAT(r[3], ElementsAre(0, 0, 0, 0));
  EXPECT_THAT(r[4], ElementsAre(6 + 2, 4));
  EXPECT_THAT(r[5], ElementsAre(2, 0));
  EXPECT_THAT(
      hessian([](const Variable &x) { return sum(x); })(ones({2})).to_vector(),
      ElementsAre(0, 0, 0, 0));
}

TEST(Transforms, Modes) {
  Variable x(2.0);
  {
    NoGrad scope;
    auto [y, g] = value_and_grad(cube)(x);
    EXPECT_EQ(g.item(), 12);
    EXPECT_FALSE(y.creator());
    EXPECT_FALSE(g.creator());
  }
  // Constants, too, have a derivative here; a number will do.
  EXPECT_EQ(grad(cube)(x.detach()).item(), 12);
  EXPECT_EQ(grad(cube)(2.0).item(), 12);
  EXPECT_EQ(grad(etch::sin)(0.0).item(), 1);
  auto id = [](const Variable &v) { return v; };
  EXPECT_EQ(grad(id)(x.detach()).item(), 1);
  auto compiled =
      compile([](const Variable &v) { return grad(cube)(v.detach()); });
  EXPECT_EQ(compiled(x).item(), 12);
  // The gradient penalty: through a gradient to what the function captures.
  Variable w(3.0);
  auto f = [&](const Variable &v) { return square(v) * w; };
  square(grad(f)(x) - 1).backward();
  EXPECT_EQ(w.grad().item(), 2 * 11 * 4);
}

template <class E, class F> std::string message_of(F f) {
  try {
    f();
  } catch (const E &e) {
    return e.what();
  } catch (const Error &e) {
    return std::string("another error: ") + e.what();
  }
  return "no error";
}

TEST(Transforms, Errors) {
  Variable x = ones({2});
  EXPECT_THAT(message_of<DTypeError>([] { grad(cube)(1); }),
              AllOf(HasSubstr("no argument is a float: the first one is int64"),
                    HasSubstr("[TransformsTest.cpp:")));
  EXPECT_THAT(message_of<ShapeError>([&] { hessian(cube)(x); }),
              HasSubstr("hessian: the function gives float64 (2,), not one"));
  EXPECT_THAT(message_of<ShapeError>([&] { hvp(cube, x, x); }),
              HasSubstr("hvp: the function gives float64 (2,)"));
  EXPECT_THAT(message_of<ShapeError>([&] { jvp(cube, x, ones({3})); }),
              HasSubstr("jvp: the vector is float64 (3,), it must be"));
  EXPECT_THAT(message_of<ShapeError>([&] { vjp(cube, x).second(1.0); }),
              HasSubstr("vjp: the vector is float64 (), it must be"));
  EXPECT_THAT(message_of<ValueError>([&] { grad(cube)(Variable()); }),
              HasSubstr("an argument is empty"));
  EXPECT_THAT(message_of<ValueError>([&] {
                grad([](const Variable &) { return Variable(); })(x);
              }),
              HasSubstr("the function gave an empty Variable"));
}

} // namespace
