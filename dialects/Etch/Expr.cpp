//===- Expr.cpp - building operations in rules ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Etch/Expr.h"

#include <cassert>

using namespace etch;

GraphBuilder::~GraphBuilder() = default;

Expr etch::apply(OpId op, std::initializer_list<Expr> operands, Attrs attrs) {
  GraphBuilder::Handle handles[4];
  assert(operands.size() >= 1 && operands.size() <= std::size(handles));
  size_t n = 0;
  for (Expr e : operands)
    handles[n++] = e.handle();
  GraphBuilder *b = operands.begin()->builder();
  return {b, b->apply(op, {handles, n}, std::move(attrs))};
}

namespace etch {
#define ETCH_EXPR_DEFS
#include "dialects/Etch/ExprOps.inc"
#undef ETCH_EXPR_DEFS
} // namespace etch

static Expr applyShaped(OpId op, std::initializer_list<Expr> operands,
                        std::span<const Extent> extents, Attrs attrs = {}) {
  GraphBuilder::Handle handles[2];
  size_t n = 0;
  for (Expr e : operands)
    handles[n++] = e.handle();
  GraphBuilder *b = operands.begin()->builder();
  return {b, b->applyShaped(op, {handles, n}, std::move(attrs), extents)};
}

/// Whether x has exactly these extents, as far as can be known now.
static bool hasExtents(Expr x, std::span<const Extent> extents) {
  Shape shape = x.type().shape;
  if (size_t(shape.rank()) != extents.size())
    return false;
  for (int i = 0; i < shape.rank(); ++i) {
    const Extent &e = extents[i];
    bool own = e.size == 1 && e.more == 0 && e.factors.size() == 1 &&
               e.factors[0].value == x.handle() && e.factors[0].axis == i;
    if (!own && (!e.factors.empty() || e.size + e.more != shape[i]))
      return false;
  }
  return true;
}

std::vector<Extent> etch::extentsOf(Expr x) {
  Shape shape = x.type().shape;
  std::vector<Extent> extents(shape.rank());
  for (int i = 0; i < shape.rank(); ++i) {
    if (shape[i] == dynamic_extent)
      extents[i].factors.push_back({x.handle(), i});
    else
      extents[i].size = shape[i];
  }
  return extents;
}

Expr etch::reshape(Expr x, std::span<const Extent> extents) {
  return hasExtents(x, extents) ? x : applyShaped(OpId::Reshape, {x}, extents);
}

Expr etch::broadcastTo(Expr x, std::span<const Extent> extents) {
  return hasExtents(x, extents) ? x
                                : applyShaped(OpId::BroadcastTo, {x}, extents);
}

Expr etch::sumTo(Expr x, std::span<const Extent> extents) {
  return hasExtents(x, extents) ? x : applyShaped(OpId::SumTo, {x}, extents);
}

Expr etch::scatterAdd(Expr x, Expr index, std::span<const Extent> extents) {
  return applyShaped(OpId::ScatterAdd, {x, index}, extents);
}

Expr etch::slice(Expr x, std::vector<int64_t> starts,
                 std::vector<int64_t> steps, std::span<const Extent> extents) {
  return applyShaped(OpId::Slice, {x}, extents,
                     {std::move(starts), std::move(steps)});
}

Expr etch::place(Expr x, std::vector<int64_t> starts,
                 std::vector<int64_t> steps, double fill,
                 std::span<const Extent> extents) {
  return applyShaped(OpId::Place, {x}, extents,
                     {std::move(starts), std::move(steps), fill});
}

Expr etch::sliceAt(Expr x, Expr start, int64_t axis,
                   std::span<const Extent> extents) {
  return applyShaped(OpId::SliceAt, {x, start}, extents, {axis});
}

Expr etch::placeAt(Expr x, Expr start, int64_t axis,
                   std::span<const Extent> extents) {
  return applyShaped(OpId::PlaceAt, {x, start}, extents, {axis});
}

Expr etch::reshapeLike(Expr x, Expr like) {
  return reshape(x, extentsOf(like));
}

Expr etch::splatLike(double value, Expr like) {
  GraphBuilder *b = like.builder();
  return {b, b->splatLike(value, like.handle())};
}

Expr etch::castLike(Expr x, Expr like) {
  DType to = like.type().dtype;
  return x.type().dtype == to ? x : cast(x, shortNameOf(to));
}
