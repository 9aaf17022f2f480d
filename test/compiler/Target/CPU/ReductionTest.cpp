//===- ReductionTest.cpp - Reductions, argmax, gather, scatter_add --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/compiler/Target/CPU/Program.h"

#include <cmath>
#include <limits>

using namespace etch::test;

namespace {

// (outer, extent, inner)
const Extents spaces[] = {
    {1, 1, 1},     {3, 7, 1}, {5, 16, 1},   {2, 100, 1},  {1, 5000, 1},
    {4, 9001, 1},  {3, 7, 5}, {2, 1, 33},   {1, 100, 10}, {2, 40, 130},
    {1, 5000, 17}, {0, 3, 4}, {2, 17, 300}, {300, 16, 1}};

template <class T> struct Kind {
  const char *name;
  T identity;
  T (*combine)(T, T);
};

/// Integers wrap around, as the compiled ones do.
template <class T> T plus(T a, T b) {
  if constexpr (std::is_integral_v<T>)
    return T(std::make_unsigned_t<T>(a) + std::make_unsigned_t<T>(b));
  else
    return a + b;
}

template <class T> std::vector<Kind<T>> kinds() {
  constexpr bool real = std::is_floating_point_v<T>;
  using Limits = std::numeric_limits<T>;
  return {{"sum", real ? T(-0.0) : T(0), plus<T>},
          {"max", real ? -Limits::infinity() : Limits::min(),
           [](T a, T b) { return a != a || a > b ? a : b; }},
          {"min", real ? Limits::infinity() : Limits::max(),
           [](T a, T b) { return a != a || a < b ? a : b; }}};
}

/// -reduce(x * x), and x * x itself: a fused producer, an epilogue, two
/// results.
template <class T>
std::string program(const char *op, const Extents &space, bool dynamic) {
  std::string x = typeText<T>(space, dynamic),
              y = typeText<T>({space[0], space[2]}, dynamic);
  return "func.func @main(%x: " + x + ") -> (" + y + ", " + x +
         ") {\n  %0 = etch.mul %x, %x : (" + x + ", " + x + ") -> " + x +
         "\n  %1 = etch." + op +
         " %0 {axes = array<i64: 1>, keepdims = " + "false} : (" + x + ") -> " +
         y + "\n  %2 = etch.neg %1 : (" + y + ") -> " + y +
         "\n  return %2, %0 : " + y + ", " + x + "\n}\n";
}

template <class T>
void check(Program &compiled, const Kind<T> &kind, const Extents &space) {
  auto x = randomArray<T>(space, 3);
  if (std::is_floating_point_v<T> && x.data.size() > 20)
    x[7] = std::numeric_limits<T>::quiet_NaN();
  Array<T> squares(space), expected({space[0], space[2]});
  for (int64_t i = 0; i < countOf(space); ++i)
    squares[i] = x[i] * x[i];
  for (int64_t o = 0; o < space[0]; ++o)
    for (int64_t i = 0; i < space[2]; ++i) {
      std::vector<T> elements;
      for (int64_t r = 0; r < space[1]; ++r)
        elements.push_back(squares[(o * space[1] + r) * space[2] + i]);
      T reduced = strictReduction(elements, kind.identity, kind.combine);
      expected[o * space[2] + i] = -(elements.empty() ? T(0) : reduced);
    }
  for (const etch_host_t *host : {backwardsHost(), (const etch_host_t *)0}) {
    Array<T> y(expected.extents, T(77)), product(space, T(77));
    ASSERT_EQ(compiled.in(x).out(y).out(product).run(host), ETCH_OK);
    EXPECT_TRUE(y.same(expected))
        << kind.name << " " << testing::PrintToString(space);
    EXPECT_TRUE(product.same(squares)) << testing::PrintToString(space);
  }
}

template <class T> class Reduction : public testing::Test {};
using Numbers = testing::Types<float, double, int32_t, int64_t>;
TYPED_TEST_SUITE(Reduction, Numbers);

TYPED_TEST(Reduction, StaticShapes) {
  using T = TypeParam;
  for (const Kind<T> &kind : kinds<T>())
    for (const Extents &space : spaces) {
      if (std::strcmp(kind.name, "sum") && space[1] > 100)
        continue; // long ones differ by the number of blocks only
      Program compiled(program<T>(kind.name, space, false));
      ASSERT_TRUE(compiled);
      check(compiled, kind, space);
    }
}

TYPED_TEST(Reduction, OneKernelForAllExtents) {
  using T = TypeParam;
  for (const Kind<T> &kind : kinds<T>()) {
    Program compiled(program<T>(kind.name, {0, 0, 0}, true));
    ASSERT_TRUE(compiled);
    for (const Extents &space : spaces)
      check(compiled, kind, space);
  }
}

TEST(Reduction, OtherVectorWidths) {
  for (const char *mcpu : {"x86-64-v3", "x86-64-v2"})
    for (const Extents &space : {Extents{4, 9001, 1}, {2, 17, 301}})
      for (const Kind<float> &kind : kinds<float>()) {
        Program compiled(program<float>(kind.name, space, false), mcpu);
        ASSERT_TRUE(compiled);
        check(compiled, kind, space);
      }
}

TEST(Reduction, OfNothingIsPositiveZero) {
  for (bool dynamic : {false, true}) {
    std::string x = typeText<float>({2, 0, 3}, dynamic),
                y = typeText<float>({2, 3}, dynamic);
    Program compiled("func.func @main(%x: " + x + ") -> " + y +
                     " {\n  %0 = etch.sum %x {axes = array<i64: 1>, keepdims = "
                     "false} : (" +
                     x + ") -> " + y + "\n  return %0 : " + y + "\n}\n");
    ASSERT_TRUE(compiled);
    Array<float> none({2, 0, 3}), sum({2, 3}, 7), zero({2, 3}, 0.0f);
    ASSERT_EQ(compiled.in(none).out(sum).run(), ETCH_OK);
    EXPECT_TRUE(sum.same(zero));
  }
}

TEST(Argmax, FirstOfTheLargestAndOfNaN) {
  for (const Extents &space : {Extents{100, 10, 1}, {3, 7, 5}, {2, 33, 40}}) {
    std::string x = typeText<float>(space),
                y = typeText<int64_t>({space[0], space[2]});
    Program compiled("func.func @main(%x: " + x + ") -> " + y +
                     " {\n  %0 = etch.argmax %x {axis = 1 : i64} : (" + x +
                     ") -> " + y + "\n  return %0 : " + y + "\n}\n");
    ASSERT_TRUE(compiled);
    auto x0 = randomArray<float>(space, 1);
    for (float &v : x0.data)
      v = std::round(v); // ties
    x0[3 * space[2]] = x0[4 * space[2]] = NAN;
    Array<int64_t> found({space[0], space[2]}), expected({space[0], space[2]});
    for (int64_t o = 0; o < space[0]; ++o)
      for (int64_t i = 0; i < space[2]; ++i) {
        auto at = [&](int64_t r) {
          return x0[(o * space[1] + r) * space[2] + i];
        };
        int64_t best = 0;
        for (int64_t r = 1; r < space[1]; ++r)
          if (!std::isnan(at(best)) && (std::isnan(at(r)) || at(r) > at(best)))
            best = r;
        expected[o * space[2] + i] = best;
      }
    ASSERT_EQ(compiled.in(x0).out(found).run(), ETCH_OK);
    EXPECT_TRUE(found.same(expected)) << testing::PrintToString(space);
  }
}

//===----------------------------------------------------------------------===//
// gather and scatter_add
//===----------------------------------------------------------------------===//

std::string indexed(const char *op, const Extents &from, const Extents &index,
                    const Extents &to, const char *attributes) {
  std::string x = typeText<float>(from), i = typeText<int64_t>(index),
              y = typeText<float>(to);
  return "func.func @main(%x: " + x + ", %i: " + i + ") -> " + y +
         " {\n  %0 = etch." + op + " %x, %i " + attributes + " : (" + x + ", " +
         i + ") -> " + y + " loc(\"site\":42:0)\n  return %0 : " + y + "\n}\n";
}

TEST(Indexed, GatherAndItsAdjoint) {
  // b, a, j, i
  for (const Extents &e : {Extents{1, 10, 7, 1},
                           {100, 10, 1, 1},
                           {3, 5, 4, 33},
                           {2, 6, 3, 16},
                           {1, 1000, 300, 7},
                           {2, 3, 0, 4},
                           {7, 37, 41, 1},
                           {100, 50, 701, 1}}) {
    Extents rows = {e[0], e[1], e[3]}, index = {e[0], e[2]},
            picked = {e[0], e[2], e[3]};
    Program gather(indexed("gather", rows, index, picked, ""));
    std::string shape = "{shape = array<i64: " + std::to_string(e[0]) + ", " +
                        std::to_string(e[1]) + ", " + std::to_string(e[3]) +
                        ">}";
    Program scatter(indexed("scatter_add", picked, index, rows, shape.c_str()));
    ASSERT_TRUE(gather && scatter);
    auto x = randomArray<float>(rows, 1), z = randomArray<float>(picked, 2);
    auto i = randomArray<int64_t>(index, 3);
    Array<float> y(picked, 9), sum(rows, 9), expected(picked), sums(rows);
    for (int64_t &v : i.data)
      v = (v + 1000) % (2 * e[1]) - e[1]; // negative ones too
    for (int64_t b = 0; b < e[0]; ++b)
      for (int64_t j = 0; j < e[2]; ++j)
        for (int64_t k = 0; k < e[3]; ++k) {
          int64_t a = (i[b * e[2] + j] + e[1]) % e[1];
          int64_t source = (b * e[1] + a) * e[3] + k;
          int64_t target = (b * e[2] + j) * e[3] + k;
          expected[target] = x[source];
          sums[source] += z[target];
        }
    ASSERT_EQ(gather.in(x).in(i).out(y).run(), ETCH_OK);
    EXPECT_TRUE(y.same(expected)) << testing::PrintToString(e);
    ASSERT_EQ(scatter.in(z).in(i).out(sum).run(), ETCH_OK);
    EXPECT_TRUE(sum.same(sums)) << testing::PrintToString(e);
  }
}

TEST(Indexed, AnIndexOutOfRangeIsReportedWithItsPlace) {
  for (int64_t inner : {3, 1}) {
    Program gather(
        indexed("gather", {1, 10, inner}, {1, 4}, {1, 4, inner}, ""));
    ASSERT_TRUE(gather);
    auto x = randomArray<float>({1, 10, inner}, 1);
    Array<float> y({1, 4, inner});
    for (int64_t bad :
         {int64_t(10), int64_t(-11), std::numeric_limits<int64_t>::max()}) {
      Array<int64_t> i({1, 4}, 2);
      i[2] = bad;
      EXPECT_EQ(gather.in(x).in(i).out(y).run(), ETCH_ERROR_INDEX);
      EXPECT_EQ(gather.call.error.code, ETCH_ERROR_INDEX);
      EXPECT_EQ(gather.call.error.site, 42);
      EXPECT_EQ(gather.call.error.value, bad);
      EXPECT_EQ(gather.call.error.extent, 10);
      EXPECT_EQ(y[2 * inner], x[0]);         // index 0 in its place
      EXPECT_EQ(y[3 * inner], x[2 * inner]); // the others are right
    }
    Array<int64_t> i({1, 4}, -10);
    EXPECT_EQ(gather.in(x).in(i).out(y).run(), ETCH_OK);
  }
}

} // namespace
