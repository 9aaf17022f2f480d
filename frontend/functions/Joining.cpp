//===- Joining.cpp - several arrays as one, one as several ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Placing an array in a larger one is scatter_add at places that differ.
//===----------------------------------------------------------------------===//

#include "etch/array.h"
#include "etch/functions.h"
#include "etch/index.h"
#include "frontend/core/Promotion.h"
#include "frontend/engine/Engine.h"
#include "frontend/functions/Shapes.h"

using namespace etch;
using namespace etch::detail;

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
  int axes = 0; // up to the last one that grows
  for (int i = 0; i < v.ndim(); ++i) {
    auto [before, behind] = widths[size_t(i)];
    if (before < 0 || behind < 0)
      throw ValueError("pad: a width is negative", where);
    shape[i] += before + behind;
    if (before + behind)
      axes = i + 1;
  }
  if (axes == 0)
    return v;
  // Where the blocks behind those axes go.
  std::vector<int64_t> places{0};
  int64_t blocks = 1, inner = 1;
  for (int i = 0; i < v.ndim(); ++i) {
    if (i >= axes) {
      inner *= shape[i];
      continue;
    }
    blocks *= shape[i];
    std::vector<int64_t> finer;
    finer.reserve(places.size() * size_t(v.shape()[i]));
    for (int64_t place : places)
      for (int64_t k = 0; k < v.shape()[i]; ++k)
        finer.push_back(place * shape[i] + widths[size_t(i)].first + k);
    places = std::move(finer);
  }
  auto count = int64_t(places.size());
  Variable index = reshape(array(places), {1, count});
  auto place = [&](const Variable &values) {
    Variable y =
        apply(OpId::ScatterAdd, {reshape(values, {1, count, inner}), index},
              {std::vector<int64_t>{1, blocks, inner}}, where);
    return reshape(y, shape);
  };
  Variable y = place(v);
  return value == 0 ? y : select(place(ones_like(v)) > 0, y, value);
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
  int64_t total = 0;
  for (const Variable &x : xs) {
    bool fits = x.ndim() == rank;
    for (int i = 0; fits && i < rank; ++i)
      fits = i == axis || x.shape()[i] == xs[0].shape()[i];
    if (!fits)
      throw ShapeError(
          "concat: shapes do not fit: " + to_string(xs[0].shape()) + " and " +
              to_string(x.shape()),
          where);
    total += x.shape()[axis];
  }
  Variable y;
  int64_t before = 0;
  for (const Variable &x : xs) {
    int64_t behind = total - before - x.shape()[axis];
    std::vector<std::pair<int64_t, int64_t>> widths(static_cast<size_t>(rank));
    widths[size_t(axis)] = {before, behind};
    Variable placed = pad(cast_to(x, dtype, where), widths);
    y = y.defined() ? y + placed : placed;
    before += x.shape()[axis];
  }
  return y;
}

Variable etch::stack(const Variables &xs, int axis, SourceLocation l) {
  LocationScope scope(l);
  Variables rows;
  for (const Variable &x : xs)
    rows.push_back(expand_dims(x, axis));
  return concat(rows, axis);
}

Variables etch::split(Operand x, const std::vector<int64_t> &sizes, int axis) {
  LocationScope scope(x.location());
  Variable v = x.array();
  axis = normalize_axis(axis, v.ndim(), "split", x.location());
  std::vector<Index> indices(size_t(axis + 1), all);
  Variables parts;
  int64_t begin = 0;
  for (int64_t size : sizes) {
    indices.back() = Index(slice(begin, begin + size));
    parts.push_back(get_item(v, indices));
    begin += size;
  }
  if (begin != v.shape()[axis])
    throw ShapeError("split: the parts are " + std::to_string(begin) +
                         " together, the axis " +
                         std::to_string(v.shape()[axis]),
                     x.location());
  return parts;
}

Variable etch::embed_id(Operand indices, const Variable &w) {
  LocationScope scope(indices.location());
  return w[indices.array()];
}
