//===- Differentiate.cpp - gradients become ops like others
//----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The ops of the program are looked at in order. For each etch.gradient:
//
// 1. Forward from xs over the ops before it: the values that depend on one.
// 2. Backward from y over these: the ops to visit, none in vain.
// 3. In reverse order each op's rule turns the cotangent of its result into
//    those of its operands. What reaches a value adds up left to right.
//
// The new ops stand in front of the etch.gradient, which they replace, and are
// looked at next: simplified, merged with equal ones, differentiated if they
// are a gradient from a user's rule. So gradients of gradients stay small. The
// user's own ops are left alone until all gradients are there: a sum over equal
// ops and a sum over one op differ in the last bits.
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Passes.h"
#include "compiler/Transforms/Simplifier.h"

#include "dialects/Etch/EtchDialect.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace etch;

namespace etch {
#define GEN_PASS_DEF_DIFFERENTIATE
#include "compiler/Transforms/Passes.h.inc"
} // namespace etch

static bool isFloating(Value x) {
  return llvm::isa<FloatType>(getElementTypeOrSelf(x.getType()));
}

/// The operands through which a gradient may flow.
static OperandRange gradientOperands(Operation *op) {
  if (auto custom = llvm::dyn_cast<CustomVjpOp>(op))
    return custom.getInputs();
  if (auto rule = llvm::dyn_cast<DifferentiableOpInterface>(op))
    return op->getOperands().take_front(size_t(rule.getInfo().numOperands));
  return op->getOperands().take_front(0);
}

static bool mayHaveGradient(Operation *op) {
  if (op->hasAttr(kNoGradAttr))
    return false;
  if (auto rule = llvm::dyn_cast<DifferentiableOpInterface>(op))
    return rule.getInfo().gradient != Gradient::inactive;
  return llvm::isa<CustomVjpOp>(op);
}

namespace {
/// The expansion of one etch.gradient.
class Sweep {
public:
  Sweep(GradientOp gradient, const Simplifier &order)
      : gradient(gradient), order(order), b(gradient) {}

  LogicalResult run() {
    findActive();
    SmallVector<Operation *> path = findPath();
    if (active.contains(gradient.getY()))
      cotangents[gradient.getY()] = gradient.getGy();
    bool ok = true;
    for (Operation *op : path)
      ok &= succeeded(visit(op));
    if (!ok)
      return failure();
    for (auto [x, gx] : llvm::zip_equal(gradient.getXs(), gradient.getGxs()))
      gx.replaceAllUsesWith(resultFor(x));
    return success();
  }

private:
  void findActive();
  SmallVector<Operation *> findPath();
  LogicalResult visit(Operation *op);
  SmallVector<Value> inlineRule(CustomVjpOp op, ValueRange gys);
  void add(Value x, Value gx, Location loc);
  Value resultFor(Value x);
  Value zerosLike(Value x, Location loc) { return buildSplat(b, loc, 0, x); }

  GradientOp gradient;
  const Simplifier &order;
  OpBuilder b;
  llvm::DenseSet<Value> active; // depend on one of xs
  llvm::DenseMap<Value, Value> cotangents;
};
} // namespace

void Sweep::findActive() {
  SmallVector<Value> work;
  auto activate = [&](Value x) {
    if (isFloating(x) && active.insert(x).second)
      work.push_back(x);
  };
  for (Value x : gradient.getXs())
    activate(x);
  while (!work.empty())
    for (OpOperand &use : work.pop_back_val().getUses()) {
      Operation *user = use.getOwner();
      auto operands = mayHaveGradient(user) ? gradientOperands(user)
                                            : user->getOperands().take_front(0);
      // Ops after the gradient have no position yet.
      if (use.getOperandNumber() < operands.size() &&
          order.positionOf(user) >= 0)
        for (Value y : user->getResults())
          activate(y);
    }
}

