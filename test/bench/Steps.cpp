//===- Steps.cpp - whole training steps, eager and compiled ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The parameters are inputs behind x and t, so that all start from the same;
// the loss after some steps is what is compared.
//===----------------------------------------------------------------------===//

#include "test/bench/Bench.h"

#include <etch/etch.h>

#include <cmath>

using namespace etch;
using namespace etch::bench;

namespace {
/// A network with its optimizer, which starts from the workload's inputs.
struct Task {
  virtual ~Task() = default;
  virtual Variable loss(const Variable &x, const Variable &t) = 0;

  Variable step(const Variable &x, const Variable &t) {
    Variable l = loss(x, t);
    l.backward();
    update();
    network().clear_grads(); // nobody reads them: as with JAX
    return l;
  }
  /// Gives parameters the contents that the rivals start from.
  void start(const Variables &inputs) {
    Variables params = network().params();
    for (size_t i = 0; i < params.size(); ++i)
      params[i].assign(inputs[2 + i]);
  }
  virtual Layer &network() = 0;
  virtual void update() = 0;
};

template <class Net, class OptimizerT> struct TaskOf : Task {
  Net net;
  OptimizerT optimizer;
  TaskOf(Net *, OptimizerT o) : optimizer(std::move(o)) {
    optimizer.setup(net);
  }
  Variable loss(const Variable &x, const Variable &t) override {
    return net.loss(x, t);
  }
  Layer &network() override { return net; }
  void update() override { optimizer.update(); }
};

/// y = sin(2 pi x) by a 1-10-1 net (the book's step 44).
struct SineNet : Model {
  Linear l1{*this, "l1", 10, {.in_size = 1}};
  Linear l2{*this, "l2", 1, {.in_size = 10}};
  Variable loss(const Variable &x, const Variable &t) {
    return mean_squared_error(l2(sigmoid(l1(x))), t);
  }
};

/// Digits by two hidden layers.
struct DigitsNet : Model {
  Linear l1{*this, "l1", 1000, {.in_size = 784}};
  Linear l2{*this, "l2", 1000, {.in_size = 1000}};
  Linear l3{*this, "l3", 10, {.in_size = 1000}};
  Variable loss(const Variable &x, const Variable &t) {
    return softmax_cross_entropy(l3(relu(l2(relu(l1(x))))), t);
  }
};

/// Digits by convolutions.
struct ConvolutionNet : Model {
  Conv2d c1{*this, "c1", 32, 3, {.pad = 1, .in_channels = 1}};
  Conv2d c2{*this, "c2", 64, 3, {.pad = 1, .in_channels = 32}};
  Linear l3{*this, "l3", 128, {.in_size = 3136}};
  Linear l4{*this, "l4", 10, {.in_size = 128}};
  Variable loss(const Variable &x, const Variable &t) {
    Variable h = pooling(relu(c1(x)), 2, {.stride = 2});
    h = pooling(relu(c2(h)), 2, {.stride = 2});
    return softmax_cross_entropy(l4(relu(l3(flatten(h)))), t);
  }
};

/// A recurrent window: (T, N, 1) to (T, N, 1), the errors of all steps added.
struct WindowNet : Model {
  LSTM lstm{*this, "lstm", 100, {.in_size = 1}};
  Linear fc{*this, "fc", 1, {.in_size = 100}};
  Variable loss(const Variable &x, const Variable &t) {
    lstm.reset_state();
    Variable total;
    for (int64_t i = 0; i < x.len(); ++i) {
      Variable error = mean_squared_error(fc(lstm(x[i])), t[i]);
      total = i ? total + error : error;
    }
    return total;
  }
};

/// Two 3x3 convolutions beside a way round them.
struct BasicBlock : Layer {
  Conv2d c1;
  BatchNorm n1{*this, "n1"};
  Conv2d c2;
  BatchNorm n2{*this, "n2"};
  std::unique_ptr<Conv2d> around;
  std::unique_ptr<BatchNorm> normAround;
  BasicBlock(Layer &owner, std::string name, int64_t in, int64_t out)
      : Layer(owner, std::move(name)),
        c1(*this, "c1", out, 3, options(in, in == out ? 1 : 2, 1)),
        c2(*this, "c2", out, 3, options(out, 1, 1)) {
    if (in == out)
      return;
    around = std::make_unique<Conv2d>(*this, "c3", out, 1, options(in, 2, 0));
    normAround = std::make_unique<BatchNorm>(*this, "n3");
  }
  static Conv2dOptions options(int64_t in, int64_t stride, int64_t pad) {
    return {.stride = stride, .pad = pad, .nobias = true, .in_channels = in};
  }
  Variable forward(const Variable &x) override {
    Variable y = n2(c2(relu(n1(c1(x)))));
    return relu(y + (around ? (*normAround)((*around)(x)) : x));
  }
};

/// ResNet-18 for small images: its first convolution is 3x3, without pooling.
struct SmallResNet18 : Model {
  Conv2d c0{*this, "c0", 64, 3, BasicBlock::options(3, 1, 1)};
  BatchNorm n0{*this, "n0"};
  std::vector<std::unique_ptr<BasicBlock>> blocks = stages();
  Linear fc{*this, "fc", 10, {.in_size = 512}};
  std::vector<std::unique_ptr<BasicBlock>> stages() {
    std::vector<std::unique_ptr<BasicBlock>> blocks;
    for (int64_t i = 0, in = 64; i < 8; ++i) {
      int64_t out = 64 << (i / 2);
      blocks.push_back(std::make_unique<BasicBlock>(
          *this, "b" + std::to_string(i), in, out));
      in = out;
    }
    return blocks;
  }
  Variable loss(const Variable &x, const Variable &t) {
    Variable h = relu(n0(c0(x)));
    for (auto &block : blocks)
      h = (*block)(h);
    return softmax_cross_entropy(fc(global_average_pooling(h)), t);
  }
};

/// A block of a transformer's encoder that normalises first.
/// [Vaswani et al. 2017; Xiong et al. 2020]
struct EncoderBlock : Layer {
  static constexpr int64_t size = 256, heads = 4;
  LayerNorm n1{*this, "n1"}, n2{*this, "n2"};
  Linear qkv{*this, "qkv", 3 * size, {.in_size = size}};
  Linear out{*this, "out", size, {.in_size = size}};
  Linear up{*this, "up", 4 * size, {.in_size = size}};
  Linear down{*this, "down", size, {.in_size = 4 * size}};
  EncoderBlock(Layer &owner, std::string name)
      : Layer(owner, std::move(name)) {}
  /// (N, T, size), as (N T, size) between the attentions.
  Variable forward(const Variable &x) override {
    int64_t n = x.shape(0), t = x.shape(1);
    Variable rows = x.reshape({n * t, size});
    Variables parts = split(qkv(n1(rows))
                                .reshape({n, t, 3 * heads, size / heads})
                                .transpose({0, 2, 1, 3}),
                            3, 1);
    Variable scores = matmul(parts[0], parts[1].transpose({0, 1, 3, 2}));
    Variable shares =
        softmax(scores * (1 / std::sqrt(double(size / heads))), {.axis = 3});
    Variable mixed = matmul(shares, parts[2]).transpose({0, 2, 1, 3});
    rows = rows + out(mixed.reshape({n * t, size}));
    rows = rows + down(gelu(up(n2(rows))));
    return rows.reshape({n, t, size});
  }
};

struct Encoder : Model {
  std::vector<std::unique_ptr<EncoderBlock>> blocks;
  Encoder() {
    for (int i = 0; i < 4; ++i)
      blocks.push_back(
          std::make_unique<EncoderBlock>(*this, "b" + std::to_string(i)));
  }
  Variable loss(const Variable &x, const Variable &t) {
    Variable h = x;
    for (auto &block : blocks)
      h = (*block)(h);
    return mean_squared_error(h.reshape({-1}), t.reshape({-1}));
  }
};

/// A task whose parameters are all there: some have their sizes from x.
std::shared_ptr<Task> begun(const std::function<std::shared_ptr<Task>()> &make,
                            const Variable &x, const Variable &t) {
  std::shared_ptr<Task> task = make();
  NoGrad noGrad;
  task->loss(x, t);
  return task;
}

using Wanted = std::function<bool(const std::string &)>;

/// `name` eager, compiled and compiled with `pure`, perhaps in mode fast, too;
/// each has its own net. The inputs are x, t and the parameters.
void add(std::vector<Workload> &workloads, const Wanted &wanted, Workload w,
         Input x, Input t, std::function<std::shared_ptr<Task>()> make,
         bool fast = false) {
  if (!wanted(w.name))
    return;
  w.inputs = {std::move(x), std::move(t)};
  auto task = begun(make, makeInput(w.inputs[0], 0), makeInput(w.inputs[1], 1));
  for (const Variable &p : task->network().params())
    w.inputs.push_back(weight({p.shape().begin(), p.shape().end()}, 12));
  w.checkRuns = 3;
  for (int kind = 0; kind < (fast ? 4 : 3); ++kind) {
    const char *names[] = {"etch", "etch re-traced", "etch eager", "etch fast"};
    w.systems.push_back(
        {names[kind], [=, inputs = w.inputs] {
           Variables values;
           for (size_t i = 0; i < inputs.size(); ++i)
             values.push_back(makeInput(inputs[i], i));
           // Data: nobody's gradient reaches them.
           Variable x = values[0].detach(), t = values[1].detach();
           std::shared_ptr<Task> task = begun(make, x, t);
           task->start(values);
           if (kind == 2)
             return runnerOf([=] { return task->step(x, t); }, w.checkRuns);
           auto f = [task](const Variable &x, const Variable &t) {
             return task->step(x, t);
           };
           auto step = std::make_shared<Compiled<decltype(f)>>(
               compile(f, {.mode = kind == 3 ? Mode::fast : Mode::strict,
                           .pure = kind == 0 || kind == 3}));
           return runnerOf([=] { return (*step)(x, t); }, w.checkRuns);
         }});
  }
  workloads.push_back(std::move(w));
}

template <class Net, class OptimizerT>
std::function<std::shared_ptr<Task>()> taskOf(OptimizerT optimizer) {
  return [=] {
    return std::make_shared<TaskOf<Net, OptimizerT>>(nullptr, optimizer);
  };
}
} // namespace

