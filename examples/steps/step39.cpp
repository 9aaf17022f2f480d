//===- step39.cpp - Sums --------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Over everything, over axes, with or without the axes left as ones; the
// gradient is spread out again.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

int main() {
  return run([] {
    auto f = [](const Variable &x) {
      Variable y = sum(x);
      y.backward();
      return Variables{y, x.grad()};
    };
    Variables all = both(f, array({1.0, 2.0, 3.0, 4.0, 5.0, 6.0}));
    report("sum", all[0]);
    report("x.grad", all[1]);

    Variable x = array({{1.0, 2.0, 3.0}, {4.0, 5.0, 6.0}});
    auto rows = [](const Variable &x) {
      Variable y = x.sum({.axis = 0});
      (y * array({1.0, 10.0, 100.0})).sum().backward();
      return Variables{y, x.grad()};
    };
    all = both(rows, x);
    report("over axis 0", all[0]);
    report("gradient of it", all[1]);
    report("over axis -1", x.sum({.axis = -1}));
    Variable big = random::randn({2, 3, 4, 5});
    report("axes (0, 2)", to_string(big.sum({.axis = {0, 2}}).shape()));
    report("keepdims", to_string(big.sum({.keepdims = true}).shape()));
    report("without", to_string(big.sum().shape()));
  });
}
