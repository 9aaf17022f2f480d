//===- Erf.cpp - the error function ---------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Etch/Math/Detail.h"

namespace etch {
using namespace detail;

// erf(x)/x - 1 in x^2, |x| <= 1 in f32 and 7/8 in f64, the error relative to
// erf: 2^-29.4 and 2^-56.3 (the first coefficient's rounding alone is 2^-57).
static constexpr double erfNear32[] = {
    0.12837916612625122,   -0.3761262595653534,  0.11283578723669052,
    -0.026853347197175026, 0.005187162198126316, -0.0007997853099368513,
    7.806906069163233e-05};
static constexpr double erfNear64[] = {
    0x1.06eba8214db69p-3,   -0x1.812746b037a2bp-2,  0x1.ce2f21a0461d2p-4,
    -0x1.b82ce31393382p-6,  0x1.565bcd38a1f75p-8,   -0x1.c02dbbca985f3p-11,
    0x1.f9a40b7a4f2e1p-14,  -0x1.f4e3090354e25p-17, 0x1.baab858869515p-20,
    -0x1.64dd32e4dbfdcp-23, 0x1.1159c4d39ef49p-26,  -0x1.61d82305da814p-30};

// -log(erfc(x)) in x on [1, 4.1], the error weighted with erfc(x)/erf(x), that
// is relative to erf: 2^-29.8.
static constexpr double erfFar32[] = {
    0.00034153895103372633, 1.1270891427993774,   0.638144850730896,
    0.10310682654380798,    -0.02183816023170948, 0.0029477032367140055,
    -0.00018638641631696373};
// -log(erfc(1)), and (-log(erfc(1 + t)) + log(erfc(1))) / t for t in [-1/8, 5],
// the error weighted with |t| erfc(1 + t)/erf(1 + t): 2^-56.8.
static constexpr double erfFarHead = 0x1.d97fbf27aa2a1p+0;
static constexpr double erfFar64[] = {
    0x1.51c9b0006c23ep+1,   0x1.afabc11a28fe7p-1,   0x1.5477f09ca4248p-5,
    -0x1.48c9d40d567ddp-7,  0x1.033f69c2a7c10p-9,   -0x1.f1b4b9e3cf8b3p-13,
    -0x1.b8c177d12c862p-16, 0x1.c76a3370e9626p-16,  -0x1.41b57acd42344p-17,
    0x1.1167e8c141c4ep-19,  -0x1.0cd3bd6f93ad8p-23, -0x1.cde1771ef0a79p-24,
    0x1.e1ce5d1915abfp-25,  -0x1.13f1f0c261b4bp-26, 0x1.a7a78d0c5e22cp-29,
    -0x1.b0c7768a69723p-32, 0x1.0a79b56a32965p-35,  -0x1.2ab0a22a90359p-40};

ScalarExpr erf(ScalarExpr x) {
  bool single = x.isF32();
  ScalarExpr a = abs(x);
  ScalarExpr square = a * a;
  ScalarExpr near = fma(
      a, single ? polynomial(square, erfNear32) : polynomial(square, erfNear64),
      a);
  // Beyond the interval 1 - erfc(x) rounds to 1. A NaN passes.
  double end = single ? 4.1 : 5.95;
  ScalarExpr y = select(gt(a, end), end, a);
  // No scaling in steps: erfc(6) is far from the subnormals.
  // Where erfc is largest, near 1, t and with it the error is small.
  ScalarExpr t = y - 1;
  ScalarExpr logarithm = single ? -polynomial(y, erfFar32)
                                : fma(-t, polynomial(t, erfFar64), -erfFarHead);
  auto [power, s] = expParts(logarithm);
  ScalarExpr far = fma(-s, power, 1 - power);
  return copysign(select(lt(a, single ? 1 : 0.875), near, far), x);
}

} // namespace etch
