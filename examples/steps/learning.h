//===- learning.h - What the steps that train share -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ETCH_EXAMPLES_STEPS_LEARNING_H
#define ETCH_EXAMPLES_STEPS_LEARNING_H

#include "step.h"

namespace step {

/// What many steps train: a model with its optimizer.
template <class O> struct Learner {
  MLP model;
  O optimizer;
  Learner(O o, std::vector<int64_t> sizes, Activation activation = sigmoid)
      : model(std::move(sizes), std::move(activation)),
        optimizer(std::move(o)) {
    optimizer.setup(model);
  }
  /// Back from the loss, and an update.
  Variable learn(const Variable &loss) {
    model.clear_grads();
    loss.backward();
    optimizer.update();
    return loss;
  }
  Variables params() const { return model.params(); }
};
/// Tells the three arms of a spiral apart.
struct Classifier : Learner<SGD> {
  Classifier(Activation activation = sigmoid)
      : Learner(SGD({.lr = 1.0}), {10, 3}, std::move(activation)) {}
  Variable step(const Variable &x, const Variable &t) {
    return learn(softmax_cross_entropy(model(x), t));
  }
};
/// The same before there are optimizers.
template <class L> Variable learn_plainly(L &net, const Variable &loss) {
  net.clear_grads();
  loss.backward();
  for (Variable p :
       net.params()) // the rate stays a double: 0.2f is another one
    p.data() -= (0.2 * p.grad().astype(f64)).astype(f32);
  return loss;
}

/// Points on a noisy sine, and the losses of every thousandth of 10000 steps on
/// them (one more step, if that is asked for).
struct NoisySine {
  Variable x, y;
  NoisySine() {
    random::seed(0);
    x = random::rand({100, 1});
    y = sin(2 * std::numbers::pi * x) + random::rand({100, 1});
    y = y.detach();
  }
  template <class Step>
  std::vector<double> losses(Step &&step, int steps = 10000) const {
    std::vector<double> all;
    for (int i = 0; i < steps; ++i)
      if (double loss = step(x, y).item(); i % 1000 == 0)
        all.push_back(loss);
    return all;
  }
};

} // namespace step

#endif // ETCH_EXAMPLES_STEPS_LEARNING_H
