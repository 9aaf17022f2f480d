//===- step31.cpp - Higher derivatives: the theory ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// When the calculation of a gradient leaves a graph, too, it can be
// differentiated: position, speed, acceleration.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

int main() {
  return run([] {
    auto f = [](const Variable &t) {
      Variable position = 5 * pow(t, 2) - pow(t, 3);
      position.backward({.create_graph = true});
      Variable speed = t.grad();
      t.clear_grad();
      speed.backward();
      return Variables{position, speed, t.grad()};
    };
    Variables all = both(f, Variable(2.0));
    report("position", all[0]);
    report("speed", all[1]);
    report("acceleration", all[2]);
    report("speed has a graph", bool(all[1].creator()));
    report("position has a gradient", bool(all[0].grad()));
  });
}
