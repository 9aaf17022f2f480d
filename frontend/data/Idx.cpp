//===- Idx.cpp - Reading IDX files ----------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/data/Idx.h"

#include "etch/error.h"

#include <cerrno>
#include <cstring>
#include <memory>
#include <zlib.h>

namespace etch::detail {

namespace {

[[noreturn]] void fail(const std::string &path, const std::string &why) {
  throw IOError(path + ": " + why);
}

/// The whole file, unpacked if it is gzipped. The size of real files is far
/// below the limit, which keeps a hostile one from taking all memory.
std::vector<uint8_t> read_all(const std::string &path) {
  constexpr size_t limit = size_t(1) << 30, chunk = size_t(1) << 20;
  errno = 0;
  std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path.c_str(), "rb"),
                                                  gzclose);
  if (!file)
    fail(path, std::string("cannot be opened: ") + std::strerror(errno));
  std::vector<uint8_t> bytes;
  for (;;) {
    size_t old = bytes.size();
    bytes.resize(old + chunk);
    int count = gzread(file.get(), bytes.data() + old, unsigned(chunk));
    if (count < 0) {
      int code = 0;
      const char *text = gzerror(file.get(), &code);
      fail(path, code == Z_ERRNO ? std::strerror(errno)
                                 : std::string("corrupt gzip data: ") + text);
    }
    bytes.resize(old + size_t(count));
    if (count == 0)
      break;
    if (bytes.size() > limit)
      fail(path, "more than a gigabyte of data");
  }
  // A stream that ends early shows only when the file is closed.
  if (gzclose_r(file.release()) != Z_OK)
    fail(path, "the gzip data end too early");
  return bytes;
}

} // namespace

Idx read_idx(const std::string &path) {
  std::vector<uint8_t> file = read_all(path);
  if (file.size() < 4 || file[0] != 0 || file[1] != 0)
    fail(path, "not an IDX file");
  if (file[2] != 8)
    fail(path, "IDX of another type than bytes");
  size_t rank = file[3], at = 4 + 4 * rank;
  if (rank == 0 || file.size() < at)
    fail(path, "the IDX header ends too early");
  Idx idx;
  uint64_t expected = 1;
  for (size_t i = 0; i < rank; ++i) {
    const uint8_t *p = file.data() + 4 + 4 * i;
    uint32_t extent = uint32_t(p[0]) << 24 | uint32_t(p[1]) << 16 |
                      uint32_t(p[2]) << 8 | p[3];
    idx.extents.push_back(extent);
    if (__builtin_mul_overflow(expected, uint64_t(extent), &expected))
      fail(path, "the extents in the IDX header are too large");
  }
  if (file.size() - at != expected)
    fail(path, "the IDX header announces " + std::to_string(expected) +
                   " bytes, there are " + std::to_string(file.size() - at));
  idx.bytes.assign(file.begin() + int64_t(at), file.end());
  return idx;
}

} // namespace etch::detail
