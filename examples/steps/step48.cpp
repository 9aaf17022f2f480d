//===- step48.cpp - Classes -----------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A spiral with three arms, learnt from batches of 30 points in an order that
// is drawn anew in each epoch.
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
    Spiral data;
    Variable x = data.data(), t = data.label();
    report("shapes", to_string(x.shape()) + " " + to_string(t.shape()));
    for (int64_t i : {0, 10, 110})
      report("point " + std::to_string(i),
             std::vector{x[{i, 0}].item(), x[{i, 1}].item(), t[i].item()});

    auto net = train<Net>([&](auto &&step) {
      std::vector<double> figures;
      for (int epoch = 1; epoch <= 300; ++epoch) {
        Variable order = random::permutation(300);
        double loss = 0, right = 0;
        for (int64_t i = 0; i < 300; i += 30) {
          Variable batch = order[slice(i, i + 30)];
          Variables results = step(x[batch], t[batch]);
          loss += results[0].item() * 30;
          right += results[1].item() * 30;
        }
        if (epoch <= 2 || epoch % 50 == 0)
          figures.push_back(loss / 300);
        if (epoch == 300)
          figures.push_back(right / 300);
      }
      return figures;
    });
    report("accuracy of epoch 300", net.figures.back());
    net.figures.pop_back();
    report("losses", net.figures);

    NoGrad scope;
    // The plane, coloured by class.
    Variable axis = linspace(-1.1, 1.1, 120, {.dtype = f32});
    Variable plane = stack({broadcast_to(axis.reshape(1, 120), {120, 120}),
                            broadcast_to(axis.reshape(120, 1), {120, 120})},
                           2);
    Variable classes = argmax(net->model(plane.reshape(-1, 2)), {.axis = 1});
    Canvas picture(240, 240);
    picture.image(0, 0, classes.reshape(120, 120).astype(f64) / 2, 2);
    picture.save(folder() + "/spiral.png");
    std::vector<int64_t> seen = classes.to_vector<int64_t>();
    for (int64_t c : {0, 1, 2})
      report("class " + std::to_string(c) + " takes a fifth or more",
             std::count(seen.begin(), seen.end(), c) >= 120 * 120 / 5);
  });
}
