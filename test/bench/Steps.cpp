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
    network().clear_grads();
    l.backward();
    update();
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

/// The inputs of a task: x, t and the parameters, with weights of the usual
/// size: uniform with the deviation 1 / sqrt(fan in).
std::vector<Input> inputsOf(Task &task, Input x, Input t) {
  std::vector<Input> inputs = {std::move(x), std::move(t)};
  for (const Variable &p : task.network().params()) {
    double fan = 1;
    const Shape &shape = p.shape();
    if (shape.size() == 2)
      fan = double(shape[0]);
    for (size_t d = 1; shape.size() == 4 && d < 4; ++d)
      fan *= double(shape[d]);
    double scale = shape.size() == 1 ? 0.25 : std::sqrt(12 / fan);
    inputs.push_back({{shape.begin(), shape.end()}, "f32", scale});
  }
  return inputs;
}

/// `name` eager, compiled and compiled with `pure`; each has its own net.
void add(std::vector<Workload> &workloads, Workload w, Input x, Input t,
         std::function<std::shared_ptr<Task>()> make) {
  w.inputs = inputsOf(*make(), std::move(x), std::move(t));
  w.checkRuns = 3;
  for (int kind = 0; kind < 3; ++kind) {
    const char *names[] = {"etch", "etch re-traced", "etch eager"};
    w.systems.push_back(
        {names[kind], [=, inputs = w.inputs] {
           std::shared_ptr<Task> task = make();
           Variables values;
           for (size_t i = 0; i < inputs.size(); ++i)
             values.push_back(makeInput(inputs[i], i));
           task->start(values);
           // Data: nobody's gradient reaches them.
           Variable x = values[0].detach(), t = values[1].detach();
           if (kind == 2)
             return runnerOf([=] { return task->step(x, t); }, w.checkRuns);
           auto f = [task](const Variable &x, const Variable &t) {
             return task->step(x, t);
           };
           auto step = std::make_shared<Compiled<decltype(f)>>(
               compile(f, {.pure = kind == 0}));
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

void etch::bench::addSteps(std::vector<Workload> &workloads) {
  add(workloads,
      {"step 1-10-1 MLP SGD b100", "mlp_step",
       "optimizer=sgd lr=0.2 activation=sigmoid loss=mse"},
      {{100, 1}}, {{100, 1}}, taskOf<SineNet>(SGD({.lr = 0.2})));
  // Three products forward, five backward (none towards the input).
  double weights = 784e3 + 1e6 + 1e4, flops = 2 * 100 * (3 * weights - 784e3);
  Workload w = {"step 784-1000-1000-10 MLP SGD b100", "mlp_step",
                "optimizer=sgd lr=0.01 activation=relu loss=cross_entropy"};
  w.flops = flops;
  add(workloads, w, {{100, 784}}, {{100}, "i64", 10},
      taskOf<DigitsNet>(SGD({.lr = 0.01})));
  w = {"step 784-1000-1000-10 MLP Adam b100", "mlp_step",
       "optimizer=adam lr=0.001 activation=relu loss=cross_entropy"};
  w.flops = flops;
  add(workloads, w, {{100, 784}}, {{100}, "i64", 10},
      taskOf<DigitsNet>(Adam()));
  w = {"step MNIST CNN SGD b64", "cnn_step", "optimizer=sgd lr=0.01"};
  double c1 = 28 * 28 * 32 * 9, c2 = 14 * 14 * 64 * 288.0,
         dense = 3136 * 128 + 1280;
  w.flops = 2 * 64 * (2 * c1 + 3 * c2 + 3 * dense);
  add(workloads, w, {{64, 1, 28, 28}}, {{64}, "i64", 10},
      taskOf<ConvolutionNet>(SGD({.lr = 0.01})));
}
