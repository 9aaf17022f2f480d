//===- rosenbrock.cpp - Newton and L-BFGS in a curved valley --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Newton's method takes the Hessian from automatic differentiation and is one
// compiled program; L-BFGS only wants gradients, so that it works for many
// variables.
//===----------------------------------------------------------------------===//
#include <etch/etch.h>

#include <cmath>
#include <cstdio>
using namespace etch;

/// 100 (x[i+1] - x[i]²)² + (1 - x[i])², summed; its lowest point is all ones.
static Variable rosenbrock(const Variable &x) {
  int64_t n = x.len();
  Variable head = x[slice(0, n - 1)], tail = x[slice(1, n)];
  return sum(100 * square(tail - square(head)) + square(1 - head));
}
static double distance(const Variable &x) {
  return std::sqrt(sum(square(x - 1)).item());
}

struct Point : Layer {
  Parameter x;
  explicit Point(const Variable &start) : x(start) { add_param("x", x); }
};

static double newton() {
  Variable x = array({0.0, 2.0});
  auto update = compile([&] {
    auto [value, g] = value_and_grad(rosenbrock)(x);
    Variable h = hessian(rosenbrock)(x);
    Variable a = h[{0, 0}], b = h[{0, 1}], c = h[{1, 1}];
    Variable det = a * c - b * b;
    Variable inverse = stack({stack({c, -b}), stack({-b, a})}) / det;
    x.data() -= matmul(inverse, g);
    return value;
  });
  int updates = 0;
  for (; distance(x) > 1e-6 && updates < 100; ++updates)
    update();
  std::printf("Newton: %d updates to a distance of %.1e\n", updates,
              distance(x));
  return distance(x);
}

static double lbfgs(int64_t n) {
  Point point(full({n}, -1.2));
  LBFGS optimizer;
  optimizer.setup(point);
  auto closure = compile([&] {
    Variable value = rosenbrock(point.x);
    point.clear_grads();
    value.backward();
    return value;
  });
  for (int i = 0; i < 50 && distance(point.x) > 1e-6; ++i)
    optimizer.step([&] { return closure(); });
  std::printf("L-BFGS, %lld variables: %d gradients to a distance of %.1e\n",
              (long long)n, optimizer.evaluations(), distance(point.x));
  return distance(point.x);
}

int main() {
  double worst = newton();
  for (int64_t n : {2, 10, 100})
    worst = std::max(worst, lbfgs(n));
  return worst <= 1e-6 ? 0 : 1;
}
