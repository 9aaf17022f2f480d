//===- SmallAhead.cpp - Small values before products that want them -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What follows a product or convolution can be computed with it only if all
// else that it reads is there before. A network in use normalises with a number
// for each channel, which follows from states alone: where that stands behind
// the convolution, it moves in front.
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Clusters.h"

#include "compiler/Transforms/Outline.h"

using namespace mlir;
using namespace etch;

/// Elements of a value that is small; ops from a product to what reads it.
static constexpr int64_t kSmall = 1 << 14, kLongest = 16;

static bool isSmall(Value x) {
  auto type = llvm::dyn_cast<RankedTensorType>(x.getType());
  return !type || (type.hasStaticShape() && type.getNumElements() <= kSmall);
}

/// The product that a large value is made of by pointwise ops alone, if they
/// stand in this block.
static Operation *productBehind(Value x, int64_t longest) {
  Operation *op = x.getDefiningOp();
  if (!op || longest == 0 || op->getNumResults() != 1)
    return nullptr;
  if (llvm::isa<Conv2dOp, MatmulOp>(op))
    return op;
  if (!llvm::isa<PointwiseOpInterface, ReshapeOp>(op) || isSmall(x))
    return nullptr;
  for (Value operand : op->getOperands())
    if (Operation *product = productBehind(operand, longest - 1))
      return product;
  return nullptr;
}

/// Collects what must move in front of `point` for x to be there; false: it
/// cannot.
static bool collect(Value x, Operation *point,
                    llvm::SmallSetVector<Operation *, 8> &moved) {
  Operation *op = x.getDefiningOp();
  if (!op || op->isBeforeInBlock(point) || moved.contains(op))
    return true;
  if (op->getBlock() != point->getBlock() || op == point ||
      !llvm::isa<PointwiseOpInterface, ReshapeOp, BroadcastToOp>(op) ||
      op->getNumRegions() || op->hasAttr(kBackwardAttr) ||
      !llvm::all_of(op->getResults(), isSmall) || !isSmall(x))
    return false;
  for (Value operand : op->getOperands())
    if (!collect(operand, point, moved))
      return false;
  moved.insert(op);
  return true;
}

void etch::moveSmallAhead(func::FuncOp main) {
  SmallVector<BroadcastToOp> broadcasts;
  for (auto op : main.getBody().front().getOps<BroadcastToOp>())
    if (isSmall(op.getX()) && !isSmall(op.getResult()))
      broadcasts.push_back(op);
  for (BroadcastToOp op : broadcasts) {
    if (!op->hasOneUse())
      continue;
    Operation *user = *op->user_begin(), *product = nullptr;
    if (user->getBlock() != op->getBlock() ||
        !llvm::isa<PointwiseOpInterface>(user) || user->hasAttr(kBackwardAttr))
      continue;
    for (Value x : user->getOperands())
      if (!product && x != op.getResult())
        product = productBehind(x, kLongest);
    llvm::SmallSetVector<Operation *, 8> moved;
    if (product && collect(op.getX(), product, moved))
      for (Operation *small : moved)
        small->moveBefore(product);
  }
}
