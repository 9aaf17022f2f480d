//===- step40.cpp - Broadcasting ------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a smaller array is repeated for is summed up in its gradient.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

int main() {
  return run([] {
    report("broadcast_to", to_string(broadcast_to(ones({3}), {2, 3}).shape()));
    Variable x = array({{1, 2, 3}, {4, 5, 6}});
    report("sum_to (1, 3)", sum_to(x, {1, 3}));
    report("sum_to (2, 1)", sum_to(x, {2, 1}));

    auto with = [](const char *name, auto &&op) {
      auto f = [op](const Variable &x0, const Variable &x1) {
        Variable y = op(x0, x1);
        y.backward();
        return Variables{y, x0.grad(), x1.grad()};
      };
      Variables all = both(f, array({1.0, 2.0, 3.0}), array({10.0}));
      report(name, all[0]);
      report(std::string(name) + ", x0.grad", all[1]);
      report(std::string(name) + ", x1.grad", all[2]);
    };
    with("+", [](const Variable &a, const Variable &b) { return a + b; });
    with("-", [](const Variable &a, const Variable &b) { return a - b; });
    with("*", [](const Variable &a, const Variable &b) { return a * b; });
    with("/", [](const Variable &a, const Variable &b) { return b / a; });
    try {
      ones({2, 3}) + ones({2});
    } catch (const ShapeError &e) {
      report("(2, 3) + (2,) is refused", true);
    }
  });
}
