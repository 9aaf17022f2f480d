//===- DebuggingTest.cpp - What helps when the compiler is at fault -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Faults are planted behind optional passes.
//===----------------------------------------------------------------------===//

#include "compiler/Driver/Client/Bisect.h"
#include "compiler/Driver/Compiler.h"
#include "compiler/Driver/Diagnostics.h"
#include "compiler/Driver/Reproduce.h"
#include "compiler/Pipelines/Pipelines.h"
#include "dialects/Device/DeviceDialect.h"
#include "dialects/Etch/EtchDialect.h"
#include "etch/host.h"
#include "test/runtime/TemporaryFolder.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/Pass.h"

#if __has_feature(address_sanitizer)
#include <sanitizer/lsan_interface.h>
#endif

#include <csignal>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <sstream>

using namespace etch;
using namespace etch::driver;
using etch::test::TemporaryFolder;
using testing::HasSubstr;
using testing::Not;

namespace {

constexpr char program[] = R"(
func.func @main(%x: tensor<4x4xf64>, %y: tensor<4x4xf64>) -> tensor<4x4xf64> {
  %0 = "etch.mul"(%x, %y) : (tensor<4x4xf64>, tensor<4x4xf64>) -> tensor<4x4xf64> loc("site":0:0)
  %1 = "etch.sub"(%0, %y) : (tensor<4x4xf64>, tensor<4x4xf64>) -> tensor<4x4xf64> loc("site":1:0)
  %2 = "etch.matmul"(%1, %x) : (tensor<4x4xf64>, tensor<4x4xf64>) -> tensor<4x4xf64> loc("site":2:0)
  func.return %2 : tensor<4x4xf64>
}
// site 0: mul train.cpp:7
// site 1: sub train.cpp:8
)";

/// Subtraction becomes addition.
struct Wrong : mlir::PassWrapper<Wrong, mlir::OperationPass<mlir::ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(Wrong)
  llvm::StringRef getArgument() const override { return "test-wrong"; }
  void runOnOperation() override {
    getOperation().walk([](SubOp op) {
      mlir::OpBuilder b(op);
      auto sum = AddOp::create(b, op.getLoc(), op.getType(), op.getOperand(0),
                               op.getOperand(1));
      op->replaceAllUsesWith(sum->getResults());
      op.erase();
    });
  }
};

/// Fails without a word, speaks of its own ops, or crashes.
struct Failing
    : mlir::PassWrapper<Failing, mlir::OperationPass<mlir::ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(Failing)
  enum Way { silent, about_ops, crash } way;
  explicit Failing(Way way) : way(way) {}
  llvm::StringRef getArgument() const override { return "test-failing"; }
  void runOnOperation() override {
    if (way == crash)
      raise(SIGSEGV);
    if (way == about_ops)
      getOperation().walk([](SubOp op) { op.emitOpError("is not liked"); });
    signalPassFailure();
  }
};

class Debugging : public testing::Test {
protected:
  void SetUp() override { setenv("ETCH_DUMP", folder.path().c_str(), 1); }
  void TearDown() override {
    behindOptionalPass = nullptr;
    unsetenv("ETCH_DUMP");
    unsetenv("ETCH_FLAGS");
  }
  template <class P, class... Args>
  static void plant(const char *behind, Args... args) {
    behindOptionalPass = [=](mlir::OpPassManager &passes,
                             llvm::StringRef name) {
      if (name == behind)
        passes.addPass(std::make_unique<P>(args...));
    };
  }
  Request request() {
    Request r;
    r.text = program;
    r.options.name = "planted";
    return r;
  }
  /// Compiles as the entry points do.
  bool compile(std::string &message) {
    Request r = request();
    std::vector<Diagnostic> diagnostics;
    llvm::SmallVector<char> library;
    bool good = runGuarded(r, diagnostics, [&] {
      return compileLibrary(r, library, diagnostics);
    });
    for (const Diagnostic &d : diagnostics)
      if (d.severity == Severity::error)
        message = d.message;
    return good;
  }
  static std::string read(const std::string &path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  /// The file that a message names.
  static std::string reproducer(const std::string &message) {
    size_t from = message.find("kept in '") + 9;
    return read(message.substr(from, message.find('\'', from) - from));
  }
  std::string file(const std::string &part) {
    for (auto &entry : std::filesystem::directory_iterator(folder.path()))
      if (entry.path().string().find(part) != std::string::npos)
        return entry.path().string();
    return "";
  }

  TemporaryFolder folder;
};

} // namespace

