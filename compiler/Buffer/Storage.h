//===- Storage.h - which value lives where -------------------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_BUFFER_STORAGE_H
#define ETCH_COMPILER_BUFFER_STORAGE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/SymbolTable.h"

namespace etch {

enum class Place { argument, result, arena, constant, prepared };

/// One piece of memory that holds one value from step `begin` (before 0: since
/// the start) to step `end`. Steps count launches, loops and branches; copies
/// to results and states are one step after the last.
struct Buffer {
  mlir::Value value; ///< the tensor that defines it; others alias it
  Place place = Place::arena;
  /// Of the argument, the result, the arena's slot, what is prepared.
  unsigned number = 0;
  int64_t begin = -1, end = -1;
};

/// A copy that ends the program: to the storage of an argument or a result.
struct FinalCopy {
  mlir::Value value; ///< what is returned: an alias of the buffer `from`
  unsigned from;
  Place to; ///< argument or result
  unsigned number;
  mlir::Location loc;
  /// What `from` holds is overwritten by another copy: saved in this slot
  /// first.
  std::optional<unsigned> savedIn = std::nullopt;
};

/// What may take the place of another value in the arena, or be computed where
/// one that it is computed from lies: nothing; elements of those of pointwise
/// kernels; also where such kernels sum what they compute.
enum class Reuse { none, elements, sums };

/// Decides, for what `etch-fuse` left, which value lives in which memory.
class Storage {
public:
  explicit Storage(mlir::func::FuncOp main, Reuse reuse);

  mlir::func::FuncOp main;
  const Reuse reuse;
  llvm::SmallVector<Buffer> buffers;
  llvm::DenseMap<mlir::Value, unsigned> bufferOf;
  llvm::SmallVector<FinalCopy> copies;
  /// First and last step of each slot of the arena. It holds a value, or is the
  /// arena of a loop or branch.
  struct Slot {
    mlir::Value value;
    int64_t begin, end;
    mlir::Operation *control = nullptr;
  };
  llvm::SmallVector<Slot> slots;
  llvm::DenseMap<mlir::Operation *, unsigned> slotOf; ///< of loops, branches
  /// Of what is prepared: where it lies in its memory, and how large that is.
  llvm::SmallVector<int64_t> preparedOffsets;
  int64_t preparedBytes = 0;
  int64_t numSteps = 0;
  llvm::SmallVector<mlir::Operation *> steps;

  /// Whether two values' buffers are one piece of memory.
  bool sharePlace(mlir::Value x, mlir::Value y) const {
    const Buffer &a = buffers[bufferOf.lookup(x)];
    const Buffer &b = buffers[bufferOf.lookup(y)];
    return a.place == b.place && a.number == b.number;
  }

  /// The number of steps if there is none.
  int64_t firstBackwardStep() const;

private:
  void findLifetimes();
  void placeResults();
  void placeOthers();
  bool mayOverwrite(unsigned buffer, const Buffer &by);
  bool readInPlace(mlir::Operation *step, unsigned buffer, mlir::Value result);
  bool isInitOf(mlir::Operation *step, unsigned buffer, mlir::Value result);
  bool isPointwiseArgument(mlir::func::FuncOp kernel, unsigned argument);
  bool isCheck(mlir::Operation *step);

  mlir::SymbolTableCollection symbols;
};

/// The number of the argument that result `i` of main updates, if any.
std::optional<unsigned> updatedArgument(mlir::func::FuncOp main, unsigned i);

} // namespace etch

#endif // ETCH_COMPILER_BUFFER_STORAGE_H
