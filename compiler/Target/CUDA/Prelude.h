//===- Prelude.h - What printed kernels rely on ------------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TARGET_CUDA_PRELUDE_H
#define ETCH_COMPILER_TARGET_CUDA_PRELUDE_H

#include "llvm/ADT/StringRef.h"

namespace etch::cuda {

/// CUDA C++ in front of every file of kernels. It includes nothing. An emulator
/// that defines ETCH_EMULATOR gives the functions of the device itself.
llvm::StringRef preludeText();

/// In front of kernels that use tensor cores, too (see TensorCores.h).
llvm::StringRef productText();

} // namespace etch::cuda

#endif // ETCH_COMPILER_TARGET_CUDA_PRELUDE_H
