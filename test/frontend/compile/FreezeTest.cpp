//===- FreezeTest.cpp - what depends on parameters alone is kept ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "etch/etch.h"

#include <cmath>
#include <filesystem>
#include <gmock/gmock.h>

using namespace etch;
using testing::HasSubstr;

namespace {

/// Batch norm behind a convolution, and a product: in test mode.
struct Net : Model {
  Conv2d conv{*this, "conv", 20, 3, {.pad = 1}};
  BatchNorm norm{*this, "norm"};
  Linear out{*this, "out", 10};
  Variable forward(const Variable &x) override {
    Variable y = relu(norm(conv(x)));
    return out(reshape(y, {x.shape(0), -1}));
  }
};

struct Freeze : testing::Test {
  Net net;
  Variable x;
  void SetUp() override {
    random::seed(1);
    x = random::rand({4, 3, 9, 9}).astype(f32);
    NoGrad no_grad;
    TestMode test;
    net(x);
    for (Variable p : net.params())
      p.assign(random::rand(p.shape()).astype(f32) + 0.5);
  }
  auto compiled(const CompileOptions &options) {
    return compile(
        [this](const Variable &x) {
          NoGrad no_grad;
          TestMode test;
          return net(x);
        },
        options);
  }
};

TEST_F(Freeze, KeepsEveryBit) {
  auto plain = compiled({}), frozen = compiled({.freeze = true});
  auto pure = compiled({.pure = true, .freeze = true});
  for (int64_t batch : {4, 1, 3, 4}) {
    Variable part = x[slice(0, batch)];
    std::vector<double> y = plain(part).to_vector();
    for (int again = 0; again < 3; ++again) {
      EXPECT_EQ(frozen(part).to_vector(), y) << batch;
      EXPECT_EQ(pure(part).to_vector(), y) << batch;
    }
  }
  EXPECT_GT(frozen.memory().prepared, 0u);
  EXPECT_EQ(plain.memory().prepared, 0u);
  EXPECT_THAT(frozen.report(), HasSubstr("kept between calls"));
}

TEST_F(Freeze, NoticesNewContents) {
  auto plain = compiled({}), frozen = compiled({.freeze = true});
  auto pure = compiled({.pure = true, .freeze = true});
  auto same = [&](const char *what) {
    std::vector<double> y = plain(x).to_vector();
    EXPECT_EQ(frozen(x).to_vector(), y) << what;
    EXPECT_EQ(pure(x).to_vector(), y) << what;
  };
  same("at first");
  for (Variable p : net.params()) {
    p.assign(p * 1.5);
    same("assigned");
  }
  // A compiled function that updates in place.
  Variable gamma = net.norm.gamma;
  auto update = compile([&] { gamma.assign(gamma * 2.0); });
  for (int i = 0; i < 3; ++i) {
    update();
    same("updated");
  }
  std::string path = testing::TempDir() + "/freeze.npz";
  net.save_weights(path);
  std::vector<double> before = plain(x).to_vector();
  for (Variable p : net.params())
    p.assign(p * 0.5);
  same("halved");
  net.load_weights(path);
  same("loaded");
  EXPECT_EQ(frozen(x).to_vector(), before);
  std::filesystem::remove(path);
  // A span that is asked for after a call shows in the next one.
  net.out.W.span<float>()[3] += 1;
  same("written to");
  // An older one does not, until somebody says so.
  std::span<float> old = gamma.span<float>();
  frozen(x), pure(x);
  old[2] += 1;
  frozen.refreeze();
  pure.refreeze();
  same("refrozen");
}

TEST_F(Freeze, RefusesUpdates) {
  auto f = compile(
      [this](const Variable &x) {
        NoGrad no_grad;
        return net(x); // running statistics
      },
      {.freeze = true});
  for (int i = 0; i < 2; ++i)
    try {
      f(x);
      FAIL();
    } catch (const UserError &error) {
      EXPECT_THAT(error.what(), HasSubstr("must not assign"));
      EXPECT_THAT(error.what(), HasSubstr("FreezeTest.cpp"));
    }
}

TEST_F(Freeze, ANumberThatChangesIsNoticed) {
  double factor = 1;
  auto body = [&](const Variable &x) {
    NoGrad no_grad;
    return x * reshape(exp(net.norm.gamma * factor), {1, 20, 1, 1});
  };
  auto plain = compile(body), frozen = compile(body, {.freeze = true});
  Variable y = random::rand({2, 20, 3, 3}).astype(f32);
  for (double n : {1.0, 2.0, 2.0, -0.5, 1.0}) {
    factor = n;
    EXPECT_EQ(frozen(y).to_vector(), plain(y).to_vector()) << n;
  }
  EXPECT_EQ(frozen.compile_count(), 1);
}

TEST_F(Freeze, CapturedArraysAreKept) {
  Variable table = random::rand({20}).astype(f32);
  auto body = [&](const Variable &x) { return x * exp(table); };
  auto plain = compile(body), frozen = compile(body, {.freeze = true});
  Variable y = random::rand({5, 20}).astype(f32);
  EXPECT_EQ(frozen(y).to_vector(), plain(y).to_vector());
  EXPECT_GT(frozen.memory().prepared, 0u);
  table = random::rand({20}).astype(f32); // another array
  EXPECT_EQ(frozen(y).to_vector(), plain(y).to_vector());
}

TEST_F(Freeze, ExportedLibraries) {
  std::string dir = testing::TempDir() + "/freeze_export";
  std::filesystem::remove_all(dir);
  auto plain = compiled({}), frozen = compiled({.freeze = true});
  plain(x), frozen(x);
  export_library(plain, dir + "/plain", {x});
  export_library(frozen, dir + "/frozen", {x});
  export_library(frozen, dir + "/whole", {x}, {.embed_weights = true});
  Library a = load_library(dir + "/libplain.so"),
          b = load_library(dir + "/libfrozen.so"),
          c = load_library(dir + "/libwhole.so");
  std::vector<double> y = plain(x).to_vector();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(a.run({x})[0].to_vector(), y);
    EXPECT_EQ(b.run({x})[0].to_vector(), y);
    EXPECT_EQ(c.run({x})[0].to_vector(), y);
  }
  for (Variable p : net.params())
    p.assign(p * 0.75);
  auto again = compiled({});
  again(x);
  export_library(again, dir + "/again", {x});
  a.load(dir + "/again.state");
  b.load(dir + "/again.state");
  EXPECT_EQ(a.run({x})[0].to_vector(), again(x).to_vector());
  EXPECT_EQ(b.run({x})[0].to_vector(), again(x).to_vector());
  std::filesystem::remove_all(dir);
}

