//===- DropoutTest.cpp - numbers that programs draw -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/compile.h"
#include "etch/etch.h"
#include "test/support/Json.h"

#include <gmock/gmock.h>

using namespace etch;
using etch::test::Json;
using testing::HasSubstr;
using testing::Not;

namespace {

using Values = std::vector<double>;

TEST(Dropout, C075_ZeroOrScaled) {
  Variable y = dropout(ones({100, 10}), 0.5);
  int zeros = 0;
  for (double v : y.to_vector()) {
    EXPECT_TRUE(v == 0 || v == 2) << v;
    zeros += v == 0;
  }
  EXPECT_GT(zeros, 400);
  EXPECT_LT(zeros, 600);
}

TEST(Dropout, C075_KeepsTheMean) {
  Generator g(1);
  for (double ratio : {0.1, 0.3, 0.9})
    EXPECT_NEAR(mean(dropout(ones({1000, 1000}), ratio, g)).item(), 1, 0.01)
        << ratio;
}

TEST(Dropout, C075_IsTheIdentityInTests) {
  Variable x = random::randn({3, 4});
  TestMode test;
  EXPECT_TRUE(dropout(x, 0.5).is(x));
  auto f = compile([](const Variable &x) { return dropout(x * 2.0, 0.5); });
  EXPECT_EQ(f(x).to_vector(), (x * 2.0).to_vector());
  EXPECT_THAT(f.program(), Not(HasSubstr("philox")));
  EXPECT_THAT(f.program(), Not(HasSubstr("select")));
}

TEST(Dropout, C075_RatioChangesFromRunToRun) {
  Variable x = random::randn({37, 5});
  for (DType dtype : {f64, f32}) {
    Variable own = x.astype(dtype).detach();
    Generator g(7);
    double ratio = 0;
    auto body = [&](const Variable &x) { return dropout(x, ratio, g); };
    auto step = compile(body);
    std::vector<Values> eager, compiled;
    for (auto [run, results] :
         {std::pair<bool, std::vector<Values> *>(false, &eager),
          {true, &compiled}}) {
      g.seed(7);
      for (double r : {0.43455, 0.56245, 0.0, 1.0}) {
        ratio = r;
        results->push_back((run ? step(own) : body(own)).to_vector());
      }
      EXPECT_EQ(g.counter.item<int64_t>(), 4 * 37 * 5);
    }
    EXPECT_EQ(eager, compiled);
    EXPECT_NE(eager[0], eager[1]);
    EXPECT_EQ(eager[2], own.to_vector());
    EXPECT_EQ(eager[3], Values(37 * 5, 0.0));
    EXPECT_EQ(step.compile_count(), 1);
    EXPECT_EQ(step.trace_count(), 1);
  }
}

TEST(Dropout, C075_RatioAsAnArray) {
  Variable x = ones({50});
  Generator g(3), h(3);
  EXPECT_EQ(dropout(x, Variable(0.25), g).to_vector(),
            dropout(x, 0.25, h).to_vector());
  EXPECT_THROW(dropout(x, 1.5), ValueError);
  EXPECT_THROW(dropout(x, -0.1), ValueError);
}

TEST(Dropout, C075_GradientPassesWhatIsKept) {
  Variable x = random::randn({6, 7});
  auto body = [](const Variable &x) {
    Variable loss = sum(pow(dropout(x, 0.4), 3));
    x.clear_grad();
    loss.backward();
    return loss;
  };
  random::seed(5);
  double eager = body(x).item(), again = body(x).item();
  Values slope = x.grad().to_vector();
  EXPECT_NE(eager, again);
  auto step = compile(body);
  random::seed(5);
  EXPECT_EQ(step(x).item(), eager);
  EXPECT_EQ(step(x).item(), again);
  EXPECT_EQ(x.grad().to_vector(), slope);
  EXPECT_EQ(step.trace_count(), 1);
}
TEST(Dropout, C075_GradientByDifferences) {
  for (double ratio : {0.0, 0.5, 0.99})
    EXPECT_TRUE(gradient_check(
        [&](const Variable &v) {
          Generator same(3);
          return dropout(v, ratio, same);
        },
        random::randn({10, 20}), {1e-5, 1e-6}))
        << ratio;
}

TEST(Generator, DrawsPhilox) {
  Json data = Json::data("philox.json");
  for (const Json &row : data["uniform"].array()) {
    Generator g(uint64_t(row["key"].number()));
    g.counter.assign(Variable(int64_t(row["counter"].number())));
    EXPECT_EQ(g.uniform({}).item(), row["f64"].number());
    g.counter.assign(g.counter - 1);
    EXPECT_EQ(g.uniform({1, 1}, f32).item(), row["f32"].number());
  }
}

TEST(Generator, ElementsAreNumberedOn) {
  Generator g(11), h(11);
  Variable all = g.uniform({5, 3});
  Variable first = h.uniform({2, 3}), rest = h.uniform({3, 3});
  EXPECT_EQ(concat({first, rest}).to_vector(), all.to_vector());
  EXPECT_THROW(g.uniform({2}, i64), DTypeError);
}

TEST(Generator, StateIsKeptAndPutBack) {
  Generator g(2);
  g.uniform({10});
  Variable at = g.counter.detach() + 0;
  Values then = g.uniform({4}).to_vector();
  g.counter.assign(at);
  EXPECT_EQ(g.uniform({4}).to_vector(), then);
  g.seed(9);
  EXPECT_EQ(g.uniform({4}).to_vector(), Generator(9).uniform({4}).to_vector());
}

} // namespace
