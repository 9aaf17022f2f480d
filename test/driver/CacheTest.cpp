//===- CacheTest.cpp - Files of the cache, good and bad -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Driver/Client/Cache.h"
#include "test/runtime/TemporaryFolder.h"

#include "etch/runtime.h"

#include <csignal>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace etch::driver;
using namespace etch::test;

namespace {

TEST(Cache, StoresAndFinds) {
  TemporaryFolder folder;
  Cache cache(folder / "a/b");
  Key key = hashText("program");
  EXPECT_EQ(cache.find(key), "");
  std::string path = cache.store(key, "code", 4);
  ASSERT_NE(path, "");
  EXPECT_EQ(cache.find(key), path);
  EXPECT_EQ(readBytes(path).substr(0, 4), "code");
  std::string read;
  EXPECT_TRUE(cache.read(key, read));
  EXPECT_EQ(read, "code");
  EXPECT_FALSE(cache.read(hashText("other"), read));
  EXPECT_EQ(cache.find(hashText("other")), "");
  EXPECT_EQ(cache.discarded(), 0u);
}

TEST(Cache, DiscardsWhatDoesNotCheckOut) {
  TemporaryFolder folder;
  Cache cache(folder / "c");
  Key key = hashText("program");
  std::string path = cache.store(key, "the code of it", 14);
  std::string good = readBytes(path);
  size_t bad = 0;
  auto expectDiscarded = [&](const std::string &bytes) {
    writeBytes(path, bytes);
    EXPECT_EQ(cache.find(key), "");
    EXPECT_FALSE(std::filesystem::exists(path));
    EXPECT_EQ(cache.discarded(), ++bad);
  };
  for (size_t n = 0; n < good.size(); ++n)
    expectDiscarded(good.substr(0, n));
  for (size_t n = 0; n < good.size(); ++n) {
    std::string flipped = good;
    flipped[n] ^= 4;
    expectDiscarded(flipped);
  }
  expectDiscarded(good + "x");
  expectDiscarded("");
  writeBytes(path, good);
  EXPECT_EQ(cache.find(key), path);
  // A good file of another program under this name.
  std::string other = cache.store(hashText("other"), "else", 4);
  expectDiscarded(readBytes(other));
}

TEST(Cache, UnusableFolderIsNoCache) {
  TemporaryFolder folder;
  writeBytes(folder / "file", "");
  Cache cache(folder / "file/sub");
  EXPECT_EQ(cache.store(hashText("p"), "code", 4), "");
  EXPECT_EQ(cache.find(hashText("p")), "");
  Cache none("");
  EXPECT_EQ(none.store(hashText("p"), "code", 4), "");
  EXPECT_EQ(none.find(hashText("p")), "");
}

TEST(Cache, FullDiskLeavesNothing) {
  TemporaryFolder folder;
  Cache cache(folder / "c");
  cache.store(hashText("small"), "code", 4);
  // A file-size limit stands in for a full disk.
  rlimit old;
  getrlimit(RLIMIT_FSIZE, &old);
  auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit = {100, old.rlim_max};
  setrlimit(RLIMIT_FSIZE, &limit);
  std::string code(5000, 'c');
  std::string path = cache.store(hashText("large"), code.data(), code.size());
  setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(path, "");
  EXPECT_EQ(folder.count(), 2u) << "the folder and the first program";
}

TEST(Cache, EvictsWhatWasUsedLongestAgo) {
  TemporaryFolder folder;
  std::string code(1000, 'c');
  {
    Cache cache(folder / "c");
    for (int i = 0; i < 10; ++i) {
      std::string path =
          cache.store(hashText(std::to_string(i)), code.data(), code.size());
      timeval times[2] = {{1000 + i, 0}, {1000 + i, 0}};
      utimes(path.c_str(), times);
    }
    // Used again: now the youngest.
    EXPECT_NE(cache.find(hashText("0")), "");
  }
  Cache small(folder / "c", 5000);
  EXPECT_NE(small.store(hashText("new"), code.data(), code.size()), "");
  EXPECT_GT(small.evicted(), 4u);
  EXPECT_NE(small.find(hashText("0")), "");
  EXPECT_NE(small.find(hashText("new")), "");
  EXPECT_EQ(small.find(hashText("1")), "");
}

TEST(Cache, ManyProcessesAtOnce) {
  TemporaryFolder folder;
  pid_t children[4];
  for (int c = 0; c < 4; ++c) {
    children[c] = fork();
    if (children[c])
      continue;
    Cache cache(folder / "c");
    bool good = true;
    for (int i = 0; i < 200; ++i) {
      std::string code(size_t(100 + i % 7 * 1000), char('a' + i % 7));
      Key key = hashText(std::to_string(i % 7));
      good &= !cache.store(key, code.data(), code.size()).empty();
      good &= !cache.find(key).empty();
    }
    _exit(good && cache.discarded() == 0 ? 0 : 1);
  }
  for (pid_t child : children) {
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(folder.count(), 8u) << "seven programs in one folder";
}

TEST(Cache, UserDirectoryFollowsTheEnvironment) {
  // What was built for another version of the interface is in another folder.
  std::string folder = "/etch/abi-" + std::to_string(ETCH_ABI_VERSION);
  setenv("XDG_CACHE_HOME", "/somewhere", 1);
  EXPECT_EQ(Cache::userDirectory(), "/somewhere" + folder);
  unsetenv("XDG_CACHE_HOME");
  setenv("HOME", "/home/me", 1);
  EXPECT_EQ(Cache::userDirectory(), "/home/me/.cache" + folder);
  unsetenv("HOME");
  EXPECT_EQ(Cache::userDirectory(), "");
}

TEST(Hash, SpreadsAndCountsLength) {
  EXPECT_NE(hashText(""), hashText(std::string_view("\0", 1)));
  EXPECT_NE(hashText("a"), hashText(std::string_view("a\0", 2)));
  EXPECT_NE(hashText(std::string(16, 'a')), hashText(std::string(17, 'a')));
  EXPECT_NE(hashText("ab").low, hashText("ab").high);
  EXPECT_EQ(hashText("ab").text().size(), 32u);
}

} // namespace
