//===- step23.cpp - A package ---------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One header gives everything; a program of somebody else finds it by
// find_package(Etch), wherever it is run.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

int main() {
  return run([] {
    std::filesystem::current_path("/");
    auto f = [](const Variable &x) {
      Variable y = pow(x + 3, 2);
      y.backward();
      return Variables{y, x.grad()};
    };
    Variables all = both(f, Variable(1.0));
    report("y", all[0]);
    report("x.grad", all[1]);
  });
}
