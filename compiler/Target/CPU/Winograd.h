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
/// rounding is free (see kRelaxedAttr) and that pays; none otherwise. `direct`
/// emits the kernel by the chains of the definition: for few images, if it is
/// open how many there are.
std::optional<llvm::LogicalResult>
emitWinograd(Kernel &k, mlir::Operation *op,
             llvm::function_ref<llvm::LogicalResult()> direct);

} // namespace etch::cpu

#endif // ETCH_COMPILER_TARGET_CPU_WINOGRAD_H
