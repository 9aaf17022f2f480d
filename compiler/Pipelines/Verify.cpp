//===- Verify.cpp - the walls between phases
//-------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Pipelines/Passes.h"

#include "dialects/Device/DeviceDialect.h"
#include "dialects/Etch/EtchDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace etch;

namespace etch {
#define GEN_PASS_DEF_VERIFYDIFFERENTIATE
#define GEN_PASS_DEF_VERIFYSIMPLIFY
#define GEN_PASS_DEF_VERIFYFUSE
#define GEN_PASS_DEF_VERIFYBUFFERIZE
#include "compiler/Pipelines/Passes.h.inc"
} // namespace etch

/// Every op of the programs, those in regions included, must be allowed.
static LogicalResult check(ModuleOp module, StringRef phase,
                           llvm::function_ref<bool(Operation &)> isAllowed) {
  for (auto program : module.getOps<func::FuncOp>()) {
    if (!isProgram(program))
      continue;
    auto visit = [&](Operation *op) {
      if (!isAllowed(*op)) {
        op->emitOpError("is left by the phase ") << phase;
        return WalkResult::interrupt();
      }
      // A rule that nobody asked for is no part of the program.
      return llvm::isa<CustomVjpOp>(op) ? WalkResult::skip()
                                        : WalkResult::advance();
    };
    auto result = program.getBody().walk<WalkOrder::PreOrder>(visit);
    if (result.wasInterrupted())
      return failure();
  }
  return success();
}

static bool isDialect(Operation &op, StringRef name) {
  return op.getDialect() && op.getDialect()->getNamespace() == name;
}

static LogicalResult verifyFuse(ModuleOp module) {
  for (auto kernel : module.getOps<func::FuncOp>()) {
    if (!kernel->hasAttr(kKernelAttr))
      continue;
    for (Operation &op : kernel.getBody().front())
      if (!isDialect(op, "etch") &&
          !llvm::isa<func::ReturnOp, arith::ExtFOp, arith::TruncFOp>(op))
        return op.emitOpError("is part of a kernel");
  }
  return check(module, "fuse", [](Operation &op) {
    if (auto constant = llvm::dyn_cast<ConstantOp>(op))
      return !constant.getValue().isSplat();
    return isDialect(op, "arith") || isDialect(op, "func") ||
           llvm::isa<ReshapeOp, tensor::DimOp, LoopOp, CondOp, PrepareOp,
                     YieldOp>(op);
  });
}

static LogicalResult verifyBufferize(ModuleOp module) {
  return check(module, "bufferize", [](Operation &op) {
    auto isTensor = [](Type type) { return llvm::isa<mlir::TensorType>(type); };
    return llvm::none_of(op.getOperandTypes(), isTensor) &&
           llvm::none_of(op.getResultTypes(), isTensor) &&
           (isDialect(op, "arith") || isDialect(op, "memref") ||
            isDialect(op, "device") || llvm::isa<func::ReturnOp>(op));
  });
}

namespace {
struct VerifyDifferentiate
    : etch::impl::VerifyDifferentiateBase<VerifyDifferentiate> {
  void runOnOperation() override {
    if (failed(check(getOperation(), "differentiate",
                     [](Operation &op) { return !llvm::isa<GradientOp>(op); })))
      signalPassFailure();
  }
};

struct VerifySimplify : etch::impl::VerifySimplifyBase<VerifySimplify> {
  void runOnOperation() override {
    if (failed(check(getOperation(), "simplify", [](Operation &op) {
          return !llvm::isa<GradientOp, CustomVjpOp, StopGradientOp>(op);
        })))
      signalPassFailure();
  }
};

struct VerifyFuse : etch::impl::VerifyFuseBase<VerifyFuse> {
  void runOnOperation() override {
    if (failed(verifyFuse(getOperation())))
      signalPassFailure();
  }
};

struct VerifyBufferize : etch::impl::VerifyBufferizeBase<VerifyBufferize> {
  void runOnOperation() override {
    if (failed(verifyBufferize(getOperation())))
      signalPassFailure();
  }
};
} // namespace
