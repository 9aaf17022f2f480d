//===- step10.cpp - Tests -------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A gradient is checked against a value worked out by hand, and against the
// numerical one at a point drawn at random.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

int main() {
  return run([] {
    int tests = 0, failures = 0;
    auto expect = [&](const char *name, bool ok) {
      ++tests;
      failures += !ok;
      if (!ok)
        std::cout << "FAIL: " << name << " (step10)" << std::endl;
    };
    Variable y = both(square, Variable(2.0));
    report("forward", y);
    expect("forward", y.item() == 4.0);

    Variable x(3.0);
    square(x).backward();
    report("backward", x.grad());
    expect("backward", x.grad().item() == 6.0);

    Variable at = random::rand({1});
    expect("gradient check", gradient_check(square, at));
    // A test must be able to fail: a wrong gradient is noticed.
    struct Wrong : Function {
      Variables forward(const Variables &x) override { return {x[0] * x[0]}; }
      Variables backward(const Variables &gy) override { return {3 * gy[0]}; }
    } wrong;
    auto f = [&](const Variable &v) -> Variable { return wrong(v); };
    expect("a wrong gradient is noticed", !gradient_check(f, at));
    report("tests", tests);
    report("failures", failures);
  });
}
