//===- Bench.cpp - the harness and its command line -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/bench/Bench.h"

#include "etch/host.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <map>

using namespace etch::bench;

double etch::bench::now() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void etch::bench::measure(std::vector<Case> &cases, double budget, int rounds) {
  constexpr double turn = 0.01;
  std::vector<long> repeats(cases.size());
  std::vector<double> spent(cases.size(), 0);
  for (size_t i = 0; i < cases.size(); ++i) {
    cases[i].run(); // compiles, faults pages in
    double start = now();
    cases[i].run();
    double once = std::max(now() - start, 1e-9);
    repeats[i] = std::max(1L, long(turn / once));
    cases[i].seconds = 1e30;
  }
  for (int round = 0;; ++round) {
    bool any = false;
    for (size_t i = 0; i < cases.size(); ++i) {
      if (round >= rounds && spent[i] >= budget)
        continue;
      any = true;
      double start = now();
      for (long r = 0; r < repeats[i]; ++r)
        cases[i].run();
      double elapsed = now() - start;
      spent[i] += elapsed;
      cases[i].seconds =
          std::min(cases[i].seconds, elapsed / double(repeats[i]));
    }
    if (!any)
      return;
  }
}

static std::string escaped(const std::string &text) {
  std::string out;
  for (char c : text) {
    if (c == '"' || c == '\\')
      out += '\\';
    out += c;
  }
  return out;
}

static std::string asTime(double seconds) {
  char text[32];
  if (seconds < 1e-6)
    snprintf(text, sizeof text, "%.0f ns", seconds * 1e9);
  else if (seconds < 1e-3)
    snprintf(text, sizeof text, "%.2f us", seconds * 1e6);
  else
    snprintf(text, sizeof text, "%.2f ms", seconds * 1e3);
  return text;
}

bool etch::bench::report(const std::vector<Case> &cases, const Roofs &roofs,
                         const std::vector<Figure> &figures,
                         const std::string &json) {
  printf("\none-core roofs: %.1f GFLOP/s (f32 FMA), %.1f GB/s (triad)\n\n",
         roofs.flops / 1e9, roofs.bytes / 1e9);
  printf("%-34s %-10s %7s %12s %9s %9s %8s\n", "workload", "system", "threads",
         "time", "GFLOP/s", "GB/s", "of roof");
  std::string rows;
  for (const Case &c : cases) {
    double fraction = c.flops   ? c.flops / c.seconds / roofs.flops / c.threads
                      : c.bytes ? c.bytes / c.seconds / roofs.bytes
                                : 0;
    printf("%-34s %-10s %7d %12s ", c.workload.c_str(), c.system.c_str(),
           c.threads, asTime(c.seconds).c_str());
    c.flops ? printf("%9.1f ", c.flops / c.seconds / 1e9) : printf("%9s ", "");
    c.bytes ? printf("%9.1f ", c.bytes / c.seconds / 1e9) : printf("%9s ", "");
    fraction ? printf("%7.1f%%\n", 100 * fraction) : printf("\n");
    char row[512];
    snprintf(row, sizeof row,
             "%s  {\"workload\": \"%s\", \"system\": \"%s\", \"threads\": %d, "
             "\"seconds\": %.4g, \"gflops\": %.4g, \"fraction_of_roof\": %.4g}",
             rows.empty() ? "" : ",\n", escaped(c.workload).c_str(),
             escaped(c.system).c_str(), c.threads, c.seconds,
             c.flops / c.seconds / 1e9, fraction);
    rows += row;
  }
  printf("\n%-52s %12s %12s\n", "figure", "value", "bar");
  std::string values;
  for (const Figure &f : figures) {
    char bar[32] = "";
    if (f.bar)
      snprintf(bar, sizeof bar, "<= %g %s", f.bar, f.unit.c_str());
    printf("%-52s %9.3f %s %12s\n", f.name.c_str(), f.value, f.unit.c_str(),
           bar);
    char row[256];
    snprintf(row, sizeof row,
             "%s  {\"figure\": \"%s\", \"value\": %.5g, \"unit\": \"%s\", "
             "\"bar\": %g}",
             values.empty() ? "" : ",\n", escaped(f.name).c_str(), f.value,
             f.unit.c_str(), f.bar);
    values += row;
  }
  if (json.empty())
    return true;
  FILE *file = fopen(json.c_str(), "w");
  if (!file)
    return false;
  fprintf(file,
          "{\"roof_gflops\": %.5g, \"roof_gbytes\": %.5g,\n \"cases\": [\n%s\n "
          "],\n \"figures\": [\n%s\n ]}\n",
          roofs.flops / 1e9, roofs.bytes / 1e9, rows.c_str(), values.c_str());
  return fclose(file) == 0;
}

int main(int argc, char **argv) {
  std::string json, only;
  for (int i = 1; i < argc; ++i) {
    if (!strcmp(argv[i], "--first-result"))
      return firstResult();
    if (!strcmp(argv[i], "--json") && i + 1 < argc)
      json = argv[++i];
    else if (!strcmp(argv[i], "--only") && i + 1 < argc)
      only = argv[++i];
    else {
      fprintf(
          stderr,
          "usage: %s [--json FILE] [--only TEXT]\n"
          "  --only TEXT   just the workloads whose names contain TEXT, and "
          "the roofs\n",
          argv[0]);
      return 2;
    }
  }
  // One core throughout: a process that never had a second thread counts its
  // references without atomic operations.
  etch_set_num_threads(1);
  // First of all, while nothing is compiled or cached in this process.
  std::vector<Figure> figures;
  if (only.empty())
    compileFigures(figures, argv[0]);

  std::vector<Case> cases = roofCases();
  for (Case &c : matmulCases())
    cases.push_back(std::move(c));
  for (Case &c : convolutionCases())
    cases.push_back(std::move(c));
  stepFigures(cases, figures);
  std::erase_if(cases, [&](const Case &c) {
    return c.system != "roof" && c.workload.find(only) == std::string::npos;
  });
  measure(cases);

  // A roof is the best that anything reached, the roof's own loop or a kernel.
  Roofs roofs;
  for (const Case &c : cases) {
    if (c.flops && c.threads == 1)
      roofs.flops = std::max(roofs.flops, c.flops / c.seconds);
    if (c.bytes && c.threads == 1)
      roofs.bytes = std::max(roofs.bytes, c.bytes / c.seconds);
  }
  if (!report(cases, roofs, figures, json)) {
    fprintf(stderr, "%s: cannot write %s\n", argv[0], json.c_str());
    return 1;
  }
  return 0;
}
