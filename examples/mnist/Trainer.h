//===- Trainer.h - the network and one step of its training -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ordinary define-by-run code: the same function is run eagerly, compiled, and
// exported.
//===----------------------------------------------------------------------===//
#ifndef ETCH_EXAMPLES_MNIST_TRAINER_H
#define ETCH_EXAMPLES_MNIST_TRAINER_H

#include <etch/etch.h>

struct Trainer {
  etch::MLP model{{1000, 1000, 10}, etch::relu};
  etch::Adam optimizer;

  /// The same weights for the same seed; `x` is a batch, for its shape.
  Trainer(uint32_t seed, const etch::Variable &x) {
    etch::random::seed(seed);
    optimizer.setup(model);
    etch::NoGrad scope;
    model(x);
  }

  etch::Variable step(const etch::Variable &x, const etch::Variable &t) {
    etch::Variable loss = etch::softmax_cross_entropy(model(x), t);
    model.clear_grads();
    loss.backward();
    optimizer.update();
    model.clear_grads();
    return loss;
  }

  etch::Variable predict(const etch::Variable &x) {
    etch::NoGrad scope;
    return model(x);
  }
};

#endif // ETCH_EXAMPLES_MNIST_TRAINER_H
