//===- Spread.cpp - values of rows, once for each row ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A sum over all images and places of a channel runs over the places of one
// image and channel first: its rows are (N * C). A mean of each channel, spread
// over (N, C, H, W), cannot be seen over such rows, for they go through the
// channels again and again. As numbers for (N, C) it can, and these are few.
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Spread.h"

#include "compiler/Transforms/Outline.h"

#include "dialects/Etch/EtchDialect.h"

#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace etch;

/// Elements of a row for one number that is written out.
static constexpr int64_t minRow = 32;
/// Ops in front of a reduction that are looked at.
static constexpr size_t maxOps = 64;

/// The same value, spread from one number for each row; null if that is not
/// what it is.
static Value spreadFromRows(BroadcastToOp op, const Space &space,
                            SpaceMap &spaces) {
  RankedTensorType to = op.getType(), from = op.getX().getType();
  int64_t lead = to.getRank() - from.getRank(), last = -1, row = 1;
  for (int64_t axis = lead; axis < to.getRank(); ++axis)
    if (from.getDimSize(unsigned(axis - lead)) != 1)
      last = axis;
  SmallVector<int64_t> shape(to.getShape());
  unsigned numExtents = 0;
  for (int64_t axis = 0; axis < to.getRank(); ++axis) {
    int64_t &extent = shape[size_t(axis)];
    if (axis <= last) {
      numExtents += ShapedType::isDynamic(extent);
      continue;
    }
    if (ShapedType::isDynamic(extent))
      return {};
    row *= extent;
    extent = 1;
  }
  if (last < 0 || row < minRow)
    return {};
  OpBuilder b(op);
  Location loc = op.getLoc();
  auto type = RankedTensorType::get(shape, to.getElementType());
  auto rows = BroadcastToOp::create(
      b, loc, type, op.getX(), op.getExtents().take_front(numExtents), shape);
  auto copy = StopGradientOp::create(b, loc, type, rows.getY());
  auto spread = BroadcastToOp::create(b, loc, to, copy.getY(), op.getExtents(),
                                      to.getShape());
  if (llvm::all_of(op->getUsers(), [](Operation *user) {
        return user->hasAttr(kBackwardAttr);
      }))
    copy->setAttr(kBackwardAttr, b.getUnitAttr());
  if (spaces.canExpress(spread.getY(), space))
    return spread.getY();
  spread.erase();
  copy.erase();
  rows.erase();
  return {};
}

void etch::spreadOverRows(func::FuncOp program, SpaceMap &spaces) {
  SmallVector<Operation *> reductions;
  for (Operation &op : program.getBody().front())
    if (llvm::isa<SumOp, MaxOp, MinOp>(op))
      reductions.push_back(&op);
  for (Operation *reduction : reductions) {
    Value x = reduction->getOperand(0);
    Space space = spaces.spaceOf(x);
    while (auto reshape = x.getDefiningOp<ReshapeOp>())
      x = reshape.getX();
    if (!x.getDefiningOp() ||
        !llvm::isa<PointwiseOpInterface>(x.getDefiningOp()))
      continue;
    bool isBackward = reduction->hasAttr(kBackwardAttr);
    llvm::SetVector<Operation *> feeding;
    llvm::SetVector<BroadcastToOp> spread;
    feeding.insert(x.getDefiningOp());
    for (size_t i = 0; i < feeding.size() && i < maxOps; ++i)
      for (Value operand : feeding[i]->getOperands()) {
        Operation *op = operand.getDefiningOp();
        if (!op || !llvm::isa<RankedTensorType>(operand.getType()))
          continue;
        if (llvm::isa<PointwiseOpInterface>(op) &&
            op->hasAttr(kBackwardAttr) == isBackward)
          feeding.insert(op);
        else if (auto broadcast = llvm::dyn_cast<BroadcastToOp>(op);
                 broadcast && !spaces.canExpress(operand, space))
          spread.insert(broadcast);
      }
    for (BroadcastToOp broadcast : spread)
      if (Value y = spreadFromRows(broadcast, space, spaces))
        broadcast.getY().replaceAllUsesWith(y);
  }
}
