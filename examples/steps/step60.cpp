//===- step60.cpp - LSTM --------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Gates decide what is kept. 30 stretches of the curve at once, in one batch:
// an epoch is 34 steps and one update, and one program.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

struct Net : Model {
  LSTM rnn{*this, "lstm", 100};
  Linear fc{*this, "fc", 1};
  Adam optimizer;

  Net() {
    NoGrad scope; // draws all weights
    fc(rnn(zeros({30, 1})));
    optimizer.setup(*this);
  }
  /// h, c, and the loss so far after one more step.
  Variables next(const Variable &x, const Variable &t, const Variables &s) {
    auto [h, c] = rnn.next(x, s[0], s[1]);
    return {h, c, s[2] + mean_squared_error(fc(h), t)};
  }
  /// An epoch: 30 steps, the update, and the steps that are left.
  Variable step(const Variable &xs, const Variable &ts) {
    Variables s{zeros({30, 100}), zeros({30, 100}), Variable(0.0)};
    auto body = [&](const Variables &carry, const Variables &sample) {
      Variables all = next(sample[0], sample[1], carry);
      return std::pair(all, all[2]);
    };
    auto [window, losses] =
        scan(body, s, Variables{xs[slice(30)], ts[slice(30)]});
    clear_grads();
    window[2].backward();
    optimizer.update();
    for (Variable &v : window)
      v = v.detach();
    auto [end, more] =
        scan(body, window, Variables{xs[slice(30, 34)], ts[slice(30, 34)]});
    return end[2];
  }
};

int main(int argc, char **argv) {
  return run([&] {
    int epochs = argc > 1 ? std::atoi(argv[1]) : 100;
    random::seed(0);
    SinCurve data;
    Variables xs, ts;
    for (auto &[x, t] : SeqDataLoader(data, 30)) {
      xs.push_back(x);
      ts.push_back(t);
    }
    report("batches", xs.size());
    Variable x = stack(xs), t = stack(ts);
    report("second stream starts at", data.data().len() / 30);
    report("it is there", x[{0, 1, 0}].item() == data.data()[33].item());
    auto net = train<Net>([&](auto &&step) {
      std::vector<double> losses;
      for (int epoch = 1; epoch <= epochs; ++epoch)
        losses.push_back(step(x, t).item() / double(xs.size()));
      return losses;
    });
    report("loss of epoch 1", net.figures[0]);
    report("loss of epoch 10", net.figures[9]);
    for (int epoch = 50; epoch <= epochs; epoch += 50)
      report("loss of epoch " + std::to_string(epoch),
             net.figures[size_t(epoch) - 1]);
    net->rnn.reset_state();
    NoGrad scope;
    SinCurve cosine({.train = false});
    double error = 0;
    for (int64_t i = 0; i < cosine.len(); ++i) {
      Variable y = net->fc(net->rnn(cosine.data()[i].reshape(1, 1)));
      error += std::abs(y.item() - cosine.label()[i].item()) / 999;
    }
    report("mean error on a cosine", error);
  });
}
