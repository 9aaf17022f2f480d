//===- CompilerTest.cpp - The compiler through its client -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Driver/Client/Client.h"
#include "etch/host.h"
#include "runtime/core/processor.h"
#include "test/runtime/TemporaryFolder.h"

#include <cmath>
#include <csignal>
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <thread>

using namespace etch::driver;
using namespace etch::test;
using testing::Contains;
using testing::Field;
using testing::HasSubstr;

namespace {

/// y = factor(x, W) elementwise over `n`, W += x.
std::string program(int n = 4, const std::string &op = "mul") {
  std::string t = "tensor<" + std::to_string(n) + "xf32>";
  std::string two = " : (" + t + ", " + t + ") -> " + t;
  return "func.func @main(%x: " + t + " {etch.name = \"x\"}, %w: " + t +
         " {etch.state, etch.name = \"l0/W\"}) -> (" + t +
         " {etch.name = \"y\"}, " + t + " {etch.update = 1 : i64}) {\n" +
         "  %0 = \"etch." + op + "\"(%x, %w)" + two + " loc(\"site\":0:0)\n" +
         "  %1 = \"etch.add\"(%w, %x)" + two + " loc(\"site\":1:0)\n" +
         "  func.return %0, %1 : " + t + ", " + t + "\n}\n";
}

class Compiler : public testing::Test {
protected:
  void SetUp() override {
    // One folder for the process: the client asks for it once.
    static TemporaryFolder cache;
    setenv("XDG_CACHE_HOME", cache.path().c_str(), 1);
    unsetenv("ETCH_DUMP");
    unsetenv("ETCH_FLAGS");
    if (compilerLibraryPath().empty())
      GTEST_SKIP() << "no compiler built";
  }
  static std::string firstError(const std::vector<Diagnostic> &diagnostics) {
    for (const Diagnostic &d : diagnostics)
      if (d.severity == Severity::error)
        return d.message;
    return {};
  }
};

TEST_F(Compiler, CompilesAndRuns) {
  CompileResult result = compile(program());
  ASSERT_TRUE(result) << firstError(result.diagnostics);
  const etch_module_t &module = result.module->module();
  EXPECT_EQ(module.num_args, 2);
  EXPECT_STREQ(module.args[1].name, "l0/W");
  EXPECT_EQ(module.args[1].role, ETCH_STATE);
  EXPECT_EQ(module.args[1].update, 1);
  EXPECT_EQ(module.num_results, 1);
  float x[4] = {1, 2, 3, 4}, w[4] = {5, 5, 5, 5}, y[4];
  const int64_t four = 4, one = 1;
  etch_tensor_t args[] = {{x, &four, &one, ETCH_F32, 1},
                          {w, &four, &one, ETCH_F32, 1}};
  etch_tensor_t out = {y, &four, &one, ETCH_F32, 1};
  etch_call_t call = {};
  call.args = args;
  call.num_args = 2;
  call.results = &out;
  call.num_results = 1;
  call.host = etch_default_host();
  std::vector<char> arena(size_t(module.arena_bytes(&call)) + 64);
  call.arena_bytes = arena.size() - 64;
  call.arena = reinterpret_cast<void *>(
      (reinterpret_cast<uintptr_t>(arena.data()) + 63) / 64 * 64);
  ASSERT_EQ(etch_check_call(&module, &call), ETCH_OK) << etch_last_error();
  ASSERT_EQ(module.run(&call), ETCH_OK);
  EXPECT_EQ(y[3], 20);
  EXPECT_EQ(w[3], 9);
}

/// The text of an eager operation: extents and strides come with the call.
TEST_F(Compiler, OneKernelForAllExtentsAndStrides) {
  std::string t = "tensor<?x?xf32>";
  CompileOptions options;
  options.effort = Effort::quick;
  CompileResult result = compile(
      "func.func @main(%a: " + t + " {etch.strided = [1]}, %b: " + t +
          " {etch.strided = [-1]}) -> " + t + " {\n  %0 = \"etch.sub\"(%a, " +
          "%b) : (" + t + ", " + t + ") -> " + t +
          " loc(\"site\":0:0)\n  func.return %0 : " + t + "\n}\n",
      options);
  ASSERT_TRUE(result) << firstError(result.diagnostics);
  for (int64_t rows : {1, 3, 40})
    for (int64_t columns : {1, 5, 129}) {
      std::vector<float> a(size_t(rows * columns)), b(a.size()), y(a.size());
      for (size_t i = 0; i < a.size(); ++i) {
        a[i] = float(i);
        b[i] = float(2 * i + 1);
      }
      const int64_t extents[] = {rows, columns}, dense[] = {columns, 1},
                    byColumns[] = {1, rows};
      etch_tensor_t args[] = {{a.data(), extents, dense, ETCH_F32, 2},
                              {b.data(), extents, byColumns, ETCH_F32, 2}};
      etch_tensor_t out = {y.data(), extents, dense, ETCH_F32, 2};
      etch_call_t call = {};
      call.args = args;
      call.num_args = 2;
      call.results = &out;
      call.num_results = 1;
      call.host = etch_default_host();
      ASSERT_EQ(result.module->module().arena_bytes(&call), 0u);
      ASSERT_EQ(result.module->module().run(&call), ETCH_OK);
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < columns; ++c)
          ASSERT_EQ(y[size_t(r * columns + c)],
                    a[size_t(r * columns + c)] - b[size_t(c * rows + r)])
              << rows << " " << columns;
    }
}

