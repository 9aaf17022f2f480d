//===- BatchTest.cpp - the batch is known at run time ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "Extents.h"

using namespace extents;

static auto pictures(int channels, int size) {
  return [=](int batch) {
    return std::pair(draw({batch, channels, size, size}),
                     random::randint(0, 10, {batch}));
  };
}

TEST(Batch, C133_TrainingStep) {
  train(
      [] {
        random::seed(1);
        return std::make_unique<MLP>(std::vector<int64_t>{30, 10}, relu);
      },
      [](int batch) {
        return std::pair(draw({batch, 20}), random::randint(0, 10, {batch}));
      },
      {100, 100, 7, 1, 100, 13, 257});
}

TEST(Batch, C133_OneFirst) {
  train(
      [] {
        random::seed(1);
        return std::make_unique<MLP>(std::vector<int64_t>{30, 10}, sigmoid);
      },
      [](int batch) {
        return std::pair(draw({batch, 20}), random::randint(0, 10, {batch}));
      },
      {1, 100, 10, 7});
}

struct Pictures : Model {
  Conv2d c1{*this, "c1", 6, 3, {.pad = 1}}, c2{*this, "c2", 5, 3};
  BatchNorm norm{*this, "norm"};
  Linear out{*this, "out", 10};
  Variable forward(const Variable &x) override {
    Variable y = pooling(relu(norm(c1(x))), 2, {.stride = 2});
    y = average_pooling(relu(c2(y)), 2, {.stride = 2});
    return out(y.reshape({y.len(), -1}));
  }
};

TEST(Batch, C133_ConvolutionPoolingBatchNorm) {
  auto make = [] { return std::make_unique<Pictures>(); };
  train(make, pictures(3, 12), {8, 8, 3, 1, 13});
  // As many pictures as channels.
  train(make, pictures(3, 12), {10, 3, 6, 5});
}

TEST(Batch, C133_Dropout) {
  struct Net : Model {
    Linear l1{*this, "l1", 12}, l2{*this, "l2", 10};
    Variable forward(const Variable &x) override {
      return l2(dropout(tanh(l1(x)), 0.4));
    }
  };
  auto batch = [](int n) {
    return std::pair(draw({n, 20}), random::randint(0, 10, {n}));
  };
  auto compiled = compile(
      [net = std::make_shared<Net>()](const Variable &x) { return (*net)(x); });
  for (int n : {50, 7, 1, 50})
    EXPECT_TRUE(compiled.check(batch(n).first)) << n;
  EXPECT_EQ(compiled.compile_count(), 1) << compiled.report();
}

/// A function of f32 arguments, checked at each tuple of shapes.
template <class F>
static int programs(F f, std::vector<std::vector<Shape>> calls,
                    const CompileOptions &options = {}) {
  auto compiled = compile(f, options);
  for (const std::vector<Shape> &shapes : calls) {
    std::vector<Variable> xs;
    for (const Shape &shape : shapes)
      xs.push_back(draw(shape));
    CheckReport report;
    if constexpr (std::is_invocable_v<F, Variable, Variable>)
      report = compiled.check(xs[0], xs[1]);
    else
      report = compiled.check(xs[0]);
    EXPECT_TRUE(report) << to_string(shapes[0]) << ": " << report.difference;
  }
  return compiled.compile_count();
}

using Calls = std::vector<std::vector<Shape>>;

TEST(Batch, C133_Formulas) {
  Calls calls = {{{100, 6}, {100, 6}},
                 {{7, 6}, {7, 6}},
                 {{1, 6}, {1, 6}},
                 {{6, 6}, {6, 6}},
                 {{4099, 6}, {4099, 6}}};
  using V = const Variable &;
  EXPECT_EQ(programs([](V x, V y) { return x * y + 0.5; }, calls), 1);
  EXPECT_EQ(programs([](V x, V y) { return mean(x - y); }, calls), 1);
  EXPECT_EQ(programs([](V x, V y) { return mean(x * y, {.axis = 0}); }, calls),
            1);
  EXPECT_EQ(programs([](V x, V y) { return sum(x * y) / x.len(); }, calls), 1);
  EXPECT_EQ(programs([](V x, V y) { return sum(x / y) / x.size(); }, calls), 1);
  EXPECT_EQ(programs([](V x, V y) { return matmul(x, y.T()); }, calls), 1);
  EXPECT_EQ(programs([](V x, V y) { return matmul(x.T(), y); }, calls), 1);
  EXPECT_EQ(
      programs([](V x, V y) { return softmax(x + y, {.axis = 1}); }, calls), 1);
  EXPECT_EQ(
      programs([](V x, V y) { return softmax(x - y, {.axis = 0}); }, calls), 1);
  EXPECT_EQ(programs([](V x, V y) { return x.reshape({-1}) + y.reshape({-1}); },
                     calls),
            1);
  EXPECT_EQ(programs(
                [](V x, V y) {
                  return x.reshape({x.len(), 2, 3}).transpose({2, 0, 1}) *
                         y.reshape({x.len(), 2, 3}).transpose({2, 0, 1});
                },
                calls),
            1);
  EXPECT_EQ(programs([](V x, V y) { return cumsum(x * y, 0); }, calls), 1);
  EXPECT_EQ(programs([](V x, V y) { return maximum(x, y)[{all, slice(1, 4)}]; },
                     calls),
            1);
  EXPECT_EQ(programs([](V x, V y) { return concat({x, y}, 1); }, calls), 1);
  EXPECT_EQ(programs([](V x, V y) { return stack({x, y}, 1); }, calls), 1);
  EXPECT_EQ(
      programs([](V x, V y) { return argmax(x + y, {.axis = 1}); }, calls), 1);
  EXPECT_EQ(programs([](V x, V y) { return x - mean(y, {.axis = 0}); }, calls),
            1);
}

