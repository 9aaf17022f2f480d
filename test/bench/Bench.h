//===- Bench.h - timing, roofs and the table of results ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Machines are shared and noisy: every figure is the best of many interleaved
// repeats, and what counts is the ratio to a roof measured in the same run.
//===----------------------------------------------------------------------===//
#ifndef ETCH_TEST_BENCH_BENCH_H
#define ETCH_TEST_BENCH_BENCH_H

#include <functional>
#include <string>
#include <vector>

namespace etch::bench {

/// Seconds of a monotonic clock.
double now();

/// One contender: `run` does the work once. The harness decides how often.
struct Case {
  std::string workload; ///< "matmul NN 512"
  std::string system;   ///< "etch", "roof", a rival's name
  int threads = 1;
  double flops = 0; ///< of one run; 0 when that is not what matters
  double bytes = 0; ///< that must move in one run; 0 likewise
  std::function<void()> run;
  double seconds = 0; ///< best of the repeats
};

/// Runs all cases in turns, round after round, until each has had about
/// `budget` seconds and at least `rounds` turns; a turn lasts about 10 ms. Fills
/// Case::seconds with the best mean of a turn.
void measure(std::vector<Case> &cases, double budget = 0.3, int rounds = 15);

/// The machine's limits on one core, measured in this run.
struct Roofs {
  double flops = 0; ///< f32 fused multiply-adds per second, times two
  double bytes = 0; ///< triad: two reads and one write of f32 arrays
};
/// The two loops, as cases to be measured among the others.
std::vector<Case> roofCases();

/// Figures that are not a rate: name, value, unit, and the bar they should keep
/// (0: none).
struct Figure {
  std::string name;
  double value;
  std::string unit;
  double bar;
};

/// Prints the table and, unless the path is empty, writes the JSON.
/// Returns false when the file cannot be written.
bool report(const std::vector<Case> &cases, const Roofs &roofs,
            const std::vector<Figure> &figures, const std::string &json);

// The parts of the bench.
std::vector<Case> matmulCases();
std::vector<Case> convolutionCases();
void stepFigures(std::vector<Case> &cases, std::vector<Figure> &figures);
void compileFigures(std::vector<Figure> &figures, const char *self);
/// What a child process of compileFigures does: one result of a compiled step.
int firstResult();

} // namespace etch::bench

#endif // ETCH_TEST_BENCH_BENCH_H
