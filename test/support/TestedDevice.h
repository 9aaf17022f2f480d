//===- TestedDevice.h - Where compiled functions are tested -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_TEST_SUPPORT_TESTEDDEVICE_H
#define ETCH_TEST_SUPPORT_TESTEDDEVICE_H

#include "etch/compile_options.h"
#include "etch/cuda.h"

#include <cstdlib>
#include <string_view>

namespace etch::test {

/// The host, or a graphics processor with ETCH_TEST_DEVICE=cuda in the
/// environment: expectations are the same. With cuda-fast libraries do products
/// and convolutions.
inline CompileOptions on_tested_device() {
  const char *name = std::getenv("ETCH_TEST_DEVICE");
  CompileOptions options;
  if (name && std::string_view(name).starts_with("cuda"))
    options.device = cuda(0);
  if (name && std::string_view(name) == "cuda-fast")
    options.mode = Mode::fast;
  return options;
}

} // namespace etch::test

#endif // ETCH_TEST_SUPPORT_TESTEDDEVICE_H
