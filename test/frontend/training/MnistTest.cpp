//===- MnistTest.cpp - Handwritten digits, learned ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The book's step 51: five epochs of 600 batches by the compiled step. Where
// only a part of the training images is at hand, as many batches of those; the
// deep net then knows them by heart, and fewer of the others.

#include "etch/etch.h"
#include "test/support/Json.h"

#include <chrono>
#include <gtest/gtest.h>
#include <iostream>
#include <optional>

using namespace etch;
using test::Json;

namespace {

const Json &expected() {
  static const Json data = Json::data("learning.json");
  return data;
}

/// The real digits; none where there are no files.
std::optional<MNIST> digits(bool train) {
  try {
    return MNIST({.train = train, .download = false});
  } catch (const IOError &) {
    return std::nullopt;
  }
}

struct Result {
  double train = 0, test = 0;
  double epoch_seconds = 0; ///< of 600 batches
  int programs = 0;
};

template <class O>
Result learn(const MNIST &data, const MNIST &test, std::vector<int64_t> sizes,
             Activation activation, O optimizer, int batches) {
  random::seed(0);
  MLP model(std::move(sizes), std::move(activation));
  optimizer.setup(model);
  auto step = compile([&](const Variable &x, const Variable &t) {
    Variable loss = softmax_cross_entropy(model(x), t);
    model.clear_grads();
    loss.backward();
    optimizer.update();
    return loss;
  });
  DataLoader loader(data, 100);
  auto begin = std::chrono::steady_clock::now();
  for (int done = 0; done < batches;)
    for (auto &[x, t] : loader) {
      step(x, t);
      if (++done == batches)
        break;
    }
  std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
  auto share_of_right = [&](const MNIST &images) {
    NoGrad no_grad;
    double right = 0;
    for (auto &[x, t] : DataLoader(images, 1000, {.shuffle = false}))
      right += accuracy(model(x), t).item() * double(x.len());
    return right / double(images.len());
  };
  return {share_of_right(data), share_of_right(test),
          time.count() * 600 / batches, step.compile_count()};
}

void report(const char *name, const Result &r) {
  std::cout << "  " << name << ": right of the training images " << r.train
            << ", of the test images " << r.test << "; an epoch of 600 batches "
            << r.epoch_seconds << " s\n";
}

TEST(Mnist, C091_SigmoidNet) {
  std::optional<MNIST> data = digits(true), test = digits(false);
  if (!data || !test)
    GTEST_SKIP() << "MNIST is found nowhere: name its folder by $ETCH_DATA_DIR";
  Result r = learn(*data, *test, {1000, 10}, sigmoid, SGD({.lr = 0.01}), 3000);
  report("sigmoid", r);
  EXPECT_NEAR(r.test, expected()["sigmoid_test"].number(), 0.02);
  EXPECT_EQ(r.programs, 1);
}

TEST(Mnist, C092_C093_DeepNet) {
  std::optional<MNIST> data = digits(true), test = digits(false);
  if (!data || !test)
    GTEST_SKIP() << "MNIST is found nowhere: name its folder by $ETCH_DATA_DIR";
  bool whole = data->len() == 60000;
  Result r =
      learn(*data, *test, {1000, 1000, 10}, relu, Adam(), whole ? 3000 : 1000);
  report(whole ? "relu" : "relu, of a part of the images", r);
  Json figures = expected()[whole ? "relu" : "relu_of_a_part"];
  EXPECT_NEAR(r.train, figures["train"].number(), 0.01);
  EXPECT_NEAR(r.test, figures["test"].number(), 0.01);
  EXPECT_EQ(r.programs, 1);
}

} // namespace
