//===- Hoist.cpp - out of loops what need not be repeated -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Inner loops first. Of a body leave:
// - ops on captures alone, to the front of the loop; not those that may fail,
// for
//   there may be no iteration, and not what is cheaper to compute than to read;
// - products of a slice of an input with such a value: one product of all
// slices
//   in front of the loop, along the rows of the first operand;
// - products with such a value that are nothing but outputs: one product behind
//   the loop.
// Rows of a product do not depend on each other, so every bit stays.
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Passes.h"
#include "compiler/Transforms/Rows.h"
#include "compiler/Transforms/Simplifier.h"
#include "compiler/Transforms/SimplifyControl.h"

#include "dialects/Etch/Expr.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace etch;

namespace etch {
#define GEN_PASS_DEF_HOIST
#include "compiler/Transforms/Passes.h.inc"
} // namespace etch

namespace {
class Hoister {
public:
  explicit Hoister(LoopOp loop) : loop(loop), b(loop) {}
  /// Returns whether the loop has changed.
  bool run();

private:
  bool isInvariant(Value x);
  Value outsideOf(Value x);
  Value capture(Value x);
  bool mergeRows(MatmulOp matmul);
  bool sinkOutput(unsigned j);
  Value productOfAll(MatmulOp matmul, Value array);
  BlockArgument sliceUnder(Value x);

  LoopOp loop;
  OpBuilder b; // in front of the loop
  llvm::DenseMap<Value, bool> invariant;
  IRMapping outside;
};
} // namespace

/// A view or a number: it costs nothing where it is read.
static bool isFree(Operation *op) {
  if (auto constant = llvm::dyn_cast<ConstantOp>(op))
    return constant.getValue().isSplat();
  return llvm::isa<BroadcastToOp, TransposeOp, ReshapeOp>(op);
}

static bool isSpread(Value x) {
  Operation *op = x.getDefiningOp();
  return op && (llvm::isa<BroadcastToOp>(op) ||
                (llvm::isa<ConstantOp>(op) && isFree(op)));
}

/// Whether a value is the same in all iterations, and may be computed without
/// any.
bool Hoister::isInvariant(Value x) {
  auto argument = llvm::dyn_cast<BlockArgument>(x);
  if (argument)
    return llvm::is_contained(loop.getCaptured(), argument);
  auto [it, isNew] = invariant.try_emplace(x, false);
  if (!isNew)
    return it->second;
  Operation *op = x.getDefiningOp();
  auto rule = llvm::dyn_cast<DifferentiableOpInterface>(op);
  bool result =
      (llvm::isa<ConstantOp, tensor::DimOp, arith::ConstantOp>(op) ||
       (rule && rule.getInfo().kind != OpKind::indexed)) &&
      llvm::all_of(op->getOperands(), [&](Value y) { return isInvariant(y); });
  return invariant[x] = result;
}

Value Hoister::outsideOf(Value x) {
  if (Value known = outside.lookupOrNull(x))
    return known;
  if (llvm::isa<BlockArgument>(x)) {
    for (auto [mine, y] :
         llvm::zip_equal(loop.getCaptured(), loop.getCaptures()))
      if (mine == x)
        outside.map(x, y);
    return outside.lookup(x);
  }
  Operation *op = x.getDefiningOp();
  for (Value operand : op->getOperands())
    outsideOf(operand);
  return b.clone(*op, outside)->getResult(0);
}

Value Hoister::capture(Value x) {
  loop.getCapturesMutable().append(x);
  if (loop.hasCondition())
    loop.getCondition().addArgument(x.getType(), x.getLoc());
  return loop.getBody().addArgument(x.getType(), x.getLoc());
}

/// The slice of an input that x is, under another shape or not; null if none.
BlockArgument Hoister::sliceUnder(Value x) {
  while (auto reshape = x.getDefiningOp<ReshapeOp>())
    x = reshape.getX();
  auto argument = llvm::dyn_cast<BlockArgument>(x);
  return argument && llvm::is_contained(loop.getSlices(), argument)
             ? argument
             : BlockArgument();
}

/// Rows of a product, each computed as the others are: not so if there is but
/// one element, which is a sum in another order.
static bool hasRows(MatmulOp matmul) {
  auto x = llvm::cast<RankedTensorType>(matmul.getX().getType());
  auto y = llvm::cast<RankedTensorType>(matmul.getType());
  return x.getRank() == 2 && x.hasStaticShape() && y.hasStaticShape() &&
         y.getNumElements() > 1;
}

/// The product of all slices of an array with the second operand.
Value Hoister::productOfAll(MatmulOp matmul, Value array) {
  Location loc = matmul.getLoc();
  auto x = llvm::cast<RankedTensorType>(matmul.getX().getType());
  auto builder = makeGraphBuilder(b, loc);
  Expr all(builder.get(), array.getAsOpaquePointer());
  Expr w(builder.get(), outsideOf(matmul.getW()).getAsOpaquePointer());
  std::vector<Extent> extents = extentsOf(all);
  Extent rows = extents[0], inner, columns;
  rows.size *= x.getDimSize(0);
  inner.size = x.getDimSize(1);
  columns.size = matmul.getType().getDimSize(1);
  Expr y = etch::matmul(reshape(all, std::vector<Extent>{rows, inner}), w);
  Extent each;
  each.size = x.getDimSize(0);
  y = reshape(y, std::vector<Extent>{extents[0], each, columns});
  return Value::getFromOpaquePointer(y.handle());
}

