//===- Device.h - Tests that need a graphics processor ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_TEST_FRONTEND_CUDA_DEVICE_H
#define ETCH_TEST_FRONTEND_CUDA_DEVICE_H

#include "etch/etch.h"

#include <cstring>
#include <dlfcn.h>
#include <gmock/gmock.h>

namespace etch::test {

/// Skipped, with the reason, where there is no device.
struct DeviceTest : testing::Test {
  void SetUp() override {
    if (!cuda::is_available())
      GTEST_SKIP() << "NO GRAPHICS PROCESSOR: " << cuda::unavailable_reason();
  }
};

/// With a driver that fails where it is told to (see
/// runtime/cuda/FakeDriver.h); a real one is not told anything.
struct FaultyDevice : DeviceTest {
  void (*fail)(const char *function, int code, int after) = nullptr;

  void SetUp() override {
    DeviceTest::SetUp();
    if (IsSkipped())
      return;
    void *driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
    fail = reinterpret_cast<decltype(fail)>(dlsym(driver, "etch_fake_fail"));
  }
};

/// What a network gives on the host, and compiled for a device.
struct OnBoth {
  Variables host, device;

  OnBoth(Variables (*network)(const Variables &), const Variables &xs,
         const CompileOptions &options)
      : host(network(xs)) {
    Variables there;
    for (const Variable &x : xs)
      there.push_back(x.to(options.device));
    device = compile(network, options)(there);
  }
};

/// A step of training that is compiled: its loss is the mean squared error.
template <class M, class O>
auto compiled_step(M &model, O &optimizer, const CompileOptions &options) {
  return compile(
      [&model, &optimizer](const Variable &x, const Variable &t) {
        Variable loss = mean_squared_error(model(x), t);
        model.clear_grads();
        loss.backward();
        optimizer.update();
        return loss;
      },
      options);
}

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
