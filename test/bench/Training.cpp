//===- Training.cpp - what training steps cost beside their time ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Getting ready: processor seconds up to the first step's result that steps do
// not take, with nothing cached; mostly the compiler's. Memory: the most that
// later steps take, parameters and batch included, beside what the process had
// before; ours where another process has compiled the step, so that there is no
// compiler's heap in it.
//===----------------------------------------------------------------------===//

#include "test/bench/Rivals.h"

#include <cstdlib>
#include <filesystem>

using namespace etch::bench;

void etch::bench::trainingFigures(std::vector<Figure> &figures,
                                  const std::vector<Workload> &workloads,
                                  const std::string &peers,
                                  const std::string &chosen, const char *self) {
  std::string cache =
      std::filesystem::temp_directory_path() / "etch-training-XXXXXX";
  if (!mkdtemp(cache.data()))
    return;
  // For all: rivals keep what they have compiled there too.
  for (const char *name : {"XDG_CACHE_HOME", "TORCHINDUCTOR_CACHE_DIR"})
    setenv(name, cache.c_str(), 1);
  auto add = [&](const std::string &name, double value, const char *unit,
                 double bar = 0) {
    figures.push_back({name, value, unit, bar});
  };
  for (const Workload &w : workloads) {
    if (!w.name.starts_with("step "))
      continue;
    fprintf(stderr, "%s, ready and memory\n", w.name.c_str());
    std::vector<Figure> ready, memory;
    double least = 0, eager = 0;
    if (!peers.empty())
      for (auto &rival : startRivals(peers, self, chosen)) {
        double seconds, bytes;
        if (!rival->costs(w, seconds, bytes))
          continue;
        const std::string &system = rival->name();
        if (system == "torch")
          eager = bytes / 1e6;
        else if (!least || seconds < least)
          least = seconds;
        ready.push_back({w.name + ": ready, " + system, seconds, "s", 0});
        memory.push_back(
            {w.name + ": memory, " + system, bytes / 1e6, "MB", 0});
      }
    Rival ours("etch", {self, "--serve-ourselves", "--only", w.name});
    double seconds, bytes, again;
    if (ours.costs(w, seconds, bytes) && ours.costs(w, again, bytes)) {
      add(w.name + ": ready, etch", seconds, "s", least);
      add(w.name + ": ready, etch, from disk cache", again, "s");
      add(w.name + ": memory, etch", bytes / 1e6, "MB", 0.6 * eager);
    }
    figures.insert(figures.end(), ready.begin(), ready.end());
    figures.insert(figures.end(), memory.begin(), memory.end());
  }
  std::filesystem::remove_all(cache);
}
