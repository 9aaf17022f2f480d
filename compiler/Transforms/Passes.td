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

def Reroll : EtchPass<"reroll"> {
  let summary = "Makes a loop of ops that were written again and again.";
  let description = [{
    Where `main` computes the same several times, each time from what the time
    before has made, from the next slice of an array, or from the same values,
    this becomes one etch.loop. Comes before `etch-differentiate`, so that the
    backward part is one, too. Keeps every bit. A program that takes gradients of
    gradients stays as it is, and so do rounds of which gradients take values
    other than the last. Ops that one kernel computes element by element stay
    together in rounds of about one kernel.
  }];
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
  let options = [Option<"minimal", "minimal", "bool", "false",
                        "Only what comes after must hold">];
}

def Relax : EtchPass<"relax"> {
  let summary = "Writes sums and products with fewer ops; for mode `fast`.";
  let description = [{
    Like terms become one, terms with a common factor share its product, numbers
    of a product become one. The result may differ from that of the ops as they
    stood by a few units in the last place of the sum of the absolute values of
    the terms; it is finite where that sum is.

    A mean and a variance along axes, the first among them, take one pass over
    the array: around the mean of the first part along that axis, one of N. The
    variance may differ by N units in its last place times those of a sum. Sums
    of what is left of an array without its mean take none.
  }];
}

def Contract : EtchPass<"contract"> {
  let summary = "Marks sums that may take a product in; for mode `fast`.";
  let description = [{
    a * b + c is rounded once instead of twice if nobody else reads the product.
    Comes after fusion, when it is known what is in one kernel. Convolutions are
    marked, too: their sums may be formed in other ways than by chains, within a
    bound that the target states.
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

def InsertChecks : EtchPass<"insert-checks"> {
  let summary = "Looks at every computed value for NaN and infinity.";
  let description = [{
    Behind each op that computes floats comes an etch.check of its result, which
    takes its place. Nothing is fused across a check, so that the first op that
    gives such a value is the one that is named.
  }];
  let options = [Option<"values", "values", "bool", "true",
                        "Looks for NaN and infinity">,
                 Option<"bounds", "bounds", "bool", "true",
                        "Looks at starts of slices that are data">];
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

def ChannelsLast : EtchPass<"channels-last"> {
  let summary = "Keeps images with channels last between convolutions.";
  let description = [{
    For devices whose convolutions want them so, in mode `fast`. Where it saves
    more than it costs, arrays of images (N, C, H, W) become (N, H, W, C), and
    what is computed from them element by element, summed, pooled, sliced or
    placed is written on these. A convolution, and what it is computed from,
    stands between transposes, marked `etch.channels_last`: `etch-fuse` makes
    them part of its kernel. Convolutions whose windows see one place each
    become products of matrices. Sums come in another order. Comes before
    `etch-expand`.
  }];
}

def Expand : EtchPass<"expand"> {
  let summary = "Replaces ops by the canonical ones that back ends know.";
  let description = [{
    After: reductions take axis 1 of three and drop it, matrix products have at
    most one batch axis; means and sums to a shape are gone; images of
    convolutions whose windows see one place each have one row.
  }];
  let options = [Option<"minimal", "minimal", "bool", "false",
                        "What comes out is not simplified">];
}

def Freeze : EtchPass<"freeze"> {
  let summary = "Computes once what depends on states alone.";
  let description = [{
    For programs whose states keep their contents from call to call. Ops of main
    that depend on states, literals and constants alone, with known extents, move
    into an etch.prepare at its start, unless what others read of them is cheap
    to make again from less memory than it takes itself. Literals that it reads
    are marked `etch.prepares`. Comes after all merging of equal ops and before
    fusion, so that no kernel has parts of both kinds. Keeps every bit. A program
    that updates states is an error.
  }];
}

def Rematerialise : EtchPass<"rematerialise"> {
  let summary = "Computes values of the forward part again for the backward part.";
  let description = [{
    The forward part of `main` is cut into `segments` of about equal bytes. What
    goes from one into the next is kept. Other values that the backward part
    reads are computed again where it first does so, those first that cost the
    least work for each byte, up to `share` percent of their bytes. Keeps every
    bit: the same ops compute the same values.
  }];
  let options = [Option<"segments", "segments", "int64_t", "0",
                        "Of the forward part; 0: nothing is computed again">,
                 Option<"products", "products", "bool", "false",
                        "Matrix products and convolutions, too">,
                 Option<"share", "share", "int64_t", "100",
                        "Percent of the bytes that are computed again">];
}

def Recompute : EtchPass<"recompute"> {
  let summary = "Computes cheap values of arguments again where backward uses them.";
  let description = [{
    A forward value that takes a few instructions to compute from arguments, or
    from values that are kept anyway, is computed again in front of each backward
    op that reads it, if only pointwise ones do: it need not be kept from the
    forward to the backward part. An array that is gone from the near caches by
    then may take more of them; if few will do, or few beside what they do with
    it, it is made again, once, for products, too. So is what a short product of
    batches makes of much smaller arrays, as an attention's scores are. Comes
    after all merging of equal ops and right before `etch-fuse`.
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
  let options = [Option<"alone", "alone", "bool", "false",
                        "Every op is a kernel of its own">,
                 Option<"updates", "updates", "bool", "false",
                        "Products may update states (see ProductUpdates)">];
}

def Stage : EtchPass<"stage"> {
  let summary = "Makes one kernel of several that work row by row.";
  let description = [{
    A kernel that computes rows of its results from the same rows of what another
    makes passes over a few rows right behind it: what is between them stays in
    the nearest cache. Groups of kernels with a reduction among them become one
    kernel, marked `etch.rows`; `etch.stage` tells which of them an op comes from.
    For targets that know such kernels.
  }];
}

def Narrow : EtchPass<"narrow"> {
  let summary = "Stores large arrays between kernels as bfloat16.";
  let description = [{
    For mode `fast` with precision bf16, on targets whose kernels widen and narrow
    as they load and store. Arrays of f32 that kernels make for other kernels
    become tensors of bf16 in programs; kernels that meet them begin with
    arith.extf of their arguments and end with arith.truncf of their results.
    Arguments, states and results of the program stay as they are, so do sums,
    arrays of less than 4096 elements, what is made for states alone, except by a
    convolution, and what a result is computed from in one step. Of what products
    read together with such arrays there are copies.
  }];
}

def PoolConvolutions : EtchPass<"pool-convolutions"> {
  let summary = "Lets convolutions end in the pool of their result.";
  let description = [{
    Where a pool of values is all that reads what a convolution, and what follows
    it in its kernel, makes, both become one kernel, if the target can: nothing
    of the larger array is in memory. Keeps every bit.
  }];
}

#endif // ETCH_COMPILER_TRANSFORMS_PASSES
