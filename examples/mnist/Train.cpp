//===- Train.cpp - The training, compiled ---------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Demo.h"

#include <etch/export.h>

#include <algorithm>
#include <filesystem>
#include <iostream>

using namespace demo;

void demo::train(const Options &o, const Digits &data, Figures &f) {
  Sample first = batch_of(data.train, 0, o.batch);
  Trainer trainer(first.x);
  auto body = [&](const Variable &x, const Variable &t) {
    return trainer.step(x, t);
  };
  auto step = compile(body);

  DataLoader loader(data.train, o.batch);
  int64_t all = o.epochs * loader.len();
  for (int64_t epoch = 0; epoch < o.epochs; ++epoch) {
    double start = now_ms(), sum = 0;
    int64_t done = 0;
    for (auto &[x, t] : loader) {
      // The first steps run eagerly, where a debugger can follow them.
      bool eager = epoch == 0 && done < 3;
      double loss = (eager ? body(x, t) : step(x, t)).item();
      f.losses.push_back(loss);
      sum += loss;
      ++done;
      progress("training", int64_t(f.losses.size()), all, loss,
               double(done) * 1e3 / (now_ms() - start));
    }
    std::cout << "  epoch " << epoch + 1 << ": mean loss " << sum / double(done)
              << "\n";
  }
  std::cout << step.report();
  f.test_accuracy = evaluate(trainer.model, data.test, o.batch);
  std::cout << "accuracy on the test digits: " << f.test_accuracy << "\n";
  draw_digits_and_curve(o, f, trainer.model, data.test);
  trainer.model.save_weights(o.out + "/mnist_weights.npz");

  // What was learnt, as libraries; the C program goes on from here.
  std::string folder = o.out + "/exported";
  std::filesystem::create_directories(folder);
  auto predict = compile([&](const Variable &x) {
    NoGrad no_grad;
    return argmax(trainer.model(x), {.axis = 1});
  });
  export_library(step, folder + "/mnist_step", {first.x, first.t});
  export_library(predict, folder + "/mnist_predict", {first.x});
  write_batches(folder + "/train.bin", data.train, o.continued, o.batch);
  write_batches(folder + "/test.bin", data.test, data.test.len() / o.batch,
                o.batch);
  Continued run = run_exported(o, folder, o.continued);
  f.continued_accuracy = run.accuracy;

  // The same steps here: the library's losses have the same bits.
  for (int64_t i = 0; i < o.continued; ++i) {
    auto [x, t] = batch_of(data.train, i, o.batch);
    f.bit_equal &= step(x, t).item() == run.losses[size_t(i)];
  }
}
