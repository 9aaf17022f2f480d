//===- TraceText.h - Prints a trace as a program ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Generic MLIR without file names: equal programs have equal texts, which are
// the keys of the compiler's cache. Operation N of the trace is site N.
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILE_TRACETEXT_H
#define ETCH_COMPILE_TRACETEXT_H

#include "frontend/compile/OpenExtents.h"

namespace etch::detail {

class Printer {
public:
  Printer(const Trace &t, const Exits &exits,
          const std::vector<std::string> &names, const TextOptions &options)
      : t(t), exits(exits), names(names), options(options),
        used(t.values.size()), numbers(t.values.size()),
        barrier(t.values.size()) {}

  ProgramText print();

private:
  void find_uses();
  void use(int32_t value, bool tracked);
  std::string type(const TensorType &type) const;
  std::string type(int32_t value) const;
  bool is_open(int32_t value) const {
    return options.open && options.open->has(value);
  }
  std::string ssa(int32_t value);
  std::string captured(std::string name, const std::string &type,
                       int32_t event);
  std::string results(const Event &e) const;
  std::string functional(std::span<const int32_t> operands, const Event &e,
                         size_t num_extents = 0) const;
  std::string index(const std::string &op, size_t site);
  std::string extent_of(int32_t symbol, size_t site);
  std::vector<std::string> extents(int32_t value, size_t site);
  Attrs attrs_of(const Event &e, size_t site) const;
  void print_filled(const std::string &name, const std::string &scalar,
                    int32_t like, const char *attrs, size_t site);
  void print_symbols();
  void print_from_extent(const std::string &name, DType dtype,
                         const TextOptions::FromExtent &from, size_t site);
  std::string open_axes(int32_t value) const;
  std::string traced_shape(int32_t value) const;
  std::string list(std::span<const int32_t> values);
  std::string attributes(const OpInfo &op, const Attrs &attrs) const;
  void line(const std::string &text, size_t site, bool untracked);
  void print_event(size_t i);
  void print_events(size_t first, size_t last);
  void print_yield(const Event &e, size_t site);
  std::string print_block(int32_t first_value, int32_t count);
  size_t print_region(size_t first);
  void print_operation(const Event &e, size_t site);
  void print_gradient(const Event &e, size_t site);
  void print_rule(const Event &e);
  void print_call(const Event &e, size_t site);
  void print_arguments();
  void print_constants();
  bool is_argument(int32_t value) const;
  bool is_embedded(int32_t value) const;
  /// The literal whose argument stands for this one.
  int32_t number_of(int32_t literal) const {
    return t.same_number.empty() ? literal : t.same_number[size_t(literal)];
  }

  const Trace &t;
  const Exits &exits;
  const std::vector<std::string> &names;
  const TextOptions &options;
  std::vector<bool> used;
  std::vector<bool> numbers; ///< used, by themselves or by their equals
  /// Assigned and unchained values that gradients must not look behind.
  std::vector<bool> barrier;
  /// An open region: whatever comes from outside is an operand of its loop or
  /// cond and an argument of its blocks.
  struct Scope {
    size_t first;       ///< the event that begins it
    const Event *block; ///< that makes the block's own arguments
    struct Capture {
      std::string name, type; ///< as outside
    };
    std::vector<Capture> captures;
    std::string name(size_t i) const {
      return "%c" + std::to_string(first) + "_" + std::to_string(i);
    }
  };
  std::vector<Scope> scopes; ///< the innermost is the last
  size_t num_indices = 0;
  std::string out;
  ProgramText program;
};

/// "array<i64: 1, 2>".
std::string integers(const char *element, const std::vector<int64_t> &values);
std::string text_of(const AttrValue &value);
/// The bits of a number.
std::string hexadecimal(double value);

} // namespace etch::detail

#endif // ETCH_COMPILE_TRACETEXT_H
