//===- Joining.cpp - several arrays as one, one as several ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Joined arrays are a sum of arrays that are placed in the whole, each on the
// exact identity of addition: -0, to which adding x gives x, whatever x is.
//===----------------------------------------------------------------------===//

#include "etch/array.h"
#include "etch/config.h"
#include "etch/functions.h"
#include "etch/index.h"
#include "frontend/core/Array.h"
#include "frontend/core/Graphics.h"
#include "frontend/core/Promotion.h"
#include "frontend/engine/Engine.h"
#include "frontend/engine/Kernels.h"
#include "frontend/functions/Parts.h"
#include "frontend/functions/Shapes.h"

#include <algorithm>

using namespace etch;
using namespace etch::detail;

//===----------------------------------------------------------------------===//
// Joining
//===----------------------------------------------------------------------===//

namespace {
/// Arrays, and where each begins on the axis of the whole.
struct Parts {
  const Variables &xs;
  int axis;
  Shape whole;
  std::vector<int64_t> begins;

  Parts(const Variables &xs, int axis, const Location &where)
      : xs(xs), axis(axis), whole(xs[0].shape()) {
    whole[axis] = 0;
    for (const Variable &x : xs) {
      begins.push_back(whole[axis]);
      if (__builtin_add_overflow(whole[axis], x.shape()[axis], &whole[axis]))
        fail_size(x.shape(), "concat", where);
    }
    check_size(whole, "concat", where);
  }
  /// Attributes of the op that places part i.
  Attrs attrs(size_t i) const {
    std::vector<int64_t> starts(size_t(whole.rank()), 0),
        steps(size_t(whole.rank()), 1);
    starts[size_t(axis)] = begins[i];
    return {std::move(starts), std::move(steps), -0.0,
            std::vector<int64_t>(whole.begin(), whole.end())};
  }
};
} // namespace

/// So many fit a kernel with room for what else it reads; more join in stages.
static constexpr size_t most_at_once = 16;

static Variable record_join(const Parts &parts, const Location &where) {
  size_t n = parts.xs.size();
  if (n > most_at_once) {
    // Pieces as large as possible, as few as possible.
    size_t size = most_at_once;
    while (size * most_at_once < n)
      size *= most_at_once;
    Variables pieces;
    for (size_t i = 0; i < n; i += size)
      pieces.push_back(record_join(
          Parts(Variables(parts.xs.begin() + int64_t(i),
                          parts.xs.begin() + int64_t(std::min(n, i + size))),
                parts.axis, where),
          where));
    return record_join(Parts(pieces, parts.axis, where), where);
  }
  Variable y;
  for (size_t i = 0; i < n; ++i) {
    Variable placed = apply(OpId::Place, {parts.xs[i]}, parts.attrs(i), where);
    y = !y.defined()                ? placed
        : placed.dtype() == boolean ? select(placed, true, y)
                                    : y + placed;
  }
  return y;
}

/// All elements, moved on the device that has the first of them; null: there,
/// it would take too many copies.
static ValueRef joined_on(int device, const Parts &parts,
                          const Location &where) {
  ValueRef whole =
      make_dense_on(device, parts.xs[0].dtype(), parts.whole, where);
  for (size_t i = 0; i < parts.xs.size(); ++i) {
    ValueRef x = held_contents(parts.xs[i], "concat", where);
    if (device_of(*x) != device)
      x = copy_to(device, *x, where);
    if (!copy_elements_there(*x, *view_slice(*whole, parts.attrs(i), x->shape),
                             where))
      return {};
  }
  return whole;
}

static ValueRef joined(const Parts &parts, const Location &where) {
  int device = device_of(*held_contents(parts.xs[0], "concat", where));
  if (device >= 0)
    if (ValueRef whole = joined_on(device, parts, where))
      return whole;
  ValueRef whole = new_dense(parts.xs[0].dtype(), parts.whole, "concat", where);
  for (size_t i = 0; i < parts.xs.size(); ++i) {
    const Value &x = *contents(parts.xs[i], "concat", where);
    copy_elements(x, *view_slice(*whole, parts.attrs(i), x.shape));
  }
  return device >= 0 ? copy_to(device, *whole, where) : whole;
}

