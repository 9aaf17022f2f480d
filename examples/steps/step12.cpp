//===- step12.cpp - Any number of arguments, nicer ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Arguments are written one after the other, and the only result comes back as
// it is, not as a list of one.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

struct Add : Function {
  Variables forward(const Variables &xs) override { return {xs[0] + xs[1]}; }
};

int main() {
  return run([] {
    Add plus;
    auto f = [&](const Variable &x0, const Variable &x1) -> Variable {
      return plus(x0, x1);
    };
    report("y", both(f, Variable(2.0), Variable(3.0)));
    report("results", plus(2.0, 3.0).count());
    report("add(2, 3)", add(Variable(2.0), 3.0));
  });
}
