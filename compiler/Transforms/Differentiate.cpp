//===- Differentiate.cpp - gradients become ops like others ---------------===//
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
// looked at next, for they may be differentiated again. Nothing is simplified
// before all gradients are there: a sum over equal ops and a sum over one op
// differ in the last bits, and so eager mode's graph is the one to sum over.
// What a gradient of a gradient makes and a gradient has made before is one op,
// though, as in eager mode's MergeGradients (frontend/engine/Merging.h):
// without that the eighth derivative would take twice the ops, the twentieth a
// thousand times.
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Passes.h"
#include "compiler/Transforms/Presence.h"
#include "compiler/Transforms/Simplifier.h"
#include "compiler/Transforms/Sweep.h"

#include "dialects/Etch/Extents.h"

using namespace mlir;
using namespace etch;

namespace etch {
#define GEN_PASS_DEF_DIFFERENTIATE
#include "compiler/Transforms/Passes.h.inc"
} // namespace etch

namespace {
/// The expansion of one etch.gradient.
class Expansion {
public:
  Expansion(GradientOp gradient, const Merger &order)
      : gradient(gradient), order(order), b(gradient), sweep(b) {}

  LogicalResult run() {
    findActive();
    SmallVector<Operation *> path = findPath();
    if (sweep.active.contains(gradient.getY()))
      sweep.cotangents[gradient.getY()] = gradient.getGy();
    bool ok = true;
    for (Operation *op : path)
      ok &= succeeded(sweep.visit(op));
    if (!ok)
      return failure();
    for (auto [x, gx] : llvm::zip_equal(gradient.getXs(), gradient.getGxs())) {
      Value result = resultFor(x);
      results.insert(result.getDefiningOp());
      gx.replaceAllUsesWith(result);
    }
    return success();
  }

private:
  void findActive();
  SmallVector<Operation *> findPath();
  Value resultFor(Value x);

  GradientOp gradient;
  const Merger &order;
  OpBuilder b;

public:
  Sweep sweep;
  llvm::SmallPtrSet<Operation *, 4> results; ///< what gives the gradients
};
} // namespace

