//===- cuda.h - Graphics processors -----------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A machine without a graphics processor is a state, not an error: ask first.
//===----------------------------------------------------------------------===//
#ifndef ETCH_CUDA_H
#define ETCH_CUDA_H

#include <string>

namespace etch::cuda {

/// Whether programs can run on a graphics processor of this machine.
bool is_available() noexcept;
/// Why not; "" when they can.
std::string unavailable_reason();

} // namespace etch::cuda

#endif // ETCH_CUDA_H
