//===- Indexing.cpp - parts of arrays -------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Integers, slices and new axes are a slice and a reshape: views in eager mode.
// Index arrays are one gather of blocks: the axes that they index count as one
// axis of blocks, those behind form the blocks.
//===----------------------------------------------------------------------===//

#include "etch/array.h"
#include "etch/functions.h"
#include "etch/index.h"
#include "frontend/core/Promotion.h"
#include "frontend/engine/Engine.h"
#include "frontend/functions/Parts.h"
#include "frontend/functions/Shapes.h"

#include <algorithm>

using namespace etch;
using namespace etch::detail;

//===----------------------------------------------------------------------===//
// Parts
//===----------------------------------------------------------------------===//

static std::vector<int64_t> numbers_of(const Shape &shape) {
  return {shape.begin(), shape.end()};
}

Variable detail::take_part(const Variable &x, std::vector<int64_t> starts,
                           std::vector<int64_t> steps, const Shape &shape,
                           const Location &where) {
  Variable part = x;
  Recorder *r = recorder();
  bool varies = r && r->varies(where.in_user_code());
  bool whole = true;
  for (size_t i = 0; i < starts.size(); ++i) {
    int64_t count = shape[int(i)];
    if (varies && steps[i] == 1 && count != part.shape()[int(i)]) {
      // The number comes with every call: the program stays the same.
      Shape own = part.shape();
      own[int(i)] = count;
      Variable start = make_literal(double(starts[i]), {i64, {}}, where);
      part = apply(OpId::SliceAt, {part, start}, {int64_t(i), numbers_of(own)},
                   where);
      starts[i] = 0;
    }
    whole &= starts[i] == 0 && steps[i] == 1 && part.shape()[int(i)] == count;
  }
  return whole ? part
               : apply(OpId::Slice, {part},
                       {std::move(starts), std::move(steps), numbers_of(shape)},
                       where);
}

Variable detail::take_range(const Variable &x, int axis, int64_t start,
                            int64_t count, const Location &where) {
  std::vector<int64_t> starts(size_t(x.ndim()), 0), steps(size_t(x.ndim()), 1);
  Shape shape = x.shape();
  starts[size_t(axis)] = start;
  shape[axis] = count;
  return take_part(x, std::move(starts), std::move(steps), shape, where);
}

Variable detail::place_at(const Variable &x, std::vector<int64_t> starts,
                          double fill, const Shape &shape,
                          const Location &where) {
  std::vector<int64_t> steps(starts.size(), 1);
  return shape == x.shape() ? x
                            : apply(OpId::Place, {x},
                                    {std::move(starts), std::move(steps), fill,
                                     numbers_of(shape)},
                                    where);
}

//===----------------------------------------------------------------------===//
// What the indices say, axis by axis
//===----------------------------------------------------------------------===//

Index::Index(const std::vector<int64_t> &indices, SourceLocation l)
    : kind(Kind::array), array(etch::array(indices, l)), location(l) {}

namespace {

/// An axis of x or, without extent, a new one.
struct Selection {
  enum Kind { range, integer, array, added } kind = range;
  int64_t start = 0, step = 1, count = 1; ///< of a range, of an integer
  Variable index;                         ///< int64, not negative if known
  int axis = -1;                          ///< of x
  Location where;

