//===- Erf.cpp - the error function ---------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Etch/Math/Detail.h"

namespace etch {
using namespace detail;

// erf(x)/x - 1 in x^2, |x| <= 1, the error relative to erf: 2^-29.4. In f64 in
// x^2 - 1/2, in which the terms, and with them their roundings, are smaller:
// 2^-56.7.
static constexpr double erfNear32[] = {
    0.12837916612625122,   -0.3761262595653534,  0.11283578723669052,
    -0.026853347197175026, 0.005187162198126316, -0.0007997853099368513,
    7.806906069163233e-05};
static constexpr double erfNear64[] = {
    -0x1.1ae14dc34815bp-5,  -0x1.1fd16292151fep-2,  0x1.454368017b0d9p-4,
    -0x1.2b902b7b2efc6p-6,  0x1.c82aa249a9001p-9,   -0x1.263991b8791c6p-11,
    0x1.4866392fc337dp-14,  -0x1.429e92e05674dp-17, 0x1.1ad510746de45p-20,
    -0x1.bf8f2e6debbc3p-24, 0x1.4417dd4bc085ap-27,  -0x1.ab4a038dd57c6p-31};

// -log(erfc(x)) in x on [1, 4.1], the error weighted with erfc(x)/erf(x), that
// is relative to erf: 2^-29.8.
static constexpr double erfFar32[] = {
    0.00034153895103372633, 1.1270891427993774,   0.638144850730896,
    0.10310682654380798,    -0.02183816023170948, 0.0029477032367140055,
    -0.00018638641631696373};
// Where erfc is 1/4, and (log2(erfc(x)) + 2) / t with t = x - that, x in [1,
// 5.95], the error weighted with ln(2) t erfc(x)/erf(x): 2^-56.2. As erfc is a
// power of two where t is 0, its exponent takes no rounding.
static constexpr double erfQuarter = 0x1.a07890f6b2ba1p-1;
static constexpr double erfFar64[] = {
    -0x1.ae141dc79ce48p+1,  -0x1.2df847972c1a5p+0,  -0x1.2616f3388a6fdp-4,
    0x1.1b8322b5c5196p-6,   -0x1.a273cfde55acap-9,  0x1.02451a192e877p-12,
    0x1.e789afcdcc30bp-14,  -0x1.1ac3d3d4644c6p-14, 0x1.4bd491482f744p-16,
    -0x1.a781ad22095ebp-19, -0x1.87f73ec6805e0p-23, 0x1.40cc3c071a0d9p-22,
    -0x1.bfe46ede34c23p-24, 0x1.795cb291271e2p-26,  -0x1.99c5ea6ec4dccp-29,
    0x1.09a6fb86104e5p-32,  -0x1.39e80817ab8a4p-37};
// 2^r, |r| <= 1/2: 2^-55.7.
static constexpr double power64[] = {
    0x1.0000000000000p+0,  0x1.62e42fefa39efp-1,  0x1.ebfbdff82c5a5p-3,
    0x1.c6b08d704a0cfp-5,  0x1.3b2ab6fb9ffe9p-7,  0x1.5d87fe78a1bfdp-10,
    0x1.4309130f179d4p-13, 0x1.ffcbfc7972027p-17, 0x1.62bfc6ffeb900p-20,
    0x1.b524d24e673c8p-24, 0x1.e61c5ab2c234fp-28, 0x1.ea1312e01626bp-32};

/// Two factors of erfc(x) in f64, 1 <= x <= 5.95.
static std::pair<ScalarExpr, ScalarExpr> complement(ScalarExpr x) {
  ScalarExpr t = x - erfQuarter, slope = polynomial(t, erfFar64);
  // Rounds to an integer n; in the low bits, n - 2 and the exponent's bias.
  double magic = roundingMagic(x) + exponentBias(x) - 2;
  ScalarExpr shifted = fma(t, slope, magic);
  ScalarExpr r = fma(t, slope, magic - shifted);
  ScalarExpr power = fromBits(shiftLeft(bitsOf(shifted), fractionBits(x)), x);
  return {power, horner(r, power64)};
}

ScalarExpr erf(ScalarExpr x) {
  bool single = x.isF32();
  ScalarExpr a = abs(x);
  ScalarExpr square = single ? a * a : fma(a, a, -0.5);
  ScalarExpr near = fma(
      a, single ? polynomial(square, erfNear32) : polynomial(square, erfNear64),
      a);
  // Beyond the interval 1 - erfc(x) rounds to 1. A NaN passes.
  double end = single ? 4.1 : 5.95;
  ScalarExpr y = select(gt(a, end), end, a);
  // No scaling in steps: erfc(6) is far from the subnormals.
  ScalarExpr far = y;
  if (single) {
    auto [power, s] = expParts(-polynomial(y, erfFar32));
    far = fma(-s, power, 1 - power);
  } else {
    auto [power, rest] = complement(y);
    far = fma(-power, rest, 1);
  }
  return copysign(select(lt(a, 1), near, far), x);
}

} // namespace etch
