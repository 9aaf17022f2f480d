//===- ConvolutionTest.cpp - Layers of filters, a small network -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/etch.h"
#include "test/support/Near.h"

#include <cmath>
#include <cstring>
#include <etch/host.h>
#include <filesystem>
#include <gmock/gmock.h>

using namespace etch;
using testing::HasSubstr;
using testing::ThrowsMessage;

namespace {

TEST(C112_Conv2d, ChannelsComeWithTheFirstInput) {
  Conv2d conv(64, 3);
  EXPECT_FALSE(conv.W.defined());
  EXPECT_EQ(conv.b.shape(), Shape{64});
  NoGrad no_grad;
  Variable y = conv(zeros({1, 3, 224, 224}, {.dtype = f32}));
  EXPECT_EQ(conv.W.shape(), (Shape{64, 3, 3, 3}));
  EXPECT_EQ(y.shape(), (Shape{1, 64, 222, 222}));
}

// The book's initial weights: N(0, 1) from the random stream, scaled.
TEST(C112_Conv2d, WeightsAreTheStreams) {
  random::seed(7);
  std::vector<double> draws = random::randn({4, 3, 5, 2}).to_vector();
  double scale = std::sqrt(1.0 / (3 * 5 * 2));
  for (double &v : draws)
    v *= scale;
  random::seed(7);
  Conv2d conv(4, {5, 2}, {.dtype = f64, .in_channels = 3});
  EXPECT_EQ(conv.W.to_vector(), draws);
  EXPECT_EQ(conv.W.dtype(), f64);
  EXPECT_EQ(Conv2d(4, 3, {.nobias = true}).params().size(), 0u);

  random::seed(7);
  Deconv2d deconv(3, {5, 2}, {.dtype = f64, .in_channels = 4});
  EXPECT_EQ(deconv.W.shape(), (Shape{4, 3, 5, 2}));
  EXPECT_NEAR(deconv.W.to_vector()[0], draws[0] / scale / std::sqrt(40.0),
              1e-15);
}

TEST(C112_Conv2d, OptionsReachTheFunction) {
  Conv2d conv(6, 3, {.stride = 2, .pad = {1, 0}, .groups = 2, .nobias = true});
  Variable x = random::randn({2, 4, 9, 9}).astype(f32).detach();
  Variable y = conv(x);
  EXPECT_EQ(conv.W.shape(), (Shape{6, 2, 3, 3}));
  EXPECT_EQ(y.to_vector(),
            conv2d(x, conv.W, {}, {.stride = 2, .pad = {1, 0}, .groups = 2})
                .to_vector());
  Deconv2d deconv(3, 3, {.stride = 2, .pad = 1, .out_size = Pair{9, 8}});
  EXPECT_EQ(deconv(y).shape(), (Shape{2, 3, 9, 8}));
  EXPECT_EQ(deconv.W.shape(), (Shape{6, 3, 3, 3}));
}

TEST(C112_Conv2d, WrongInputs) {
  EXPECT_THROW(Conv2d(0, 3), ValueError);
  EXPECT_THROW(Conv2d(6, 3, {.groups = 4}), ValueError);
  EXPECT_THROW(Conv2d(6, 3, {.dtype = i64}), DTypeError);
  Conv2d conv(6, 3, {.groups = 2});
  EXPECT_THAT([&] { conv(zeros({3, 8})); },
              ThrowsMessage<ShapeError>(HasSubstr("Conv2d: x is (3, 8)")));
  EXPECT_THAT([&] { conv(zeros({1, 3, 8, 8})); },
              ThrowsMessage<ShapeError>(HasSubstr("for 2 groups")));
}

/// A small network for images, trained by Adam.
struct Network : Layer {
  Conv2d conv1{*this, "conv1", 8, 3, {.pad = 1}};
  Conv2d conv2{*this, "conv2", 16, 3, {.stride = 2, .pad = 1}};
  Linear fc{*this, "fc", 10};
  Variable forward(const Variable &x) override {
    Variable h = pooling(relu(conv1(x)), 2, {.stride = 2});
    return fc(flatten(relu(conv2(h))));
  }
};

struct Run {
  Network model;
  Adam optimizer;
  Variables xs;
  std::vector<Variable> ts;

  Run() {
    random::seed(3);
    for (int i = 0; i < 4; ++i) {
      Variable x = random::randn({16, 3, 14, 13}).astype(f32).detach();
      xs.push_back(x.set_requires_grad(false));
      std::vector<int64_t> labels;
      for (double u : random::rand({16}).to_vector())
        labels.push_back(int64_t(u * 10));
      ts.push_back(from_data(std::span<const int64_t>(labels), {16}));
    }
    optimizer.setup(model);
    NoGrad no_grad;
    model(xs[0]); // draws the weights
  }
  Variable step(const Variable &x, const Variable &t) {
    Variable loss = softmax_cross_entropy(model(x), t);
    model.clear_grads();
    loss.backward();
    optimizer.update();
    model.clear_grads();
    return loss;
  }
};

constexpr int steps = 12;

using Floats = std::vector<float>;

void append(Floats &to, const Variable &x) {
  for (double v : x.to_vector())
    to.push_back(float(v));
}

/// The losses of some steps, then all parameters.
Floats eager() {
  Run run;
  Floats all;
  for (int i = 0; i < steps; ++i)
    append(all, run.step(run.xs[size_t(i % 4)], run.ts[size_t(i % 4)]));
  for (const Variable &p : run.model.params())
    append(all, p);
  return all;
}

Floats compiled() {
  Run run;
  auto step = compile(
      [&](const Variable &x, const Variable &t) { return run.step(x, t); });
  Floats all;
  for (int i = 0; i < steps; ++i)
    append(all, step(run.xs[size_t(i % 4)], run.ts[size_t(i % 4)]));
  EXPECT_EQ(step.compile_count(), 1);
  for (const Variable &p : run.model.params())
    append(all, p);
  return all;
}

Floats exported(const std::string &name) {
  Run run;
  auto step = compile(
      [&](const Variable &x, const Variable &t) { return run.step(x, t); });
  std::filesystem::path dir =
      std::filesystem::path(testing::TempDir()) / "etch-convolution";
  std::filesystem::create_directories(dir);
  export_library(step, dir / name, {run.xs[0], run.ts[0]});
  auto library = load_library(dir / ("lib" + name + ".so"));
  Floats all;
  for (int i = 0; i < steps; ++i)
    append(all, library.run({run.xs[size_t(i % 4)], run.ts[size_t(i % 4)]})[0]);
  for (const Layer::Named &p : run.model.named_params())
    append(all, library.get_state(p.path));
  return all;
}

bool same_bits(const Floats &a, const Floats &b) {
  return a.size() == b.size() &&
         std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

TEST(C109_C113_Training, EagerCompiledExportedOneAndTwoThreads) {
  etch_set_num_threads(1);
  Floats reference = eager();
  for (int threads : {1, 2}) {
    etch_set_num_threads(threads);
    EXPECT_TRUE(same_bits(eager(), reference)) << threads << " threads";
    EXPECT_TRUE(same_bits(compiled(), reference)) << threads << " threads";
    EXPECT_TRUE(same_bits(exported("cnn" + std::to_string(threads)), reference))
        << threads << " threads";
  }
  EXPECT_LT(reference[steps - 4], reference[0]) << "nothing is learnt";
}

} // namespace
