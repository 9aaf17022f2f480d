//===- RecomputeLate.cpp - cheap values where they are read ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A mean is taken of x - m, and x - m is read again when the mean is there: by
// another kernel, for which it would have to be written to memory. If that
// kernel reads x instead it costs nothing but the subtraction. And what is read
// behind a reduction only is computed there.
//
// Visited from the last op to the first, so that what an op's readers became is
// known: `behind` is the latest op that is not pointwise in front of a value,
// and that in front of its reader for what was moved.
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/RecomputeLate.h"

#include "compiler/Transforms/Outline.h"
#include "compiler/Transforms/Price.h"

#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace etch;

/// Arrays of fewer elements are in a near cache whoever reads them.
static constexpr int64_t minElements = 4096;

namespace {
class LateValues {
public:
  explicit LateValues(Block &block);
  void visit(Operation *op);

private:
  int64_t behindOf(Value x) {
    Operation *op = x.getDefiningOp();
    return op ? behind.lookup(op) : -1;
  }
  bool isApart(Operation *user, Operation *op);
  bool isFew(Operation *op) {
    return isSpread(op, guess) || (isCloned(op) && op->getNumOperands() == 0);
  }

  ExtentGuess guess;

  llvm::DenseMap<Operation *, int64_t> position, behind;
  /// Instructions that a copy stands for, with those of its readers.
  llvm::DenseMap<Operation *, int64_t> again;
};
} // namespace

LateValues::LateValues(Block &block) {
  int64_t next = 0;
  for (Operation &op : block) {
    int64_t here = next++;
    position[&op] = here;
    bool isPassing = llvm::isa<PointwiseOpInterface, ReshapeOp>(op) ||
                     isCloned(&op) || !llvm::isa<DifferentiableOpInterface>(op);
    int64_t latest = isPassing && op.getNumRegions() == 0 ? -1 : here;
    if (latest < 0)
      for (Value x : op.getOperands())
        latest = std::max(latest, behindOf(x));
    behind[&op] = latest;
  }
}

/// Whether a reader of op needs something that is not there when op's kernel
/// runs.
bool LateValues::isApart(Operation *user, Operation *op) {
  return behind.lookup(user) > position.lookup(op);
}

/// Whether reading what `from` makes costs no more than reading what `op`
/// makes of it: a product is not written if op alone reads it.
static bool isThere(Operation *from, Operation *op) {
  return llvm::isa<PointwiseOpInterface>(from) ||
         llvm::any_of(from->getResult(0).getUsers(),
                      [&](Operation *user) { return user != op; });
}

void LateValues::visit(Operation *op) {
  auto pointwise = llvm::dyn_cast<PointwiseOpInterface>(op);
  if (!pointwise || op->use_empty())
    return;
  auto type = llvm::cast<RankedTensorType>(op->getResult(0).getType());
  int64_t elements = 1;
  for (int64_t extent : type.getShape())
    elements *= ShapedType::isDynamic(extent) ? minElements : extent;
  if (elements < minElements)
    return;

  // Who reads it: with its own kernel, or later. Nobody may want it in memory.
  llvm::SetVector<Operation *> late;
  bool isShared = false;
  for (Operation *user : op->getResult(0).getUsers()) {
    if (user->hasAttr(kBackwardAttr) != op->hasAttr(kBackwardAttr))
      return;
    if (llvm::isa<SumOp, MaxOp, MinOp>(user))
      isShared = true;
    else if (!llvm::isa<PointwiseOpInterface>(user))
      return;
    else if (isApart(user, op))
      late.insert(user);
    else
      isShared = true;
  }
  if (late.empty())
    return;

  // What it is computed from.
  llvm::SetVector<Value> arrays;
  for (Value x : op->getOperands())
    if (llvm::isa<RankedTensorType>(x.getType()) && !isFew(x.getDefiningOp()))
      arrays.insert(x);
  bool areArguments = true;
  for (Value x : arrays) {
    Operation *from = x.getDefiningOp();
    areArguments &= !from;
    if (from &&
        (isCloned(from) || llvm::isa<ReshapeOp>(from) || !isThere(from, op)))
      return;
  }
  // Each late reader reads those instead of one array, which is not written.
  bool isOnce = late.size() == 1 && !isShared;
  if (arrays.size() > 1 &&
      !(arrays.size() == 2 && late.size() == 1 && areArguments))
    return;
  int64_t price = scalarPrice(pointwise);
  for (Operation *user : late)
    if (!isOnce && price + again.lookup(user) > maxPriceAgain + 2)
      return;

  for (Operation *user : late) {
    OpBuilder b(user);
    Operation *copy = b.clone(*op);
    behind[copy] = behind.lookup(user);
    position[copy] = position.lookup(user);
    again[copy] = again.lookup(user) + (isOnce ? 0 : price);
    user->replaceUsesOfWith(op->getResult(0), copy->getResult(0));
  }
  if (op->use_empty())
    op->erase();
}

void etch::recomputeLate(func::FuncOp program) {
  Block &block = program.getBody().front();
  LateValues values(block);
  SmallVector<Operation *> ops;
  for (Operation &op : block)
    ops.push_back(&op);
  for (Operation *op : llvm::reverse(ops))
    values.visit(op);
}
