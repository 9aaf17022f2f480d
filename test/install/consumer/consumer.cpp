//===- consumer.cpp - A user's program against the installed package ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include <etch/etch.h>

#include <cstdio>

using namespace etch;

int main() {
  auto f = [](const Variable &x) { return sum(tanh(x) * 2.0 + 1.0); };
  Variable x = array({0.0, 0.5, 1.0});
  Variable y = f(x);
  y.backward();
  auto compiled = compile(f);
  double eager = y.item<double>(), static_graph = compiled(x).item<double>();
  std::printf("eager %.17g, compiled %.17g, gradient at 0 %.17g\n", eager,
              static_graph, x.grad().to_vector<double>()[0]);
  return eager == static_graph && x.grad().to_vector<double>()[0] == 2.0 ? 0
                                                                         : 1;
}
