//===- ScalarExprTest.cpp - arithmetic of pointwise bodies ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "test/dialects/Math/Kernel.h"

#include "mlir/IR/BuiltinTypes.h"

#include "gtest/gtest.h"

#include <cmath>
#include <cstring>
#include <limits>

namespace etch::test {
namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr int64_t max64 = std::numeric_limits<int64_t>::max();
constexpr int64_t min64 = std::numeric_limits<int64_t>::min();
constexpr int32_t max32 = std::numeric_limits<int32_t>::max();
constexpr int32_t min32 = std::numeric_limits<int32_t>::min();

template <class T>
constexpr Element element = std::is_same_v<T, float>     ? Element::F32
                            : std::is_same_v<T, double>  ? Element::F64
                            : std::is_same_v<T, int32_t> ? Element::I32
                            : std::is_same_v<T, int64_t> ? Element::I64
                                                         : Element::Bool;

/// body(a), or body(a, b) if b is given, at widths 1, 2, 4, ... which divide
/// the number of elements and must agree in every bit.
template <class To, class From>
std::vector<To> evaluate(const Body &body, const std::vector<From> &a,
                         const std::vector<From> &b = {}) {
  std::vector<Element> inputs(b.empty() ? 1 : 2, element<From>);
  std::vector<To> first(a.size());
  for (unsigned width = 1; a.size() % width == 0; width *= 2) {
    Kernel kernel(inputs, element<To>, width, body);
    EXPECT_TRUE(kernel.calls().empty());
    EXPECT_TRUE(kernel.undefinedSymbols().empty());
    std::vector<To> y(a.size());
    std::vector<const void *> operands = {a.data()};
    if (!b.empty())
      operands.push_back(b.data());
    kernel.run(operands, y.data(), y.size());
    if (width == 1)
      first = y;
    EXPECT_EQ(0, std::memcmp(first.data(), y.data(), y.size() * sizeof(To)))
        << "width " << width;
  }
  return first;
}

using Args = llvm::ArrayRef<ScalarExpr>;

/// Equal, NaNs too, and zeros by sign.
template <class T>
void expectSame(const std::vector<T> &actual, const std::vector<T> &expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i != actual.size(); ++i) {
    if (std::isnan(double(expected[i]))) {
      EXPECT_TRUE(std::isnan(double(actual[i]))) << "element " << i;
      continue;
    }
    EXPECT_EQ(actual[i], expected[i]) << "element " << i;
    EXPECT_EQ(std::signbit(double(actual[i])),
              std::signbit(double(expected[i])))
        << "element " << i;
  }
}

TEST(ScalarExpr, LiteralsTakeTheOtherOperandsType) {
  auto body = [](Args x) { return 1 - (x[0] * 0.1 + 2) / 4; };
  expectSame<float>(evaluate<float, float>(body, {1, 3}),
                    {1 - (1 * 0.1f + 2) / 4, 1 - (3 * 0.1f + 2) / 4});
  expectSame<double>(evaluate<double, double>(body, {1, 3}),
                     {1 - (1 * 0.1 + 2) / 4, 1 - (3 * 0.1 + 2) / 4});
  auto integers = [](Args x) { return 3 - x[0] * 2; };
  expectSame<int64_t>(evaluate<int64_t, int64_t>(integers, {5, -5}), {-7, 13});
  expectSame<int32_t>(evaluate<int32_t, int32_t>(integers, {5, -5}), {-7, 13});
}

TEST(ScalarExpr, FmaRoundsOnce) {
  double x = 1 + 0x1p-30;
  expectSame<double>(evaluate<double, double>(
                         [](Args v) { return fma(v[0], v[0], -1); }, {x, 3}),
                     {std::fma(x, x, -1.0), 8});
}

