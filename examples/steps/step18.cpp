//===- step18.cpp - Modes that save memory --------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Gradients of intermediate results are dropped unless they are asked for;
// without gradients, intermediate results go as soon as they are used.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

int main() {
  return run([] {
    for (bool retain : {true, false}) {
      Variable x0(1.0), x1(1.0), t = x0 + x1, y = x0 + t;
      y.backward({.retain_grad = retain});
      std::string way = retain ? ", retained" : "";
      report("y.grad" + way, to_string(y.grad()));
      report("t.grad" + way, to_string(t.grad()));
      report("x0.grad" + way, x0.grad());
      report("x1.grad" + way, x1.grad());
    }

    auto squares = [](Variable y) {
      for (int i = 0; i < 3; ++i)
        y = square(y);
      return y;
    };
    Variable x = ones({100, 100, 100});
    auto peak = [&] {
      release_cached_memory();
      reset_peak_memory();
      Variable y = squares(x);
      return memory_stats().peak_bytes;
    };
    report("peak bytes", peak());
    {
      NoGrad scope;
      report("peak bytes, no gradient", peak());
    }
    // All three squares are one kernel: a compiled run needs no arena.
    auto program = compile(squares);
    must_agree("compiled", "squares", squares(x), program(x));
    modes.compiled = true;
    report("arena bytes, compiled", program.arena_bytes());
    try {
      UsingConfig scope(&Config::train, false);
      throw UserError("left");
    } catch (const UserError &) {
    }
    report("mode is back after an exception", config().train);
  });
}
