//===- Presence.h - cotangents that are not there in every run --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A value that only one branch reads has a cotangent in some runs only: in the
// others nothing must come of it, not even zeros, for 0 * inf is NaN and -0 + 0
// is another zero. Its presence says so at run time: a tensor<i1>, or, of an
// array that holds values of iterations, one for each of its rows (its leading
// axes). What a rule computes from an absent cotangent becomes -0, which leaves
// every sum as it is, by a `select` of its own kind: differentiated, it hands
// on presence.
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TRANSFORMS_PRESENCE_H
#define ETCH_COMPILER_TRANSFORMS_PRESENCE_H

#include "dialects/Etch/EtchDialect.h"

namespace etch {

/// On a select: either side is absent where the other one is taken.
inline constexpr llvm::StringLiteral kPresenceAttr = "etch.presence";

/// Presences, folded as far as they are known. Null: in every run.
mlir::Value buildBool(mlir::OpBuilder &b, mlir::Location loc, bool value);
mlir::Value buildAnd(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x,
                     mlir::Value y);
mlir::Value buildOr(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x,
                    mlir::Value y);
mlir::Value buildNot(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);
/// The same for each row of `array`, whose first `rank` axes count.
mlir::Value spreadPresence(mlir::OpBuilder &b, mlir::Location loc,
                           mlir::Value present, mlir::Value array,
                           int64_t rank);
/// Of how many axes the rows are: 0 of one value.
int64_t rankOf(mlir::Value present);
/// Whether it is this number.
bool isBool(mlir::Value x, bool value);

/// x where it is present, else `other` everywhere; x itself without presence.
mlir::Value masked(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x,
                   mlir::Value present, double other = -0.0);
/// What decides a select of this kind; null if op is none.
mlir::Value presenceOf(mlir::Operation *op);

/// What follows for presences from what is assumed of some of them.
class Knowledge {
public:
  /// The arguments of `border` are known by assumption only.
  explicit Knowledge(mlir::Block *border) : border(border) {}

  void assume(mlir::Value x, bool value) { known[x] = value; }
  /// x is an integer.
  void assumeNotZero(mlir::Value x) { notZero.insert(x); }
  /// Whether x holds; nothing if that does not follow.
  std::optional<bool> of(mlir::Value x);

private:
  std::optional<bool> find(mlir::Value x);
  std::optional<bool> ofSelect(SelectOp select);
  std::optional<bool> ofResult(mlir::OpResult x);
  std::optional<bool> ofArgument(mlir::BlockArgument x);

  mlir::Block *border;
  llvm::DenseSet<mlir::Value> notZero;
  llvm::DenseMap<mlir::Value, std::optional<bool>> known;
};

} // namespace etch

#endif // ETCH_COMPILER_TRANSFORMS_PRESENCE_H