TEST(ScalarExpr, ComparisonsWithNan) {
  std::vector<double> a = {1, 2, nan, 1, nan, -0.0, inf, -inf};
  std::vector<double> b = {2, 1, 1, nan, nan, 0.0, inf, inf};
  using Bools = std::vector<uint8_t>;
  auto compare = [&](ScalarExpr (*op)(ScalarOperand, ScalarOperand)) {
    return evaluate<uint8_t, double>([=](Args x) { return op(x[0], x[1]); }, a,
                                     b);
  };
  EXPECT_EQ(compare(eq), Bools({0, 0, 0, 0, 0, 1, 1, 0}));
  EXPECT_EQ(compare(ne), Bools({1, 1, 1, 1, 1, 0, 0, 1}));
  EXPECT_EQ(compare(lt), Bools({1, 0, 0, 0, 0, 0, 0, 1}));
  EXPECT_EQ(compare(le), Bools({1, 0, 0, 0, 0, 1, 1, 1}));
  EXPECT_EQ(compare(gt), Bools({0, 1, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(compare(ge), Bools({0, 1, 0, 0, 0, 1, 1, 0}));
}

TEST(ScalarExpr, IntegersCompareSignedAndBoolsAsZeroAndOne) {
  auto less = [](Args x) { return lt(x[0], x[1]); };
  EXPECT_EQ(
      (evaluate<uint8_t, int64_t>(less, {-1, 1, min64, 3}, {1, -1, max64, 3})),
      std::vector<uint8_t>({1, 0, 1, 0}));
  EXPECT_EQ((evaluate<uint8_t, uint8_t>(less, {0, 1, 0, 1}, {1, 0, 0, 1})),
            std::vector<uint8_t>({1, 0, 0, 0}));
}

TEST(ScalarExpr, Logic) {
  std::vector<uint8_t> a = {0, 0, 1, 1}, b = {0, 1, 0, 1};
  using Bools = std::vector<uint8_t>;
  auto logic = [&](auto op) {
    return evaluate<uint8_t, uint8_t>([=](Args x) { return op(x[0], x[1]); }, a,
                                      b);
  };
  EXPECT_EQ(logic(logicalAnd), Bools({0, 0, 0, 1}));
  EXPECT_EQ(logic(logicalOr), Bools({0, 1, 1, 1}));
  EXPECT_EQ(
      (evaluate<uint8_t, uint8_t>([](Args x) { return logicalNot(x[0]); }, a)),
      Bools({1, 1, 0, 0}));
}

TEST(ScalarExpr, MaximumAndMinimumPropagateNan) {
  std::vector<double> a = {1, 2, nan, 1, -inf, inf, nan, -3};
  std::vector<double> b = {2, 1, 1, nan, 5, 5, nan, -4};
  auto larger = [](Args x) { return maximum(x[0], x[1]); };
  auto smaller = [](Args x) { return minimum(x[0], x[1]); };
  expectSame<double>(evaluate<double, double>(larger, a, b),
                     {2, 2, nan, nan, 5, inf, nan, -3});
  expectSame<double>(evaluate<double, double>(smaller, a, b),
                     {1, 1, nan, nan, -inf, 5, nan, -4});
  expectSame<int64_t>(evaluate<int64_t, int64_t>(larger, {-1, min64}, {3, 7}),
                      {3, 7});
  auto withLiteral = [](Args x) { return maximum(x[0], 0) + minimum(0, x[0]); };
  expectSame<double>(evaluate<double, double>(withLiteral, {-2, 3, nan, 0}),
                     {-2, 3, nan, 0});
}

TEST(ScalarExpr, SignAbsReluRounding) {
  std::vector<double> x = {-2.5, -0.5, 0.0, 0.5, 1.5, 2.5, nan, -inf};
  auto apply = [&](ScalarExpr (*op)(ScalarExpr)) {
    return evaluate<double, double>([=](Args v) { return op(v[0]); }, x);
  };
  expectSame<double>(apply(sign), {-1, -1, 0, 1, 1, 1, nan, -1});
  expectSame<double>(apply(abs), {2.5, 0.5, 0, 0.5, 1.5, 2.5, nan, inf});
  expectSame<double>(apply(relu), {0, 0, 0, 0.5, 1.5, 2.5, nan, 0});
  expectSame<double>(apply(floor), {-3, -1, 0, 0, 1, 2, nan, -inf});
  expectSame<double>(apply(roundHalfEven), {-2, -0.0, 0, 0, 2, 2, nan, -inf});
  expectSame<int64_t>(
      evaluate<int64_t, int64_t>([](Args v) { return abs(v[0]) * sign(v[0]); },
                                 {-3, 0, 4, max64}),
      {-3, 0, 4, max64});
}

TEST(ScalarExpr, SelectTakesLiterals) {
  expectSame<double>(
      evaluate<double, double>(
          [](Args x) { return select(gt(x[0], 0), x[0] * 2, -1); }, {3, -3}),
      {6, -1});
}

/// Casts every value to the element type of To.
template <class To, class From>
std::vector<To> castAll(const std::vector<From> &x) {
  auto body = [](Args v) {
    mlir::OpBuilder &b = *v[0].b;
    mlir::Type type = std::is_same_v<To, float>     ? mlir::Type(b.getF32Type())
                      : std::is_same_v<To, double>  ? mlir::Type(b.getF64Type())
                      : std::is_same_v<To, int32_t> ? mlir::Type(b.getI32Type())
                      : std::is_same_v<To, int64_t> ? mlir::Type(b.getI64Type())
                                                    : mlir::Type(b.getI1Type());
    return cast(v[0], type);
  };
  return evaluate<To, From>(body, x);
}

TEST(ScalarExpr, FloatToIntegerTruncatesAndSaturates) {
  std::vector<double> x = {2.9,    -2.9,       nan,           inf, -inf, 1e300,
                           -0.0,   2147483647, -2147483648.9, 4e9, -4e9, 0.5,
                           0x1p63, -0x1p63,    0x1p62,        -1};
  expectSame<int32_t>(castAll<int32_t>(x),
                      {2, -2, 0, max32, min32, max32, 0, max32, min32, max32,
                       min32, 0, max32, min32, max32, -1});
  expectSame<int64_t>(castAll<int64_t>(x),
                      {2, -2, 0, max64, min64, max64, 0, 2147483647,
                       -2147483648, 4000000000, -4000000000, 0, max64, min64,
                       int64_t(1) << 62, -1});
  std::vector<float> single = {2.9f, nan, 2147483520.0f, 2147483648.0f};
  expectSame<int32_t>(castAll<int32_t>(single), {2, 0, 2147483520, max32});
}

TEST(ScalarExpr, OtherCasts) {
  std::vector<double> x = {0, -0.0, nan, 0.25};
  EXPECT_EQ(castAll<uint8_t>(x), std::vector<uint8_t>({0, 0, 1, 1}));
  std::vector<int64_t> n = {0, 1, -1, (int64_t(1) << 32) + 7};
  EXPECT_EQ(castAll<uint8_t>(n), std::vector<uint8_t>({0, 1, 1, 1}));
  EXPECT_EQ(castAll<int32_t>(n), std::vector<int32_t>({0, 1, -1, 7}));
  expectSame<double>(castAll<double>(n), {0, 1, -1, 0x1.00000007p32});
  expectSame<float>(castAll<float>(n), {0, 1, -1, 0x1p32f});
  std::vector<int32_t> m = {-5, 7};
  EXPECT_EQ(castAll<int64_t>(m), std::vector<int64_t>({-5, 7}));
  std::vector<uint8_t> b = {0, 1};
  expectSame<double>(castAll<double>(b), {0, 1});
  expectSame<float>(castAll<float>(b), {0, 1});
  EXPECT_EQ(castAll<int64_t>(b), std::vector<int64_t>({0, 1}));
  EXPECT_EQ(castAll<int32_t>(b), std::vector<int32_t>({0, 1}));
  std::vector<double> d = {0.1, 1e300};
  expectSame<float>(castAll<float>(d),
                    {0.1f, std::numeric_limits<float>::infinity()});
}

TEST(ScalarExpr, IntegerPowersAreProducts) {
  double x = 1.1, y = -0.7;
  auto power = [&](double n) {
    return evaluate<double, double>([=](Args v) { return pow(v[0], n); },
                                    {x, y});
  };
  expectSame<double>(power(0), {1, 1});
  expectSame<double>(power(1), {x, y});
  expectSame<double>(power(2), {x * x, y * y});
  expectSame<double>(power(3), {x * x * x, y * y * y});
  double x2 = x * x, y2 = y * y;
  expectSame<double>(power(4), {x2 * x2, y2 * y2});
  expectSame<double>(power(-1), {1 / x, 1 / y});
  expectSame<double>(power(-2), {1 / x2, 1 / y2});
  double x3 = x2 * x, y3 = y2 * y;
  expectSame<double>(power(6), {x3 * x3, y3 * y3});
  expectSame<int64_t>(
      evaluate<int64_t, int64_t>([](Args v) { return pow(v[0], 5); }, {-3, 10}),
      {-243, 100000});
}

TEST(ScalarExpr, PowersOfSpecialValues) {
  std::vector<double> x = {0.0, -0.0, inf, -inf, nan, 1, -1, -2};
  for (double n : {0.0, 1.0, 0.5, -0.5, 1.5, -1.5, 2.0, -2.0, 3.0, -3.0, 65.0,
                   -65.0, 66.0, -66.0, 0.1, 1e300, -1e300}) {
    std::vector<double> expected;
    for (double v : x)
      expected.push_back(std::pow(v, n));
    SCOPED_TRACE(n);
    expectSame(
        evaluate<double, double>([=](Args v) { return pow(v[0], n); }, x),
        expected);
  }
}

} // namespace
} // namespace etch::test
