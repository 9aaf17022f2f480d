//===- Bench.cpp - the harness and its command line -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/bench/Bench.h"
#include "test/bench/Rivals.h"

#include "etch/host.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

using namespace etch::bench;

double etch::bench::now() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

double etch::bench::processorNow() {
  timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return double(t.tv_sec) + 1e-9 * double(t.tv_nsec);
}

namespace {
/// One that takes turns.
struct Contender {
  Row row;
  std::function<double(long)> time; ///< seconds of one of so many runs
  long repeats = 1;
  double spent = 0;
};

struct Settings {
  double budget = 0.3; ///< seconds that each gets at least…
  int rounds = 15;     ///< …and turns
  int threads = 1;     ///< of systems that use several
};

std::function<double(long)> timed(std::function<void(long)> run,
                                  double (*clock)() = processorNow) {
  return [run = std::move(run), clock](long count) {
    double start = clock();
    run(count);
    return (clock() - start) / double(count);
  };
}

/// Runs it where its threads start on any core; this one goes back to its own.
void onAllCores(const std::function<void()> &run) {
  cpu_set_t one, all;
  sched_getaffinity(0, sizeof one, &one);
  memset(&all, 0xff, sizeof all);
  sched_setaffinity(0, sizeof all, &all);
  run();
  sched_setaffinity(0, sizeof one, &one);
}

/// Another process, which takes a core that is not this one's as long as it is
/// let. Made before there is much memory to share.
class BusyCore {
public:
  explicit BusyCore(int ours) {
    child = fork();
    if (child != 0) {
      set(false);
      return;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    cpu_set_t others;
    sched_getaffinity(0, sizeof others, &others);
    CPU_CLR(ours, &others);
    sched_setaffinity(0, sizeof others, &others); // none: it stays
    for (volatile bool spins = true; spins;) {
    }
    _exit(0);
  }
  ~BusyCore() { kill(child, SIGKILL); }
  void set(bool busy) const { kill(child, busy ? SIGCONT : SIGSTOP); }

private:
  pid_t child = 0;
};

/// All in turns of about 5 ms, until each has had its time and turns; what
/// takes seconds has fewer turns.
void takeTurns(std::vector<Contender> &contenders, const Settings &settings) {
  constexpr double turn = 0.005;
  for (Contender &c : contenders) {
    double once = std::max(c.time(1), 1e-9);
    c.repeats = std::max(1L, long(turn / once));
    c.row.seconds = 1e30;
  }
  for (int round = 0;; ++round) {
    bool any = false;
    for (Contender &c : contenders) {
      bool enough = c.spent >= settings.budget &&
                    (round >= settings.rounds ||
                     (c.spent >= 10 * settings.budget && round >= 3));
      if (enough || c.time == nullptr)
        continue;
      any = true;
      double seconds = c.time(c.repeats);
      if (seconds < 0) {
        c.row.missing = "its process ended";
        c.time = nullptr;
        continue;
      }
      c.spent += seconds * double(c.repeats);
      c.row.seconds = std::min(c.row.seconds, seconds);
    }
    if (!any)
      return;
  }
}

/// "" when the samples agree: the same numbers, but for roundings.
std::string difference(const std::vector<double> &a,
                       const std::vector<double> &b) {
  if (a.size() != b.size())
    return "gives " + std::to_string(b.size()) + " samples instead of " +
           std::to_string(a.size());
  double magnitude = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (i % 10 == 1)
      magnitude = std::fabs(a[i]);
    double allowed = 2e-3 * std::max(magnitude, std::fabs(a[i]));
    if (!(std::fabs(a[i] - b[i]) <= allowed)) {
      char text[96];
      snprintf(text, sizeof text, "differs: sample %zu is %.6g, ours %.6g", i,
               b[i], a[i]);
      return text;
    }
  }
  return "";
}

/// Everybody's results of one workload, then everybody's times.
void measure(const Workload &w, std::vector<std::unique_ptr<Rival>> &rivals,
             const Settings &settings, const BusyCore *other, Roofs &roofs,
             std::vector<Row> &rows) {
  fprintf(stderr, "%s\n", w.name.c_str());
  std::vector<Contender> contenders;
  std::vector<double> ours;
  double elements = w.results;
  for (const Input &input : w.inputs)
    elements += double(input.size());
  for (const Workload::System &system : w.systems) {
    if (system.threads > settings.threads)
      continue;
    Row row = {w.name,  system.name, system.threads, 0,           w.flops,
               w.bytes, "",          w.tiles,        w.neighbour, elements};
    Runner runner = system.make();
    if (!runner.run) {
      row.missing = "cannot compile it";
      rows.push_back(row);
      continue;
    }
    std::vector<double> samples;
    auto check = [&] { samples = runner.check(); };
    system.threads > 1 ? onAllCores(check) : check();
    if (ours.empty())
      ours = samples;
    if (w.compare)
      row.missing = difference(ours, samples);
    auto time = timed(runner.run, system.threads > 1 ? now : processorNow);
    if (system.busy)
      time = [time, other](long count) {
        other->set(true);
        double seconds = time(count);
        other->set(false);
        return seconds;
      };
    row.missing.empty() ? contenders.push_back({row, time})
                        : rows.push_back(row);
  }
  for (auto &rival : rivals) {
    Row row = {w.name, rival->name(), 1, 0, w.flops, w.bytes, "", w.tiles};
    if (w.op.empty())
      continue;
    std::vector<double> samples = rival->prepare(w, row.missing);
    if (row.missing == "no such operation")
      continue; // a matrix product's library has no networks
    if (row.missing.empty() && w.compare && !ours.empty())
      row.missing = difference(ours, samples);
    if (!row.missing.empty()) {
      rows.push_back(row);
      continue;
    }
    contenders.push_back(
        {row, [r = rival.get()](long count) { return r->time(count); }});
  }
  size_t systems = contenders.size();
  for (const RoofLoop &loop : roofLoops())
    if ((w.flops && loop.flops && w.tiles == loop.tiles) ||
        (w.bytes && loop.bytes))
      contenders.push_back(
          {{"", "roof", 1, 0, loop.flops, loop.bytes, "", loop.tiles},
           timed([run = loop.run](long count) {
             for (long i = 0; i < count; ++i)
               run();
           })});
  takeTurns(contenders, settings);
  for (const Contender &c : contenders) {
    // A roof is the best that anything reached, the roof's own loop or a
    // kernel that does all of the work.
    if (c.row.threads > 1 || c.row.system == "etch fast")
      continue;
    double &flops = c.row.tiles ? roofs.tiles : roofs.flops;
    flops = std::max(flops, c.row.flops / c.row.seconds);
    roofs.bytes = std::max(roofs.bytes, c.row.bytes / c.row.seconds);
  }
  for (size_t i = 0; i < systems; ++i) {
    rows.push_back(contenders[i].row);
    if (const Row &loop = contenders.back().row; w.bytes && loop.bytes)
      rows.back().triad = loop.bytes / loop.seconds;
  }
}

int usage(const char *self) {
  fprintf(
      stderr,
      "usage: %s [--json FILE] [--only TEXT]... [--peers FOLDER]\n"
      "          [--against PROGRAM] [--rivals A,B] [--rounds N]\n"
      "          [--budget SECONDS] [--training]\n"
      "  --only TEXT      just the workloads whose names contain TEXT\n"
      "  --peers FOLDER   beside the rivals that peers/setup.sh put there\n"
      "  --against PROGRAM beside another build of this program\n"
      "  --rivals A,B     just these of them\n"
      "  --training       of steps also what getting ready and memory cost\n"
      "  --rounds N       turns of each system at a workload, at least\n"
      "  --budget SECONDS time of each system at a workload, at least\n"
      "  --threads N      also what uses up to so many, by the clock\n",
      self);
  return 2;
}
} // namespace

