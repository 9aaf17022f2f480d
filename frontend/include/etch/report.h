//===- report.h - What a compiled program takes -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   std::cout << step.memory().text();                      // a table
//   std::ofstream("memory.svg") << step.memory().chart();   // a picture
//   std::cout << step.times().text() << step.explain();
//===----------------------------------------------------------------------===//
#ifndef ETCH_REPORT_H
#define ETCH_REPORT_H

#include "etch/location.h"

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace etch {

/// One piece of memory of a program.
struct BufferLife {
  std::string what;   ///< the operation that computes it: "tanh"
  std::string name;   ///< of an argument or state: "l1/W"
  std::string place;  ///< "arena", "result", "argument" or "constant"
  std::string type;   ///< "tensor<100x10xf32>"
  std::string inside; ///< "main", or the body of a loop or branch
  /// In launches since the program's start, both included: from when it holds
  /// its value, and until when.
  int64_t birth = 0, death = 0;
  int64_t bytes = 0;   ///< -1: depends on an extent known at a run only
  int64_t offset = -1; ///< in the arena; -1 elsewhere, or not known yet
  Location where;      ///< the line that asked for it
};

/// What lives where and when in a program, as the compiler planned it.
struct MemoryPlan {
  /// Bytes of the arena, but for what kernels need besides for each thread,
  /// which ProgramMemory::arena counts: their code decides it.
  int64_t planned = 0;
  int64_t bound = 0; ///< the largest set of values alive at once
  int64_t saved = 0; ///< kept by the forward half for the backward half
  /// Bytes if every value of the program were kept to its end, as written:
  /// without fusion, release or reuse.
  int64_t everything = 0;
  int64_t steps = 0; ///< launches; a loop's body counts once
  std::vector<BufferLife> buffers;

  /// planned / bound; 1 for programs without intermediate values.
  double ratio() const {
    return bound > 0 ? double(planned) / double(bound) : 1;
  }
  std::string text() const; ///< a table, a line for each buffer
  std::string json() const;
  std::string chart() const; ///< SVG: time to the right, the arena upwards
};

/// Bytes that the program of the last call works with.
struct ProgramMemory {
  uint64_t arena = 0;    ///< intermediate values, and each thread's scratch
  uint64_t saved = 0;    ///< thereof: kept for the backward half
  uint64_t states = 0;   ///< parameters and other arrays that it updates
  uint64_t results = 0;  ///< allocated for each call
  uint64_t prepared = 0; ///< kept between calls (CompileOptions::freeze)
  /// Every buffer. The compiler plans the program once more for it.
  std::function<MemoryPlan()> plan;

  std::string text() const { return plan().text(); }
  std::string json() const { return plan().json(); }
  std::string chart() const { return plan().chart(); }
};

/// How long it took to make a program, in milliseconds.
struct CompileTimes {
  double trace = 0;   ///< running the function and writing down the program
  double total = 0;   ///< from the text to the loaded program
  std::string origin; ///< "memory", "disk" or "compiled"
  /// What the compiler did, in order; empty unless "compiled".
  std::vector<std::pair<std::string, double>> phases;

  std::string text() const; ///< a line
  std::string json() const; ///< an object: trace, total, origin, phases
};

/// A launch of a kernel.
struct LaunchInfo {
  int64_t number = 0;
  std::string kernel;           ///< "k3"
  std::vector<std::string> ops; ///< what was fused into it
  std::vector<Location> lines;  ///< that asked for them
  bool backward = false;        ///< has a part of a gradient
  int64_t depth = 0;            ///< loops and branches around it
  int64_t bytes = 0;            ///< of its operands and results; -1: symbolic
  int64_t flops = 0;            ///< arithmetic operations
  // With CompileOptions::profile, of all runs since the last reset:
  int64_t runs = 0;
  double seconds = 0;
  double roof = 0; ///< fraction of what the machine could do; 0: not known
};

/// What one core can do at best, measured at the first call: f32 operations and
/// bytes of memory per second.
struct MachineRoof {
  double flops = 0, bytes = 0;
};
MachineRoof machine_roof();

/// The launches of a program, and how long they took if it was compiled with
/// CompileOptions::profile.
struct Profile {
  struct Span {
    int64_t launch;    ///< index into `launches`
    double begin, end; ///< microseconds since the start of its run
  };
  std::vector<LaunchInfo> launches;
  std::vector<Span> last_run; ///< at most the first 32768 launches
  int64_t runs = 0;
  double seconds = 0; ///< of all runs

  std::string text() const;  ///< a table, the slowest first
  std::string trace() const; ///< JSON for chrome://tracing and Perfetto
};

/// What check() found.
struct CheckReport {
  /// What differs, in lines to read; "" when all bits agree.
  std::string difference;
  // Where it began, when there is a difference:
  std::string op;       ///< "mul", "gradient of mul"; "" when not found
  Location where;       ///< its line
  int64_t element = -1; ///< the first that differs; -1: unknown
  double eager = 0, compiled = 0;
  std::string detail; ///< "element (0, 2) is 1.5 eager, 1.25 compiled"
  std::string pass;   ///< of the compiler, that changes the results; or ""
  explicit operator bool() const { return difference.empty(); }
};

} // namespace etch

#endif // ETCH_REPORT_H
