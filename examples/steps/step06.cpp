//===- step06.cpp - Backpropagation by hand -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each function hands back how a gradient passes through it. Called in reverse,
// they give the gradient of the whole.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

int main() {
  return run([] {
    auto by_hand = [](const Variable &x) {
      auto [a, A] = vjp(etch::square, x);
      auto [b, B] = vjp(etch::exp, a);
      auto [y, C] = vjp(etch::square, b);
      Variable gy(1.0);
      Variable gb = C(gy);
      Variable ga = B(gb);
      Variable gx = A(ga);
      return Variables{y, gb, ga, gx};
    };
    Variables all = both(by_hand, Variable(0.5));
    report("y", all[0]);
    report("b.grad", all[1]);
    report("a.grad", all[2]);
    report("x.grad", all[3]);

    auto f = [](const Variable &x) { return square(exp(square(x))); };
    report("numerically", numerical_diff(f, Variable(0.5)));
  });
}
