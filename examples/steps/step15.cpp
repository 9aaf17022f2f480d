//===- step15.cpp - Graphs of any shape: the order ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A function's backward may run when all gradients of its result have arrived,
// and then once. In y = D(B(a), C(a)), a = A(x), that is D, then C and B, then
// A.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

struct Logged : Function {
  std::string letter, *log;
  Logged(std::string letter, std::string *log) : letter(letter), log(log) {}
  Variables forward(const Variables &xs) override {
    return {xs.size() == 1 ? 2 * xs[0] : xs[0] * xs[1]};
  }
  Variables backward(const Variables &gys) override {
    *log += letter;
    if (inputs().size() == 1)
      return {2 * gys[0]};
    return {gys[0] * inputs()[1], gys[0] * inputs()[0]};
  }
};

int main() {
  return run([] {
    std::string log;
    Logged A("A", &log), B("B", &log), C("C", &log), D("D", &log);
    auto f = [&](const Variable &x) {
      Variable a = A(x);
      Variable y = D(B(a), C(a));
      y.backward();
      return x.grad();
    };
    Variable x(1.0);
    f(x);
    report("order", log);
    report("A's runs", std::count(log.begin(), log.end(), 'A'));
    report("x.grad", both(f, Variable(1.0))); // y = 16 x^2
  });
}
