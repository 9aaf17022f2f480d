//===- spiral.cpp - Three arms of a spiral, and a picture of them ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Trains a small network by a compiled step and draws what it thinks of each
// place of the plane: spiral.png in the present folder.
//===----------------------------------------------------------------------===//
#include <etch/etch.h>

#include <cstdio>
using namespace etch;

int main() {
  Spiral data, test({.train = false});
  MLP model({10, 3});
  auto optimizer = SGD({.lr = 1.0}).setup(model);
  auto step = compile([&](const Variable &x, const Variable &t) {
    Variable loss = softmax_cross_entropy(model(x), t);
    model.clear_grads();
    loss.backward();
    optimizer.update();
    return loss;
  });

  DataLoader loader(data, 30);
  for (int epoch = 1; epoch <= 300; ++epoch) {
    double loss = 0;
    for (auto &[x, t] : loader)
      loss += step(x, t).item() * double(x.len()) / 300;
    if (epoch % 50 == 0)
      std::printf("epoch %3d  loss %.4f\n", epoch, loss);
  }
  NoGrad scope;
  double right = accuracy(model(test.data()), test.label()).item();
  std::printf("test accuracy: %.3f\n", right);
  Figure({.title = "Three arms of a spiral"})
      .scatter(data.data(), data.label())
      .regions([&](const Variable &x) { return model(x); })
      .save("spiral.png");
  return right > 0.9 ? 0 : 1;
}
