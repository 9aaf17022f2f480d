//===- Cuda.cpp - Graphics processors -------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/cuda.h"

namespace etch {

bool cuda::is_available() noexcept { return false; }

std::string cuda::unavailable_reason() {
  return "this build of Etch has no CUDA back end";
}

} // namespace etch
