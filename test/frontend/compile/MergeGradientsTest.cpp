//===- MergeGradientsTest.cpp - the same bits at any order ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "etch/etch.h"

#include <cstring>
#include <gtest/gtest.h>

using namespace etch;

namespace {
using Map = Variable (*)(const Variable &);

Variable weights() {
  static const Variable w = [] {
    random::seed(7);
    return random::randn({4, 4});
  }();
  return w;
}

struct Case {
  const char *name;
  Map f;
};
void PrintTo(const Case &c, std::ostream *os) { *os << c.name; }

const Case cases[] = {
    {"tanh", [](const Variable &x) { return tanh(x); }},
    {"swish", [](const Variable &x) { return x * sigmoid(x); }},
    {"mixed",
     [](const Variable &x) {
       return exp(sin(x)) * pow(x, 3) + log(x * x + 2.0);
     }},
    {"layer",
     [](const Variable &x) { return tanh(matmul(x, weights())) * sin(x); }},
    {"layers",
     [](const Variable &x) {
       return matmul(tanh(matmul(x, weights())), weights());
     }},
    {"softmax",
     [](const Variable &x) {
       return softmax(x, {.axis = 1}) * log_softmax(x * x);
     }},
    {"norm",
     [](const Variable &x) {
       return (x - mean(x, {.axis = {0}, .keepdims = true})) /
              sqrt(sum(x * x, {.axis = {1}, .keepdims = true}) + 1.0);
     }},
    {"quotients",
     [](const Variable &x) { return x / (1.0 + exp(-x)) + x / (x * x + 1.0); }},
    {"reuse",
     [](const Variable &x) {
       Variable t = x * x, u = t * x + t;
       return u * u + tanh(u) * t;
     }},
};

/// The n-th derivative of the sum, each the derivative of the last one's sum.
Variable nth(Map f, const Variable &x, int order) {
  Variable y = f(x);
  for (int i = 0; i < order; ++i)
    y = grad(sum(y), {x}, {.create_graph = true})[0];
  return y;
}

int differing(const Variable &a, const Variable &b) {
  auto x = a.to_vector<double>(), y = b.to_vector<double>();
  int n = 0;
  for (size_t i = 0; i < x.size(); ++i)
    n += std::memcmp(&x[i], &y[i], sizeof x[i]) != 0;
  return n;
}

class MergeGradientsOf : public testing::TestWithParam<Case> {};
} // namespace

TEST_P(MergeGradientsOf, SameBitsEagerAndCompiled) {
  random::seed(3);
  Variable x = random::randn({5, 4});
  x.set_requires_grad(true);
  for (int order = 1; order <= 6; ++order) {
    SCOPED_TRACE("order " + std::to_string(order));
    Variable eager;
    {
      MergeGradients scope;
      eager = nth(GetParam().f, x, order);
    }
    auto program =
        compile([&](const Variable &v) { return nth(GetParam().f, v, order); });
    EXPECT_EQ(differing(eager, program(x)), 0);
    // To the second order it is so without being asked for.
    if (order <= 2) {
      EXPECT_EQ(differing(eager, nth(GetParam().f, x, order)), 0);
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Functions, MergeGradientsOf, testing::ValuesIn(cases),
                         [](const auto &info) {
                           return std::string(info.param.name);
                         });

static int functions_of(const Variable &y) {
  std::string dot = get_dot_graph(y);
  int n = 0;
  for (size_t at = 0; (at = dot.find("shape=box", at)) != dot.npos; ++at)
    ++n;
  return n;
}

// Merging costs no memory that stays, and keeps nothing from being freed.
TEST(MergeGradients, C045_GraphsStaySmall) {
  Variable x(1.0);
  MergeGradients scope;
  Variable eighth = nth([](const Variable &v) { return tanh(v); }, x, 8);
  EXPECT_LE(functions_of(eighth), 450); // 2571 without
  EXPECT_NEAR(eighth.item(), -277.062135603031, 277 * 1e-13);
}

// An operand that was assigned to since is not what it was.
TEST(MergeGradients, NewContentsAreNotMerged) {
  MergeGradients scope;
  Variable x(2.0), w(3.0);
  auto second = [&] {
    Variable gx = grad(w * w * x * x * x, {x}, {.create_graph = true})[0];
    return grad(gx, {x}, {.create_graph = true})[0];
  };
  Variable before = second(); // its graph lives on
  EXPECT_EQ(before.item(), 6 * 9 * 2);
  w.assign(Variable(5.0));
  EXPECT_EQ(second().item(), 6 * 25 * 2);
  w.span<double>()[0] = 7;
  EXPECT_EQ(second().item(), 6 * 49 * 2);
  EXPECT_EQ(before.item(), 6 * 9 * 2);
}
