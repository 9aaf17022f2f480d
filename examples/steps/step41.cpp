//===- step41.cpp - Matrix products ---------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Inner products of vectors, products of matrices; the gradients are products
// themselves.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

int main() {
  return run([] {
    auto f = [](const Variable &x, const Variable &w) {
      Variable y = matmul(x, w);
      y.backward();
      return Variables{y, x.grad(), w.grad()};
    };
    report("(1, 2, 3) . (4, 5, 6)",
           both(f, array({1.0, 2.0, 3.0}), array({4.0, 5.0, 6.0}))[0]);
    Variable x = random::randn({2, 3}), w = random::randn({3, 4});
    Variables all = both(f, x, w);
    report("y", to_string(all[0].shape()));
    report("x.grad", to_string(all[1].shape()));
    report("w.grad", to_string(all[2].shape()));
    auto at_w = [&](const Variable &v) { return matmul(x, v); };
    report("gradient check", gradient_check(at_w, w));
    try {
      matmul(x, ones({4, 5}));
    } catch (const ShapeError &e) {
      std::string message = e.what();
      report("a misfit names the line",
             message.find("step41.cpp:") != message.npos);
    }
  });
}
