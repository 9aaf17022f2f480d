//===- Slices.cpp - iota, slice, place and those at a start that is data
//---===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Etch/Ops/Rules.h"

#include <cmath>

using namespace etch;

std::optional<TensorType> etch::inferIota(std::span<const TensorType>,
                                          const Attrs &attrs, std::string &) {
  return shapedResult(i64, attrs);
}

/// Whether `part` lies at starts and steps in `whole`, as far as is known.
static bool checkPart(const Shape &part, const Shape &whole, const Attrs &attrs,
                      std::string &error) {
  const auto &starts = std::get<std::vector<int64_t>>(attrs[0]);
  const auto &steps = std::get<std::vector<int64_t>>(attrs[1]);
  auto rank = size_t(whole.rank());
  if (size_t(part.rank()) != rank || starts.size() != rank ||
      steps.size() != rank) {
    error = "a start, a step and an extent for each axis of " +
            to_string(whole) + " are needed";
    return false;
  }
  for (size_t i = 0; i < rank; ++i) {
    int64_t count = part[int(i)], extent = whole[int(i)], first = starts[i];
    std::string axis = " along axis " + std::to_string(i);
    if (steps[i] == 0) {
      error = "the step" + axis + " is 0";
      return false;
    }
    if (count == 0 || extent == dynamic_extent)
      continue;
    first += first < 0 ? extent : 0;
    int64_t last =
        count == dynamic_extent ? first : first + (count - 1) * steps[i];
    for (int64_t at : {first, last})
      if (at < 0 || at >= extent) {
        error = "element " + std::to_string(at) + axis + " is outside of " +
                to_string(whole);
        return false;
      }
  }
  return true;
}

std::optional<TensorType> etch::inferSlice(std::span<const TensorType> operands,
                                           const Attrs &attrs,
                                           std::string &error) {
  TensorType y = shapedResult(operands[0].dtype, attrs);
  if (!checkPart(y.shape, operands[0].shape, attrs, error))
    return std::nullopt;
  return y;
}

std::vector<Expr> etch::vjpSlice(const RuleContext &c) {
  return {place(c.gy(), c.attr<std::vector<int64_t>>(0),
                c.attr<std::vector<int64_t>>(1), 0, extentsOf(c.x()))};
}

std::optional<TensorType> etch::inferPlace(std::span<const TensorType> operands,
                                           const Attrs &attrs,
                                           std::string &error) {
  TensorType y = shapedResult(operands[0].dtype, attrs);
  if (!checkPart(operands[0].shape, y.shape, attrs, error))
    return std::nullopt;
  // What a conversion would make of it is for the caller to say.
  double fill = std::get<double>(attrs[2]);
  if (y.dtype == boolean ? fill != 0 && fill != 1
                         : is_integer(y.dtype) && fill != std::trunc(fill)) {
    error = "the fill " + std::to_string(fill) + " is no " + name_of(y.dtype);
    return std::nullopt;
  }
  return y;
}

std::vector<Expr> etch::vjpPlace(const RuleContext &c) {
  return {slice(c.gy(), c.attr<std::vector<int64_t>>(0),
                c.attr<std::vector<int64_t>>(1), extentsOf(c.x()))};
}

//===----------------------------------------------------------------------===//
// slice_at, place_at
//===----------------------------------------------------------------------===//

/// Whether `part` is one of `whole` along the axis, from an int64 () on.
static bool checkPartAt(const Shape &part, const Shape &whole,
                        const TensorType &start, const Attrs &attrs,
                        std::string &error) {
  auto axis = std::get<int64_t>(attrs[0]);
  bool fits = part.rank() == whole.rank() && axis >= 0 && axis < whole.rank();
  for (int i = 0; fits && i < whole.rank(); ++i)
    fits = part[i] == dynamic_extent || whole[i] == dynamic_extent ||
           (i == axis ? part[i] <= whole[i] : part[i] == whole[i]);
  if (start != TensorType{i64, {}})
    error = "the start is " + to_string(start) + ", not int64 ()";
  else if (!fits)
    error = to_string(part) + " is no part of " + to_string(whole) +
            " along axis " + std::to_string(axis);
  return error.empty();
}

