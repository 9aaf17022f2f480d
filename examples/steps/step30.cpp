//===- step30.cpp - Higher derivatives: what is there ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// So far a gradient is an array: the calculation that made it left no graph.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

int main() {
  return run([] {
    auto f = [](const Variable &x) {
      Variable y = pow(x, 3);
      y.backward();
      return Variables{y, x.grad()};
    };
    Variables all = both(f, Variable(2.0));
    report("y", all[0]);
    report("x.grad", all[1]);
    report("y has a graph", bool(all[0].creator()));
    report("x.grad has a graph", bool(all[1].creator()));
  });
}
