//===- Report.cpp - Progress, table, JSON ---------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Demo.h"

#include <cstdio>
#include <fstream>
#include <iostream>
#include <unistd.h>

using namespace demo;

void demo::progress(const char *what, int64_t done, int64_t all, double loss,
                    double per_second) {
  // Not a terminal: a line now and then.
  bool terminal = isatty(STDOUT_FILENO);
  if (!terminal && done != all && done % 100 != 0)
    return;
  std::string bar(size_t(30 * done / all), '#');
  bar.resize(30, '.');
  std::printf("%s%-9s [%s] %lld/%lld  loss %.4f  %.1f steps/s%s",
              terminal ? "\r" : "", what, bar.c_str(), (long long)done,
              (long long)all, loss, per_second,
              terminal && done != all ? "  " : "\n");
  std::fflush(stdout);
}

// Starts where the demo's own compilation left its cache.
void demo::print_compile_time(const Options &o) {
  setenv("XDG_CACHE_HOME", (o.out + "/cache").c_str(), 1);
  Variable x = zeros({o.batch, 784}, {.dtype = f32}).set_requires_grad(false);
  Variable t = zeros({o.batch}, {.dtype = i64});
  Trainer trainer(x);
  auto step = compile(
      [&](const Variable &x, const Variable &t) { return trainer.step(x, t); });
  step.build(x, t);
  std::cout << "compiled in " << step.last_compile_ms() << " ms, from "
            << step.last_origin() << "\n";
}

void demo::print_table(const Options &o, const Figures &f) {
  auto line = [](const char *what, double e, double j, double a) {
    std::printf("%-24s %12.4f %12.4f %12.4f\n", what, e, j, a);
  };
  std::printf("\n%-24s %12s %12s %12s\n", "", "eager", "JIT", "AOT");
  line("ms per step", f.eager_ms, f.jit_ms, f.aot_ms);
  std::string after = "loss after " + std::to_string(o.compared) + " steps";
  line(after.c_str(), f.eager_losses.back(), f.jit_losses.back(),
       f.aot_losses.back());
  std::printf("%-24s %12llu %12llu\n", "kernels per step",
              (unsigned long long)f.eager_kernels,
              (unsigned long long)f.jit_kernels);
  std::string needed;
  for (const std::string &library : f.needed)
    needed += " " + library;
  std::printf("compile time             %.1f ms cold, %.1f ms from the cache\n"
              "memory                   arena %.2f MB, %.2f MB of it saved for "
              "backward\n"
              "artefact                 %.1f KB, needs%s\n"
              "same bits in all modes   %s\n"
              "test accuracy            %.4f; %.4f after %lld more steps in C\n"
              "digits                   %s\n"
              "pictures and libraries   %s\n",
              f.compile_cold_ms, f.compile_cached_ms,
              double(f.arena_bytes) / 1e6, double(f.saved_bytes) / 1e6,
              double(f.artifact_bytes) / 1e3,
              needed.empty() ? " nothing" : needed.c_str(),
              f.bit_equal ? "yes" : "NO", f.test_accuracy, f.continued_accuracy,
              (long long)o.continued, f.source.c_str(), o.out.c_str());
}

void demo::write_json(const std::string &file, const Figures &f) {
  std::ofstream out(file);
  out.precision(10);
  out << "{\n  \"data\": \"" << f.source
      << "\",\n  \"test_accuracy\": " << f.test_accuracy
      << ",\n  \"eager_ms_per_step\": " << f.eager_ms
      << ",\n  \"jit_ms_per_step\": " << f.jit_ms
      << ",\n  \"aot_ms_per_step\": " << f.aot_ms
      << ",\n  \"compile_ms_cold\": " << f.compile_cold_ms
      << ",\n  \"compile_ms_cached\": " << f.compile_cached_ms
      << ",\n  \"arena_bytes\": " << f.arena_bytes
      << ",\n  \"saved_bytes\": " << f.saved_bytes
      << ",\n  \"artifact_bytes\": " << f.artifact_bytes
      << ",\n  \"artifact_needed\": [";
  for (size_t i = 0; i < f.needed.size(); ++i)
    out << (i ? ", " : "") << '"' << f.needed[i] << '"';
  out << "],\n  \"bit_equal\": " << (f.bit_equal ? "true" : "false")
      << ",\n  \"continued_accuracy\": " << f.continued_accuracy << "\n}\n";
  if (!out.flush())
    throw IOError(file + ": cannot be written");
}