/// The ops from xs to y, last to first.
SmallVector<Operation *> Sweep::findPath() {
  llvm::DenseSet<Operation *> found;
  SmallVector<std::pair<int64_t, Operation *>> path;
  SmallVector<Value> work = {gradient.getY()};
  while (!work.empty()) {
    Value y = work.pop_back_val();
    Operation *op = y.getDefiningOp();
    if (!active.contains(y) || !op || !mayHaveGradient(op))
      continue;
    auto operands = gradientOperands(op);
    if (llvm::none_of(operands, [&](Value x) { return active.contains(x); }) ||
        !found.insert(op).second)
      continue;
    path.push_back({order.positionOf(op), op});
    llvm::append_range(work, operands);
  }
  llvm::sort(path, std::greater<>());
  return llvm::map_to_vector(path, [](auto pair) { return pair.second; });
}

LogicalResult Sweep::visit(Operation *op) {
  SmallVector<Value> gys = llvm::map_to_vector(
      op->getResults(), [&](Value y) { return cotangents.lookup(y); });
  if (llvm::none_of(gys, [](Value gy) { return bool(gy); }))
    return success();
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
    if (gx && active.contains(x))
      add(x, gx, op->getLoc());
  return success();
}

/// The user's rule in place; results without a cotangent have one of zeros.
SmallVector<Value> Sweep::inlineRule(CustomVjpOp op, ValueRange gys) {
  Block &rule = op.getRule().front();
  IRMapping map;
  for (auto [argument, y, gy] :
       llvm::zip_equal(rule.getArguments(), op.getYs(), gys))
    map.map(argument, gy ? gy : zerosLike(y, op.getLoc()));
  // An output that the rule reads has the rule behind it, too.
  for (auto [output, y] : llvm::zip_equal(op.getOutputs(), op.getYs()))
    map.map(output, y);
  for (Operation &inner : rule.without_terminator())
    b.clone(inner, map);
  return llvm::map_to_vector(rule.getTerminator()->getOperands(),
                             [&](Value gx) { return map.lookupOrDefault(gx); });
}

void Sweep::add(Value x, Value gx, Location loc) {
  Value &sum = cotangents[x];
  sum = sum ? AddOp::create(b, loc, sum, gx) : gx;
}

Value Sweep::resultFor(Value x) {
  Value gx = cotangents.lookup(x);
  Location loc = gradient.getLoc();
  if (!gx)
    return zerosLike(x, loc);
  auto type = llvm::cast<RankedTensorType>(x.getType());
  if (gx.getType() == type)
    return gx;
  // The same extents, but not all of them known to both types.
  SmallVector<Value> extents;
  for (int64_t i = 0; i < type.getRank(); ++i)
    if (type.isDynamicDim(unsigned(i)))
      extents.push_back(tensor::DimOp::create(b, loc, x, i));
  return ReshapeOp::create(b, loc, type, gx, extents, type.getShape());
}

namespace {
struct Differentiate : etch::impl::DifferentiateBase<Differentiate> {
  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!main)
      return;
    Block &body = main.getBody().front();
    Simplifier simplifier(&getContext());
    bool failed = false;
    for (Operation *op = &body.front(); op;) {
      auto gradient = llvm::dyn_cast<GradientOp>(op);
      if (!gradient) {
        op = op->hasAttr(kBackwardAttr) ? simplifier.visit(op)
                                        : simplifier.pass(op);
        continue;
      }
      Operation *before = op->getPrevNode();
      if (Sweep(gradient, simplifier).run().failed()) {
        failed = true;
        op = op->getNextNode();
        continue;
      }
      Operation *first = before ? before->getNextNode() : &body.front();
      for (Operation *part = first; part != op; part = part->getNextNode()) {
        part->setAttr(kBackwardAttr, UnitAttr::get(&getContext()));
        if (op->hasAttr(kNoGradAttr))
          part->setAttr(kNoGradAttr, UnitAttr::get(&getContext()));
      }
      Operation *next = first == op ? op->getNextNode() : first;
      op->erase();
      op = next;
    }
    if (failed)
      return signalPassFailure();
    Simplifier::eraseDead(body);
  }
};
} // namespace
