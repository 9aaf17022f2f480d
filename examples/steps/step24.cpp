//===- step24.cpp - Derivatives of complicated functions ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Test functions of optimisation, written as their formulas are.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

Variable sphere(const Variable &x, const Variable &y) {
  return pow(x, 2) + pow(y, 2);
}
Variable matyas(const Variable &x, const Variable &y) {
  return 0.26 * (pow(x, 2) + pow(y, 2)) - 0.48 * x * y;
}
Variable goldstein(const Variable &x, const Variable &y) {
  return (1 + pow(x + y + 1, 2) * (19 - 14 * x + 3 * pow(x, 2) - 14 * y +
                                   6 * x * y + 3 * pow(y, 2))) *
         (30 + pow(2 * x - 3 * y, 2) * (18 - 32 * x + 12 * pow(x, 2) + 48 * y -
                                        36 * x * y + 27 * pow(y, 2)));
}

int main() {
  return run([] {
    auto at_one = [](const std::string &name, auto &&f) {
      Variables all = both(
          [f](const Variable &x, const Variable &y) {
            Variable z = f(x, y);
            z.backward();
            return Variables{z, x.grad(), y.grad()};
          },
          Variable(1.0), Variable(1.0));
      report(name, all[0]);
      report(name + ", x.grad", all[1]);
      report(name + ", y.grad", all[2]);
    };
    at_one("Sphere", sphere);
    at_one("Matyas", matyas);
    at_one("Goldstein-Price", goldstein);
    Variable y(1.0);
    auto f = [&](const Variable &x) { return goldstein(x, y); };
    report("gradient check", gradient_check(f, Variable(1.0)));
  });
}
