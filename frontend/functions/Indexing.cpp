//===- Indexing.cpp - parts of arrays -------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is selected is a gather of blocks: the axes behind the last one that is
// indexed form a block, those up to it are flattened. Eagerly a selection by
// integers and slices is a view; the gather is what the graph remembers of it.
//===----------------------------------------------------------------------===//

#include "etch/array.h"
#include "etch/functions.h"
#include "etch/index.h"
#include "frontend/core/Array.h"
#include "frontend/core/Promotion.h"
#include "frontend/engine/Engine.h"
#include "frontend/engine/Kernels.h"

#include <algorithm>

using namespace etch;
using namespace etch::detail;

//===----------------------------------------------------------------------===//
// Integers and slices
//===----------------------------------------------------------------------===//

namespace {

/// Along one axis: start, start + step, … `count` of them.
struct Range {
  int64_t start, step, count;
  bool dropped = false; ///< an integer: the axis goes
};

} // namespace

static int64_t in_range(int64_t i, int64_t extent, const Location &where) {
  if (i < -extent || i >= extent)
    throw ValueError("get_item: index " + std::to_string(i) +
                         " is out of range for extent " +
                         std::to_string(extent),
                     where);
  return i < 0 ? i + extent : i;
}

static Range clip_slice(const Slice &s, int64_t extent, const Location &where) {
  if (s.step == 0)
    throw ValueError("get_item: a slice with step 0", where);
  bool back = s.step < 0;
  // The first place that can be taken and the one behind the last.
  int64_t first = back ? -1 : 0, last = back ? extent - 1 : extent;
  auto clip = [&](int64_t i, int64_t open) {
    return i == to_end ? open : std::clamp(i < 0 ? i + extent : i, first, last);
  };
  int64_t start = clip(s.start, back ? last : first);
  int64_t stop = clip(s.stop, back ? first : last);
  int64_t span = back ? start - stop : stop - start;
  int64_t stride = back ? -s.step : s.step;
  return {start, s.step, span > 0 ? (span + stride - 1) / stride : 0};
}

/// Extents up to axis `end`, multiplied.
static int64_t product(const Shape &shape, int begin, int end) {
  int64_t n = 1;
  for (int i = begin; i < end; ++i)
    n *= shape[i];
  return n;
}

/// x (as (1, A, I)) at block numbers `index` (J,), shaped like `result`. With a
/// view, its memory is the result and nothing is gathered.
static Variable take(const Variable &x, int axes, const Variable &index,
                     const Shape &result, const ValueRef &view,
                     const Location &where) {
  const Shape &shape = x.shape();
  Shape blocks = {1, product(shape, 0, axes),
                  product(shape, axes, shape.rank())};
  Shape taken = {1, index.size(), blocks[2]};
  auto attrs = [](const Shape &s) -> Attrs {
    return {std::vector<int64_t>(s.begin(), s.end())};
  };
  Variable row = reshape(index, {1, index.size()});
  if (!view || recorder())
    return reshape(apply(OpId::Gather, {reshape(x, blocks), row}, {}, where),
                   result);
  // The operands of the gather are remembered by their types only.
  auto type = [&](const Shape &s) { return make_type_only(x.dtype(), s); };
  Variable flat =
      apply_view(OpId::Reshape, {&x, 1}, attrs(blocks), type(blocks), where);
  Variable operands[] = {flat, row};
  Variable y = apply_view(OpId::Gather, operands, {}, type(taken), where);
  return apply_view(OpId::Reshape, {&y, 1}, attrs(result), view, where);
}

