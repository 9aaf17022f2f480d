//===- Gelu.h - Products with a gelu, forward and backward ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TARGET_CUDA_GELU_H
#define ETCH_COMPILER_TARGET_CUDA_GELU_H

#include "compiler/Target/CUDA/Library.h"

#include "dialects/Device/DeviceDialect.h"

#include <vector>

namespace etch::cuda {

/// A product, and the launch behind it that takes its result z: to gelu(z), or,
/// of a product g, to the gradient g gelu'(z). gelu is that by tanh.
struct GeluPair {
  device::LaunchOp product, rest;
  unsigned result = 0; ///< of `rest`: gelu, or the gradient
  int sum = -1;        ///< of `rest`: sums of the gradient's rows; -1: none
  int bias = -1; ///< an argument of `rest` that it adds to z first; -1: none
  /// Of gradients: whose result is z. Of others: null.
  device::LaunchOp forward;
};

/// Those of a list of launches that a library can do in one. Of `rest` nothing
/// else is needed, or by gradients of the list alone. What stands between a
/// product and its `rest` is moved in front of both.
std::vector<GeluPair>
findGelus(mlir::Block &main,
          llvm::function_ref<const LibraryWork *(device::LaunchOp)> workOf);

} // namespace etch::cuda

#endif // ETCH_COMPILER_TARGET_CUDA_GELU_H
