//===- step44.cpp - Layers and parameters ---------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A layer owns its parameters, draws their first contents, and knows their
// shapes when it has seen its first data.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

struct Net : Layer {
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

    Linear deferred(10);
    report("parameters before data", deferred.params().size());
    auto net = train<Net>([&](auto &&step) {
      std::vector<double> losses;
      for (int i = 0; i < 10000; ++i)
        if (double loss = step(x, y).item(); i % 1000 == 0)
          losses.push_back(loss);
      return losses;
    });
    report("losses", net.figures);
    std::string names;
    for (const Variable &p : net->params())
      names += (names.empty() ? "" : " ") + p.name();
    report("parameters", names);
    report("shape of l1/W", to_string(net->l1.W.shape()));
    report("type of l1/W", name_of(net->l1.W.dtype()));
    report("W is a parameter", is_parameter(net->l1.W));
    report("W * x is a parameter", is_parameter(net->l1.W * x));
  });
}
