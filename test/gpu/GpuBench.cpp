//===- GpuBench.cpp - How fast programs are on a graphics processor -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes JSON: for each workload the best time of a call and what it moves or
// computes in that time. Without a device it says so and exits with 77.
//===----------------------------------------------------------------------===//

#include "etch/etch.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <iostream>

using namespace etch;

namespace {

double seconds() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

struct Result {
  std::string name;
  double call = 0; ///< seconds until the device has done it
  double host = 0; ///< seconds until the host may go on
  double bytes = 0, operations = 0;
  int launches = 0;
};
std::vector<Result> results;

/// Best of some rounds of calls.
void measure(const std::string &name, double bytes, double operations,
             const std::function<void()> &call, int launches) {
  Result r{name, 1e9, 1e9, bytes, operations, launches};
  for (int i = 0; i < 4; ++i)
    call();
  cuda::synchronize();
  for (int round = 0; round < 10; ++round) {
    int calls = 20;
    double begin = seconds();
    for (int i = 0; i < calls; ++i)
      call();
    double queued = seconds();
    cuda::synchronize();
    r.call = std::min(r.call, (seconds() - begin) / calls);
    r.host = std::min(r.host, (queued - begin) / calls);
  }
  results.push_back(r);
  std::cerr << name << ": " << r.call * 1e6 << " us, host " << r.host * 1e6
            << " us, " << bytes / r.call / 1e9 << " GB/s, "
            << operations / r.call / 1e9 << " GFLOP/s\n";
}

Variable there(const Shape &shape) {
  return zeros(shape, {.dtype = f32}).to(cuda(0));
}

/// f of arrays of these shapes, compiled.
template <class F>
void measure_function(const std::string &name, double bytes, double operations,
                      F f, const Variables &xs) {
  auto compiled = compile(
      [&](const Variables &v) {
        NoGrad no_grad;
        return f(v);
      },
      {.device = cuda(0)});
  compiled(xs);
  measure(
      name, bytes, operations, [&] { compiled(xs); }, compiled.num_launches());
}

template <class O>
void measure_training(const std::string &name, std::vector<int64_t> sizes,
                      int64_t batch, int64_t in, O optimizer) {
  random::seed(0);
  MLP model(sizes, sigmoid);
  Variable x = zeros({batch, in}, {.dtype = f32}).set_requires_grad(false),
           t = zeros({batch, sizes.back()}, {.dtype = f32})
                   .set_requires_grad(false);
  model(x);
  model.to(cuda(0));
  x = x.to(cuda(0));
  t = t.to(cuda(0));
  optimizer.setup(model);
  auto step = compile(
      [&](const Variable &x, const Variable &t) {
        Variable loss = mean_squared_error(model(x), t);
        model.clear_grads();
        loss.backward();
        optimizer.update();
        return loss;
      },
      {.device = cuda(0)});
  step(x, t);
  double operations = 0;
  for (const Variable &p : model.params())
    operations += 6.0 * double(batch) * double(p.size());
  measure(name, 0, operations, [&] { step(x, t); }, step.num_launches());
}

void measure_all() {
  const int64_t n = int64_t(1) << 24; // 64 MiB of f32
  measure_function("elementwise", 3.0 * 4 * n, 0,
                   [](const Variables &v) { return tanh(v[0]) * v[1] + 0.5; },
                   {there({n}), there({n})});
  measure_function("sum", 4.0 * n, double(n),
                   [](const Variables &v) { return sum(v[0]); }, {there({n})});
  measure_function(
      "softmax", 2.0 * 4 * n, 0,
      [](const Variables &v) { return softmax(v[0], {.axis = 1}); },
      {there({n / 1024, 1024})});
  for (int64_t m : {1024, 4096})
    measure_function("matmul " + std::to_string(m), 0, 2.0 * double(m) * m * m,
                     [](const Variables &v) { return matmul(v[0], v[1]); },
                     {there({m, m}), there({m, m})});
  measure_training("MLP 1-10-1, SGD", {10, 1}, 100, 1, SGD({.lr = 0.1}));
  measure_training("MLP 784-1000-1000-10, SGD", {1000, 1000, 10}, 100, 784,
                   SGD({.lr = 0.1}));
  measure_training("MLP 784-1000-1000-10, Adam", {1000, 1000, 10}, 100, 784,
                   Adam());
}

void write(std::ostream &os) {
  DeviceStatistics s = cuda::statistics();
  os << "{\n  \"device\": \"" << s.name << "\", \"architecture\": \""
     << s.architecture << "\",\n  \"workloads\": [";
  for (size_t i = 0; i < results.size(); ++i) {
    const Result &r = results[i];
    os << (i ? ",\n" : "\n") << "    {\"name\": \"" << r.name
       << "\", \"seconds\": " << r.call << ", \"host_seconds\": " << r.host
       << ", \"gb_per_second\": " << r.bytes / r.call / 1e9
       << ", \"gflop_per_second\": " << r.operations / r.call / 1e9
       << ", \"launches\": " << r.launches << "}";
  }
  os << "\n  ]\n}\n";
}

} // namespace

int main() {
  if (!cuda::is_available()) {
    std::cout << "SKIPPED: " << cuda::unavailable_reason() << "\n";
    return 77;
  }
  try {
    measure_all();
  } catch (const Error &e) {
    std::cerr << e.what() << "\n";
    write(std::cout);
    return 1;
  }
  write(std::cout);
  return 0;
}
