//===- ProductUpdates.cpp - Products whose only use is an update ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The gradient in a matrix of weights is a product over the batch. Where
// nothing but the update of states of that shape uses it, it need not lie in
// memory: each tile of it updates its part of the states. Such a product is no
// part of backward any more; it moves to the update, behind all that reads the
// states.
//
// A tile waits for its sums, if they come in several blocks, in memory of its
// own, which would be as large as the gradient: one block only.
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Clusters.h"

#include "dialects/Etch/Extents.h"
#include "dialects/Etch/Stages.h"

#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace etch;

/// The depth of one block; elements that are worth it; ops of an update.
static constexpr int64_t maxDepth = 256, minElements = 1 << 14;
static constexpr size_t maxUpdateOps = 32;

static ArrayRef<int64_t> shapeOf(Value x) {
  return llvm::cast<RankedTensorType>(x.getType()).getShape();
}

namespace {
/// The ops between a product and the states that it updates.
struct Update {
  llvm::SetVector<Operation *> ops;

  /// Whether all that uses x, and what follows from that, are pointwise ops
  /// that end in new content of states.
  bool follow(Value x, func::FuncOp main) {
    for (OpOperand &use : x.getUses()) {
      Operation *user = use.getOwner();
      if (llvm::isa<func::ReturnOp>(user)) {
        if (!main.getResultAttr(use.getOperandNumber(), kUpdateAttr))
          return false;
        continue;
      }
      if (!llvm::isa<PointwiseOpInterface>(user) ||
          user->hasAttr(kBackwardAttr) || user->getNumResults() != 1 ||
          shapeOf(user->getResult(0)) != shapeOf(x) ||
          user->getBlock() != &main.getBody().front())
        return false;
      if (ops.insert(user) &&
          (ops.size() > maxUpdateOps || !follow(user->getResult(0), main)))
        return false;
    }
    return true;
  }

  /// Adds what is computed from states alone, and for these ops alone.
  void addOwn(ArrayRef<int64_t> shape) {
    for (size_t i = 0; i < ops.size(); ++i)
      for (Value x : ops[i]->getOperands()) {
        Operation *op = x.getDefiningOp();
        if (llvm::isa_and_nonnull<PointwiseOpInterface>(op) &&
            shapeOf(x) == shape && !op->hasAttr(kBackwardAttr) &&
            llvm::all_of(op->getUsers(),
                         [&](Operation *user) { return ops.contains(user); }))
          ops.insert(op);
      }
  }
};
} // namespace

ProductUpdates etch::findProductUpdates(func::FuncOp main) {
  ProductUpdates updates;
  ExtentGuess guess;
  auto products = llvm::to_vector(main.getBody().front().getOps<MatmulOp>());
  for (MatmulOp product : products) {
    auto type = llvm::cast<RankedTensorType>(product.getResult().getType());
    if (!product->hasAttr(kBackwardAttr) || type.getRank() != 2 ||
        !type.hasStaticShape() || type.getNumElements() < minElements ||
        guess.of(product->getOperand(0), 1) > maxDepth || product->use_empty())
      continue;
    Update update;
    if (!update.follow(product.getResult(), main))
      continue;
    update.addOwn(type.getShape());
    Operation *first =
        *llvm::min_element(update.ops, [](Operation *a, Operation *b) {
          return a->isBeforeInBlock(b);
        });
    if (!product->isBeforeInBlock(first))
      continue;
    // Transposes of its operands stay where they are: they take nothing.
    product->moveBefore(first);
    product->removeAttr(kBackwardAttr);
    product->setAttr(kUpdatesAttr, UnitAttr::get(main.getContext()));
    updates[product] = product;
    for (Operation *op : update.ops)
      updates[op] = product;
  }
  return updates;
}
