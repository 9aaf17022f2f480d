//===- wgan_gp.cpp - A critic whose slope is held at one ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The penalty on the critic is made of its gradient by its input, and the loss
// is differentiated again by its weights: double backpropagation in a compiled
// step.
//===----------------------------------------------------------------------===//
#include <etch/etch.h>

#include <cmath>
#include <cstdio>
#include <cstring>
#include <numbers>
using namespace etch;
constexpr int64_t batch = 128;

struct Game {
  MLP generator{{64, 64, 2}, relu};
  // Nearly a rectifier, and as smooth as two derivatives need it.
  MLP critic{{64, 64, 1},
             [](const Variable &x) { return softplus(8 * x) / 8; }};
  Adam make{{.lr = 5e-4, .beta1 = 0.0, .beta2 = 0.9}};
  Adam rate{{.lr = 1e-3, .beta1 = 0.0, .beta2 = 0.9}};
  Generator noise{1};
  Game() {
    make.setup(generator);
    rate.setup(critic);
  }
  Variable real() {
    Variable angle = 2 * std::numbers::pi * noise.uniform({batch}, f32);
    return stack({cos(angle), sin(angle)}, 1);
  }
  Variable fake() { return generator(2 * noise.uniform({batch, 2}, f32) - 1); }
  /// The mean of (|d critic(x)/dx| - 1)².
  Variable penalty(const Variable &x) {
    auto judged = [&](const Variable &v) { return sum(critic(v)); };
    Variable slope = grad(judged)(x);
    return mean(square(sqrt(sum(square(slope), {.axis = 1}) + 1e-12) - 1));
  }
  Variable critic_step() {
    Variable x = real(), y = fake().detach();
    Variable share = noise.uniform({batch, 1}, f32);
    Variable distance = mean(critic(x)) - mean(critic(y));
    Variable loss = penalty(share * x + (1 - share) * y) - distance;
    critic.clear_grads();
    loss.backward();
    rate.update();
    return distance;
  }
  Variable step() {
    Variable distance = critic_step();
    for (int i = 1; i < 5; ++i)
      distance = critic_step();
    Variable loss = -mean(critic(fake()));
    generator.clear_grads();
    loss.backward();
    make.update();
    return distance;
  }
};

int main(int argc, char **argv) {
  int steps = argc > 1 && !std::strcmp(argv[1], "--short") ? 1000 : 3000;
  random::seed(0);
  Game game;
  auto step = compile([&] { return game.step(); });
  auto report = step.check();
  std::printf("compiled as eagerly: %s\n",
              report ? "yes" : report.difference.c_str());

  // The penalty's gradient by a bias against the numerical one.
  Variable x = game.real();
  Parameter &b = game.critic[0].b;
  game.critic.clear_grads();
  game.penalty(x).backward();
  double exact = b.grad()[0].item(), values[2];
  for (int side : {0, 1}) {
    Variable shift = where(arange(64) == 0, side ? 1e-2 : -1e-2, 0.0);
    b.assign(b + shift.astype(f32));
    values[side] = game.penalty(x).item();
    b.assign(b - shift.astype(f32));
  }
  double numerical = (values[1] - values[0]) / 2e-2;
  std::printf("penalty's gradient: %.5f, numerically %.5f\n", exact, numerical);
  for (int i = 1; i <= steps; ++i)
    if (double distance = step().item(); i % (steps / 5) == 0)
      std::printf("step %4d  distance %.4f\n", i, distance);
  NoGrad scope;
  Variable points = concat({game.fake(), game.fake(), game.fake()});
  Variable radii = sqrt(sum(square(points), {.axis = 1}));
  double radius = mean(radii).item();
  double spread = std::sqrt(mean(square(radii - radius)).item());
  double centre = sqrt(sum(square(mean(points, {.axis = 0})))).item();
  std::printf("generated points: radius %.3f, spread %.3f, centre %.3f\n",
              radius, spread, centre);
  bool agrees = std::abs(exact - numerical) < 1e-4 + 0.02 * std::abs(exact);
  bool circle = std::abs(radius - 1) < 0.1 && spread < 0.15 && centre < 0.3;
  return report && agrees && circle ? 0 : 1;
}
