//===- Cache.h - Compiled programs on disk ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One file per program: the shared object, then a footer with the key, the
// length and a checksum (the loader does not look past the ELF's end). Files
// appear by rename, so that processes need no lock; whatever does not check out
// is removed and counts as a miss. No failure of the disk is an error to
// anyone.
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_DRIVER_CLIENT_CACHE_H
#define ETCH_DRIVER_CLIENT_CACHE_H

#include "compiler/Driver/Client/Hash.h"

#include <atomic>
#include <string>

namespace etch::driver {

class Cache {
public:
  static constexpr uint64_t defaultLimit = uint64_t(256) << 20;

  /// `directory` is made when the first program is stored; "" is no cache. When
  /// the files take more than `limit` bytes, those used longest ago go.
  explicit Cache(std::string directory, uint64_t limit = defaultLimit)
      : directory(std::move(directory)), limit(limit) {}

  /// The user's directory for this ABI version; "" when there is no home.
  static std::string userDirectory();

  /// Path of a checked file, "" when there is none.
  std::string find(const Key &key);

  /// What was stored, if it is there and checks out.
  bool read(const Key &key, std::string &out);

  /// Writes a program; its path, or "" when that was not possible.
  std::string store(const Key &key, const void *library, size_t bytes);

  /// Removes a file that could not be loaded although it checked out.
  void discard(const Key &key);

  uint64_t discarded() const { return numDiscarded; }
  uint64_t evicted() const { return numEvicted; }

private:
  std::string pathOf(const Key &key) const;
  bool readChecked(const Key &key, std::string &file);
  bool makeDirectory();
  void evict();

  const std::string directory;
  const uint64_t limit;
  std::atomic<uint64_t> numDiscarded{0}, numEvicted{0}, numStored{0};
};

} // namespace etch::driver

#endif // ETCH_DRIVER_CLIENT_CACHE_H
