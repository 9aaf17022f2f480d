//===- RecomputeKept.cpp - cheap values of iterations are not kept --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A loop that reads, slice by slice, what a loop before it has kept may compute
// that again: from what both loops take, and from other outputs that are there
// in any case.
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Outline.h"
#include "compiler/Transforms/Passes.h"
#include "compiler/Transforms/Price.h"
#include "compiler/Transforms/Rows.h"
#include "compiler/Transforms/Simplifier.h"
#include "compiler/Transforms/SimplifyControl.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace etch;

namespace etch {
#define GEN_PASS_DEF_RECOMPUTEKEPT
#include "compiler/Transforms/Passes.h.inc"
} // namespace etch

namespace {
/// One output of `loop` that only `reader` reads, as an input.
class KeptValue {
public:
  /// `gone`: outputs that are computed again, this one included.
  KeptValue(LoopOp loop, LoopOp reader, BlockArgument slice,
            const llvm::DenseSet<Value> &gone)
      : loop(loop), reader(reader), slice(slice), gone(gone) {}

  /// Whether it is computed again from now on.
  bool computeAgain(Value value);

private:
  bool isThere(Value x);
  bool isCheap(Value x, int64_t &price);
  Value inReader(Value x, OpBuilder &b);
  Value input(Value array);

  Value outputOf(Value x);

  LoopOp loop, reader;
  BlockArgument slice;
  const llvm::DenseSet<Value> &gone;
  IRMapping known;
};
} // namespace

/// The output that yields x and stays; null if there is none.
Value KeptValue::outputOf(Value x) {
  for (auto [y, value] : llvm::zip_equal(loop.getYs(), loop.getYielded()))
    if (value == x && !y.use_empty() && !gone.contains(y))
      return y;
  return {};
}

/// Whether x lies in memory when the reader runs.
bool KeptValue::isThere(Value x) {
  if (x == loop.getIndex() || llvm::is_contained(loop.getCaptured(), x) ||
      llvm::is_contained(loop.getSlices(), x))
    return true;
  return bool(outputOf(x));
}

bool KeptValue::isCheap(Value x, int64_t &price) {
  if (isThere(x))
    return true;
  Operation *op = x.getDefiningOp();
  if (!op)
    return false;
  auto pointwise = llvm::dyn_cast<PointwiseOpInterface>(op);
  if (!pointwise && !isCloned(op))
    return false;
  if (!llvm::cast<RankedTensorType>(x.getType()).hasStaticShape())
    return false;
  if (pointwise)
    price += scalarPrice(pointwise);
  return price <= maxPriceAgain &&
         llvm::all_of(op->getOperands(),
                      [&](Value y) { return isCheap(y, price); });
}

/// An array as an input of the reader.
Value KeptValue::input(Value array) {
  for (auto [x, argument] : llvm::zip_equal(reader.getXs(), reader.getSlices()))
    if (x == array && argument != slice)
      return argument;
  auto at = unsigned(1 + reader.getInits().size() + reader.getXs().size());
  reader.getXsMutable().append(array);
  return reader.getBody().insertArgument(at, sliceType(array.getType()),
                                         array.getLoc());
}

Value KeptValue::inReader(Value x, OpBuilder &b) {
  if (Value there = known.lookupOrNull(x))
    return there;
  Value result;
  if (x == loop.getIndex())
    result = reader.getIndex();
  for (auto [mine, outside] :
       llvm::zip_equal(loop.getCaptured(), loop.getCaptures()))
    if (x == mine) {
      reader.getCapturesMutable().append(outside);
      result = reader.getBody().addArgument(x.getType(), x.getLoc());
    }
  for (auto [mine, outside] : llvm::zip_equal(loop.getSlices(), loop.getXs()))
    if (x == mine)
      result = input(outside);
  if (!result)
    if (Value y = outputOf(x))
      result = input(y);
  if (!result) {
    Operation *op = x.getDefiningOp();
    for (Value operand : op->getOperands())
      inReader(operand, b);
    return b.clone(*op, known)->getResult(0);
  }
  known.map(x, result);
  return result;
}

bool KeptValue::computeAgain(Value value) {
  Operation *op = value.getDefiningOp();
  auto pointwise = llvm::dyn_cast_or_null<PointwiseOpInterface>(op);
  if (!pointwise ||
      !llvm::cast<RankedTensorType>(value.getType()).hasStaticShape())
    return false;
  int64_t price = scalarPrice(pointwise);
  if (price > maxPriceAgain || !llvm::all_of(op->getOperands(), [&](Value x) {
        return isCheap(x, price);
      }))
    return false;
  Block &body = reader.getBodyBlock();
  OpBuilder b(&body, body.begin());
  for (Value x : op->getOperands())
    inReader(x, b);
  slice.replaceAllUsesWith(b.clone(*op, known)->getResult(0));
  return true;
}

static bool visit(LoopOp loop) {
  llvm::DenseSet<Value> gone;
  for (size_t j = loop.getYs().size(); j-- > 0;) {
    Value y = loop.getYs()[j];
    auto reader =
        y.hasOneUse() ? llvm::dyn_cast<LoopOp>(*y.user_begin()) : LoopOp();
    if (!reader || !goesAsFar(reader, loop))
      continue;
    auto xs = reader.getXs();
    auto m = size_t(llvm::find(xs, y) - xs.begin());
    if (m == xs.size() || reader.getSlices()[m].use_empty())
      continue;
    gone.insert(y);
    KeptValue value(loop, reader, reader.getSlices()[m], gone);
    if (!value.computeAgain(loop.getYielded()[j]))
      gone.erase(y);
  }
  return !gone.empty();
}

namespace {
struct RecomputeKept : etch::impl::RecomputeKeptBase<RecomputeKept> {
  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!main)
      return;
    bool changed = false;
    main.walk([&](LoopOp loop) { changed |= visit(loop); });
    if (changed)
      simplify(main);
  }
};
} // namespace
