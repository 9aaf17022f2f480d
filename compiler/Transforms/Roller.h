//===- Roller.h - rounds of ops become a loop -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TRANSFORMS_ROLLER_H
#define ETCH_COMPILER_TRANSFORMS_ROLLER_H

#include "compiler/Transforms/Repetitions.h"

#include "dialects/Etch/Extents.h"

#include "llvm/ADT/EquivalenceClasses.h"

namespace etch {

/// What gradients of a block need.
struct GradientFlow {
  explicit GradientFlow(mlir::Block &block);

  /// Whether x's cotangent comes through this use.
  bool comesThrough(mlir::OpOperand &use) const;

  llvm::DenseSet<mlir::Value> needed; ///< what is differentiated depends on
  llvm::DenseSet<mlir::Value> wanted; ///< depend on what has a gradient
  bool hasSecondOrder = false;        ///< a gradient depends on another one
};

/// Symbolic extents that are equal: operands of an op have the same shape where
/// it takes them element by element.
class EqualExtents {
public:
  explicit EqualExtents(mlir::Block &block);

  /// Whether this axis is as long in both.
  bool areEqual(mlir::Value a, mlir::Value b, unsigned axis);

private:
  using Source = std::pair<const void *, int64_t>;
  Source sourceOf(mlir::Value x, unsigned axis);

  ExtentResolver resolver;
  llvm::EquivalenceClasses<Source> equal;
};

/// `rounds` rounds of `period` ops, the first of them number `first`.
class Roller {
public:
  Roller(const OpSequence &ops, const GradientFlow &flow, EqualExtents &extents,
         size_t first, size_t period, size_t rounds)
      : ops(ops), flow(flow), extents(extents), first(first), period(period),
        rounds(rounds) {}

  /// Whether a loop can take their place and is worth it.
  bool check();
  /// Writes the loop. The ops lose their operands and uses; they are to be
  /// erased.
  void write();

private:
  /// What an op of the body reads.
  struct Source {
    enum Kind { local, state, capture, extent } kind;
    unsigned number; ///< op of the round, state or capture
    mlir::Value outside;
  };
  struct State {
    unsigned op;      ///< of the round, that makes the next one
    mlir::Value init; ///< null: zeros, which nobody reads
  };
  /// A slice whose start moves on.
  struct Moving {
    int64_t axis = -1, start = 0, step = 0;
    int slice = -1; ///< it is the slice of this input; -1: slice_at
  };

  mlir::Operation *at(size_t round, size_t m) const {
    return ops[first + round * period + m];
  }
  bool isInside(mlir::Operation *op) const;
  std::optional<Source> sourceOf(unsigned m, unsigned operand);
  unsigned stateOf(unsigned m, mlir::Value init);
  unsigned captureOf(mlir::Value x);
  bool checkAttributes(unsigned m);
  bool checkSlice(unsigned m);
  bool isReadBy(mlir::Value x, unsigned m);
  bool checkResult(unsigned m);
  bool hasSameShape(mlir::Value a, mlir::Value b);
  mlir::Value inputOf(SliceOp slice, const Moving &moving, mlir::OpBuilder &b);
  mlir::Value numbersOf(unsigned m, mlir::OpBuilder &b);
  mlir::Value writeOp(unsigned m, mlir::OpBuilder &b, mlir::Block &body,
                      llvm::ArrayRef<mlir::Value> made);
  void replaceResults(mlir::OpBuilder &b, LoopOp loop);

  const OpSequence &ops;
  const GradientFlow &flow;
  EqualExtents &extents;
  size_t first, period, rounds;

  llvm::SmallVector<llvm::SmallVector<Source, 2>> sources; ///< by op
  llvm::SmallVector<State> states;
  llvm::SmallVector<mlir::Value> captures;
  llvm::DenseMap<unsigned, Moving> moving;
  llvm::DenseMap<unsigned, unsigned> numbers; ///< by constant: its input
  llvm::SmallVector<unsigned> inputs;         ///< the op that each is for
  llvm::SmallVector<unsigned> rows;           ///< ops whose results are kept
  llvm::BitVector asFinal;                    ///< the last result is a state's
};

} // namespace etch

#endif // ETCH_COMPILER_TRANSFORMS_ROLLER_H
