//===- CodegenCUDA.h - Kernels to CUDA C++ -----------------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TARGET_CUDA_CODEGENCUDA_H
#define ETCH_COMPILER_TARGET_CUDA_CODEGENCUDA_H

#include "compiler/Target/CPU/CodegenCPU.h"

#include "mlir/IR/BuiltinOps.h"

#include <string>
#include <vector>

namespace etch::cuda {

/// A kernel as it is launched: its grids, one after the other. All arguments of
/// a stage's function are 8 bytes wide: the slots of the launch, the call's
/// error, the number of the operation, scratch memory.
struct KernelDescription {
  struct StageDescription {
    std::string function;
    int64_t threads = 0; ///< of a block
    int64_t sharedBytes = 0;
  };
  std::string name;
  std::vector<StageDescription> stages;
  int64_t numSlots = 0;
  bool canFail = false;
  bool usesScratch = false;
};

struct Source {
  std::string text; ///< CUDA C++, to stand behind the prelude
  /// C++ functions for the host, from the slots of a launch:
  /// `u64 k0_blocks0(u8 *slots)` (blocks of a stage's grid) and
  /// `u64 k0_scratch(u8 *slots)` (bytes of scratch memory).
  std::string host;
  std::vector<KernelDescription> kernels;
};

/// Prints all kernels (functions of etch ops) of a module, which stays as it
/// is. Fails with a diagnostic. `joins`: launches are joined first (Join.h).
llvm::FailureOr<Source> emitSource(mlir::ModuleOp module, bool joins = false,
                                   int32_t precision = 0);

struct DeviceOptions {
  std::vector<std::string> architectures; ///< "sm_90", "compute_90"
  /// Products and convolutions are asked of the vendor's libraries first.
  bool libraries = false;
  int32_t precision = 0; ///< etch_precision_t
};

/// A module of kernels and a bufferized `main` becomes host code in the LLVM
/// dialect, as from cpu::createCodegenPass(), with the kernels' code for the
/// device's architectures inside. Needs NVRTC.
std::unique_ptr<mlir::Pass>
createCodegenPass(const cpu::CodegenOptions &options, DeviceOptions device);

} // namespace etch::cuda

#endif // ETCH_COMPILER_TARGET_CUDA_CODEGENCUDA_H
