//===- step46.cpp - Optimizers --------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How parameters change is an object of its own: another one is a change of one
// line. Hooks see the gradients first.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

struct Net {
  MLP model{{10, 1}};
  SGD optimizer{{.lr = 0.2}};
  Net() { optimizer.setup(model); }
  Variable step(const Variable &x, const Variable &y) {
    Variable loss = mean_squared_error(y, model(x));
    model.clear_grads();
    loss.backward();
    optimizer.update();
    return loss;
  }
  Variables params() const { return model.params(); }
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
    random::seed(0);
    Variable x = random::rand({100, 1});
    Variable y = sin(2 * std::numbers::pi * x) + random::rand({100, 1});
    y = y.detach();
    auto net = train<Net>([&](auto &&step) {
      std::vector<double> losses;
      for (int i = 0; i < 10000; ++i)
        if (double loss = step(x, y).item(); i % 1000 == 0)
          losses.push_back(loss);
      return losses;
    });
    report("losses", net.figures);

    two_updates("SGD", SGD({.lr = 0.1}));
    two_updates("MomentumSGD", MomentumSGD({.lr = 0.1, .momentum = 0.9}));
    two_updates("AdaGrad", AdaGrad());
    two_updates("Adam", Adam());
    SGD decaying({.lr = 0.1});
    two_updates("SGD with decay", decaying.add_hook(WeightDecay(0.5)));
  });
}
