//===- GuardTest.cpp - every buffer between pages that may not be touched -===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/compile/Variant.h"
#include "test/programs/Programs.h"

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

int64_t shift = 0;
etch_status_t (*real_run)(etch_call_t *) = nullptr;

/// A module whose buffers all lie `shift` bytes too far.
etch_status_t run_shifted(etch_call_t *call) {
  call->arena = static_cast<char *>(call->arena) + shift;
  return real_run(call);
}

detail::CompiledModule plant(const std::string &text,
                             const driver::CompileOptions &options) {
  static etch_module_t changed;
  driver::CompileResult r = driver::compile(text, options);
  changed = r.module->module();
  real_run = changed.run;
  changed.run = run_shifted;
  return {r.module, &changed, r.origin, r.milliseconds, {}, {}};
}

/// A matrix product of a value that lies in the arena.
double run_planted(int64_t bytes) {
  shift = bytes;
  detail::ModuleCompiler before = detail::module_compiler;
  detail::module_compiler = plant;
  auto f = compile(
      [](const Variable &x) {
        return sum(tanh(matmul(tanh(matmul(x, x)), x)));
      },
      {.guard_pages = true});
  double y = f(ones({33, 33}, {.dtype = f32})).item();
  detail::module_compiler = before;
  return y;
}

TEST(GuardPages, C142_OneElementTooFarIsFound) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_GT(run_planted(0), 0);
#if __has_feature(address_sanitizer) // takes the signal and says what it was
  EXPECT_DEATH(run_planted(4), "SEGV on unknown address");
#else
  EXPECT_EXIT(run_planted(4), testing::KilledBySignal(SIGSEGV), "");
#endif
}
} // namespace
