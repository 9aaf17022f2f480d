//===- Erf.cpp - the error function ---------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Etch/Math/Detail.h"

namespace etch {
using namespace detail;

// erf(x)/x - 1 in x^2, |x| <= 1, the error relative to erf: 2^-29.4 in f32,
// 2^-55.9 in f64 (the rounding of the first coefficient alone is 2^-57).
static constexpr double erfNear32[] = {
    0.12837916612625122,   -0.3761262595653534,    0.11283578723669052,
    -0.026853347197175026, 0.005187162198126316,   -0.0007997853099368513,
    7.806906069163233e-05};
static constexpr double erfNear64[] = {
    0x1.06eba8214db68p-3,  -0x1.812746b03799dp-2,  0x1.ce2f21a03f8b9p-4,
    -0x1.b82ce311a97d6p-6, 0x1.565bcceeda3a0p-8,   -0x1.c02daeb704c99p-11,
    0x1.f9a296b4a5fdap-14, -0x1.f4c82f0730e4ap-17, 0x1.b96b57ba16b3dp-20,
    -0x1.5b8c6f5555629p-23, 0x1.d3ddc44c6bde3p-27, -0x1.a23e756a2716fp-31};

// -log(erfc(x)) on [1, 4.1] in f32 and on [1, 6] in f64, the error weighted
// with erfc(x)/erf(x), that is relative to erf: 2^-29.8 and 2^-57.3.
static constexpr double erfFar32[] = {
    0.00034153895103372633, 1.1270891427993774,   0.638144850730896,
    0.10310682654380798,    -0.02183816023170948, 0.0029477032367140055,
    -0.00018638641631696373};
static constexpr double erfFar64[] = {
    0x1.81b8e776ee04ap-23,  0x1.20dd562ee7e97p+0,  0x1.45f42b55cb214p-1,
    0x1.a4da4d963a05bp-4,   -0x1.3893959c21cd4p-6, -0x1.261d3bb0912efp-12,
    0x1.cfbbb0919e9b3p-10,  -0x1.5028e4d2abcb5p-11, 0x1.780192935e913p-15,
    0x1.2722e65fd1948p-14,  -0x1.79cc47fa7e3ddp-15, 0x1.150e39050a106p-16,
    -0x1.22614d8cf522bp-18, 0x1.c8a4d56b7894ap-21, -0x1.0df2521eb056ap-23,
    0x1.d4349bc8e8e25p-27,  -0x1.19f0acb5bc261p-30, 0x1.a5dc689fe71cap-35,
    -0x1.2770c33712f94p-40};

ScalarExpr erf(ScalarExpr x) {
  bool single = x.isF32();
  ScalarExpr a = abs(x);
  ScalarExpr square = a * a;
  ScalarExpr near = fma(a,
                        single ? polynomial(square, erfNear32)
                               : polynomial(square, erfNear64),
                        a);
  // Beyond the interval 1 - erfc(x) rounds to 1. A NaN passes.
  double end = single ? 4.1 : 6.0;
  ScalarExpr y = select(gt(a, end), end, a);
  ScalarExpr minusLog =
      single ? polynomial(y, erfFar32) : polynomial(y, erfFar64);
  // No scaling in steps: erfc(6) is far from the subnormals.
  ExpArgument e = reduceExp(-minusLog);
  ScalarExpr erfc = 1 + (e.r.hi + expm1Rest(e.r));
  ScalarExpr far = fma(-erfc, powerOfTwo(e.n, x), 1);
  return copysign(select(lt(a, 1), near, far), x);
}

} // namespace etch
