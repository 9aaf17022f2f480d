//===- Report.h - what the demo shows and writes ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_EXAMPLES_MNIST_REPORT_H
#define ETCH_EXAMPLES_MNIST_REPORT_H

#include <etch/etch.h>

#include <chrono>

/// Seconds of a monotonic clock.
inline double now() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/// One way of running the step, over the first steps.
struct ModeFigures {
  double ms_per_step = 0;
  std::vector<float> losses;
  std::map<std::string, std::vector<float>> parameters; ///< at the end
};

struct Figures {
  std::string data_source;
  bool synthetic = false;
  double test_accuracy = 0;
  ModeFigures eager, jit, aot;
  bool bit_equal = false;
  int eager_kernels = 0, launches = 0;
  double compile_ms_cold = 0, compile_ms_cached = 0;
  uint64_t arena_bytes = 0, saved_bytes = 0, artifact_bytes = 0;
  std::vector<std::string> artifact_needed;
  std::vector<double> losses; ///< of the whole training, one per step
};

/// Overwrites one line of the terminal; plain lines, now and then, elsewhere.
class ProgressBar {
public:
  explicit ProgressBar(int64_t total);
  void update(int64_t done, const std::string &text);
  void finish();

private:
  int64_t total;
  bool terminal;
  double shown = 0;
};

void print_table(const Figures &f);
/// IOError unless the file can be written.
void write_json(const Figures &f, const std::string &file);
/// The loss curve above some test digits with what the network takes them for.
void write_picture(const Figures &f, const etch::Dataset &test,
                   const std::vector<int64_t> &predicted,
                   const std::string &file);
/// What a shared library links: the DT_NEEDED entries of its ELF file.
std::vector<std::string> needed_libraries(const std::string &file);

#endif // ETCH_EXAMPLES_MNIST_REPORT_H
