//===- state.h - States that a file can hold --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ETCH_TEST_FUZZ_STATE_H
#define ETCH_TEST_FUZZ_STATE_H

#include "etch/host.h"

namespace etch::test {

/// A module with three states and room for them.
struct States {
  int64_t four[1] = {4}, one[1] = {1};
  etch_param_t params[3] = {
      {"l0/W", four, ETCH_F32, 1, ETCH_STATE, ETCH_NO_UPDATE},
      {"mask", four, ETCH_BOOL, 1, ETCH_STATE, ETCH_NO_UPDATE},
      {"step", nullptr, ETCH_F64, 0, ETCH_STATE, ETCH_NO_UPDATE}};
  float w[4] = {1, 2, 3, 4};
  uint8_t mask[4] = {1, 0, 0, 1};
  double step = 7;
  etch_tensor_t tensors[3] = {{w, four, one, ETCH_F32, 1},
                              {mask, four, one, ETCH_BOOL, 1},
                              {&step, nullptr, nullptr, ETCH_F64, 0}};
  etch_module_t module = {};
  States() {
    module.abi_version = ETCH_ABI_VERSION;
    module.args = params;
    module.num_args = 3;
  }
};

} // namespace etch::test

#endif // ETCH_TEST_FUZZ_STATE_H
