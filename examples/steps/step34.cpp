//===- step34.cpp - Higher derivatives of sin -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The backward of sin is cos, that of cos is sin: any order, on whole arrays.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

Variables derivatives(const Variable &x) {
  Variable y = sin(x);
  Variables all{y};
  y.backward({.create_graph = true});
  for (int order = 1; order <= 4; ++order) {
    Variable gx = x.grad();
    all.push_back(gx);
    x.clear_grad();
    if (order < 4)
      gx.backward({.create_graph = true});
  }
  return all;
}

int main() {
  return run([] {
    report("at 1", stack(both(derivatives, Variable(1.0))));

    Variable x = linspace(-7, 7, 200);
    report("x[1], x[2], x[199]", stack({x[1], x[2], x[199]}));
    Variables curves = both(derivatives, x);
    double (*expected[])(double) = {[](double v) { return std::sin(v); },
                                    [](double v) { return std::cos(v); },
                                    [](double v) { return -std::sin(v); },
                                    [](double v) { return -std::cos(v); }};
    double error = 0;
    std::vector<std::vector<double>> lines;
    for (size_t i = 0; i < 4; ++i) {
      lines.push_back(curves[i].to_vector());
      for (int64_t k = 0; k < 200; ++k)
        error = std::max(
            error, std::abs(lines[i][size_t(k)] - expected[i](x[k].item())));
    }
    report("largest error", error);
    Canvas picture(480, 240);
    picture.curves(20, 20, 440, 200, lines, "sin and its derivatives");
    picture.save(folder() + "/sin.png");
  });
}
