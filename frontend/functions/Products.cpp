//===- Products.cpp - matrix products -------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "etch/functions.h"
#include "frontend/core/Promotion.h"
#include "frontend/engine/Engine.h"

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
