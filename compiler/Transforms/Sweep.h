//===- Sweep.h - reverse mode over the ops of a block -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TRANSFORMS_SWEEP_H
#define ETCH_COMPILER_TRANSFORMS_SWEEP_H

#include "dialects/Etch/EtchDialect.h"

namespace etch {

/// On a loop or branch: how many of its outputs, the last ones, are kept for
/// backward ones. Their readers come after those of all others.
inline constexpr llvm::StringLiteral kKeptAttr = "etch.kept";

/// Whether values of this type have gradients.
bool isFloating(mlir::Value x);
/// The operands through which a gradient may flow.
mlir::OperandRange gradientOperands(mlir::Operation *op);
bool mayHaveGradient(mlir::Operation *op);

/// A cotangent so far, and the tensor<i1> that says whether there is one: null
/// if there is in every run.
struct CotangentSum {
  mlir::Value value, present;
};

/// Turns cotangents of results into those of operands, op after op. What
/// reaches a value adds up left to right, onto what is there.
class Sweep {
public:
  /// New ops are written through `b`.
  explicit Sweep(mlir::OpBuilder &b) : b(b) {}

  mlir::OpBuilder &b;
  /// Values on which a variable's gradient depends.
  llvm::DenseSet<mlir::Value> active;
  llvm::DenseMap<mlir::Value, mlir::Value> cotangents;
  /// Of cotangents that are not there in every run: see Presence.h.
  llvm::DenseMap<mlir::Value, mlir::Value> presence;
  /// Whether what comes of this is differentiated again. Then no value may be
  /// there twice: its cotangents would add up in another order.
  bool again = false;
  /// Told when a loop gives way to one that keeps values.
  std::function<void(mlir::Operation *, mlir::Operation *)> replaced;

  /// Marks what depends on active values, in a block's ops in order.
  void activate(mlir::Block &block);
  /// Visits a block's ops, last to first, up to `last`.
  llvm::LogicalResult visitAll(llvm::ArrayRef<mlir::Operation *> ops);
  llvm::LogicalResult visit(mlir::Operation *op);
  /// Adds to x's cotangent, if there is something to add and x is active. Where
  /// gx is absent it must be -0.
  void add(mlir::Value x, mlir::Value gx, mlir::Location loc,
           mlir::Value present = {});
  /// The same; makes gx -0 where it is absent.
  void addMasked(mlir::Value x, mlir::Value gx, mlir::Location loc,
                 mlir::Value present);
  /// The cotangent that x has so far.
  CotangentSum sumOf(mlir::Value x) const;
  /// Takes it: the start of another sum.
  CotangentSum take(mlir::Value x);
  /// Puts `now`, which has further results, into the place of `old`.
  void replace(mlir::Operation *old, mlir::Operation *now);

private:
  llvm::SmallVector<mlir::Value> inlineRule(CustomVjpOp op,
                                            mlir::ValueRange gys);
  void visitPresence(SelectOp select, mlir::Value condition);
};

/// The backward loop of a loop, which gives way to one that keeps what that
/// needs (DifferentiateLoop.cpp).
llvm::LogicalResult visitLoop(Sweep &sweep, LoopOp loop);
/// The branches of the backward part compute their forward again, or a branch
/// that keeps it takes the place of `cond` (DifferentiateCond.cpp).
llvm::LogicalResult visitCond(Sweep &sweep, CondOp cond);

} // namespace etch

#endif // ETCH_COMPILER_TRANSFORMS_SWEEP_H
