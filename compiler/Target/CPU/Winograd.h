//===- Winograd.h - 3x3 convolutions with fewer products ---------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TARGET_CPU_WINOGRAD_H
#define ETCH_COMPILER_TARGET_CPU_WINOGRAD_H

#include "compiler/Target/CPU/Kernel.h"

namespace etch::cpu {

/// Emits conv2d or its gradient in the images by fewer products, if its
/// rounding is free (see kRelaxedAttr) and that pays; none otherwise.
std::optional<llvm::LogicalResult> emitWinograd(Kernel &k, mlir::Operation *op);

} // namespace etch::cpu

#endif // ETCH_COMPILER_TARGET_CPU_WINOGRAD_H
