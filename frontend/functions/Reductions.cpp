//===- Reductions.cpp - functions that remove axes ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "etch/functions.h"
#include "frontend/core/Promotion.h"
#include "frontend/engine/Engine.h"
#include "frontend/functions/Parts.h"
#include "frontend/functions/Shapes.h"

#include <algorithm>
#include <array>
#include <cmath>

using namespace etch;
using namespace etch::detail;

static Variable reduce(OpId op, const Operand &x, const Variable &v,
                       const Reduce &options) {
  if (options.axis.all() && !options.keepdims) {
    static const std::array<Attrs, Shape::max_rank + 1> all = [] {
      std::array<Attrs, Shape::max_rank + 1> attrs;
      std::vector<int64_t> axes;
      for (Attrs &a : attrs) {
        a = {axes, false};
        axes.push_back(int64_t(axes.size()));
      }
      return attrs;
    }();
    const Attrs &attrs = all[size_t(v.ndim())];
    if (Variable y = known(op, {&x, 1}, attrs); y.defined())
      return y;
    return apply(op, {v}, attrs, x.location());
  }
  auto axes =
      normalize_axes(options.axis, v.ndim(), opInfo(op).name, x.location());
  return apply(op, {v}, {std::move(axes), options.keepdims}, x.location());
}

Variable etch::sum(Operand x, const Reduce &options) {
  Variable v = x.array();
  if (v.dtype() == boolean) // counts
    v = cast_to(v, i64, x.location());
  return reduce(OpId::Sum, x, v, options);
}

Variable etch::mean(Operand x, const Reduce &options) {
  return reduce(OpId::Mean, x, floating(x), options);
}

Variable etch::max(Operand x, const Reduce &options) {
  return reduce(OpId::Max, x, x.array(), options);
}

Variable etch::min(Operand x, const Reduce &options) {
  return reduce(OpId::Min, x, x.array(), options);
}

Variable etch::argmax(Operand x, const Reduce &options) {
  LocationScope scope(x.location());
  Variable v = x.array(), flat = v;
  int axis = 0;
  if (options.axis.all())
    flat = reshape(v, {-1});
  else if (options.axis.list().size() == 1)
    axis = normalize_axis(options.axis.list()[0], v.ndim(), "argmax",
                          x.location());
  else
    throw ShapeError("argmax: one axis at a time", x.location());
  Variable y = apply(OpId::Argmax, {flat}, {int64_t(axis)}, x.location());
  if (!options.keepdims)
    return y;
  Shape shape = v.shape();
  for (int i = 0; i < shape.rank(); ++i)
    if (options.axis.all() || i == axis)
      shape[i] = 1;
  return reshape(y, shape);
}

Variable etch::argmin(Operand x, const Reduce &options) {
  LocationScope scope(x.location());
  Variable v = x.array();
  if (is_floating(v.dtype()))
    return argmax(-v, options);
  // The order turned round, also that of the smallest integer.
  return argmax(-1 - (v.dtype() == boolean ? astype(v, i32) : v), options);
}

Variable etch::logsumexp(Operand x, const Reduce &options) {
  LocationScope scope(x.location());
  Variable v = floating(x);
  // The shift cancels out, in the gradient too. Infinities do not need one.
  Variable m = stop_gradient(max(v, {options.axis, true}));
  m = where(abs(m) < INFINITY, m, 0);
  Variable s = log(sum(exp(v - m), {options.axis, true})) + m;
  return options.keepdims ? s : squeeze(s, options.axis);
}

/// The product over one axis, by halves: as deep as the logarithm of the
/// extent, and its gradients divide by nothing.
static Variable multiply_axis(Variable x, int axis, const Location &where) {
  for (int64_t n = x.shape()[axis]; n > 1; n = x.shape()[axis]) {
    int64_t half = (n + 1) / 2;
    Variable upper = take_range(x, axis, half, n - half, where);
    if (n % 2) { // one has no partner
      Shape shape = x.shape();
      shape[axis] = half;
      upper = place_at(upper, std::vector<int64_t>(size_t(x.ndim()), 0), 1,
                       shape, where);
    }
    x = take_range(x, axis, 0, half, where) * upper;
  }
  return x;
}

Variable etch::prod(Operand x, const Reduce &options) {
  LocationScope scope(x.location());
  Variable v = x.array();
  if (v.dtype() == boolean)
    v = cast_to(v, i64, x.location());
  auto axes = normalize_axes(options.axis, v.ndim(), "prod", x.location());
  Shape shape = v.shape(), kept;
  bool empty = false;
  for (int i = 0; i < v.ndim(); ++i) {
    bool gone = std::binary_search(axes.begin(), axes.end(), i);
    empty |= gone && shape[i] == 0;
    if (!gone || options.keepdims)
      kept.push_back(gone ? 1 : shape[i]);
  }
  if (empty) // of no factors
    return make_literal(1, {v.dtype(), kept}, x.location());
  // Neighbouring axes as one, the last group first, as in sums.
  for (size_t last = axes.size(); last != 0;) {
    size_t first = last - 1;
    while (first != 0 && axes[first - 1] + 1 == axes[first])
      --first;
    Shape three = {1, 1, 1};
    for (int i = 0; i < v.ndim(); ++i)
      three[i < axes[first] ? 0 : i <= axes[last - 1] ? 1 : 2] *= v.shape()[i];
    Shape rest = v.shape();
    for (size_t i = first; i < last; ++i)
      rest[int(axes[i])] = 1;
    v = reshape(multiply_axis(reshape(v, three), 1, x.location()), rest);
    last = first;
  }
  return reshape(v, kept);
}

Variable etch::cumsum(Operand x, const CumsumOptions &options) {
  LocationScope scope(x.location());
  Variable v = x.array();
  if (v.dtype() == boolean) // counts
    v = cast_to(v, i64, x.location());
  int axis = 0;
  if (options.axis.all())
    v = reshape(v, {-1});
  else if (options.axis.list().size() == 1)
    axis = normalize_axis(options.axis.list()[0], v.ndim(), "cumsum",
                          x.location());
  else
    throw ShapeError("cumsum: one axis at a time", x.location());
  return apply(OpId::Cumsum, {v}, {int64_t(axis), options.reverse},
               x.location());
}

Variable etch::cumsum(Operand x, int axis) {
  return cumsum(x, CumsumOptions{axis});
}
