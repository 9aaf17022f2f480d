//===- Reductions.cpp - functions that remove axes ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "etch/functions.h"
#include "frontend/core/Promotion.h"
#include "frontend/engine/Engine.h"
#include "frontend/functions/Shapes.h"

#include <array>

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
  return argmax(-x, options);
}

Variable etch::logsumexp(Operand x, const Reduce &options) {
  LocationScope scope(x.location());
  Variable v = floating(x);
  // The shift cancels out, in the gradient too.
  Variable m = stop_gradient(max(v, {options.axis, true}));
  Variable s = log(sum(exp(v - m), {options.axis, true})) + m;
  return options.keepdims ? s : squeeze(s, options.axis);
}
