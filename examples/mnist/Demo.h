//===- Demo.h - The parts of the demo ---------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A network learns handwritten digits: written define-by-run, compiled to one
// program per step, shipped as a library that goes on learning without Etch.
//===----------------------------------------------------------------------===//
#ifndef ETCH_EXAMPLES_MNIST_DEMO_H
#define ETCH_EXAMPLES_MNIST_DEMO_H

#include <etch/etch.h>

#include <chrono>

namespace demo {

using namespace etch;

struct Options {
  std::string program; ///< this program's own path
  std::string data;    ///< folder of the IDX files; "": see MNIST
  std::string json;    ///< file for the figures
  std::string out;     ///< folder for everything else
  int64_t epochs = 5;
  int64_t batch = 100;
  int64_t compared = 20;   ///< steps that all three modes make
  int64_t continued = 100; ///< steps of the C program behind the training
};

/// The network, its optimizer, and one step of its training.
struct Trainer {
  MLP model{{1000, 1000, 10}, relu};
  Adam optimizer;
  /// Weights are drawn here, from a seed, for inputs like x.
  explicit Trainer(const Variable &x);
  Variable step(const Variable &x, const Variable &t);
};

/// What is reported.
struct Figures {
  std::string source; ///< where the digits are from
  double test_accuracy = 0;
  double eager_ms = 0, jit_ms = 0, aot_ms = 0; ///< per step
  double compile_cold_ms = 0, compile_cached_ms = 0;
  uint64_t arena_bytes = 0, saved_bytes = 0, artifact_bytes = 0;
  uint64_t eager_kernels = 0, jit_kernels = 0; ///< per step
  std::vector<std::string> needed;             ///< libraries of the artefact
  std::vector<double> eager_losses, jit_losses, aot_losses; ///< the same steps
  bool bit_equal = false;
  std::vector<double> losses;    ///< of the whole training
  double continued_accuracy = 0; ///< after the C program's steps
};

struct Digits {
  MNIST train, test;
};

/// Digits from files; drawn by a program where there are none.
Digits load_data(const Options &options);
/// Batch i of the data in their order.
Sample batch_of(const Dataset &data, int64_t i, int64_t size);

/// The same first steps eagerly, compiled, and exported: times and bits.
void compare_modes(const Options &, const Digits &, Figures &);
/// The whole training; draws all pictures and exports what was learnt.
void train(const Options &, const Digits &, Figures &);
/// Shares of digits that the model knows.
double evaluate(MLP &model, const MNIST &test, int64_t batch);

/// Writes batches to a file for the C program.
void write_batches(const std::string &file, const Dataset &data, int64_t count,
                   int64_t batch);
/// What the C program said and wrote.
struct Continued {
  double ms_per_step = 0, accuracy = 0;
  std::vector<double> losses;
};
/// Runs the C program on the libraries and batches in `folder`.
Continued run_exported(const Options &, const std::string &folder,
                       int64_t steps);
/// The libraries that a shared object asks for.
std::vector<std::string> needed_libraries(const std::string &file);
/// Milliseconds to the compiled step in a new process with a filled cache.
double compile_time_from_cache(const Options &);
/// What that process does.
void print_compile_time(const Options &);

void draw_digits_and_curve(const Options &, const Figures &, MLP &model,
                           const MNIST &test);
void draw_graphs(const Options &, const Digits &);
void print_table(const Options &, const Figures &);
void write_json(const std::string &file, const Figures &);
void progress(const char *what, int64_t done, int64_t all, double loss,
              double per_second);

inline double now_ms() {
  using namespace std::chrono;
  return duration<double, std::milli>(steady_clock::now().time_since_epoch())
      .count();
}

} // namespace demo

#endif // ETCH_EXAMPLES_MNIST_DEMO_H
