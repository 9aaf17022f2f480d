//===- Emulation.h - A program with emulated kernels -------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_TEST_COMPILER_TARGET_CUDA_EMULATION_H
#define ETCH_TEST_COMPILER_TARGET_CUDA_EMULATION_H

#include "compiler/Target/CUDA/CodegenCUDA.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"

#include <memory>
#include <string>
#include <vector>

namespace etch::test {

/// A program compiled for the CPU, and its kernels for CUDA.
struct Program {
  std::string name;
  std::string prefix; ///< of the emulated kernels' names
  cuda::Source source;
  /// Shared objects: all the CPU's, and one whose kernels are somewhere else.
  llvm::SmallVector<char> cpu, open;

  /// Null with the reason in `problem`.
  static std::unique_ptr<Program> compile(llvm::StringRef text,
                                          std::string name, int number,
                                          std::string &problem);
};

struct Outcome {
  std::string program;
  bool same = false;
  std::string text;
};

/// Compiles the kernels of all programs behind `header`, the emulator, and runs
/// each program under each schedule. `sanitize`: with AddressSanitizer.
std::vector<Outcome> emulate(llvm::ArrayRef<std::unique_ptr<Program>> programs,
                             const std::string &header, bool sanitize);

} // namespace etch::test

#endif // ETCH_TEST_COMPILER_TARGET_CUDA_EMULATION_H
