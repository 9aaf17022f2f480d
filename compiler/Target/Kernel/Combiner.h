//===- Combiner.h - The order of sums ----------------------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The order in which elements combine is part of a result's definition.
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TARGET_KERNEL_COMBINER_H
#define ETCH_COMPILER_TARGET_KERNEL_COMBINER_H

#include "compiler/Target/Kernel/Emit.h"

namespace etch::kernel {

/// The parts of a reduction: its value of no element, two values combined, the
/// lanes of a vector combined as halves, and a sum that may be empty (+0).
struct Combiner {
  enum Kind { sum, max, min } kind;
  mlir::Type element;

  static Combiner of(mlir::Operation *op);
  mlir::Value identity(Emit &e, int64_t lanes) const;
  mlir::Value combine(Emit &e, mlir::Value a, mlir::Value b) const;
  mlir::Value fold(Emit &e, mlir::Value v) const;
  mlir::Value orEmpty(Emit &e, Ix extent, mlir::Value v) const;
};

/// In a strict reduction: elements of a block, lanes that elements go round.
inline constexpr int64_t kReductionBlock = 4096;
inline constexpr int64_t kReductionLanes = 16;

/// In a matrix product K is cut in blocks of this many elements, each a chain
/// of multiply-adds from 0, whose sums add in order.
inline constexpr int64_t kGemmBlock = 256;

/// Sums of the block that begins at `from` behind those of the blocks before
/// it, which are at `places`. None are before the first one, or a known one.
llvm::SmallVector<mlir::Value>
behindBlocks(Emit &e, mlir::Type element, Ix from, mlir::ValueRange block,
             llvm::function_ref<std::pair<mlir::Value, Lanes>(size_t)> places);

} // namespace etch::kernel

#endif // ETCH_COMPILER_TARGET_KERNEL_COMBINER_H
