//===- JoiningTest.cpp - several arrays as one, products, running sums ----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/compile.h"
#include "etch/etch.h"

#include <cmath>
#include <cstring>
#include <gmock/gmock.h>

using namespace etch;
using testing::ElementsAre;

namespace {

using Values = std::vector<double>;
using Body = std::function<Variable(const Variables &)>;

bool same_bits(const Variable &a, const Variable &b) {
  Values x = a.to_vector(), y = b.to_vector();
  return a.type() == b.type() &&
         (x.empty() ||
          std::memcmp(x.data(), y.data(), x.size() * sizeof(double)) == 0);
}

/// Eager and compiled agree in the value, its gradient and the gradient of
/// that.
void expect_same(const Body &f, const Variables &xs) {
  auto all = [&](const Variables &xs) {
    Variable y = f(xs);
    Variables results{y};
    Variables first = grad(sum(y * y * y), xs, {.create_graph = true});
    Variable slope(0.0);
    for (const Variable &g : first)
      slope = slope + sum(g * g);
    for (const Variables &gs : {first, grad(slope, xs)})
      results.insert(results.end(), gs.begin(), gs.end());
    return results;
  };
  Variables eager = all(xs), compiled = compile(all)(xs);
  ASSERT_EQ(eager.size(), compiled.size());
  for (size_t i = 0; i < eager.size(); ++i)
    EXPECT_TRUE(same_bits(eager[i], compiled[i])) << "result " << i;
}

TEST(Concat, KeepsEveryBit) {
  Variable x = array({-0.0, 0.0, -INFINITY, NAN, 1e-310, -2.0});
  for (int axis : {0, 1}) {
    Variable rows = reshape(x, {2, 3});
    auto f = [&](const Variable &a, const Variable &b) {
      return concat({a, b, a}, axis);
    };
    Variable y = f(rows, rows + 0.0), z = compile(f)(rows, rows + 0.0);
    EXPECT_TRUE(same_bits(y, z));
    EXPECT_TRUE(std::signbit(z.to_vector()[0]));
  }
}

TEST(Concat, GradientsOfOneArrayTwice) {
  Variable x = random::randn({3, 4}), w = random::randn({2, 4});
  expect_same([](auto &v) { return concat({v[0], v[1], v[0] * 2.0}, 0); },
              {x, w});
  expect_same([](auto &v) { return concat({v[0], tanh(v[0]), v[0]}, 1); }, {x});
  expect_same([](auto &v) { return stack({v[0], exp(v[0])}, -1); }, {x});
}

TEST(Concat, ManyArrays) {
  Variable x = random::randn({5, 3}).astype(f32);
  auto many = [](const Variables &v) {
    Variables rows;
    for (int i = 0; i < 300; ++i)
      rows.push_back(v[0] * double(i));
    return stack(rows, 1);
  };
  expect_same(many, {x});
  Variable y = many(Variables{x});
  EXPECT_EQ(y.shape(), (Shape{5, 300, 3}));
  EXPECT_EQ((y[{2, 299, 1}]).item(), (x[{2, 1}] * 299.0).item());
}

TEST(Concat, OtherTypes) {
  Variable i = array({1, 2}), b = i > 1;
  auto f = compile([](const Variable &i, const Variable &b) {
    return Variables{concat({i, i + 1}), concat({b, b, b}), concat({i, b})};
  });
  Variables y = f(i, b);
  EXPECT_THAT(y[0].to_vector<int64_t>(), ElementsAre(1, 2, 2, 3));
  EXPECT_EQ(y[1].dtype(), boolean);
  EXPECT_THAT(y[1].to_vector(), ElementsAre(0, 1, 0, 1, 0, 1));
  EXPECT_THAT(y[2].to_vector<int64_t>(), ElementsAre(1, 2, 0, 1));
  EXPECT_THAT(concat({b, b}).to_vector(), ElementsAre(0, 1, 0, 1));
}

TEST(Concat, WithoutElements) {
  Variable x = random::randn({2, 3});
  Variable y = concat({x[{all, slice(0, 0)}], x, x[{all, slice(3, 3)}]}, 1);
  EXPECT_EQ(y.to_vector(), x.to_vector());
  expect_same([](auto &v) { return concat({v[0], v[0][slice(0, 0)]}, 0); },
              {x});
}

TEST(Split, Parts) {
  Variable x = arange(12).astype(f64).reshape(2, 6);
  Variables parts = split(x, 3, 1);
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_THAT(parts[1].to_vector(), ElementsAre(2, 3, 8, 9));
  EXPECT_THROW(split(x, 4, 1), ShapeError);
  EXPECT_THROW(split(x, {1, 2}, 1), ShapeError);
  EXPECT_THROW(split(x, {7, -1}, 1), ValueError);
  expect_same(
      [](auto &v) {
        Variables p = split(v[0], {1, 0, 5}, 1);
        return p[0] * p[2];
      },
      {random::randn({2, 6})});
}

TEST(Pad, ConstantsAround) {
  Variable x = array({{1.0, 2.0}, {3.0, 4.0}});
  EXPECT_THAT(pad(x, {{1, 0}, {0, 2}}, -1).to_vector(),
              ElementsAre(-1, -1, -1, -1, 1, 2, -1, -1, 3, 4, -1, -1));
  expect_same(
      [](auto &v) {
        return pad(pad(v[0], {{1, 0}, {0, 2}}, 3), {{0, 2}, {1, 1}});
      },
      {random::randn({3, 21})});
}

TEST(Shapes, FlipRollTileRepeat) {
  Variable x = arange(6).reshape(2, 3);
  EXPECT_THAT(flip(x).to_vector<int64_t>(), ElementsAre(5, 4, 3, 2, 1, 0));
  EXPECT_THAT(flip(x, 1).to_vector<int64_t>(), ElementsAre(2, 1, 0, 5, 4, 3));
  EXPECT_THAT(roll(x, 1, 1).to_vector<int64_t>(),
              ElementsAre(2, 0, 1, 5, 3, 4));
  EXPECT_THAT(roll(x, -5, 1).to_vector<int64_t>(),
              ElementsAre(2, 0, 1, 5, 3, 4));
  EXPECT_THAT(tile(x, {2}).to_vector<int64_t>(),
              ElementsAre(0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5));
  EXPECT_EQ(tile(x, {2, 1, 3}).shape(), (Shape{2, 2, 9}));
  EXPECT_THAT(repeat(x, 2, 1).to_vector<int64_t>(),
              ElementsAre(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5));
  Variable v = random::randn({4, 19});
  expect_same([](auto &v) { return flip(v[0]) * v[0]; }, {v});
  expect_same([](auto &v) { return roll(v[0], 3, 1) * v[0]; }, {v});
  expect_same([](auto &v) { return tile(v[0], {2, 3}); }, {v});
  expect_same([](auto &v) { return repeat(v[0], 3, 0); }, {v});
}

TEST(Prod, ZerosHaveExactGradients) {
  // No zero, one, two: gradients of all orders are products of the others.
  Variable x = array({{2.0, 3.0, 5.0}, {0.0, 3.0, 5.0}, {0.0, 0.0, 5.0}});
  Variable y = prod(x, {.axis = 1});
  EXPECT_THAT(y.to_vector(), ElementsAre(30, 0, 0));
  Variable g = grad(sum(y), {x}, {.create_graph = true})[0];
  EXPECT_THAT(g.to_vector(), ElementsAre(15, 10, 6, 15, 0, 0, 0, 0, 0));
  Variable h = grad(sum(g[{all, 0}]), {x})[0];
  EXPECT_THAT(h.to_vector(), ElementsAre(0, 5, 3, 0, 5, 3, 0, 5, 0));
}

TEST(Prod, AxesAndTypes) {
  Variable x = arange(1, 7).reshape(2, 3);
  EXPECT_EQ(prod(x).item<int64_t>(), 720);
  EXPECT_THAT(prod(x, {.axis = 0, .keepdims = true}).to_vector<int64_t>(),
              ElementsAre(4, 10, 18));
  EXPECT_EQ(prod(x, {.axis = {0, 1}, .keepdims = true}).shape(), (Shape{1, 1}));
  EXPECT_EQ(prod(x > 0).item<int64_t>(), 1);
  EXPECT_THAT(prod(zeros({0, 2}), {.axis = 0}).to_vector(), ElementsAre(1, 1));
  EXPECT_EQ(prod(zeros({0, 2}), {.axis = 1}).shape(), Shape{0});
  expect_same([](auto &v) { return prod(v[0], {.axis = {0, 2}}); },
              {random::randn({3, 4, 5})});
}

TEST(Cumsum, AlongAxes) {
  Variable x = arange(1, 7).reshape(2, 3);
  EXPECT_THAT(cumsum(x).to_vector<int64_t>(), ElementsAre(1, 3, 6, 10, 15, 21));
  EXPECT_THAT(cumsum(x, 0).to_vector<int64_t>(), ElementsAre(1, 2, 3, 5, 7, 9));
  EXPECT_THAT(cumsum(x, {.axis = -1, .reverse = true}).to_vector<int64_t>(),
              ElementsAre(6, 5, 3, 15, 11, 6));
  EXPECT_THAT(cumsum(x > 2).to_vector<int64_t>(),
              ElementsAre(0, 0, 1, 2, 3, 4));
  EXPECT_TRUE(std::signbit(cumsum(array({-0.0}), 0).to_vector()[0]));
  EXPECT_THROW(cumsum(x, 2), ShapeError);
  EXPECT_THROW(cumsum(x, {.axis = {0, 1}}), ShapeError);
  for (Shape shape : {Shape{3, 500}, Shape{40, 33}, Shape{1}, Shape{0, 3}})
    expect_same([](auto &v) { return cumsum(v[0], 0); },
                {random::randn(shape)});
}

TEST(Argmin, OfIntegers) {
  Variable x = array({{3, 1, 1}, {INT64_MIN, 4, INT64_MAX}});
  EXPECT_THAT(argmin(x, {.axis = 1}).to_vector<int64_t>(), ElementsAre(1, 0));
  EXPECT_EQ(argmin(array({2.0, NAN, 0.0})).item<int64_t>(), 1);
}

TEST(Tensordot, LastAxesWithFirst) {
  Variable x = random::randn({2, 3, 4}), w = random::randn({3, 4, 5});
  EXPECT_EQ(tensordot(x, w).to_vector(),
            tensordot(x, w, {{1, 2}, {0, 1}}).to_vector());
  EXPECT_EQ(tensordot(x, w, 0).shape(), (Shape{2, 3, 4, 3, 4, 5}));
  EXPECT_THROW(tensordot(x, w, 4), ShapeError);
  EXPECT_THROW(tensordot(x, w, 1), ShapeError);
}

} // namespace
