//===- cudnn.h - Convolutions by cuDNN --------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_RUNTIME_CUDA_CUDNN_H
#define ETCH_RUNTIME_CUDA_CUDNN_H

#include "etch/operations.h"

namespace etch::runtime::cuda {

/// What cuDNN has for a convolution on a device.
struct ConvolutionReport {
  int64_t configurations = 0; ///< that its heuristics name
  int64_t refused = 0; ///< of those before the chosen one: other arithmetic, or
                       ///< not to be finalised
  int64_t workspace = 0;
  bool tensorCores = false;
  char problem[256] = ""; ///< why there is no plan
};

/// Plans a convolution for a device that is not there, from its properties in
/// cuDNN's JSON. Pointers are not used. False: there is no plan.
bool planConvolution(const etch_convolution_t &convolution,
                     const char *deviceProperties, ConvolutionReport &report);

} // namespace etch::runtime::cuda

#endif // ETCH_RUNTIME_CUDA_CUDNN_H