TEST(Batch, C133_TwoExtents) {
  using V = const Variable &;
  Calls calls = {{{100, 6}, {30, 6}},
                 {{7, 6}, {8, 6}},
                 {{1, 6}, {1, 6}},
                 {{5, 6}, {5, 6}},
                 {{1, 6}, {9, 6}}};
  EXPECT_EQ(programs([](V x, V y) { return matmul(x, y.T()); }, calls), 1);
  EXPECT_EQ(programs([](V x, V y) { return sum(x) * sum(y); }, calls), 1);
  auto f = compile([](V x, V w) { return matmul(x, w); });
  f(draw({100, 6}), draw({6, 5}));
  EXPECT_THAT(f.report(), testing::HasSubstr("(n, 6), (6, 5); 6 in argument 1 "
                                             "because of matmul (BatchTest"));
  // A matrix of weights as argument.
  EXPECT_EQ(programs([](V x, V w) { return matmul(x, w); },
                     {{{100, 6}, {6, 5}}, {{7, 6}, {6, 5}}, {{6, 6}, {6, 5}}}),
            1);
}

/// Whether an axis between two summed ones is summed too decides on the order
/// of the sum; where its extent is 1 that cannot be seen.
TEST(Batch, C133_AnAxisBetweenSummedOnes) {
  using V = const Variable &;
  auto middle = [](V x) {
    return x.reshape({x.len(), 40, 30}).transpose({1, 0, 2});
  };
  for (const Calls &calls : {Calls{{{1, 1200}}, {{5, 1200}}, {{1, 1200}}},
                             Calls{{{5, 1200}}, {{1, 1200}}, {{5, 1200}}}}) {
    EXPECT_EQ(
        programs([&](V x) { return sum_to(middle(x), {1, 1, 1}); }, calls), 2);
    EXPECT_EQ(programs(
                  [&](V x) {
                    Variable y = sum_to(middle(x), {1, x.len(), 1});
                    return y.reshape({-1});
                  },
                  calls),
              calls[0][0][0] == 1 ? 2 : 1);
    EXPECT_EQ(programs(
                  [&](V x) {
                    Variable w = full({1, 1, 1}, 0.7).detach();
                    w.set_requires_grad(true);
                    return grad(sum(square(w * middle(x))), {w})[0];
                  },
                  calls),
              2);
  }
}

TEST(Batch, C133_GradientsOfBothOrders) {
  auto f = [](const Variable &x, const Variable &y) {
    Variable loss = mean(square(tanh(x) * y - sum_to(y, {1, 6})));
    Variable g = grad(loss, {x}, {.create_graph = true})[0];
    return grad(sum(square(g)), {x})[0] + g;
  };
  EXPECT_EQ(
      programs(f, {{{100, 6}, {100, 6}}, {{7, 6}, {7, 6}}, {{6, 6}, {6, 6}}}),
      1);
}

TEST(Batch, C130_OtherExtentsMakeAnotherProgram) {
  auto f = [](const Variable &x) { return x * x + 1; };
  EXPECT_EQ(programs(f, {{{3, 4}}, {{5, 4}}, {{5, 6}}, {{3, 6}}}), 2);
}

TEST(Batch, C133_Specialised) {
  auto f = [](const Variable &x) { return x * x + 1; };
  EXPECT_EQ(
      programs(f, {{{3, 4}}, {{5, 4}}, {{5, 6}}, {{3, 4}}}, {.dynamic = false}),
      3);
}

TEST(Batch, C133_PureFunctions) {
  auto f = [](const Variable &x, const Variable &y) {
    return sum(x * y) / x.len() + x.shape(0);
  };
  Calls calls = {{{100, 6}, {100, 6}},
                 {{7, 6}, {7, 6}},
                 {{100, 6}, {100, 6}},
                 {{7, 6}, {7, 6}}};
  EXPECT_EQ(programs(f, calls, {.pure = true}), 1);
}
