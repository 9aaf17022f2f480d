//===- Indexing.cpp - gather and scatter_add ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Etch/Ops/Rules.h"

using namespace etch;

static bool differ(int64_t a, int64_t b) {
  return a != b && a != dynamic_extent && b != dynamic_extent;
}

/// x (B, *, I) with index (B, J) of int64, or (B, J, I): each i has its own.
static bool checkIndex(const TensorType &x, const TensorType &index,
                       std::string &error) {
  if (index.dtype != i64)
    error = std::string("indices are ") + name_of(index.dtype) + ", not int64";
  else if (x.shape.rank() != 3 || index.shape.rank() < 2 ||
           index.shape.rank() > 3 || differ(x.shape[0], index.shape[0]) ||
           (index.shape.rank() == 3 && differ(x.shape[2], index.shape[2])))
    error = "x is " + to_string(x.shape) + ", index is " +
            to_string(index.shape) + "; (B, A, I) and (B, J) are needed";
  return error.empty();
}

std::optional<TensorType>
etch::inferGather(std::span<const TensorType> operands, const Attrs &,
                  std::string &error) {
  const TensorType &x = operands[0], &index = operands[1];
  if (!checkIndex(x, index, error))
    return std::nullopt;
  return TensorType{x.dtype, {x.shape[0], index.shape[1], x.shape[2]}};
}

std::vector<Expr> etch::vjpGather(const RuleContext &c) {
  return {scatterAdd(c.gy(), c.x(1), extentsOf(c.x())), {}};
}

std::optional<TensorType>
etch::inferScatterAdd(std::span<const TensorType> operands, const Attrs &attrs,
                      std::string &error) {
  const TensorType &x = operands[0], &index = operands[1];
  if (!checkIndex(x, index, error))
    return std::nullopt;
  TensorType y = shapedResult(x.dtype, attrs);
  if (y.shape.rank() != 3 || differ(x.shape[1], index.shape[1]) ||
      differ(x.shape[0], y.shape[0]) || differ(x.shape[2], y.shape[2]) ||
      x.dtype == boolean) {
    error = "cannot add " + to_string(x) + " at " + to_string(index.shape) +
            " indices into " + to_string(y.shape);
    return std::nullopt;
  }
  return y;
}

std::vector<Expr> etch::vjpScatterAdd(const RuleContext &c) {
  return {gather(c.gy(), c.x(1)), {}};
}
