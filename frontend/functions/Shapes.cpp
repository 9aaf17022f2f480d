//===- Shapes.cpp - the same elements under other shapes ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "frontend/functions/Shapes.h"
#include "etch/functions.h"
#include "frontend/core/Array.h"
#include "frontend/engine/Engine.h"

#include <algorithm>

using namespace etch;
using namespace etch::detail;

//===----------------------------------------------------------------------===//
// Axes
//===----------------------------------------------------------------------===//

int detail::normalize_axis(int axis, int rank, const char *what,
                           const Location &where) {
  if (axis < -rank || axis >= rank)
    throw ShapeError(std::string(what) + ": axis " + std::to_string(axis) +
                         " is out of range for rank " + std::to_string(rank),
                     where);
  return axis < 0 ? axis + rank : axis;
}

void detail::check_rank(int rank, const char *what, const Location &where) {
  if (rank > Shape::max_rank)
    throw ShapeError(std::string(what) + ": the result would have " +
                         std::to_string(rank) + " axes, arrays have at most " +
                         std::to_string(Shape::max_rank),
                     where);
}

std::vector<int64_t> detail::normalize_axes(const Axes &axes, int rank,
                                            const char *what,
                                            const Location &where) {
  std::vector<int64_t> result;
  if (axes.all()) {
    for (int i = 0; i < rank; ++i)
      result.push_back(i);
    return result;
  }
  for (int axis : axes.list())
    result.push_back(normalize_axis(axis, rank, what, where));
  std::sort(result.begin(), result.end());
  if (std::adjacent_find(result.begin(), result.end()) != result.end())
    throw ShapeError(std::string(what) + ": an axis is given twice", where);
  return result;
}

static Attrs attr_of(std::span<const int64_t> values) {
  return {std::vector<int64_t>(values.begin(), values.end())};
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

/// The shape with -1 replaced by what the others leave.
static Shape complete(Shape shape, const Shape &from, const Location &where) {
  int open = -1;
  int64_t rest = 1;
  auto fail = [&] {
    throw ShapeError("reshape: cannot reshape " + to_string(from) + " into " +
                         to_string(shape),
                     where);
  };
  for (int i = 0; i < shape.rank(); ++i) {
    if (shape[i] >= 0)
      rest *= shape[i];
    else if (shape[i] == -1 && open < 0)
      open = i;
    else
      fail();
  }
  if (open < 0)
    return shape;
  if (rest == 0 || from.elements() % rest)
    fail();
  shape[open] = from.elements() / rest;
  return shape;
}

Variable etch::reshape(Operand x, const Shape &shape) {
  Variable v = x.array();
  check_shape(shape, "reshape", x.location());
  Shape full = complete(shape, v.shape(), x.location());
  if (full == v.shape())
    return v;
  return apply(OpId::Reshape, {v}, attr_of(full), x.location());
}

Variable etch::transpose(Operand x, std::span<const int> axes) {
  Variable v = x.array();
  std::vector<int64_t> permutation;
  for (int axis : axes)
    permutation.push_back(
        normalize_axis(axis, v.ndim(), "transpose", x.location()));
  if (axes.empty())
    for (int i = v.ndim(); i-- > 0;)
      permutation.push_back(i);
  return apply(OpId::Transpose, {v}, {std::move(permutation)}, x.location());
}

Variable etch::transpose(Operand x, std::initializer_list<int> axes) {
  return transpose(x, std::span<const int>(axes.begin(), axes.size()));
}

Variable etch::expand_dims(Operand x, int axis) {
  Variable v = x.array();
  Shape shape = v.shape();
  int place = normalize_axis(axis, v.ndim() + 1, "expand_dims", x.location());
  check_rank(v.ndim() + 1, "expand_dims", x.location());
  shape.insert(place, 1);
  return reshape(x, shape);
}

Variable etch::squeeze(Operand x, const Axes &axes) {
  Variable v = x.array();
  auto dropped = normalize_axes(axes, v.ndim(), "squeeze", x.location());
  Shape shape;
  for (int i = 0; i < v.ndim(); ++i) {
    bool named = std::binary_search(dropped.begin(), dropped.end(), i);
    if (named && !axes.all() && v.shape()[i] != 1)
      throw ShapeError("squeeze: axis " + std::to_string(i) + " of " +
                           to_string(v.shape()) + " is not of extent 1",
                       x.location());
    if (!named || v.shape()[i] != 1)
      shape.push_back(v.shape()[i]);
  }
  return reshape(x, shape);
}

Variable etch::flatten(Operand x) {
  Variable v = x.array();
  if (v.ndim() == 0)
    throw ShapeError("flatten: an array of shape () has no batch axis",
                     x.location());
  int64_t batch = v.shape()[0];
  return reshape(x, {batch, batch ? v.size() / batch : 0});
}

Variable etch::broadcast_to(Operand x, const Shape &shape) {
  Variable v = x.array();
  check_shape(shape, "broadcast_to", x.location());
  if (v.shape() == shape)
    return v;
  return apply(OpId::BroadcastTo, {v}, attr_of(shape), x.location());
}

Variable etch::sum_to(Operand x, const Shape &shape) {
  Variable v = x.array();
  check_shape(shape, "sum_to", x.location());
  if (v.shape() == shape)
    return v;
  return apply(OpId::SumTo, {v}, attr_of(shape), x.location());
}