static Variable get_basic(const Variable &x, std::span<const Index> indices,
                          const Location &where) {
  const Shape &shape = x.shape();
  std::vector<Range> ranges;
  Shape result, selected; // without and with the axes of integers
  bool whole = true;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    int64_t extent = shape[axis];
    Range r = {0, 1, extent};
    if (axis < int(indices.size())) {
      const Index &i = indices[size_t(axis)];
      if (i.kind == Index::Kind::integer)
        r = {in_range(i.range.start, extent, i.location), 1, 1, true};
      else
        r = clip_slice(i.range, extent, i.location);
    }
    whole &= !r.dropped && r.start == 0 && r.step == 1 && r.count == extent;
    if (!r.dropped)
      result.push_back(r.count);
    selected.push_back(r.count);
    ranges.push_back(r);
  }
  if (whole)
    return x;

  ValueRef view;
  if (!recorder()) {
    const Value &v = *contents(x, "get_item", where);
    int64_t offset = 0, strides[Shape::max_rank];
    int rank = 0;
    for (int axis = 0; axis < shape.rank(); ++axis) {
      const Range &r = ranges[size_t(axis)];
      if (r.count > 0)
        offset += r.start * v.strides[axis];
      if (!r.dropped)
        strides[rank++] = v.strides[axis] * r.step;
    }
    view = make_view(v, result, strides, result.elements() ? offset : 0);
    if (!config().enable_backprop || !x.requires_grad()) {
      Variable y = make_variable(std::move(view));
      y.node()->flags |=
          config().enable_backprop ? Node::constant : Node::untracked;
      return y;
    }
  }
  // Numbers of the selected blocks, in order.
  int axes = int(indices.size());
  std::vector<int64_t> blocks{0};
  for (int axis = 0; axis < axes; ++axis) {
    const Range &r = ranges[size_t(axis)];
    std::vector<int64_t> finer;
    finer.reserve(blocks.size() * size_t(r.count));
    for (int64_t block : blocks)
      for (int64_t i = 0; i < r.count; ++i)
        finer.push_back(block * shape[axis] + r.start + i * r.step);
    blocks = std::move(finer);
  }
  return take(x, axes, array(blocks), result, view, where);
}

//===----------------------------------------------------------------------===//
// Index arrays
//===----------------------------------------------------------------------===//

/// The array as int64 in [0, extent); checked on the host where it is known.
static Variable checked(const Index &i, int64_t extent) {
  const Variable &a = i.array;
  if (!is_integer(a.dtype()))
    throw DTypeError(std::string("get_item: indices are ") +
                         name_of(a.dtype()) + ", not integers",
                     i.location);
  if (!has_contents(a) || recorder()) {
    Variable wide = astype(a, i64);
    return select(wide < 0, wide + extent, wide);
  }
  std::vector<int64_t> values = a.to_vector<int64_t>();
  for (int64_t &v : values)
    v = in_range(v, extent, i.location);
  return reshape(array(values), a.shape());
}

static Variable get_at_arrays(const Variable &x, std::span<const Index> indices,
                              const Location &where) {
  const Shape &shape = x.shape();
  // An integer among arrays is an array of shape ().
  Variable flat;
  for (int axis = 0; axis < int(indices.size()); ++axis) {
    const Index &i = indices[size_t(axis)];
    if (i.kind == Index::Kind::slice)
      throw ValueError("get_item: index arrays and slices cannot be mixed; "
                       "slice the result instead",
                       i.location);
    Variable at =
        i.kind == Index::Kind::array
            ? checked(i, shape[axis])
            : Variable(in_range(i.range.start, shape[axis], i.location));
    flat = flat.defined() ? flat * shape[axis] + at : at;
  }
  Shape result = flat.shape();
  for (int axis = int(indices.size()); axis < shape.rank(); ++axis)
    result.push_back(shape[axis]);
  return take(x, int(indices.size()), flat, result, {}, where);
}

Variable etch::get_item(const Variable &x, std::span<const Index> indices) {
  Location where = indices.empty() ? Location() : indices[0].location;
  LocationScope scope(where);
  if (int(indices.size()) > x.ndim())
    throw ShapeError("get_item: " + std::to_string(indices.size()) +
                         " indices for " + to_string(x.shape()),
                     where);
  bool arrays = std::any_of(indices.begin(), indices.end(), [](const Index &i) {
    return i.kind == Index::Kind::array;
  });
  return arrays ? get_at_arrays(x, indices, where)
                : get_basic(x, indices, where);
}

Variable Variable::operator[](const Index &index) const {
  return get_item(*this, {&index, 1});
}

Variable Variable::operator[](std::initializer_list<Index> indices) const {
  return get_item(*this, std::span(indices.begin(), indices.size()));
}

Variable Outputs::operator[](int64_t i) const {
  if (results.size() == 1)
    return Variable::operator[](Index(i));
  if (i < 0 || i >= int64_t(results.size()))
    throw ValueError("result " + std::to_string(i) + " of " +
                     std::to_string(results.size()));
  return results[size_t(i)];
}
