//===- step45.cpp - Layers of layers --------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A model is a layer that others stand in; it can be drawn. An MLP is a model
// of any depth.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

struct TwoLayerNet : Model {
  Linear l1{*this, "l1", 10}, l2{*this, "l2", 1};
  Variable forward(const Variable &x) override { return l2(sigmoid(l1(x))); }
  Variable step(const Variable &x, const Variable &y) {
    Variable loss = mean_squared_error(y, (*this)(x));
    clear_grads();
    loss.backward();
    for (Variable p : params()) // the rate stays a double: 0.2f is another one
      p.data() -= (0.2 * p.grad().astype(f64)).astype(f32);
    return loss;
  }
};

int main() {
  return run([] {
    random::seed(0);
    Variable x = random::rand({100, 1});
    Variable y = sin(2 * std::numbers::pi * x) + random::rand({100, 1});
    y = y.detach();
    auto net = train<TwoLayerNet>([&](auto &&step) {
      std::vector<double> losses;
      for (int i = 0; i < 10000; ++i)
        if (double loss = step(x, y).item(); i % 1000 == 0)
          losses.push_back(loss);
      return losses;
    });
    report("losses", net.figures);

    net->plot(x, folder() + "/net.dot");
    std::ifstream file(folder() + "/net.dot");
    std::stringstream dot;
    dot << file.rdbuf();
    report("the picture shows shapes",
           dot.str().find("l1/W: (1, 10) float32") != std::string::npos);
    MLP two({10, 1}), five({10, 20, 30, 40, 1});
    report("MLP of 2", to_string(two(x).shape()));
    report("MLP of 5", to_string(five(x).shape()));
    report("parameters of MLP of 5", five.params().size());
  });
}
