//===- step04.cpp - Numerical differentiation -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A slope from two values of the function, a little to the left and to the
// right: easy, but neither exact nor cheap.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

int main() {
  return run([] {
    report("square at 2", numerical_diff(square, Variable(2.0)));

    auto f = [](const Variable &x) { return square(exp(square(x))); };
    Variable slope = both(
        [&](const Variable &x) { return numerical_diff(f, x); }, Variable(0.5));
    report("exp(x^2)^2 at 0.5", slope);

    // A larger distance gives a larger error, and so does one that is tiny.
    for (double eps : {1e-2, 1e-4, 1e-12}) {
      double error = numerical_diff(square, Variable(2.0), eps).item() - 4.0;
      std::ostringstream name;
      name << "error below 1e-5 with eps " << eps;
      report(name.str(), std::abs(error) < 1e-5);
    }
  });
}
