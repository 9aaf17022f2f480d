//===- Presence.cpp - cotangents that are not there in every run ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Presence.h"
#include "compiler/Transforms/Rows.h"

#include "dialects/Etch/Expr.h"

#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace etch;

Value etch::buildBool(OpBuilder &b, Location loc, bool value) {
  auto type = RankedTensorType::get({}, b.getI1Type());
  return ConstantOp::create(b, loc, type, DenseElementsAttr::get(type, value));
}

bool etch::isBool(Value x, bool value) {
  DenseIntElementsAttr number;
  return matchPattern(x, m_Constant(&number)) && number.isSplat() &&
         number.getElementType().isInteger(1) &&
         number.getSplatValue<bool>() == value;
}

int64_t etch::rankOf(Value present) {
  return llvm::cast<RankedTensorType>(present.getType()).getRank();
}

Value etch::spreadPresence(OpBuilder &b, Location loc, Value present,
                           Value array, int64_t rank) {
  if (rankOf(present) == rank)
    return present;
  auto builder = makeGraphBuilder(b, loc);
  Expr x(builder.get(), present.getAsOpaquePointer());
  Expr like(builder.get(), array.getAsOpaquePointer());
  std::vector<Extent> to = extentsOf(like);
  to.resize(size_t(rank));
  if (rankOf(present)) {
    std::vector<Extent> from = extentsOf(x);
    from.resize(size_t(rank)); // ones
    x = reshape(x, from);
  }
  return Value::getFromOpaquePointer(broadcastTo(x, to).handle());
}

/// Gives both the rank of the other one.
static void level(OpBuilder &b, Location loc, Value &x, Value &y) {
  if (rankOf(x) < rankOf(y))
    x = spreadPresence(b, loc, x, y, rankOf(y));
  else
    y = spreadPresence(b, loc, y, x, rankOf(x));
}

Value etch::buildAnd(OpBuilder &b, Location loc, Value x, Value y) {
  if (!x || x == y || isBool(x, true))
    return y;
  if (!y || isBool(x, false) || isBool(y, true))
    return x;
  if (isBool(y, false))
    return y;
  level(b, loc, x, y);
  return SelectOp::create(b, loc, x, y, x);
}

Value etch::buildOr(OpBuilder &b, Location loc, Value x, Value y) {
  if (!x || !y || isBool(x, true) || isBool(y, true))
    return {};
  if (x == y || isBool(y, false))
    return x;
  if (isBool(x, false))
    return y;
  level(b, loc, x, y);
  return SelectOp::create(b, loc, x, x, y);
}

Value etch::buildNot(OpBuilder &b, Location loc, Value x) {
  if (!x || isBool(x, true))
    return buildBool(b, loc, false);
  return SelectOp::create(b, loc, x, buildSplat(b, loc, 0, x),
                          buildSplat(b, loc, 1, x));
}

Value etch::masked(OpBuilder &b, Location loc, Value x, Value present,
                   double other) {
  if (!present || isBool(present, true))
    return x;
  int64_t rank = llvm::cast<RankedTensorType>(x.getType()).getRank();
  auto select =
      SelectOp::create(b, loc, spreadPresence(b, loc, present, x, rank), x,
                       buildSplat(b, loc, other, x));
  select->setAttr(kPresenceAttr, b.getUnitAttr());
  return select;
}

Value etch::presenceOf(Operation *op) {
  auto select = llvm::dyn_cast<SelectOp>(op);
  if (!select || !op->hasAttr(kPresenceAttr))
    return {};
  Value condition = select.getCondition();
  if (auto spread = condition.getDefiningOp<BroadcastToOp>())
    condition = spread.getX();
  if (auto rows = condition.getDefiningOp<ReshapeOp>())
    condition = rows.getX();
  return condition;
}

bool etch::holds(Value x, const llvm::DenseSet<Value> &sure) {
  if (!x || isBool(x, true) || sure.contains(x))
    return true;
  auto select = x.getDefiningOp<SelectOp>();
  if (!select)
    return false;
  Value condition = select.getCondition();
  if (select.getLhs() == condition) // x or y
    return holds(condition, sure) || holds(select.getRhs(), sure);
  return holds(select.getLhs(), sure) &&
         (holds(condition, sure) || holds(select.getRhs(), sure));
}
