//===- Control.cpp - loops and branches over memory -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Buffer/Control.h"

#include "dialects/Device/DeviceDialect.h"
#include "dialects/Etch/EtchDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace etch;

/// The program that a region calls.
static FlatSymbolRefAttr programOf(Region &region) {
  return llvm::cast<func::CallOp>(region.front().front()).getCalleeAttr();
}

void etch::writeControl(OpBuilder &b, Operation *control,
                        const Storage &storage,
                        llvm::function_ref<Value(Value)> memoryOf,
                        Value arena) {
  auto all = [&](ValueRange tensors) {
    return llvm::map_to_vector(tensors, memoryOf);
  };
  if (auto cond = llvm::dyn_cast<CondOp>(control)) {
    device::BranchOp::create(b, cond.getLoc(), programOf(cond.getThen()),
                             programOf(cond.getOtherwise()),
                             memoryOf(cond.getPredicate()),
                             all(cond.getCaptures()), all(cond.getYs()), arena);
    return;
  }
  if (auto prepare = llvm::dyn_cast<PrepareOp>(control)) {
    device::PrepareOp::create(b, prepare.getLoc(), programOf(prepare.getBody()),
                              all(prepare.getCaptures()), all(prepare.getYs()),
                              arena);
    return;
  }
  auto loop = llvm::cast<LoopOp>(control);
  for (auto [init, final] : llvm::zip_equal(loop.getInits(), loop.getFinals()))
    if (!storage.sharePlace(init, final))
      memref::CopyOp::create(b, loop.getLoc(), memoryOf(init), memoryOf(final));
  device::LoopOp::create(b, loop.getLoc(), programOf(loop.getBody()),
                         loop.hasCondition() ? programOf(loop.getCondition())
                                             : FlatSymbolRefAttr(),
                         loop.getLimit() ? memoryOf(loop.getLimit()) : Value(),
                         all(loop.getFinals()), all(loop.getXs()),
                         all(loop.getCaptures()), memoryOf(loop.getCount()),
                         all(loop.getYs()), arena, loop.getReverseAttr(),
                         loop.getMaxIterationsAttr());
}