/// The elements are moved; the graph remembers what a trace would say.
static Variable run_join(const Parts &parts, const Location &where) {
  const Shape &whole = parts.whole;
  DType dtype = parts.xs[0].dtype();
  ValueRef value = joined(parts, where);
  bool tracked = false;
  for (const Variable &x : parts.xs)
    tracked |= x.requires_grad();
  if (!tracked || !config().enable_backprop) {
    Variable y = make_variable(std::move(value));
    y.node()->flags |=
        config().enable_backprop ? Node::constant : Node::untracked;
    return y;
  }
  Variable y;
  for (size_t i = 0; i < parts.xs.size(); ++i) {
    ValueRef type = make_type_only(dtype, whole);
    Variable placed =
        apply_view(OpId::Place, {&parts.xs[i], 1}, parts.attrs(i), type, where);
    Variable both[] = {y, placed};
    y = i == 0 ? placed
               : apply_view(OpId::Add, both, {},
                            i + 1 == parts.xs.size() ? value : type, where);
  }
  return y;
}

Variable detail::join(const Variables &xs, int axis, const Location &where) {
  if (xs.size() == 1)
    return xs[0];
  Parts parts(xs, axis, where);
  return recorder() ? record_join(parts, where) : run_join(parts, where);
}

Variable etch::concat(const Variables &xs, int axis, SourceLocation l) {
  Location where = l;
  LocationScope scope(where);
  if (xs.empty())
    throw ValueError("concat: there is nothing to join", where);
  int rank = xs[0].ndim();
  axis = normalize_axis(axis, rank, "concat", where);
  std::vector<Operand> operands(xs.begin(), xs.end());
  DType dtype = common_dtype(operands);
  Variables parts;
  for (const Variable &x : xs) {
    bool fits = x.ndim() == rank;
    for (int i = 0; fits && i < rank; ++i)
      fits = i == axis || x.shape()[i] == xs[0].shape()[i];
    if (!fits)
      throw ShapeError(
          "concat: shapes do not fit: " + to_string(xs[0].shape()) + " and " +
              to_string(x.shape()),
          where);
    parts.push_back(cast_to(x, dtype, where));
  }
  return join(parts, axis, where);
}

Variable etch::stack(const Variables &xs, int axis, SourceLocation l) {
  LocationScope scope(l);
  Variables rows;
  for (const Variable &x : xs)
    rows.push_back(expand_dims(x, axis));
  return concat(rows, axis);
}

//===----------------------------------------------------------------------===//
// Splitting
//===----------------------------------------------------------------------===//

Variables etch::split(Operand x, const std::vector<int64_t> &sizes, int axis) {
  LocationScope scope(x.location());
  Variable v = x.array();
  axis = normalize_axis(axis, v.ndim(), "split", x.location());
  int64_t end = 0;
  for (int64_t size : sizes) {
    if (size < 0)
      throw ValueError("split: an extent is negative", x.location());
    end += size;
  }
  if (end != v.shape()[axis])
    throw ShapeError("split: the parts are " + std::to_string(end) +
                         " together, the axis " +
                         std::to_string(v.shape()[axis]),
                     x.location());
  Variables parts;
  int64_t begin = 0;
  for (int64_t size : sizes) {
    parts.push_back(take_range(v, axis, size ? begin : 0, size, x.location()));
    begin += size;
  }
  return parts;
}

