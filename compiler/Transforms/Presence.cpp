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

//===----------------------------------------------------------------------===//
// Knowledge
//===----------------------------------------------------------------------===//

std::optional<bool> Knowledge::of(Value x) {
  if (auto it = known.find(x); it != known.end())
    return it->second;
  std::optional<bool> result = find(x);
  return known[x] = result;
}

std::optional<bool> Knowledge::find(Value x) {
  if (auto argument = llvm::dyn_cast<BlockArgument>(x))
    return ofArgument(argument);
  for (bool value : {false, true})
    if (isBool(x, value))
      return value;
  Operation *op = x.getDefiningOp();
  if (llvm::isa<BroadcastToOp, ReshapeOp>(op))
    return of(op->getOperand(0));
  if (auto select = llvm::dyn_cast<SelectOp>(op))
    return ofSelect(select);
  if (auto equal = llvm::dyn_cast<EqualOp>(op))
    return notZero.contains(equal.getLhs()) &&
                   matchPattern(equal.getRhs(), m_Zero())
               ? std::optional(false)
               : std::nullopt;
  return isControl(op) ? ofResult(llvm::cast<OpResult>(x)) : std::nullopt;
}

std::optional<bool> Knowledge::ofSelect(SelectOp select) {
  Value condition = select.getCondition();
  std::optional<bool> decided = of(condition);
  auto side = [&](Value x, bool taken) {
    return x == condition ? std::optional(taken) : of(x);
  };
  if (decided)
    return *decided ? of(select.getLhs()) : of(select.getRhs());
  std::optional<bool> lhs = side(select.getLhs(), true);
  return lhs == side(select.getRhs(), false) ? lhs : std::nullopt;
}

/// What both branches give, or all iterations keep.
std::optional<bool> Knowledge::ofResult(OpResult x) {
  unsigned i = x.getResultNumber();
  auto yielded = [&](Region &region, unsigned at) {
    return region.front().getTerminator()->getOperand(at);
  };
  if (auto cond = llvm::dyn_cast<CondOp>(x.getOwner())) {
    std::optional<bool> decided = of(cond.getPredicate());
    if (decided)
      return of(yielded(*decided ? cond.getThen() : cond.getOtherwise(), i));
    std::optional<bool> then = of(yielded(cond.getThen(), i));
    return then == of(yielded(cond.getOtherwise(), i)) ? then : std::nullopt;
  }
  auto loop = llvm::cast<LoopOp>(x.getOwner());
  if (i == 0 || i > loop.getInits().size())
    return std::nullopt;
  std::optional<bool> init = of(loop.getInits()[i - 1]);
  if (!init)
    return std::nullopt;
  Knowledge inside = *this;
  inside.assume(loop.getStates()[i - 1], *init);
  return inside.of(loop.getNextStates()[i - 1]) == init ? init : std::nullopt;
}

/// Of a region of an op behind the border.
std::optional<bool> Knowledge::ofArgument(BlockArgument x) {
  Operation *parent = x.getOwner()->getParentOp();
  if (x.getOwner() == border || !isControl(parent))
    return std::nullopt;
  size_t i = x.getArgNumber();
  if (auto cond = llvm::dyn_cast<CondOp>(parent))
    return of(cond.getCaptures()[i]);
  auto loop = llvm::cast<LoopOp>(parent);
  size_t first = x.getOwner()->getNumArguments() - loop.getCaptures().size();
  return i >= first ? of(loop.getCaptures()[i - first]) : std::nullopt;
}
