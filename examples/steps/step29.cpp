//===- step29.cpp - Newton's method by hand -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A parabola through the point instead of a slope: a handful of updates. The
// second derivatives are worked out on paper here.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

struct Newton {
  Variable x = Variable(2.0).set_name("x");
  Variable step() {
    Variable y = pow(x, 4) - 2 * pow(x, 2);
    x.clear_grad();
    y.backward();
    Variable gx2 = 12 * pow(x, 2) - 4;
    x.data() -= x.grad() / gx2;
    return x.detach();
  }
  Variables params() const { return {x}; }
};
struct Descent : Newton {
  Variable step() {
    Variable y = pow(x, 4) - 2 * pow(x, 2);
    x.clear_grad();
    y.backward();
    x.data() -= 0.01 * x.grad();
    return x.detach();
  }
};
/// Rosenbrock's valley: Hessian ((a, b), (b, 200)), inverted by Cramer's rule.
struct Valley {
  Variable x = Variable(0.0).set_name("x"), y = Variable(2.0).set_name("y");
  Variables step() {
    Variable z = 100 * pow(y - pow(x, 2), 2) + pow(x - 1, 2);
    for (Variable *v : {&x, &y})
      v->clear_grad();
    z.backward();
    Variable gx = x.grad(), gy = y.grad();
    Variable a = 1200 * pow(x, 2) - 400 * y + 2, b = -400 * x;
    Variable det = a * 200 - b * b;
    x.data() -= (200 * gx - b * gy) / det;
    y.data() -= (a * gy - b * gx) / det;
    return {x.detach(), y.detach()};
  }
  Variables params() const { return {x, y}; }
};

int main() {
  return run([] {
    auto newton = train<Newton, false>([](auto &&step) {
      std::vector<double> xs{2.0};
      while (xs.size() < 20 && xs.back() != 1.0)
        xs.push_back(step().item());
      return xs;
    });
    report("iterates", newton.figures);
    report("updates", newton.figures.size() - 1);

    auto descent = train<Descent, false>([](auto &&step) {
      double count = 0;
      for (double x = 2; std::abs(x - 1) > 0.001; ++count)
        x = step().item();
      return std::vector{count};
    });
    report("updates of gradient descent", descent.figures);

    auto valley = train<Valley, false>([](auto &&step) {
      double count = 0;
      for (double x = 0, y = 2; (x != 1 || y != 1) && count < 20; ++count) {
        Variables at = step();
        x = at[0].item();
        y = at[1].item();
      }
      return std::vector{count};
    });
    report("updates in Rosenbrock's valley", valley.figures);
    report("end", stack({valley->x, valley->y}));
  });
}
