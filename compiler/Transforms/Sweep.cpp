//===- Sweep.cpp - reverse mode over the ops of a block -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Sweep.h"

#include "compiler/Transforms/Presence.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace etch;

bool etch::isFloating(Value x) {
  return llvm::isa<FloatType>(getElementTypeOrSelf(x.getType()));
}

OperandRange etch::gradientOperands(Operation *op) {
  if (auto custom = llvm::dyn_cast<CustomVjpOp>(op))
    return custom.getInputs();
  if (auto rule = llvm::dyn_cast<DifferentiableOpInterface>(op))
    return op->getOperands().take_front(size_t(rule.getInfo().numOperands));
  return op->getOperands().take_front(isControl(op) ? op->getNumOperands() : 0);
}

bool etch::mayHaveGradient(Operation *op) {
  if (op->hasAttr(kNoGradAttr))
    return false;
  if (auto rule = llvm::dyn_cast<DifferentiableOpInterface>(op))
    return rule.getInfo().gradient != Gradient::inactive;
  return llvm::isa<CustomVjpOp>(op) || isControl(op);
}

void Sweep::activate(Block &block) {
  for (Operation &op : block)
    if (mayHaveGradient(&op) &&
        llvm::any_of(gradientOperands(&op),
                     [&](Value x) { return active.contains(x); }))
      for (Value y : op.getResults())
        if (isFloating(y))
          active.insert(y);
}

LogicalResult Sweep::visitAll(ArrayRef<Operation *> ops) {
  bool ok = true;
  for (Operation *op : llvm::reverse(ops))
    if (mayHaveGradient(op) && llvm::any_of(gradientOperands(op), [&](Value x) {
          return active.contains(x);
        }))
      ok &= succeeded(visit(op));
  return success(ok);
}

/// Either side of such a select gets the cotangent where it is taken.
void Sweep::visitPresence(SelectOp select, Value condition) {
  Location loc = select.getLoc();
  auto [gy, present] = sumOf(select.getY());
  if (active.contains(select.getLhs()))
    addMasked(select.getLhs(), gy, loc, buildAnd(b, loc, condition, present));
  if (active.contains(select.getRhs()))
    addMasked(select.getRhs(), gy, loc,
              buildAnd(b, loc, buildNot(b, loc, condition), present));
}

LogicalResult Sweep::visit(Operation *op) {
  Location loc = op->getLoc();
  SmallVector<Value> gys;
  // Of what the rule gives: if there is one cotangent, there are all.
  Value present;
  bool any = false, sure = false;
  for (Value y : op->getResults()) {
    auto [gy, own] = sumOf(y);
    gys.push_back(gy);
    if (!gy)
      continue;
    present = any && own && present ? buildOr(b, loc, present, own) : own;
    any = true;
    sure |= !present;
  }
  if (!any)
    return success();
  if (sure)
    present = {};
  if (auto loop = llvm::dyn_cast<LoopOp>(op))
    return visitLoop(*this, loop);
  if (auto cond = llvm::dyn_cast<CondOp>(op))
    return visitCond(*this, cond);
  if (Value condition = presenceOf(op))
    return visitPresence(llvm::cast<SelectOp>(op), condition), success();
  if (present && rankOf(present) > 0) // only loops know rows
    present = {};
  SmallVector<Value> gxs;
  if (auto custom = llvm::dyn_cast<CustomVjpOp>(op)) {
    gxs = inlineRule(custom, gys);
  } else {
    auto rule = llvm::cast<DifferentiableOpInterface>(op);
    if (rule.getInfo().gradient == Gradient::none)
      return emitError(loc)
             << rule.getInfo().name
             << ": has no gradient, and what is differentiated depends on it";
    gxs = rule.buildVjp(b, gys);
  }
  for (auto [x, gx] : llvm::zip_equal(gradientOperands(op), gxs))
    if (gx && active.contains(x))
      addMasked(x, gx, loc, present);
  return success();
}

/// The user's rule in place; results without a cotangent have one of zeros.
SmallVector<Value> Sweep::inlineRule(CustomVjpOp op, ValueRange gys) {
  Block &rule = op.getRule().front();
  IRMapping map;
  for (auto [argument, y, gy] :
       llvm::zip_equal(rule.getArguments(), op.getYs(), gys))
    map.map(argument, gy ? masked(b, op.getLoc(), gy, presence.lookup(y), 0)
                         : buildSplat(b, op.getLoc(), 0, y));
  // An output that the rule reads has the rule behind it, too.
  for (auto [output, y] : llvm::zip_equal(op.getOutputs(), op.getYs()))
    map.map(output, y);
  for (Operation &inner : rule.without_terminator())
    b.clone(inner, map);
  return llvm::map_to_vector(rule.getTerminator()->getOperands(),
                             [&](Value gx) { return map.lookupOrDefault(gx); });
}

void Sweep::add(Value x, Value gx, Location loc, Value present) {
  if (!gx || !active.contains(x))
    return;
  if (present && isBool(present, true))
    present = {};
  Value &sum = cotangents[x];
  if (sum)
    present = buildOr(b, loc, presence.lookup(x), present);
  sum = sum ? AddOp::create(b, loc, sum, gx) : gx;
  if (present)
    presence[x] = present;
  else
    presence.erase(x);
}

void Sweep::addMasked(Value x, Value gx, Location loc, Value present) {
  add(x, masked(b, loc, gx, present), loc, present);
}

CotangentSum Sweep::sumOf(Value x) const {
  return {cotangents.lookup(x), presence.lookup(x)};
}

CotangentSum Sweep::take(Value x) {
  CotangentSum sum = sumOf(x);
  cotangents.erase(x);
  presence.erase(x);
  return sum;
}

void Sweep::replace(Operation *old, Operation *now) {
  if (replaced)
    replaced(old, now);
  for (auto [x, y] : llvm::zip(old->getResults(), now->getResults())) {
    if (active.erase(x))
      active.insert(y);
    if (CotangentSum sum = take(x); sum.value) {
      cotangents[y] = sum.value;
      if (sum.present)
        presence[y] = sum.present;
    }
    x.replaceAllUsesWith(y);
  }
  for (auto *values : {&cotangents, &presence})
    for (auto &entry : *values)
      if (entry.second.getDefiningOp() == old)
        entry.second = now->getResult(
            llvm::cast<OpResult>(entry.second).getResultNumber());
  old->erase();
}
