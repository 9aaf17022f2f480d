//===- Log.cpp - log, and pow by way of it --------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Etch/Math/Detail.h"

#include <cmath>

namespace etch {
namespace detail {

// (log(1 + f) - f + f^2/2) / f^3 on [sqrt(1/2) - 1, sqrt(2) - 1], the error
// relative to log(1 + f): 2^-27.3.
static constexpr double logRest32[] = {
    0.3333333134651184,   -0.2500082552433014, 0.20001265406608582,
    -0.16623234748840332, 0.14200885593891144, -0.1316056102514267,
    0.12767209112644196,  -0.07639766484498978};
// (log(1 + f) - 2 s) / s^3 in s^2, s = f / (2 + f), the same interval, the
// error relative to log(1 + f): 2^-59.5.
static constexpr double logRest64[] = {
    0x1.5555555555593p-1, 0x1.999999997f98dp-2, 0x1.2492494233f5ap-2,
    0x1.c71c51cda8a9ap-3, 0x1.74664c2583726p-3, 0x1.39a04db877386p-3,
    0x1.2f149d38c601ap-3};

// ln 2 as a head of 41 bits, whose products with exponents are exact in f64,
// and a tail.
static constexpr double ln2Head = 0x1.62e42fefa3000p-1;
static constexpr double ln2Tail = 0x1.3de6af278ece6p-42;

namespace {
/// x = 2^k (1 + f), 1 + f in [sqrt(1/2), sqrt(2)); k as a float.
struct LogArgument {
  ScalarExpr k, f;
};
} // namespace

/// For x positive and finite; anything for other x.
static LogArgument reduceLog(ScalarExpr x) {
  bool single = x.isF32();
  unsigned fraction = fractionBits(x);
  // A subnormal becomes normal, and k smaller by as much.
  double smallest = single ? 0x1p-126 : 0x1p-1022;
  double up = single ? 0x1p24 : 0x1p54;
  ScalarExpr subnormal = lt(x, smallest);
  x = select(subnormal, x * up, x);
  // Subtract sqrt(1/2) as an integer: the exponent field is then k. The bias
  // keeps it positive, so that the shift may fill with zeros.
  int64_t rootHalf = single ? 0x3f3504f3 : 0x3fe6a09e667f3bcd;
  int64_t bias = exponentBias(x) + 1;
  ScalarExpr bits = bitsOf(x);
  ScalarExpr biased = shiftRight(
      bits + integerLike(bits, (bias << fraction) - rootHalf), fraction);
  ScalarExpr exponent = shiftLeft(biased - integerLike(bits, bias), fraction);
  ScalarExpr f = fromBits(bits - exponent, x) - 1;
  // An integer added to the bits of the rounding constant is added to its
  // value: a conversion that every machine has.
  double magic = roundingMagic(x);
  ScalarExpr shifted = fromBits(biased + bitsOf(constantLike(x, magic)), x);
  ScalarExpr k = shifted - select(subnormal, magic + bias + (single ? 24 : 54),
                                  constantLike(x, magic + bias));
  return {k, f};
}

/// log(x) as a pair, relative error about 2^-66; x positive, finite, f64.
static Pair logPair(ScalarExpr x) {
  // log(1 + f) = 2 artanh(s), s = f / (2 + f), |s| <= 0.1716, here a pair;
  // with z = s^2: 2 s (1 + z (1/3 + z q(z))), all but q in pairs.
  auto [k, f] = reduceLog(x);
  Pair d = fastTwoSum(constantLike(x, 2), f);
  ScalarExpr reciprocal = 1 / d.hi;
  ScalarExpr s = f * reciprocal;
  ScalarExpr sLow = fma(-s, d.lo, fma(-s, d.hi, f)) * reciprocal;
  Pair z = twoProduct(s, s);
  z.lo = fma(s + s, sLow, z.lo);
  // (artanh(s)/s - 1 - z/3) / z^2 on z in [0, 0.0295], the error relative to
  // z/3 2^-65.1, so to the result 2^-71.8.
  static constexpr double artanhRest[] = {
      0x1.9999999999999p-3, 0x1.24924924927b5p-3, 0x1.c71c71c67b859p-4,
      0x1.745d17bdc91d0p-4, 0x1.3b1380b7e5be7p-4, 0x1.111c5b4c03b50p-4,
      0x1.deddf71619887p-5, 0x1.e5b693c7ee874p-5};
  Pair w = fastTwoSum(constantLike(x, 0x1.5555555555555p-2),
                      z.hi * polynomial(z.hi, artanhRest));
  w.lo = w.lo + 0x1.5555555555555p-56;
  Pair t = twoProduct(z.hi, w.hi);
  t.lo = fma(z.hi, w.lo, fma(z.lo, w.hi, t.lo));
  ScalarExpr twice = s + s;
  Pair rest = twoProduct(twice, t.hi);
  rest.lo = fma(twice, t.lo, fma(sLow + sLow, t.hi, rest.lo));
  Pair a = fastTwoSum(k * ln2Head, twice);
  Pair b = fastTwoSum(a.hi, rest.hi);
  ScalarExpr low = (a.lo + b.lo) + (sLow + sLow) + rest.lo;
  return fastTwoSum(b.hi, fma(k, ln2Tail, low));
}

ScalarExpr generalPow(ScalarExpr x, double exponent) {
  ScalarExpr base = abs(x);
  ScalarExpr result = base;
  if (x.isF32()) {
    // In f64 an error of an ulp or two is nothing.
    ScalarExpr wide = cast(base, x.b->getF64Type());
    result = cast(exp(log(wide) * exponent), x.b->getF32Type());
  } else {
    // exponent * log as a pair: the exponential magnifies its error by up to
    // 745.
    Pair l = logPair(base);
    Pair p = twoProduct(l.hi, constantLike(x, exponent));
    p.lo = fma(l.lo, exponent, p.lo);
    result = expOfSum(p.hi, p.lo);
    result = select(lt(base, inf), result, exponent > 0 ? base : 1 / base);
    result = select(eq(x, 0), exponent > 0 ? 0 : inf, result);
  }
  // Even powers forget the sign, odd ones have it, others are not numbers, but
  // for zeros and infinities.
  if (std::fabs(exponent) == inf || std::fmod(exponent, 2) == 0)
    return result;
  if (std::fabs(std::fmod(exponent, 2)) == 1)
    return copysign(result, x);
  ScalarExpr finite = logicalAnd(lt(x, 0), gt(x, -inf));
  return select(finite, std::numeric_limits<double>::quiet_NaN(), result);
}

} // namespace detail

using namespace detail;

ScalarExpr log(ScalarExpr x) {
  auto [k, f] = reduceLog(x);
  ScalarExpr square = f * f, result = x;
  if (x.isF32()) {
    ScalarExpr rest = (f * square) * polynomial(f, logRest32);
    rest = fma(k, -0x1.05c610p-29, fma(square, -0.5, rest));
    result = fma(k, 0x1.62e430p-1, f + rest);
  } else {
    // As f - (f^2/2 - s (f^2/2 + z rest(z))), z = s^2: of what is added to k
    // ln 2 only f is large. [FreeBSD's e_log.c]
    ScalarExpr s = f / (f + 2);
    ScalarExpr half = square * 0.5, z = s * s;
    ScalarExpr rest = fma(z, polynomial(z, logRest64), half);
    ScalarExpr low = fma(s, rest, k * ln2Tail);
    result = fma(k, ln2Head, f - (half - low));
  }
  result = select(lt(x, inf), result, x);
  ScalarExpr atZero = constantLike(x, -inf);
  double nan = std::numeric_limits<double>::quiet_NaN();
  return select(gt(x, 0), result, select(eq(x, 0), atZero, x + nan));
}

} // namespace etch
