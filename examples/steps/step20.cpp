//===- step20.cpp - Operators: + and * ------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Formulas are written as formulas.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

int main() {
  return run([] {
    auto f = [](const Variable &a, const Variable &b, const Variable &c) {
      Variable y = a * b + c;
      y.backward();
      return Variables{y, a.grad(), b.grad(), c.grad()};
    };
    Variables all = both(f, Variable(3.0), Variable(2.0), Variable(1.0));
    report("y", all[0]);
    report("a.grad", all[1]);
    report("b.grad", all[2]);
    report("c.grad", all[3]);
  });
}
