//===- style_transfer.cpp - One image's content in another one's style ----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What layers of convolutions make of an image is its content; how their
// channels go together (the Gram matrix), its style. The image itself is what
// learns. The images are generated, and the filters random, so that nothing has
// to be fetched.
//===----------------------------------------------------------------------===//
#include <etch/etch.h>

#include <cstdio>
#include <cstring>
#include <numbers>
using namespace etch;

constexpr int64_t size = 64;

struct Features : Model {
  Conv2d conv1{*this, "conv1", 16, 3, {.pad = 1}};
  Conv2d conv2{*this, "conv2", 32, 3, {.pad = 1}};
  Conv2d conv3{*this, "conv3", 32, 3, {.pad = 1}};
  Variables of(const Variable &x) {
    Variable a = relu(conv1(x));
    Variable b = relu(conv2(average_pooling(a, 2, {.stride = 2})));
    return {a, b, relu(conv3(average_pooling(b, 2, {.stride = 2})))};
  }
};
/// How often which channels are strong at the same place.
static Variable gram(const Variable &f) {
  Variable rows = f.reshape(f.shape(1), -1);
  return matmul(rows, rows.T()) / rows.size();
}
/// A disc on a dark ground.
static Variable content() {
  Variable axis = linspace(-1, 1, size, {.dtype = f32});
  Variable r = square(axis.reshape(1, size)) + square(axis.reshape(size, 1));
  Variable disc = where(r < 0.4, 0.9, 0.1);
  return stack({disc, 0.8 * disc, 0.5 * disc}).reshape({1, 3, size, size});
}
/// Coloured stripes.
static Variable stripes() {
  Variable axis = linspace(0, 12 * std::numbers::pi, size, {.dtype = f32});
  Variable wave =
      0.5 + 0.5 * sin(axis.reshape(1, size) + axis.reshape(size, 1));
  return stack({wave, 1 - wave, wave * 0.3}).reshape({1, 3, size, size});
}

struct Picture : Layer {
  Parameter x;
  explicit Picture(const Variable &start) : x(start) { add_param("x", x); }
};

int main(int argc, char **argv) {
  int steps = argc > 1 && !std::strcmp(argv[1], "--short") ? 60 : 600;
  random::seed(0);
  Features features;
  Picture picture(content().astype(f32));
  Adam optimizer({.lr = 0.02});
  optimizer.setup(picture);

  Variable target;
  Variables styles;
  {
    NoGrad scope;
    target = features.of(picture.x)[2];
    for (const Variable &f : features.of(stripes().astype(f32)))
      styles.push_back(gram(f));
  }
  auto step = compile([&] {
    Variables now = features.of(picture.x);
    Variable style = 0.0f, far = mean(square(now[2] - target));
    for (size_t i = 0; i < now.size(); ++i)
      style = style + mean(square(gram(now[i]) - styles[i]));
    Variable loss = 1e4 * style + far;
    picture.clear_grads();
    loss.backward();
    optimizer.update();
    return Variables{loss, style, far};
  });
  double first = 0, last = 0;
  for (int i = 0; i <= steps; ++i) {
    Variables losses = step();
    last = losses[1].item();
    first = i == 0 ? last : first;
    if (i % (steps / 6) == 0)
      std::printf("step %3d  style %.3e  content %.3e\n", i, last,
                  losses[2].item());
  }
  save_image("style_content.png", content()[0]);
  save_image("style_stripes.png", stripes()[0]);
  save_image("style_transfer.png", picture.x[0].astype(f64));
  return last < 0.2 * first ? 0 : 1;
}
