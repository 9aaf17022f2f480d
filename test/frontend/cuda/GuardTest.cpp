//===- GuardTest.cpp - Buffers of a device that nobody may leave ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/frontend/cuda/Device.h"

#include "test/support/OtherCompiler.h"

using namespace etch;
using testing::HasSubstr;

namespace {

struct GuardedDevice : test::FaultyDevice {};

/// Values that lie in the arena, of products, reductions and more.
Variable work(const Variable &x) {
  Variable y = tanh(matmul(tanh(matmul(x, x)), x));
  return sum(softmax(y) * y, {.axis = {1}});
}

std::vector<uint64_t> run_shifted(int64_t bytes) {
  test::ShiftedArena fault(bytes);
  auto f = compile([](const Variable &x) { return work(x); },
                   {.device = cuda(0), .guard_pages = true});
  Variable x = ones({33, 33}, {.dtype = f32}).to(cuda(0));
  return test::bits_of(f(x).to(cpu()));
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
    run_shifted(4);
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
  EXPECT_FALSE(run_shifted(0).empty());
#if __has_feature(address_sanitizer) // takes the signal and says what it was
  EXPECT_DEATH(run_shifted(4), "SEGV on unknown address");
#else
  EXPECT_EXIT(run_shifted(4), testing::KilledBySignal(SIGSEGV), "");
#endif
}

} // namespace
