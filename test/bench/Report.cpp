//===- Report.cpp - the table and the JSON of a run -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/bench/Bench.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>

using namespace etch::bench;

static std::string escaped(const std::string &text) {
  std::string out;
  for (char c : text) {
    if (c == '"' || c == '\\')
      out += '\\';
    if (static_cast<unsigned char>(c) >= ' ')
      out += c;
  }
  return out;
}

static std::string number(const char *format, double value) {
  char text[64];
  snprintf(text, sizeof text, format, value);
  return text;
}

static std::string asTime(double seconds) {
  if (seconds < 1e-6)
    return number("%.0f ns", seconds * 1e9);
  if (seconds < 1e-3)
    return number("%.2f us", seconds * 1e6);
  return number("%.2f ms", seconds * 1e3);
}

static bool isOurs(const Row &row) { return row.system.starts_with("etch"); }

void etch::bench::addRatios(const std::vector<Row> &rows,
                            std::vector<Figure> &figures) {
  auto find = [&](const std::string &workload, const std::string &system) {
    auto at = std::find_if(rows.begin(), rows.end(), [&](const Row &r) {
      return r.workload == workload && r.system == system && r.missing.empty();
    });
    return at == rows.end() ? nullptr : &*at;
  };
  for (const Row &row : rows) {
    const Row *round = find(row.neighbour, row.system);
    if (row.system == "etch" && row.missing.empty() && round) {
      // Memory limits what computes little with each element.
      bool computes = std::min(row.flops / row.elements,
                               round->flops / round->elements) > 16;
      double more =
          computes ? row.flops / round->flops : row.elements / round->elements;
      figures.push_back(
          {row.workload + ": time for as much as " + row.neighbour,
           row.seconds / round->seconds / more, "x", 1.25});
    }
    const Row *one = find(row.workload, "etch");
    if (row.system == "etch 2 busy" && row.missing.empty() && one)
      figures.push_back({row.workload + ": 2 threads beside a busy core to 1",
                         row.seconds / one->seconds, "x", 1});
  }
}

bool etch::bench::report(const std::vector<Row> &rows, const Roofs &roofs,
                         const std::vector<Figure> &figures,
                         const std::string &json) {
  std::map<std::string, double> best; // of the rivals
  for (const Row &row : rows)
    if (!isOurs(row) && row.missing.empty()) {
      auto [at, first] = best.try_emplace(row.workload, row.seconds);
      at->second = std::min(at->second, row.seconds);
    }
  printf("\none-core roofs: %.1f GFLOP/s (f32 FMA), %.1f GB/s\n\n",
         roofs.flops / 1e9, roofs.bytes / 1e9);
  if (roofs.tiles)
    printf("tile registers (bf16): %.1f GFLOP/s\n\n", roofs.tiles / 1e9);
  printf("%-46s %-12s %12s %9s %7s %8s %9s %9s\n", "workload", "system", "time",
         "GFLOP/s", "GB/s", "of roof", "to rival", "of triad");
  std::string entries;
  double logs = 0;
  int compared = 0;
  for (const Row &row : rows) {
    std::string entry = "{\"workload\": \"" + escaped(row.workload) +
                        "\", \"system\": \"" + escaped(row.system) +
                        "\", \"threads\": " + std::to_string(row.threads);
    printf("%-46s %-12s ", row.workload.c_str(), row.system.c_str());
    if (!row.missing.empty()) {
      printf("%12s   %.60s\n", "missing", row.missing.c_str());
      entry +=
          ", \"seconds\": null, \"missing\": \"" + escaped(row.missing) + "\"}";
    } else {
      double flops = row.flops / row.seconds, bytes = row.bytes / row.seconds;
      double fraction = row.tiles   ? flops / roofs.tiles
                        : row.flops ? flops / roofs.flops
                        : row.bytes ? bytes / roofs.bytes
                                    : 0;
      auto rival = best.find(row.workload);
      double ratio = rival == best.end() ? 0 : rival->second / row.seconds;
      auto cell = [&](const char *format, double value, int width) {
        printf("%*s ", width, value ? number(format, value).c_str() : "");
      };
      cell("%.1f", flops / 1e9,
           (printf("%12s ", asTime(row.seconds).c_str()), 9));
      cell("%.1f", bytes / 1e9, 7);
      cell("%.1f%%", 100 * fraction, 8);
      cell("%.2f", ratio, 9);
      double triad = row.triad ? bytes / row.triad : 0;
      cell("%.1f%%", 100 * triad, 9);
      printf("\n");
      entry += ", \"seconds\": " + number("%.5g", row.seconds) +
               ", \"gflops\": " + number("%.5g", flops / 1e9) +
               ", \"gbytes\": " + number("%.5g", bytes / 1e9) +
               ", \"fraction_of_roof\": " + number("%.4g", fraction) +
               ", \"ratio_to_best_rival\": " + number("%.4g", ratio) +
               ", \"fraction_of_triad\": " + number("%.4g", triad) + "}";
      if (row.system == "etch" && ratio) {
        logs += std::log(ratio);
        ++compared;
      }
    }
    entries += (entries.empty() ? "  " : ",\n  ") + entry;
  }
  if (std::any_of(rows.begin(), rows.end(), [](const Row &row) {
        return row.workload.starts_with("inference");
      }))
    printf("\ninference: what depends on weights alone is computed before the "
           "first measured call,\nby onnxruntime when it loads a network, by "
           "etch with .freeze\n");
  if (std::any_of(rows.begin(), rows.end(), [](const Row &row) {
        return row.workload.starts_with("matmul bf16");
      }))
    printf(
        "\nmatmul bf16: the matrix on the right is rounded and packed before "
        "the first measured call,\nby etch with .freeze; \"etch packing\" "
        "does so in every call\n");
  if (compared)
    printf("\nthe best rival's time over etch's, geometric mean of %d "
           "workloads: %.2f\n",
           compared, std::exp(logs / compared));
  if (!figures.empty())
    printf("\n%-52s %12s %12s\n", "figure", "value", "bar");
  std::string values;
  for (const Figure &f : figures) {
    std::string bar =
        f.bar ? "<= " + number("%g", f.bar) + " " + f.unit : std::string();
    printf("%-52s %9.3f %s %12s\n", f.name.c_str(), f.value, f.unit.c_str(),
           bar.c_str());
    values += (values.empty() ? "  " : ",\n  ");
    values += "{\"figure\": \"" + escaped(f.name) +
              "\", \"value\": " + number("%.5g", f.value) + ", \"unit\": \"" +
              f.unit + "\", \"bar\": " + number("%g", f.bar) + "}";
  }
  if (json.empty())
    return true;
  FILE *file = fopen(json.c_str(), "w");
  if (!file)
    return false;
  fprintf(file,
          "{\"roof_gflops\": %.5g, \"roof_gbytes\": %.5g, "
          "\"roof_bf16_gflops\": %.5g,\n \"rows\": [\n%s\n "
          "],\n \"figures\": [\n%s\n ]}\n",
          roofs.flops / 1e9, roofs.bytes / 1e9, roofs.tiles / 1e9,
          entries.c_str(), values.c_str());
  return fclose(file) == 0;
}
