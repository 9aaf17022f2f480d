//===- stream.cpp - Reading files at positions ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/io/stream.h"

#include <algorithm>

using namespace etch::io;

File::~File() {
  if (descriptor >= 0)
    close(descriptor);
}

Error File::open(const std::string &path) {
  name = path;
  auto failed = [&](int error) {
    return Error{ETCH_ERROR_IO,
                 "cannot read '" + path + "': " + strerror(error)};
  };
  descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return failed(errno);
  struct stat status;
  if (fstat(descriptor, &status))
    return failed(errno);
  if (S_ISDIR(status.st_mode))
    return failed(EISDIR);
  if (!S_ISREG(status.st_mode))
    return {ETCH_ERROR_IO, "cannot read '" + path + "': not a regular file"};
  length = uint64_t(status.st_size);
  return {};
}

Error File::readAt(uint64_t position, void *out, size_t bytes) const {
  char *to = static_cast<char *>(out);
  while (bytes) {
    ssize_t n = pread(descriptor, to, std::min(bytes, size_t(1) << 30),
                      off_t(position));
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return {ETCH_ERROR_IO, "cannot read '" + name + "': " + strerror(errno)};
    if (n == 0)
      return {ETCH_ERROR_FORMAT, "'" + name + "': the file is truncated"};
    to += n;
    position += uint64_t(n);
    bytes -= size_t(n);
  }
  return {};
}

Error FileStream::read(void *out, size_t bytes) {
  if (bytes > remaining())
    return error("the file is truncated");
  if (Error e = file.readAt(at, out, bytes))
    return e;
  at += bytes;
  return {};
}
