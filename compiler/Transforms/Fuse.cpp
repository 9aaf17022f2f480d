//===- Fuse.cpp - groups ops into kernels ----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Outline.h"
#include "compiler/Transforms/Passes.h"

#include "dialects/Etch/EtchDialect.h"

using namespace mlir;
using namespace etch;

namespace etch {
#define GEN_PASS_DEF_FUSE
#include "compiler/Transforms/Passes.h.inc"
} // namespace etch

/// Whether a buffer of its own in row-major order holds x.
static bool isDense(func::FuncOp main, Value x) {
  if (auto argument = llvm::dyn_cast<BlockArgument>(x))
    return !main.getArgAttr(argument.getArgNumber(), kStridedAttr);
  return !isCloned(x.getDefiningOp());
}

/// Puts a copy wherever a view is used as if it were a buffer.
static void materialiseViews(func::FuncOp main) {
  llvm::DenseMap<Value, Value> copies;
  auto copy = [&](OpOperand &use) {
    Value x = use.get();
    if (isDense(main, x))
      return;
    Value &y = copies[x];
    if (!y) {
      OpBuilder b(use.getOwner());
      b.setInsertionPointAfterValue(x);
      y = StopGradientOp::create(b, use.getOwner()->getLoc(), x.getType(), x);
    }
    use.set(y);
  };
  main.walk([&](Operation *op) {
    auto isTensor = [](OpOperand &use) {
      return llvm::isa<RankedTensorType>(use.get().getType());
    };
    if (llvm::isa<ReshapeOp, func::ReturnOp>(op)) {
      for (OpOperand &use : llvm::make_filter_range(op->getOpOperands(), isTensor))
        copy(use);
      return;
    }
    auto rule = llvm::dyn_cast<DifferentiableOpInterface>(op);
    if (!rule || isCloned(op))
      return;
    OpKind kind = rule.getInfo().kind;
    if (kind == OpKind::pointwise)
      return;
    for (OpOperand &use : llvm::make_filter_range(op->getOpOperands(), isTensor))
      if (!(kind == OpKind::contraction &&
            use.get().getDefiningOp<TransposeOp>()) &&
          !llvm::isa<BlockArgument>(use.get()))
        copy(use);
  });
}

namespace {
struct Fuse : etch::impl::FuseBase<Fuse> {
  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!main)
      return;
    materialiseViews(main);

    Block &body = main.getBody().front();
    SmallVector<Operation *> ops =
        llvm::map_to_vector(body, [](Operation &op) { return &op; });
    OpBuilder b(ops.back());
    IRMapping values;
    for (Value x : body.getArguments())
      values.map(x, x);
    Outliner outliner(main, b, values);
    for (Operation *op : ops) {
      if (isCloned(op))
        continue;
      auto rule = llvm::dyn_cast<DifferentiableOpInterface>(op);
      if (op->hasTrait<OpTrait::IsTerminator>()) {
        for (OpOperand &use : op->getOpOperands())
          use.set(values.lookup(use.get()));
        continue;
      }
      if (!rule || llvm::isa<ReshapeOp>(op))
        b.clone(*op, values);
      else
        outliner.outline({op}, {op->getResult(0)});
    }
    for (Operation *op : llvm::reverse(llvm::ArrayRef(ops).drop_back()))
      op->erase();
  }
};
} // namespace
