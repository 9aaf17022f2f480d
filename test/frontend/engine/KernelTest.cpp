//===- KernelTest.cpp - the programs of single operations -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "compiler/Driver/Client/Client.h"
#include "etch/etch.h"
#include "frontend/engine/Engine.h"
#include "frontend/engine/KernelText.h"
#include "frontend/engine/Kernels.h"

#include <chrono>
#include <gmock/gmock.h>

using namespace etch;
using namespace etch::detail;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(KernelText, PointwiseWithStrides) {
  Attrs attrs;
  KernelSpec spec{&opInfo(OpId::Mul), &attrs, 2};
  spec.args[0] = {f32, 1, Inner::contiguous};
  spec.args[1] = {f32, 1, Inner::repeated};
  spec.result = {f32, 1, Inner::dense};
  EXPECT_EQ(kernel_text(spec),
            "func.func @main(%arg0: tensor<?xf32> {etch.strided = [1]}, %arg1: "
            "tensor<?xf32> {etch.strided = [0]}) -> tensor<?xf32> {\n"
            "  %0 = \"etch.mul\"(%arg0, %arg1) : (tensor<?xf32>, "
            "tensor<?xf32>) -> tensor<?xf32> loc(\"site\":0:0)\n"
            "  func.return %0 : tensor<?xf32>\n}\n");
}

TEST(KernelText, AttributesAreExact) {
  Attrs attrs = {0.1};
  KernelSpec spec{&opInfo(OpId::Pow), &attrs, 1};
  spec.args[0] = {f64, 2, Inner::unknown};
  spec.result = {f64, 2, Inner::dense};
  EXPECT_THAT(kernel_text(spec),
              HasSubstr("{exponent = 0x3FB999999999999A : f64}"));
}

TEST(KernelText, KeysTellKernelsApart) {
  Attrs attrs;
  KernelSpec a{&opInfo(OpId::Exp), &attrs, 1};
  a.args[0] = {f32, 1, Inner::contiguous};
  a.result = {f32, 1, Inner::dense};
  KernelSpec b = a, c = a, d = a;
  b.args[0].dtype = f64;
  c.args[0].inner = Inner::unknown;
  d.op = &opInfo(OpId::Log);
  for (const KernelSpec *other : {&b, &c, &d})
    EXPECT_FALSE(a.key(0) == other->key(0));
  EXPECT_FALSE(a.key(0) == a.key(1));
}

TEST(Kernels, OneForAllExtents) {
  (void)tanh(ones({3, 4}));
  uint64_t before =
      driver::cacheStatistics().compiled + driver::cacheStatistics().diskHits;
  for (Shape shape : {Shape{1}, Shape{7, 9}, Shape{2, 1, 5}, Shape{}})
    (void)tanh(ones(shape));
  EXPECT_EQ(driver::cacheStatistics().compiled +
                driver::cacheStatistics().diskHits,
            before);
}

TEST(Views, ReshapeWithoutCopyWherePossible) {
  Variable x = ones({2, 3, 4});
  auto view = [](const Variable &v, const Shape &shape) {
    return view_reshape(*v.node()->value, shape);
  };
  EXPECT_TRUE(bool(view(x, {6, 4})));
  EXPECT_TRUE(bool(view(x.transpose({2, 0, 1}), {4, 6})));
  EXPECT_FALSE(bool(view(x.transpose({2, 0, 1}), {24})));
  EXPECT_TRUE(bool(view(x[{all, slice(0, 2)}], {2, 8})));
  EXPECT_FALSE(bool(view(x[{all, slice(0, 2)}], {16})));
  EXPECT_TRUE(bool(view(broadcast_to(Variable(1.0), {2, 3}), {6})));
  EXPECT_TRUE(bool(view(ones({0, 3}), {3, 0, 2})));
}

TEST(C038_ReverseSweep, CostDoesNotDependOnTheNumberOfParameters) {
  Variable w = ones({1000, 1000}), x = ones({1, 1000});
  auto seconds = [](auto f) {
    f();
    auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < 5; ++i)
      f();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() -
                                         start)
        .count();
  };
  auto f = [&] { return sum(square(matmul(x, w) * w)); };
  double forward = seconds([&] { f(); });
  double both = seconds([&] { grad(f(), {w}); });
  EXPECT_LT(both, 10 * forward);
}

// Compiled programs do so, too.
TEST(Kernel, LooksAtIndicesWhereNothingIsTaken) {
  Variable x = zeros({1, 1, 0}), ys = zeros({1, 2, 0}), index = array({{0, 1}}),
           fine = array({{0, 0}});
  Attrs shape = {std::vector<int64_t>{1, 1, 0}};
  auto gather = [](const Variable &x, const Variable &i) {
    return detail::apply(OpId::Gather, {x, i}, {}, Location());
  };
  auto scatter = [&](const Variable &x, const Variable &i) {
    return detail::apply(OpId::ScatterAdd, {x, i}, shape, Location());
  };
  EXPECT_EQ(gather(x, fine).shape(), (Shape{1, 2, 0}));
  EXPECT_EQ(scatter(ys, fine).shape(), (Shape{1, 1, 0}));
  EXPECT_THROW(gather(x, index), ValueError);
  EXPECT_THROW(scatter(ys, index), ValueError);
  auto compiled_gather = compile(gather);
  auto compiled_scatter = compile(scatter);
  EXPECT_EQ(compiled_gather(x, fine).shape(), (Shape{1, 2, 0}));
  EXPECT_EQ(compiled_scatter(ys, fine).shape(), (Shape{1, 1, 0}));
  EXPECT_THROW(compiled_gather(x, index), ValueError);
  EXPECT_THROW(compiled_scatter(ys, index), ValueError);
}

/// Eager products of few numbers pack nothing, those of one column are turned:
/// the bits are those of a program that knows its extents.
TEST(Kernels, SmallProductsHaveTheBitsOfPrograms) {
  auto product = [](const Variable &x, const Variable &w) {
    return matmul(x, w);
  };
  auto compiled = compile(product);
  struct {
    int64_t m, k, n;
  } sizes[] = {{1, 1, 1},    {1, 7, 1},    {5, 1, 1},    {1, 9, 17},
               {7, 3, 1},    {13, 1, 16},  {8, 256, 15}, {9, 257, 3},
               {33, 31, 32}, {40, 30, 50}, {2, 0, 3},    {100, 10, 1}};
  for (DType dtype : {f32, f64})
    for (auto [m, k, n] : sizes)
      for (int turned = 0; turned < 4; ++turned) {
        random::seed(uint64_t(m * 1000 + k * 10 + n));
        auto matrix = [&](int64_t rows, int64_t columns, bool turn) {
          Variable x =
              random::randn(turn ? Shape{columns, rows} : Shape{rows, columns})
                  .astype(dtype)
                  .detach();
          return turn ? x.transpose() : x;
        };
        Variable x = matrix(m, k, turned & 1), w = matrix(k, n, turned & 2);
        EXPECT_EQ(product(x, w).to_vector(), compiled(x, w).to_vector())
            << m << " " << k << " " << n << " " << turned;
      }
}
