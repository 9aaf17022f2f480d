//===- npz_writer.cpp - Arrays in a zip archive, written ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sums and sizes are known before a member is written, so every local header is
// complete. Dates are fixed: equal arrays give equal files.
//
//===----------------------------------------------------------------------===//

#include "runtime/io/stream.h"

#include "runtime/core/message.h"

#include <algorithm>
#include <zlib.h>

using namespace etch::io;

namespace {

constexpr uint64_t narrow = 0xffffffff;
constexpr unsigned utf8Flag = 1 << 11;
constexpr unsigned firstDate = 0x0021; // 1980-01-01

struct Entry {
  std::string name;
  uint32_t crc = 0;
  unsigned method = 0;
  uint64_t compressed = 0, size = 0, header = 0;
};

struct Record {
  std::string bytes;

  Record &put(uint64_t value, int width) {
    for (; width--; value >>= 8)
      bytes += char(value & 255);
    return *this;
  }
};

std::string localHeader(const Entry &entry) {
  bool wide = entry.size >= narrow || entry.compressed >= narrow;
  Record r;
  r.put(0x04034b50, 4).put(wide ? 45 : 20, 2).put(utf8Flag, 2);
  r.put(entry.method, 2).put(0, 2).put(firstDate, 2).put(entry.crc, 4);
  r.put(wide ? narrow : entry.compressed, 4).put(wide ? narrow : entry.size, 4);
  r.put(entry.name.size(), 2).put(wide ? 20 : 0, 2);
  r.bytes += entry.name;
  if (wide)
    r.put(1, 2).put(16, 2).put(entry.size, 8).put(entry.compressed, 8);
  return r.bytes;
}

std::string directoryEntry(const Entry &entry) {
  bool wide = entry.size >= narrow || entry.compressed >= narrow ||
              entry.header >= narrow;
  Record r;
  // Made on Unix, so that the mode below counts: a plain file, rw-r--r--.
  r.put(0x02014b50, 4).put(3 << 8 | (wide ? 45 : 20), 2);
  r.put(wide ? 45 : 20, 2).put(utf8Flag, 2).put(entry.method, 2);
  r.put(0, 2).put(firstDate, 2).put(entry.crc, 4);
  r.put(wide ? narrow : entry.compressed, 4).put(wide ? narrow : entry.size, 4);
  r.put(entry.name.size(), 2).put(wide ? 28 : 0, 2).put(0, 2);
  r.put(0, 2).put(0, 2).put(uint64_t(0100644) << 16, 4);
  r.put(wide ? narrow : entry.header, 4);
  r.bytes += entry.name;
  if (wide)
    r.put(1, 2)
        .put(24, 2)
        .put(entry.size, 8)
        .put(entry.compressed, 8)
        .put(entry.header, 8);
  return r.bytes;
}

std::string endRecords(uint64_t count, uint64_t bytes, uint64_t offset) {
  Record r;
  bool wide = count >= 0xffff || bytes >= narrow || offset >= narrow;
  if (wide) {
    r.put(0x06064b50, 4).put(44, 8).put(3 << 8 | 45, 2).put(45, 2);
    r.put(0, 4).put(0, 4).put(count, 8).put(count, 8);
    r.put(bytes, 8).put(offset, 8);
    r.put(0x07064b50, 4).put(0, 4).put(offset + bytes, 8).put(1, 4);
  }
  r.put(0x06054b50, 4).put(0, 2).put(0, 2);
  r.put(wide ? 0xffff : count, 2).put(wide ? 0xffff : count, 2);
  r.put(wide ? narrow : bytes, 4).put(wide ? narrow : offset, 4).put(0, 2);
  return r.bytes;
}

/// Appends to `out`; false when zlib has no memory.
bool deflateParts(std::span<const std::pair<const void *, size_t>> parts,
                  std::string &out) {
  z_stream z = {};
  if (deflateInit2(&z, 6, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) !=
      Z_OK)
    return false;
  char buffer[1 << 15];
  auto pump = [&](int flush) {
    do {
      z.next_out = reinterpret_cast<Bytef *>(buffer);
      z.avail_out = sizeof(buffer);
      deflate(&z, flush);
      out.append(buffer, sizeof(buffer) - z.avail_out);
    } while (!z.avail_out);
  };
  for (auto [data, bytes] : parts) {
    auto *at = static_cast<const Bytef *>(data);
    while (bytes) {
      size_t n = std::min(bytes, size_t(1) << 30);
      z.next_in = const_cast<Bytef *>(at);
      z.avail_in = uInt(n);
      pump(Z_NO_FLUSH);
      at += n;
      bytes -= n;
    }
  }
  pump(Z_FINISH);
  deflateEnd(&z);
  return true;
}

Error checkArrays(const std::string &path, const Arrays &arrays) {
  for (size_t i = 0; i < arrays.size(); ++i) {
    const auto &[name, array] = arrays[i];
    auto wrong = [&](const char *what) {
      return Error{ETCH_ERROR_ARGUMENT,
                   "'" + path + "': array '" + name + "' " + what};
    };
    if (name.empty() || name.size() > 60000)
      return wrong("has no usable name");
    if (!etch_message_dtype_size(array.dtype) || (!array.data && array.size()))
      return wrong("has no data");
    for (size_t j = 0; j < i; ++j)
      if (arrays[j].first == name)
        return wrong("appears twice");
  }
  return {};
}

} // namespace

Error etch::io::writeNpz(const std::string &path, const Arrays &arrays,
                         bool compress) {
  if (Error e = checkArrays(path, arrays))
    return e;
  etch_atomic_file_t file;
  etch_atomic_open(&file, path.c_str());
  uint64_t position = 0;
  auto put = [&](const void *data, size_t bytes) {
    etch_atomic_write(&file, data, bytes);
    position += bytes;
  };
  std::string directory;
  for (const auto &[name, array] : arrays) {
    if (file.error)
      break;
    std::string header = npyHeader(array);
    std::pair<const void *, size_t> parts[] = {
        {header.data(), header.size()}, {array.data.get(), array.bytes()}};
    Entry entry;
    entry.name = name + ".npy";
    entry.header = position;
    entry.size = parts[0].second + parts[1].second;
    for (auto [data, bytes] : parts)
      if (bytes)
        entry.crc = uint32_t(
            crc32_z(entry.crc, static_cast<const Bytef *>(data), bytes));
    std::string deflated;
    if (compress && !deflateParts(parts, deflated)) {
      file.error = ENOMEM;
      break;
    }
    entry.method = compress ? 8 : 0;
    entry.compressed = compress ? deflated.size() : entry.size;
    std::string local = localHeader(entry);
    put(local.data(), local.size());
    if (compress)
      put(deflated.data(), deflated.size());
    else
      for (auto [data, bytes] : parts)
        put(data, bytes);
    directory += directoryEntry(entry);
  }
  std::string end = endRecords(arrays.size(), directory.size(), position);
  put(directory.data(), directory.size());
  put(end.data(), end.size());
  if (etch_atomic_close(&file, 1))
    return {ETCH_ERROR_IO,
            "cannot write '" + path + "': " + strerror(file.error)};
  return {};
}
