//===- FunctionTest.cpp - operations that users write ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "etch/etch.h"

#include <gmock/gmock.h>

using namespace etch;
using testing::ElementsAre;
using testing::HasSubstr;

template <class F> static std::string message_of(F f) {
  try {
    f();
  } catch (const Error &e) {
    return e.what();
  }
  return "no error";
}

namespace {

struct Square : Function {
  Variables forward(const Variables &xs) override { return {xs[0] * xs[0]}; }
  Variables backward(const Variables &gys) override {
    return {2.0 * inputs()[0] * gys[0]};
  }
};

/// Keeps its result in a member.
struct Exponential : Function {
  Variable y;
  Variables forward(const Variables &xs) override { return {y = exp(xs[0])}; }
  Variables backward(const Variables &gys) override { return {gys[0] * y}; }
};

struct Split : Function {
  Variables forward(const Variables &xs) override {
    int64_t half = xs[0].len() / 2;
    return {xs[0][slice(0, half)], xs[0][slice(half, to_end)]};
  }
  Variables backward(const Variables &gys) override {
    int64_t half = gys[0].len();
    Variable gx = zeros_like(inputs()[0]);
    std::span<double> to = gx.span<double>();
    for (int64_t i = 0; i < half; ++i) {
      to[size_t(i)] = gys[0][i].item();
      to[size_t(half + i)] = gys[1][i].item();
    }
    return {gx};
  }
};

struct ForwardOnly : Function {
  Variables forward(const Variables &xs) override { return {xs[0] + 1.0}; }
};
struct Nothing : Function {};

} // namespace

TEST(C017_Functions, AnyOrder) {
  Square square;
  Variable x(3.0);
  Variable y = square(x);
  EXPECT_EQ(y.item(), 9);
  EXPECT_EQ(y.creator().name(), "Square");
  y.backward({.create_graph = true});
  EXPECT_EQ(x.grad().item(), 6);
  Variable gx = x.grad();
  x.clear_grad();
  gx.backward();
  EXPECT_EQ(x.grad().item(), 2);
}

TEST(C017_Functions, ResultsKeptInMembersAreInTheGraph) {
  Exponential f;
  Variable x(0.5);
  Variable y = f(x);
  Variable g = grad(y, {x}, {.create_graph = true})[0];
  Variable h = grad(g, {x}, {.create_graph = true})[0];
  EXPECT_EQ(h.item(), y.item());
  EXPECT_EQ(grad(h, {x})[0].item(), y.item());
}

TEST(C017_Functions, OneObjectManyCalls) {
  Square square;
  Variable x(2.0);
  Variable y = square(square(square(x)));
  y.backward();
  EXPECT_EQ(y.item(), 256);
  EXPECT_EQ(x.grad().item(), 8 * 128);
}

TEST(C018_Functions, MissingHalvesAreNamed) {
  Variable x(1.0);
  Nothing nothing;
  EXPECT_THAT(message_of([&] { nothing(x); }),
              HasSubstr("Nothing: forward is not implemented"));
  ForwardOnly f;
  Variable y = f(x);
  EXPECT_THAT(message_of([&] { y.backward(); }),
              HasSubstr("ForwardOnly: backward is not implemented"));
}

TEST(C019_Functions, SeveralInputsAndOutputs) {
  struct Add : Function {
    Variables forward(const Variables &xs) override { return {xs[0] + xs[1]}; }
    Variables backward(const Variables &gys) override {
      return {gys[0], gys[0]};
    }
  } sum_of;
  EXPECT_EQ(sum_of(Variable(2.0), Variable(3.0)).item(), 5);

  Split split;
  Variable x = array({1.0, 2.0, 3.0, 4.0});
  auto parts = split(x);
  ASSERT_EQ(parts.count(), 2u);
  Variables list = parts;
  (list[0] * 10 + list[1] * 100).backward();
  EXPECT_THAT(x.grad().to_vector(), ElementsAre(10, 10, 100, 100));
  // A result without gradient counts as one of zeros.
  x.clear_grad();
  sum(Variable(split(x)[1])).backward();
  EXPECT_THAT(x.grad().to_vector(), ElementsAre(0, 0, 1, 1));
}

TEST(C020_Functions, OneResultIsBare) {
  Square square;
  Variable y = square(Variable(2.0));
  auto z = square(y) + 1.0;
  EXPECT_EQ(z.item(), 17);
  EXPECT_EQ(square(3.0).item(), 9);
}

TEST(Functions, MistakesAreNamed) {
  struct TooFew : Function {
    Variables forward(const Variables &xs) override { return {xs[0] * 1.0}; }
    Variables backward(const Variables &) override { return {}; }
  } few;
  struct WrongShape : Function {
    Variables forward(const Variables &xs) override { return {sum(xs[0])}; }
    Variables backward(const Variables &gys) override { return gys; }
  } wrong;
  Variable x = ones({2});
  EXPECT_THAT(message_of([&] { few(x).backward(); }),
              HasSubstr("TooFew: backward gave 0 gradients for 1 inputs"));
  EXPECT_THAT(message_of([&] { wrong(x).backward(); }),
              HasSubstr("WrongShape: the gradient of input 0 is float64 ()"));
  Variable y = Square()(x);
  EXPECT_THAT(message_of([&] { y.backward(); }),
              HasSubstr("destroyed before backward"));
}

TEST(Functions, ReturningAnInputIsAValueOfItsOwn) {
  struct Same : Function {
    Variables forward(const Variables &xs) override { return xs; }
    Variables backward(const Variables &gys) override { return {gys[0] * 3.0}; }
  } same;
  Variable x(2.0);
  Variable y = same(x);
  EXPECT_FALSE(y.is(x));
  y.backward();
  EXPECT_EQ(x.grad().item(), 3);
}

TEST(Functions, WithoutGraph) {
  NoGrad scope;
  Square square;
  EXPECT_FALSE(bool(Variable(square(Variable(2.0))).creator()));
}
