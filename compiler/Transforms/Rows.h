//===- Rows.h - what loops do with whole values -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TRANSFORMS_ROWS_H
#define ETCH_COMPILER_TRANSFORMS_ROWS_H

#include "dialects/Etch/EtchDialect.h"

namespace etch {

/// The type of a slice along axis 0, and of so many of them.
mlir::RankedTensorType sliceType(mlir::Type array);
mlir::RankedTensorType arrayType(mlir::Type slice, int64_t extent);

/// array[index] along axis 0; index is a tensor<i64>.
mlir::Value rowOf(mlir::OpBuilder &b, mlir::Location loc, mlir::Value array,
                  mlir::Value index);
/// A rank-0 tensor in the shape of another one.
mlir::Value broadcastLike(mlir::OpBuilder &b, mlir::Location loc,
                          mlir::Value scalar, mlir::Value like);

/// The number of slices that a loop has room for: of its inputs, else what
/// bounds its iterations; nothing if neither is there.
std::optional<int64_t> roomOf(LoopOp loop);

} // namespace etch

#endif // ETCH_COMPILER_TRANSFORMS_ROWS_H
