//===- step42.cpp - Linear regression -------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A straight line through 100 points: prediction, loss, gradient, and update
// make one step, which trains eagerly, compiled, and from a library.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

struct Line {
  Variable W = zeros({1, 1}).set_name("W"), b = zeros({1}).set_name("b");

  Variable predict(const Variable &x) const { return matmul(x, W) + b; }
  Variable step(const Variable &x, const Variable &y) {
    Variable loss = mean_squared_error(y, predict(x));
    W.clear_grad();
    b.clear_grad();
    loss.backward();
    W.data() -= 0.1 * W.grad();
    b.data() -= 0.1 * b.grad();
    return loss;
  }
  Variables params() const { return {W, b}; }
};

int main() {
  return run([] {
    random::seed(0);
    Variable x = random::rand({100, 1});
    Variable y = 5 + 2 * x + random::rand({100, 1});
    y = y.detach();
    auto line = train<Line>([&](auto &&step) {
      std::vector<double> losses;
      for (int i = 0; i < 100; ++i)
        losses.push_back(step(x, y).item());
      return losses;
    });
    report("first loss", line.figures.front());
    report("last loss", line.figures.back());
    report("W", line->W);
    report("b", line->b);
    report("shape of y", to_string(line->predict(x).shape()));
  });
}
