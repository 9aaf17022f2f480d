//===- Simple.cpp - functions as formulas ---------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "etch/array.h"
#include "etch/functions.h"
#include "etch/index.h"

using namespace etch;

Variable etch::sigmoid_simple(Operand x) {
  LocationScope scope(x.location());
  return 1.0 / (1.0 + exp(-x));
}

Variable etch::softmax_simple(Operand x, AxisOption option) {
  LocationScope scope(x.location());
  Variable y = exp(x);
  return y / sum(y, {option.axis, true});
}

Variable etch::linear_simple(Operand x, Operand w, const Variable &b) {
  LocationScope scope(x.location());
  Variable t = matmul(x, w);
  return b.defined() ? t + b : t;
}

Variable etch::mean_squared_error_simple(Operand a, Operand b) {
  LocationScope scope(a.location());
  Variable diff = a - b;
  return sum(pow(diff, 2)) / diff.len();
}

Variable etch::softmax_cross_entropy_simple(Operand x, Operand t) {
  LocationScope scope(x.location());
  Variable log_p = log(clip(softmax(x), 1e-15, 1.0));
  int64_t n = log_p.len();
  return -sum(log_p[{arange(n), reshape(t, {n})}]) / n;
}
