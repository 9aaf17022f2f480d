//===- Model.h - What tensor cores may give ----------------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_TEST_COMPILER_TARGET_CUDA_MODEL_H
#define ETCH_TEST_COMPILER_TARGET_CUDA_MODEL_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace etch::test {

/// Writes a program again for products whose operands are rounded to tf32.
/// Behind its results come as many bounds: how far each element of a program
/// that rounds so may be off, whatever the order of its sums. That is no more
/// than what the order does, but where it makes an operand fall on the other
/// side of a rounding. Fails, without a word, on what it has no rule for.
llvm::LogicalResult modelTf32(mlir::func::FuncOp main);

} // namespace etch::test

#endif // ETCH_TEST_COMPILER_TARGET_CUDA_MODEL_H
