//===- Shapes.cpp - reshape, broadcast_to, sum_to, transpose --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Etch/Ops/Rules.h"

using namespace etch;

/// The type that the `shape` attribute (the last one) gives a shaped op.
TensorType etch::shapedResult(DType dtype, const Attrs &attrs) {
  return {dtype, Shape(std::get<std::vector<int64_t>>(attrs.back()))};
}

std::optional<TensorType>
etch::inferReshape(std::span<const TensorType> operands, const Attrs &attrs,
                   std::string &error) {
  const TensorType &x = operands[0];
  TensorType y = shapedResult(x.dtype, attrs);
  if (x.shape.is_static() && y.shape.is_static() &&
      x.shape.elements() != y.shape.elements()) {
    error =
        "cannot reshape " + to_string(x.shape) + " into " + to_string(y.shape);
    return std::nullopt;
  }
  return y;
}

/// Whether `small` broadcasts to `large` by NumPy's rule.
static bool broadcasts(const Shape &small, const Shape &large) {
  int lead = large.rank() - small.rank();
  if (lead < 0)
    return false;
  for (int i = 0; i < small.rank(); ++i)
    if (small[i] != 1 && small[i] != large[lead + i] &&
        small[i] != dynamic_extent && large[lead + i] != dynamic_extent)
      return false;
  return true;
}

std::optional<TensorType>
etch::inferBroadcastTo(std::span<const TensorType> operands, const Attrs &attrs,
                       std::string &error) {
  TensorType y = shapedResult(operands[0].dtype, attrs);
  if (!broadcasts(operands[0].shape, y.shape)) {
    error = to_string(operands[0].shape) + " does not broadcast to " +
            to_string(y.shape);
    return std::nullopt;
  }
  return y;
}

std::optional<TensorType> etch::inferSumTo(std::span<const TensorType> operands,
                                           const Attrs &attrs,
                                           std::string &error) {
  TensorType y = shapedResult(operands[0].dtype, attrs);
  if (!broadcasts(y.shape, operands[0].shape)) {
    error =
        to_string(operands[0].shape) + " does not sum to " + to_string(y.shape);
    return std::nullopt;
  }
  if (operands[0].dtype == boolean) {
    error = "not defined for bool";
    return std::nullopt;
  }
  return y;
}

Expr etch::expandSumTo(const RuleContext &c) {
  Expr x = c.x();
  Shape from = x.type().shape, to(c.attr<std::vector<int64_t>>(0));
  int lead = from.rank() - to.rank();
  std::vector<Extent> extents = extentsOf(x), target;
  std::vector<int64_t> axes;
  auto summed = [&](int i) {
    return i < lead || (to[i - lead] == 1 && from[i] != 1);
  };
  for (int i = 0; i < from.rank(); ++i) {
    if (summed(i))
      axes.push_back(i);
    if (i >= lead)
      target.push_back(summed(i) ? Extent{} : extents[i]);
  }
  return reshape(axes.empty() ? x : sum(x, axes, false), target);
}

std::optional<TensorType>
etch::inferTranspose(std::span<const TensorType> operands, const Attrs &attrs,
                     std::string &error) {
  const auto &permutation = std::get<std::vector<int64_t>>(attrs[0]);
  const Shape &x = operands[0].shape;
  TensorType y = {operands[0].dtype, {}};
  uint32_t seen = 0;
  for (int64_t axis : permutation) {
    if (axis < 0 || axis >= x.rank() || (seen >> axis & 1))
      break;
    seen |= 1u << axis;
    y.shape.push_back(x[int(axis)]);
  }
  if (y.shape.rank() != x.rank() || permutation.size() != size_t(x.rank())) {
    std::string text;
    for (int64_t axis : permutation)
      text += (text.empty() ? "" : ", ") + std::to_string(axis);
    error =
        "(" + text + ") is not a permutation of the axes of " + to_string(x);
    return std::nullopt;
  }
  return y;
}

std::vector<Expr> etch::vjpTranspose(const RuleContext &c) {
  const auto &permutation = c.attr<std::vector<int64_t>>(0);
  std::vector<int64_t> inverse(permutation.size());
  for (size_t i = 0; i < permutation.size(); ++i)
    inverse[size_t(permutation[i])] = int64_t(i);
  return {transpose(c.gy(), inverse)};
}