TEST_F(Debugging, TheFirstPassThatChangesAResultIsFound) {
  unsetenv("ETCH_DUMP");
  double x[16], y[16], z[16];
  for (int i = 0; i < 16; ++i)
    x[i] = i, y[i] = 1 + i % 3;
  auto resultsOf = [&](const std::string &without) {
    Request r = request();
    r.options.without = without;
    std::vector<Diagnostic> diagnostics;
    llvm::SmallVector<char> library;
    if (!compileLibrary(r, library, diagnostics))
      return diagnostics.front().message;
    std::string path = folder.path() + "/library.so";
    std::ofstream(path, std::ios::binary).write(library.data(), library.size());
    etch_library_t *loaded;
    if (etch_module_load(path.c_str(), "etch_query", &loaded) != ETCH_OK)
      return std::string(etch_last_error());
    const etch_module_t *module = etch_library_module(loaded);
    const int64_t extents[] = {4, 4}, strides[] = {4, 1};
    etch_tensor_t args[] = {{x, extents, strides, ETCH_F64, 2},
                            {y, extents, strides, ETCH_F64, 2}},
                  out = {z, extents, strides, ETCH_F64, 2};
    etch_call_t call = {};
    call.args = args;
    call.num_args = 2;
    call.results = &out;
    call.num_results = 1;
    call.host = etch_serial_host();
    call.arena_bytes = module->arena_bytes(&call);
    std::vector<char> arena(call.arena_bytes + 64);
    call.arena = reinterpret_cast<void *>(
        (reinterpret_cast<uintptr_t>(arena.data()) + 63) / 64 * 64);
    EXPECT_EQ(module->run(&call), ETCH_OK);
    std::string bytes(reinterpret_cast<char *>(z), sizeof z);
    etch_library_release(loaded);
    std::filesystem::remove(path);
    return bytes;
  };
  EXPECT_EQ(findChangingPass(resultsOf).name, "");
  for (const char *guilty : {"etch-hoist", "etch-recompute-kept"}) {
    plant<Wrong>(guilty);
    EXPECT_EQ(findChangingPass(resultsOf).name, guilty);
  }
}

TEST_F(Debugging, AFailingPassLeavesAReproducer) {
  plant<Failing>("etch-recompute", Failing::silent);
  std::string message;
  EXPECT_FALSE(compile(message));
  EXPECT_THAT(message, HasSubstr("internal error: the phase fuse failed"));
  EXPECT_THAT(message, HasSubstr("--from fuse --compile-to fuse"));
  std::string text = reproducer(message);
  EXPECT_THAT(text, HasSubstr("etch.sub"));
  EXPECT_THAT(text, HasSubstr("etch-compile <this file> --from fuse"));
  EXPECT_THAT(text, HasSubstr("test-failing"));
  // The file and the options fail in the same way; without the fault they run.
  Request again;
  again.text = text;
  again.from = Phase::fuse;
  std::vector<Diagnostic> diagnostics;
  llvm::SmallVector<char> out;
  EXPECT_FALSE(compileToPhase(again, Phase::fuse, out, diagnostics));
  behindOptionalPass = nullptr;
  EXPECT_TRUE(compileToPhase(again, Phase::fuse, out, diagnostics));
}

TEST_F(Debugging, WhatPassesSayOfTheirOwnOpsIsAnInternalError) {
  plant<Failing>("etch-hoist", Failing::about_ops);
  std::string message;
  EXPECT_FALSE(compile(message));
  EXPECT_THAT(message, HasSubstr("internal error: the phase simplify failed: "
                                 "'etch.sub' op is not liked"));
  EXPECT_THAT(reproducer(message), HasSubstr("--from simplify"));
}

TEST_F(Debugging, ACrashLeavesAReproducerAndTheProcessGoesOn) {
#if __has_feature(address_sanitizer)
  __lsan::ScopedDisabler lost; // what a crashed compiler held
#endif
  plant<Failing>("etch-recompute", Failing::crash);
  std::string message;
  EXPECT_FALSE(compile(message));
  EXPECT_THAT(message, HasSubstr("internal error: the compiler crashed in the "
                                 "phase fuse"));
  EXPECT_THAT(reproducer(message), HasSubstr("etch.sub"));
  behindOptionalPass = nullptr;
  message.clear();
  EXPECT_TRUE(compile(message)) << message;
}

TEST_F(Debugging, C134_EachPhaseHasAPageThatNeedsNothingElse) {
  std::string message;
  ASSERT_TRUE(compile(message)) << message;
  for (const PhaseInfo &phase : allPhases()) {
    if (phase.phase == Phase::object)
      continue;
    std::string page = read(file(std::string(phase.name) + ".html"));
    EXPECT_THAT(page, HasSubstr("</html>")) << phase.name;
    EXPECT_THAT(page, Not(HasSubstr("<script")));
    EXPECT_THAT(page, Not(HasSubstr("src=")));
  }
  std::string page = read(file("simplify.html"));
  EXPECT_THAT(page, HasSubstr("mul train.cpp:7"));
  EXPECT_THAT(page, HasSubstr("site 2"));
  EXPECT_THAT(read(file("fuse.html")), HasSubstr("k0"));
}

TEST_F(Debugging, APassHasPagesBeforeAndBehind) {
  setenv("ETCH_FLAGS", "--etch-picture=etch-fuse", 1);
  std::string message;
  ASSERT_TRUE(compile(message)) << message;
  EXPECT_THAT(read(file("before-etch-fuse.html")), Not(HasSubstr("k0")));
  EXPECT_THAT(read(file("behind-etch-fuse.html")), HasSubstr("k0"));
}

