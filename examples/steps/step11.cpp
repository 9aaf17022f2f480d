//===- step11.cpp - Any number of arguments -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A Function takes a list of Variables and gives a list of them.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

struct Add : Function {
  Variables forward(const Variables &xs) override { return {xs[0] + xs[1]}; }
};
struct SumAndDifference : Function {
  Variables forward(const Variables &xs) override {
    return {xs[0] + xs[1], xs[0] - xs[1]};
  }
};

int main() {
  return run([] {
    Add add;
    SumAndDifference two;
    auto f = [&](const Variable &x0, const Variable &x1) {
      Variables xs{x0, x1};
      Variables one = add(xs), both = two(xs);
      return Variables{one[0], both[0], both[1]};
    };
    Variables ys = both(f, Variable(2.0), Variable(3.0));
    report("y", ys[0]);
    report("sum", ys[1]);
    report("difference", ys[2]);
  });
}
