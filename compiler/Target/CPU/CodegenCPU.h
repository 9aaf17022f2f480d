//===- CodegenCPU.h - Bufferized programs to LLVM, for CPUs ------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TARGET_CPU_CODEGENCPU_H
#define ETCH_COMPILER_TARGET_CPU_CODEGENCPU_H

#include "dialects/Etch/EtchDialect.h"

#include "mlir/Pass/Pass.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace etch::cpu {

struct CodegenOptions {
  /// Bits of the widest vector register to use: 128, 256 or 512. The bits of
  /// results do not depend on it.
  unsigned vectorBits = 256;
  /// Bytes of the cache behind the nearest one, of one core.
  int64_t cacheBytes = 1 << 20;
  /// Rather less code than the last few percent of speed.
  bool quick = false;
  /// Matrix products round operands of f32 to bfloat16 (see GemmAmx.cpp);
  /// `amx`: by the target's tile registers where the machine lets them be used.
  bool bf16 = false, amx = false;
  /// The exported query function.
  std::string query = "etch_query";
  /// What the module says of itself (see etch_module_t).
  std::string name = "etch";
  std::string target = "";
  uint64_t programHash = 0;
  /// Kernels are named after what they compute: "k3.matmul.tanh".
  bool descriptiveNames = false;
  /// Launches leave their times at the start of the arena, in this many bytes,
  /// a log of `profileCapacity` entries (see driver::ProfileLayout); 0: none.
  int64_t profileBytes = 0, profileCapacity = 0;
  /// Code of kernels that run on a device.
  struct Image {
    std::string architecture, code;
  };
  std::vector<Image> images;
};

/// Whether the kernel of a convolution, with vectors of so many bits, can end
/// in a pool of what follows it (see etch-pool-convolutions).
bool endsInPool(Conv2dOp op, MaxPoolIndexOp pool, unsigned vectorBits);

/// Pass `etch-codegen-cpu`: a module of kernels (functions of etch ops) and a
/// bufferized `main` becomes a module of the LLVM dialect with the C ABI of
/// etch/runtime.h.
std::unique_ptr<mlir::Pass> createCodegenPass(const CodegenOptions &options);

/// Makes the pass known by name to command lines.
void registerCodegenPass();

} // namespace etch::cpu

#endif // ETCH_COMPILER_TARGET_CPU_CODEGENCPU_H
