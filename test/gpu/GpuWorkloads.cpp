//===- GpuWorkloads.cpp - What is measured on a graphics processor --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/gpu/GpuBench.h"

using namespace etch;
using namespace etch::gpu;

namespace {

const std::vector<std::string> kPeers = {"torch", "torch.compile", "jax"};

/// Numbers that differ, on the device. Drawing all of a large array would take
/// longer than what is measured.
Variable there(const Shape &shape, double scale = 1) {
  random::seed(1);
  std::vector<float> drawn =
                         random::rand({65521}).astype(f32).to_vector<float>(),
                     numbers(size_t(shape.elements()));
  for (size_t i = 0; i < numbers.size(); ++i)
    numbers[i] = (drawn[i % drawn.size()] - 0.5f) * float(scale);
  return from_data(std::span<const float>(numbers), shape).to(cuda(0));
}
Variable classes(int64_t count, int64_t most) {
  std::vector<int64_t> labels;
  for (int64_t i = 0; i < count; ++i)
    labels.push_back(i * 7 % most);
  return from_data(std::span<const int64_t>(labels), {count}).to(cuda(0));
}

struct Choice {
  const char *name;
  Mode mode;
  Precision precision;
  bool libraries;

  CompileOptions options() const {
    return {.device = cuda(0),
            .mode = mode,
            .precision = precision,
            .libraries = libraries};
  }
};
constexpr Choice kStrict = {"etch strict", Mode::strict, Precision::full,
                            false},
                 kOwn = {"etch own kernels", Mode::fast, Precision::full,
                         false},
                 kFast = {"etch", Mode::fast, Precision::full, true},
                 kTf32 = {"etch tf32", Mode::fast, Precision::tf32, true},
                 kBf16 = {"etch bf16", Mode::fast, Precision::bf16, true};

/// f of arrays, with no gradients.
Variant function(const Choice &choice,
                 std::function<Variable(const Variables &)> f,
                 std::function<Variables()> inputs) {
  return {choice.name, [=] {
            auto compiled = std::make_shared<decltype(compile(
                std::function<Variable(const Variables &)>()))>(
                compile(std::function([f](const Variables &v) {
                          NoGrad no_grad;
                          return f(v);
                        }),
                        choice.options()));
            Variables xs = inputs();
            return Prepared{[=] { (*compiled)(xs); },
                            [=] { return compiled->num_launches(); }};
          }};
}

/// Training steps of a model on one batch.
template <class M, class O> struct Trainer {
  M model;
  O optimizer;
  bool classifies;

  Variable step(const Variable &x, const Variable &t) {
    Variable y = model(x);
    Variable loss =
        classifies ? softmax_cross_entropy(y, t) : mean_squared_error(y, t);
    loss.backward();
    optimizer.update();
    model.clear_grads(); // nobody reads them
    return loss;
  }
};

template <class M, class O>
Variant training(const Choice &choice, std::function<M()> make, O optimizer,
                 Shape input, std::function<Variable()> target,
                 bool classifies) {
  return {
      choice.name, [=] {
        random::seed(0);
        using T = Trainer<M, O>;
        std::shared_ptr<T> t(new T{make(), optimizer, classifies});
        Shape one = input;
        one[0] = 1;
        {
          NoGrad no_grad; // draws all weights
          t->model(zeros(one, {.dtype = f32}));
        }
        t->model.to(cuda(0));
        t->optimizer.setup(t->model);
        Variable x = there(input), goal = target();
        x.set_requires_grad(false);
        auto step = std::make_shared<decltype(compile(
            std::function<Variable(const Variable &, const Variable &)>()))>(
            compile(std::function([t](const Variable &x, const Variable &g) {
                      return t->step(x, g);
                    }),
                    choice.options()));
        return Prepared{[=] { (*step)(x, goal); },
                        [=] { return step->num_launches(); }};
      }};
}

void add_memory(std::vector<Workload> &all) {
  const int64_t n = int64_t(1) << 24, row = 1024; // 64 MiB of f32
  const std::string goal = ">= 0.88 of the memory's bandwidth";
  auto two = [=] { return Variables{there({n}), there({n})}; };
  auto rows = [=] { return Variables{there({n / row, row}, 8)}; };
  auto memory = [&](const std::string &name, const std::string &op,
                    double arrays, std::function<Variable(const Variables &)> f,
                    std::function<Variables()> inputs) {
    all.push_back({name,
                   op,
                   "n=" + std::to_string(n),
                   goal,
                   arrays * 4 * double(n),
                   0,
                   {function(kStrict, f, inputs), function(kFast, f, inputs)},
                   kPeers});
  };
  memory(
      "copy 64 MiB", "copy", 2, [](const Variables &v) { return v[0] * 2.0; },
      two);
  memory(
      "elementwise 64 MiB", "elementwise", 3,
      [](const Variables &v) { return tanh(v[0]) * v[1] + 0.5; }, two);
  memory(
      "softmax 16384 x 1024", "softmax", 2,
      [](const Variables &v) { return softmax(v[0], {.axis = 1}); }, rows);
  memory(
      "layer norm 16384 x 1024", "layer_norm", 2,
      [](const Variables &v) { return layer_norm(v[0], v[1], v[2]); },
      [=] {
        return Variables{there({n / row, row}, 8), there({row}), there({row})};
      });
  memory(
      "sum of rows 16384 x 1024", "sum", 1,
      [](const Variables &v) { return sum(v[0], {.axis = {0}}); }, rows);
  // w, m, v and a gradient are read, three of them are written.
  for (const Choice &choice : {kStrict})
    all.push_back({"Adam 64 MiB",
                   "adam",
                   "n=" + std::to_string(n),
                   goal,
                   7 * 4 * double(n),
                   0,
                   {{choice.name,
                     [=] {
                       struct Held : Model {
                         Parameter w;
                         explicit Held(const Variable &start) : w(start) {
                           add_param("w", w);
                         }
                         Variable forward(const Variable &x) override {
                           return x * w;
                         }
                       };
                       auto model = std::make_shared<Held>(there({n}));
                       auto optimizer = std::make_shared<Adam>();
                       optimizer->setup(*model);
                       Variable g = there({n});
                       auto step = std::make_shared<decltype(compile(
                           std::function<Variable(const Variable &)>()))>(
                           compile(std::function([=](const Variable &g) {
                                     Variable loss = sum(model->w * g);
                                     model->clear_grads();
                                     loss.backward();
                                     optimizer->update();
                                     return g[slice(0, 1)];
                                   }),
                                   choice.options()));
                       return Prepared{[=] { (*step)(g); },
                                       [=] { return step->num_launches(); }};
                     }}},
                   kPeers});
}

void add_products(std::vector<Workload> &all) {
  auto f = [](const Variables &v) { return matmul(v[0], v[1]); };
  for (int64_t m : {1024, 4096, 8192}) {
    auto inputs = [=] { return Variables{there({m, m}), there({m, m})}; };
    Workload w{"product " + std::to_string(m),
               "matmul",
               "m=" + std::to_string(m),
               "cuBLASLt >= 0.98 of PyTorch's, own kernel >= 0.8 of it",
               0,
               2.0 * double(m) * double(m) * double(m),
               {},
               {"torch", "torch tf32", "torch bf16", "jax"}};
    for (const Choice &choice : {kStrict, kOwn, kFast, kTf32, kBf16})
      w.variants.push_back(function(choice, f, inputs));
    all.push_back(std::move(w));
  }
}

struct Digits : Model {
  Conv2d conv1{*this, "conv1", 32, 3}, conv2{*this, "conv2", 64, 3};
  Linear fc1{*this, "fc1", 128}, fc2{*this, "fc2", 10};

