//===- step21.cpp - Operators and plain numbers ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Numbers stand beside Variables as they are, on either side, and do not widen
// them.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

int main() {
  return run([] {
    auto f = [](const Variable &x) {
      return Variables{x + Variable(3.0), x + 3.0, 3.0 * x + 1.0,
                       array({2.0}) + x};
    };
    Variables all = both(f, Variable(2.0));
    report("x + array", all[0]);
    report("x + 3.0", all[1]);
    report("3.0 * x + 1.0", all[2]);
    report("array([2.0]) + x", all[3]);
    Variable x = ones({2}, {.dtype = f32});
    report("type of 2.0 * float32", name_of((2.0 * x).dtype()));
  });
}