Variables etch::split(Operand x, int count, int axis) {
  LocationScope scope(x.location());
  Variable v = x.array();
  axis = normalize_axis(axis, v.ndim(), "split", x.location());
  int64_t extent = v.shape()[axis];
  if (count <= 0 || extent % count != 0)
    throw ShapeError("split: " + std::to_string(extent) +
                         " elements do not make " + std::to_string(count) +
                         " equal parts",
                     x.location());
  return split(x, std::vector<int64_t>(size_t(count), extent / count), axis);
}

//===----------------------------------------------------------------------===//
// Surrounding, repeating, turning
//===----------------------------------------------------------------------===//

Variable etch::pad(Operand x,
                   const std::vector<std::pair<int64_t, int64_t>> &widths,
                   double value) {
  const Location &where = x.location();
  LocationScope scope(where);
  Variable v = x.array();
  if (int(widths.size()) != v.ndim())
    throw ShapeError("pad: " + std::to_string(widths.size()) +
                         " pairs of widths for " + to_string(v.shape()),
                     where);
  Shape shape = v.shape();
  std::vector<int64_t> starts;
  for (int i = 0; i < v.ndim(); ++i) {
    auto [before, behind] = widths[size_t(i)];
    if (before < 0 || behind < 0)
      throw ValueError("pad: a width is negative", where);
    shape[i] += before + behind;
    starts.push_back(before);
  }
  return place_at(v, std::move(starts), value, shape, where);
}

Variable etch::flip(Operand x, const Axes &axes) {
  LocationScope scope(x.location());
  Variable v = x.array();
  std::vector<int64_t> starts(size_t(v.ndim()), 0), steps(size_t(v.ndim()), 1);
  for (int64_t axis : normalize_axes(axes, v.ndim(), "flip", x.location()))
    if (v.shape()[int(axis)] > 1) {
      starts[size_t(axis)] = v.shape()[int(axis)] - 1;
      steps[size_t(axis)] = -1;
    }
  return take_part(v, starts, steps, v.shape(), x.location());
}

Variable etch::roll(Operand x, int64_t shift, int axis) {
  LocationScope scope(x.location());
  Variable v = x.array();
  axis = normalize_axis(axis, v.ndim(), "roll", x.location());
  int64_t extent = v.shape()[axis];
  int64_t first = extent ? ((shift % extent) + extent) % extent : 0;
  if (first == 0)
    return v;
  return join({take_range(v, axis, extent - first, first, x.location()),
               take_range(v, axis, 0, extent - first, x.location())},
              axis, x.location());
}

/// x as (outer, 1, inner), with inner from `axis` on, repeated in the middle.
static Variable repeat_blocks(const Variable &x, int axis, int64_t count) {
  int64_t outer = 1, inner = 1;
  for (int i = 0; i < x.ndim(); ++i)
    (i < axis ? outer : inner) *= x.shape()[i];
  return broadcast_to(reshape(x, {outer, 1, inner}), {outer, count, inner});
}

Variable etch::tile(Operand x, const std::vector<int64_t> &counts) {
  LocationScope scope(x.location());
  Variable v = x.array();
  while (v.ndim() < int(counts.size()))
    v = expand_dims(v, 0);
  int lead = v.ndim() - int(counts.size());
  for (size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] < 0)
      throw ValueError("tile: a count is negative", x.location());
    Shape shape = v.shape();
    int axis = lead + int(i);
    shape[axis] *= counts[i];
    v = reshape(repeat_blocks(v, axis, counts[i]), shape);
  }
  return v;
}

Variable etch::repeat(Operand x, int64_t count, int axis) {
  LocationScope scope(x.location());
  Variable v = x.array();
  axis = normalize_axis(axis, v.ndim(), "repeat", x.location());
  if (count < 0)
    throw ValueError("repeat: the count is negative", x.location());
  Shape shape = v.shape();
  shape[axis] *= count;
  return reshape(repeat_blocks(v, axis + 1, count), shape);
}

Variable etch::embed_id(Operand indices, const Variable &w) {
  LocationScope scope(indices.location());
  return w[indices.array()];
}
