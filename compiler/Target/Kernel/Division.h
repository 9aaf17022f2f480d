//===- Division.h - many numbers by one -------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TARGET_KERNEL_DIVISION_H
#define ETCH_COMPILER_TARGET_KERNEL_DIVISION_H

#include "compiler/Target/Kernel/Emit.h"

namespace etch::kernel {

/// Whether divideByOne pays for vectors of this type: where a processor divides
/// one by one for longer than a dozen other instructions take.
bool paysToDivideByOne(mlir::Type vector);

/// The quotients x / y, correctly rounded; the lanes of y are equal, and the
/// same in the next round of a loop.
mlir::Value divideByOne(Emit &e, mlir::Value x, mlir::Value y);

} // namespace etch::kernel

#endif // ETCH_COMPILER_TARGET_KERNEL_DIVISION_H
