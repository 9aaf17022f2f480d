//===- step57.cpp - conv2d and pooling as functions -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Windows as rows of a matrix make of a convolution a matrix product; conv2d
// gives the same without ever storing that matrix. A small network of such
// layers trains.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

Variable conv2d_simple(const Variable &x, const Variable &w, const Variable &b,
                       int64_t pad) {
  int64_t n = x.shape(0), oc = w.shape(0);
  int64_t oh = get_conv_outsize(x.shape(2), w.shape(2), 1, pad);
  int64_t ow = get_conv_outsize(x.shape(3), w.shape(3), 1, pad);
  Variable col = im2col(x, {w.shape(2), w.shape(3)}, {.pad = pad});
  Variable y = linear(col, w.reshape(oc, -1).T(), b);
  return y.reshape(n, oh, ow, oc).transpose({0, 3, 1, 2});
}
Variable pooling_simple(const Variable &x, int64_t k) {
  Variable col = im2col(x, k, {.stride = k, .to_matrix = false});
  int64_t n = x.shape(0), c = x.shape(1), oh = col.shape(4), ow = col.shape(5);
  return max(col.reshape(n, c, k * k, oh, ow), {.axis = 2});
}
struct Net : Model {
  Conv2d conv{*this, "conv", 4, 3, {.pad = 1}};
  Linear fc{*this, "fc", 3};
  SGD optimizer{{.lr = 0.1}};
  Net() { optimizer.setup(*this); }
  Variable forward(const Variable &x) override {
    return fc(flatten(pooling(relu(conv(x)), 2, {.stride = 2})));
  }
  Variable step(const Variable &x, const Variable &t) {
    Variable loss = softmax_cross_entropy((*this)(x), t);
    clear_grads();
    loss.backward();
    optimizer.update();
    return loss;
  }
};

int main() {
  return run([] {
    random::seed(0);
    report("col of 1", to_string(im2col(ones({1, 3, 7, 7}), 5).shape()));
    report("col of 10", to_string(im2col(ones({10, 3, 7, 7}), 5).shape()));
    report("weights of (10, 3, 5, 5)", ones({10, 3, 5, 5}).size());

    Variable x = random::randn({1, 5, 15, 15}), w = random::randn({8, 5, 3, 3});
    Variable b = random::randn({8});
    auto f = [](const Variable &x, const Variable &w, const Variable &b) {
      Variable y = conv2d(x, w, b, {.pad = 1});
      y.backward();
      return Variables{y, x.grad(), w.grad(), b.grad()};
    };
    Variables all = everywhere(f, x, w, b);
    report("y", to_string(all[0].shape()));
    report("x.grad", to_string(all[1].shape()));
    Variable x1 = x.detach().set_requires_grad(true);
    Variable simple = conv2d_simple(x1, w, b, 1);
    report("simple form agrees", allclose(simple, all[0]));
    simple.backward();
    report("its gradient, too", allclose(x1.grad(), all[1]));
    report("simple pooling agrees",
           same_bits(pooling_simple(x, 3), pooling(x, 3, {.stride = 3})));
    report("pair", Pair(1) == Pair{1, 1});

    Variable images = random::randn({30, 1, 8, 8}).astype(f32).detach();
    std::vector<int64_t> labels;
    for (int64_t i = 0; i < 30; ++i)
      labels.push_back(i % 3);
    auto net = train<Net>([&](auto &&step) {
      std::vector<double> losses;
      for (int i = 0; i < 20; ++i)
        losses.push_back(step(images, array(labels)).item());
      return losses;
    });
    report("deferred channels", to_string(net->conv.W.shape()));
    report("loss falls", net.figures.back() < net.figures.front());
  });
}
