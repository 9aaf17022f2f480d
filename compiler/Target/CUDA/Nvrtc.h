//===- Nvrtc.h - CUDA C++ to machine code ------------------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// NVRTC is looked for when it is first asked for: a machine without it compiles
// for other targets. No header of CUDA is needed.
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TARGET_CUDA_NVRTC_H
#define ETCH_COMPILER_TARGET_CUDA_NVRTC_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <string>
#include <vector>

namespace etch::cuda {

/// What a kernel takes of the device.
struct KernelUsage {
  std::string function;
  int registers = 0;
  int64_t sharedBytes = 0, stackBytes = 0, spillBytes = 0;
};

struct Cubin {
  std::string bytes;
  std::vector<KernelUsage> usage;
};

/// "13.0", or an error that says where NVRTC was looked for.
llvm::Expected<std::string> nvrtcVersion();

/// Compiles for one architecture ("sm_90"; "compute_90" gives PTX). Exact
/// arithmetic: no contraction, no flush to zero. An error holds the compiler's
/// log. May run in several threads.
llvm::Expected<Cubin> compileToCubin(llvm::StringRef text,
                                     llvm::StringRef architecture);

struct CubinRequest {
  llvm::StringRef text, architecture;
};

/// The code of each request, compiled in parallel. What has been compiled
/// before, by this version of NVRTC, comes from the user's cache.
std::vector<llvm::Expected<std::string>>
compileToCode(llvm::ArrayRef<CubinRequest> requests);

/// What `ptxas -v` says of the kernels it compiled.
std::vector<KernelUsage> parseUsage(llvm::StringRef log);

} // namespace etch::cuda

#endif // ETCH_COMPILER_TARGET_CUDA_NVRTC_H
