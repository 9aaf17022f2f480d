//===- Recompute.cpp - cheap values twice instead of kept -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A value's price is the number of instructions of its scalar body and of those
// that it takes to compute its operands from what lies in memory anyway: the
// arguments of the program, values that are kept because they are too dear or
// are read by more than pointwise ops, and views of these. A number that many
// elements of a view share is kept at next to no cost. A large array that
// products read is computed again for them if that takes next to nothing, or
// little beside the products: to write it once more costs what a read of a far
// memory does. Where several
// values are made of one that backward does not read, that one is kept in their
// place.
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Outline.h"
#include "compiler/Transforms/Passes.h"
#include "compiler/Transforms/Price.h"
#include "compiler/Transforms/RecomputeLate.h"
#include "compiler/Transforms/RecomputeProducts.h"

#include "dialects/Etch/EtchDialect.h"
#include "dialects/Etch/Extents.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"

#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace etch;

namespace etch {
#define GEN_PASS_DEF_RECOMPUTE
#include "compiler/Transforms/Passes.h.inc"
} // namespace etch

static constexpr int64_t priceless = maxPriceFar + 1;

/// Of the multiply-adds that a product does with an element, this part may be
/// spent to compute the element again.
static constexpr int64_t productsShare = 4;

namespace {
class Recomputer {
public:
  /// Looks for sources before anything is visited.
  void findSources(func::FuncOp program);
  void visit(Operation *op);

private:
  bool isCheapFrom(Operation *op, Value source);
  int64_t maxPriceOf(Value y) {
    return guess.bytesOf(y) >= minBytesFar ? maxPriceFar : maxPriceAgain;
  }
  int64_t uses(Value x, Operation *reader);
  int64_t bodyPrice(PointwiseOpInterface op);
  int64_t priceOf(Value x);
  Value computeAgain(Operation *op, Operation *reader);

  ExtentGuess guess;
  llvm::DenseMap<Value, int64_t> prices; // of forward pointwise values
  llvm::DenseSet<Value> kept;            // for backward
  llvm::DenseSet<Value> sources;         // kept instead of larger ones
  llvm::DenseMap<std::pair<const void *, Attribute>, int64_t> bodies;
};
} // namespace

/// How many multiply-adds a product, of x or a view of it, does with each
/// element; 0 where others than products read it.
int64_t Recomputer::uses(Value x, Operation *reader) {
  if (isCloned(reader) || llvm::isa<ReshapeOp>(reader)) {
    Value view = reader->getResult(0);
    if (view.use_empty() || guess.elementsOf(view) != guess.elementsOf(x))
      return 0;
    int64_t least = std::numeric_limits<int64_t>::max();
    for (Operation *user : view.getUsers())
      least = std::min(least, uses(view, user));
    return least;
  }
  auto product = llvm::dyn_cast<MatmulOp>(reader);
  if (!product)
    return 0;
  Value left = product->getOperand(0);
  int64_t depth = guess.of(
      left, llvm::cast<RankedTensorType>(left.getType()).getRank() - 1);
  return guess.elementsOf(product->getResult(0)) * depth /
         std::max<int64_t>(1, guess.elementsOf(x));
}

/// Ops of one name and type have the same body.
int64_t Recomputer::bodyPrice(PointwiseOpInterface op) {
  auto &price =
      bodies[{op->getName().getAsOpaquePointer(), op->getAttrDictionary()}];
  if (!price)
    price = scalarPrice(op);
  return price;
}

int64_t Recomputer::priceOf(Value x) {
  while (isCloned(x.getDefiningOp()) || x.getDefiningOp<ReshapeOp>()) {
    Operation *op = x.getDefiningOp();
    if (op->getNumOperands() == 0 || llvm::isa<IotaOp>(op) ||
        isSpread(op, guess))
      return 0;
    x = op->getOperand(0);
    // A view of a computed value would need that in memory.
    if (prices.contains(x) && !kept.contains(x))
      return priceless;
  }
  if (llvm::isa<BlockArgument>(x) || kept.contains(x))
    return 0;
  auto it = prices.find(x);
  return it == prices.end() ? priceless : it->second;
}

