//===- Absorb.cpp - transposes that become part of kernels ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A marked op says in the order of its own axes what its kernel does on arrays
// with channels last. Folding may have taken its transposes apart: here they
// are put together again.
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Images.h"
#include "compiler/Transforms/Outline.h"

using namespace mlir;
using namespace etch;

static bool hasOrder(Operation *op, ArrayRef<int64_t> permutation) {
  auto transpose = llvm::dyn_cast_or_null<TransposeOp>(op);
  return transpose && transpose.getPermutation() == permutation;
}

namespace {
class Absorber {
public:
  explicit Absorber(func::FuncOp program)
      : program(program), b(program.getContext()) {}

  void operand(OpOperand &use);
  void result(Operation *op);

private:
  bool isDense(Value x) {
    if (auto argument = llvm::dyn_cast<BlockArgument>(x))
      return !program.getArgAttr(argument.getArgNumber(), kStridedAttr);
    return !isCloned(x.getDefiningOp());
  }

  func::FuncOp program;
  OpBuilder b;
  llvm::DenseMap<Value, Value> copies; ///< with channels last, of values
};
} // namespace

/// Becomes the transpose of a dense array with channels last.
void Absorber::operand(OpOperand &use) {
  Value x = use.get();
  if (hasOrder(x.getDefiningOp(), channelsFirst) &&
      isDense(x.getDefiningOp()->getOperand(0)))
    return;
  Value &copy = copies[x];
  if (!copy) {
    b.setInsertionPointAfterValue(x);
    Value moved = hasOrder(x.getDefiningOp(), channelsFirst)
                      ? x.getDefiningOp()->getOperand(0)
                      : reordered(b, x.getLoc(), x, channelsLast);
    copy = moved;
    // A reshape is of what lies in memory anyway.
    if (!moved.getDefiningOp<ReshapeOp>())
      copy = StopGradientOp::create(b, x.getLoc(), moved.getType(), moved);
  }
  b.setInsertionPoint(use.getOwner());
  use.set(TransposeOp::create(b, use.getOwner()->getLoc(), x.getType(), copy,
                              channelsFirst));
}

/// One transpose reads it, others read that.
void Absorber::result(Operation *op) {
  b.setInsertionPointAfter(op);
  Value y = op->getResult(0);
  auto type = permuted(llvm::cast<RankedTensorType>(y.getType()), channelsLast);
  auto made = TransposeOp::create(b, op->getLoc(), type, y, channelsLast);
  made->setDiscardableAttrs(op->getDiscardableAttrDictionary());
  Value back;
  for (OpOperand &use : llvm::make_early_inc_range(y.getUses())) {
    Operation *user = use.getOwner();
    if (user == made)
      continue;
    if (hasOrder(user, channelsLast)) {
      user->getResult(0).replaceAllUsesWith(made);
      user->erase();
      continue;
    }
    if (!back)
      back = reordered(b, op->getLoc(), made, channelsFirst);
    use.set(back);
  }
}

void etch::absorbTransposes(func::FuncOp program) {
  SmallVector<Operation *> marked;
  for (Operation &op : program.getBody().front())
    if (op.hasAttr(kChannelsLastAttr) && !llvm::isa<TransposeOp>(op))
      marked.push_back(&op);
  if (marked.empty())
    return;
  Absorber absorber(program);
  for (Operation *op : marked) {
    for (OpOperand &use : op->getOpOperands())
      if (llvm::isa<RankedTensorType>(use.get().getType()))
        absorber.operand(use);
    absorber.result(op);
  }
  // Fusion knows extents of arguments only.
  ExtentResolver resolver;
  OpBuilder b(program.getContext());
  for (auto dim :
       llvm::to_vector(program.getBody().front().getOps<tensor::DimOp>())) {
    b.setInsertionPoint(dim);
    resolver.replace(b, dim);
  }
}
