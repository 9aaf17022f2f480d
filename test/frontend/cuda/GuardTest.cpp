//===- GuardTest.cpp - Buffers of a device that nobody may leave ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/frontend/cuda/Device.h"

#include "frontend/compile/Variant.h"

#include <dlfcn.h>

using namespace etch;
using testing::HasSubstr;

namespace {

struct GuardedDevice : test::DeviceTest {
  void (*fail)(const char *function, int code, int after) = nullptr;

  void SetUp() override {
    test::DeviceTest::SetUp();
    if (IsSkipped())
      return;
    void *driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
    fail = reinterpret_cast<decltype(fail)>(dlsym(driver, "etch_fake_fail"));
  }
};

/// Values that lie in the arena, of products, reductions and more.
Variable work(const Variable &x) {
  Variable y = tanh(matmul(tanh(matmul(x, x)), x));
  return sum(softmax(y) * y, {.axis = {1}});
}

int64_t shift = 0;
etch_status_t (*real_run)(etch_call_t *) = nullptr;

/// A program whose buffers all lie `shift` bytes too far.
etch_status_t run_shifted(etch_call_t *call) {
  call->arena = static_cast<char *>(call->arena) + shift;
  return real_run(call);
}

detail::CompiledModule plant(const std::string &text,
                             const driver::CompileOptions &options) {
  static std::vector<std::unique_ptr<etch_module_t>> changed;
  driver::CompileResult r = driver::compile(text, options);
  changed.push_back(std::make_unique<etch_module_t>(r.module->module()));
  real_run = changed.back()->run;
  changed.back()->run = run_shifted;
  return {r.module, changed.back().get(), r.origin, r.milliseconds, {}, {}};
}

std::vector<uint64_t> run_planted(int64_t bytes) {
  shift = bytes;
  detail::ModuleCompiler before = detail::module_compiler;
  detail::module_compiler = plant;
  auto f = compile([](const Variable &x) { return work(x); },
                   {.device = cuda(0), .guard_pages = true});
  Variable x = ones({33, 33}, {.dtype = f32}).to(cuda(0));
  std::vector<uint64_t> bits;
  try {
    bits = test::bits_of(f(x).to(cpu()));
  } catch (...) {
    detail::module_compiler = before;
    throw;
  }
  detail::module_compiler = before;
  return bits;
}

TEST_F(GuardedDevice, ProgramsStayInTheirBuffers) {
  Variable x = ones({33, 33}, {.dtype = f32}).to(cuda(0));
  auto f =
      compile([](const Variable &x) { return work(x); }, {.device = cuda(0)});
  auto expected = test::bits_of(f(x).to(cpu()));
  for (bool pages : {true, false}) {
    if (!pages && fail)
      fail("cuMemGetAllocationGranularity", 1, 0);
    auto g = compile([](const Variable &x) { return work(x); },
                     {.device = cuda(0), .guard_pages = true});
    for (int i = 0; i < 3; ++i)
      EXPECT_EQ(test::bits_of(g(x).to(cpu())), expected) << pages;
  }
}

/// Where the driver's pages are too large, a pattern shows it.
TEST_F(GuardedDevice, OneElementTooFarIsFound) {
  if (!fail)
    GTEST_SKIP() << "a real driver does not refuse when it is asked to";
  fail("cuMemGetAllocationGranularity", 1, 0);
  try {
    run_planted(4);
    FAIL();
  } catch (const DeviceError &e) {
    EXPECT_THAT(e.what(), HasSubstr("a kernel wrote where nothing is: byte 0 "
                                    "behind the "));
  }
}

TEST_F(GuardedDevice, BehindABufferIsNothing) {
  if (!fail)
    GTEST_SKIP() << "a real device is lost to a kernel that fails";
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_FALSE(run_planted(0).empty());
#if __has_feature(address_sanitizer) // takes the signal and says what it was
  EXPECT_DEATH(run_planted(4), "SEGV on unknown address");
#else
  EXPECT_EXIT(run_planted(4), testing::KilledBySignal(SIGSEGV), "");
#endif
}

} // namespace