/// Clones op and the forward ops that it needs in front of a reader. Returns
/// the clone's result.
Value Recomputer::computeAgain(Operation *op, Operation *reader) {
  // At most maxPriceFar of them, each before its users.
  llvm::SetVector<Operation *> ops;
  ops.insert(op);
  for (size_t i = 0; i < ops.size(); ++i)
    for (Value x : ops[i]->getOperands())
      if (prices.contains(x) && !kept.contains(x))
        ops.insert(x.getDefiningOp());
  SmallVector<Operation *> order = ops.takeVector();
  llvm::sort(order,
             [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  OpBuilder b(reader);
  IRMapping map;
  for (Operation *part : order)
    b.clone(*part, map)->setAttr(kBackwardAttr, b.getUnitAttr());
  for (OpOperand &use : reader->getOpOperands())
    use.set(map.lookupOrDefault(use.get()));
  return map.lookup(op->getResult(0));
}

/// Whether this is kept for pointwise ops and takes little to compute if the
/// source is kept.
bool Recomputer::isCheapFrom(Operation *op, Value source) {
  auto pointwise = llvm::dyn_cast<PointwiseOpInterface>(op);
  if (!pointwise || op->hasAttr(kBackwardAttr))
    return false;
  bool isRead = false;
  for (Operation *user : op->getUsers()) {
    if (!user->hasAttr(kBackwardAttr))
      continue;
    isRead = true;
    if (!llvm::isa<PointwiseOpInterface>(user))
      return false;
  }
  return isRead && bodyPrice(pointwise) <= maxPriceAgain &&
         llvm::all_of(op->getOperands(),
                      [&](Value x) { return x == source || priceOf(x) == 0; });
}

/// A value that backward does not read, of which more is made that it reads and
/// that takes little: keeping the value is keeping less.
void Recomputer::findSources(func::FuncOp program) {
  for (Operation &op : program.getBody().front()) {
    if (!llvm::isa<DifferentiableOpInterface>(op) ||
        op.hasAttr(kBackwardAttr) || isCloned(&op) ||
        llvm::isa<ReshapeOp>(op) || op.getNumResults() != 1)
      continue;
    Value y = op.getResult(0);
    int64_t bytes = 0;
    bool isRead = false;
    llvm::SmallPtrSet<Operation *, 4> seen;
    for (Operation *user : y.getUsers()) {
      isRead |= user->hasAttr(kBackwardAttr);
      if (seen.insert(user).second && isCheapFrom(user, y))
        bytes += guess.bytesOf(user->getResult(0));
    }
    if (!isRead && bytes > guess.bytesOf(y))
      sources.insert(y);
  }
}

void Recomputer::visit(Operation *op) {
  if (!llvm::isa<DifferentiableOpInterface>(op) || op->hasAttr(kBackwardAttr) ||
      isCloned(op) || llvm::isa<ReshapeOp>(op))
    return;
  Value y = op->getResult(0);
  auto pointwise = llvm::dyn_cast<PointwiseOpInterface>(op);
  int64_t price = pointwise ? bodyPrice(pointwise) : priceless;
  for (Value x : op->getOperands())
    price += pointwise ? priceOf(x) : 0;
  llvm::SetVector<Operation *> readers;
  for (Operation *user : y.getUsers())
    if (user->hasAttr(kBackwardAttr))
      readers.insert(user);
  // Each computes it.
  const int64_t maxPrice =
      std::max(maxPriceAgain,
               maxPriceOf(y) / std::max<int64_t>(1, int64_t(readers.size())));
  if (price <= maxPrice)
    prices[y] = price;
  bool isKept = price > maxPrice;
  SmallVector<Operation *> dense; // readers that want it in memory
  llvm::copy_if(readers, std::back_inserter(dense), [](Operation *user) {
    return !llvm::isa<PointwiseOpInterface>(user);
  });
  bool isAgain = guess.bytesOf(y) >= minBytesFar &&
                 llvm::all_of(dense, [&](Operation *reader) {
                   return price <= std::max(maxPriceAgain,
                                            uses(y, reader) / productsShare);
                 });
  isKept |= !dense.empty() && !isAgain;
  if ((isKept && !readers.empty()) || (price > maxPrice && sources.contains(y)))
    kept.insert(y);
  if (isKept)
    return;
  if (!dense.empty()) {
    Operation *first =
        *llvm::min_element(dense, [](Operation *a, Operation *b) {
          return a->isBeforeInBlock(b);
        });
    Value copy = computeAgain(op, first);
    for (Operation *reader : dense)
      reader->replaceUsesOfWith(y, copy);
  }
  for (Operation *reader : readers)
    if (llvm::isa<PointwiseOpInterface>(reader))
      computeAgain(op, reader);
}

namespace {
struct Recompute : etch::impl::RecomputeBase<Recompute> {
  void runOnOperation() override {
    for (auto program : getOperation().getOps<func::FuncOp>()) {
      if (!isProgram(program))
        continue;
      Recomputer recomputer;
      recomputer.findSources(program);
      for (Operation &op : program.getBody().front())
        recomputer.visit(&op);
      recomputeProducts(program);
      recomputeLate(program);
    }
  }
};
} // namespace
