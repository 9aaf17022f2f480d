//===- TrainingTest.cpp - compiled training has the bits of eager ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "etch/etch.h"

#include <gmock/gmock.h>

using namespace etch;

namespace {

struct Result {
  std::vector<double> losses;
  std::vector<std::vector<double>> params, grads;
  int compiles = 0, traces = 0;
};

template <class MakeOptimizer>
Result train(bool compiled, MakeOptimizer make, int batch, int steps) {
  random::seed(3);
  MLP model({7, 5, 3}, sigmoid);
  auto optimizer = make();
  optimizer.setup(model);
  Variable x = random::rand({batch * 2, 4}).astype(f32).detach();
  Variable t = random::randint(0, 3, {batch * 2});
  auto step = [&](const Variable &x, const Variable &t) {
    Variable loss = softmax_cross_entropy(model(x), t);
    model.clear_grads();
    loss.backward();
    optimizer.update();
    return loss;
  };
  auto f = compile(step);
  Result r;
  for (int i = 0; i < steps; ++i) {
    optimizer.lr *= 0.95;
    int at = i % 2 * batch;
    Variable bx = x[slice(at, at + batch)].detach(),
             bt = t[slice(at, at + batch)];
    r.losses.push_back((compiled ? f(bx, bt) : step(bx, bt)).item());
  }
  for (const Variable &p : model.params()) {
    r.params.push_back(p.to_vector());
    r.grads.push_back(p.grad().to_vector());
  }
  r.compiles = f.compile_count();
  r.traces = f.trace_count();
  return r;
}

template <class MakeOptimizer> void expect_same(MakeOptimizer make) {
  for (int batch : {1, 13, 64}) {
    Result e = train(false, make, batch, 12), c = train(true, make, batch, 12);
    EXPECT_EQ(e.losses, c.losses) << "batch " << batch;
    EXPECT_EQ(e.params, c.params) << "batch " << batch;
    EXPECT_EQ(e.grads, c.grads) << "batch " << batch;
    EXPECT_EQ(c.compiles, 1);
    EXPECT_EQ(c.traces, 1);
    EXPECT_LT(c.losses.back(), c.losses.front() + 1);
  }
}

TEST(Training, C150_SGD) {
  expect_same([] { return SGD({.lr = 0.5}); });
}
TEST(Training, C150_MomentumSGD) {
  expect_same([] { return MomentumSGD({.lr = 0.1}); });
}
TEST(Training, C150_AdaGrad) {
  expect_same([] { return AdaGrad({.lr = 0.1}); });
}
TEST(Training, C150_Adam) {
  expect_same([] { return Adam({.lr = 0.01}); });
}
TEST(Training, C150_Hooks) {
  expect_same([] {
    SGD optimizer({.lr = 0.5});
    optimizer.add_hook(WeightDecay(1e-2)).add_hook(ClipGrad(0.5));
    return optimizer;
  });
}

/// Weights whose gradient nobody else reads are updated by its product, tile by
/// tile, whatever the batch: the gradient is no array.
template <class MakeOptimizer>
void expect_updated_by_products(MakeOptimizer make) {
  auto train = [&](bool compiled) {
    random::seed(3);
    MLP model({150, 3}, relu);
    auto optimizer = make();
    optimizer.setup(model);
    auto step = [&](const Variable &x, const Variable &t) {
      Variable loss = softmax_cross_entropy(model(x), t);
      loss.backward();
      optimizer.update();
      model.clear_grads();
      return loss;
    };
    auto f = compile(step);
    std::vector<std::vector<double>> values(1);
    for (int batch : {100, 257, 100, 600, 7}) {
      Variable x = random::rand({batch, 131}).astype(f32).detach();
      Variable t = random::randint(0, 3, {batch});
      values[0].push_back((compiled ? f(x, t) : step(x, t)).item());
    }
    for (const Variable &p : model.params())
      values.push_back(p.to_vector());
    if (!compiled)
      return values;
    for (const auto &buffer : f.memory().plan().buffers)
      EXPECT_FALSE(buffer.offset >= 0 && buffer.bytes == 4 * 131 * 150)
          << buffer.what;
    return values;
  };
  EXPECT_EQ(train(true), train(false));
}

TEST(Training, C150_UpdatesInProducts) {
  expect_updated_by_products([] { return SGD({.lr = 0.5}); });
  expect_updated_by_products([] { return MomentumSGD({.lr = 0.1}); });
  expect_updated_by_products([] { return Adam({.lr = 0.01}); });
  expect_updated_by_products([] {
    AdamW optimizer({.lr = 0.01});
    optimizer.add_hook(WeightDecay(1e-2));
    return optimizer;
  });
}

TEST(Training, C150_OneRunPerStep) {
  random::seed(0);
  MLP model({10, 1}, sigmoid);
  SGD optimizer({.lr = 0.2});
  optimizer.setup(model);
  Variable x = random::rand({100, 1}).astype(f32).detach();
  auto step = compile([&](const Variable &x) {
    Variable loss = mean_squared_error(model(x), x);
    model.clear_grads();
    loss.backward();
    optimizer.update();
    return loss;
  });
  step.build(x);
  uint64_t kernels = eager_kernel_runs();
  for (int i = 0; i < 3; ++i)
    step(x);
  EXPECT_EQ(eager_kernel_runs(), kernels); // all of it is in the program
  EXPECT_EQ(step.trace_count(), 1);
  EXPECT_EQ(step.run_count(), 3);
  EXPECT_GT(step.num_launches(), 0);
  EXPECT_EQ(step.memory().states, 4u * (10 + 10 + 10 + 1));
  EXPECT_GT(step.saved_bytes(), 0u);
  EXPECT_LE(step.saved_bytes(), step.arena_bytes());
}

TEST(Training, C034_ForwardOnlySavesNothing) {
  random::seed(0);
  MLP model({10, 1}, sigmoid);
  Variable x = random::rand({100, 1}).astype(f32);
  auto predict = compile([&](const Variable &x) { return model(x); });
  Variable y;
  {
    NoGrad scope;
    y = predict(x);
  }
  EXPECT_EQ(predict.saved_bytes(), 0u);
  EXPECT_THROW(y.backward(), UserError);
}

/// What detach() cuts off is a leaf where it wants a gradient, as eagerly.
TEST(Compile, DetachedLeaves) {
  auto f = [](const Variable &x) {
    Variable a = (x * 2.0).detach().set_requires_grad(true);
    Variable y = sum(tanh(a) * a * a.detach() * x);
    Variable first = grad(y, {a})[0];
    y.backward();
    Variable none = (x * 3.0).detach();
    return Variables{y, first, a.grad(), grad(sum(none * x), {none})[0]};
  };
  auto compiled = compile(f);
  for (int call = 0; call < 2; ++call) {
    Variable x = sin(arange(4.0)).detach().set_requires_grad(true);
    Variable z = x.detach().set_requires_grad(true);
    Variables expected = f(x), found = compiled(z);
    for (int i = 0; i < 3; ++i)
      EXPECT_EQ(found[size_t(i)].to_vector(), expected[size_t(i)].to_vector());
    EXPECT_FALSE(expected[3].defined());
    EXPECT_FALSE(found[3].defined());
    EXPECT_EQ(z.grad().to_vector(), x.grad().to_vector());
  }
  EXPECT_EQ(compiled.compile_count(), 1);
}

} // namespace
