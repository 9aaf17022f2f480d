//===- GuardTest.cpp - every buffer between pages that may not be touched -===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "test/programs/Programs.h"
#include "test/support/OtherCompiler.h"

#include <cstring>
#include <gtest/gtest.h>

using namespace etch;
using etch::test::Program;
using etch::test::programs;
using etch::test::Step;

namespace {
/// Two steps of training, so that the second depends on all of the first.
std::vector<double> losses(const Program &p, bool guard) {
  random::seed(0);
  std::unique_ptr<Step> step = p.make();
  auto f = compile(
      [&](const Variable &x, const Variable &t) { return (*step)(x, t); },
      {.guard_pages = guard});
  Variable x = astype(random::rand(step->x.shape()), step->x.dtype());
  std::vector<double> all;
  for (int i = 0; i < 2; ++i)
    all.push_back(f(x, step->t).item());
  return all;
}

TEST(GuardPages, C142_ProgramsStayInTheirBuffers) {
  for (const Program &p : programs())
    if (p.small)
      EXPECT_EQ(losses(p, true), losses(p, false)) << p.name;
}

/// A matrix product of a value that lies in the arena.
double run_shifted(int64_t bytes) {
  test::ShiftedArena fault(bytes);
  auto f = compile(
      [](const Variable &x) {
        return sum(tanh(matmul(tanh(matmul(x, x)), x)));
      },
      {.guard_pages = true});
  return f(ones({33, 33}, {.dtype = f32})).item();
}

TEST(GuardPages, C142_OneElementTooFarIsFound) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_GT(run_shifted(0), 0);
#if __has_feature(address_sanitizer) // takes the signal and says what it was
  EXPECT_DEATH(run_shifted(4), "SEGV on unknown address");
#else
  EXPECT_EXIT(run_shifted(4), testing::KilledBySignal(SIGSEGV), "");
#endif
}
} // namespace
