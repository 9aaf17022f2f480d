//===- step46.cpp - Optimizers --------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How parameters change is an object of its own: another one is a change of one
// line. Hooks see the gradients first.
//===----------------------------------------------------------------------===//
#include "learning.h"
using namespace step;

struct Net : Learner<SGD> {
  Net() : Learner(SGD({.lr = 0.2}), {10, 1}) {}
  Variable step(const Variable &x, const Variable &y) {
    return learn(mean_squared_error(y, model(x)));
  }
};
struct Weight : Layer {
  Parameter W{zeros({})};
  Weight() { add_param("W", W); }
};
/// Two updates of a weight whose gradient is 1.
template <class Optimizer> void two_updates(const char *name, Optimizer o) {
  Weight layer;
  o.setup(layer);
  std::vector<double> figures;
  for (int i = 0; i < 2; ++i) {
    layer.W.set_grad(ones({}));
    o.update();
    figures.push_back(layer.W.item());
  }
  report(name, figures);
}

int main() {
  return run([] {
    NoisySine data;
    auto net = train<Net>([&](auto &&step) { return data.losses(step); });
    report("losses", net.figures);

    two_updates("SGD", SGD({.lr = 0.1}));
    two_updates("MomentumSGD", MomentumSGD({.lr = 0.1, .momentum = 0.9}));
    two_updates("AdaGrad", AdaGrad());
    two_updates("Adam", Adam());
    SGD decaying({.lr = 0.1});
    two_updates("SGD with decay", decaying.add_hook(WeightDecay(0.5)));
  });
}
