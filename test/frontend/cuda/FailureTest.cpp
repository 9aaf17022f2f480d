//===- FailureTest.cpp - Drivers that fail, devices that are not there ----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/frontend/cuda/Device.h"

#include <functional>

using namespace etch;
using testing::HasSubstr;

namespace {

struct FailingDevice : test::FaultyDevice {
  void SetUp() override {
    FaultyDevice::SetUp();
    if (!IsSkipped() && !fail)
      GTEST_SKIP() << "a real driver does not fail when it is asked to";
  }
};

constexpr int kOutOfMemory = 2, kIllegalAddress = 700;

std::string message_of(const std::function<void()> &f) {
  try {
    f();
  } catch (const DeviceError &e) {
    return e.what();
  }
  return "no DeviceError";
}

TEST_F(FailingDevice, MemoryThatIsKeptGoesBackWhereThereIsTooLittle) {
  {
    Variable gone = ones({1 << 20}).to(cuda(0));
  }
  EXPECT_GE(cuda::statistics().cached, uint64_t(8) << 20);
  fail("cuMemAlloc_v2", kOutOfMemory, 0);
  Variable x = ones({5 << 18}).to(cuda(0)); // no block of its size is kept
  EXPECT_EQ(cuda::statistics().cached, 0u);
  EXPECT_EQ(x.to(cpu()).span<const double>()[5], 1.0);
}

TEST_F(FailingDevice, ALaunchNamesItsLine) {
  auto f = compile([](const Variable &x) { return exp(x) * 2.0; },
                   {.device = cuda(0)});
  Variable x = ones({3}).to(cuda(0));
  fail("cuLaunchKernel", 1, 0);
  std::string text = message_of([&] { f(x); });
  EXPECT_THAT(text, HasSubstr("cannot be launched: invalid argument"));
  EXPECT_THAT(text, HasSubstr("FailureTest.cpp:"));
  EXPECT_NEAR(f(x).to_vector()[0], 5.43656, 1e-4);
}

TEST_F(FailingDevice, AGraphThatCannotBeMadeIsLaunchedBitByBit) {
  auto f = compile([](const Variable &x) { return exp(x) - 2.0; },
                   {.device = cuda(0)});
  Variable x = ones({3}).to(cuda(0)), y = f(x);
  fail("cuGraphInstantiateWithFlags", 999, 0);
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(f(x).to_vector(), y.to_vector());
}

TEST_F(FailingDevice, CodeThatCannotBeLoaded) {
  auto f = compile([](const Variable &x) { return exp(x) + 7.0; },
                   {.device = cuda(0)});
  fail("cuModuleLoadData", 209, 0);
  EXPECT_THAT(message_of([&] { f(ones({3})); }),
              HasSubstr("cannot be loaded on a device of architecture"));
  fail("cuModuleGetFunction", 500, 0);
  EXPECT_THAT(message_of([&] { f(ones({3})); }), HasSubstr("no kernel"));
}

// The device is lost then: in a process of its own.
TEST_F(FailingDevice, AKernelThatFailsShowsWhenOneReads) {
  EXPECT_EXIT(
      {
        auto f = compile([](const Variable &x) { return exp(x) + 3.0; },
                         {.device = cuda(0)});
        Variable x = ones({3}).to(cuda(0));
        fail("kernel", kIllegalAddress, 0);
        Variable y = f(x);
        std::string text = message_of([&] { y.item(); });
        if (text.find("no DeviceError") != text.npos)
          text = message_of([&] { y.to_vector(); });
        fprintf(stderr, "%s\n", text.c_str());
        exit(0);
      },
      testing::ExitedWithCode(0), "illegal memory access.*last kernel was");
}

TEST_F(FailingDevice, TwoDevices) {
  ASSERT_GE(cuda::device_count(), 2);
  Variable a = ones({2, 2}).to(cuda(0)), b = ones({2, 2}).to(cuda(1));
  EXPECT_THAT(message_of([&] { a *b; }),
              HasSubstr("mul: its operands are on different devices: cuda(0) "
                        "and cuda(1)"));
  b.set_name("W");
  auto f = compile([&](const Variable &x) { return matmul(x, b); },
                   {.device = cuda(0)});
  std::string text = message_of([&] { f(a); });
  EXPECT_THAT(text, HasSubstr("'W' of float64 (2, 2) is on cuda(1), the "
                              "program runs on cuda(0)"));
  EXPECT_THAT(text, HasSubstr("FailureTest.cpp:"));
  EXPECT_EQ(b.to(cuda(0)).to_vector(), b.to_vector());
}

// Where there is none, whatever asks for one says so, at the user's line.
TEST(WithoutADevice, EveryUseSaysWhy) {
  if (cuda::is_available())
    GTEST_SKIP() << "there is one";
  uint32_t line = 0;
  auto says = [&](const std::function<void()> &f) {
    try {
      f();
      ADD_FAILURE() << "no error";
    } catch (const DeviceError &e) {
      EXPECT_THAT(e.what(), HasSubstr("cuda(0): "));
      EXPECT_THAT(e.what(), HasSubstr(cuda::unavailable_reason()));
      EXPECT_EQ(e.where().line, line);
    }
  };
  Variable x = ones({2});
  says([&] { line = __LINE__, x.to(cuda(0)); });
  MLP model({2}, tanh);
  says([&] { line = __LINE__, model.to(cuda(0)); });
  auto f = [](const Variable &v) { return v * 2.0; };
  says([&] { line = __LINE__, compile(f, {.device = cuda(0)}); });
  says([&] { line = __LINE__, cuda::statistics(); });
  EXPECT_EQ(cuda::device_count(), 0);
  EXPECT_NE(cuda::unavailable_reason(), "");
}

} // namespace
