//===- step16.cpp - Graphs of any shape: generations ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Functions know how far from the inputs they are: the farthest goes first.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

int main() {
  return run([] {
    auto f = [](const Variable &x) {
      Variable a = square(x);
      Variable y = add(square(a), square(a));
      y.backward();
      return Variables{y, x.grad()};
    };
    Variables all = both(f, Variable(2.0));
    report("y", all[0]);
    report("x.grad", all[1]);

    Variable x(2.0), a = square(x), b = square(a), y = add(b, square(a));
    report("generation of x", x.generation());
    report("generation of a", a.generation());
    report("generation of b", b.generation());
    report("generation of y", y.generation());
    report("generation of y's function", y.creator().generation());
  });
}
