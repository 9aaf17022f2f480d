//===- LinkTest.cpp - Objects and shared objects --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Driver/Link.h"
#include "compiler/Driver/Object.h"
#include "runtime/core/processor.h"
#include "test/driver/Emit.h"
#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/TargetParser/Host.h"

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <thread>

using namespace etch::driver;
using namespace etch::test;
using testing::HasSubstr;
using testing::Not;

namespace {

TEST(Target, NativeAndNamed) {
  llvm::Expected<TargetInfo> native = resolveTarget("native");
  ASSERT_TRUE(bool(native)) << toString(native.takeError());
  EXPECT_NE(native->features, "");
  llvm::Expected<TargetInfo> v3 = resolveTarget("x86-64-v3");
  ASSERT_TRUE(bool(v3)) << toString(v3.takeError());
  EXPECT_EQ(v3->vectorBits, 256u);
  EXPECT_TRUE(v3->fma);
  llvm::Expected<TargetInfo> v1 = resolveTarget("x86-64");
  ASSERT_TRUE(bool(v1)) << toString(v1.takeError());
  EXPECT_EQ(v1->vectorBits, 128u);
  EXPECT_FALSE(v1->fma);
  EXPECT_EQ(resolveTarget("x86-64-v4")->vectorBits, 512u);
  llvm::Expected<TargetInfo> none = resolveTarget("pentium-42");
  ASSERT_FALSE(bool(none));
  EXPECT_THAT(toString(none.takeError()),
              HasSubstr("unknown processor 'pentium-42'"));
}

#if defined(__x86_64__)
TEST(Processor, HasWhatLLVMSays) {
  auto host = llvm::sys::getHostCPUFeatures();
  etch_processor_t processor = etch_this_processor();
  size_t head = sizeof(ETCH_MISSING_HEAD) - 1;
  for (const etch_feature_t &feature : etch_features) {
    std::string name = feature.missing + head;
    name.resize(name.find(','));
    ASSERT_TRUE(host.count(name)) << name;
    EXPECT_EQ(bool(etch_processor_has(&processor, &feature)), host[name])
        << name;
    bool lacks =
        etch_processor_lacks(&processor, ("x86_64 some +a,+" + name).c_str());
    EXPECT_EQ(lacks, !host[name]) << name;
    EXPECT_EQ(
        etch_processor_lacks(&processor, ("x86_64 some -" + name).c_str()),
        nullptr);
    EXPECT_EQ(
        etch_processor_lacks(&processor, ("x86_64 +" + name + "x").c_str()),
        nullptr);
  }
}
#endif

TEST(Object, NeverContractsOrCallsLibm) {
  // a*b+c as two operations, also when the target fuses and the text invites.
  for (bool quick : {true, false}) {
    std::string object = emitText(R"(
      declare float @llvm.fmuladd.f32(float, float, float)
      define float @f(float %a, float %b, float %c) {
        %p = fmul float %a, %b
        %s = fadd float %p, %c
        ret float %s
      })",
                                  "native", quick);
    std::string library = linkText(object);
    Loaded loaded(library);
    auto f = loaded.function<float(float, float, float)>("f");
    float a = 1.0f + 0x1p-12f, b = 1.0f + 0x1p-12f;
    volatile float product = a * b;
    EXPECT_EQ(f(a, b, -1.0f), product - 1.0f);
    EXPECT_NE(f(a, b, -1.0f), __builtin_fmaf(a, b, -1.0f));
  }
}

TEST(Object, MalformedModulesAreErrors) {
  llvm::LLVMContext context;
  llvm::Module module("m", context);
  auto *type = llvm::FunctionType::get(llvm::Type::getVoidTy(context), false);
  auto *function = llvm::Function::Create(type, llvm::Function::ExternalLinkage,
                                          "f", module);
  llvm::BasicBlock::Create(context, "", function); // no terminator
  llvm::SmallVector<char> object;
  llvm::Error error =
      emitObject(module, llvm::cantFail(resolveTarget("native")), true, object);
  EXPECT_THAT(toString(std::move(error)), HasSubstr("malformed LLVM IR"));
}

TEST(Link, MissingSymbolsAndGarbageAreErrors) {
  std::string object = emitText("declare void @no_such_function()\n"
                                "define void @f() {\n"
                                "  call void @no_such_function()\n"
                                "  ret void\n}");
  llvm::SmallVector<char> out;
  LinkOptions closed;
  closed.closed = true;
  EXPECT_THAT(toString(linkSharedObject(object, closed, out)),
              HasSubstr("no_such_function"));
  // The linker works again after an error.
  EXPECT_THAT(toString(linkSharedObject("garbage", {}, out)), Not(""));
  EXPECT_FALSE(bool(linkSharedObject(object, {}, out)));
}

TEST(Link, ManyThreads) {
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) {
        int number = t * 100 + i;
        Loaded loaded(linkText(emitText("define i32 @f() {\n  ret i32 " +
                                        std::to_string(number) + "\n}")));
        good += loaded.function<int()>("f")() == number;
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(good, 40);
}

} // namespace
