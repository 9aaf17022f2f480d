//===- Bench.h - workloads, who does them, and the table --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Machines are shared and noisy: all systems do a workload in turns, each
// figure is the best of many turns, and what counts are ratios within one run:
// to the best rival and to a roof.
//===----------------------------------------------------------------------===//
#ifndef ETCH_TEST_BENCH_BENCH_H
#define ETCH_TEST_BENCH_BENCH_H

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace etch {
class Variable;
}

namespace etch::bench {

/// Seconds of a monotonic clock.
double now();
/// Seconds of processor time that this process has had. With one thread and
/// nobody else it goes as the other clock; on a busy machine it stands still
/// while others run.
double processorNow();

//===----------------------------------------------------------------------===//
// Workloads
//===----------------------------------------------------------------------===//

/// An input array. Its contents follow from its number among the inputs (see
/// Inputs.cpp and peers/peer.py): f32 and f64 between -scale/2 and scale/2, i64
/// from 0 to below scale.
struct Input {
  std::vector<int64_t> shape;
  std::string type = "f32";
  double scale = 1;

  int64_t size() const;
};
/// A parameter of this shape: a vector, or weights with the variance
/// gain / (12 fan in).
Input weight(std::vector<int64_t> shape, double gain);
/// Input number `ordinal`.
Variable makeInput(const Input &input, size_t ordinal);
/// The same as plain numbers, for programs that are called below the front end.
void fillInput(float *data, int64_t size, double scale, size_t ordinal);

/// A few numbers of a result, to be compared: its size, mean magnitude, and
/// elements at places that follow from the size.
std::vector<double> sample(const float *data, int64_t size);
std::vector<double> sample(const Variable &result);
std::vector<double> sample(const std::vector<Variable> &results);

/// What a system made of a workload. `run` does it so many times with nothing
/// in between, as a user's loop would; `check` does it from the start and gives
/// samples of the last results.
struct Runner {
  std::function<void(long count)> run;
  std::function<std::vector<double>()> check;
};
/// A runner for a function of no arguments that gives one variable or several.
template <class F> Runner runnerOf(F f, int checkRuns = 1) {
  auto shared = std::make_shared<F>(std::move(f));
  return {[shared](long count) {
            for (long i = 0; i < count; ++i)
              (*shared)();
          },
          [shared, checkRuns] {
            for (int i = 1; i < checkRuns; ++i)
              (*shared)();
            return sample((*shared)());
          }};
}

struct Workload {
  std::string name;    ///< "matmul NN 512"
  std::string op;      ///< for rivals: the operation…
  std::string options; ///< …and "key=value key=value"
  std::vector<Input> inputs;
  double flops = 0;   ///< of one run; 0 when that is not what matters
  double bytes = 0;   ///< that must move in one run; 0 likewise
  double results = 0; ///< elements of the results, where they count
  bool tiles = false; ///< the flops may be those of tile registers
  int checkRuns = 1;
  bool compare = true; ///< false: results are random
  /// Of one with odd extents: the workload with round ones beside it.
  std::string neighbour;
  struct System {
    std::string name; ///< "etch", "etch eager", …
    std::function<Runner()> make;
    int threads = 1;   ///< more: only if asked for, and timed by the clock
    bool busy = false; ///< while another process has one of the cores
  };
  std::vector<System> systems;
};

/// What was measured of one system.
struct Row {
  std::string workload, system;
  int threads = 1;
  double seconds = 0, flops = 0, bytes = 0;
  std::string missing; ///< why there is no time
  bool tiles = false;
  std::string neighbour; ///< as in Workload
  double elements = 0;   ///< of inputs, and of results where they count
  double triad = 0;      ///< bytes per second of the triad beside it
};

/// The machine's limits on one core, measured in this run.
struct Roofs {
  double flops = 0; ///< f32 fused multiply-adds per second, times two
  double bytes = 0; ///< triad: two reads and one write of f32 arrays
  double tiles =
      0; ///< products of bf16 on tile registers per second, times two
};
/// The loops that show them.
struct RoofLoop {
  const char *name;
  double flops, bytes;
  std::function<void()> run;
  bool tiles = false;
};
std::vector<RoofLoop> roofLoops();

/// Figures that are not a rate: name, value, unit, and the bar they should keep
/// (0: none).
struct Figure {
  std::string name;
  double value;
  std::string unit;
  double bar;
};

/// What rows say of one another: odd extents of their round neighbours, threads
/// beside a busy core of one thread.
void addRatios(const std::vector<Row> &rows, std::vector<Figure> &figures);

/// Prints the table and, unless the path is empty, writes the JSON.
/// Returns false when the file cannot be written.
bool report(const std::vector<Row> &rows, const Roofs &roofs,
            const std::vector<Figure> &figures, const std::string &json);

// The parts of the bench.
void addMatmuls(std::vector<Workload> &workloads);
void addConvolutions(std::vector<Workload> &workloads);
void addOperators(std::vector<Workload> &workloads);
/// Networks are large: just those whose names are wanted.
void addSteps(std::vector<Workload> &workloads,
              const std::function<bool(const std::string &)> &wanted);
void addNetworks(std::vector<Workload> &workloads,
                 const std::function<bool(const std::string &)> &wanted);
void compileFigures(std::vector<Figure> &figures, const char *self);
void predictorFigures(std::vector<Figure> &figures);
/// What training steps cost beside their time: getting ready, and memory. All
/// in fresh processes.
void trainingFigures(std::vector<Figure> &figures,
                     const std::vector<Workload> &workloads,
                     const std::string &peers, const std::string &chosen,
                     const char *self);
/// What a child process of compileFigures does: one result of a compiled step.
int firstResult();

} // namespace etch::bench

#endif // ETCH_TEST_BENCH_BENCH_H
