//===- Reductions.cpp - sum, mean, max, min, argmax, cumsum ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The canonical form, the only one that back ends see, reduces axis 1 of a
// tensor (outer, extent, inner) and drops it. Adjacent axes reduce together, as
// one axis in row-major order; groups that are not adjacent one after the
// other, innermost first. This order is part of the meaning of `strict`.
//===----------------------------------------------------------------------===//

#include "dialects/Etch/Ops/Rules.h"

using namespace etch;

static bool contains(const std::vector<int64_t> &axes, int64_t axis) {
  for (int64_t a : axes)
    if (a == axis)
      return true;
  return false;
}

/// Result of reducing `axes`, which are in range, not negative and ascending.
static std::optional<TensorType> inferReduction(const TensorType &x,
                                                const Attrs &attrs,
                                                bool needsElements,
                                                std::string &error) {
  const auto &axes = std::get<std::vector<int64_t>>(attrs[0]);
  bool keepdims = std::get<bool>(attrs[1]);
  int64_t last = -1;
  for (int64_t axis : axes) {
    if (axis <= last || axis >= x.shape.rank()) {
      error = "axis " + std::to_string(axis) +
              " is repeated or out of range for " + to_string(x.shape);
      return std::nullopt;
    }
    last = axis;
    if (needsElements && x.shape[int(axis)] == 0) {
      error = "no elements along axis " + std::to_string(axis) + " of " +
              to_string(x.shape);
      return std::nullopt;
    }
  }
  if (x.dtype == boolean) {
    error = "not defined for bool";
    return std::nullopt;
  }
  TensorType y = {x.dtype, {}};
  for (int i = 0; i < x.shape.rank(); ++i) {
    if (!contains(axes, i))
      y.shape.push_back(x.shape[i]);
    else if (keepdims)
      y.shape.push_back(1);
  }
  return y;
}

std::optional<TensorType> etch::inferSum(std::span<const TensorType> operands,
                                         const Attrs &attrs,
                                         std::string &error) {
  return inferReduction(operands[0], attrs, false, error);
}

std::optional<TensorType> etch::inferMean(std::span<const TensorType> operands,
                                          const Attrs &attrs,
                                          std::string &error) {
  if (!is_floating(operands[0].dtype)) {
    error = std::string("not defined for ") + name_of(operands[0].dtype);
    return std::nullopt;
  }
  return inferReduction(operands[0], attrs, false, error);
}

std::optional<TensorType> etch::inferMax(std::span<const TensorType> operands,
                                         const Attrs &attrs,
                                         std::string &error) {
  return inferReduction(operands[0], attrs, true, error);
}

std::optional<TensorType> etch::inferMin(std::span<const TensorType> operands,
                                         const Attrs &attrs,
                                         std::string &error) {
  return inferReduction(operands[0], attrs, true, error);
}

/// A reduced value spread over x again: with the axes restored, then repeated.
static Expr spread(Expr value, Expr x, const std::vector<int64_t> &axes) {
  std::vector<Extent> full = extentsOf(x), kept = full;
  for (int64_t axis : axes)
    kept[size_t(axis)] = Extent{};
  return broadcastTo(reshape(value, kept), full);
}

std::vector<Expr> etch::vjpSum(const RuleContext &c) {
  return {spread(c.gy(), c.x(), c.attr<std::vector<int64_t>>(0))};
}

/// How many elements each result of the reduction is made of, as a splat like
/// `like`; counted by a sum where extents are symbolic.
static Expr countLike(Expr like, const RuleContext &c) {
  const auto &axes = c.attr<std::vector<int64_t>>(0);
  Shape shape = c.x().type().shape;
  int64_t count = 1;
  std::vector<Extent> open;
  std::vector<int64_t> all;
  for (int64_t axis : axes) {
    if (shape[int(axis)] == dynamic_extent) {
      all.push_back(int64_t(open.size()));
      open.push_back(extentsOf(c.x())[size_t(axis)]);
    } else {
      count *= shape[int(axis)];
    }
  }
  if (open.empty())
    return splatLike(double(count), like);
  std::vector<int64_t> every(size_t(like.rank()));
  for (size_t i = 0; i < every.size(); ++i)
    every[i] = int64_t(i);
  Expr scalar = like.rank() ? sum(like, every, false) : like; // its type
  Expr n =
      sum(broadcastTo(splatLike(1, scalar), open), all, false) * double(count);
  return like.rank() ? broadcastTo(n, extentsOf(like)) : n;
}

std::vector<Expr> etch::vjpMean(const RuleContext &c) {
  return {spread(c.gy() / countLike(c.gy(), c), c.x(),
                 c.attr<std::vector<int64_t>>(0))};
}