void Expansion::findActive() {
  SmallVector<Value> work;
  auto activate = [&](Value x) {
    if (isFloating(x) && sweep.active.insert(x).second)
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
SmallVector<Operation *> Expansion::findPath() {
  llvm::DenseSet<Operation *> found;
  SmallVector<std::pair<int64_t, Operation *>> path;
  SmallVector<Value> work = {gradient.getY()};
  while (!work.empty()) {
    Value y = work.pop_back_val();
    Operation *op = y.getDefiningOp();
    if (!sweep.active.contains(y) || !op || !mayHaveGradient(op))
      continue;
    auto operands = gradientOperands(op);
    if (llvm::none_of(operands,
                      [&](Value x) { return sweep.active.contains(x); }) ||
        !found.insert(op).second)
      continue;
    path.push_back({order.positionOf(op), op});
    llvm::append_range(work, operands);
  }
  llvm::sort(path, std::greater<>());
  return llvm::map_to_vector(path, [](auto pair) { return pair.second; });
}

Value Expansion::resultFor(Value x) {
  auto [gx, present] = sweep.sumOf(x);
  Location loc = gradient.getLoc();
  if (!gx)
    return buildSplat(b, loc, 0, x);
  gx = masked(b, loc, gx, present, 0);
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
/// Expands the gradients of a block, those in its ops' regions first.
class Differentiator {
public:
  explicit Differentiator(Block &body)
      : body(body), context(body.getParentOp()->getContext()) {}
  LogicalResult run();

private:
  /// Gives the op to look at next.
  Operation *merge(Operation *op);
  Operation *expand(GradientOp gradient);

  Block &body;
  MLIRContext *context;
  Merger merger;
  ExtentResolver extents;
  /// How many gradients an op is made of.
  llvm::DenseMap<Operation *, int64_t> orders;
  bool ok = true;
};
} // namespace

/// On what gradients of gradients have made, until the pass ends.
static constexpr llvm::StringLiteral kOrderAttr = "etch.order";

Operation *Differentiator::merge(Operation *op) {
  bool isBackward = op->hasAttr(kBackwardAttr);
  auto own = op->getAttrOfType<IntegerAttr>(kOrderAttr);
  int64_t order = own ? own.getInt() : isBackward;
  if (auto dim = llvm::dyn_cast<tensor::DimOp>(op)) {
    OpBuilder b(context);
    Operation *before = op->getPrevNode();
    if (extents.replace(b, dim))
      return before ? before->getNextNode() : &body.front();
  }
  // Numbers, as many as they are, and extents have no gradient: equal ones are
  // one anyway.
  auto spread = llvm::dyn_cast<BroadcastToOp>(op);
  bool isNumber = op->hasTrait<OpTrait::ConstantLike>() ||
                  llvm::isa<tensor::DimOp>(op) ||
                  (spread && spread.getX().getDefiningOp<ConstantOp>());
  if (isBackward || isNumber)
    if (Operation *equal = merger.find(op); equal && (order > 1 || isNumber)) {
      Operation *next = op->getNextNode();
      op->replaceAllUsesWith(equal);
      op->erase();
      return next;
    }
  // In eager mode what has no gradient leaves no graph.
  if (mayHaveGradient(op) && llvm::any_of(op->getResults(), isFloating))
    for (Value x : op->getOperands())
      order = std::max(order, orders.lookup(x.getDefiningOp()));
  else
    order = 0;
  orders[op] = order;
  return merger.pass(op);
}

/// Whether another gradient is still to be expanded, perhaps of this one.
static bool isFollowed(GradientOp gradient) {
  auto program = gradient->getParentOfType<func::FuncOp>();
  return program
      .walk([&](GradientOp other) {
        return other == gradient ? WalkResult::advance()
                                 : WalkResult::interrupt();
      })
      .wasInterrupted();
}

/// Gives the op to look at next.
Operation *Differentiator::expand(GradientOp gradient) {
  Operation *op = gradient;
  int64_t order = 1 + orders.lookup(gradient.getY().getDefiningOp());
  Operation *before = op->getPrevNode();
  Expansion expansion(gradient, merger);
  expansion.sweep.again = isFollowed(gradient);
  expansion.sweep.replaced = [&](Operation *old, Operation *now) {
    merger.replace(old, now);
    before = before == old ? now : before;
  };
  if (expansion.run().failed()) {
    ok = false;
    return op->getNextNode();
  }
  // Rules give what nobody asked for, too. A later gradient must not meet it:
  // in eager mode it was never there.
  for (Operation *part = op->getPrevNode(); part != before;) {
    Operation *previous = part->getPrevNode();
    if (isOpTriviallyDead(part) && !expansion.results.contains(part))
      part->erase();
    part = previous;
  }
  Operation *first = before ? before->getNextNode() : &body.front();
  for (Operation *part = first; part != op; part = part->getNextNode()) {
    part->setAttr(kBackwardAttr, UnitAttr::get(context));
    if (order > 1)
      part->setAttr(kOrderAttr, OpBuilder(context).getI64IntegerAttr(order));
    if (op->hasAttr(kNoGradAttr))
      part->setAttr(kNoGradAttr, UnitAttr::get(context));
  }
  Operation *next = first == op ? op->getNextNode() : first;
  op->erase();
  return next;
}

LogicalResult Differentiator::run() {
  for (Operation *op = &body.front(); op;) {
    if (auto gradient = llvm::dyn_cast<GradientOp>(op)) {
      op = expand(gradient);
      continue;
    }
    if (isControl(op))
      for (Region &region : op->getRegions())
        if (!region.empty())
          ok &= succeeded(Differentiator(region.front()).run());
    op = merge(op);
  }
  for (Operation &op : body)
    op.removeAttr(kOrderAttr);
  if (ok)
    Simplifier::eraseDead(body);
  return success(ok);
}

namespace {
struct Differentiate : etch::impl::DifferentiateBase<Differentiate> {
  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (main && failed(Differentiator(main.getBody().front()).run()))
      signalPassFailure();
  }
};
} // namespace
