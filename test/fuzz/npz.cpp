//===- npz.cpp - Fuzzes the reader of .npz files --------------------------===//
//---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/npy.h"
#include "test/fuzz/fuzz.h"

using namespace etch;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  test::MemoryFile file(data, size);
  io::Arrays arrays;
  io::Error error = io::readNpz(file.path, arrays);
  if (error && error.message.find(file.path) == std::string::npos)
    std::abort(); // the message must name the file
  return 0;
}
