//===- Passes.td - the walls between phases -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each fails if its phase left something that the next one does not know: a
// fault of the compiler, never of the program.
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_PIPELINES_PASSES
#define ETCH_COMPILER_PIPELINES_PASSES

include "mlir/Pass/PassBase.td"

class VerifyPass<string phase> : Pass<"etch-verify-" # phase,
                                      "::mlir::ModuleOp">;

def VerifyDifferentiate : VerifyPass<"differentiate"> {
  let summary = "No etch.gradient is left.";
}
def VerifySimplify : VerifyPass<"simplify"> {
  let summary = "No op is left that matters to differentiation only.";
}
def VerifyFuse : VerifyPass<"fuse"> {
  let summary = "main calls kernels, and reshapes what is dense.";
}
def VerifyBufferize : VerifyPass<"bufferize"> {
  let summary = "main launches kernels on memory; no tensor is left in it.";
}

#endif // ETCH_COMPILER_PIPELINES_PASSES
