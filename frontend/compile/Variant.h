//===- Variant.h - A trace with its program ---------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILE_VARIANT_H
#define ETCH_COMPILE_VARIANT_H

#include "compiler/Driver/Client/Client.h"
#include "frontend/compile/OpenExtents.h"
#include "frontend/compile/Tracer.h"
#include "frontend/core/Graphics.h"

namespace etch::detail {

/// What frozen programs keep between calls, and what it was computed from. As
/// long as a Value is held here, whoever writes to its array gives that another
/// one.
struct Prepared {
  StorageRef memory;
  std::vector<ValueRef> states;
  std::vector<double> literals;
  bool valid = false;
};

/// What the compiler gives for a program.
struct CompiledModule {
  std::shared_ptr<const void> owner;
  const etch_module_t *module = nullptr; ///< null: see the diagnostics
  driver::Origin origin = driver::Origin::memory;
  double milliseconds = 0;
  std::vector<driver::Diagnostic> diagnostics;
  std::vector<driver::PhaseTime> phases = {};
  std::shared_ptr<Prepared> prepared =
      {}; ///< of all variants with this program
};
using ModuleCompiler = CompiledModule (*)(const std::string &text,
                                          const driver::CompileOptions &);
/// The driver's client; tests put another function in its place.
extern ModuleCompiler module_compiler;

/// "exp", "backward": what the user asked for at a site.
std::string asked_at(const Trace &t, int64_t site);
/// "log gives nan for element (0, 2), …": `asked` is what the user called.
std::string explain_value(const etch_error_t &error, const std::string &asked);

/// Finds the Node of an argument or captured array.
class NodeFinder {
public:
  virtual ~NodeFinder() = default;
  virtual Node *find(int32_t slot) const = 0;
};

/// A trace, what leaves it, its program, and all that a run needs and that can
/// be laid out before.
class Variant {
public:
  explicit Variant(std::unique_ptr<Trace> trace) : trace(std::move(trace)) {}

  /// Prints the program for these slots living on. Names are those of the
  /// Nodes at this time.
  void plan(std::vector<int32_t> slots, const NodeFinder &nodes);
  /// The module of the present program has been found.
  void load(CompiledModule module);
  bool covers(std::span<const int32_t> slots) const;

  /// Runs the program. Afterwards the updated arrays have their new contents,
  /// and contents_of() those of the slots that live on. `old` are gradients
  /// that the results replace: those of a program without checks are let go to
  /// make room, once nothing but memory and devices can fail.
  void run(const NodeFinder &nodes, std::span<Variable *const> old = {});
  ValueRef contents_of(int32_t slot) const;
  /// Forgets the results of the run.
  void clear_results();
  bool is_serial() const { return serial; }
  /// Its program is for cuda(number): arrays and arena are there.
  void place_on(int number, const Location &where);

  Location location_of(int64_t site) const;
  uint64_t arena_bytes() const;
  uint64_t state_bytes() const;
  uint64_t result_bytes() const;

  /// What the launches of a profiled program took, of all runs.
  struct Times {
    struct Launch {
      int64_t runs = 0;
      double ticks = 0;
    };
    int64_t runs = 0, start = 0;
    double seconds = 0, ticks = 0;
    std::vector<Launch> launches; ///< by number
    std::vector<int64_t> log;     ///< of the last run, see ProfileLayout
  };
  Times times;
  bool timed = false;
  bool debug_lines = false; ///< in the program's text
  bool freeze = false;      ///< captured arrays are states
  /// The program has checks: when it fails, what it updates stays as it was.
  bool checked = false;
  /// Offset and bytes of what may be touched in an arena with guarded pages.
  std::vector<std::pair<int64_t, int64_t>> guarded;

  std::unique_ptr<Trace> trace;
  Exits exits;
  /// What its program leaves open; null: no extents.
  std::shared_ptr<const OpenExtents> open;
  /// Where extents are open the module does not know: planned once. -1: not
  /// yet.
  mutable int64_t saved_bytes = -1;
  std::vector<std::string> names; ///< by value
  ProgramText program;
  CompiledModule module;
  /// By slot: in eager mode the array would have a graph behind it.
  std::vector<bool> has_graph;

  // Pure functions only: what is rebuilt without running them.
  struct Returned {
    int32_t slot; ///< -1: `array`
    Variable array;
  };
  std::vector<Returned> returned;
  std::vector<std::pair<int32_t, int32_t>> gradients; ///< leaf, slot
  std::vector<NodeRef> held;                          ///< by slot
  std::shared_ptr<void> skeleton;

private:
  struct Argument {
    enum class Kind : uint8_t { literal, read, update } kind;
    int32_t value;
  };
  /// An index that comes from the host: it is looked at before a run that would
  /// update states, so that a bad one leaves them as they are.
  struct IndexCheck {
    int32_t value, event;
    int64_t extent;
  };
  StorageRef make_arena(uint64_t bytes) const;
  void collect_times(double seconds);
  etch_status_t collect_device_times();
  [[noreturn]] void fail(etch_status_t status, const etch_error_t &error) const;
  void find_index_checks();
  void check_indices(const NodeFinder &nodes) const;
  const ValueRef &bind(const Argument &arg, const NodeFinder &nodes);
  const ValueRef &bind_there(const Argument &arg, const NodeFinder &nodes);
  Location location_of_use(int32_t value) const;
  void place_literals();
  void allocate_for_run(etch_call_t &call, std::span<Variable *const> old);
  void find_prepared(etch_call_t &call, const NodeFinder &nodes);

  std::vector<Argument> arguments;
  std::vector<IndexCheck> index_checks;
  std::vector<etch_tensor_t> arg_tensors, result_tensors;
  std::vector<int64_t> strides; ///< of all tensors
  std::vector<double> literal_words;
  std::vector<int32_t> result_of; ///< by slot: result, -1 none, -2 - leaf
  std::vector<ValueRef> results, temporaries;
  std::vector<ValueRef> shared; ///< by slot: contents of leaves that live on
  StorageRef arena;
  bool serial = true;
  // On a graphics processor.
  int device = -1;
  std::shared_ptr<etch_device_program_t> kernels;
  StorageRef literals;         ///< all of them, as the last run had them
  std::vector<double> written; ///< what is there
  Location compiled_at;
};

} // namespace etch::detail

#endif // ETCH_COMPILE_VARIANT_H
