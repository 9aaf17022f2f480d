//===- SpiralTest.cpp - Three arms of a spiral, told apart ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The book's step 48: 300 epochs, compiled.

#include "etch/etch.h"
#include "test/support/Json.h"

#include <gtest/gtest.h>

using namespace etch;
using test::Json;

namespace {

TEST(Spiral, C090_LossesAndAccuracy) {
  Json expected = Json::data("learning.json");
  Spiral data;
  MLP model({10, 3});
  auto optimizer = SGD({.lr = 1.0}).setup(model);
  DataLoader loader(data, 30);
  auto step = compile([&](const Variable &x, const Variable &t) {
    Variable y = model(x);
    Variable loss = softmax_cross_entropy(y, t);
    model.clear_grads();
    loss.backward();
    optimizer.update();
    return std::pair(loss, accuracy(y, t));
  });
  double right = 0; // in the epoch, before each update
  for (int epoch = 1; epoch <= 300; ++epoch) {
    double sum = 0;
    right = 0;
    for (auto &[x, t] : loader) {
      auto [loss, share] = step(x, t);
      sum += loss.item() * double(x.len());
      right += share.item() * double(x.len());
    }
    std::string key = std::to_string(epoch);
    if (expected["spiral"].has(key)) {
      EXPECT_NEAR(sum / 300, expected["spiral"][key].number(), 0.02) << key;
    }
  }
  EXPECT_EQ(step.compile_count(), 1);
  EXPECT_NEAR(right / 300, expected["spiral_accuracy"].number(), 0.02);
}

} // namespace
