//===- step14.cpp - The same Variable twice -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where a Variable is used several times its gradients add up; between two
// calculations they are cleared. Results never share a gradient's storage.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

int main() {
  return run([] {
    auto twice = [](const Variable &x) {
      Variable y = add(x, x);
      y.backward({.retain_grad = true});
      return Variables{y, x.grad(), y.grad()};
    };
    Variables all = both(twice, Variable(3.0));
    report("add(x, x)", all[0]);
    report("its gradient", all[1]);
    report("gradient of the sum itself", all[2]);

    auto thrice = [](const Variable &x) {
      add(add(x, x), x).backward();
      return x.grad();
    };
    report("add(add(x, x), x)", both(thrice, Variable(3.0)));

    auto again = [&](bool clear) {
      return both(
          [&](const Variable &x) {
            add(x, x).backward();
            if (clear)
              x.clear_grad();
            add(add(x, x), x).backward();
            return x.grad();
          },
          Variable(3.0));
    };
    report("without clearing", again(false));
    report("after clear_grad", again(true));
  });
}
