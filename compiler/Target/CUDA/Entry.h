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
#include "compiler/Target/CUDA/Library.h"

namespace etch::cuda {

/// The kernels of a module, by number.
struct Kernels {
  struct Entry {
    std::unique_ptr<Kernel> kernel;
    size_t number = 0;
    int64_t firstGrid = 0;
    /// What a library may do of it, and the number of the kernel of the rest.
    std::optional<LibraryWork> library;
    std::optional<size_t> rest;
    bool columnSum = false;
  };
  std::vector<Entry> entries;
  llvm::StringMap<size_t> numbers;
  /// Whether libraries are asked, and what they may do to operands.
  bool libraries = false;
  int32_t precision = 0;
  /// Whether the queue is told where launches begin.
  bool profile = false;
  /// Whether our own products may use tensor cores.
  bool tensorCores = true;
};

/// Emits all kernels of `module` into `device` and prints each of them.
llvm::FailureOr<std::vector<std::string>>
emitKernels(mlir::ModuleOp module, mlir::ModuleOp device, Kernels &kernels);

/// `run` and `arena_bytes` of etch_module_t, with grids and flags.
llvm::FailureOr<cpu::EntryPoints> emitEntryPoints(mlir::ModuleOp module,
                                                  Kernels &kernels);

} // namespace etch::cuda

#endif // ETCH_COMPILER_TARGET_CUDA_ENTRY_H
