//===- step56.cpp - Convolution: channels, batches, pooling ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A filter spans all channels, many filters give many channels, a batch goes
// through at once. Pooling keeps the largest of each window, whatever its exact
// place.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

int main() {
  return run([] {
    random::seed(0);
    Variable x = random::randn({10, 3, 15, 15});
    Variable w = random::randn({20, 3, 5, 5}), b = random::randn({20});
    auto f = [](const Variable &x, const Variable &w, const Variable &b) {
      Variable y = pooling(conv2d(x, w, b), 2, {.stride = 2});
      y.backward();
      return Variables{y, x.grad(), w.grad(), b.grad()};
    };
    report("20 filters", to_string(w.shape()));
    report("convolved", to_string(conv2d(x, w, b).shape()));
    Variables all = everywhere(f, x, w, b);
    report("pooled", to_string(all[0].shape()));
    report("elements of the bias's gradient", all[3].size());
    for (Pair k : {Pair{3, 3}, Pair{1, 2}, Pair{2, 1}})
      report("filter of (" + std::to_string(k.h) + ", " + std::to_string(k.w) +
                 ")",
             to_string(conv2d(x, ones({1, 3, k.h, k.w})).shape()));
    try {
      conv2d(x, ones({1, 4, 3, 3}));
    } catch (const ShapeError &e) {
      report("4 channels against 3 are refused", true);
    }

    // Moved by one, the row gives the same maxima.
    Variable row = array({1.0, 2.0, 0.0, 7.0, 1.0, 0.0, 1.0, 0.0, 9.0});
    Variable moved = array({1.0, 1.0, 2.0, 0.0, 7.0, 1.0, 0.0, 1.0, 9.0});
    auto largest = [](const Variable &v) {
      return pooling(v.reshape(1, 1, 1, 9), {1, 3}, {.stride = {1, 3}});
    };
    report("maxima", largest(row));
    report("maxima, moved", largest(moved));
    Variable square = arange(16.0).reshape(1, 1, 4, 4);
    report("max pooling", pooling(square, 2, {.stride = 2}));
    report("average pooling", average_pooling(square, 2, {.stride = 2}));
    // The gradient goes to the first of equal maxima.
    Variable tie = ones({1, 1, 2, 2});
    pooling(tie, 2).backward();
    report("gradient of a tie", tie.grad());
  });
}
