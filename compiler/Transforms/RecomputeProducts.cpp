//===- RecomputeProducts.cpp - small products twice -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An attention's exponentials are functions of queries and keys, which backward
// reads, too, and which are no larger than they are; for long sequences they
// are much smaller. Such an array is not kept from the forward to the backward
// part: product and function run again in front of backward's first reader.
//
// Weights are no part of it: beside a layer's three products a fourth one would
// count.
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/RecomputeProducts.h"

#include "compiler/Transforms/Outline.h"
#include "compiler/Transforms/Price.h"

#include "mlir/IR/IRMapping.h"

#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace etch;

/// Instructions for a vector of such an array, multiply-adds included.
static constexpr int64_t maxPrice = 2 * maxPriceFar;

/// What is so much smaller than the array is kept for it.
static constexpr int64_t fewShare = 32;

static bool isView(Operation *op) {
  return op && (isCloned(op) || llvm::isa<ReshapeOp>(op));
}

/// Whether backward reads x or a view of it.
static bool isRead(Value x) {
  return llvm::any_of(x.getUsers(), [](Operation *user) {
    return user->hasAttr(kBackwardAttr) ||
           (isView(user) && isRead(user->getResult(0)));
  });
}

namespace {
/// The ops that make one array from what backward reads in any case.
class Making {
public:
  Making(Operation *op, ExtentGuess &guess)
      : op(op), guess(guess), bytes(guess.bytesOf(op->getResult(0))) {}

  /// Whether there is a product among them, and they take little.
  bool find() { return add(op) && product; }
  void computeAgain();

private:
  bool add(Operation *part);
  bool addProduct(MatmulOp matmul);
  bool isThere(Value x) {
    Operation *from = x.getDefiningOp();
    return !from || guess.bytesOf(x) * fewShare <= bytes ||
           (!isView(from) && from != op && isRead(x));
  }

  Operation *op;
  ExtentGuess &guess;
  const int64_t bytes;
  int64_t price = 0;
  bool product = false;
  llvm::SetVector<Operation *> ops;
};
} // namespace

bool Making::addProduct(MatmulOp matmul) {
  if (product)
    return false;
  product = true;
  Value left = matmul->getOperand(0), right = matmul->getOperand(1);
  auto rank = llvm::cast<RankedTensorType>(left.getType()).getRank();
  price += guess.of(left, rank - 1);
  return rank > 2 && guess.bytesOf(left) + guess.bytesOf(right) <= bytes;
}

bool Making::add(Operation *part) {
  if (!ops.insert(part))
    return true;
  if (part->hasAttr(kBackwardAttr) || part->getNumResults() != 1)
    return false;
  if (auto matmul = llvm::dyn_cast<MatmulOp>(part)) {
    if (!addProduct(matmul))
      return false;
  } else if (auto pointwise = llvm::dyn_cast<PointwiseOpInterface>(part)) {
    price += scalarPrice(pointwise);
  } else if (!isView(part)) {
    return false;
  }
  return price <= maxPrice && llvm::all_of(part->getOperands(), [&](Value x) {
           return !llvm::isa<RankedTensorType>(x.getType()) || isThere(x) ||
                  add(x.getDefiningOp());
         });
}

void Making::computeAgain() {
  Value y = op->getResult(0);
  SmallVector<Operation *> readers;
  for (Operation *user : y.getUsers())
    if (user->hasAttr(kBackwardAttr))
      readers.push_back(user);
  Operation *first =
      *llvm::min_element(readers, [](Operation *a, Operation *b) {
        return a->isBeforeInBlock(b);
      });
  SmallVector<Operation *> order = ops.takeVector();
  llvm::sort(order,
             [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  OpBuilder b(first);
  IRMapping map;
  for (Operation *part : order)
    b.clone(*part, map)->setAttr(kBackwardAttr, b.getUnitAttr());
  for (Operation *reader : readers)
    reader->replaceUsesOfWith(y, map.lookup(y));
}

void etch::recomputeProducts(func::FuncOp program) {
  ExtentGuess guess;
  SmallVector<Operation *> ops;
  for (Operation &op : program.getBody().front())
    if (llvm::isa<PointwiseOpInterface>(op) && !op.hasAttr(kBackwardAttr) &&
        op.getNumResults() == 1)
      ops.push_back(&op);
  for (Operation *op : ops) {
    Value y = op->getResult(0);
    // Nobody wants it anyway, nor a view of it.
    bool isWanted = false, isViewed = false;
    for (Operation *user : y.getUsers()) {
      isWanted |= user->hasAttr(kBackwardAttr);
      isViewed |= llvm::isa<func::ReturnOp>(user) ||
                  (isView(user) && isRead(user->getResult(0)));
    }
    if (!isWanted || isViewed || guess.bytesOf(y) < minBytesFar)
      continue;
    Making making(op, guess);
    if (making.find())
      making.computeAgain();
  }
}
