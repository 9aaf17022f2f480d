//===- step07.cpp - Backpropagation by itself -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each result knows the function that made it: from y one finds the way back to
// x, and backward() goes it.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

struct Square : Function {
  Variables forward(const Variables &x) override { return {x[0] * x[0]}; }
  Variables backward(const Variables &gy) override {
    return {2 * inputs()[0] * gy[0]};
  }
};
struct Exp : Function {
  Variables forward(const Variables &x) override { return {exp(x[0])}; }
  Variables backward(const Variables &gy) override {
    return {exp(inputs()[0]) * gy[0]};
  }
};

int main() {
  return run([] {
    Square A, C;
    Exp B;
    Variable x(0.5), a = A(x), b = B(a), y = C(b);
    std::string way;
    for (Variable at = y; at.creator(); at = at.creator().inputs()[0])
      way += (way.empty() ? "" : " ") + at.creator().name();
    report("way back", way);
    report("y's creator was given b", y.creator().inputs()[0].is(b));
    report("b's creator was given a", b.creator().inputs()[0].is(a));
    report("a's creator was given x", a.creator().inputs()[0].is(x));
    report("x has a creator", bool(x.creator()));

    auto f = [&](const Variable &x) {
      Variable a = A(x), b = B(a), y = C(b);
      y.backward();
      return x.grad();
    };
    report("x.grad", both(f, Variable(0.5)));
  });
}
