//===- RecomputeProducts.cpp - small products twice -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An attention's exponentials are functions of queries and keys, which backward
// reads, too; for long sequences they are much larger. Such an array is not
// kept from the forward to the backward part: product and function run again in
// front of backward's first reader. What another such product makes of the
// array is made again behind it.
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
static constexpr int64_t maxPrice = 5 * maxPriceFar / 2;

/// What is so much smaller than the array is kept for it.
static constexpr int64_t fewShare = 32;

static bool isView(Operation *op) {
  return op && (isCloned(op) || llvm::isa<ReshapeOp>(op));
}

/// Whether backward reads x or a view of it, `but` for one.
static bool isRead(Value x, Operation *but = nullptr) {
  return llvm::any_of(x.getUsers(), [&](Operation *user) {
    return user != but && (user->hasAttr(kBackwardAttr) ||
                           (isView(user) && isRead(user->getResult(0), but)));
  });
}

namespace {
/// Values that are made again, and what makes them, in order.
struct Again {
  ExtentGuess guess;
  IRMapping copies;
  llvm::DenseMap<Value, SmallVector<Operation *>> makers;
  llvm::DenseSet<Operation *> all; ///< of these

  /// Moves what makes x again in front of `first`.
  void moveBefore(Value x, Operation *first);
};

/// The ops that make one array from what backward reads in any case.
class Making {
public:
  Making(Operation *op, Again &again)
      : op(op), again(again), bytes(again.guess.bytesOf(op->getResult(0))) {}

  /// Whether there is a product among them, and they take little.
  bool find() { return isAlone() && add(op) && product; }
  void computeAgain();

private:
  bool isAlone();
  bool add(Operation *part);
  bool addProduct(MatmulOp matmul);
  bool isThere(Value x);

  Operation *op;
  Again &again;
  const int64_t bytes;
  int64_t price = 0;
  bool product = false;
  llvm::SetVector<Operation *> ops;
  llvm::SetVector<Value> madeBefore;
};
} // namespace

void Again::moveBefore(Value x, Operation *first) {
  for (Operation *op : makers.lookup(x)) {
    if (!first->isBeforeInBlock(op))
      continue;
    for (Value y : op->getOperands())
      moveBefore(y, first);
    op->moveBefore(first);
  }
}

/// Whether backward reads the array here alone: neither what it is a view of,
/// nor, directly or not, another view of that.
bool Making::isAlone() {
  if (llvm::any_of(op->getUsers(), [](Operation *user) {
        return llvm::isa<func::ReturnOp>(user) ||
               (!user->hasAttr(kBackwardAttr) && isView(user) &&
                isRead(user->getResult(0)));
      }))
    return false;
  for (Operation *view = op; isView(view) && view->getNumOperands();) {
    Value x = view->getOperand(0);
    if (!llvm::isa<RankedTensorType>(x.getType()))
      break;
    if (isRead(x, view))
      return false;
    view = x.getDefiningOp();
  }
  return true;
}

bool Making::isThere(Value x) {
  Operation *from = x.getDefiningOp();
  if (!from || isSpread(from, again.guess) ||
      again.guess.bytesOf(x) * fewShare <= bytes)
    return true;
  if (again.copies.contains(x)) {
    madeBefore.insert(x);
    return true;
  }
  // Of views, those that backward reads as they are.
  return isView(from) ? llvm::any_of(x.getUsers(),
                                     [](Operation *user) {
                                       return user->hasAttr(kBackwardAttr);
                                     })
                      : from != op && isRead(x, op);
}

bool Making::addProduct(MatmulOp matmul) {
  if (product)
    return false;
  product = true;
  Value left = matmul->getOperand(0);
  auto rank = llvm::cast<RankedTensorType>(left.getType()).getRank();
  price += again.guess.of(left, rank - 1);
  return rank > 2;
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

/// What backward computes behind op, although op does, is op's.
static void replaceTwins(Operation *op, const Again &again) {
  for (Operation *twin :
       llvm::make_early_inc_range(op->getOperand(0).getUsers()))
    if (twin != op && !again.all.contains(twin) &&
        twin->getBlock() == op->getBlock() &&
        twin->getName() == op->getName() &&
        twin->getAttrDictionary() == op->getAttrDictionary() &&
        twin->getOperands() == op->getOperands() && op->isBeforeInBlock(twin)) {
      twin->replaceAllUsesWith(op);
      twin->erase();
      return replaceTwins(op, again);
    }
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
  IRMapping map;
  for (Value x : madeBefore) {
    Value copy = again.copies.lookup(x);
    again.moveBefore(copy, first);
    map.map(x, copy);
  }
  SmallVector<Operation *> order = ops.takeVector();
  llvm::sort(order,
             [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  OpBuilder b(first);
  SmallVector<Operation *> clones;
  for (Operation *part : order) {
    clones.push_back(b.clone(*part, map));
    clones.back()->setAttr(kBackwardAttr, b.getUnitAttr());
  }
  for (Operation *reader : readers)
    reader->replaceUsesOfWith(y, map.lookup(y));
  again.all.insert(clones.begin(), clones.end());
  for (Operation *clone : clones)
    if (llvm::isa<PointwiseOpInterface>(clone))
      replaceTwins(clone, again);
  again.copies.map(y, map.lookup(y));
  again.makers[map.lookup(y)] = std::move(clones);
}

void etch::recomputeProducts(func::FuncOp program) {
  Again again;
  SmallVector<Operation *> ops;
  for (Operation &op : program.getBody().front())
    if (!op.hasAttr(kBackwardAttr) && op.getNumResults() == 1 &&
        (llvm::isa<PointwiseOpInterface, MatmulOp>(op) || isView(&op)))
      ops.push_back(&op);
  for (Operation *op : ops) {
    Value y = op->getResult(0);
    if (llvm::none_of(
            y.getUsers(),
            [](Operation *user) { return user->hasAttr(kBackwardAttr); }) ||
        again.guess.bytesOf(y) < minBytesFar)
      continue;
    Making making(op, again);
    if (making.find())
      making.computeAgain();
  }
}
