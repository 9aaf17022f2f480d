//===- vae.cpp - A variational autoencoder of digits ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Digits go through eight numbers, drawn around what the encoder says, and come
// back. The noise is part of the compiled step. New digits in vae.png.
//===----------------------------------------------------------------------===//
#include <etch/etch.h>

#include <cstdio>
#include <cstring>
#include <numbers>
using namespace etch;

struct Autoencoder : Model {
  Linear encoder{*this, "encoder", 256}, mean{*this, "mean", 8};
  Linear variance{*this, "variance", 8}, hidden{*this, "hidden", 256};
  Linear pixels{*this, "pixels", 784};
  Generator noise{3};
  Adam optimizer;
  Autoencoder() { optimizer.setup(*this); }

  /// Normal numbers by Box and Muller.
  Variable normal(const Shape &shape) {
    Variable radius = sqrt(-2 * log(1 - noise.uniform(shape, f32)));
    return radius * cos(2 * std::numbers::pi * noise.uniform(shape, f32));
  }
  Variable decode(const Variable &z) { return pixels(relu(hidden(z))); }
  /// The bound on -log p(x), per image.
  Variable forward(const Variable &x) override {
    Variable e = relu(encoder(x)), mu = mean(e), log_var = variance(e);
    Variable z = mu + exp(0.5 * log_var) * normal(mu.shape());
    Variable divergence = sum(exp(log_var) + square(mu) - 1 - log_var) / 2;
    return sigmoid_cross_entropy(decode(z), x) + divergence / x.len();
  }
  Variable step(const Variable &x) {
    Variable loss = (*this)(x);
    clear_grads();
    loss.backward();
    optimizer.update();
    return loss;
  }
};

int main(int argc, char **argv) {
  int epochs = argc > 1 && !std::strcmp(argv[1], "--short") ? 1 : 10;
  random::seed(0);
  MNIST data;
  Autoencoder model;
  auto step = compile([&](const Variable &x) { return model.step(x); });
  std::vector<double> losses;
  DataLoader loader(data, 100);
  for (int epoch = 1; epoch <= epochs; ++epoch) {
    double loss = 0;
    for (auto &[x, t] : loader) {
      losses.push_back(step(x).item());
      loss += losses.back() / double(loader.len());
    }
    std::printf("epoch %d  loss %.2f\n", epoch, loss);
  }
  NoGrad scope;
  Variable digits = sigmoid(model.decode(model.normal({64, 8})));
  Canvas picture(8 * 58, 8 * 58);
  for (int64_t i = 0; i < 64; ++i)
    picture.image(int(i % 8 * 58), int(i / 8 * 58), digits[i].reshape(28, 28),
                  2);
  picture.save("vae.png");
  std::printf("loss: %.2f at first, %.2f at last\n", losses.front(),
              losses.back());
  return losses.back() < 0.5 * losses.front() ? 0 : 1;
}
