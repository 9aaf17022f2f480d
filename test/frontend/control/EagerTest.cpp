//===- EagerTest.cpp - loops and branches that run at once ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "etch/etch.h"

#include <gmock/gmock.h>

using namespace etch;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

/// The message of the E that f throws.
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

std::string at(int line) { return "[EagerTest.cpp:" + std::to_string(line); }

TEST(EagerCond, OneBranchRuns) {
  Variable x(3.0);
  int calls = 0;
  auto f = [&] {
    return cond(
        x > 0, [&] { return x * x; },
        [&] {
          ++calls;
          return -x;
        });
  };
  Variable y = f();
  y.backward();
  EXPECT_EQ(y.item(), 9);
  EXPECT_EQ(x.grad().item(), 6);
  EXPECT_EQ(calls, 0);
  x.assign(-2.0);
  x.clear_grad();
  y = f();
  y.backward();
  EXPECT_EQ(y.item(), 2);
  EXPECT_EQ(x.grad().item(), -1);
  EXPECT_EQ(calls, 1);
}

TEST(EagerCond, ResultsOfManyKinds) {
  Variable x(3.0);
  auto [a, b] = cond(
      x > 0, [&] { return std::pair(x, x + 1); },
      [&] { return std::pair(-x, x); });
  EXPECT_EQ(a.item(), 3);
  EXPECT_EQ(b.item(), 4);
  Variables list = cond(
      x < 0, [&] { return Variables{x, x}; }, [&] { return Variables{-x, x}; });
  EXPECT_EQ(list[0].item(), -3);
  // A host value is an ordinary `if`; one element is a scalar.
  EXPECT_EQ(cond(true, [&] { return x; }, [&] { return -x; }).item(), 3);
  EXPECT_EQ(
      cond(array({1.0}) > 2, [&] { return x; }, [&] { return -x; }).item(), -3);
}

TEST(EagerCond, Errors) {
  Variable x(3.0);
  auto one = [&] { return x; };
  EXPECT_THAT(message_of<DTypeError>([&] { cond(x, one, one); }),
              AllOf(HasSubstr("cond: the condition is float64"),
                    HasSubstr(at(__LINE__))));
  EXPECT_THAT(
      message_of<ShapeError>([&] { cond(array({1.0, 2.0}) > 1, one, one); }),
      HasSubstr("single boolean"));
  EXPECT_THAT(message_of<ValueError>(
                  [&] { cond(x > 1, [] { return Variable(); }, one); }),
              HasSubstr("empty"));
}

TEST(EagerWhile, StatesAndGradients) {
  Variable x(1.0), step(3.0);
  Variables r = while_loop(
      [](const Variables &s) { return s[0] < 50; },
      [&](const Variables &s) -> Variables { return {s[0] * step, s[1] + 1}; },
      {x, 0});
  EXPECT_EQ(r[0].item(), 81);
  EXPECT_EQ(r[1].item<int64_t>(), 4);
  r[0].backward();
  EXPECT_EQ(x.grad().item(), 81);
  EXPECT_EQ(step.grad().item(), 4 * 27);
  // One Variable instead of a list; a limit; no iteration at all.
  auto small = [](const Variable &s) { return s < 50; };
  auto doubled = [](const Variable &s) { return 2 * s; };
  EXPECT_EQ(while_loop(small, doubled, 1.0).item(), 64);
  EXPECT_EQ(while_loop(small, doubled, 1.0, {.max_iterations = 3}).item(), 8);
  EXPECT_EQ(while_loop(small, doubled, 70.0).item(), 70);
  EXPECT_EQ(while_loop(small, doubled, 1.0, {.max_iterations = 0}).item(), 1);
}

