//===- step51.cpp - MNIST -------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Handwritten digits, with ReLU and Adam. An epoch is trained by the compiled
// step; its first batches in all ways.
//===----------------------------------------------------------------------===//
#include "learning.h"
using namespace step;

struct Net : Learner<Adam> {
  Net() : Learner(Adam(), {1000, 1000, 10}, relu) {}
  Variable step(const Variable &x, const Variable &t) {
    return learn(softmax_cross_entropy(model(x), t));
  }
};

int main() {
  return run([] {
    MNIST data({.train = true}), test({.train = false});
    std::cout << data.len() << " + " << test.len()
              << " digits: " << data.source() << std::endl;
    MNIST raw({.transform = [](const Variable &image) { return image; }});
    report("shape of an image", to_string(raw[0].x.shape()));
    report("shape of a sample", to_string(data[0].x.shape()));
    report("type of a sample", name_of(data[0].x.dtype()));
    std::vector<double> pixels = data[0].x.to_vector();
    auto [least, most] = std::minmax_element(pixels.begin(), pixels.end());
    report("range", std::vector{*least, *most});
    Variable x = array({-1.0, 0.0, 2.0}), y = relu(x);
    y.backward();
    report("relu", y);
    report("gradient of relu", x.grad());

    random::seed(0);
    auto first = train<Net>([&](auto &&step) {
      std::vector<double> losses;
      DataLoader loader(data, 100);
      for (auto &[x, t] : loader)
        if (losses.push_back(step(x, t).item()); losses.size() == 5)
          break;
      return losses;
    });
    report("loss falls", first.figures.back() < first.figures.front());

    Net &net = *first.net;
    auto step = compile(
        [&](const Variable &x, const Variable &t) { return net.step(x, t); });
    for (auto &[x, t] : DataLoader(data, 100))
      step(x, t);
    NoGrad scope;
    double right = 0;
    for (auto &[x, t] : DataLoader(test, 100, {.shuffle = false}))
      right += accuracy(net.model(x), t).item() * double(x.len());
    report("test accuracy", right / double(test.len()));
  });
}
