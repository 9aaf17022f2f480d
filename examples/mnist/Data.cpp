//===- Data.cpp - Digits, and one step of training ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Demo.h"

#include <algorithm>
#include <fstream>
#include <iostream>
#include <numeric>

using namespace demo;

Trainer::Trainer(const Variable &x) {
  random::seed(1);
  optimizer.setup(model);
  NoGrad no_grad;
  model(x);
}

// Ordinary define-by-run code: it runs eagerly, and compile() takes it as it
// is.
Variable Trainer::step(const Variable &x, const Variable &t) {
  Variable loss = softmax_cross_entropy(model(x), t);
  loss.backward();
  optimizer.update();
  model.clear_grads();
  return loss;
}

Digits demo::load_data(const Options &options) {
  try {
    return {MNIST({.train = true, .directory = options.data}),
            MNIST({.train = false, .directory = options.data})};
  } catch (const IOError &e) {
    // A folder that was named must be right.
    if (!options.data.empty())
      throw;
    std::cout << e.what() << "\nNo digits were found: a program draws some.\n";
    return {MNIST::synthetic({.train = true}, 10000),
            MNIST::synthetic({.train = false}, 10000)};
  }
}

Sample demo::batch_of(const Dataset &data, int64_t i, int64_t size) {
  std::vector<int64_t> indices(static_cast<size_t>(size));
  std::iota(indices.begin(), indices.end(), i * size % data.len());
  for (int64_t &index : indices)
    index %= data.len();
  return data.batch(indices);
}

double demo::evaluate(MLP &model, const MNIST &test, int64_t batch) {
  auto predict = compile([&](const Variable &x) {
    NoGrad no_grad;
    return argmax(model(x), {.axis = 1});
  });
  int64_t right = 0;
  DataLoader loader(test, batch, {.shuffle = false});
  for (auto &[x, t] : loader) {
    std::vector<int64_t> guess = predict(x).to_vector<int64_t>(),
                         truth = t.to_vector<int64_t>();
    for (size_t i = 0; i < truth.size(); ++i)
      right += guess[i] == truth[i];
  }
  return double(right) / double(test.len());
}

void demo::write_batches(const std::string &file, const Dataset &data,
                         int64_t count, int64_t batch) {
  std::ofstream out(file, std::ios::binary);
  auto put = [&](const void *bytes, size_t size) {
    out.write(static_cast<const char *>(bytes), std::streamsize(size));
  };
  put(&count, sizeof count);
  for (int64_t i = 0; i < count; ++i) {
    auto [x, t] = batch_of(data, i, batch);
    put(x.span<const float>().data(), size_t(x.size()) * sizeof(float));
    put(t.span<const int64_t>().data(), size_t(t.size()) * sizeof(int64_t));
  }
  if (!out)
    throw IOError(file + ": cannot be written");
}
