//===- Modes.cpp - The same steps in three ways ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Demo.h"

#include <etch/export.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

using namespace demo;

namespace {

/// Runs steps on the first batches; milliseconds of the middle one of them.
template <class Step>
double run_steps(const Options &o, const Digits &data, Step &&step,
                 std::vector<double> &losses, const char *name) {
  std::vector<double> times;
  for (int64_t i = 0; i < o.compared; ++i) {
    auto [x, t] = batch_of(data.train, i, o.batch);
    double start = now_ms();
    losses.push_back(double(step(x, t).template item<float>()));
    times.push_back(now_ms() - start);
    progress(name, i + 1, o.compared, losses.back(), 1e3 / times.back());
  }
  std::nth_element(times.begin(), times.begin() + o.compared / 2, times.end());
  return times[size_t(o.compared / 2)];
}

bool same_bits(const Variable &a, const Variable &b) {
  std::span<const float> x = a.span<const float>(), y = b.span<const float>();
  return x.size() == y.size() &&
         std::memcmp(x.data(), y.data(), x.size_bytes()) == 0;
}

} // namespace

void demo::compare_modes(const Options &o, const Digits &data, Figures &f) {
  Sample first = batch_of(data.train, 0, o.batch);
  Trainer eager(first.x), jit(first.x), aot(first.x);

  uint64_t before = eager_kernel_runs();
  f.eager_ms = run_steps(
      o, data,
      [&](const Variable &x, const Variable &t) { return eager.step(x, t); },
      f.eager_losses, "eager");
  f.eager_kernels = (eager_kernel_runs() - before) / uint64_t(o.compared);

  auto step = compile(
      [&](const Variable &x, const Variable &t) { return jit.step(x, t); });
  step.build(first.x, first.t);
  f.compile_cold_ms = step.last_compile_ms();
  f.jit_ms = run_steps(o, data, step, f.jit_losses, "compiled");
  f.jit_kernels = uint64_t(step.num_launches());
  f.arena_bytes = step.arena_bytes();
  f.saved_bytes = step.saved_bytes();
  f.compile_cached_ms = compile_time_from_cache(o);

  // Exported before its first step: the C program makes all of them.
  std::string folder = o.out + "/compared";
  std::filesystem::create_directories(folder);
  auto exported = compile(
      [&](const Variable &x, const Variable &t) { return aot.step(x, t); });
  export_library(exported, folder + "/mnist_step", {first.x, first.t});
  write_batches(folder + "/train.bin", data.train, o.compared, o.batch);
  Continued run = run_exported(o, folder, o.compared);
  f.aot_ms = run.ms_per_step;
  f.aot_losses = run.losses;
  std::string file = folder + "/libmnist_step.so";
  f.artifact_bytes = std::filesystem::file_size(file);
  f.needed = needed_libraries(file);

  Library library = load_library(file);
  library.load(folder + "/continued.state");
  f.bit_equal =
      f.eager_losses == f.jit_losses && f.eager_losses == f.aot_losses;
  std::vector<Layer::Named> e = eager.model.named_params(),
                            j = jit.model.named_params();
  for (size_t i = 0; i < e.size(); ++i)
    f.bit_equal &= same_bits(*e[i].parameter, *j[i].parameter) &&
                   same_bits(*e[i].parameter, library.get_state(e[i].path));
}
