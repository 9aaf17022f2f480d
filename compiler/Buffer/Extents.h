//===- Extents.h - extents and sizes in a bufferized program -------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_BUFFER_EXTENTS_H
#define ETCH_COMPILER_BUFFER_EXTENTS_H

#include "dialects/Etch/Extents.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/SymbolTable.h"

namespace etch {

/// Bytes that one element of a tensor takes in memory.
int64_t elementBytes(mlir::Type tensor);

/// The symbolic extents of all tensors of a program on tensors, as index values
/// of the program on memrefs that is being written in its place. They depend on
/// the extents of arguments only.
class ProgramExtents {
public:
  /// `from` is what `etch-fuse` left. The first arguments of `to` are its
  /// arguments; arithmetic is written through `b`.
  ProgramExtents(mlir::func::FuncOp from, mlir::func::FuncOp to,
                 mlir::OpBuilder &b)
      : from(from), to(to), b(b) {}

  /// Writes the arithmetic for all tensors. Fails, with an error, if an extent
  /// depends on values.
  llvm::LogicalResult write();

  /// One value for each symbolic axis, in order.
  llvm::ArrayRef<mlir::Value> of(mlir::Value tensor) { return extents[tensor]; }
  /// What stands for an index value of `from`.
  mlir::Value index(mlir::Value x) { return indices.lookup(x); }
  /// Writes the size of a dense tensor, rounded up to the arena's alignment.
  mlir::Value bytesOf(mlir::Value tensor);

private:
  llvm::LogicalResult visitCall(mlir::func::CallOp call);
  mlir::Value extentOf(mlir::Value tensor, int64_t axis);
  mlir::Value constant(int64_t n);

  mlir::func::FuncOp from, to;
  mlir::OpBuilder &b;
  mlir::IRMapping indices;
  llvm::DenseMap<mlir::Value, llvm::SmallVector<mlir::Value>> extents;
  ExtentResolver resolver;
  mlir::SymbolTableCollection symbols;
};

} // namespace etch

#endif // ETCH_COMPILER_BUFFER_EXTENTS_H
