//===- Passes.td - graph to graph -----------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TRANSFORMS_PASSES
#define ETCH_COMPILER_TRANSFORMS_PASSES

include "mlir/Pass/PassBase.td"

class EtchPass<string flag> : Pass<"etch-" # flag, "::mlir::ModuleOp"> {
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::tensor::TensorDialect",
                           "::mlir::func::FuncDialect"];
}

def Differentiate : EtchPass<"differentiate"> {
  let summary = "Replaces etch.gradient by the ops of the gradient rules.";
  let description = [{
    After: no etch.gradient. The new ops carry `etch.backward` and the locations
    of the ops that they differentiate; equal ones among them are merged, so a
    gradient of a gradient grows as its value does, not as its derivation. An op
    without a gradient on the way from a variable is an error.
  }];
}

def Simplify : EtchPass<"simplify"> {
  let summary = "Computes equal values once and dead ones not at all.";
  let description = [{
    Before: no etch.gradient. Folds, canonicalizes, orders the operands of
    commutative ops, merges equal ops and erases dead ones; all of it keeps
    every bit. After: no etch.custom_vjp, no etch.stop_gradient, and symbolic
    extents depend on arguments only.
  }];
}

def Hoist : EtchPass<"hoist"> {
  let summary = "Moves out of loops what need not be repeated.";
  let description = [{
    Ops on captures alone go to the front of the loop. Products of slices of an
    input with a capture become one product in front of it, those that are
    nothing but outputs one behind it. Keeps every bit.
  }];
}

def RecomputeKept : EtchPass<"recompute-kept"> {
  let summary = "Computes cheap values of iterations again instead of keeping them.";
  let description = [{
    Where one loop reads what another has yielded, slice by slice, and this takes
    a few instructions to compute from what lies in memory anyway, it is computed
    by the reader. Comes after all gradients: computed twice, a value has two
    sums of cotangents.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}

def OutlineRegions : EtchPass<"outline-regions"> {
  let summary = "Makes the regions of loops and branches programs of their own.";
  let description = [{
    After: each region of an etch.loop or etch.cond holds one call of a private
    function marked `etch.program` that is to be treated as main is: a loop's
    states are its `etch.state` arguments, which its results update. A function
    stands before those that use it.
  }];
}

def Expand : EtchPass<"expand"> {
  let summary = "Replaces ops by the canonical ones that back ends know.";
  let description = [{
    After: reductions take axis 1 of three and drop it, matrix products have at
    most one batch axis; means and sums to a shape are gone.
  }];
}

def Recompute : EtchPass<"recompute"> {
  let summary = "Computes cheap values of arguments again where backward uses them.";
  let description = [{
    A forward value that takes a few instructions to compute from arguments, or
    from values that are kept anyway, is computed again in front of each backward
    op that reads it, if only pointwise ones do: it need not be kept from the
    forward to the backward part. Comes after all merging of equal ops and right
    before `etch-fuse`.
  }];
  // Bodies are written, and thrown away, to see how long they are.
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}

def Fuse : EtchPass<"fuse"> {
  let summary = "Groups ops into kernels and outlines them.";
  let description = [{
    Before: `main` holds canonical etch ops. After: `main` holds calls of
    kernels, reshapes of dense values, constants that are no splats, and
    arithmetic on extents. A kernel is a private function marked `etch.kernel`,
    still of etch ops: a pointwise group, a reduction with what feeds and what
    follows it, a matmul with what follows it, or one indexed op. Kernels of
    equal structure are one.
  }];
}

#endif // ETCH_COMPILER_TRANSFORMS_PASSES
