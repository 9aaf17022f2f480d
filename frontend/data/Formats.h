//===- Formats.h - The files of data sets -----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Readers of bytes in memory: they trust no number that a file states, and know
// nothing of Variables, so that the fuzzers can have them alone. Each throws
// IOError with the file's name and what is wrong with it.
//===----------------------------------------------------------------------===//
#ifndef ETCH_DATA_FORMATS_H
#define ETCH_DATA_FORMATS_H

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace etch::detail {

using Bytes = std::span<const uint8_t>;

/// IOError "<file>: <why>".
[[noreturn]] void fail_file(const std::string &name, const std::string &why);

/// No file and nothing that is unpacked from one may be larger.
constexpr size_t max_file_bytes = size_t(1) << 30;

/// A regular file's content.
std::vector<uint8_t> read_bytes(const std::string &path);
/// A gzip file's content unpacked; other content as it is.
std::vector<uint8_t> unpack(std::vector<uint8_t> file, const std::string &name,
                            size_t limit = max_file_bytes);

/// The content of an IDX file of bytes, MNIST's format.
struct Idx {
  std::vector<int64_t> extents;
  std::vector<uint8_t> bytes;
};
Idx parse_idx(Bytes file, const std::string &name);
/// The same from a file, gzipped or not.
Idx read_idx(const std::string &path);

/// Images of 3 x 32 x 32 bytes behind one label of 10 classes (CIFAR-10), or
/// behind two, of 20 and of 100 (CIFAR-100).
struct Cifar {
  int64_t count = 0;
  std::vector<uint8_t> coarse, labels; ///< coarse: CIFAR-100 only
  std::vector<uint8_t> pixels;
};
/// Appends a file's images.
void parse_cifar(Bytes file, const std::string &name, bool hundred, Cifar &out);

/// A file in an archive: the part of the path behind the last slash, and where
/// its content is.
struct TarMember {
  std::string name;
  Bytes content;
};
/// The regular files in a .tar file.
std::vector<TarMember> parse_tar(Bytes file, const std::string &name);

/// The code points of a UTF-8 text.
std::vector<char32_t> parse_utf8(std::string_view text,
                                 const std::string &name);
std::string to_utf8(char32_t character);

/// Names by number: one per line, or as Python writes a dictionary,
/// {0: 'tench', 1: "goldfish"}, with each number from 0 up once.
std::vector<std::string> parse_labels(std::string_view text,
                                      const std::string &name);

/// Fetches `url` into the file at `path`, which appears whole or not at all:
/// by curl or wget; a file:// one is copied. IOError when there is neither, or
/// no network.
void download(const std::string &url, const std::string &path, bool progress);
/// Etch's folder below the user's cache folder; made if need be. IOError.
std::string cache_folder(const std::string &name);

/// Where a data set's files are looked for: `directory` if it is given, or else
/// $ETCH_DATA_DIR and `name` in it, the oracle folder that Etch was built with,
/// and the cache.
std::vector<std::string> data_folders(const std::string &directory,
                                      const std::string &name);
/// The first of the folders that holds all the files, plain or gzipped; "" if
/// there is none.
std::string find_folder(const std::vector<std::string> &folders,
                        const std::vector<std::string> &files);
/// The file in the folder, plain or gzipped; "" if there is none.
std::string find_file(const std::string &folder, const std::string &name);

} // namespace etch::detail

#endif // ETCH_DATA_FORMATS_H
