//===- step45.cpp - Layers of layers --------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A model is a layer that others stand in; it can be drawn. An MLP is a model
// of any depth.
//===----------------------------------------------------------------------===//
#include "learning.h"
using namespace step;

struct TwoLayerNet : Model {
  Linear l1{*this, "l1", 10}, l2{*this, "l2", 1};
  Variable forward(const Variable &x) override { return l2(sigmoid(l1(x))); }
  Variable step(const Variable &x, const Variable &y) {
    return learn_plainly(*this, mean_squared_error(y, (*this)(x)));
  }
};

int main() {
  return run([] {
    NoisySine data;
    auto net =
        train<TwoLayerNet>([&](auto &&step) { return data.losses(step); });
    report("losses", net.figures);

    net->plot(data.x, folder() + "/net.dot");
    std::ifstream file(folder() + "/net.dot");
    std::stringstream dot;
    dot << file.rdbuf();
    report("the picture shows shapes",
           dot.str().find("l1/W: (1, 10) float32") != std::string::npos);
    MLP two({10, 1}), five({10, 20, 30, 40, 1});
    report("MLP of 2", to_string(two(data.x).shape()));
    report("MLP of 5", to_string(five(data.x).shape()));
    report("parameters of MLP of 5", five.params().size());
  });
}
