//===- hvp.cpp - Hessian times vector without the Hessian -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The gradient of v·grad f is the Hessian times v: as much memory as a
// gradient. With it conjugate gradients solve H s = -grad f in a space of a
// hundred thousand.
//===----------------------------------------------------------------------===//
#include <etch/etch.h>

#include <cmath>
#include <cstdio>
using namespace etch;

int main() {
  Variable small = hvp([](const Variable &x) { return sum(pow(x, 2)); },
                       array({1.0, 2.0}), array({4.0, 5.0}));
  std::printf("Hessian of sum x² times (4, 5): %s\n", to_string(small).c_str());

  // A smooth convex function that couples neighbours.
  constexpr int64_t n = 100000;
  auto f = [](const Variable &x) {
    Variable difference = x[slice(1, n)] - x[slice(0, n - 1)];
    return sum(square(difference)) + sum(exp(0.1 * x)) + 0.5 * sum(square(x));
  };
  auto times = compile(
      [&](const Variable &x, const Variable &v) { return hvp(f, x, v); });
  random::seed(0);
  Variable x = random::randn({n});
  reset_peak_memory();
  int64_t before = memory_stats().live_bytes;
  times(x, ones({n}));
  double vectors = (double(memory_stats().peak_bytes - before) +
                    double(times.arena_bytes())) /
                   (8.0 * n);
  std::printf("memory: that of %.1f vectors; the Hessian is %.0f\n", vectors,
              double(n));

  // A Newton step by conjugate gradients.
  Variable s = zeros({n}), r = -grad(f)(x), p = r;
  double first = sum(r * r).item(), now = first;
  int iterations = 0;
  for (; now > 1e-16 * first && iterations < 100; ++iterations) {
    Variable hp = times(x, p);
    double alpha = now / sum(p * hp).item();
    s = s + alpha * p;
    r = r - alpha * hp;
    double next = sum(r * r).item();
    p = r + (next / now) * p;
    now = next;
  }
  double down = f(x).item(), after = f(x + s).item();
  std::printf(
      "%d products; residual %.1e of the first; f falls from %.1f to %.1f\n",
      iterations, std::sqrt(now / first), down, after);
  bool right = small.to_vector() == std::vector<double>{8, 10};
  return right && vectors < 50 && now <= 1e-16 * first && after < down ? 0 : 1;
}
