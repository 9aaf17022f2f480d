//===- step36.cpp - Gradients inside of expressions -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A gradient can be part of what is differentiated next: double
// backpropagation. Times a vector it gives a Hessian's product without the
// Hessian.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

int main() {
  return run([] {
    auto f = [](const Variable &x) {
      Variable y = pow(x, 2);
      y.backward({.create_graph = true});
      Variable gx = x.grad();
      x.clear_grad();
      Variable z = pow(gx, 3) + y;
      z.backward();
      return x.grad();
    };
    report("dz/dx", both(f, Variable(2.0)));

    auto product = [](const Variable &x, const Variable &v) {
      Variable y = sum(pow(x, 2));
      y.backward({.create_graph = true});
      Variable gx = x.grad();
      x.clear_grad();
      Variable z = matmul(v, gx);
      z.backward();
      return x.grad();
    };
    report("Hessian times vector",
           both(product, array({1.0, 2.0}), array({4.0, 5.0})));
    auto g = [](const Variable &x) { return sum(pow(x, 2)); };
    report("by hvp", hvp(g, array({1.0, 2.0}), array({4.0, 5.0})));
  });
}
