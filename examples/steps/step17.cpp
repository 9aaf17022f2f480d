//===- step17.cpp - Memory is freed at once -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Results own what they were made of, never the other way round: no cycles. A
// graph goes when its last result goes, and a loop does not grow.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

int main() {
  return run([] {
    Variable x = random::randn({10000});
    auto f = [](const Variable &x) { return square(square(square(x))); };
    auto program = compile(f);
    auto growth = [&](auto &&f) {
      f(x);
      int64_t before = memory_stats().live_bytes;
      for (int i = 0; i < 10; ++i)
        f(x);
      return memory_stats().live_bytes - before;
    };
    report("bytes kept after ten runs", growth(f));
    report("bytes kept, compiled", growth(program));
    both(f, x);
  });
}
