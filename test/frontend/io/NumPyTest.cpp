//===- NumPyTest.cpp - The same files here and there ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// With a Python that has NumPy; skipped without one.

#include "etch/etch.h"
#include "test/runtime/TemporaryFolder.h"

#include <cstdlib>
#include <gtest/gtest.h>

using namespace etch;
using test::TemporaryFolder;

namespace {

/// The exit status of the script with the first Python that has NumPy.
int script(const std::string &what, const std::string &folder) {
  int status = 77;
  for (const char *python : {"python3", "/usr/bin/python3", ETCH_PYTHON}) {
    std::string command = std::string(python) +
                          " " ETCH_IO_TESTS "/numpy_files.py " + what + " " +
                          folder;
    status = WEXITSTATUS(std::system(command.c_str()));
    if (status != 77 && status != 127)
      return status;
  }
  return 77;
}

TEST(NumPyFiles, C123_ReadAndWrittenByBoth) {
  TemporaryFolder folder;
  int status = script("write", folder.path());
  if (status == 77)
    GTEST_SKIP() << "no NumPy (Debian: python3-numpy)";
  ASSERT_EQ(status, 0);
  std::map<std::string, Variable> arrays = load_npz(folder / "theirs.npz");
  EXPECT_EQ(arrays.size(), 8u);
  EXPECT_EQ(arrays.at("f64").to_vector(), linspace(-1, 1, 12).to_vector());
  EXPECT_EQ(arrays.at("l1/W").to_vector(), arange(12.0).to_vector());
  EXPECT_EQ(arrays.at("l1/W").shape(), (Shape{3, 4}));
  EXPECT_EQ(arrays.at("i64").to_vector<int64_t>(),
            (std::vector<int64_t>{-(int64_t(1) << 62), 0, 5}));
  EXPECT_EQ(arrays.at("empty").shape(), (Shape{0, 3}));
  EXPECT_EQ(arrays.at("bool").dtype(), boolean);
  EXPECT_EQ(load_npz(folder / "theirs_stored.npz").size(), 8u);
  EXPECT_EQ(load_npy(folder / "theirs.npy").to_vector(),
            arrays.at("f64").T().to_vector());
  save_npz(folder / "ours.npz", arrays);
  save_npy(folder / "ours.npy", arrays.at("f32"));
  save_safetensors(folder / "ours.safetensors", arrays);
  EXPECT_EQ(script("read", folder.path()), 0);
}

} // namespace