static std::vector<Expr> vjpExtremum(const RuleContext &c) {
  const auto &axes = c.attr<std::vector<int64_t>>(0);
  Expr gy = spread(c.gy(), c.x(), axes);
  return {
      select(equal(c.x(), spread(c.y(), c.x(), axes)), gy, splatLike(0, gy))};
}

std::vector<Expr> etch::vjpMax(const RuleContext &c) { return vjpExtremum(c); }
std::vector<Expr> etch::vjpMin(const RuleContext &c) { return vjpExtremum(c); }

static Extent product(std::span<const Extent> extents) {
  Extent p;
  for (const Extent &e : extents) {
    p.size *= e.size;
    p.factors.insert(p.factors.end(), e.factors.begin(), e.factors.end());
  }
  return p;
}

/// x as (outer, extent, inner) around axes [begin, end).
static Expr around(Expr x, std::span<const Extent> extents, size_t begin,
                   size_t end) {
  Extent three[] = {product(extents.subspan(0, begin)),
                    product(extents.subspan(begin, end - begin)),
                    product(extents.subspan(end))};
  return reshape(x, three);
}

static bool isCanonical(Expr x, const std::vector<int64_t> &axes,
                        bool keepdims) {
  return x.rank() == 3 && axes == std::vector<int64_t>{1} && !keepdims;
}

/// Reduces group after group; `op` is the reduction of one canonical axis.
static Expr expandReduction(const RuleContext &c,
                            Expr (*op)(Expr, std::vector<int64_t>, bool)) {
  const auto &axes = c.attr<std::vector<int64_t>>(0);
  bool keepdims = c.attr<bool>(1);
  Expr x = c.x();
  if (isCanonical(x, axes, keepdims))
    return {};
  std::vector<Extent> extents = extentsOf(x);
  for (size_t last = axes.size(); last != 0;) {
    size_t first = last - 1;
    while (first != 0 && axes[first - 1] + 1 == axes[first])
      --first;
    size_t begin = size_t(axes[first]), end = size_t(axes[last - 1]) + 1;
    x = op(around(x, extents, begin, end), {1}, false);
    extents.erase(extents.begin() + begin, extents.begin() + end);
    if (keepdims)
      extents.insert(extents.begin() + begin, end - begin, Extent{});
    last = first;
  }
  return reshape(x, extents);
}

Expr etch::expandSum(const RuleContext &c) { return expandReduction(c, sum); }
Expr etch::expandMax(const RuleContext &c) { return expandReduction(c, max); }
Expr etch::expandMin(const RuleContext &c) { return expandReduction(c, min); }

Expr etch::expandMean(const RuleContext &c) {
  Expr total = sum(c.x(), c.attr<std::vector<int64_t>>(0), c.attr<bool>(1));
  return total / countLike(total, c);
}

//===----------------------------------------------------------------------===//
// argmax
//===----------------------------------------------------------------------===//

std::optional<TensorType>
etch::inferArgmax(std::span<const TensorType> operands, const Attrs &attrs,
                  std::string &error) {
  Attrs reduction = {std::vector<int64_t>{std::get<int64_t>(attrs[0])}, false};
  auto y = inferReduction(operands[0], reduction, true, error);
  if (y)
    y->dtype = i64;
  return y;
}

Expr etch::expandArgmax(const RuleContext &c) {
  Expr x = c.x();
  auto axis = size_t(c.attr<int64_t>(0));
  if (x.rank() == 3 && axis == 1)
    return {};
  std::vector<Extent> extents = extentsOf(x);
  Expr y = argmax(around(x, extents, axis, axis + 1), 1);
  extents.erase(extents.begin() + axis);
  return reshape(y, extents);
}

//===----------------------------------------------------------------------===//
// cumsum
//===----------------------------------------------------------------------===//

std::optional<TensorType>
etch::inferCumsum(std::span<const TensorType> operands, const Attrs &attrs,
                  std::string &error) {
  auto axis = std::get<int64_t>(attrs[0]);
  const TensorType &x = operands[0];
  if (axis < 0 || axis >= x.shape.rank()) {
    error = "axis " + std::to_string(axis) + " is out of range for " +
            to_string(x.shape);
    return std::nullopt;
  }
  if (x.dtype == boolean) {
    error = "not defined for bool";
    return std::nullopt;
  }
  return x;
}

Expr etch::expandCumsum(const RuleContext &c) {
  Expr x = c.x();
  auto axis = size_t(c.attr<int64_t>(0));
  if (x.rank() == 3 && axis == 1)
    return {};
  std::vector<Extent> extents = extentsOf(x);
  return reshape(cumsum(around(x, extents, axis, axis + 1), 1, c.attr<bool>(1)),
                 extents);
}
