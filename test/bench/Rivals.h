//===- Rivals.h - Other systems, each in a process of its own ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A rival reads lines and answers each with one:
//
//   prepare OP RUNS KEY=VALUE… in=SHAPE:TYPE:SCALE…
//                 -> ok NUMBER… (samples of its results after RUNS runs)
//                 -> missing REASON
//   time COUNT    -> SECONDS (of COUNT runs)
//
// so that it takes its turn in the middle of ours, on the same core.
//===----------------------------------------------------------------------===//
#ifndef ETCH_TEST_BENCH_RIVALS_H
#define ETCH_TEST_BENCH_RIVALS_H

#include "test/bench/Bench.h"

namespace etch::bench {

class Rival {
public:
  /// Starts the program; it fails later, when asked, if it cannot.
  Rival(std::string name, std::vector<std::string> command);
  Rival(const Rival &) = delete;
  ~Rival();

  const std::string &name() const { return system; }
  /// Samples of its results; none and `reason` when it cannot do this.
  std::vector<double> prepare(const Workload &workload, std::string &reason);
  /// Seconds of one of `count` runs.
  double time(long count);

private:
  std::string ask(const std::string &line);
  void start();
  void stop();

  std::string system;
  std::vector<std::string> command;
  int process = -1, to = -1;
  void *from = nullptr;
};

/// All that setup.sh puts below `folder`.
std::vector<std::unique_ptr<Rival>> startRivals(const std::string &folder,
                                                const char *self);
/// The process of a native library (see Native.cpp).
int serve(const std::string &library, const std::string &folder);
/// That of this program, when another build of it is the rival: of each
/// workload the first system.
int serveOurselves(const std::vector<Workload> &workloads);

} // namespace etch::bench

#endif // ETCH_TEST_BENCH_RIVALS_H
