//===- step54.cpp - Dropout and modes -------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// In training, elements are dropped at random and the others are scaled up; in
// test mode nothing happens. The generator is a state and the ratio a value, so
// one program draws anew in each call, what eager code would, at any ratio.
//===----------------------------------------------------------------------===//
#include "learning.h"
using namespace step;

struct Net : Classifier {
  Generator generator{7};
  Net()
      : Classifier([this](const Variable &x) {
          return dropout(sigmoid(x), 0.2, generator);
        }) {}
};

int main() {
  return run([] {
    Variable x = ones({5});
    Generator generator(0), same(0);
    bool two_values = true;
    for (int i = 0; i < 100; ++i)
      for (double v : dropout(x, 0.5, generator).to_vector())
        two_values &= v == 0 || v == 2;
    report("training gives 0 or 2", two_values);
    {
      TestMode scope;
      report("in test mode", dropout(x));
    }
    report("mode is back", config().train);

    // Ten neurons, four of which survive on the average.
    double survive = 0;
    for (int i = 0; i < 10000; ++i)
      for (double v : dropout(ones({10}), 0.6, generator).to_vector())
        survive += double(v != 0) / 10000;
    report("neurons that survive", survive);
    report("mean is kept", mean(dropout(ones({100000}), 0.6, generator)));

    // One program, two ratios; the same numbers as eagerly.
    generator.seed(0);
    auto program = compile([&](const Variable &v, const Variable &ratio) {
      return dropout(v, ratio, generator);
    });
    modes.compiled = true;
    for (double ratio : {0.43455, 0.56245})
      must_agree("compiled", "dropout", dropout(ones({1000}), ratio, same),
                 program(ones({1000}), Variable(ratio)));
    report("programs", program.compile_count());

    Spiral data;
    auto net = train<Net>([&](auto &&step) {
      std::vector<double> losses;
      for (int epoch = 0; epoch < 20; ++epoch)
        for (auto &[batch, t] : DataLoader(data, 30))
          losses.push_back(step(batch, t).item());
      return losses;
    });
    report("loss falls", net.figures.back() < net.figures.front());
    TestMode scope;
    Variable y = net->model(data.data());
    report("answers are the same in test mode",
           same_bits(y, net->model(data.data())));
  });
}
