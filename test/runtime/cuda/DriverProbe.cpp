//===- DriverProbe.cpp - Says why there is no device ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fails unless the reason is the one on the command line.
//===----------------------------------------------------------------------===//

#include "etch/device.h"

#include <cstdio>
#include <cstring>

int main(int argc, char **argv) {
  printf("%d devices: %s\n", etch_device_count(), etch_device_unavailable());
  etch_device_t *device = nullptr;
  return argc != 2 || strcmp(argv[1], etch_device_unavailable()) ||
         etch_device_count() != 0 ||
         etch_device_open(0, &device) != ETCH_ERROR_DEVICE;
}
