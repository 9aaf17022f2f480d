//===- Matmul.cpp - matrix product ----------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Etch/Ops/Rules.h"

using namespace etch;

static bool differ(int64_t a, int64_t b) {
  return a != b && a != dynamic_extent && b != dynamic_extent;
}

std::optional<TensorType>
etch::inferMatmul(std::span<const TensorType> operands, const Attrs &,
                  std::string &error) {
  const Shape &x = operands[0].shape, &w = operands[1].shape;
  auto shapes = [&] {
    return "x is " + to_string(x) + ", w is " + to_string(w);
  };
  int rank = x.rank();
  if (rank < 2 || w.rank() != rank) {
    error = "two matrices or two equal batches of them are needed: " + shapes();
    return std::nullopt;
  }
  if (operands[0].dtype != operands[1].dtype || operands[0].dtype == boolean) {
    error = std::string("element types: x is ") + name_of(operands[0].dtype) +
            ", w is " + name_of(operands[1].dtype);
    return std::nullopt;
  }
  if (differ(x[rank - 1], w[rank - 2])) {
    error = "inner dimensions differ: " + shapes();
    return std::nullopt;
  }
  TensorType y = {operands[0].dtype, {}};
  for (int i = 0; i < rank - 2; ++i) {
    if (differ(x[i], w[i])) {
      error = "batch dimensions differ: " + shapes();
      return std::nullopt;
    }
    y.shape.push_back(x[i] == dynamic_extent ? w[i] : x[i]);
  }
  y.shape.push_back(x[rank - 2]);
  y.shape.push_back(w[rank - 1]);
  return y;
}

/// x with its last two axes exchanged.
static Expr transposed(Expr x) {
  std::vector<int64_t> permutation(size_t(x.rank()));
  for (size_t i = 0; i < permutation.size(); ++i)
    permutation[i] = int64_t(i);
  std::swap(permutation[permutation.size() - 1],
            permutation[permutation.size() - 2]);
  return transpose(x, permutation);
}

std::vector<Expr> etch::vjpMatmul(const RuleContext &c) {
  return {matmul(c.gy(), transposed(c.x(1))),
          matmul(transposed(c.x(0)), c.gy())};
}

/// The canonical form has at most one batch axis.
Expr etch::expandMatmul(const RuleContext &c) {
  int rank = c.x().rank();
  if (rank <= 3)
    return {};
  auto flat = [&](Expr x) {
    std::vector<Extent> extents = extentsOf(x);
    Extent batch;
    for (int i = 0; i < rank - 2; ++i) {
      batch.size *= extents[size_t(i)].size;
      batch.factors.insert(batch.factors.end(),
                           extents[size_t(i)].factors.begin(),
                           extents[size_t(i)].factors.end());
    }
    Extent three[] = {batch, extents[size_t(rank - 2)],
                      extents[size_t(rank - 1)]};
    return reshape(x, three);
  };
  std::vector<Extent> extents = extentsOf(c.x(0));
  extents.back() = extentsOf(c.x(1)).back();
  return reshape(matmul(flat(c.x(0)), flat(c.x(1))), extents);
}
