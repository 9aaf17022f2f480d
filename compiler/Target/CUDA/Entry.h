//===- Entry.h - The host's part of programs for devices ---------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TARGET_CUDA_ENTRY_H
#define ETCH_COMPILER_TARGET_CUDA_ENTRY_H

#include "compiler/Target/CPU/Entry.h"
#include "compiler/Target/CUDA/Kernel.h"

namespace etch::cuda {

/// The kernels of a module, by number.
struct Kernels {
  std::vector<std::unique_ptr<Kernel>> all;
  llvm::StringMap<size_t> numbers;
  std::vector<int64_t> firstGrids; ///< of each kernel
};

/// Emits all kernels of `module` into `device` and prints them.
llvm::FailureOr<std::string> emitKernels(mlir::ModuleOp module,
                                         mlir::ModuleOp device,
                                         Kernels &kernels);

/// `run` and `arena_bytes` of etch_module_t, with grids and flags.
llvm::FailureOr<cpu::EntryPoints> emitEntryPoints(mlir::ModuleOp module,
                                                  Kernels &kernels);

} // namespace etch::cuda

#endif // ETCH_COMPILER_TARGET_CUDA_ENTRY_H