TEST(EagerWhile, Errors) {
  auto small = [](const Variable &s) { return sum(s) < 50; };
  EXPECT_THAT(
      message_of<DTypeError>([&] {
        while_loop(small, [](const Variable &s) { return s * 0.5; }, 1);
      }),
      AllOf(HasSubstr("while_loop: state is int64 () before an iteration and "
                      "float64 () after it"),
            HasSubstr(at(__LINE__))));
  EXPECT_THAT(message_of<ShapeError>([&] {
                while_loop(
                    small, [](const Variable &s) { return concat({s, s}); },
                    array({1.0}));
              }),
              HasSubstr("float64 (1,) before an iteration and float64 (2,)"));
  EXPECT_THAT(message_of<ValueError>([&] {
                while_loop([](const Variables &s) { return s[0] < 1; },
                           [](const Variables &) { return Variables{}; },
                           Variables{0.0});
              }),
              HasSubstr("gave 0 states for 1"));
  EXPECT_THAT(message_of<ValueError>([&] {
                while_loop(
                    small, [](const Variable &) { return Variable(); }, 1.0);
              }),
              HasSubstr("state is empty"));
  auto same = [](const Variable &s) { return s; };
  EXPECT_THAT(message_of<DTypeError>([&] {
                while_loop([](const Variable &s) { return s; }, same, 1.0);
              }),
              HasSubstr("while_loop: the condition is float64 (), not a"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                while_loop([](const Variable &s) { return s < 1; }, same,
                           zeros({2}));
              }),
              HasSubstr("single boolean"));
  EXPECT_THAT(
      message_of<ValueError>([&] { while_loop(small, same, Variable()); }),
      HasSubstr("initial state 0 is empty"));
  EXPECT_THAT(message_of<ValueError>([&] {
                while_loop(small, same, 1.0, {.max_iterations = -2});
              }),
              HasSubstr("max_iterations is -2"));
}

TEST(EagerFor, CountsAndIndices) {
  Variable x(2.0);
  Variable y = for_loop(
      3, [&](const Variable &i, const Variable &s) { return s * x + i; },
      Variable(1.0));
  // ((1 x + 0) x + 1) x + 2
  EXPECT_EQ(y.item(), 12);
  y.backward();
  EXPECT_EQ(x.grad().item(), 3 * 4 + 1);
  auto inc = [](const Variable &s) { return s + 1; };
  EXPECT_EQ(for_loop(Variable(5), inc, 0.0).item(), 5);
  EXPECT_EQ(for_loop(Variable(5), inc, 0.0, {.max_iterations = 3}).item(), 3);
  EXPECT_EQ(for_loop(Variable(-5), inc, 0.0).item(), 0);
  EXPECT_EQ(for_loop(0, inc, 0.0).item(), 0);
  EXPECT_EQ(for_loop(astype(Variable(2), i32), inc, 0.0).item(), 2);
  EXPECT_THAT(
      message_of<ValueError>([&] { for_loop(-1, inc, 0.0); }),
      AllOf(HasSubstr("for_loop: the count is -1"), HasSubstr(at(__LINE__))));
  EXPECT_THAT(message_of<DTypeError>([&] { for_loop(1.5, inc, 0.0); }),
              HasSubstr("not an integer"));
  EXPECT_THAT(message_of<DTypeError>([&] { for_loop(x, inc, 0.0); }),
              HasSubstr("not an integer"));
  EXPECT_THAT(
      message_of<ShapeError>([&] { for_loop(array({1, 2}), inc, 0.0); }),
      HasSubstr("not a scalar"));
}

TEST(EagerScan, CarryAndOutputs) {
  Variable x = array({{1.0, 2.0}, {3.0, 4.0}, {5.0, 6.0}}), w(2.0);
  auto body = [&](const Variable &h, const Variable &row) {
    Variable next = h * w + row;
    return std::pair(next, sum(next));
  };
  auto [h, ys] = scan(body, zeros({2}), x);
  EXPECT_THAT(h.to_vector(), ElementsAre(4 + 6 + 5, 8 + 8 + 6));
  EXPECT_THAT(ys.to_vector(), ElementsAre(3, 13, 37));
  Variable loss = sum(ys * array({1.0, 10.0, 100.0})) + sum(h);
  Variables g = grad(loss, {x, w}, {.create_graph = true});
  EXPECT_THAT(g[0].to_vector(), ElementsAre(425, 425, 212, 212, 101, 101));
  EXPECT_EQ(g[1].item(), 101 * (13 + 2 * 3) + 10 * 3);
  // Again, through both: what h does to x is linear in w and w².
  Variables gg = grad(sum(g[0] * x), {w, x});
  EXPECT_EQ(gg[0].item(), g[1].item());
  EXPECT_EQ(gg[1].to_vector(), g[0].to_vector());
  // Backwards.
  auto [back, reversed] = scan(body, zeros({2}), x, {.reverse = true});
  EXPECT_THAT(back.to_vector(), ElementsAre(20 + 6 + 1, 24 + 8 + 2));
  EXPECT_THAT(reversed.to_vector(), ElementsAre(61, 29, 11));
}

