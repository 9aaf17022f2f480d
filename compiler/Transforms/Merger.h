//===- Merger.h - equal ops are one ------------------------------*- C++-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TRANSFORMS_MERGER_H
#define ETCH_COMPILER_TRANSFORMS_MERGER_H

#include "mlir/IR/Operation.h"

#include "llvm/ADT/DenseMap.h"

#include <unordered_set>

namespace etch {

/// Knows the ops of a block that were visited, in order, and finds equals.
class Merger {
public:
  /// The first op that was asked for and equals `op`: the same in kind,
  /// attributes and operands. Null if there is none, or if `op` has effects,
  /// regions or several results; `op` is then what later equals find.
  mlir::Operation *find(mlir::Operation *op);

  /// Gives `op` its place, after all before it. Returns the op after it.
  mlir::Operation *pass(mlir::Operation *op);
  /// Gives `now` the place that `old` has.
  void replace(mlir::Operation *old, mlir::Operation *now);

  /// Where an op stands among those that have a place; else -1.
  int64_t positionOf(mlir::Operation *op) const;
  /// The same for what defines x: block arguments stand before all ops.
  int64_t positionOf(mlir::Value x) const;

private:
  struct Hash {
    size_t operator()(mlir::Operation *op) const;
  };
  struct Equal {
    bool operator()(mlir::Operation *a, mlir::Operation *b) const;
  };
  llvm::DenseMap<mlir::Operation *, int64_t> positions;
  int64_t next = 0;
  std::unordered_set<mlir::Operation *, Hash, Equal> seen;
};

} // namespace etch

#endif // ETCH_COMPILER_TRANSFORMS_MERGER_H
