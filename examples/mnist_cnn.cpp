//===- mnist_cnn.cpp - Handwritten digits by convolution ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Two convolutions of 3x3, pooling, two linear layers, Adam: an epoch of the
// compiled step, then the test. With --short, a part of the data.
//===----------------------------------------------------------------------===//
#include <etch/etch.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
using namespace etch;

struct Net : Model {
  Conv2d conv1{*this, "conv1", 32, 3}, conv2{*this, "conv2", 64, 3};
  Linear fc1{*this, "fc1", 128}, fc2{*this, "fc2", 10};
  Adam optimizer;
  Net() { optimizer.setup(*this); }

  Variable forward(const Variable &x) override {
    Variable h = relu(conv2(relu(conv1(x))));
    h = dropout(flatten(pooling(h, 2, {.stride = 2})), 0.25);
    return fc2(dropout(relu(fc1(h)), 0.5));
  }
  Variable step(const Variable &x, const Variable &t) {
    Variable loss = softmax_cross_entropy((*this)(x), t);
    clear_grads();
    loss.backward();
    optimizer.update();
    return loss;
  }
};

int main(int argc, char **argv) {
  bool brief = argc > 1 && !std::strcmp(argv[1], "--short");
  auto to_image = Compose{AsType{f32}, Normalize{.mean = 0, .std = 255}};
  MNIST data({.train = true, .transform = to_image});
  MNIST test({.train = false, .transform = to_image});
  std::printf("%lld + %lld digits: %s\n", (long long)data.len(),
              (long long)test.len(), data.source().c_str());
  random::seed(0);
  Net net;
  auto step = compile(
      [&](const Variable &x, const Variable &t) { return net.step(x, t); });
  auto share = compile([&](const Variable &x, const Variable &t) {
    TestMode scope;
    return accuracy(net(x), t);
  });

  double best = 0;
  DataLoader loader(data, 64, {.prefetch = 2});
  for (int epoch = 1; epoch <= (brief ? 1 : 5); ++epoch) {
    auto start = std::chrono::steady_clock::now();
    double loss = 0;
    int64_t batches = 0;
    for (auto &[x, t] : loader) {
      loss += step(x, t).item();
      if (++batches == (brief ? 30 : INT64_MAX))
        break;
    }
    std::chrono::duration<double> time =
        std::chrono::steady_clock::now() - start;
    double right = 0, seen = 0;
    for (auto &[x, t] : DataLoader(test, 200, {.shuffle = false})) {
      right += share(x, t).item() * double(x.len());
      seen += double(x.len());
      if (brief && seen >= 1000)
        break;
    }
    best = std::max(best, right / seen);
    std::printf("epoch %d  loss %.4f  test accuracy %.4f  %.1f s, %.1f ms per "
                "step\n",
                epoch, loss / double(batches), right / seen, time.count(),
                1e3 * time.count() / double(batches));
  }
  return best >= (brief ? 0.7 : 0.97) ? 0 : 1;
}
