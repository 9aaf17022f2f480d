//===- DownloadTest.cpp - Files from elsewhere ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/error.h"
#include "frontend/data/Idx.h"
#include "test/runtime/TemporaryFolder.h"

#include <gmock/gmock.h>

using namespace etch;
using test::TemporaryFolder;
using testing::HasSubstr;
using testing::ThrowsMessage;

namespace {

TEST(Download, C104_TheFileAppearsWhole) {
  if (std::system("command -v curl >/dev/null") != 0)
    GTEST_SKIP() << "no curl";
  TemporaryFolder folder;
  test::writeBytes(folder / "there", "content");
  detail::download("file://" + (folder / "there"), folder / "here", false);
  EXPECT_EQ(test::readBytes(folder / "here"), "content");
  EXPECT_EQ(folder.count(), 2u);
}

TEST(Download, C104_AFailureIsClearAndLeavesNothing) {
  TemporaryFolder folder;
  EXPECT_THAT(
      [&] {
        detail::download("http://127.0.0.1:9/file", folder / "here", false);
      },
      ThrowsMessage<IOError>(HasSubstr("http://127.0.0.1:9/file")));
  EXPECT_EQ(folder.count(), 0u);
}

TEST(Download, C104_WithoutAProgramForIt) {
  TemporaryFolder folder;
  std::string path = getenv("PATH");
  setenv("PATH", folder.path().c_str(), 1);
  EXPECT_THAT(
      [&] { detail::download("http://127.0.0.1:9/f", folder / "f", false); },
      ThrowsMessage<IOError>(HasSubstr("neither curl nor wget")));
  setenv("PATH", path.c_str(), 1);
}

TEST(Download, C104_CacheFolder) {
  TemporaryFolder folder;
  const char *old = getenv("XDG_CACHE_HOME");
  std::string before = old ? old : "";
  setenv("XDG_CACHE_HOME", folder.path().c_str(), 1);
  std::string cache = detail::cache_folder("mnist");
  EXPECT_EQ(cache, folder / "etch/mnist");
  EXPECT_TRUE(std::filesystem::is_directory(cache));
  test::writeBytes(folder / "file", "");
  setenv("XDG_CACHE_HOME", (folder / "file").c_str(), 1);
  EXPECT_THROW(detail::cache_folder("mnist"), IOError);
  if (old)
    setenv("XDG_CACHE_HOME", before.c_str(), 1);
  else
    unsetenv("XDG_CACHE_HOME");
}

} // namespace
