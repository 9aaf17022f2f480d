//===- Programs.cpp - training steps to measure ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "test/programs/Programs.h"

using namespace etch;
using namespace etch::test;

namespace {
/// Classification by any model.
template <class M, class O> struct Classifier : Step {
  M model;
  O optimizer;

  template <class... A>
  Classifier(Shape input, A &&...args) : model(std::forward<A>(args)...) {
    x = zeros(input, {.dtype = f32});
    {
      NoGrad scope; // draws all weights
      Shape one = input;
      one[0] = 1;
      model(zeros(one, {.dtype = f32}));
    }
    optimizer.setup(model);
    t = zeros({input[0]}, {.dtype = i64});
  }
  Variable operator()(const Variable &x, const Variable &t) override {
    Variable loss = softmax_cross_entropy(model(x), t);
    model.clear_grads();
    loss.backward();
    optimizer.update();
    return loss;
  }
};

struct Digits : Model {
  Conv2d conv1{*this, "conv1", 32, 3}, conv2{*this, "conv2", 64, 3};
  Linear fc1{*this, "fc1", 128}, fc2{*this, "fc2", 10};

  Variable forward(const Variable &x) override {
    Variable h = relu(conv2(relu(conv1(x))));
    h = dropout(flatten(pooling(h, 2, {.stride = 2})), 0.25);
    return fc2(dropout(relu(fc1(h)), 0.5));
  }
};

/// A window of 30 steps as a loop, as in step 60 of the book.
struct Window : Step {
  struct Net : Model {
    LSTM rnn{*this, "lstm", 100};
    Linear fc{*this, "fc", 1};
  } net;
  Adam optimizer;

  Window() {
    {
      NoGrad scope; // draws all weights
      net.fc(net.rnn(zeros({30, 1})));
    }
    net.rnn.reset_state();
    optimizer.setup(net);
    x = zeros({30, 30, 1});
    t = zeros({30, 30, 1});
  }
  Variable operator()(const Variable &xs, const Variable &ts) override {
    Variables start{zeros({30, 100}), zeros({30, 100}), Variable(0.0)};
    auto body = [&](const Variables &carry, const Variables &sample) {
      auto [h, c] = net.rnn.next(sample[0], carry[0], carry[1]);
      Variable loss = carry[2] + mean_squared_error(net.fc(h), sample[1]);
      return std::pair(Variables{h, c, loss}, loss);
    };
    auto [end, losses] = scan(body, start, Variables{xs, ts});
    net.clear_grads();
    end[2].backward();
    optimizer.update();
    return end[2];
  }
};

template <class S, class... A> auto maker(A... args) {
  return
      [=]() -> std::unique_ptr<Step> { return std::make_unique<S>(args...); };
}
} // namespace

const std::vector<Program> &etch::test::programs() {
  static const std::vector<Program> all = {
      {"mlp", "MLP 784-1000-1000-10, batch 100, Adam", true,
       maker<Classifier<MLP, Adam>>(Shape{100, 784},
                                    std::vector<int64_t>{1000, 1000, 10})},
      {"cnn", "MNIST CNN, batch 64, Adam", true,
       maker<Classifier<Digits, Adam>>(Shape{64, 1, 28, 28})},
      {"lstm", "LSTM, window of 30, batch 30, Adam", true, maker<Window>()},
      {"resnet50", "ResNet-50, batch 8, momentum", false,
       maker<Classifier<ResNet50, MomentumSGD>>(Shape{8, 3, 224, 224})},
      {"vgg16", "VGG16, batch 4, momentum", false,
       maker<Classifier<VGG16, MomentumSGD>>(Shape{4, 3, 224, 224})},
      {"squeezenet", "SqueezeNet, batch 8, momentum", false,
       maker<Classifier<SqueezeNet, MomentumSGD>>(Shape{8, 3, 224, 224})},
      {"resnet152", "ResNet-152, batch 8, momentum", false,
       maker<Classifier<ResNet152, MomentumSGD>>(Shape{8, 3, 224, 224})},
  };
  return all;
}
