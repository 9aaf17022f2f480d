//===- step32.cpp - Higher derivatives: in the code -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The backward of every operator is made of operators; create_graph keeps their
// graph, and is off by default, since one derivative is enough nearly always.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

int main() {
  return run([] {
    auto two = [](const char *name, auto &&f) {
      auto g = [f](const Variable &x) {
        Variable y = f(x);
        y.backward({.create_graph = true});
        Variable first = x.grad();
        x.clear_grad();
        first.backward();
        return Variables{first, x.grad()};
      };
      Variables all = both(g, Variable(2.0));
      report(name, stack({all[0], all[1]}));
    };
    two("x * x", [](const Variable &x) { return x * x; });
    two("x + x * x", [](const Variable &x) { return x + x * x; });
    two("x ** 3 - x", [](const Variable &x) { return pow(x, 3) - x; });
    two("-x ** 2", [](const Variable &x) { return -pow(x, 2); });
    two("(x * x + 1) / x", [](const Variable &x) { return (x * x + 1) / x; });

    Variable x(2.0), y = pow(x, 4);
    y.backward();
    report("a graph by default", bool(x.grad().creator()));
  });
}
