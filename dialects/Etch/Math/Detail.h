//===- Detail.h - building blocks of the elementary functions -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Private to Math/*.cpp. Constants are hexadecimal floats, so that what is
// written is what is used. Coefficients are minimax fits (Remez exchange in
// 200-bit arithmetic, rounded to the target type one after the other from the
// lowest, refitting the rest each time); beside each stands the function, the
// interval, and the largest error relative to the function's result.
//
//===----------------------------------------------------------------------===//

#ifndef ETCH_DIALECTS_ETCH_MATH_DETAIL_H
#define ETCH_DIALECTS_ETCH_MATH_DETAIL_H

#include "dialects/Etch/ScalarExpr.h"

#include "llvm/ADT/ArrayRef.h"

#include <limits>

namespace etch::detail {

inline constexpr double inf = std::numeric_limits<double>::infinity();

//===----------------------------------------------------------------------===//
// Bits
//===----------------------------------------------------------------------===//

/// The integer constant in the (integer) type of `like`.
ScalarExpr integerLike(ScalarExpr like, int64_t value);
/// A float's bits as the integer of the same width.
ScalarExpr bitsOf(ScalarExpr x);
/// The float (`like` gives the type) that has these bits.
ScalarExpr fromBits(ScalarExpr bits, ScalarExpr like);
ScalarExpr shiftLeft(ScalarExpr x, unsigned n);
ScalarExpr shiftRight(ScalarExpr x, unsigned n); // fills with zeros
ScalarExpr bitAnd(ScalarExpr x, ScalarExpr y);
ScalarExpr bitXor(ScalarExpr x, ScalarExpr y);

/// Bits of the fraction, and the exponent's bias, of x's type.
inline unsigned fractionBits(ScalarExpr x) { return x.isF32() ? 23 : 52; }
inline int exponentBias(ScalarExpr x) { return x.isF32() ? 127 : 1023; }
/// 1.5 * 2^fractionBits: adding it rounds a small float to an integer, which
/// then stands in the low bits.
inline double roundingMagic(ScalarExpr x) {
  return x.isF32() ? 0x1.8p23 : 0x1.8p52;
}

/// 2^n for integers n in the normal range; `like` gives the float type.
ScalarExpr powerOfTwo(ScalarExpr n, ScalarExpr like);

//===----------------------------------------------------------------------===//
// Polynomials and pairs
//===----------------------------------------------------------------------===//

/// c[0] + c[1] x + ..., by Horner's rule with fma.
ScalarExpr horner(ScalarExpr x, llvm::ArrayRef<double> c);
/// The same, but the rest of a long one is the sum of its even and odd powers:
/// two chains of operations that do not wait for each other, and a product
/// more.
ScalarExpr polynomial(ScalarExpr x, llvm::ArrayRef<double> c);

/// An unevaluated sum, |lo| at most half an ulp of hi once normalised.
struct Pair {
  ScalarExpr hi, lo;
};

/// a + b exactly, if |a| >= |b| or a is zero.
Pair fastTwoSum(ScalarExpr a, ScalarExpr b);
/// a + b exactly.
Pair twoSum(ScalarExpr a, ScalarExpr b);
/// a * b exactly (barring underflow).
Pair twoProduct(ScalarExpr a, ScalarExpr b);

//===----------------------------------------------------------------------===//
// exp, shared by its relatives (Exp.cpp)
//===----------------------------------------------------------------------===//

/// x + tail = n ln 2 + r.hi + r.lo with |r| <= ln(2) / 2 (a little more, by
/// rounding). n is an integer. f32 has r.lo = 0 and takes no tail.
struct ExpArgument {
  ScalarExpr biased; ///< n and the exponent's bias, under other bits
  Pair r;

  ScalarExpr n() const;
  /// 2^n for n in the normal range.
  ScalarExpr power() const;
};
ExpArgument reduceExp(ScalarExpr x, std::optional<ScalarExpr> tail = {});

/// exp(r) - 1 - r.hi: the sum of all but the leading term.
ScalarExpr expm1Rest(const Pair &r);

/// exp(x) = power (1 + s) for x in the normal range, the error of s a few times
/// 2^-fractionBits(x) / 8: for what adds this to something larger.
struct ExpParts {
  ScalarExpr power, s;
};
ExpParts expParts(ScalarExpr x);

/// p * 2^n with one rounding where the result is subnormal, for |n| <= 1100.
ScalarExpr scale(ScalarExpr p, ScalarExpr n);

/// exp(x + tail), the tail an f64's error; x anything.
ScalarExpr expOfSum(ScalarExpr x, ScalarExpr tail);

} // namespace etch::detail

#endif // ETCH_DIALECTS_ETCH_MATH_DETAIL_H
