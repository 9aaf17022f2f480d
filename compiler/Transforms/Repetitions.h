//===- Repetitions.h - the same ops again and again -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TRANSFORMS_REPETITIONS_H
#define ETCH_COMPILER_TRANSFORMS_REPETITIONS_H

#include "dialects/Etch/EtchDialect.h"

namespace etch {

/// The ops of a block, numbered in their order.
class OpSequence {
public:
  explicit OpSequence(mlir::Block &block);

  size_t size() const { return ops.size(); }
  mlir::Operation *operator[](size_t i) const { return ops[i]; }
  /// The number of the op that defines x; -1 if none of these does.
  int64_t definition(mlir::Value x) const;

private:
  llvm::SmallVector<mlir::Operation *> ops;
  llvm::DenseMap<mlir::Operation *, int64_t> numbers;
};

/// Ops [first, last) of which each but the first `period` does what the one
/// `period` ops before it did, with values made `period` ops later or the same
/// values. In [from, first) may stand ops of a first round, which differ in
/// values that they take from before.
struct Repetition {
  size_t from, first, last, period;

  size_t rounds() const { return (last - from) / period; }
};

/// Whether a loop may take this op.
bool isRepeatable(mlir::Operation *op);
/// Whether b is a with other operands, starts of a slice, or another number.
bool areAlike(mlir::Operation *a, mlir::Operation *b);

/// Repetitions of at least `rounds` rounds, those that repeat most first; they
/// may overlap. Takes linear time.
llvm::SmallVector<Repetition> findRepetitions(const OpSequence &ops,
                                              size_t rounds);

} // namespace etch

#endif // ETCH_COMPILER_TRANSFORMS_REPETITIONS_H
