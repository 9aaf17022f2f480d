//===- driver.cpp - The CUDA driver, looked up by name --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/cuda/driver.h"

#include "etch/device.h"

#include <cstdio>
#include <dlfcn.h>

using namespace etch::runtime::cuda;

static void lookUp(Driver &driver) {
  auto problem = [&](const char *format, auto... values) {
    snprintf(driver.problem, sizeof driver.problem, format, values...);
  };
  void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *why = dlerror();
    return problem("no CUDA driver: %s", why ? why : "unknown reason");
  }
#define ETCH_LOOK_UP(member, name, Parameters)                                 \
  driver.member =                                                              \
      reinterpret_cast<Result(*) Parameters>(dlsym(library, #name));           \
  if (!driver.member)                                                          \
    return problem("the CUDA driver is too old: it has no function %s", #name);
  ETCH_CUDA_FUNCTIONS(ETCH_LOOK_UP)
#undef ETCH_LOOK_UP
  int version = 0;
  if (driver.driverVersion(&version) || version < kOldestVersion)
    return problem("the CUDA driver is too old: it supports CUDA %d.%d, Etch "
                   "needs %d.%d",
                   version / 1000, version % 1000 / 10, kOldestVersion / 1000,
                   kOldestVersion % 1000 / 10);
  Result result = driver.init(0);
  if (!result)
    result = driver.deviceCount(&driver.numDevices);
  if (result == kNoDevice || (!result && !driver.numDevices))
    return problem("%s", "the CUDA driver finds no device");
  if (result) {
    const char *text = nullptr;
    driver.errorString(result, &text);
    driver.numDevices = 0;
    problem("the CUDA driver does not start: %s",
            text ? text : "unknown error");
  }
}

const Driver &Driver::get() {
  static const Driver driver = [] {
    Driver found;
    lookUp(found);
    return found;
  }();
  return driver;
}

int32_t etch_device_count(void) {
  const Driver &driver = Driver::get();
  return driver.problem[0] ? 0 : driver.numDevices;
}

const char *etch_device_unavailable(void) { return Driver::get().problem; }
