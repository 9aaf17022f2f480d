//===- NarrowForm.cpp - Which arrays of a kernel may be bfloat16 ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/NarrowForm.h"

using namespace mlir;
using namespace etch;

static bool isContraction(Operation &op) {
  return llvm::isa<MatmulOp, Conv2dOp, Conv2dInputGradOp, Conv2dWeightGradOp>(
      op);
}

bool etch::isWide(Value v) {
  auto type = llvm::dyn_cast<RankedTensorType>(v.getType());
  return type && type.getElementType().isF32();
}

Conv2dWeightGradOp etch::filterGradient(Value v) {
  while (auto transpose = v.getDefiningOp<TransposeOp>())
    v = transpose.getX();
  return v.getDefiningOp<Conv2dWeightGradOp>();
}

NarrowForm::NarrowForm(func::FuncOp kernel, ExtentGuess &guess) {
  Block &body = kernel.getBody().front();
  int64_t summed = 0;
  for (Operation &op : body) {
    if (llvm::isa<CheckOp>(op))
      converts = false;
    if (llvm::isa<SumOp, MaxOp, MinOp>(op))
      summed = std::max(summed, guess.elementsOf(op.getOperand(0)));
    if (!isContraction(op))
      continue;
    contracts = true;
    for (Value x : op.getOperands().take_front(2)) {
      while (auto transpose = x.getDefiningOp<TransposeOp>())
        x = transpose.getX();
      if (auto argument = llvm::dyn_cast<BlockArgument>(x))
        factors.push_back(argument.getArgNumber());
    }
  }
  for (BlockArgument x : body.getArguments())
    if (contracts && isWide(x) && guess.elementsOf(x) < enough &&
        llvm::all_of(x.getUsers(), [](Operation *user) {
          return llvm::isa<BroadcastToOp>(user);
        }))
      biases.push_back(x.getArgNumber());
  for (Value y : body.getTerminator()->getOperands()) {
    // What adds in memory rounds each time.
    auto gradient = filterGradient(y);
    bool isLarge =
        gradient ? std::max(guess.elementsOf(gradient->getOperand(0)),
                            guess.elementsOf(gradient->getOperand(1))) >= enough
                 : guess.elementsOf(y) >= std::max(enough, summed);
    bool ok = isLarge && isWide(y) &&
              !llvm::isa_and_nonnull<ScatterAddOp, CumsumOp, CheckOp>(
                  y.getDefiningOp());
    mayNarrow.push_back(ok && converts);
  }
}
