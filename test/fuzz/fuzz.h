//===- fuzz.h - What the fuzzers share --------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A reader may give a result or throw IOError with a message; all else is a
// fault: another exception, a bad access, a hang, gigabytes of memory.
//===----------------------------------------------------------------------===//
#ifndef ETCH_TEST_FUZZ_FUZZ_H
#define ETCH_TEST_FUZZ_FUZZ_H

#include "etch/error.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <unistd.h>

namespace etch::test {

/// Runs a reader of bytes in memory.
template <class Reader>
int fuzz(const uint8_t *data, size_t size, Reader read) {
  try {
    read(std::span(data, size));
  } catch (const IOError &e) {
    if (std::string_view(e.what()).find("fuzz: ") != 0)
      std::abort(); // the message must name the file
  }
  return 0;
}

/// A file with these bytes, in memory.
class MemoryFile {
public:
  MemoryFile(const uint8_t *data, size_t size)
      : descriptor(memfd_create("fuzz", 0)) {
    if (write(descriptor, data, size) != ssize_t(size))
      std::abort();
    path = "/proc/self/fd/" + std::to_string(descriptor);
  }
  ~MemoryFile() { close(descriptor); }
  MemoryFile(const MemoryFile &) = delete;
  MemoryFile &operator=(const MemoryFile &) = delete;
  std::string path;

private:
  int descriptor;
};

} // namespace etch::test

#define ETCH_FUZZ(...)                                                         \
  extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {    \
    return etch::test::fuzz(data, size, __VA_ARGS__);                          \
  }

#endif // ETCH_TEST_FUZZ_FUZZ_H
