//===- step27.cpp - Taylor expansion --------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How many terms the sum takes depends on the data. As an ordinary loop it
// leaves a graph of its own length; as while_loop it is one program for every
// threshold.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

/// Ordinary C++: runs eagerly, term by term.
Variable my_sin(const Variable &x, double threshold) {
  Variable y = 0.0;
  double factorial = 1;
  for (int i = 0; i < 100000; ++i) {
    if (i > 0)
      factorial *= double(2 * i) * double(2 * i + 1);
    Variable t = (i % 2 ? -1 : 1) / factorial * pow(x, 2 * i + 1);
    y = y + t;
    if (std::abs(t.item()) < threshold)
      break;
  }
  return y;
}
/// The loop as data: k, the k-th term, and the sum are its states.
Variables sin_loop(const Variable &x, const Variable &threshold) {
  Variables last =
      while_loop([&](const Variables &s) { return abs(s[1]) >= threshold; },
                 [&](const Variables &s) {
                   Variable n = 2 * s[0] + 2;
                   Variable t = -s[1] * x * x / (n * (n + 1));
                   return Variables{s[0] + 1, t, s[2] + t};
                 },
                 Variables{Variable(0.0), x, x}, {.max_iterations = 100});
  last[2].backward();
  return {last[2], x.grad(), last[0] + 1};
}
int count(const std::string &text, const std::string &part) {
  int n = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; ++at)
    ++n;
  return n;
}

int main() {
  return run([] {
    double quarter = std::numbers::pi / 4;
    Variable x(quarter), y = sin(x);
    y.backward();
    report("sin(pi/4)", y);
    report("its derivative", x.grad());

    auto program = compile(sin_loop);
    modes.compiled = true;
    for (double threshold : {1e-4, 1e-150}) {
      std::string name = threshold == 1e-4 ? "1e-4" : "1e-150";
      Variable x0(quarter), y0 = my_sin(x0, threshold);
      std::string dot = get_dot_graph(y0);
      y0.backward();
      report("y, " + name, y0);
      report("x.grad, " + name, x0.grad());
      report("functions, " + name, count(dot, "shape=box"));
      report("variables, " + name, count(dot, "color=orange"));

      Variable x1(quarter), x2(quarter);
      Variables eager = sin_loop(x1, threshold);
      Variables compiled = program(x2, Variable(threshold));
      for (size_t i = 0; i < 3; ++i)
        must_agree("compiled", "result", eager[i], compiled[i]);
      report("y of the loop, " + name, compiled[0]);
      report("x.grad of the loop, " + name, compiled[1]);
      report("terms, " + name, compiled[2]);
    }
    report("programs", program.compile_count());
  });
}