  Variable forward(const Variable &x) override {
    Variable h = relu(conv2(relu(conv1(x))));
    return fc2(relu(fc1(flatten(pooling(h, 2, {.stride = 2})))));
  }
};

/// A window of steps, the last of them read.
struct Sequence : Model {
  LSTM rnn{*this, "lstm", 512};
  Linear fc{*this, "fc", 64};

  Variable forward(const Variable &x) override {
    Variable first = x[0];
    Variables start{zeros({first.shape(0), 512}, {.dtype = f32}),
                    zeros({first.shape(0), 512}, {.dtype = f32})};
    if (x.device().kind == Device::Kind::cuda)
      for (Variable &s : start)
        s = s.to(x.device());
    auto [end, hs] = scan(
        [&](const Variables &carry, const Variables &sample) {
          auto [h, c] = rnn.next(sample[0], carry[0], carry[1]);
          return std::pair(Variables{h, c}, Variables{h});
        },
        start, Variables{x});
    return fc(end[0]);
  }
};

void add_steps(std::vector<Workload> &all) {
  const std::string twice = ">= 2 times torch.compile with CUDA graphs; host "
                            "<= 10 us",
                    faster = ">= 1.1 times torch.compile; host <= 10 us";
  auto mlp = [&](const std::string &name, std::vector<int64_t> sizes,
                 int64_t in, auto optimizer, const char *op) {
    Workload w{name, op, "in=" + std::to_string(in), twice, 0, 0, {}, kPeers};
    for (int64_t size : sizes)
      w.options += " size=" + std::to_string(size);
    for (const Choice &choice : {kStrict, kFast})
      w.variants.push_back(training<MLP>(
          choice, [=] { return MLP(sizes, relu); }, optimizer, Shape{100, in},
          [=] { return there({100, sizes.back()}); }, false));
    int64_t before = in;
    for (int64_t size : sizes) {
      w.flops += 6.0 * 100 * double(before) * double(size);
      before = size;
    }
    all.push_back(std::move(w));
  };
  mlp("MLP 1-10-1 b100, SGD", {10, 1}, 1, SGD({.lr = 0.01}), "mlp_sgd");
  mlp("MLP 784-1000-1000-10 b100, SGD", {1000, 1000, 10}, 784,
      SGD({.lr = 0.01}), "mlp_sgd");
  mlp("MLP 784-1000-1000-10 b100, Adam", {1000, 1000, 10}, 784, Adam(),
      "mlp_adam");
  Workload cnn{
      "MNIST CNN b100, Adam", "cnn", "batch=100", faster, 0, 0, {}, kPeers};
  for (const Choice &choice : {kStrict, kFast, kTf32})
    cnn.variants.push_back(training<Digits>(
        choice, [] { return Digits(); }, Adam(), Shape{100, 1, 28, 28},
        [] { return classes(100, 10); }, true));
  cnn.peers = {"torch", "torch.compile", "torch.compile tf32", "jax"};
  all.push_back(std::move(cnn));
  Workload resnet{"ResNet-50 b64, SGD",
                  "resnet50",
                  "batch=64",
                  faster,
                  0,
                  0,
                  {},
                  {"torch tf32", "torch.compile", "torch.compile tf32",
                   "torch.compile bf16", "jax"}};
  for (const Choice &choice : {kTf32, kBf16})
    resnet.variants.push_back(training<ResNet50>(
        choice, [] { return ResNet50({.stride_in_3x3 = true}); },
        SGD({.lr = 0.01}), Shape{64, 3, 224, 224},
        [] { return classes(64, 1000); }, true));
  all.push_back(std::move(resnet));
  Workload lstm{"LSTM 512, 64 steps b64, Adam",
                "lstm",
                "steps=64 batch=64 in=128 hidden=512",
                faster,
                0,
                0,
                {},
                kPeers};
  for (const Choice &choice : {kStrict, kFast})
    lstm.variants.push_back(training<Sequence>(
        choice, [] { return Sequence(); }, Adam(), Shape{64, 64, 128},
        [] { return there({64, 64}); }, false));
  all.push_back(std::move(lstm));
}

} // namespace

std::vector<Workload> etch::gpu::workloads() {
  std::vector<Workload> all;
  add_memory(all);
  add_products(all);
  add_steps(all);
  return all;
}
