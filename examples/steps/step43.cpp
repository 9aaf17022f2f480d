//===- step43.cpp - A neural network --------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Two linear functions with a bend between them learn a sine. All weights are
// plain Variables here.
//===----------------------------------------------------------------------===//
#include "learning.h"
using namespace step;

struct Net {
  Variable W1 = 0.01 * random::randn({1, 10}), b1 = zeros({10});
  Variable W2 = 0.01 * random::randn({10, 1}), b2 = zeros({1});
  Net() {
    const char *names[] = {"W1", "b1", "W2", "b2"};
    for (size_t i = 0; i < 4; ++i) {
      *all[i] = all[i]->detach().set_requires_grad(true);
      all[i]->set_name(names[i]);
    }
  }
  Variable predict(const Variable &x) const {
    return linear(sigmoid(linear(x, W1, b1)), W2, b2);
  }
  Variable step(const Variable &x, const Variable &y) {
    Variable loss = mean_squared_error(y, predict(x));
    for (Variable *p : all)
      p->clear_grad();
    loss.backward();
    for (Variable *p : all)
      p->data() -= 0.2 * p->grad();
    return loss;
  }
  Variables params() const { return {W1, b1, W2, b2}; }

private:
  Variable *all[4] = {&W1, &b1, &W2, &b2};
};

int main() {
  return run([] {
    NoisySine data;
    auto net =
        train<Net>([&](auto &&step) { return data.losses(step, 10001); });
    report("after the last update", net.figures.back());
    net.figures.pop_back();
    report("losses", net.figures);
    Variable h = sigmoid_simple(linear_simple(data.x, net->W1, net->b1));
    Variable simple = linear_simple(h, net->W2, net->b2);
    report("simple form agrees", allclose(simple, net->predict(data.x)));
  });
}
