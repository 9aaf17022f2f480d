//===- Tracer.h - Records a function or compares it with a trace -*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The recorder of compiled functions. While all goes as in a known trace,
// nothing is recorded: an operation is a few comparisons. At the first
// difference the verified part of the trace becomes the beginning of a new one
// and recording goes on from there, so the user's function runs once per call
// whatever happens.
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILE_TRACER_H
#define ETCH_COMPILE_TRACER_H

#include "frontend/compile/Expansion.h"
#include "frontend/engine/Engine.h"

#include <memory>
#include <unordered_map>

namespace etch::detail {

class Tracer final : public Recorder {
public:
  Tracer();

  /// Starts a call. `candidates` are the traces of this signature, the most
  /// likely one first; `actual` the arguments.
  void begin(std::span<const Variable> actual,
             std::span<Trace *const> candidates);
  /// What user code sees in place of argument i.
  const Variable &placeholder(size_t i) const { return placeholders[i]; }

  /// The function has returned: completes the trace. After it, trace() is one
  /// of the candidates or a new one.
  void complete();
  /// The slots whose Nodes live on. Afterwards assigned arrays have their old
  /// contents and type again.
  void exits(std::vector<int32_t> &slots);
  /// Ends the call: `materialize` has made real arrays of all Nodes that live
  /// on. Without success arrays and gradients are put back.
  void end(bool success);

  Trace &trace() { return *t; }
  bool is_new() const { return own != nullptr; }
  /// Gives the new trace away; it stays that of the call.
  std::unique_ptr<Trace> share_new() {
    own->events.shrink_to_fit(); // it is kept
    own->values.shrink_to_fit();
    return std::move(own);
  }
  /// Why the last call left its trace; "" when it did not.
  const std::string &reason() const { return why; }

  /// The user's Node of an argument or captured array.
  Node *real(int32_t slot) const;
  /// A gradient that x had before and that is still to be added to value s.
  struct OldGradient {
    int32_t value;
    Variable old;
  };
  const std::vector<OldGradient> &old_gradients() const { return olds; }
  /// Takes the Node of a value that lives on; the trace gets a fresh one.
  Variable release_node(int32_t value);
  /// Makes real arrays of placeholders that live on.
  void release_arguments();
  /// Which slot y stands for; -1 for an array from outside.
  int32_t slot_of(const Variable &y) const;
  /// The slot of an array from outside that an operation has met; else -1.
  int32_t captured(const Variable &x) const;
  /// Uses `other`, equal to the new trace, in its stead.
  void adopt(Trace &other);

  // Recorder.
  Variable known(const OpInfo &op, std::span<const Variable> operands,
                 const Attrs &attrs, const Location &where) override;
  Variable known(const OpInfo &op, std::span<const Operand> operands,
                 const Attrs &attrs, const Location &where) override;
  Variable apply(const OpInfo &op, std::span<const Variable> operands,
                 Attrs &&attrs, const TensorType &result,
                 const Location &where) override;
  void backward(const Variable &y, const BackwardOptions &options,
                const Location &where) override;
  Variables grad(const Variable &y, std::span<const Variable> xs,
                 const GradOptions &options, const Location &where) override;
  void assign(const Variable &target, const Variable &value,
              const Location &where) override;
  [[noreturn]] void host_read(const Variable &x, const char *what,
                              const Location &where) override;
  void host_write(const Variable &x, const Location &where) override;
  Variable literal(double value, const TensorType &type,
                   const Location &where) override;
  void host_array(const Variable &x, const Location &where) override;
  bool varies(const Location &where) override;
  Variables call(Function &function, std::span<const Variable> inputs,
                 const Location &where) override;
  void unchain(const Variable &x, bool all, const Location &where) override;
  bool knows(const Variable &x) const override { return slot_of(x) >= 0; }
  LoopResults loop(const LoopSpec &spec, const Location &where) override;
  Variables branch(const Variable &pred, const BranchFunction &then,
                   const BranchFunction &otherwise,
                   const Location &where) override;
  Variable leaf(const Variable &x, const Location &where) override;
  void host_draw(const Location &where) override;

private:
  // Replaying. next() is the expected event if it is of this kind.
  Event *next(Event::Kind kind);
  bool matches(Use use, const Variable &x) {
    return x.node() == t->nodes[size_t(use.slot)].get() || bind(use, x.node());
  }
  bool matches(const Event &e, std::span<const Variable> xs);
  bool bind(Use use, Node *n);
  bool is_distinct(const Node *n) const;
  void save_gradient(Node *n);
  /// After a mismatch: goes on in another candidate (then the caller compares
  /// again) or starts recording.
  void diverge(const char *what, const Location &where);
  bool switch_candidate();
  void start_recording();
  void reset_nodes(Trace &trace);

