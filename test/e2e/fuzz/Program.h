//===- Program.h - random programs ------------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A program is a list of operations on numbered values. Which operators there
// are comes from their table, what an operator takes from its own type rule:
// operands and attributes are drawn until the rule admits them.
//===----------------------------------------------------------------------===//
#ifndef ETCH_TEST_E2E_FUZZ_PROGRAM_H
#define ETCH_TEST_E2E_FUZZ_PROGRAM_H

#include "dialects/Etch/OpTable.h"
#include "etch/etch.h"

#include <random>
#include <string>
#include <vector>

namespace etch::fuzz {

/// Control flow and what users build of several operations: see Forms.cpp.
struct Form {
  const char *name;
  int num_operands;
  bool (*admits)(const Variables &xs);
  Variable (*apply)(const Variables &xs);
};
std::span<const Form> all_forms();

/// An operation, or a form: operands are earlier values, or -1: the number.
/// Attributes are those for batches of Program::drawn.
struct Step {
  OpId op;
  std::vector<int> operands;
  double number = 0;
  Attrs attrs;
  const Form *form = nullptr;
};

class Program {
public:
  /// Draws a program of about `size` operations, running each eagerly. What is
  /// refused there is dropped, and most of what gives values without a finite
  /// sum. Half of the programs take batches of several extents: some arguments
  /// have them in front, and what is refused for one extent is dropped, too.
  /// The seed alone decides. `large`: arrays that several threads share.
  Program(uint64_t seed, int size, bool large = false);

  /// The program without value `v` and all that is computed from it.
  Program without(int v) const;

  /// All values, inputs first.
  Variables values(const Variables &inputs) const;
  /// Results that nothing reads; then the gradients of their weighted sum with
  /// respect to the float inputs, empty where there is none; then those of the
  /// gradients' own sum.
  Variables run(const Variables &inputs) const;
  /// One line for each value.
  std::string text() const;

  uint64_t seed;
  Variables inputs;
  std::vector<Step> steps;
  int order = 0; ///< of the gradients in run(): 0, 1 or 2
  /// Arguments of other extents; none for programs of fixed extents.
  struct Batch {
    int64_t extent;
    Variables inputs;
  };
  std::vector<Batch> batches;
  /// The extent of batches in `inputs`. No other extent is a multiple of it.
  static constexpr int64_t drawn = 7;
  /// Whether input `i` has the extent of a batch in front.
  bool is_open(int i) const { return is_open(inputs[size_t(i)].type()); }

private:
  bool large;
  uint64_t below(uint64_t n) { return source() % n; }
  template <class T> const T &choose(const std::vector<T> &from) {
    return from[below(from.size())];
  }
  AttrValue attribute(AttrKind kind, const Shape &x);
  Shape shape();
  int64_t most_elements() const { return large ? 400000 : 20000; }
  bool is_open(const TensorType &type) const;
  int64_t batch_of(const Variables &xs) const;
  Variable draw_values(const TensorType &type, bool positive);
  void input(const TensorType &type);
  void drop_input();
  bool admits(const Step &step, std::span<const TensorType> types) const;
  bool draw_known(OpId op);
  bool draw_fresh(OpId op);
  bool draw_form(const Form &form);
  bool add(Step step);

  std::mt19937_64 source;
  Variables known; ///< all values so far, inputs first once all are drawn
  std::vector<Variables> elsewhere; ///< the same, for each of the batches
};

/// Applies one operation, for a batch of this extent.
Variable apply(const Step &step, const Variables &values,
               int64_t batch = Program::drawn);

} // namespace etch::fuzz

#endif // ETCH_TEST_E2E_FUZZ_PROGRAM_H
