//===- Contract.cpp - what may be rounded otherwise -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// For mode `fast`. A sum or difference that is the only reader of a product is
// marked; where a kernel computes both, it computes them by one fused
// multiply-add. Convolutions are marked: a target may form their sums in other
// ways than by the chains of the definition.
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Passes.h"

#include "dialects/Etch/Contraction.h"

using namespace mlir;
using namespace etch;

namespace etch {
#define GEN_PASS_DEF_CONTRACT
#include "compiler/Transforms/Passes.h.inc"
} // namespace etch

namespace {
struct Contract : etch::impl::ContractBase<Contract> {
  void runOnOperation() override {
    getOperation().walk([](Operation *op) {
      if (llvm::isa<Conv2dOp, Conv2dInputGradOp, Conv2dWeightGradOp>(op))
        op->setAttr(kRelaxedAttr, UnitAttr::get(op->getContext()));
      if (!llvm::isa<AddOp, SubOp>(op) ||
          !llvm::isa<FloatType>(
              getElementTypeOrSelf(op->getResult(0).getType())))
        return;
      if (llvm::any_of(op->getOperands(), [](Value x) {
            return x.getDefiningOp<MulOp>() && x.hasOneUse();
          }))
        op->setAttr(kContractAttr, UnitAttr::get(op->getContext()));
    });
  }
};
} // namespace
