//===- Entry.h - The module's run function and tables ------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TARGET_CPU_ENTRY_H
#define ETCH_COMPILER_TARGET_CPU_ENTRY_H

#include "compiler/Target/CPU/Kernel.h"

namespace etch::cpu {

using Kernels = llvm::StringMap<std::unique_ptr<Kernel>>;

/// `run` and `arena_bytes` of etch_module_t, from the functions of these names
/// (`main`, `arena_bytes`) that bufferization leaves.
struct EntryPoints {
  mlir::LLVM::LLVMFuncOp run, arenaBytes;
  int64_t numLaunches = 0;
  // Of programs for a device: see etch_module_t.
  struct Grid {
    std::string function;
    int64_t threads = 0, numArguments = 0;
  };
  std::vector<Grid> grids;
  uint32_t flags = 0;
};
llvm::FailureOr<EntryPoints> emitEntryPoints(mlir::ModuleOp module,
                                             Kernels &kernels,
                                             const CodegenOptions &options);

/// The constant tables and the exported query function.
void emitTables(mlir::ModuleOp module, mlir::func::FuncOp main,
                EntryPoints entry, size_t numKernels,
                const CodegenOptions &options);

/// Constants that main names become one LLVM array each.
void emitConstants(mlir::ModuleOp module);

/// Lowers scf, arith, math and vector in LLVM functions to the LLVM dialect.
llvm::LogicalResult lowerToLLVM(mlir::ModuleOp module);

} // namespace etch::cpu

#endif // ETCH_COMPILER_TARGET_CPU_ENTRY_H
