//===- Exp.cpp - exp, tanh and sigmoid ------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Etch/Math/Detail.h"

namespace etch {
namespace detail {

// (exp(r) - 1 - r) / r^2 on |r| <= ln(2)/2: in f32 the error relative to r is
// 2^-26.1, in f64 that relative to exp(r) 2^-57.2.
static constexpr double expRest32[] = {
    0x1.000000p-1f, 0.16666539013385773, 0.04166661202907562,
    0.008367098867893219, 0.0013917728792876005};
static constexpr double expRest64[] = {
    0x1.000000000000ap-1,  0x1.55555555554e6p-3,  0x1.555555555056bp-5,
    0x1.1111111120ab5p-7,  0x1.6c16c1853b4f3p-10, 0x1.a01a0181851eep-13,
    0x1.a01996283a74cp-16, 0x1.71de09cfa249ep-19, 0x1.28b1ca6c1c07ep-22,
    0x1.afb7574cc49c2p-26};

/// Adding it rounds x / ln 2 to an integer n; the low bits of the sum are then
/// those of n and the exponent's bias.
static double biasingMagic(ScalarExpr x) {
  return roundingMagic(x) + exponentBias(x);
}

ScalarExpr ExpArgument::n() const {
  return biased - bitsOf(constantLike(r.hi, biasingMagic(r.hi)));
}

ScalarExpr ExpArgument::power() const {
  return fromBits(shiftLeft(biased, fractionBits(r.hi)), r.hi);
}

/// x / ln 2 to the nearest integer, by the rounding of an addition: as a float,
/// and as bits. A NaN gives some bits and NaN.
static std::pair<ScalarExpr, ScalarExpr> nearestPower(ScalarExpr x) {
  double magic = biasingMagic(x);
  ScalarExpr shifted = fma(x, 0x1.71547652b82fep+0, magic);
  return {shifted - magic, bitsOf(shifted)};
}

ExpArgument reduceExp(ScalarExpr x, std::optional<ScalarExpr> tail) {
  auto [nf, biased] = nearestPower(x);
  // ln 2 in two parts. The first fma is exact: |result| < 1/2 with the last
  // place of the operands'.
  if (x.isF32()) {
    ScalarExpr r = fma(nf, -0x1.62e430p-1, x);
    r = fma(nf, 0x1.05c610p-29, r);
    return {biased, {r, constantLike(x, 0)}};
  }
  ScalarExpr head = fma(nf, -0x1.62e42fefa39efp-1, x);
  ScalarExpr rest = nf * -0x1.abc9e3b39803fp-56;
  if (tail)
    rest = rest + *tail;
  // nf * (low part of ln 2) reaches 2^-45: bring it into the head. Where the
  // head is the smaller one (x near a multiple of ln 2), the sum of absolute
  // terms is still below 2^-44, and the error below that of the second order.
  ScalarExpr hi = head + rest;
  return {biased, {hi, rest - (hi - head)}};
}

ScalarExpr expm1Rest(const Pair &r) {
  ScalarExpr x = r.hi, square = x * x;
  if (x.isF32())
    return square * polynomial(x, expRest32);
  return fma(square, polynomial(x, expRest64), r.lo);
}

ExpParts expParts(ScalarExpr x) {
  bool single = x.isF32();
  auto [nf, biased] = nearestPower(x);
  ScalarExpr r = fma(nf, single ? -0x1.62e430p-1 : -0x1.62e42fefa39efp-1, x);
  r = fma(nf, single ? 0x1.05c610p-29 : -0x1.abc9e3b39803fp-56, r);
  ScalarExpr rest =
      single ? polynomial(r, expRest32) : polynomial(r, expRest64);
  ExpArgument a = {biased, {r, r}};
  return {a.power(), fma(r * r, rest, r)};
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
  return scale(p.hi + p.lo, a.n());
}

} // namespace detail

using namespace detail;

ScalarExpr exp(ScalarExpr x) {
  ExpArgument a = reduceExp(clampExp(x));
  if (x.isF32())
    return scale(1 + (a.r.hi + expm1Rest(a.r)), a.n());
  Pair p = expPair(a.r);
  return scale(p.hi + p.lo, a.n());
}

// (tanh(x) - x) / x^3 in x^2, |x| <= 0.6 in f32 and 1 in f64, the error
// relative to tanh: 2^-28.4 and 2^-59.5.
static constexpr double tanhNear32[] = {
    -0.33333298563957214, 0.13331936299800873, -0.05378472059965134,
    0.020798657089471817, -0.005898026749491692};
static constexpr double tanhNear64[] = {
    -0x1.555555555554fp-2,  0x1.1111111110b3ap-3,   -0x1.ba1ba1b9deebfp-5,
    0x1.664f4878aa194p-6,   -0x1.226e345cef521p-7,  0x1.d6d3af3348453p-9,
    -0x1.7da1dcd487042p-10, 0x1.354b5410adde4p-11,  -0x1.f4deb24f68166p-13,
    0x1.939ab942fb92dp-14,  -0x1.3f46df1f73799p-15, 0x1.df0070313ce32p-17,
    -0x1.3f0956358b11dp-18, 0x1.54ad7538211c6p-20,  -0x1.f2e4bb6a72d3ep-23,
    0x1.6c56dcf1ae817p-26};

// Where tanh is large, 1 - 2 / (exp(2|x|) + 1): errors of the quotient count
// little.
ScalarExpr tanh(ScalarExpr x) {
  bool single = x.isF32();
  ScalarExpr a = abs(x), square = a * a;
  ScalarExpr near = fma(a * square,
                        single ? polynomial(square, tanhNear32)
                               : polynomial(square, tanhNear64),
                        a);
  // Beyond, tanh rounds to 1. A NaN passes.
  double end = single ? 10 : 20;
  ScalarExpr y = select(gt(a, end), end, a);
  auto [power, s] = expParts(y + y);
  ScalarExpr far = 1 - 2 / fma(power, s, power + 1);
  return copysign(select(lt(a, single ? 0.6 : 1), near, far), x);
}

// With e = exp(-|x|) = 2^n p: 1 / (1 + e) for x >= 0, e / (1 + e) below.
ScalarExpr sigmoid(ScalarExpr x) {
  bool single = x.isF32();
  ScalarExpr negative = lt(x, 0), y = -abs(x);
  // For x >= 0 e below 2^-50 is nothing; below 0 it underflows. A NaN passes.
  ScalarExpr low = select(negative, single ? -104 : -746, constantLike(x, -50));
  y = select(lt(y, low), low, y);
  ExpArgument a = reduceExp(y);
  // 2^n in two factors. The second one is 1 but where the result is subnormal,
  // and comes last: it is rounded once.
  ExpArgument normal = a;
  ScalarExpr least = bitsOf(constantLike(x, biasingMagic(x) - 100));
  normal.biased = maximum(a.biased, least);
  ScalarExpr power = normal.power();
  ScalarExpr rest = powerOfTwo(a.biased - normal.biased, x);
  ScalarExpr s = a.r.hi + expm1Rest(a.r), p = 1 + s;
  // The denominator in two parts.
  ScalarExpr d = fma(p, power, 1), dLow = fma(p, power, 1 - d);
  ScalarExpr numerator = select(negative, p * power, 1);
  // One division: it runs beside the multiplications of other elements, and is
  // faster than Newton's steps, which compete with them.
  ScalarExpr reciprocal = 1 / d, q = numerator * reciprocal;
  ScalarExpr error = fma(-q, d, numerator);
  if (!single) {
    ScalarExpr low = (s - (p - 1)) * power;
    dLow = dLow + low;
    error = error + select(negative, low, 0);
  }
  return fma(fma(-q, dLow, error), reciprocal, q) * rest;
}

} // namespace etch
