//===- Simplifier.h - simplification in one forward sweep ----------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TRANSFORMS_SIMPLIFIER_H
#define ETCH_COMPILER_TRANSFORMS_SIMPLIFIER_H

#include "compiler/Transforms/Merger.h"

#include "dialects/Etch/Extents.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Rewrite/FrozenRewritePatternSet.h"
#include "mlir/Rewrite/PatternApplicator.h"

namespace etch {

/// Visits the ops of a block in order, each once: folds it, applies the
/// canonicalization patterns of the etch dialect, orders the operands of a
/// commutative op by position, replaces it if an equal op came before. Linear
/// in the number of ops, for patterns look at operands only.
class Simplifier {
public:
  explicit Simplifier(mlir::MLIRContext *context);

  /// Whether the ops that matter to differentiation only are removed, too:
  /// custom_vjp, stop_gradient, `etch.nograd`.
  bool gradientsAreDone = false;
  /// Whether equal ops are merged.
  bool merges = true;
  /// Whether nothing is done but what the above asks for.
  bool minimal = false;

  /// Simplifies `op`, all ops before it having been visited. Returns the op to
  /// visit next, null at the end of the block.
  mlir::Operation *visit(mlir::Operation *op);

  /// Erases ops without uses, last to first, in regions, too. Ends the use of
  /// this object.
  static void eraseDead(mlir::Block &block);

private:
  void simplifyControl(mlir::Operation *op);
  mlir::Operation *simplifyInPlace(mlir::Operation *op);
  void orderOperands(mlir::Operation *op);

  mlir::FrozenRewritePatternSet patterns;
  mlir::PatternApplicator applicator;
  mlir::PatternRewriter rewriter;
  ExtentResolver resolver;
  Merger merger;
};

/// Simplifies the body of a function, and the regions in it, without regard to
/// gradients.
void simplify(mlir::func::FuncOp function, bool minimal = false);

} // namespace etch

#endif // ETCH_COMPILER_TRANSFORMS_SIMPLIFIER_H
