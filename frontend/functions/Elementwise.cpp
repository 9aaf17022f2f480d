//===- Elementwise.cpp - functions of single elements ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "etch/functions.h"
#include "frontend/core/FixedNumbers.h"
#include "frontend/core/Promotion.h"
#include "frontend/engine/Engine.h"

using namespace etch;
using namespace etch::detail;

namespace etch {
#include "dialects/Etch/EagerOps.cpp.inc"
} // namespace etch

Variable etch::astype(Operand x, DType dtype) {
  return cast_to(x.array(), dtype, x.location());
}

Variable etch::square(Operand x) {
  LocationScope scope(x.location());
  return x * x;
}

Variable etch::where(Operand condition, Operand a, Operand b) {
  return select(condition, a, b);
}

Variable etch::clip(Operand x, double low, double high) {
  LocationScope scope(x.location());
  Variable v = x.array();
  if (!is_floating(v.dtype()))
    return minimum(maximum(v, low), high);
  // A NaN is neither below nor above, and stays.
  return select(v < low, low, select(v > high, high, v));
}

Variable detail::clip_integers(const Variable &x, int64_t low, int64_t high,
                               const Location &where) {
  LocationScope scope(where);
  if (!x.defined() || is_floating(x.dtype()))
    return clip(x, double(low), double(high));
  return minimum(maximum(x, low), high);
}

Variable detail::pow_integer(const Variable &x, int64_t exponent,
                             const Location &where) {
  LocationScope scope(where);
  if (!x.defined() || !is_integer(x.dtype()) || exponent < 0)
    return pow(Operand(x), double(exponent));
  if (exponent == 0)
    return x * 0 + 1;
  // From the exponent's highest bit on.
  Variable y = x;
  for (int bit = 62 - __builtin_clzll(uint64_t(exponent)); bit >= 0; --bit) {
    y = y * y;
    if (exponent >> bit & 1)
      y = y * x;
  }
  return y;
}

Variable etch::leaky_relu(Operand x, double slope) {
  LocationScope scope(x.location());
  Variable v = floating(x);
  return select(v > 0, v, v * slope);
}

Variable etch::softplus(Operand x) {
  LocationScope scope(x.location());
  Variable v = floating(x);
  // Where e is small, what rounding takes from 1 + e is most of the logarithm.
  Variable e = exp(-abs(v)), sum = 1.0 + e;
  Variable lost = stop_gradient((e - (sum - 1.0)) / sum);
  return maximum(v, 0) + (log(sum) + lost);
}

Variable etch::gelu(Operand x) {
  LocationScope scope(x.location());
  Variable v = floating(x);
  return 0.5 * v * (1.0 + erf(v * 0.7071067811865476));
}

Variable etch::gelu(Operand x, Gelu form) {
  if (form == Gelu::erf)
    return gelu(x);
  LocationScope scope(x.location());
  FixedNumbers fixed;
  Variable v = floating(x);
  // sqrt(2 / pi).
  Variable inner = 0.7978845608028654 * (v + 0.044715 * (v * v * v));
  return 0.5 * v * (1.0 + tanh(inner));
}
