//===- Products.cpp - matrix products -------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "etch/functions.h"
#include "frontend/core/Promotion.h"
#include "frontend/engine/Engine.h"
#include "frontend/functions/Shapes.h"

#include <algorithm>

using namespace etch;
using namespace etch::detail;

/// The leading axes of a batch of matrices.
static Shape batch_of(const Shape &s) {
  return Shape(std::span<const int64_t>(s.data(), size_t(s.rank() - 2)));
}

static Shape with_matrix(Shape batch, int64_t rows, int64_t columns) {
  batch.push_back(rows);
  batch.push_back(columns);
  return batch;
}

Variable etch::matmul(Operand x, Operand w) {
  LocationScope scope(x.location());
  Operand both[] = {x, w};
  if (Variable y = known(OpId::Matmul, both, {}); y.defined())
    return y;
  DType dtype = common_dtype(both);
  Variable a = cast_to(x.array(), dtype, x.location());
  Variable b = cast_to(w.array(), dtype, x.location());
  auto fail = [&](const char *why) {
    throw ShapeError(std::string("matmul: ") + why + ": x is " +
                         to_string(x.array().shape()) + ", w is " +
                         to_string(w.array().shape()),
                     x.location());
  };
  if (a.ndim() == 0 || b.ndim() == 0)
    fail("a scalar has no matrix product");
  bool row = a.ndim() == 1, column = b.ndim() == 1;
  if (row)
    a = reshape(a, {1, a.len()});
  if (column)
    b = reshape(b, {b.len(), 1});
  if (a.shape(-1) != b.shape(-2))
    fail("inner dimensions differ");
  if (a.ndim() != 2 || b.ndim() != 2) {
    Shape batch = broadcast_shapes(batch_of(a.shape()), batch_of(b.shape()),
                                   "matmul", x.location());
    a = broadcast_to(a, with_matrix(batch, a.shape(-2), a.shape(-1)));
    b = broadcast_to(b, with_matrix(batch, b.shape(-2), b.shape(-1)));
  }
  Variable y = apply(OpId::Matmul, {a, b}, {}, x.location());
  if (row)
    y = squeeze(y, -2);
  if (column)
    y = squeeze(y, -1);
  return y;
}

Variable etch::linear(Operand x, Operand w, const Variable &b) {
  LocationScope scope(x.location());
  Variable y = matmul(x, w);
  return b.defined() ? y + b : y;
}

/// v as a matrix: the contracted axes, in their order, are its rows or columns.
static Variable as_matrix(const Variable &v, const std::vector<int> &axes,
                          bool axes_last, Shape &kept) {
  std::vector<int> others, order;
  int64_t count = 1, contracted = 1;
  for (int axis : axes)
    contracted *= v.shape()[axis];
  for (int i = 0; i < v.ndim(); ++i)
    if (std::find(axes.begin(), axes.end(), i) == axes.end()) {
      others.push_back(i);
      kept.push_back(v.shape()[i]);
      count *= v.shape()[i];
    }
  order = axes_last ? others : axes;
  order.insert(order.end(), axes_last ? axes.begin() : others.begin(),
               axes_last ? axes.end() : others.end());
  return reshape(transpose(v, std::span<const int>(order)),
                 axes_last ? Shape{count, contracted}
                           : Shape{contracted, count});
}

Variable etch::tensordot(Operand x, Operand w,
                         const std::vector<std::vector<int>> &axes) {
  LocationScope scope(x.location());
  Variable a = x.array(), b = w.array();
  if (axes.size() != 2 || axes[0].size() != axes[1].size())
    throw ShapeError("tensordot: two lists of as many axes are needed",
                     x.location());
  std::vector<int> of_a, of_b;
  for (size_t i = 0; i < axes[0].size(); ++i) {
    of_a.push_back(
        normalize_axis(axes[0][i], a.ndim(), "tensordot", x.location()));
    of_b.push_back(
        normalize_axis(axes[1][i], b.ndim(), "tensordot", x.location()));
    if (a.shape()[of_a.back()] != b.shape()[of_b.back()])
      throw ShapeError("tensordot: extents differ: x is " +
                           to_string(a.shape()) + ", w is " +
                           to_string(b.shape()),
                       x.location());
  }
  check_rank(a.ndim() + b.ndim() - 2 * int(of_a.size()), "tensordot",
             x.location());
  Shape shape;
  Variable left = as_matrix(a, of_a, true, shape);
  Variable right = as_matrix(b, of_b, false, shape);
  return reshape(matmul(left, right), shape);
}

Variable etch::tensordot(Operand x, Operand w, int count) {
  int rank = x.array().ndim();
  if (count < 0 || count > rank)
    throw ShapeError("tensordot: " + std::to_string(count) + " axes of " +
                         to_string(x.array().shape()),
                     x.location());
  std::vector<std::vector<int>> axes(2);
  for (int i = 0; i < count; ++i) {
    axes[0].push_back(rank - count + i);
    axes[1].push_back(i);
  }
  return tensordot(x, w, axes);
}
