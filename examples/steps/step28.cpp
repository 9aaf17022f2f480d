//===- step28.cpp - Optimisation of a function ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Gradient descent into Rosenbrock's valley: down the slope at once, then
// slowly along the bottom. The whole descent is one program, too.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

struct Descent {
  Variable x0 = Variable(0.0).set_name("x0"), x1 = Variable(2.0).set_name("x1");

  Variables step(double lr) {
    Variable y = 100 * pow(x1 - pow(x0, 2), 2) + pow(x0 - 1, 2);
    x0.clear_grad();
    x1.clear_grad();
    y.backward();
    x0.data() -= lr * x0.grad();
    x1.data() -= lr * x1.grad();
    return {x0.detach(), x1.detach(), y};
  }
  Variables params() const { return {x0, x1}; }
};

/// All updates as a loop of the program.
Variables descend(const Variable &count) {
  return for_loop(
      count,
      [](const Variables &x) {
        Variable y = 100 * pow(x[1] - pow(x[0], 2), 2) + pow(x[0] - 1, 2);
        Variables g = grad(y, x);
        return Variables{x[0] - 0.001 * g[0], x[1] - 0.001 * g[1]};
      },
      Variables{Variable(0.0), Variable(2.0)});
}

int main() {
  return run([] {
    auto gradient = [](const Variable &x0, const Variable &x1) {
      Variable y = 100 * pow(x1 - pow(x0, 2), 2) + pow(x0 - 1, 2);
      y.backward();
      return Variables{y, x0.grad(), x1.grad()};
    };
    Variables all = both(gradient, Variable(0.0), Variable(2.0));
    report("y at (0, 2)", all[0]);
    report("gradient there", stack({all[1], all[2]}));

    std::vector<std::string> names;
    auto descent = train<Descent, false>([&](auto &&step) {
      std::vector<double> figures;
      names.clear();
      for (int i = 1; i <= 50000; ++i) {
        Variables x = step(0.001);
        for (int shown : {1, 2, 1000, 9999, 10000, 50000})
          if (i == shown) {
            names.push_back("x after " + std::to_string(i));
            figures.push_back(x[0].item());
            figures.push_back(x[1].item());
          }
      }
      return figures;
    });
    for (size_t i = 0; i < names.size(); ++i)
      report(names[i], std::vector<double>{descent.figures[2 * i],
                                           descent.figures[2 * i + 1]});

    auto program = compile(descend);
    report("one program", stack(program(Variable(50000))));
    must_agree("compiled", "loop", stack(descend(10)),
               stack(program(Variable(10))));
    report("compilations", program.compile_count());
    report("runs", program.run_count());
  });
}
