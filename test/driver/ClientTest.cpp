//===- ClientTest.cpp - Memory, disk, compiler ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The compiler beside this program reads LLVM IR. Every test runs in a process
// of its own, because the cache's folder is fixed at first use.
//
//===----------------------------------------------------------------------===//

#include "compiler/Driver/Client/Client.h"
#include "etch/host.h"
#include "test/driver/TestModule.h"
#include "test/runtime/TemporaryFolder.h"

#include <csignal>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace etch::driver;
using namespace etch::test;
using testing::HasSubstr;

namespace {

/// Runs `body` in a child with this cache folder; true if nothing failed.
template <typename Body>
testing::AssertionResult inProcess(const std::string &cache, Body body) {
  fflush(nullptr);
  pid_t child = fork();
  if (child == 0) {
    setenv("XDG_CACHE_HOME", cache.c_str(), 1);
    unsetenv("ETCH_DUMP");
    unsetenv("ETCH_FLAGS");
    body();
    fflush(nullptr);
    _exit(testing::Test::HasFailure());
  }
  int status = -1;
  waitpid(child, &status, 0);
  if (status == 0)
    return testing::AssertionSuccess();
  return testing::AssertionFailure() << "child ended with " << status;
}

/// The first y of the test module for x = 2, W = 3.
float runOnce(const etch_module_t &module) {
  float x[4] = {2, 2, 2, 2}, w[4] = {3, 3, 3, 3}, y[4] = {};
  alignas(64) char arena[64];
  const int64_t four = 4, one = 1;
  etch_tensor_t args[] = {{x, &four, &one, ETCH_F32, 1},
                          {w, &four, &one, ETCH_F32, 1}};
  etch_tensor_t result = {y, &four, &one, ETCH_F32, 1};
  etch_call_t call = {};
  call.args = args;
  call.num_args = 2;
  call.results = &result;
  call.num_results = 1;
  call.arena = arena;
  call.arena_bytes = sizeof(arena);
  call.host = etch_serial_host();
  EXPECT_EQ(etch_check_call(&module, &call), ETCH_OK) << etch_last_error();
  EXPECT_EQ(module.run(&call), ETCH_OK);
  EXPECT_EQ(w[0], 5);
  return y[0];
}

TEST(Client, CompilesOnceThenMemoryThenDisk) {
  TemporaryFolder folder;
  EXPECT_TRUE(inProcess(folder.path(), [] {
    CompileResult first = compile(testModule());
    ASSERT_TRUE(first) << first.diagnostics.front().message;
    EXPECT_EQ(first.origin, Origin::compiled);
    EXPECT_EQ(runOnce(first.module->module()), 6);
    EXPECT_GT(first.milliseconds, 0);
    CompileResult second = compile(testModule());
    EXPECT_EQ(second.origin, Origin::memory);
    EXPECT_EQ(second.module, first.module);
    EXPECT_EQ(runOnce(compile(testModule("4.0")).module->module()), 24);
    CompileOptions fast;
    fast.mode = Mode::fast;
    EXPECT_EQ(compile(testModule(), fast).origin, Origin::compiled)
        << "options are part of the key";
    releaseModules();
    EXPECT_EQ(compile(testModule()).origin, Origin::disk);
    EXPECT_EQ(runOnce(first.module->module()), 6) << "still in use";
    CacheStatistics statistics = cacheStatistics();
    EXPECT_EQ(statistics.compiled, 3u);
    EXPECT_EQ(statistics.memoryHits, 1u);
    EXPECT_EQ(statistics.diskHits, 1u);
    EXPECT_EQ(statistics.fallbacks, 0u);
  }));
  EXPECT_TRUE(inProcess(folder.path(), [] {
    CompileResult result = compile(testModule());
    EXPECT_EQ(result.origin, Origin::disk);
    EXPECT_EQ(runOnce(result.module->module()), 6);
  }));
}

TEST(Client, CorruptFilesAreCompiledAgain) {
  TemporaryFolder folder;
  EXPECT_TRUE(inProcess(folder.path(), [] { compile(testModule()); }));
  for (size_t keep : {0, 10, 1000}) {
    for (const auto &entry :
         std::filesystem::recursive_directory_iterator(folder.path()))
      if (entry.is_regular_file()) {
        std::string bytes = readBytes(entry.path().string());
        writeBytes(entry.path().string(), bytes.substr(0, keep));
      }
    EXPECT_TRUE(inProcess(folder.path(), [] {
      CompileResult result = compile(testModule());
      ASSERT_TRUE(result);
      EXPECT_EQ(result.origin, Origin::compiled);
      EXPECT_EQ(runOnce(result.module->module()), 6);
      EXPECT_EQ(cacheStatistics().discarded, 1u);
    }));
  }
}

TEST(Client, NoUsableFolderIsNoError) {
  TemporaryFolder folder;
  writeBytes(folder / "file", "");
  EXPECT_TRUE(inProcess(folder / "file", [] {
    for (const char *factor : {"1.0", "2.0"}) {
      CompileResult result = compile(testModule(factor));
      ASSERT_TRUE(result) << result.diagnostics.front().message;
      EXPECT_EQ(runOnce(result.module->module()), factor[0] == '1' ? 6 : 12);
    }
    EXPECT_EQ(cacheStatistics().fallbacks, 2u);
    EXPECT_EQ(compile(testModule()).origin, Origin::memory);
  }));
}

TEST(Client, DiagnosticsComeThrough) {
  TemporaryFolder folder;
  EXPECT_TRUE(inProcess(folder.path(), [] {
    CompileResult result = compile("this is no program");
    ASSERT_FALSE(result);
    ASSERT_EQ(result.diagnostics.size(), 1u);
    EXPECT_EQ(result.diagnostics[0].site, 5);
    EXPECT_THAT(result.diagnostics[0].message,
                HasSubstr("expected top-level entity"));
    EXPECT_EQ(cacheStatistics().failed, 1u);
  }));
}

TEST(Client, TwoThreadsCompileOnce) {
  TemporaryFolder folder;
  EXPECT_TRUE(inProcess(folder.path(), [] {
    std::string text = "; slow\n" + testModule();
    CompileResult results[4];
    {
      std::vector<std::jthread> threads;
      for (CompileResult &result : results)
        threads.emplace_back([&] { result = compile(text); });
    }
    for (CompileResult &result : results) {
      ASSERT_TRUE(result);
      EXPECT_EQ(result.module, results[0].module);
    }
    EXPECT_EQ(cacheStatistics().compiled, 1u);
    EXPECT_EQ(cacheStatistics().memoryHits, 3u);
  }));
}

TEST(Client, SignalsStayTheUsers) {
  TemporaryFolder folder;
  EXPECT_TRUE(inProcess(folder.path(), [] {
    signal(SIGTERM, [](int) {});
    auto state = [] {
      std::vector<void *> all;
      for (int number = 1; number < 32; ++number) {
        struct sigaction action = {};
        sigaction(number, nullptr, &action);
        all.push_back(reinterpret_cast<void *>(action.sa_handler));
      }
      stack_t stack = {};
      sigaltstack(nullptr, &stack);
      all.push_back(stack.ss_sp);
      return all;
    };
    std::jthread([&] {
      std::vector<void *> before = state();
      EXPECT_TRUE(compile(testModule()));
      EXPECT_EQ(before, state());
    });
  }));
}

TEST(Client, TwoProcessesShareTheFolder) {
  TemporaryFolder folder;
  pid_t children[3];
  fflush(nullptr);
  for (pid_t &child : children) {
    child = fork();
    if (child)
      continue;
    setenv("XDG_CACHE_HOME", folder.path().c_str(), 1);
    bool good = true;
    for (int i = 0; i < 5; ++i) {
      CompileResult result = compile(testModule(std::to_string(i) + ".0"));
      good &= result && runOnce(result.module->module()) == 6.0f * float(i);
    }
    _exit(!good);
  }
  for (pid_t child : children) {
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
}

TEST(Client, ForkedChildrenRun) {
  TemporaryFolder folder;
  EXPECT_TRUE(inProcess(folder.path(), [&] {
    CompileResult result = compile(testModule());
    ASSERT_TRUE(result);
    EXPECT_TRUE(inProcess(folder.path(), [&] {
      EXPECT_EQ(runOnce(result.module->module()), 6);
      EXPECT_EQ(compile(testModule()).origin, Origin::memory);
    }));
  }));
}

} // namespace
