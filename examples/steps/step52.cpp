//===- step52.cpp - Processors --------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where a program runs is a matter of its options. A machine without a graphics
// processor is no error: everything runs on the host.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

int main() {
  return run([] {
    bool gpu = cuda::is_available();
    std::cout << "graphics processor: "
              << (gpu ? "present" : cuda::unavailable_reason()) << std::endl;
    report("a reason is given or there is one",
           gpu != !cuda::unavailable_reason().empty());

    random::seed(0);
    MLP model({100, 10}, relu);
    Variable x = random::rand({100, 784}).astype(f32);
    model(x);
    model.to(cpu());
    Variable there = x.to(cpu());
    report("device of the data", to_string(there.device()));
    report("device of a parameter", to_string(model[0].W.device()));
    report("same array", there.is(x));

    // The device of a program; its inputs and results are on the host.
    auto f = [&](const Variable &v) { return softmax(model(v)); };
    auto program = compile(f, {.device = cpu()});
    must_agree("compiled", "probabilities", f(x), program(x));
    modes.compiled = true;
    report("device of the result", to_string(program(x).device()));
    report("shape", to_string(program(x).shape()));
  });
}