TEST_F(Compiler, ErrorsNameTheSite) {
  // The second op's operand has another shape.
  std::string text = program();
  size_t at = text.find("etch.add");
  text.replace(at, 8, "etch.no_such_op");
  CompileResult result = compile(text);
  ASSERT_FALSE(result);
  EXPECT_THAT(firstError(result.diagnostics), HasSubstr("no_such_op"));
  EXPECT_THAT(result.diagnostics,
              Contains(Field(&Diagnostic::severity, Severity::error)));
}

TEST_F(Compiler, VerifierErrorsCarryTheSite) {
  // Malformed in a way that the parser accepts and the verifier refuses.
  std::string text =
      "func.func @main(%a: tensor<2xf32>, %b: tensor<3xf32>) -> tensor<2xf32> "
      "{\n  %0 = \"etch.add\"(%a, %b) : (tensor<2xf32>, tensor<3xf32>) -> "
      "tensor<2xf32> loc(fused[\"add\"(\"site\":17:0), \"x\"])\n"
      "  func.return %0 : tensor<2xf32>\n}\n";
  CompileResult result = compile(text);
  ASSERT_FALSE(result);
  EXPECT_THAT(result.diagnostics, Contains(Field(&Diagnostic::site, 17)));
}

TEST_F(Compiler, RefusesOtherTexts) {
  EXPECT_THAT(firstError(compile("").diagnostics), HasSubstr("'main'"));
  EXPECT_THAT(firstError(compile("nonsense").diagnostics),
              HasSubstr("program:1:1"));
  EXPECT_NE(firstError(compile(std::string("\0\0\0", 3)).diagnostics), "");
  CompileOptions options;
  options.mcpu = "z80";
  EXPECT_THAT(firstError(compile(program(), options).diagnostics),
              HasSubstr("unknown processor 'z80'"));
}

TEST_F(Compiler, ManyThreadsManyPrograms) {
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 4; ++i)
        good += bool(compile(program(5 + (t + i) % 5)));
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(good, 16);
}

TEST_F(Compiler, DumpsEveryPhase) {
  TemporaryFolder folder;
  setenv("ETCH_DUMP", (folder / "deep/dump").c_str(), 1);
  EXPECT_TRUE(compile(program(33)));
  unsetenv("ETCH_DUMP");
  std::string names;
  for (const auto &entry :
       std::filesystem::directory_iterator(folder / "deep/dump"))
    names += entry.path().filename().string() + "\n";
  for (const char *part :
       {"-00-trace.mlir", "-03-fuse.mlir", "-04-bufferize.mlir",
        "-05-codegen.mlir", "-05-codegen.ll", "-06-object.o"})
    EXPECT_THAT(names, HasSubstr(part));
}

TEST_F(Compiler, AFolderThatCannotBeWrittenIsToldOnce) {
  setenv("ETCH_DUMP", "/dev/null/dump", 1);
  testing::internal::CaptureStderr();
  EXPECT_TRUE(compile(program(41)));
  std::string text = testing::internal::GetCapturedStderr();
  unsetenv("ETCH_DUMP");
  EXPECT_THAT(text, testing::StartsWith("warning: ETCH_DUMP: '/dev/null/dump"));
  EXPECT_EQ(text.find('\n'), text.size() - 1);
}

TEST_F(Compiler, FlagsWorkAgainAndAgainAndMistakesAreErrors) {
  setenv("ETCH_FLAGS", "--mlir-disable-threading --mlir-print-op-generic", 1);
  EXPECT_TRUE(compile(program(34)));
  EXPECT_TRUE(compile(program(35)));
  setenv("ETCH_FLAGS", "--no-such-flag", 1);
  EXPECT_THAT(firstError(compile(program(36)).diagnostics),
              HasSubstr("no-such-flag"));
  unsetenv("ETCH_FLAGS");
}

