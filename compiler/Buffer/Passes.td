//===- Passes.td - tensors to planned memory ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_BUFFER_PASSES
#define ETCH_COMPILER_BUFFER_PASSES

include "mlir/Pass/PassBase.td"

def Order : Pass<"etch-order", "::mlir::ModuleOp"> {
  let summary = "Runs what frees memory early and what takes memory late.";
  let description = [{
    Before and after: what `etch-fuse` leaves. Calls, loops and branches of each
    program change places where that makes the largest set of values alive at
    once smaller: a parameter is updated as soon as its gradient is there and
    nothing reads its old value any more, instead of after the last gradient.
    What a program computes stays the same. A program is left as it is when
    no other order needs less.
  }];
  let options = [
    Option<"together", "together", "bool", /*default=*/"false",
           "Updates stay behind one another: the target runs them as one.">,
    Option<"sums", "sums", "bool", "false", "As that of etch-bufferize">,
  ];
}

def Bufferize : Pass<"etch-bufferize", "::mlir::ModuleOp"> {
  let summary = "Gives every tensor of the program a planned place in memory.";
  let description = [{
    Before: `main` is what `etch-fuse` leaves. After: `main` takes memrefs: the
    program's arguments, one for each result that updates no argument, if it
    prepares the memory for that (`etch.prepared_bytes`), and the
    arena, and holds device.launch, memref.copy and views. Kernels stay as they
    are. `arena_bytes`, a function of the arguments' extents, says how large the
    arena must be; `etch.arena_bytes`, `etch.live_bytes` (the largest set of
    values alive at once: no plan needs less) and `etch.saved_bytes` (what the
    forward part keeps for the backward part) say it for static programs.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::memref::MemRefDialect",
                           "::etch::device::DeviceDialect"];
  let options = [Option<"budget", "budget", "int64_t", "0",
                        "Bytes that the arena may take; 0 is no limit. A static "
                        "program that needs more is an error">,
                 Option<"guard", "guard", "bool", "false",
                        "Every buffer of known size ends where a page does, and "
                        "the next page is nobody's">,
                 Option<"sums", "sums", "bool", "false",
                        "What is computed beside sums may take the place of an "
                        "operand; the target's kernels must go along">,
                 Option<"describe", "describe", "bool", "false",
                        "Programs get `etch.plan`: what lives where and when">];
}

#endif // ETCH_COMPILER_BUFFER_PASSES
