//===- step03.cpp - Functions one behind the other ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What goes in and what comes out are both Variables, so functions compose.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

struct Square : Function {
  Variables forward(const Variables &x) override { return {x[0] * x[0]}; }
};
struct Exp : Function {
  Variables forward(const Variables &x) override { return {exp(x[0])}; }
};

int main() {
  return run([] {
    Square A, C;
    Exp B;
    auto f = [&](const Variable &x) {
      Variable a = A(x);
      Variable b = B(a);
      Variable y = C(b);
      return y;
    };
    report("y", both(f, Variable(0.5)));
  });
}