TEST_F(Compiler, ExportsTwoFilesOrNone) {
  TemporaryFolder folder;
  CompileOptions options;
  options.name = "step";
  ExportResult result = exportLibrary(program(), options, folder / "libstep.so",
                                      folder / "step.h");
  ASSERT_TRUE(result.ok) << firstError(result.diagnostics);
  EXPECT_EQ(folder.count(), 2u);
  EXPECT_THAT(readBytes(folder / "step.h"), HasSubstr("step_call(step_t *"));
  etch_library_t *library = nullptr;
  ASSERT_EQ(
      etch_module_load((folder / "libstep.so").c_str(), "step_query", &library),
      ETCH_OK)
      << etch_last_error();
  EXPECT_STREQ(etch_library_module(library)->name, "step");
  etch_library_release(library);

  TemporaryFolder other;
  auto expectNothing = [&](const CompileOptions &o, const std::string &so,
                           const std::string &h, const std::string &text,
                           const std::string &says) {
    ExportResult failed = exportLibrary(text, o, so, h);
    EXPECT_FALSE(failed.ok);
    EXPECT_THAT(firstError(failed.diagnostics), HasSubstr(says));
    EXPECT_EQ(other.count(), 0u);
  };
  expectNothing(options, other / "no/libstep.so", other / "step.h", program(),
                "no/libstep.so");
  expectNothing(options, other / "libstep.so", other / "no/step.h", program(),
                "no/step.h");
  expectNothing(options, other / "libstep.so", other / "step.h", "nonsense",
                "program:1:1");
  expectNothing(options, other.path(), other / "step.h", program(),
                "directory");
  options.name = "not a name";
  expectNothing(options, other / "libstep.so", other / "step.h", program(),
                "cannot name a library");
}

#if defined(__x86_64__)
TEST_F(Compiler, ALibraryForAnotherProcessorSaysWhatIsMissing) {
  TemporaryFolder folder;
  CompileOptions options;
  options.name = "step";
  std::string path = folder / "libstep.so";
  // No processor has what both of these have.
  bool refused = false;
  etch_processor_t processor = etch_this_processor();
  for (const char *mcpu : {"bdver2", "diamondrapids"}) {
    options.mcpu = mcpu;
    ASSERT_TRUE(exportLibrary(program(), options, path, folder / "step.h").ok);
    etch_library_t *library = nullptr;
    ASSERT_EQ(etch_module_read(path.c_str(), "step_query", &library), ETCH_OK);
    std::string target = etch_library_module(library)->target;
    EXPECT_THAT(target, HasSubstr(std::string(mcpu) + " +"));
    etch_library_release(library);
    if (!etch_processor_lacks(&processor, target.c_str()))
      continue;
    refused = true;
    EXPECT_EQ(etch_module_load(path.c_str(), "step_query", &library),
              ETCH_ERROR_DEVICE);
    EXPECT_EQ(library, nullptr);
    EXPECT_THAT(etch_last_error(), HasSubstr("cannot run here: this processor "
                                             "has no "));
    void *handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(handle, nullptr) << dlerror();
    auto init = reinterpret_cast<etch_status_t (*)(void **)>(
        dlsym(handle, "step_init"));
    auto error = reinterpret_cast<const char *(*)(const void *)>(
        dlsym(handle, "step_error"));
    void *instance = handle;
    EXPECT_EQ(init(&instance), ETCH_ERROR_DEVICE);
    EXPECT_EQ(instance, nullptr);
    EXPECT_STREQ(error(nullptr),
                 etch_processor_lacks(&processor, target.c_str()));
    dlclose(handle);
  }
  EXPECT_TRUE(refused);
}
#endif

TEST_F(Compiler, FullDiskLeavesTheOldExport) {
  TemporaryFolder folder;
  writeBytes(folder / "libstep.so", "old");
  writeBytes(folder / "step.h", "old");
  CompileOptions options;
  options.name = "step";
  rlimit old;
  getrlimit(RLIMIT_FSIZE, &old);
  auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit = {1000, old.rlim_max};
  setrlimit(RLIMIT_FSIZE, &limit);
  ExportResult result = exportLibrary(program(), options, folder / "libstep.so",
                                      folder / "step.h");
  setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, handler);
  EXPECT_FALSE(result.ok);
  EXPECT_NE(firstError(result.diagnostics), "");
  EXPECT_EQ(readBytes(folder / "libstep.so"), "old");
  EXPECT_EQ(readBytes(folder / "step.h"), "old");
  EXPECT_EQ(folder.count(), 2u);
}

} // namespace
