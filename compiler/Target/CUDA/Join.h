//===- Join.h - Launches of one body over other arrays -----------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TARGET_CUDA_JOIN_H
#define ETCH_COMPILER_TARGET_CUDA_JOIN_H

#include "mlir/IR/BuiltinOps.h"

namespace etch::cuda {

/// On a kernel: its stages (see Stages.h) are one pointwise body, each over
/// dense arrays of a shape of its own. No stage reads what another one makes.
inline constexpr llvm::StringLiteral kJoinedAttr = "etch.joined";

/// Launches that stand one behind the other, do the same to other arrays and
/// need nothing of each other, become one: the update of all parameters of a
/// model, say.
void joinLaunches(mlir::ModuleOp module);

} // namespace etch::cuda

#endif // ETCH_COMPILER_TARGET_CUDA_JOIN_H