TEST(EagerScan, ListsAndCorners) {
  Variable x = array({1.0, 2.0, 3.0}), t = array({{1}, {2}, {3}});
  auto [carry, ys] = scan(
      [](const Variables &c, const Variables &s) {
        return std::pair(Variables{c[0] + s[0], c[1] * 2},
                         Variables{s[0] * 2, s[1], c[1]});
      },
      {0.0, 1.0}, {x, t});
  EXPECT_EQ(carry[0].item(), 6);
  EXPECT_EQ(carry[1].item(), 8);
  ASSERT_EQ(ys.size(), 3u);
  EXPECT_THAT(ys[0].to_vector(), ElementsAre(2, 4, 6));
  EXPECT_EQ(ys[1].shape(), (Shape{3, 1}));
  EXPECT_EQ(ys[1].dtype(), i64);
  EXPECT_THAT(ys[2].to_vector(), ElementsAre(1, 2, 4));
  // No outputs; no slices; views.
  auto [s, none] =
      scan([](const Variable &c,
              const Variable &v) { return std::pair(c + v, Variables{}); },
           0.0, x[slice(-1, -4, -1)]);
  EXPECT_EQ(s.item(), 6);
  EXPECT_TRUE(none.empty());
  auto [same, empty] =
      scan([](const Variable &c,
              const Variable &v) { return std::pair(c, concat({v, v})); },
           1.5, zeros({0, 2}));
  EXPECT_EQ(same.item(), 1.5);
  EXPECT_EQ(empty.shape(), (Shape{0, 4}));
}

TEST(EagerScan, ManySlices) {
  int64_t n = 70000;
  Variable x = ones({n});
  auto [total, ys] =
      scan([](const Variable &c,
              const Variable &v) { return std::pair(c + v, v * v); },
           0.0, x);
  EXPECT_EQ(total.item(), double(n));
  (total + sum(ys)).backward();
  EXPECT_EQ(x.grad().to_vector(), std::vector<double>(size_t(n), 3.0));
}

TEST(EagerScan, Errors) {
  auto body = [](const Variable &c, const Variable &) {
    return std::pair(c, c);
  };
  auto lists = [](const Variable &c, const Variables &) {
    return std::pair(c, c);
  };
  EXPECT_THAT(
      message_of<ShapeError>([&] { scan(lists, 0.0, {ones({2}), ones({3})}); }),
      AllOf(HasSubstr("scan: xs are not equally long: float64 (2,) and"),
            HasSubstr(at(__LINE__))));
  EXPECT_THAT(message_of<ShapeError>([&] { scan(body, 0.0, 1.0); }),
              HasSubstr("no axis"));
  EXPECT_THAT(message_of<ValueError>([&] { scan(lists, 0.0, Variables{}); }),
              HasSubstr("there are no xs"));
  auto wide = [](const Variable &c, const Variable &v) {
    return std::pair(c + v, c);
  };
  EXPECT_THAT(message_of<ShapeError>([&] { scan(wide, 0.0, ones({2, 2})); }),
              HasSubstr("scan: state is float64 () before an iteration"));
  int calls = 0;
  auto growing = [&](const Variable &c, const Variable &) {
    return std::pair(c, zeros({++calls}));
  };
  EXPECT_THAT(message_of<ShapeError>([&] { scan(growing, 0.0, ones({2})); }),
              HasSubstr("y is float64 (2,), before it was float64 (1,)"));
}

TEST(EagerLoops, NoGraphWhereNoneIsWanted) {
  Variable x = array({1.0, 2.0});
  NoGrad scope;
  auto [c, ys] = scan(
      [](const Variable &h, const Variable &v) { return std::pair(h + v, v); },
      0.0, x);
  EXPECT_FALSE(c.creator());
  EXPECT_FALSE(ys.creator());
  EXPECT_EQ(ys.to_vector(), x.to_vector());
}

} // namespace
