//===- step13.cpp - Any number of arguments, backward ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// backward() gets a gradient for each result and gives one for each input.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

struct Add : Function {
  Variables forward(const Variables &xs) override { return {xs[0] + xs[1]}; }
  Variables backward(const Variables &gys) override { return {gys[0], gys[0]}; }
};
struct Square : Function {
  Variables forward(const Variables &xs) override { return {xs[0] * xs[0]}; }
  Variables backward(const Variables &gys) override {
    return {2 * inputs()[0] * gys[0]};
  }
};

int main() {
  return run([] {
    Add add;
    Square square;
    auto f = [&](const Variable &x, const Variable &y) {
      Variable z = add(square(x), square(y));
      z.backward();
      return Variables{z, x.grad(), y.grad()};
    };
    Variables all = both(f, Variable(2.0), Variable(3.0));
    report("z", all[0]);
    report("x.grad", all[1]);
    report("y.grad", all[2]);
  });
}