  // Recording.
  Event &add_event(Event::Kind kind, const Location &where);
  void add_use(const Variable &x, const Location &where);
  Use use_of(const Variable &x, const Location &where);
  int32_t add_value(const TensorType &type, Source source, int32_t event,
                    uint16_t flags);
  Variable add_result(const TensorType &type, uint16_t flags);
  bool is_own(const Node *n) const;
  void record_assign(const Variable &target, const Variable &value,
                     const Location &where);
  void record_cut(const Variable &x, const Location &where);

  // Gradients (Gradients.cpp).
  struct Reach {
    std::vector<int32_t> leaves; ///< values without history
    std::vector<int32_t> inner;  ///< results of operations
  };
  Reach reach(int32_t y, bool to_cut, const Location &where);
  size_t gradient(const Variable &y, const Variable &seed, bool whole,
                  BackwardOptions options, std::span<const Variable> xs,
                  const Location &where);
  void record_gradient(const Variable &y, const Variable &seed, bool whole,
                       BackwardOptions options, std::span<const Variable> xs,
                       const Location &where);
  void give_gradient(int32_t x_slot, Variable g, const Location &where);
  Variable accumulate(const Variable &g, const Variable &old,
                      const Location &where);

  // Loops and branches (Regions.cpp).
  struct OpenRegion;
  Variables region_event(Event &&event, std::span<const Variable> uses,
                         std::span<const TensorType> results,
                         const Location &where,
                         const std::vector<bool> &constant = {});
  int32_t last_number() const;
  void close(OpenRegion &region);
  void check_local(const char *what, const Variable &x,
                   const Location &where) const;
  bool is_hole(int32_t value) const;
  void check_gradient(const Reach &found, std::span<const int32_t> targets,
                      bool whole, const Location &where) const;
  std::vector<int32_t> region_sources(int32_t value) const;
  void check_bound(const Event &end, const Location &where) const;
  std::vector<bool> hidden_values() const;

  Variable handle(int32_t slot) const;
  /// While replaying, the event before the cursor; else the last one.
  const Event &last_event() const;

  const uint64_t serial;
  Trace *t = nullptr;         ///< being replayed, or own.get()
  std::unique_ptr<Trace> own; ///< being recorded
  bool replaying = false;
  size_t cursor = 0;
  std::vector<Trace *> others; ///< candidates not tried yet
  std::string why;
  std::vector<Location> varying; ///< slices that began elsewhere in other calls

  std::vector<Variable> actual;
  std::vector<const Node *> last_actual;
  bool args_changed = false;
  bool rebound = false; ///< a captured array is not what it was last time
  Variables placeholders;

  // Recording only.
  std::unordered_map<const Node *, int32_t> leaf_slots;
  std::vector<int32_t> current; ///< by slot: its present value
  std::unique_ptr<Expansion> expansion;
  std::vector<int32_t> regions; ///< the events that began the open ones
  bool broken = false;          ///< one was left by an exception

  // Put back when the call fails.
  struct Saved {
    NodeRef node;
    ValueRef value;
  };
  std::vector<Saved> saved_values;
  std::vector<std::pair<NodeRef, Variable>> saved_grads;
  std::vector<OldGradient> olds;
};

/// What a trace depends on of the flags of a Node outside.
inline uint16_t leaf_flags(const Node *n) {
  if (!is_floating(n->value->dtype))
    return n->flags & Node::parameter;
  return uint16_t((n->flags & (Node::parameter | Node::constant)) |
                  (n->is_leaf() ? 0 : has_creator));
}

} // namespace etch::detail

#endif // ETCH_COMPILE_TRACER_H
