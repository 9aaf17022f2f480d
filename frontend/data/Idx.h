//===- Idx.h - The file format of MNIST -------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ETCH_DATA_IDX_H
#define ETCH_DATA_IDX_H

#include <cstdint>
#include <string>
#include <vector>

namespace etch::detail {

/// The content of an IDX file of bytes.
struct Idx {
  std::vector<int64_t> extents;
  std::vector<uint8_t> bytes;
};

/// Reads an IDX file, gzipped or not. IOError names the file and the reason.
Idx read_idx(const std::string &path);

/// Fetches `url` into the file at `path`, which appears whole or not at all, by
/// curl or wget. IOError when there is neither, or no network.
void download(const std::string &url, const std::string &path, bool progress);

/// Etch's folder below the user's cache folder; made if need be. IOError.
std::string cache_folder(const std::string &name);

} // namespace etch::detail

#endif // ETCH_DATA_IDX_H