int main(int argc, char **argv) {
  std::string json, peers, against, chosen;
  bool ourselves = false, training = false;
  std::vector<std::string> only;
  Settings settings;
  for (int i = 1; i < argc; ++i) {
    auto is = [&](const char *name) {
      return !strcmp(argv[i], name) && i + 1 < argc;
    };
    if (!strcmp(argv[i], "--first-result"))
      return firstResult();
    if (is("--serve") && i + 2 < argc)
      return serve(argv[i + 1], argv[i + 2]);
    if (!strcmp(argv[i], "--serve-ourselves"))
      ourselves = true;
    else if (!strcmp(argv[i], "--training"))
      training = true;
    else if (is("--json"))
      json = argv[++i];
    else if (is("--only"))
      only.push_back(argv[++i]);
    else if (is("--peers"))
      peers = argv[++i];
    else if (is("--against"))
      against = argv[++i];
    else if (is("--rivals"))
      chosen = argv[++i];
    else if (is("--rounds"))
      settings.rounds = atoi(argv[++i]);
    else if (is("--threads"))
      settings.threads = atoi(argv[++i]);
    else if (is("--budget"))
      settings.budget = atof(argv[++i]);
    else
      return usage(argv[0]);
  }
  // One core throughout, for rivals too: they inherit it. A process that never
  // had a second thread counts its references without atomic operations.
  etch_set_num_threads(1);
  int ours = sched_getcpu();
  std::unique_ptr<BusyCore> other;
  if (settings.threads > 1)
    other = std::make_unique<BusyCore>(ours);
  cpu_set_t core;
  CPU_ZERO(&core);
  CPU_SET(ours, &core);
  sched_setaffinity(0, sizeof core, &core);

  auto wanted = [&](const std::string &name) {
    return only.empty() || std::any_of(only.begin(), only.end(), [&](auto &t) {
             return name.find(t) != std::string::npos;
           });
  };
  // First of all, while nothing is compiled or cached in this process.
  std::vector<Figure> figures;
  if (!ourselves && wanted("compile times"))
    compileFigures(figures, argv[0]);
  if (!ourselves && wanted("exported predictor"))
    predictorFigures(figures);

  auto make = [&] {
    std::vector<Workload> all;
    addMatmuls(all);
    addConvolutions(all);
    addOperators(all);
    addSteps(all, wanted);
    addNetworks(all, [&](auto &name) { return !ourselves && wanted(name); });
    return all;
  };
  if (ourselves)
    return serveOurselves(make);
  std::vector<Workload> workloads = make();
  std::erase_if(workloads, [&](auto &w) { return !wanted(w.name); });
  std::vector<std::unique_ptr<Rival>> rivals;
  if (!peers.empty())
    rivals = startRivals(peers, argv[0], chosen);
  if (!against.empty())
    rivals.push_back(std::make_unique<Rival>(
        "before", std::vector<std::string>{against, "--serve-ourselves"}));
  if (training)
    trainingFigures(figures, workloads, peers, chosen, argv[0]);
  Roofs roofs;
  std::vector<Row> rows;
  for (const Workload &w : workloads)
    measure(w, rivals, settings, other.get(), roofs, rows);
  addRatios(rows, figures);
  if (!report(rows, roofs, figures, json)) {
    fprintf(stderr, "%s: cannot write %s\n", argv[0], json.c_str());
    return 1;
  }
  return 0;
}
