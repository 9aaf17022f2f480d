//===- Trace.h - What a function did, as a list of events -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A trace is recorded at the first call of a compiled function and compared
// with at every later one. Values are numbered in the order in which they
// appear: the arguments first. The Node that user code holds for a value stands
// in the value's slot: its own number, except that an assigned or unchained
// array keeps its Node and gets a new value.
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILE_TRACE_H
#define ETCH_COMPILE_TRACE_H

#include "dialects/Etch/OpTable.h"
#include "etch/error.h"
#include "frontend/engine/Node.h"

#include <string>
#include <vector>

namespace etch::detail {

/// Where a value comes from.
enum class Source : uint8_t {
  argument, ///< of the call
  captured, ///< an array with contents that was met in an operation
  literal,  ///< a host number, as large as the other operand
  number,   ///< one that is always the same (see FixedNumbers.h)
  result,   ///< of an event
};

/// Beside Node::Flags, in TraceValue::flags: has a graph outside the trace.
inline constexpr uint16_t has_creator = 1 << 15;

struct TraceValue {
  TensorType type;
  Source source = Source::result;
  bool seen = false;  ///< an operation reads it
  uint16_t flags = 0; ///< Node::Flags of its Node
  int32_t event = -1; ///< that makes it; -1 for arguments and captured arrays
  int32_t slot = -1;  ///< whose Node stands for it
};

/// An operand: which value, and which Node the user must show for it.
struct Use {
  int32_t value = -1;
  int32_t slot = -1;
};

struct Event {
  enum class Kind : uint8_t {
    operation,
    literal,    ///< uses: none
    gradient,   ///< uses: y, seed (or -1), then the xs
    accumulate, ///< uses: a gradient, the old one: what x.grad() is after
    assign,     ///< uses: the target, its new contents
    cut,        ///< uses: what is unchained
    rule,       ///< starts the backward half of a user's Function
    call,       ///< ends it; uses: inputs, outputs, gradients of the inputs
    // Of a loop or (whole) a cond, see Regions.cpp:
    region, ///< begins; uses: a limit or none, states, xs; the predicate
    middle, ///< uses: the condition or none; the results of the first branch
    end,    ///< uses: states, ys; the results of the second branch
  };
  Kind kind = Kind::operation;
  bool untracked = false;    ///< no gradient flows through it
  bool retain_grad = false;  ///< of backward()
  bool create_graph = false; ///< of backward() and grad()
  bool whole = false;   ///< backward(), not grad(); unchain_backward(); a cond
  bool had_old = false; ///< accumulate: there was a gradient before
  OpId op = {};
  uint32_t first_use = 0, num_uses = 0;
  int32_t first_value = 0, num_values = 0; ///< that it makes
  int32_t before = 0;   ///< how many values there were when it began
  int32_t partner = -1; ///< rule: its call. call: its rule. region: its end.
                        ///< end: its middle. middle: its region
  uint32_t num_inputs = 0, num_outputs = 0; ///< of a call; states and xs, ys
  Attrs attrs;
  std::vector<int32_t> picks; ///< grad(): result for each x, or -1
  std::string failure;        ///< of a call whose backward half is missing
  Location where;             ///< in user code
  Location site;              ///< where it was asked for, perhaps in Etch

  void stands_at(const Location &asked) {
    if (site == asked)
      return;
    site = asked;
    where = asked.in_user_code();
  }
};

struct Trace {
  int num_args = 0;
  std::vector<TraceValue> values;
  std::vector<Event> events;
  std::vector<Use> uses;
  /// By slot. Of results: made once, used at every call. Of captured arrays:
  /// those of the call in progress.
  std::vector<NodeRef> nodes;
  std::vector<const Node *> hints; ///< by slot: what a captured array was last
  std::vector<double> literals;    ///< by value; of the call in progress
  /// By value, of literals: an earlier one from the same line that has had the
  /// same number at every call, or itself. One argument of the program stands
  /// for both.
  std::vector<int32_t> same_number;
  std::vector<int32_t> captured; ///< the slots of captured arrays
  bool stale = false;            ///< some Nodes are missing or taken

  std::span<const Use> uses_of(const Event &e) const {
    return {uses.data() + e.first_use, e.num_uses};
  }
  /// Whether the sum with an older gradient is left to the host.
  bool adds_on_host(const Event &accumulate) const {
    return !values[size_t(accumulate.first_value)].seen;
  }
  /// The value of which this one is another name in the program.
  int32_t resolve(int32_t value) const;
  /// Whether a literal may have this value in another call.
  bool may_be(int32_t literal, double value) const {
    return values[size_t(literal)].source != Source::number ||
           literals[size_t(literal)] == value;
  }
  /// Finds where several literals have the same number, among those that had it
  /// before.
  void find_same_numbers();
  /// Whether they have the same number in the call in progress, too.
  bool has_same_numbers() const;
};

/// How an array that the function assigned to gets its new contents.
struct Update {
  enum class Way : uint8_t {
    in_place, ///< the program writes into its storage
    result,   ///< it takes the storage of a result
    leaf,     ///< it shares the contents of an argument or captured array
  };
  int32_t slot;
  int32_t value; ///< resolved
  Way way;
};

/// What leaves a trace.
struct Exits {
  std::vector<int32_t> slots;   ///< whose Nodes live on, ascending
  std::vector<int32_t> results; ///< the program's: resolved values, distinct
  std::vector<Update> updates;
};

/// Completes `exits`, of which the slots are known. TraceError where a value of
/// a Function's backward half is used outside of it.
void plan_exits(const Trace &trace, Exits &exits);
/// The last value of each slot, resolved.
std::vector<int32_t> final_values(const Trace &trace);

/// How a trace was turned into text.
struct ProgramText {
  std::string text;
  std::vector<int32_t> args; ///< values, in the program's order
};

struct OpenExtents;

struct TextOptions {
  /// Locations name the user's files and lines beside the sites.
  bool debug_lines = false;
  /// Literals become constants, captured arrays states: nothing but the
  /// arguments is asked for at a run.
  bool standalone = false;
  /// All captured arrays are states, parameters or not.
  bool freeze = false;
  /// With standalone: the contents of these values become constants, too.
  const std::vector<ValueRef> *embedded = nullptr;
  /// What of the extents the program does not fix; null: nothing.
  const OpenExtents *open = nullptr;
  /// A literal that is a number times an extent, or divided by it.
  struct FromExtent {
    int32_t symbol = -1; ///< -1: it is not
    double factor = 1;
    bool divides = false;
  };
  const std::vector<FromExtent> *from_extents = nullptr; ///< by value
};

/// Prints the program. `names` by value, "" where there is none.
ProgramText print_program(const Trace &trace, const Exits &exits,
                          const std::vector<std::string> &names,
                          const TextOptions &options = {});

/// Whether two traces compute the same, whatever arrays they captured.
bool same_prefix(const Trace &a, const Trace &b, size_t num_events);
bool same_trace(const Trace &a, const Trace &b);
/// The same but for extents, and where slices begin.
bool same_operations(const Trace &a, const Trace &b);
/// One event, for messages: "mul (train.cpp:41)".
std::string describe(const Trace &trace, size_t event);

} // namespace etch::detail

#endif // ETCH_COMPILE_TRACE_H