/// Columns are kept packed: of all forms, of blocks of K and parts of panels.
TEST(FreezeProducts, KeepEveryBit) {
  random::seed(3);
  struct Case {
    int64_t m, k, n;
    bool turned;
  };
  for (auto [m, k, n, turned] :
       {Case{40, 784, 100, false}, Case{40, 784, 100, true},
        Case{33, 257, 200, true}, Case{300, 513, 7, false}})
    for (bool dynamic : {false, true}) {
      Parameter w(
          random::randn(turned ? Shape{n, k} : Shape{k, n}).astype(f32));
      auto body = [&, turned = turned](const Variable &x) {
        NoGrad no_grad;
        return relu(matmul(x, turned ? w.T() : Variable(w)));
      };
      auto plain = compile(body, {.dynamic = dynamic});
      auto frozen = compile(body, {.dynamic = dynamic, .freeze = true});
      for (int64_t rows : {m, int64_t(3), m + 1}) {
        Variable x = random::randn({rows, k}).astype(f32);
        std::vector<double> y = plain(x).to_vector();
        EXPECT_EQ(frozen(x).to_vector(), y) << rows << " " << k << " " << n;
        EXPECT_EQ(frozen(x).to_vector(), y) << rows << " " << k << " " << n;
      }
      EXPECT_GT(frozen.memory().prepared, 0u) << k << " " << n;
    }
  // Each matrix of several has its own.
  Parameter w(random::randn({3, 300, 70}).astype(f32));
  auto body = [&](const Variable &x) { return matmul(x, w); };
  auto plain = compile(body), frozen = compile(body, {.freeze = true});
  Variable x = random::randn({3, 50, 300}).astype(f32);
  EXPECT_EQ(frozen(x).to_vector(), plain(x).to_vector());
  EXPECT_GT(frozen.memory().prepared, 3u * 300 * 70 * 4);
}

/// Filters are kept transformed, or turned, for as many images as come.
TEST(FreezeFast, Convolutions) {
  random::seed(2);
  for (int64_t channels : {66, 512}) {
    Parameter w(random::rand({channels, channels, 3, 3}).astype(f32) - 0.5);
    auto body = [&](const Variable &x) {
      NoGrad no_grad;
      return conv2d(x, w, Variable(), {.pad = 1});
    };
    for (bool dynamic : {true, false}) {
      if (!dynamic && channels > 100)
        continue; // takes long
      auto plain = compile(body, {.mode = Mode::fast, .dynamic = dynamic});
      auto frozen = compile(
          body, {.mode = Mode::fast, .dynamic = dynamic, .freeze = true});
      for (int64_t batch : {1, 3, 1}) {
        Variable x = random::rand({batch, channels, 14, 14}).astype(f32) - 0.5;
        std::vector<double> y = plain(x).to_vector();
        for (int again = 0; again < 2; ++again) {
          std::vector<double> z = frozen(x).to_vector();
          double most = 0;
          for (size_t i = 0; i < y.size(); ++i)
            most = std::max(most, std::fabs(y[i] - z[i]));
          EXPECT_LT(most, 2e-3) << channels << " " << batch;
        }
      }
      if (channels > 100)
        EXPECT_GT(frozen.memory().prepared, 0u);
    }
  }
}

} // namespace
