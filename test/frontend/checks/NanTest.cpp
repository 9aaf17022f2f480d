//===- NanTest.cpp - Checks that are compiled in --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include <etch/etch.h>

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace etch;
using testing::HasSubstr;

static const CompileOptions checked = {.check = Check::nan};

/// What a call says when it fails; "" when it does not.
template <class F> static std::string message_of(F &&call) {
  try {
    call();
  } catch (const ValueError &e) {
    return e.what();
  }
  return "";
}

TEST(NanCheck, C135_NamesOperationElementOperandsAndLine) {
  int line = 0;
  auto f = compile(
      [&](const Variable &x, const Variable &y) {
        Variable a = x + 1.0;
        line = __LINE__, a = a / y;
        return sum(a * a);
      },
      checked);
  EXPECT_EQ(message_of([&] { f(ones({3, 4}), ones({3, 4})); }), "");
  Variable y = array({{1.0, 2.0}, {3.0, 0.0}, {0.0, 1.0}});
  EXPECT_EQ(message_of([&] { f(ones({3, 2}), y); }),
            "div gives inf for element (1, 1), the first of 6 that is not "
            "finite; its operands are 2 and 0  [NanTest.cpp:" +
                std::to_string(line) + "]");
}

TEST(NanCheck, ValuesThatComeInAreNotBlamed) {
  auto f =
      compile([](const Variable &x) { return sum(exp(x) * 2.0); }, checked);
  Variable x = array({1.0, NAN, 2.0});
  EXPECT_TRUE(std::isnan(f(x).item<double>()));
  Variable z = array({1.0, INFINITY, 1000.0});
  EXPECT_THAT(message_of([&] { f(z); }),
              HasSubstr("exp gives inf for element (2,)"));
}

TEST(NanCheck, ContractionsAndReductions) {
  auto product =
      compile([](const Variable &x, const Variable &w) { return matmul(x, w); },
              checked);
  Variable x = full({2, 3}, 1e200), w = full({3, 2}, 1e200);
  EXPECT_THAT(message_of([&] { product(x, w); }),
              HasSubstr("matmul gives inf for element (0, 0), the first of 4 "
                        "that is not finite; all elements of its operands are "
                        "finite"));
  auto total = compile([](const Variable &x) { return sum(x); }, checked);
  EXPECT_THAT(message_of([&] { total(full({4}, 1e308)); }),
              HasSubstr("sum gives inf"));
  Variable bad = full({2, 3}, 1.0);
  bad = concat({bad, full({1, 3}, NAN)}, 0);
  EXPECT_EQ(message_of([&] { product(bad, full({3, 2}, 1.0)); }), "");
}

TEST(NanCheck, GradientsAreNamedAfterTheOperationAtTheLine) {
  Parameter w{array({4.0, 0.0})};
  auto f = compile(
      [&](const Variable &x) {
        Variable loss = sum(sqrt(w) * x);
        w.clear_grad();
        loss.backward();
        return loss;
      },
      checked);
  EXPECT_THAT(message_of([&] { f(array({1.0, 2.0})); }),
              HasSubstr("gradient of sqrt: div gives inf for element (1,)"));
}

TEST(NanCheck, StatesStayAsTheyWere) {
  Parameter w{array({1.0, 2.0})};
  auto step = compile(
      [&](const Variable &x) {
        Variable loss = sum(log(w * x));
        w.clear_grad();
        loss.backward();
        w.data() -= 0.5 * w.grad();
        return loss;
      },
      checked);
  step(array({1.0, 1.0}));
  std::vector<double> before = w.to_vector();
  EXPECT_NE(message_of([&] { step(array({1.0, -1.0})); }), "");
  EXPECT_EQ(w.to_vector(), before);
  // And goes on.
  EXPECT_EQ(message_of([&] { step(array({1.0, 1.0})); }), "");
}

TEST(NanCheck, InsideOfLoops) {
  int line = 0;
  auto f = compile(
      [&](const Variable &x) {
        return for_loop(10,
                        [&](const Variable &, const Variables &s) {
                          line = __LINE__;
                          return Variables{s[0] * s[0]};
                        },
                        {x})[0];
      },
      checked);
  EXPECT_EQ(message_of([&] { f(Variable(1.0)); }), "");
  EXPECT_THAT(message_of([&] { f(Variable(10.0)); }),
              HasSubstr("mul gives inf; its operands are 1e+256 and 1e+256  "
                        "[NanTest.cpp:" +
                        std::to_string(line + 1) + "]"));
}

TEST(NanCheck, TheSameBitsAndNothingWhenOff) {
  auto body = [](const Variable &x) {
    Variable y = tanh(x) * 2.0 + exp(x);
    return sum(y * y, {.axis = 0});
  };
  auto plain = compile(body), with = compile(body, checked),
       none = compile(body, {.check = Check::none});
  Variable x = random::randn({50, 7});
  EXPECT_EQ(plain(x).to_vector(), with(x).to_vector());
  none(x);
  EXPECT_EQ(plain.num_kernels(), none.num_kernels());
  EXPECT_EQ(none.last_origin(), "memory");
  EXPECT_GT(with.num_kernels(), plain.num_kernels());
}

TEST(BoundsCheck, LoopsThatAreCutShort) {
  auto body = [](const Variable &n) {
    return for_loop(n,
                    [](const Variable &, const Variables &s) {
                      return Variables{s[0] * 2.0};
                    },
                    {Variable(1.0)}, {.max_iterations = 8})[0];
  };
  auto plain = compile(body), with = compile(body, {.check = Check::bounds});
  EXPECT_EQ(plain(Variable(12)).item<double>(), 256);
  EXPECT_EQ(with(Variable(8)).item<double>(), 256);
  EXPECT_THAT(message_of([&] { with(Variable(12)); }),
              HasSubstr("the limit is 12, not in 0 … max_iterations = 8"));
}

TEST(BoundsCheck, Indices) {
  auto f =
      compile([](const Variable &x, const Variable &i) { return sum(x[i]); },
              {.check = Check::all});
  EXPECT_EQ(f(arange(5), array({4, -5})).item<int64_t>(), 4);
  EXPECT_THAT(message_of([&] { f(arange(5), array({0, 5})); }),
              HasSubstr("index 5 is out of range for extent 5"));
}
