//===- Exclusive.h - What a launch does not write ----------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TARGET_CUDA_EXCLUSIVE_H
#define ETCH_COMPILER_TARGET_CUDA_EXCLUSIVE_H

#include "mlir/IR/BuiltinOps.h"

namespace etch::cuda {

/// On a kernel: numbers of arguments whose memory no launch of it writes.
inline constexpr llvm::StringLiteral kExclusiveAttr = "etch.exclusive";

/// A buffer in a program: of which memory it is a part.
struct Place {
  mlir::Value root;
  int64_t begin = 0, end = INT64_MAX; ///< bytes of it, where that is known

  static Place of(mlir::Value buffer);
  bool meets(const Place &o) const {
    return root == o.root && begin < o.end && o.begin < end;
  }
};

/// Marks the arguments of the module's kernels of which that is certain.
void markExclusive(mlir::ModuleOp module);

} // namespace etch::cuda

#endif // ETCH_COMPILER_TARGET_CUDA_EXCLUSIVE_H
