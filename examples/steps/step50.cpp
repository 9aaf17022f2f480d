//===- step50.cpp - DataLoader --------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Batches in a range-for, in another order in each epoch; the share of right
// answers, on data for training and for testing.
//===----------------------------------------------------------------------===//
#include "learning.h"
using namespace step;

struct Net : Classifier {
  Variables step(const Variable &x, const Variable &t) {
    Variable y = model(x);
    return {learn(softmax_cross_entropy(y, t)), accuracy(y, t)};
  }
};

int main() {
  return run([] {
    Variable y = array({{0.2, 0.8, 0.0}, {0.1, 0.9, 0.0}, {0.8, 0.1, 0.1}});
    report("accuracy of 3 samples", accuracy(y, array({1, 2, 0})));

    Spiral test({.train = false}), data;
    DataLoader seven(data, 7, {.shuffle = false});
    int64_t batches = 0, last = 0;
    for (auto &[x, t] : seven) {
      ++batches;
      last = x.len();
    }
    report("batches of 7", batches);
    report("samples in the last of them", last);

    auto net = train<Net>([&](auto &&step) {
      DataLoader loader(data, 30);
      std::vector<double> figures;
      for (int epoch = 1; epoch <= 300; ++epoch) {
        double loss = 0, share = 0;
        for (auto &[x, t] : loader) {
          Variables results = step(x, t);
          loss += results[0].item() * double(x.len());
          share += results[1].item() * double(x.len());
        }
        if (epoch == 1 || epoch == 300)
          figures.insert(figures.end(), {loss / 300, share / 300});
      }
      return figures;
    });
    report("loss of epoch 1", net.figures[0]);
    report("loss of epoch 300", net.figures[2]);
    report("accuracy of epoch 300", net.figures[3]);
    NoGrad scope;
    report("test accuracy", accuracy(net->model(test.data()), test.label()));
  });
}
