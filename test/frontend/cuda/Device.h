//===- Device.h - Tests that need a graphics processor ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_TEST_FRONTEND_CUDA_DEVICE_H
#define ETCH_TEST_FRONTEND_CUDA_DEVICE_H

#include "etch/etch.h"

#include <cstring>
#include <gmock/gmock.h>

namespace etch::test {

/// Skipped, with the reason, where there is no device.
struct DeviceTest : testing::Test {
  void SetUp() override {
    if (!cuda::is_available())
      GTEST_SKIP() << "NO GRAPHICS PROCESSOR: " << cuda::unavailable_reason();
  }
};

/// The elements as they are.
inline std::vector<uint64_t> bits_of(const Variable &x) {
  std::vector<uint64_t> bits;
  for (double v : x.to_vector<double>()) {
    uint64_t b;
    std::memcpy(&b, &v, sizeof b);
    bits.push_back(v != v ? 1 : b); // NaNs are one
  }
  return bits;
}

} // namespace etch::test

#endif // ETCH_TEST_FRONTEND_CUDA_DEVICE_H
