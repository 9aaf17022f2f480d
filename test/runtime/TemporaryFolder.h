//===- TemporaryFolder.h - A folder that a test may fill --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ETCH_TEST_RUNTIME_TEMPORARYFOLDER_H
#define ETCH_TEST_RUNTIME_TEMPORARYFOLDER_H

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace etch::test {

/// Removed with everything in it at the end of the scope.
class TemporaryFolder {
public:
  TemporaryFolder() {
    std::string name =
        (std::filesystem::temp_directory_path() / "etch-XXXXXX").string();
    folder = mkdtemp(name.data());
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }
  std::string operator/(const std::string &name) const {
    return (folder / name).string();
  }
  std::string path() const { return folder.string(); }
  /// How many files it holds, those of other names included.
  size_t count() const {
    size_t n = 0;
    for ([[maybe_unused]] const auto &entry :
         std::filesystem::recursive_directory_iterator(folder))
      ++n;
    return n;
  }

private:
  std::filesystem::path folder;
};

inline std::string readBytes(const std::string &path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

inline void writeBytes(const std::string &path, const std::string &bytes) {
  // A file system may wait for the disk when a file is cut and written anew.
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
  std::ofstream(path, std::ios::binary) << bytes;
}

} // namespace etch::test

#endif // ETCH_TEST_RUNTIME_TEMPORARYFOLDER_H
