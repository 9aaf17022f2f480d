//===- Sweep.cpp - reverse mode over the ops of a block -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Sweep.h"

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

LogicalResult Sweep::visit(Operation *op) {
  SmallVector<Value> gys = llvm::map_to_vector(
      op->getResults(), [&](Value y) { return cotangents.lookup(y); });
  if (llvm::none_of(gys, [](Value gy) { return bool(gy); }))
    return success();
  if (auto loop = llvm::dyn_cast<LoopOp>(op))
    return visitLoop(*this, loop);
  if (auto cond = llvm::dyn_cast<CondOp>(op))
    return visitCond(*this, cond);
  SmallVector<Value> gxs;
  if (auto custom = llvm::dyn_cast<CustomVjpOp>(op)) {
    gxs = inlineRule(custom, gys);
  } else {
    auto rule = llvm::cast<DifferentiableOpInterface>(op);
    if (rule.getInfo().gradient == Gradient::none)
      return emitError(op->getLoc())
             << rule.getInfo().name
             << ": has no gradient, and what is differentiated depends on it";
    gxs = rule.buildVjp(b, gys);
  }
  for (auto [x, gx] : llvm::zip_equal(gradientOperands(op), gxs))
    add(x, gx, op->getLoc());
  return success();
}

/// The user's rule in place; results without a cotangent have one of zeros.
SmallVector<Value> Sweep::inlineRule(CustomVjpOp op, ValueRange gys) {
  Block &rule = op.getRule().front();
  IRMapping map;
  for (auto [argument, y, gy] :
       llvm::zip_equal(rule.getArguments(), op.getYs(), gys))
    map.map(argument, gy ? gy : buildSplat(b, op.getLoc(), 0, y));
  // An output that the rule reads has the rule behind it, too.
  for (auto [output, y] : llvm::zip_equal(op.getOutputs(), op.getYs()))
    map.map(output, y);
  for (Operation &inner : rule.without_terminator())
    b.clone(inner, map);
  return llvm::map_to_vector(rule.getTerminator()->getOperands(),
                             [&](Value gx) { return map.lookupOrDefault(gx); });
}

void Sweep::add(Value x, Value gx, Location loc) {
  if (!gx || !active.contains(x))
    return;
  Value &sum = cotangents[x];
  sum = sum ? AddOp::create(b, loc, sum, gx) : gx;
}

Value Sweep::take(Value x) {
  Value sum = cotangents.lookup(x);
  cotangents.erase(x);
  return sum;
}

void Sweep::replace(Operation *old, Operation *now) {
  if (replaced)
    replaced(old, now);
  for (auto [x, y] : llvm::zip(old->getResults(), now->getResults())) {
    if (active.erase(x))
      active.insert(y);
    if (Value sum = take(x))
      cotangents[y] = sum;
    x.replaceAllUsesWith(y);
  }
  for (auto &entry : cotangents)
    if (entry.second.getDefiningOp() == old)
      entry.second =
          now->getResult(llvm::cast<OpResult>(entry.second).getResultNumber());
  old->erase();
}