std::optional<TensorType>
etch::inferSliceAt(std::span<const TensorType> operands, const Attrs &attrs,
                   std::string &error) {
  TensorType y = shapedResult(operands[0].dtype, attrs);
  if (!checkPartAt(y.shape, operands[0].shape, operands[1], attrs, error))
    return std::nullopt;
  return y;
}

std::vector<Expr> etch::vjpSliceAt(const RuleContext &c) {
  return {placeAt(c.gy(), c.x(1), c.attr<int64_t>(0), extentsOf(c.x())), {}};
}

std::optional<TensorType>
etch::inferPlaceAt(std::span<const TensorType> operands, const Attrs &attrs,
                   std::string &error) {
  TensorType y = shapedResult(operands[0].dtype, attrs);
  if (!checkPartAt(operands[0].shape, y.shape, operands[1], attrs, error))
    return std::nullopt;
  return y;
}

std::vector<Expr> etch::vjpPlaceAt(const RuleContext &c) {
  return {sliceAt(c.gy(), c.x(1), c.attr<int64_t>(0), extentsOf(c.x())), {}};
}

//===----------------------------------------------------------------------===//
// place in canonical form: all steps are 1
//===----------------------------------------------------------------------===//

static Extent product(std::span<const Extent> extents) {
  Extent p;
  for (const Extent &e : extents) {
    p.size *= e.size;
    p.factors.insert(p.factors.end(), e.factors.begin(), e.factors.end());
  }
  return p;
}

/// x placed along one axis with a step of more than 1: every element gets an
/// axis of its own, of that extent. The last one may hang over the end, so y is
/// longer by that much at first.
static Expr spread(Expr x, size_t axis, int64_t start, int64_t step,
                   double fill, Extent to) {
  std::vector<Extent> extents = extentsOf(x);
  std::span<const Extent> all = extents;
  Extent before = product(all.subspan(0, axis)),
         behind = product(all.subspan(axis + 1)), gaps = extents[axis];
  const std::vector<int64_t> zeros(4, 0), ones(4, 1);
  x = reshape(x, std::vector{before, extents[axis], Extent(), behind});
  x = place(x, zeros, ones, fill,
            std::vector{before, gaps, Extent{step, {}, 0}, behind});
  gaps.size *= step;
  x = reshape(x, std::vector{before, gaps, behind});
  Extent longer = to;
  longer.more += step - 1;
  // From the end, the start is farther away by what is too long.
  start -= start < 0 ? step - 1 : 0;
  x = place(x, {0, start, 0}, {1, 1, 1}, fill,
            std::vector{before, longer, behind});
  x = slice(x, {0, 0, 0}, {1, 1, 1}, std::vector{before, to, behind});
  extents[axis] = to;
  return reshape(x, extents);
}

static Expr reverse(Expr x, size_t axis) {
  std::vector<int64_t> starts(size_t(x.rank()), 0), steps(size_t(x.rank()), 1);
  starts[axis] = steps[axis] = -1;
  return slice(x, starts, steps, extentsOf(x));
}

Expr etch::expandPlace(const RuleContext &c) {
  Expr x = c.x();
  auto starts = c.attr<std::vector<int64_t>>(0);
  auto steps = c.attr<std::vector<int64_t>>(1);
  auto fill = c.attr<double>(2);
  std::vector<Extent> extents(c.extents.begin(), c.extents.end());
  bool canonical = true;
  for (size_t axis = 0; axis < steps.size(); ++axis) {
    int64_t step = steps[axis], start = starts[axis];
    if (step == 1)
      continue;
    canonical = false;
    // Backwards: forwards in a result that is reversed.
    if (step < 0)
      start = -1 - start;
    if (step == -1) {
      std::vector<Extent> grown = extentsOf(x);
      std::vector<int64_t> at(steps.size(), 0), one(steps.size(), 1);
      grown[axis] = extents[axis];
      at[axis] = start;
      x = place(x, at, one, fill, grown);
    } else {
      x = spread(x, axis, start, std::abs(step), fill, extents[axis]);
    }
    if (step < 0)
      x = reverse(x, axis);
    starts[axis] = 0;
    steps[axis] = 1;
  }
  return canonical ? Expr() : place(x, starts, steps, fill, extents);
}
