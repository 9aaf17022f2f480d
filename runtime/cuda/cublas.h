//===- cublas.h - Products by cuBLASLt --------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_RUNTIME_CUDA_CUBLAS_H
#define ETCH_RUNTIME_CUDA_CUBLAS_H

#include "etch/operations.h"

namespace etch::runtime::cuda {

/// The epilogues of cuBLASLt that a product is tried with, the best one first,
/// as far as the library takes their descriptions, which needs no device.
/// Returns how many.
int acceptedEpilogues(const etch_product_t &product, int (&epilogues)[4]);

} // namespace etch::runtime::cuda

#endif // ETCH_RUNTIME_CUDA_CUBLAS_H
