//===- Extents.h - extents and sizes in a bufferized program -------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_BUFFER_EXTENTS_H
#define ETCH_COMPILER_BUFFER_EXTENTS_H

#include "dialects/Etch/EtchDialect.h"
#include "dialects/Etch/Extents.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/SymbolTable.h"

namespace etch {

/// Bytes that one element of a tensor takes in memory.
int64_t elementBytes(mlir::Type tensor);

/// The memory of an argument: dense, or strided as `etch.strided` says.
mlir::MemRefType argumentType(mlir::RankedTensorType type,
                              mlir::Attribute strided);
mlir::MemRefType denseType(mlir::Type tensor);

/// Erases arithmetic without uses.
void eraseDeadOps(mlir::Block &block);

/// A private function of a program's first arguments, which does the arithmetic
/// that stands in the program and returns `values` as this type.
mlir::func::FuncOp outlineSizes(mlir::func::FuncOp program, size_t inputs,
                                const llvm::Twine &name, mlir::Type type,
                                llvm::ArrayRef<mlir::Value> values);

/// What a caller must know of a program that a region became.
struct ProgramSizes {
  /// Of its arena, as far as that is known.
  int64_t staticBytes = 0;
  /// Null if nothing is symbolic. Takes the program's arguments; returns the
  /// bytes of its arena, then the symbolic extents of its results, in order.
  mlir::func::FuncOp function;
};

/// The symbolic extents of all tensors of a program on tensors, as index values
/// of the program on memrefs that is being written in its place. They depend on
/// the extents of arguments only.
class ProgramExtents {
public:
  /// `from` is what `etch-fuse` left. The first arguments of `to` are its
  /// arguments; arithmetic is written through `b`.
  ProgramExtents(mlir::func::FuncOp from, mlir::func::FuncOp to,
                 mlir::OpBuilder &b,
                 const llvm::StringMap<ProgramSizes> &programs)
      : from(from), to(to), b(b), programs(programs) {}

  /// Writes the arithmetic for all tensors. Fails, with an error, if an extent
  /// depends on values.
  llvm::LogicalResult write();

  /// One value for each symbolic axis, in order.
  llvm::ArrayRef<mlir::Value> of(mlir::Value tensor) { return extents[tensor]; }
  /// What stands for an index value of `from`.
  mlir::Value index(mlir::Value x) { return indices.lookup(x); }
  /// Writes the size of a dense tensor, rounded up to the arena's alignment.
  mlir::Value bytesOf(mlir::Value tensor);
  /// The bytes of the arena of a loop or branch, if they are known; else the
  /// value that says them.
  int64_t staticArenaBytes(mlir::Operation *control) {
    return arenas.lookup(control).first;
  }
  mlir::Value arenaBytes(mlir::Operation *control) {
    return arenas.lookup(control).second;
  }

private:
  llvm::LogicalResult visitCall(mlir::func::CallOp call);
  void visitLoop(LoopOp loop);
  void visitCond(CondOp cond);
  /// A tensor of this program that an argument of another one is: all of it, or
  /// a slice along axis 0.
  struct Passed {
    mlir::Value tensor;
    bool isSlice = false;
  };
  llvm::SmallVector<mlir::Value> callProgram(mlir::Operation *control,
                                             mlir::Region &region,
                                             llvm::ArrayRef<Passed> arguments);
  mlir::Value extentOf(mlir::Value tensor, int64_t axis);
  mlir::Value constant(int64_t n);

  mlir::func::FuncOp from, to;
  mlir::OpBuilder &b;
  const llvm::StringMap<ProgramSizes> &programs;
  llvm::DenseMap<mlir::Operation *, std::pair<int64_t, mlir::Value>> arenas;
  mlir::IRMapping indices;
  llvm::DenseMap<mlir::Value, llvm::SmallVector<mlir::Value>> extents;
  ExtentResolver resolver;
  mlir::SymbolTableCollection symbols;
};

} // namespace etch

#endif // ETCH_COMPILER_BUFFER_EXTENTS_H
