//===- Main.cpp - tables of memory and compile times ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   etch-programs [--json FILE] [--charts FOLDER] [--cold] [--plan]
//                 [--plan-large] [--fixed] [names…]
//
// Each is compiled twice; --cold: from an empty cache. --plan makes no code,
// --plan-large none for what is no matter of moments, --fixed compiles for the
// extents of the batch alone.
//===----------------------------------------------------------------------===//

#include "test/programs/Programs.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>

using namespace etch;
using namespace etch::test;

namespace {
struct Row {
  const Program *program;
  MemoryPlan plan;
  CompileTimes times, again;
};

void print_memory(const std::vector<Row> &rows) {
  std::printf("%-40s %11s %11s %6s %11s %11s %6s\n", "memory (MB)", "planned",
              "bound", "ratio", "saved", "everything", "share");
  for (const Row &r : rows)
    std::printf("%-40s %11.3f %11.3f %6.3f %11.3f %11.3f %5.1f%%\n",
                r.program->title.c_str(), double(r.plan.planned) / 1e6,
                double(r.plan.bound) / 1e6, r.plan.ratio(),
                double(r.plan.saved) / 1e6, double(r.plan.everything) / 1e6,
                100 * double(r.plan.planned) / double(r.plan.everything));
}

void print_times(const std::vector<Row> &rows) {
  std::printf("\n%-40s %9s %9s  %s\n", "compile times (ms)", "trace", "program",
              "parts");
  for (const Row &r : rows)
    for (const CompileTimes *t : {&r.times, &r.again}) {
      if (t->origin.empty())
        continue;
      std::printf("%-40s %9.1f %9.1f  %s", r.program->title.c_str(), t->trace,
                  t->total, t->origin.c_str());
      for (auto &[name, ms] : t->phases)
        std::printf(" %s %.1f", name.c_str(), ms);
      std::printf("\n");
    }
}

std::string json(const std::vector<Row> &rows) {
  std::string s = "{";
  for (const Row &r : rows) {
    if (&r != rows.data())
      s += ",\n";
    s += "\"" + r.program->name + "\":{\"title\":\"" + r.program->title +
         "\",\"planned\":" + std::to_string(r.plan.planned) +
         ",\"bound\":" + std::to_string(r.plan.bound) +
         ",\"ratio\":" + std::to_string(r.plan.ratio()) +
         ",\"saved\":" + std::to_string(r.plan.saved) +
         ",\"everything\":" + std::to_string(r.plan.everything);
    if (!r.times.origin.empty())
      s += ",\"times\":" + r.times.json() + ",\"again\":" + r.again.json();
    s += "}";
  }
  return s + "}\n";
}
} // namespace

int main(int argc, char **argv) {
  std::string json_file, charts;
  bool plan_only = false, plan_large = false, fixed = false;
  std::string cache;
  std::set<std::string> names;
  for (int i = 1; i < argc; ++i) {
    if (!std::strcmp(argv[i], "--json") && i + 1 < argc)
      json_file = argv[++i];
    else if (!std::strcmp(argv[i], "--charts") && i + 1 < argc)
      charts = argv[++i];
    else if (!std::strcmp(argv[i], "--plan"))
      plan_only = true;
    else if (!std::strcmp(argv[i], "--plan-large"))
      plan_large = true;
    else if (!std::strcmp(argv[i], "--cold"))
      cache = std::filesystem::temp_directory_path() / "etch-programs-XXXXXX";
    else if (!std::strcmp(argv[i], "--fixed"))
      fixed = true;
    else
      names.insert(argv[i]);
  }
  if (!cache.empty()) {
    if (!mkdtemp(cache.data()))
      return 1;
    setenv("XDG_CACHE_HOME", cache.c_str(), 1);
  }
  std::vector<Row> rows;
  for (const Program &p : programs()) {
    if (!names.empty() && !names.contains(p.name))
      continue;
    std::unique_ptr<Step> step = p.make();
    auto f = [&](const Variable &x, const Variable &t) {
      return (*step)(x, t);
    };
    Row row = {&p, {}, {}, {}};
    auto program = compile(f, {.dynamic = !fixed});
    if (!plan_only && !(plan_large && !p.small)) {
      program.build(step->x, step->t);
      row.times = program.times();
      auto again = compile(f, {.dynamic = !fixed});
      again.build(step->x, step->t);
      row.again = again.times();
    }
    row.plan = program.plan(step->x, step->t);
    if (!charts.empty())
      std::ofstream(charts + "/" + p.name + ".svg") << row.plan.chart();
    rows.push_back(std::move(row));
  }
  if (!cache.empty())
    std::filesystem::remove_all(cache);
  print_memory(rows);
  if (!plan_only)
    print_times(rows);
  if (json_file.empty())
    return 0;
  std::ofstream file(json_file);
  file << json(rows);
  return !file.flush();
}
