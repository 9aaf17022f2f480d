//===- Exp.cpp - exp, tanh and sigmoid ------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Etch/Math/Detail.h"

namespace etch {
namespace detail {

// (exp(r) - 1 - r) / r^2 on |r| <= ln(2)/2, the error relative to r (it is that
// of expm1): 2^-26.1 in f32, 2^-61.6 in f64.
static constexpr double expRest32[] = {
    0x1.000000p-1f, 0.16666539013385773, 0.04166661202907562,
    0.008367098867893219, 0.0013917728792876005};
static constexpr double expRest64[] = {
    0x1.0000000000000p-1,  0x1.5555555555559p-3,  0x1.5555555555556p-5,
    0x1.111111110f608p-7,  0x1.6c16c16c162c7p-10, 0x1.a01a01b038b17p-13,
    0x1.a01a01a61fd50p-16, 0x1.71ddf75afc8ffp-19, 0x1.27e4decf3e7c0p-22,
    0x1.af60ab7dfee7fp-26, 0x1.1f6aa2f315f0dp-29};

ExpArgument reduceExp(ScalarExpr x, std::optional<ScalarExpr> tail) {
  // n = x / ln 2 to the nearest, by the rounding of an addition. A NaN gives
  // some integer and r = NaN.
  double magic = roundingMagic(x);
  ScalarExpr shifted = fma(x, 0x1.71547652b82fep+0, magic);
  ScalarExpr n = bitsOf(shifted) - bitsOf(constantLike(x, magic));
  ScalarExpr nf = shifted - magic;
  // ln 2 in two parts. The first fma is exact: |result| < 1/2 with the last
  // place of the operands'.
  if (x.isF32()) {
    ScalarExpr r = fma(nf, -0x1.62e430p-1, x);
    r = fma(nf, 0x1.05c610p-29, r);
    return {n, {r, constantLike(x, 0)}};
  }
  ScalarExpr head = fma(nf, -0x1.62e42fefa39efp-1, x);
  ScalarExpr rest = nf * -0x1.abc9e3b39803fp-56;
  if (tail)
    rest = rest + *tail;
  // nf * (low part of ln 2) reaches 2^-45: bring it into the head. Where the
  // head is the smaller one (x near a multiple of ln 2), the sum of absolute
  // terms is still below 2^-44, and the error below that of the second order.
  ScalarExpr hi = head + rest;
  return {n, {hi, rest - (hi - head)}};
}

ScalarExpr expm1Rest(const Pair &r) {
  ScalarExpr x = r.hi, square = x * x;
  if (x.isF32())
    return square * polynomial(x, expRest32);
  return fma(square, polynomial(x, expRest64), r.lo);
}

ScalarExpr scale(ScalarExpr p, ScalarExpr n) {
  // Two steps, n = half + (n - half), as 2^n itself may overflow or underflow;
  // the first product is exact. half = floor(n / 2) without a signed shift.
  ScalarExpr biased = shiftRight(n + integerLike(n, 2048), 1);
  ScalarExpr half = biased - integerLike(n, 1024);
  return p * powerOfTwo(half, p) * powerOfTwo(n - half, p);
}

/// Beyond these exp overflows, or underflows to zero, whatever follows. A NaN
/// passes.
static ScalarExpr clampExp(ScalarExpr x) {
  double low = x.isF32() ? -104 : -746, high = x.isF32() ? 89 : 710;
  x = select(lt(x, low), low, x);
  return select(gt(x, high), high, x);
}

/// exp(r) as a pair.
static Pair expPair(const Pair &r) {
  Pair p = fastTwoSum(constantLike(r.hi, 1), r.hi);
  return {p.hi, p.lo + expm1Rest(r)};
}

ScalarExpr expOfSum(ScalarExpr x, ScalarExpr tail) {
  // Where x is clamped or infinite the tail says nothing.
  tail = select(lt(abs(x), 750), tail, 0);
  ExpArgument a = reduceExp(clampExp(x), tail);
  Pair p = expPair(a.r);
  return scale(p.hi + p.lo, a.n);
}

} // namespace detail

using namespace detail;

ScalarExpr exp(ScalarExpr x) {
  ExpArgument a = reduceExp(clampExp(x));
  if (x.isF32())
    return scale(1 + (a.r.hi + expm1Rest(a.r)), a.n);
  Pair p = expPair(a.r);
  return scale(p.hi + p.lo, a.n);
}

/// (hi + lo) / d, by one division: it runs beside the multiplications of other
/// elements, and is faster than Newton's steps, which compete with them.
static ScalarExpr quotient(ScalarExpr hi, std::optional<ScalarExpr> lo,
                           const Pair &d) {
  ScalarExpr reciprocal = 1 / d.hi;
  ScalarExpr q = hi * reciprocal;
  ScalarExpr rest = fma(-q, d.lo, fma(-q, d.hi, hi));
  if (lo)
    rest = rest + *lo;
  return fma(rest, reciprocal, q);
}

// With t = expm1(-2|x|), in (-1, 0], tanh |x| = -t / (2 + t): nothing cancels,
// nothing overflows.
ScalarExpr tanh(ScalarExpr x) {
  ScalarExpr y = abs(x) * -2.0;
  // Past -48 t is -1 in either type, and 2^n is far from the subnormals.
  y = select(lt(y, -48), -48, y);
  ExpArgument a = reduceExp(y);
  ScalarExpr rest = expm1Rest(a.r);
  ScalarExpr power = powerOfTwo(a.n, x);
  // t = 2^n (r + rest) + (2^n - 1)
  ScalarExpr two = constantLike(x, 2);
  if (x.isF32()) {
    ScalarExpr m = a.r.hi + rest, offset = power - 1;
    ScalarExpr t = fma(power, m, offset);
    ScalarExpr low = fma(power, m, offset - t);
    Pair d = fastTwoSum(two, t);
    return copysign(quotient(t, low, {d.hi, d.lo + low}), x);
  }
  // In pairs: 2^n - 1 is zero or at least 1/2, larger than 2^n r.
  Pair m = fastTwoSum(a.r.hi, rest);
  Pair offset = fastTwoSum(constantLike(x, -1), power);
  Pair t = fastTwoSum(offset.hi, power * m.hi);
  t = fastTwoSum(t.hi, t.lo + fma(power, m.lo, offset.lo));
  Pair d = fastTwoSum(two, t.hi);
  d.lo = d.lo + t.lo;
  return copysign(quotient(t.hi, t.lo, d), x);
}

// With e = exp(-|x|) = 2^n p: 1 / (1 + e) for x >= 0, e / (1 + e) below.
ScalarExpr sigmoid(ScalarExpr x) {
  ScalarExpr negative = lt(x, 0);
  ExpArgument a = reduceExp(clampExp(-abs(x)));
  // In the denominator e below 2^-100 is nothing: n stays far from subnormals.
  ScalarExpr lowest = integerLike(a.n, -100);
  ScalarExpr power = powerOfTwo(maximum(a.n, lowest), x);
  ScalarExpr q = x;
  if (x.isF32()) {
    ScalarExpr p = 1 + (a.r.hi + expm1Rest(a.r));
    ScalarExpr d = fma(p, power, 1);
    q = quotient(select(negative, p, 1), {}, {d, fma(p, power, 1 - d)});
  } else {
    Pair p = expPair(a.r);
    p = fastTwoSum(p.hi, p.lo);
    Pair d = fastTwoSum(constantLike(x, 1), p.hi * power);
    d.lo = fma(p.lo, power, d.lo);
    q = quotient(select(negative, p.hi, 1), select(negative, p.lo, 0), d);
  }
  // The factor 2^n comes last, so that a subnormal result is rounded once.
  return scale(q, select(negative, a.n, integerLike(a.n, 0)));
}

} // namespace etch
