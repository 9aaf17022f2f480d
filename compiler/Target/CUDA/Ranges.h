//===- Ranges.h - How large indices get --------------------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// 64-bit arithmetic takes a device several instructions and two registers.
// Where extents are known, indices that stay below 2^31 go in 32 bits.
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TARGET_CUDA_RANGES_H
#define ETCH_COMPILER_TARGET_CUDA_RANGES_H

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

#include <optional>

namespace etch::cuda {

/// Of a function: threads of a block, and blocks of its grid where that number
/// is known.
inline constexpr llvm::StringLiteral kThreadsAttr = "etch.threads";
inline constexpr llvm::StringLiteral kBlocksAttr = "etch.blocks";

class Ranges {
public:
  explicit Ranges(mlir::LLVM::LLVMFuncOp function) : function(function) {}

  /// Whether a 64-bit number is from 0 to 2^31 - 1 in every thread.
  bool isNarrow(mlir::Value v);

private:
  struct Range {
    int64_t low, high; ///< inclusive
  };
  std::optional<Range> of(mlir::Value v);
  std::optional<Range> find(mlir::Value v);

  mlir::LLVM::LLVMFuncOp function;
  llvm::DenseMap<mlir::Value, std::optional<Range>> known;
};

} // namespace etch::cuda

#endif // ETCH_COMPILER_TARGET_CUDA_RANGES_H
