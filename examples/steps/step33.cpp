//===- step33.cpp - Newton's method by itself -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Both derivatives come from backward(). Between them the gradient is cleared,
// or the second adds to the first.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

Variable f(const Variable &x) { return pow(x, 4) - 2 * pow(x, 2); }

struct Newton {
  Variable x = Variable(2.0).set_name("x");
  Variable step() {
    x.clear_grad();
    f(x).backward({.create_graph = true});
    Variable gx = x.grad();
    x.clear_grad();
    gx.backward();
    Variable gx2 = x.grad();
    x.data() -= gx / gx2;
    return x.detach();
  }
  Variables params() const { return {x}; }
};

int main() {
  return run([] {
    auto derivatives = [](bool clear) {
      return [clear](const Variable &x) {
        f(x).backward({.create_graph = true});
        Variable gx = x.grad();
        if (clear)
          x.clear_grad();
        gx.backward();
        return Variables{gx, x.grad()};
      };
    };
    Variables all = both(derivatives(true), Variable(2.0));
    report("first derivative", all[0]);
    report("second derivative", all[1]);
    all = both(derivatives(false), Variable(2.0));
    report("without clearing", all[1]);
    auto functional = [](const Variable &x) {
      Variable gx = grad(f(x), {x}, {.create_graph = true})[0];
      return grad(gx, {x})[0];
    };
    report("grad of grad", both(functional, Variable(2.0)));

    auto newton = train<Newton, false>([](auto &&step) {
      std::vector<double> xs{2.0};
      while (xs.size() < 20 && xs.back() != 1.0)
        xs.push_back(step().item());
      return xs;
    });
    report("iterates", newton.figures);
    report("updates", newton.figures.size() - 1);
  });
}