void etch::bench::addSteps(std::vector<Workload> &workloads,
                           const Wanted &wanted) {
  add(workloads, wanted,
      {"step 1-10-1 MLP SGD b100", "mlp_step",
       "optimizer=sgd lr=0.2 activation=sigmoid loss=mse"},
      {{100, 1}}, {{100, 1}}, taskOf<SineNet>(SGD({.lr = 0.2})));
  // Three products forward, five backward (none towards the input).
  double weights = 784e3 + 1e6 + 1e4, flops = 2 * 100 * (3 * weights - 784e3);
  Workload w = {"step 784-1000-1000-10 MLP SGD b100", "mlp_step",
                "optimizer=sgd lr=0.01 activation=relu loss=cross_entropy"};
  w.flops = flops;
  add(workloads, wanted, w, {{100, 784}}, {{100}, "i64", 10},
      taskOf<DigitsNet>(SGD({.lr = 0.01})));
  w = {"step 784-1000-1000-10 MLP Adam b100", "mlp_step",
       "optimizer=adam lr=0.001 activation=relu loss=cross_entropy"};
  w.flops = flops;
  add(workloads, wanted, w, {{100, 784}}, {{100}, "i64", 10},
      taskOf<DigitsNet>(Adam()));
  w = {"step MNIST CNN SGD b64", "cnn_step", "optimizer=sgd lr=0.01"};
  double c1 = 28 * 28 * 32 * 9, c2 = 14 * 14 * 64 * 288.0,
         dense = 3136 * 128 + 1280;
  w.flops = 2 * 64 * (2 * c1 + 3 * c2 + 3 * dense);
  add(workloads, wanted, w, {{64, 1, 28, 28}}, {{64}, "i64", 10},
      taskOf<ConvolutionNet>(SGD({.lr = 0.01})));
  w = {"step LSTM T30 b30 h100 Adam", "lstm_step",
       "optimizer=adam lr=0.001 loss=mse_of_steps"};
  w.flops = 2 * 30 * 30 * (3 * 4 * 101 * 100 + 3 * 100.0);
  add(workloads, wanted, w, {{30, 30, 1}}, {{30, 30, 1}},
      taskOf<WindowNet>(Adam()));
  w = {"step ResNet-18 CIFAR SGD b32", "resnet18_step",
       "optimizer=sgd lr=0.01"};
  w.flops = 3 * 2 * 32 * 0.5554e9;
  add(workloads, wanted, w, {{32, 3, 32, 32}}, {{32}, "i64", 10},
      taskOf<SmallResNet18>(SGD({.lr = 0.01})), /*fast=*/true);
  w = {"step encoder 4 blocks d256 h4 T128 b8 Adam", "encoder_step",
       "optimizer=adam lr=0.0001 loss=mse"};
  w.flops = 3 * 2 * 4 * 8 * 128 * (12 * 256 * 256 + 2 * 128 * 256.0);
  add(workloads, wanted, w, {{8, 128, 256}}, {{8, 128, 256}},
      taskOf<Encoder>(Adam({.lr = 1e-4})));
}
