//===- step08.cpp - From recursion to a loop ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// backward() keeps a list of what is still to do: no stack grows with the
// graph, which may be 100,000 functions deep.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

int main() {
  return run([] {
    auto slope = [](const Variable &x) {
      Variable y = square(exp(square(x)));
      y.backward();
      return x.grad();
    };
    report("x.grad", both(slope, Variable(0.5)));

    Variable x(3.0), y = x;
    for (int i = 0; i < 100000; ++i)
      y = y + x;
    y.backward();
    report("sum of 100001", y);
    report("its gradient", x.grad());

    auto chain = [](const Variable &x) {
      Variable y = x;
      for (int i = 0; i < 1000; ++i)
        y = y + x;
      y.backward();
      return Variables{y, x.grad()};
    };
    report("sum of 1001 and gradient",
           concat({both(chain, Variable(3.0))[0].reshape(1), array({1001.0})}));
  });
}
