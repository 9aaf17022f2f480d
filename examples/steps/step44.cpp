//===- step44.cpp - Layers and parameters ---------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A layer owns its parameters, draws their first contents, and knows their
// shapes when it has seen its first data.
//===----------------------------------------------------------------------===//
#include "learning.h"
using namespace step;

struct Net : Layer {
  Linear l1{*this, "l1", 10}, l2{*this, "l2", 1};
  Variable forward(const Variable &x) override { return l2(sigmoid(l1(x))); }
  Variable step(const Variable &x, const Variable &y) {
    return learn_plainly(*this, mean_squared_error(y, (*this)(x)));
  }
};

int main() {
  return run([] {
    NoisySine data;

    Linear deferred(10);
    report("parameters before data", deferred.params().size());
    auto net = train<Net>([&](auto &&step) { return data.losses(step); });
    report("losses", net.figures);
    std::string names;
    for (const Variable &p : net->params())
      names += (names.empty() ? "" : " ") + p.name();
    report("parameters", names);
    report("shape of l1/W", to_string(net->l1.W.shape()));
    report("type of l1/W", name_of(net->l1.W.dtype()));
    report("W is a parameter", is_parameter(net->l1.W));
    report("W * x is a parameter", is_parameter(net->l1.W * data.x));
  });
}
