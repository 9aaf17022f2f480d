//===- Pointwise.h - Vectors of elements -------------------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TARGET_CUDA_POINTWISE_H
#define ETCH_COMPILER_TARGET_CUDA_POINTWISE_H

#include "compiler/Target/CUDA/Kernel.h"
#include "compiler/Target/Kernel/Evaluator.h"

namespace etch::cuda {

/// How many neighbours along a loop of `inner` one thread computes: 16 bytes
/// of the widest element type, or 1.
int64_t chooseLanes(Kernel &k, Ix inner);

/// One vector that begins at place `i` of the last loop. `point` may be called
/// for all of it, or for each element.
void emitVector(Kernel &k, Evaluator &values, int64_t lanes,
                llvm::ArrayRef<Ix> indices, Ix i,
                llvm::function_ref<void(Ix, Lanes)> point);

/// An indexed operation, for one row: y[row] of gather or scatter_add. Of
/// `threads` threads this is number `local`; `sync` orders what they did.
llvm::LogicalResult emitIndexedRow(Kernel &k, Ix row, Ix local, int64_t threads,
                                   llvm::function_ref<void()> sync);

} // namespace etch::cuda

#endif // ETCH_COMPILER_TARGET_CUDA_POINTWISE_H
