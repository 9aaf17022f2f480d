//===- Stored.cpp - Numbers that are stored in less than they have --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Target/Kernel/KernelBody.h"

using namespace mlir;
using namespace etch;
using namespace etch::kernel;

void etch::kernel::takeStored(ModuleOp module) {
  for (auto kernel : module.getOps<func::FuncOp>()) {
    if (!kernel->hasAttr(kKernelAttr))
      continue;
    Block &body = kernel.getBody().front();
    auto stored = [](Type type) {
      return TypeAttr::get(getElementTypeOrSelf(type));
    };
    for (auto widened :
         llvm::make_early_inc_range(body.getOps<arith::ExtFOp>())) {
      auto x = cast<BlockArgument>(widened.getIn());
      kernel.setArgAttr(x.getArgNumber(), kStoredAttr, stored(x.getType()));
      widened.getResult().replaceAllUsesWith(x);
      x.setType(widened.getType());
      widened.erase();
    }
    Operation *end = body.getTerminator();
    for (OpOperand &y : end->getOpOperands())
      if (auto narrowed = y.get().getDefiningOp<arith::TruncFOp>()) {
        kernel.setResultAttr(y.getOperandNumber(), kStoredAttr,
                             stored(narrowed.getType()));
        y.set(narrowed.getIn());
        if (narrowed.use_empty())
          narrowed.erase();
      }
    kernel.setFunctionType(FunctionType::get(
        kernel.getContext(), body.getArgumentTypes(), end->getOperandTypes()));
  }
}
