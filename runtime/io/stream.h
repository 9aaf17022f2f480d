//===- stream.h - Bytes that come in order ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ETCH_RUNTIME_IO_STREAM_H
#define ETCH_RUNTIME_IO_STREAM_H

#include "etch/npy.h"
#include "runtime/core/atomic_file.h"

namespace etch::io {

/// A source of bytes with a known upper bound on what it can still give.
class Stream {
public:
  virtual ~Stream() = default;
  /// Exactly `bytes` bytes, or an error.
  virtual Error read(void *out, size_t bytes) = 0;
  /// No more than this many bytes are left.
  virtual uint64_t remaining() const = 0;
  /// Name for messages.
  std::string name;

  Error error(const std::string &what,
              etch_status_t code = ETCH_ERROR_FORMAT) const {
    return {code, "'" + name + "': " + what};
  }
};

/// A file that is closed at the end of its scope; reads at positions.
class File {
public:
  File() = default;
  File(const File &) = delete;
  File &operator=(const File &) = delete;
  ~File();

  Error open(const std::string &path);
  Error readAt(uint64_t position, void *out, size_t bytes) const;
  uint64_t size() const { return length; }
  const std::string &path() const { return name; }

private:
  int descriptor = -1;
  uint64_t length = 0;
  std::string name;
};

/// The bytes [begin, end) of a file.
class FileStream : public Stream {
public:
  FileStream(const File &file, uint64_t begin, uint64_t end)
      : file(file), at(begin), end(end) {
    name = file.path();
  }
  Error read(void *out, size_t bytes) override;
  uint64_t remaining() const override { return end - at; }

private:
  const File &file;
  uint64_t at, end;
};

/// Reads one array in .npy format.
Error parseNpy(Stream &stream, Array &out);

/// The header of an array in .npy format; the data follows it.
std::string npyHeader(const Array &array);

} // namespace etch::io

#endif // ETCH_RUNTIME_IO_STREAM_H
