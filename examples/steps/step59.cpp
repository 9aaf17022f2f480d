//===- step59.cpp - RNN ---------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A network that remembers: the noisy sine's next value from all before.
// Gradients go back through windows of at most 30 steps; how long a window is,
// and the state that goes from one to the next, are inputs of one program.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

struct Net : Model {
  RNN rnn{*this, "rnn", 100};
  Linear fc{*this, "fc", 1};
  Adam optimizer;

  Net() {
    NoGrad scope; // two steps draw all weights, in this order: x2h, fc, h2h
    for (int i = 0; i < 2; ++i)
      fc(rnn(zeros({1, 1})));
    optimizer.setup(*this);
  }
  /// n steps from the state h; `sum` is the loss so far.
  Variables step(const Variable &xs, const Variable &ts, const Variable &n,
                 const Variable &h, const Variable &sum) {
    auto body = [&](const Variable &i, const Variables &s) {
      Variable next = rnn.next(xs[i], s[0]);
      return Variables{next, s[1] + mean_squared_error(fc(next), ts[i])};
    };
    Variables last =
        for_loop(n, body, Variables{h, sum}, {.max_iterations = 30});
    clear_grads();
    last[1].backward();
    optimizer.update();
    return {last[0].detach(), last[1].detach()};
  }
};

int main(int argc, char **argv) {
  return run([&] {
    int epochs = argc > 1 ? std::atoi(argv[1]) : 100;
    random::seed(0);
    SinCurve data;
    int64_t length = data.len();
    report("samples", length);
    report("targets are one step ahead",
           same_bits(data.data()[slice(1, length)],
                     data.label()[slice(0, length - 1)]));
    Variable xs = concat({data.data(), zeros({30, 1})}).reshape(-1, 1, 1);
    Variable ts = concat({data.label(), zeros({30, 1})}).reshape(-1, 1, 1);

    auto net = train<Net>([&](auto &&step) {
      std::vector<double> losses;
      for (int epoch = 1; epoch <= epochs; ++epoch) {
        Variable h = zeros({1, 100}), sum = 0.0;
        for (int64_t i = 0; i < length; i += 30) {
          Slice window = slice(i, i + 30);
          Variable n = std::min<int64_t>(30, length - i);
          Variables results = step(xs[window], ts[window], n, h, sum);
          h = results[0];
          sum = results[1];
        }
        losses.push_back(sum.item() / double(length));
      }
      return losses;
    });
    report("loss of epoch 1", net.figures[0]);
    report("loss of epoch 10", net.figures[9]);
    for (int epoch = 50; epoch <= epochs; epoch += 50)
      report("loss of epoch " + std::to_string(epoch),
             net.figures[size_t(epoch) - 1]);
    // The loss leaps now and then: weights that differ by 1e-7 give 0.0023 in
    // epoch 50 and anything from 0.0024 to 0.03 in epoch 100.
    if (epochs >= 100) {
      report("epoch 50 below epoch 10", net.figures[49] < net.figures[9]);
      report("epoch 100 below a fifth of epoch 1",
             net.figures[99] < net.figures[0] / 5);
      report("lowest loss after epoch 50",
             *std::min_element(&net.figures[50], &net.figures[99] + 1));
    }

    NoGrad scope;
    SinCurve cosine({.train = false});
    net->rnn.reset_state();
    double error = 0;
    for (int64_t i = 0; i < length; ++i) {
      Variable y = net->fc(net->rnn(cosine.data()[i].reshape(1, 1)));
      error += std::abs(y.item() - cosine.label()[i].item()) / double(length);
    }
    report("mean error on a cosine", error);
  });
}
