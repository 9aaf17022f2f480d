//===- step38.cpp - Changing shapes ---------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The gradient of a reshape is a reshape back, that of a transpose a transpose
// back.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

int main() {
  return run([] {
    Variable x = array({{1.0, 2.0, 3.0}, {4.0, 5.0, 6.0}});
    auto flat = [](const Variable &x) {
      Variable y = x.reshape(6);
      y.backward();
      return Variables{y, x.grad()};
    };
    Variables all = both(flat, x);
    report("reshape", to_string(all[0].shape()));
    report("its gradient", all[1]);
    report("shape of the gradient", to_string(all[1].shape()));
    report("reshape to (3, -1)", to_string(x.reshape(3, -1).shape()));
    report("to its own shape it is itself", x.reshape({2, 3}).is(x));

    x.clear_grad();
    auto turned = [](const Variable &x) {
      Variable y = x.T();
      (y * array({{1.0, 2.0}, {3.0, 4.0}, {5.0, 6.0}})).sum().backward();
      return Variables{y, x.grad()};
    };
    all = both(turned, x);
    report("transpose", all[0]);
    report("gradient of the transpose", all[1]);
    report("axes (1, 0, 3, 2)",
           to_string(zeros({2, 3, 4, 5}).transpose({1, 0, 3, 2}).shape()));
  });
}
