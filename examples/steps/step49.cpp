//===- step49.cpp - Datasets ----------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Samples by their number, after transforms. A data set need not be in memory:
// it may read each sample when it is asked for it.
//===----------------------------------------------------------------------===//
#include "learning.h"
using namespace step;

/// A million samples, each in a file of its own, so to speak.
struct BigData : Dataset {
  int64_t len() const override { return 1000000; }
  Sample get(int64_t i) const override { return {full({1000}, double(i)), i}; }
};

int main() {
  return run([] {
    Spiral halves({.transform = Normalize{.mean = 0.0, .std = 2.0},
                   .target_transform = AsType{f64}});
    Spiral data;
    report("length", data.len());
    report("x of sample 0", data[0].x);
    report("t of sample 0", data[0].t);
    report("ratio by the transform", halves[0].x / data[0].x);
    report("type of the transformed label", name_of(halves[0].t.dtype()));
    Dataset unlabelled(data.data());
    report("a label that is not there", bool(unlabelled[0].t));
    try {
      data[300];
    } catch (const ValueError &e) {
      report("sample 300 is refused", true);
    }

    BigData big;
    reset_peak_memory();
    int64_t before = memory_stats().live_bytes;
    std::vector<int64_t> some{999999, 5, 123456};
    Sample batch = big.batch(some);
    report("batch of the big data", to_string(batch.x.shape()));
    report("its labels", batch.t);
    report("it takes less than 100 kB",
           memory_stats().peak_bytes - before < 100000);

    random::seed(1984);
    Spiral again;
    auto net = train<Classifier>([&](auto &&step) {
      std::vector<double> losses;
      for (int epoch = 0; epoch < 2; ++epoch) {
        std::vector<int64_t> order =
            random::permutation(300).to_vector<int64_t>();
        double sum = 0;
        for (size_t i = 0; i < 300; i += 30) {
          auto [x, t] = again.batch(std::span(order).subspan(i, 30));
          sum += step(x, t).item() * 30;
        }
        losses.push_back(sum / 300);
      }
      return losses;
    });
    report("losses", net.figures);
  });
}
