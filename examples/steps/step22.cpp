//===- step22.cpp - Operators: -, / and powers ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Subtraction and division in both orders; the exponent is a constant.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

int main() {
  return run([] {
    auto at_two = [](const char *name, auto &&f) {
      Variables all = both(
          [f](const Variable &x) {
            Variable y = f(x);
            y.backward();
            return Variables{y, x.grad()};
          },
          Variable(2.0));
      report(name, concat({all[0].reshape(1), all[1].reshape(1)}));
    };
    at_two("-x and slope", [](const Variable &x) { return -x; });
    at_two("2.0 - x and slope", [](const Variable &x) { return 2.0 - x; });
    at_two("x - 1.0 and slope", [](const Variable &x) { return x - 1.0; });
    at_two("3.0 / x and slope", [](const Variable &x) { return 3.0 / x; });
    at_two("x ** 3 and slope", [](const Variable &x) { return pow(x, 3); });
    at_two("x ** 2 and slope", [](const Variable &x) { return pow(x, 2); });

    // a / b with both of them variable: 1 / b and -a / b^2.
    Variable a(6.0), b(3.0);
    (a / b).backward();
    report("a.grad of a / b", a.grad());
    report("b.grad of a / b", b.grad());
  });
}
