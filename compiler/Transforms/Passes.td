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
