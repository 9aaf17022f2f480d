//===- cudnn.cpp - Convolutions by cuDNN ----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/cuda/state.h"

etch_status_t etch_device_convolution(etch_device_t *,
                                      const etch_convolution_t *,
                                      int32_t *done) {
  *done = 0;
  return ETCH_OK;
}
const char *etch_convolutions_unavailable(void) { return "not looked for"; }
void etch::runtime::cuda::release(Convolutions *) {}
