//===- step37.cpp - Tensors -----------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Functions of single numbers work element by element on tensors, gradients
// included: each has the shape of its data.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

int main() {
  return run([] {
    auto f = [](const Variable &x, const Variable &c) {
      Variable t = x + c;
      Variable y = sum(t);
      y.backward({.retain_grad = true});
      return Variables{y, y.grad(), t.grad(), x.grad(), c.grad()};
    };
    Variables all = both(f, array({{1.0, 2.0, 3.0}, {4.0, 5.0, 6.0}}),
                         array({{10.0, 20.0, 30.0}, {40.0, 50.0, 60.0}}));
    const char *names[] = {"y", "y.grad", "t.grad", "x.grad", "c.grad"};
    for (size_t i = 0; i < all.size(); ++i)
      report(names[i], all[i]);
    report("shape of x.grad", to_string(all[3].shape()));
  });
}
