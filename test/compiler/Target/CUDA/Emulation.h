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
  /// Its host code reads or writes arrays between launches.
  bool readsOnHost = false;
  bool usesScratch = false;           ///< some kernel does
  std::vector<std::string> operators; ///< in kernels
  int32_t precision = 0;  ///< etch_precision_t: how near results must be
  bool hasBounds = false; ///< the CPU's is a model with bounds (Model.h)

  /// Null with the reason in `problem`. `joins`: launches that can are one
  /// (see Join.h); such a program has its source alone.
  static std::unique_ptr<Program> compile(llvm::StringRef text,
                                          std::string name, int number,
                                          bool joins, int32_t precision,
                                          std::string &problem);
};

struct Outcome {
  std::string program;
  bool same = false;
  std::string text;
};

struct EmulationOptions {
  std::string header;    ///< the emulator
  bool sanitize = false; ///< with AddressSanitizer
  /// Through the runtime and a driver, whose kernels the emulator runs: arrays
  /// in the device's memory, every other time as a graph.
  bool device = false;
  /// The barrier of each kernel that is left out, counted from 1; 0: none. What
  /// the emulator is worth: it must see that.
  int missingBarrier = 0;
  /// The same for a value that a thread of a warp hands to another one: the
  /// other takes its own instead, or a thread does not take part.
  int missingShuffle = 0, partialShuffle = 0;
  /// The same for a wait for copies into shared memory.
  int missingWait = 0;
  /// The same for vectors that move where they are not aligned.
  bool ignoreAlignment = false;
};

/// Compiles the kernels of all programs behind the emulator and runs each
/// program under each schedule.
std::vector<Outcome> emulate(llvm::ArrayRef<std::unique_ptr<Program>> programs,
                             const EmulationOptions &options);

} // namespace etch::test

#endif // ETCH_TEST_COMPILER_TARGET_CUDA_EMULATION_H
