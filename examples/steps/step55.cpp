//===- step55.cpp - Convolution: one channel ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A small window of weights is laid over an image, place by place. Padding goes
// around the image, the stride is the way from one place to the next.
//===----------------------------------------------------------------------===//
#include "step.h"
using namespace step;

Variable image(int64_t h, int64_t w) {
  Variable x = arange(double(h * w)).reshape({1, 1, h, w});
  x.unchain(); // a leaf, which gets a gradient
  return x;
}
std::string size(const Variable &y) {
  return to_string(Shape{y.shape(2), y.shape(3)});
}

int main() {
  return run([] {
    report("places of 3 in 4, stride 1, pad 1", get_conv_outsize(4, 3, 1, 1));
    report("places of 3 in 7, stride 2", get_conv_outsize(7, 3, 2, 0));
    report("places of 3 in 4", get_conv_outsize(4, 3, 1, 0));

    Variable w = array({{{{1.0, 2.0, 3.0}, {0.0, 1.0, 2.0}, {3.0, 0.0, 1.0}}}});
    auto f = [](const Variable &x, const Variable &w) {
      Variable y = conv2d(x, w);
      y.backward();
      return Variables{y, x.grad(), w.grad()};
    };
    Variables all = everywhere(f, image(4, 4), w);
    report("(4, 4) * (3, 3)", size(all[0]));
    report("values", all[0]);
    report("gradient of the window", all[2]);
    report("pad 1", size(conv2d(image(4, 4), w, {}, {.pad = 1})));
    report("(7, 7) * (3, 3), stride 2",
           size(conv2d(image(7, 7), w, {}, {.stride = 2})));
    report("stride (1, 2), pad (0, 1)",
           size(conv2d(image(7, 7), w, {}, {.stride = {1, 2}, .pad = {0, 1}})));
    Variable b = array({3.0});
    report("a bias is added to all",
           allclose(conv2d(image(4, 4), w, b), all[0] + 3.0));
  });
}
