//===- gan.cpp - Two networks against each other --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One makes points from noise, the other tells them from points of a circle. A
// step of both is one compiled program that needs no input: it draws its own
// noise.
//===----------------------------------------------------------------------===//
#include <etch/etch.h>

#include <cmath>
#include <cstdio>
#include <cstring>
#include <numbers>
using namespace etch;

constexpr int64_t batch = 128;
constexpr double tau = 2 * std::numbers::pi;

struct Game {
  MLP generator{{64, 64, 2}, relu};
  MLP judge{{64, 64, 1}, [](const Variable &x) { return leaky_relu(x); }};
  Adam make{{.lr = 1e-3, .beta1 = 0.5}}, tell{{.lr = 1e-3, .beta1 = 0.5}};
  Generator noise{1};
  Game() {
    make.setup(generator);
    tell.setup(judge);
  }
  Variable real() {
    Variable angle = tau * noise.uniform({batch}, f32);
    return stack({cos(angle), sin(angle)}, 1);
  }
  Variable fake() { return generator(2 * noise.uniform({batch, 4}, f32) - 1); }
  /// How wrong the judge is, and how right it is about what the generator made.
  Variables step() {
    Variable yes = ones({batch, 1}, {.dtype = f32}), no = zeros_like(yes);
    Variable points = fake();
    Variable judged = sigmoid_cross_entropy(judge(real()), yes) +
                      sigmoid_cross_entropy(judge(points.detach()), no);
    judge.clear_grads();
    judged.backward();
    tell.update();
    Variable made = sigmoid_cross_entropy(judge(points), yes);
    generator.clear_grads();
    made.backward();
    make.update();
    return {judged, made};
  }
};

int main(int argc, char **argv) {
  int steps = argc > 1 && !std::strcmp(argv[1], "--short") ? 2000 : 10000;
  random::seed(0);
  Game game;
  auto step = compile([&] { return game.step(); });
  if (auto report = step.check(); !report) {
    std::printf("%s\n", report.difference.c_str());
    return 1;
  }
  for (int i = 1; i <= steps; ++i) {
    Variables losses = step();
    if (i % (steps / 5) == 0)
      std::printf("step %5d  judge %.3f  generator %.3f\n", i, losses[0].item(),
                  losses[1].item());
  }
  NoGrad scope;
  Canvas picture(300, 300);
  double radius = 0;
  bool quarters[4] = {};
  std::vector<double> points = game.fake().to_vector();
  for (size_t i = 0; i < points.size(); i += 2) {
    double x = points[i], y = points[i + 1];
    picture.rectangle(int(150 + 100 * x), int(150 + 100 * y), 3, 3,
                      {200, 0, 0});
    radius += std::hypot(x, y) / double(batch);
    quarters[(x > 0) + 2 * (y > 0)] = true;
  }
  picture.save("gan.png");
  std::printf("mean radius of generated points: %.3f\n", radius);
  bool everywhere = quarters[0] && quarters[1] && quarters[2] && quarters[3];
  return std::abs(radius - 1) < 0.2 && everywhere ? 0 : 1;
}