/// A training step: products, broadcasts, reductions, a loop, gradients, an
/// update. All ops have sites.
constexpr char step[] = R"(
func.func @main(%x: tensor<4x3xf64>, %lr: tensor<f64> {etch.literal},
                %w: tensor<3x5xf64> {etch.state}, %b: tensor<5xf64>)
    -> (tensor<f64>, tensor<3x5xf64> {etch.update = 2 : i64}) {
  %0 = "etch.matmul"(%x, %w) : (tensor<4x3xf64>, tensor<3x5xf64>) -> tensor<4x5xf64> loc("site":0:0)
  %1 = "etch.broadcast_to"(%b) <{shape = array<i64: 4, 5>}> : (tensor<5xf64>) -> tensor<4x5xf64> loc("site":1:0)
  %2 = "etch.add"(%0, %1) : (tensor<4x5xf64>, tensor<4x5xf64>) -> tensor<4x5xf64> loc("site":2:0)
  %3 = "etch.tanh"(%2) : (tensor<4x5xf64>) -> tensor<4x5xf64> loc("site":3:0)
  %n, %4 = "etch.loop"(%3, %1) <{max_iterations = 3 : i64, operandSegmentSizes = array<i32: 0, 1, 0, 1>, resultSegmentSizes = array<i32: 1, 1, 0>, reverse = false}> ({}, {
  ^bb0(%i: tensor<i64>, %s: tensor<4x5xf64>, %c: tensor<4x5xf64>):
    %10 = "etch.mul"(%s, %c) : (tensor<4x5xf64>, tensor<4x5xf64>) -> tensor<4x5xf64> loc("site":5:0)
    %11 = "etch.sin"(%10) : (tensor<4x5xf64>) -> tensor<4x5xf64> loc("site":6:0)
    "etch.yield"(%11) : (tensor<4x5xf64>) -> () loc("site":7:0)
  }) : (tensor<4x5xf64>, tensor<4x5xf64>) -> (tensor<i64>, tensor<4x5xf64>) loc("site":4:0)
  %5 = "etch.mean"(%4) <{axes = array<i64: 0, 1>, keepdims = false}> : (tensor<4x5xf64>) -> tensor<f64> loc("site":8:0)
  %seed = "etch.constant"() <{value = dense<1.0> : tensor<f64>}> : () -> tensor<f64> loc("site":9:0)
  %6 = "etch.gradient"(%5, %seed, %w) : (tensor<f64>, tensor<f64>, tensor<3x5xf64>) -> tensor<3x5xf64> loc("site":9:0)
  %7 = "etch.broadcast_to"(%lr) <{shape = array<i64: 3, 5>}> : (tensor<f64>) -> tensor<3x5xf64> loc("site":10:0)
  %8 = "etch.mul"(%6, %7) : (tensor<3x5xf64>, tensor<3x5xf64>) -> tensor<3x5xf64> loc("site":11:0)
  %9 = "etch.sub"(%w, %8) : (tensor<3x5xf64>, tensor<3x5xf64>) -> tensor<3x5xf64> loc("site":12:0)
  func.return %5, %9 : tensor<f64>, tensor<3x5xf64> loc("site":13:0)
}
)";

TEST_F(Debugging, C134_EachOpOfAKernelLeadsToASite) {
  mlir::DialectRegistry registry;
  registerCompilerDialects(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(step, &context);
  ASSERT_TRUE(module);
  mlir::PassManager passes(&context, mlir::ModuleOp::getOperationName());
  buildPipeline(passes, {}, Phase::bufferize);
  ASSERT_TRUE(succeeded(passes.run(*module)));
  int kernels = 0, ops = 0, launches = 0;
  module->walk([&](mlir::Operation *op) {
    std::string text;
    llvm::raw_string_ostream(text) << *op;
    auto function = op->getParentOfType<mlir::func::FuncOp>();
    bool inKernel = function && function->hasAttr(kKernelAttr);
    kernels += op->hasAttr(kKernelAttr);
    if (inKernel && !op->hasTrait<mlir::OpTrait::IsTerminator>()) {
      ++ops;
      EXPECT_GE(siteOf(op->getLoc()), 0) << text;
    }
    if (mlir::isa<device::LaunchOp, device::LoopOp>(op)) {
      ++launches;
      EXPECT_GE(siteOf(op->getLoc()), 0) << text;
    }
  });
  EXPECT_GT(kernels, 5);
  EXPECT_GT(ops, 15);
  EXPECT_GT(launches, 6);
}

TEST_F(Debugging, PassesAreLeftOutByFlag) {
  setenv("ETCH_FLAGS", "--etch-without=etch-fuse", 1);
  Request r = request();
  std::vector<Diagnostic> diagnostics;
  llvm::SmallVector<char> out;
  ASSERT_TRUE(compileToPhase(r, Phase::fuse, out, diagnostics));
  std::string text(out.data(), out.size());
  EXPECT_THAT(text, HasSubstr("@k2"));
  unsetenv("ETCH_FLAGS");
  out.clear();
  ASSERT_TRUE(compileToPhase(r, Phase::fuse, out, diagnostics));
  text.assign(out.data(), out.size());
  EXPECT_THAT(text, Not(HasSubstr("@k2")));
}
