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
//   costs OP RUNS …
//                 -> ok SECONDS BYTES (of getting ready; of later runs)
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
  /// Processor seconds of getting ready, without those of the first runs, and
  /// the memory of later runs beside what the process had taken before. In a
  /// process that has done nothing else.
  bool costs(const Workload &workload, double &seconds, double &bytes);
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

/// What setup.sh puts below `folder`: all, or those that "A,B" names.
std::vector<std::unique_ptr<Rival>> startRivals(const std::string &folder,
                                                const char *self,
                                                const std::string &chosen);
/// The process of a native library (see Native.cpp).
int serve(const std::string &library, const std::string &folder);
/// That of this program, when another build of it is the rival: of each
/// workload, when they have been made, the first system.
int serveOurselves(const std::function<std::vector<Workload>()> &make);

} // namespace etch::bench

#endif // ETCH_TEST_BENCH_RIVALS_H