  bool is_advanced() const { return kind == integer || kind == array; }
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

static Selection clip_slice(const Slice &s, int64_t extent,
                            const Location &where) {
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
  Selection range;
  range.count = span > 0 ? (span - 1) / stride + 1 : 0;
  if (range.count > 0)
    range.start = start;
  if (range.count > 1)
    range.step = s.step;
  return range;
}

/// As int64 in [0, extent). What a trace computes is not known: there a
/// negative one is left to the gather if `alone`, and one that is out of range
/// becomes `outside`, which the gather refuses.
static Variable checked(const Variable &a, int64_t extent, bool alone,
                        int64_t outside, const Location &where) {
  if (!is_integer(a.dtype()))
    throw DTypeError(std::string("get_item: indices are ") +
                         name_of(a.dtype()) + ", not integers",
                     where);
  if (!has_contents(a) || recorder()) {
    Variable wide = astype(a, i64);
    if (alone)
      return wide;
    Variable wrapped = select(wide < 0, wide + extent, wide);
    return select(wrapped < 0, outside,
                  select(wrapped < extent, wrapped, outside));
  }
  std::vector<int64_t> values = a.to_vector<int64_t>();
  for (int64_t &v : values)
    v = in_range(v, extent, where);
  return reshape(array(values), a.shape());
}

/// The places where a mask holds, one array for each of its axes.
static Variables places_of(const Variable &mask, const Shape &x, int axis,
                           const Location &where) {
  const Shape &shape = mask.shape();
  bool fits = shape.rank() > 0 && axis + shape.rank() <= x.rank();
  for (int i = 0; fits && i < shape.rank(); ++i)
    fits = shape[i] == x[axis + i];
  if (!fits)
    throw ShapeError("get_item: a mask of shape " + to_string(shape) +
                         " does not fit axis " + std::to_string(axis) + " of " +
                         to_string(x),
                     where);
  contents(mask, "get_item: a mask", where);
  std::vector<bool> values = mask.to_vector<bool>();
  std::vector<std::vector<int64_t>> places(size_t(shape.rank()));
  for (size_t at = 0; at < values.size(); ++at) {
    auto rest = int64_t(at);
    for (int i = shape.rank(); values[at] && i-- > 0; rest /= shape[i])
      places[size_t(i)].push_back(rest % shape[i]);
  }
  Variables arrays;
  for (const std::vector<int64_t> &own : places)
    arrays.push_back(array(own));
  return arrays;
}

/// How many axes of x an index takes.
static int axes_taken(const Index &i) {
  switch (i.kind) {
  case Index::Kind::new_axis:
  case Index::Kind::ellipsis:
    return 0;
  case Index::Kind::array:
    return i.array.dtype() == boolean ? i.array.ndim() : 1;
  default:
    return 1;
  }
}

/// One entry for each axis of x, and for each new one, in their order.
static std::vector<Selection> read_indices(const Shape &x,
                                           std::span<const Index> indices) {
  int taken = 0, ellipses = 0;
  for (const Index &i : indices) {
    taken += axes_taken(i);
    ellipses += i.kind == Index::Kind::ellipsis;
  }
  const Location &where = indices.empty() ? Location() : indices[0].location;
  if (taken > x.rank())
    throw ShapeError("get_item: " + std::to_string(taken) + " indices for " +
                         to_string(x),
                     where);
  if (ellipses > 1)
    throw ValueError("get_item: more than one ellipsis", where);
  std::vector<Selection> all;
  int axis = 0;
  auto add = [&](Selection s, const Location &where) {
    s.axis = s.kind == Selection::added ? -1 : axis++;
    s.where = where;
    all.push_back(std::move(s));
  };
  auto add_whole = [&](int count) {
    for (int i = 0; i < count; ++i)
      add(clip_slice({}, x[axis], where), where);
  };
  for (const Index &i : indices) {
    Selection s;
    switch (i.kind) {
    case Index::Kind::ellipsis:
      add_whole(x.rank() - taken);
      continue;
    case Index::Kind::new_axis:
      s.kind = Selection::added;
      break;
    case Index::Kind::integer:
      s.kind = Selection::integer;
      s.start = in_range(i.range.start, x[axis], i.location);
      break;
    case Index::Kind::slice:
      s = clip_slice(i.range, x[axis], i.location);
      break;
    case Index::Kind::array:
      s.kind = Selection::array;
      s.index = i.array;
      if (i.array.dtype() != boolean)
        break;
      for (Variable &places : places_of(i.array, x, axis, i.location)) {
        s.index = std::move(places);
        add(s, i.location);
      }
      continue;
    }
    add(s, i.location);
  }
  add_whole(x.rank() - axis);
  return all;
}

//===----------------------------------------------------------------------===//
// Taking it
//===----------------------------------------------------------------------===//

/// Slices and, unless `keep_integers` (which stay whole), integers. `shape` is
/// the result's, with new axes and without those of integers.
static Variable take_ranges(const Variable &x,
                            const std::vector<Selection> &selections,
                            bool keep_integers, Shape &shape,
                            const Location &where) {
  std::vector<int64_t> starts, steps;
  Shape part;
  int rank = 0;
  for (const Selection &s : selections)
    rank += s.kind != Selection::integer || keep_integers;
  check_rank(rank, "get_item", where);
  for (const Selection &s : selections) {
    bool whole = s.kind == Selection::array ||
                 (s.kind == Selection::integer && keep_integers);
    int64_t count = whole ? x.shape()[s.axis] : s.count;
    if (s.kind != Selection::integer || keep_integers)
      shape.push_back(count);
    if (s.kind == Selection::added)
      continue;
    starts.push_back(whole ? 0 : s.start);
    steps.push_back(whole ? 1 : s.step);
    part.push_back(count);
  }
  return reshape(take_part(x, starts, steps, part, where), shape);
}

static int64_t product(std::span<const int64_t> extents) {
  int64_t n = 1;
  for (int64_t e : extents)
    n *= e;
  return n;
}

/// One number for each tuple of the index arrays, of the axes as one axis.
static Variable flatten_indices(const std::vector<Selection> &advanced,
                                const Shape &x, const Location &where) {
  int64_t blocks = 1;
  for (const Selection &s : advanced)
    blocks *= x[s.axis];
  // Outside of all blocks, whatever the other indices add.
  int64_t outside = 2 * blocks + 1;
  Variable flat;
  for (const Selection &s : advanced) {
    int64_t extent = x[s.axis];
    Variable at =
        s.kind == Selection::array
            ? checked(s.index, extent, advanced.size() == 1, outside, s.where)
            : Variable(s.start);
    if (flat.defined()) {
      broadcast_shapes(flat.shape(), at.shape(), "get_item", where);
      at = flat * extent + at;
    }
    flat = at;
  }
  return flat;
}

static Variable get_at_arrays(const Variable &x,
                              const std::vector<Selection> &selections,
                              const Location &where) {
  std::vector<Selection> advanced;
  std::vector<int> front, order; // axes of `part`
  int first = -1, last = -1;
  for (int i = 0; i < int(selections.size()); ++i) {
    if (!selections[size_t(i)].is_advanced()) {
      order.push_back(i);
      continue;
    }
    advanced.push_back(selections[size_t(i)]);
    front.push_back(i);
    first = first < 0 ? i : first;
    last = i;
  }
  Shape shape;
  Variable part = take_ranges(x, selections, true, shape, where);
  // Side by side, the indexed axes are replaced where they are; else their
  // replacement comes first.
  if (last - first + 1 != int(advanced.size())) {
    order.insert(order.begin(), front.begin(), front.end());
    part = transpose(part, std::span<const int>(order));
    first = 0;
  }
  std::span<const int64_t> extents = part.shape();
  auto lead = extents.first(size_t(first)),
       own = extents.subspan(size_t(first), advanced.size()),
       inner = extents.subspan(size_t(first) + advanced.size());
  Variable flat = flatten_indices(advanced, x.shape(), where);
  check_rank(int(lead.size() + inner.size()) + flat.ndim(), "get_item", where);
  Shape result(lead);
  for (int64_t e : flat.shape())
    result.push_back(e);
  for (int64_t e : inner)
    result.push_back(e);
  int64_t batch = product(lead), count = flat.size();
  Variable index = broadcast_to(reshape(flat, {1, count}), {batch, count});
  Variable y = apply(
      OpId::Gather,
      {reshape(part, {batch, product(own), product(inner)}), index}, {}, where);
  return reshape(y, result);
}

Variable etch::get_item(const Variable &x, std::span<const Index> indices) {
  Location where = indices.empty() ? Location() : indices[0].location;
  LocationScope scope(where);
  std::vector<Selection> selections = read_indices(x.shape(), indices);
  if (std::any_of(selections.begin(), selections.end(), [](const Selection &s) {
        return s.kind == Selection::array;
      }))
    return get_at_arrays(x, selections, where);
  Shape shape;
  return take_ranges(x, selections, false, shape, where);
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
