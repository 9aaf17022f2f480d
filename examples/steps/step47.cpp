//===- step47.cpp - Softmax and cross entropy -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Scores become probabilities, and the loss is how improbable the right class
// was.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

int main() {
  return run([] {
    auto part = [](const char *name, auto &&index) {
      auto f = [index](const Variable &x) {
        Variable y = x[index];
        y.backward();
        return Variables{y, x.grad()};
      };
      Variables all = everywhere(f, array({{1.0, 2.0, 3.0}, {4.0, 5.0, 6.0}}));
      report(name, all[0]);
      report(std::string("gradient of ") + name, all[1]);
    };
    part("row 1", 1);
    part("rows 0, 0, 1", array({0, 0, 1}));

    random::seed(0);
    MLP model({10, 3});
    Variable y = model(array({{0.2, -0.4}}));
    report("scores", y);
    report("probabilities", softmax(y));
    report("their sum", sum(softmax(y)));
    report("softmax of large scores", softmax(array({{1000.0, 1000.0}})));

    Variable x = array({{0.2, -0.4}, {0.3, 0.5}, {1.3, -3.2}, {2.1, 0.3}});
    Variable t = array({2, 0, 1, 0});
    report("shape of the batch", to_string(model(x).shape()));
    report("loss", everywhere(
                       [&](const Variable &x, const Variable &t) {
                         return softmax_cross_entropy(model(x), t);
                       },
                       x, t));
    report("loss, simple form", softmax_cross_entropy_simple(model(x), t));
    report("clip keeps log from 0", log(clip(Variable(0.0), 1e-15, 1.0)));
  });
}
