//===- Layout.h - places in an arena of symbolic size -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_BUFFER_LAYOUT_H
#define ETCH_COMPILER_BUFFER_LAYOUT_H

#include "compiler/Buffer/Extents.h"
#include "compiler/Buffer/Plan.h"
#include "compiler/Buffer/Storage.h"

namespace etch {

/// Where the slots of a program lie.
struct ArenaPlan {
  /// By slot, planned; where sizes are symbolic only the order in time counts.
  llvm::SmallVector<Lifetime> lifetimes;
  /// In a symbolic program; null in others.
  llvm::SmallVector<mlir::Value> offsets, bytes;
  int64_t staticBytes = 0; ///< of the arena, or of its slots of known size
  mlir::Value totalBytes;  ///< null: staticBytes
};
ArenaPlan planStorage(const Storage &storage, ProgramExtents &extents,
                      mlir::OpBuilder &b, mlir::Location loc, bool guarded);

/// Offsets as arithmetic on sizes.
struct SymbolicLayout {
  llvm::SmallVector<mlir::Value> offsets; ///< by lifetime
  mlir::Value total;
};

/// `lifetimes` have been planned with guessed sizes; the real ones are `sizes`,
/// rounded up to the arena's alignment. What lies above another one that is
/// alive with it stays above, whatever the sizes: its offset is the largest end
/// of these. As dense as the plan where the guesses hold.
SymbolicLayout layOut(llvm::ArrayRef<Lifetime> lifetimes,
                      llvm::ArrayRef<mlir::Value> sizes, mlir::OpBuilder &b,
                      mlir::Location loc);

} // namespace etch

#endif // ETCH_COMPILER_BUFFER_LAYOUT_H