bool Hoister::mergeRows(MatmulOp matmul) {
  BlockArgument slice = sliceUnder(matmul.getX());
  if (!slice || !isInvariant(matmul.getW()) || !hasRows(matmul))
    return false;
  Value array = loop.getXs()[size_t(llvm::find(loop.getSlices(), slice) -
                                    loop.getSlices().begin())];
  Value product = productOfAll(matmul, array);
  size_t before = loop.getXs().size();
  loop.getXsMutable().append(product);
  matmul.replaceAllUsesWith(Value(loop.getBody().insertArgument(
      unsigned(1 + loop.getInits().size() + before), matmul.getType(),
      matmul.getLoc())));
  return true;
}

/// Yields the first operand of a product instead.
bool Hoister::sinkOutput(unsigned j) {
  Value y = loop.getYs()[j];
  auto matmul = loop.getYielded()[j].getDefiningOp<MatmulOp>();
  if (!matmul || !matmul->hasOneUse() || !isInvariant(matmul.getW()) ||
      !hasRows(matmul) || y.use_empty())
    return false;
  std::optional<int64_t> room = roomOf(loop);
  if (loop.hasCondition() || loop.getLimit() || !room ||
      (loop.getBound() && !loop.getXs().empty()))
    return false;
  // A further output; the one that was is dropped for it has no use.
  outsideOf(matmul.getW());
  Operation *yield = loop.getBodyBlock().getTerminator();
  yield->insertOperands(yield->getNumOperands(), matmul.getX());
  SmallVector<Type> types(loop.getYs().getTypes());
  types.push_back(arrayType(matmul.getX().getType(), *room));
  auto now = LoopOp::create(b, loop.getLoc(), loop.getCount().getType(),
                            loop.getFinals().getTypes(), types, loop.getLimit(),
                            loop.getInits(), loop.getXs(), loop.getCaptures(),
                            loop.getReverse(), loop.getMaxIterations());
  now->setDiscardableAttrs(loop->getDiscardableAttrDictionary());
  now.getBody().takeBody(loop.getBody());
  loop->replaceAllUsesWith(now->getResults().drop_back());
  loop.erase();
  loop = now;
  b.setInsertionPointAfter(loop);
  loop.getYs()[j].replaceAllUsesWith(productOfAll(matmul, loop.getYs().back()));
  b.setInsertionPoint(loop);
  loop = llvm::cast<LoopOp>(dropUnused(loop));
  invariant.clear();
  outside.clear();
  b.setInsertionPoint(loop);
  return true;
}

bool Hoister::run() {
  SmallVector<Operation *> ops;
  for (Operation &op : loop.getBodyBlock().without_terminator())
    ops.push_back(&op);
  bool changed = false;
  for (Operation *op : ops) {
    if (op->getNumResults() != 1 || op->use_empty() ||
        !llvm::isa<DifferentiableOpInterface, ConstantOp>(op))
      continue;
    Value y = op->getResult(0);
    bool isCheap = isFree(op) || (llvm::isa<PointwiseOpInterface>(op) &&
                                  llvm::all_of(op->getOperands(), isSpread));
    if (isInvariant(y) && !isCheap) {
      Value x = capture(outsideOf(y));
      y.replaceAllUsesWith(x);
      outside.map(x, outside.lookup(y));
      changed = true;
    } else if (auto matmul = llvm::dyn_cast<MatmulOp>(op);
               matmul && !loop.hasCondition()) {
      changed |= mergeRows(matmul);
    }
  }
  if (changed) {
    loop = llvm::cast<LoopOp>(dropUnused(loop));
    invariant.clear();
    outside.clear();
    b.setInsertionPoint(loop);
  }
  for (bool again = true; again;) {
    again = false;
    for (unsigned j = 0; !again && j < loop.getYs().size(); ++j)
      again = sinkOutput(j);
    changed |= again;
  }
  return changed;
}

/// Inner loops, then the loops of this block.
static bool hoist(Block &block) {
  bool changed = false;
  for (Operation &op : llvm::make_early_inc_range(block)) {
    if (!isControl(&op))
      continue;
    for (Region &region : op.getRegions())
      if (!region.empty())
        changed |= hoist(region.front());
    if (auto loop = llvm::dyn_cast<LoopOp>(op))
      changed |= Hoister(loop).run();
  }
  return changed;
}

namespace {
struct Hoist : etch::impl::HoistBase<Hoist> {
  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    // What was one loop's product with all slices may be another's.
    if (main && hoist(main.getBody().front()))
      simplify(main);
  }
};
} // namespace
