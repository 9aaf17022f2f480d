//===- ReplayTest.cpp - the short way of operations that a trace expects --===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An operation that goes as recorded is not inferred or converted again. Each
// case changes one thing between calls that conversion would have seen; the
// compiled call must give eager's type and bits, and the number of programs is
// known.
//===----------------------------------------------------------------------===//

#include "etch/etch.h"

#include <functional>
#include <gtest/gtest.h>

using namespace etch;

namespace {

using Step = std::function<Variable(const Variable &, int call)>;

/// Calls `step` n times, eagerly and compiled.
void expect_same(const Step &step, const Variable &x, int n, int compiles) {
  int call = 0;
  auto f = compile([&](const Variable &v) { return step(v, call); });
  for (call = 0; call < n; ++call) {
    SCOPED_TRACE(call);
    Variable expected = step(x, call), y = f(x);
    EXPECT_EQ(y.dtype(), expected.dtype());
    EXPECT_EQ(y.shape(), expected.shape());
    EXPECT_EQ(y.to_vector(), expected.to_vector());
  }
  EXPECT_EQ(f.compile_count(), compiles);
}

TEST(Replay, NumbersAreRefilled) {
  expect_same([](const Variable &x,
                 int call) { return 0.5 * call - (x * (call + 1) + call); },
              array({1.5, -2.0, 4.0}), 4, 1);
}

// Etch's own formulas have numbers that are constants of the program: a user's
// formula of the same operations is another one, unless its numbers are these.
TEST(Replay, FixedNumbersAreCompared) {
  auto formula = [](const Variable &v, double cube) {
    Variable inner = 0.7978845608028654 * (v + cube * (v * v * v));
    return 0.5 * v * (1.0 + tanh(inner));
  };
  expect_same(
      [&](const Variable &x, int call) {
        return call == 0   ? gelu(x, Gelu::tanh)
               : call == 1 ? formula(x, 0.044715)
               : call == 2 ? formula(x, 0.3)
                           : gelu(x, Gelu::tanh);
      },
      array({1.5, -2.0, 0.25}), 4, 2);
}

// x * 2 of integers stays integer, x * 2.5 does not.
TEST(Replay, KindOfANumber) {
  expect_same(
      [](const Variable &x, int call) { return call % 2 ? x * 2.5 : x * 2; },
      array({1, 2, 3}), 4, 2);
}

TEST(Replay, BroadcastOnEitherSide) {
  Variable row = array({1.0, 2.0, 3.0}), column = array({{1.0}, {10.0}});
  expect_same(
      [&](const Variable &x, int call) {
        return call % 2 ? row * x - column : column * x - row;
      },
      ones({2, 3}), 4, 2);
}

// The same operation, once with and once without a broadcast before it.
TEST(Replay, BroadcastOrNot) {
  Variable row = array({1.0, 2.0, 3.0}),
           whole = array({{1.0, 2.0, 3.0}, {4.0, 5.0, 6.0}});
  expect_same(
      [&](const Variable &x, int call) { return x + (call % 2 ? row : whole); },
      ones({2, 3}), 4, 2);
}

// A broadcast that the user asks for is an event of its own.
TEST(Replay, BroadcastByTheUser) {
  Variable row = array({1.0, 2.0, 3.0});
  expect_same(
      [&](const Variable &x, int call) {
        Variable wide = broadcast_to(row, {2, 3});
        return call % 2 ? x + wide : (x + wide) * wide;
      },
      ones({2, 3}), 4, 2);
}

TEST(Replay, NumbersOnBothSidesOfAChoice) {
  expect_same([](const Variable &x,
                 int call) { return where(x > call, 1.5 * call, -1.0); },
              array({0.5, 1.5, 2.5}), 3, 1);
}

TEST(Replay, ConvertedOperands) {
  Variable narrow = array({1.0, 2.0, 3.0}).astype(f32);
  expect_same(
      [&](const Variable &x, int call) {
        return call % 2 ? x * narrow : x * narrow.astype(f64);
      },
      array({0.1, 0.2, 0.3}), 4, 1);
}

TEST(Replay, SumsWithAndWithoutKeptAxes) {
  expect_same(
      [](const Variable &x, int call) {
        return call % 3 == 0   ? sum(x)
               : call % 3 == 1 ? sum(x, {.keepdims = true})
                               : max(x);
      },
      array({{1.0, 2.0}, {3.0, 4.0}}), 6, 3);
}

TEST(Replay, ProductsOfVectorsAndBatches) {
  Variable w = array({{1.0, 2.0}, {3.0, 4.0}}), v = array({5.0, 6.0});
  expect_same(
      [&](const Variable &x, int call) {
        return call % 2 ? matmul(x, w) + v : matmul(x, v) + v;
      },
      ones({3, 2, 2}), 4, 2);
}

// What an operation would refuse, it refuses in a known program, too.
TEST(Replay, ErrorsAreStillFound) {
  Variable good = ones({3}), bad = ones({4});
  bool broken = false;
  auto f =
      compile([&](const Variable &x) { return x + (broken ? bad : good); });
  Variable x = ones({3});
  f(x);
  f(x);
  broken = true;
  EXPECT_THROW(f(x), ShapeError);
  broken = false;
  EXPECT_EQ(f(x).to_vector(), std::vector<double>(3, 2.0));
  EXPECT_EQ(f.compile_count(), 1);
}

} // namespace
