//===- step01.cpp - Variables as boxes ------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A Variable holds an array. What it holds can change; a function that was
// compiled for it need not be compiled again.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

int main() {
  return run([] {
    Variable x(1.0);
    report("data", x);
    report("ndim of a scalar", x.ndim());

    auto squared = compile([&] { return x * x; });
    modes.compiled = true;
    report("square", squared());
    must_agree("compiled", "square", x * x, squared());
    x.assign(2.0);
    report("data, assigned", x);
    report("square, assigned", squared());
    must_agree("compiled", "square, assigned", x * x, squared());
    report("compilations", squared.compile_count());

    Variable vector = array({1, 2, 3});
    report("ndim of a vector", vector.ndim());
    report("elements of a vector", vector.size());
    report("ndim of a matrix", array({{1, 2, 3}, {4, 5, 6}}).ndim());
  });
}
