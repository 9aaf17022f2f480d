//===- Losses.cpp - classification and losses -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "etch/functions.h"
#include "frontend/core/Promotion.h"
#include "frontend/engine/Engine.h"
#include "frontend/functions/Shapes.h"

using namespace etch;
using namespace etch::detail;

/// To reduce along the axis of the classes.
static Reduce one_axis(const Variable &x, AxisOption option, const char *what,
                       const Location &where) {
  return {normalize_axis(option.axis, x.ndim(), what, where), true};
}

Variable etch::softmax(Operand x, AxisOption option) {
  LocationScope scope(x.location());
  Variable v = floating(x);
  Reduce along = one_axis(v, option, "softmax", x.location());
  Variable y = exp(v - stop_gradient(max(v, along)));
  // One division for each sum, in the gradients too.
  return y * (1.0 / sum(y, along));
}

Variable etch::log_softmax(Operand x, AxisOption option) {
  LocationScope scope(x.location());
  Variable v = floating(x);
  Reduce along = one_axis(v, option, "log_softmax", x.location());
  // Shifted at first: large scores would lose digits of the rest.
  Variable shifted = v - stop_gradient(max(v, along));
  return shifted - log(sum(exp(shifted), along));
}

Variable etch::mean_squared_error(Operand a, Operand b) {
  LocationScope scope(a.location());
  Variable diff = floating(a) - floating(b);
  return sum(square(diff)) / diff.len();
}

/// Class indices as int64 (N,), checked against scores (N, C).
static Variable classes(const Operand &x, const Operand &t, const char *what) {
  Variable c = t.array();
  if (!is_integer(c.dtype()))
    throw DTypeError(std::string(what) + ": the classes are " +
                         name_of(c.dtype()) + ", not integers",
                     x.location());
  Shape scores = x.array().shape();
  if (scores.rank() != 2 || c.size() != scores[0])
    throw ShapeError(std::string(what) + ": scores are " + to_string(scores) +
                         ", classes " + to_string(c.shape()) +
                         "; (N, C) and (N,) are needed",
                     x.location());
  return astype(reshape(c, {c.size()}), i64);
}

Variable etch::softmax_cross_entropy(Operand x, Operand t) {
  LocationScope scope(x.location());
  Variable c = classes(x, t, "softmax_cross_entropy");
  Variable log_p = log_softmax(x);
  int64_t n = log_p.shape(0);
  Variable picked =
      apply(OpId::Gather, {expand_dims(log_p, -1), reshape(c, {n, 1})}, {},
            x.location());
  return -sum(picked) / n;
}

/// Targets of as many elements as x, in its shape.
static Variable targets(const Variable &x, const Operand &t, const char *what) {
  Variable v = t.array();
  if (v.size() != x.size())
    throw ShapeError(std::string(what) + ": there are " + to_string(x.shape()) +
                         " predictions and " + to_string(v.shape()) +
                         " targets",
                     t.location());
  return reshape(v, x.shape());
}

/// The mean over the batch of sums.
static Variable batch_mean(const Variable &x) {
  return sum(x) / (x.ndim() == 0 ? 1 : x.len());
}

Variable etch::binary_cross_entropy(Operand p, Operand t) {
  LocationScope scope(p.location());
  Variable q = clip(floating(p), 1e-15, 1 - 1e-15);
  Variable c = targets(q, t, "binary_cross_entropy");
  return -batch_mean(c * log(q) + (1.0 - c) * log(1.0 - q));
}

Variable etch::sigmoid_cross_entropy(Operand x, Operand t) {
  LocationScope scope(x.location());
  Variable v = floating(x), c = targets(v, t, "sigmoid_cross_entropy");
  // The small term is made first, so that it comes last: in the sum, and in
  // that of gradients.
  Variable small = softplus(-abs(v)), positive = maximum(v, 0);
  return batch_mean(positive - v * c + small);
}

Variable etch::accuracy(Operand y, Operand t) {
  LocationScope scope(y.location());
  Variable c = classes(y, t, "accuracy");
  return mean(argmax(y, {.axis = 1}) == c);
}
