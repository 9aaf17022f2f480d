//===- InsertChecks.cpp - run-time checks of values -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Passes.h"

#include "dialects/Etch/EtchDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace etch;

namespace etch {
#define GEN_PASS_DEF_INSERTCHECKS
#include "compiler/Transforms/Passes.h.inc"
} // namespace etch

/// Whether an op computes numbers: others hand on those of their operands.
static bool computes(Operation *op) {
  auto rule = llvm::dyn_cast<DifferentiableOpInterface>(op);
  if (!rule || llvm::isa<GatherOp, StopGradientOp>(op) ||
      !llvm::isa<FloatType>(getElementTypeOrSelf(op->getResult(0).getType())))
    return false;
  OpKind kind = rule.getInfo().kind;
  return kind != OpKind::view && kind != OpKind::window;
}

static void check(Operation *op) {
  auto rule = llvm::cast<DifferentiableOpInterface>(op);
  OpBuilder b(op->getContext());
  b.setInsertionPointAfter(op);
  Value y = op->getResult(0);
  bool backward = op->hasAttr(kBackwardAttr);
  auto inputs =
      op->getOperands().take_front(size_t(rule.getInfo().numOperands));
  auto checked =
      CheckOp::create(b, op->getLoc(), y.getType(), y, inputs,
                      b.getStringAttr(rule.getInfo().name), IntegerAttr(),
                      backward ? b.getUnitAttr() : UnitAttr());
  if (backward)
    checked->setAttr(kBackwardAttr, b.getUnitAttr());
  y.replaceAllUsesExcept(checked.getY(), checked);
}

/// An operand of an op, a number, is to lie in [0, most].
static void checkNumber(OpOperand &use, StringRef what, int64_t most) {
  Operation *op = use.getOwner();
  OpBuilder b(op);
  Value x = use.get();
  use.set(CheckOp::create(b, op->getLoc(), x.getType(), x, ValueRange(),
                          b.getStringAttr(what), b.getI64IntegerAttr(most),
                          UnitAttr()));
}

/// Ops that take the nearest number that fits: here it has to.
static void checkNumbers(Operation *op) {
  if (llvm::isa<SliceAtOp, PlaceAtOp>(op)) {
    auto axis = unsigned(op->getAttrOfType<IntegerAttr>("axis").getInt());
    auto extent = [&](Value x) {
      return llvm::cast<RankedTensorType>(x.getType()).getDimSize(axis);
    };
    int64_t from = extent(op->getOperand(0)), to = extent(op->getResult(0));
    if (ShapedType::isStatic(from) && ShapedType::isStatic(to))
      checkNumber(op->getOpOperand(1), "slice", std::abs(from - to));
  } else if (auto loop = llvm::dyn_cast<LoopOp>(op)) {
    std::optional<int64_t> bound = loop.getBound();
    if (loop.getLimit() && bound && !op->hasAttr(kBackwardAttr))
      checkNumber(op->getOpOperand(0), "loop", *bound);
  }
}

namespace {
struct InsertChecks : etch::impl::InsertChecksBase<InsertChecks> {
  using InsertChecksBase::InsertChecksBase;

  void runOnOperation() override {
    SmallVector<Operation *> ops;
    getOperation().walk([&](Operation *op) {
      if (values && computes(op))
        ops.push_back(op);
    });
    for (Operation *op : ops)
      check(op);
    if (bounds)
      getOperation().walk(checkNumbers);
  }
};
} // namespace
