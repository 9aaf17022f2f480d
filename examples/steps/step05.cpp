//===- step05.cpp - The theory of backpropagation -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The derivative of a composition is a product. Read from the side of the
// output, each factor is a row times a matrix: one sweep gives the derivatives
// of one loss with respect to everything.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

int main() {
  return run([] {
    double x = 0.5, a = x * x;
    Variable b = exp(Variable(a));
    // The factors need what the functions saw: forward first.
    Variable dy_db = 2 * b, db_da = exp(Variable(a)), da_dx = 2 * Variable(x);
    report("dy/dy", 1);
    report("dy/db", dy_db);
    report("db/da", db_da);
    report("da/dx", da_dx);
    report("from the output", (1.0 * dy_db * db_da) * da_dx);
    report("from the input", dy_db * (db_da * (da_dx * 1.0)));

    // Many inputs, one output: the sweep costs the same. d sum(v^2)/dv = 2 v.
    Variable v = both(
        [](const Variable &v) {
          sum(square(v)).backward();
          return v.grad();
        },
        arange(0.0, 1000.0));
    report("derivatives of one sweep", v.size());
    report("the last of them", v[999]);
  });
}
