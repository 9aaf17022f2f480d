//===- Tape.h - The graph that operations leave behind ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One Entry per operation that was run. Results own their Entry, which owns its
// operands' Entries: the graph lives as long as its results. An Entry keeps
// just the contents that its gradient rule reads.
//===----------------------------------------------------------------------===//
#ifndef ETCH_ENGINE_TAPE_H
#define ETCH_ENGINE_TAPE_H

#include "dialects/Etch/OpTable.h"
#include "frontend/engine/Merging.h"
#include "frontend/engine/Node.h"

namespace etch::detail {

/// An operand of an Entry: where its gradient goes, and what is kept of it.
struct Edge {
  NodeRef leaf;        ///< of a leaf or a constant; else
  Ref<Entry> producer; ///< the operation that made it …
  uint16_t output = 0; ///< … as this result
  bool wanted = false; ///< whether a gradient flows to it
  ValueRef kept;       ///< contents if the rule reads them

  TensorType type() const;
};

/// A result of an Entry.
struct Output {
  Node *node = nullptr; ///< the result while somebody holds it; not counted
  TensorType type;
  ValueRef kept;    ///< contents if the rule reads them
  bool cut = false; ///< unchained: consumers take it for a leaf
};

struct Pending; // Backward.cpp

class Entry : public Counted {
public:
  /// `order` 0: the newest of all.
  explicit Entry(const Location &where, uint64_t order = 0)
      : where(where), order(order ? order : next_serial()) {}
  virtual ~Entry() {
    if (made)
      forget_made(made);
  }
  static void *operator new(size_t bytes);
  static void operator delete(void *entry, size_t bytes);

  virtual std::string name() const = 0;
  /// Fills in cotangents of the inputs from those of the outputs (empty where
  /// none is known). Only edges marked in `wanted` need one; others may stay
  /// empty. `connected`: what it computes will be differentiated.
  virtual void backward(std::span<const Variable> gys,
                        std::span<const bool> wanted, bool connected,
                        std::span<Variable> gxs) = 0;

  std::span<Edge> inputs() { return {edges, num_inputs}; }
  std::span<Output> outputs() { return {results, num_outputs}; }

  /// Makes `y` (a fresh Variable) result `i`.
  void adopt_output(int i, const Variable &y);
  /// A Node that was result of this is gone or unchained.
  void forget(Node *n) {
    Node *&place = results[n->output].node;
    if (made)
      forget_result(made, n, place);
    else if (place == n)
      place = nullptr;
  }
  /// Result i, for rules: the Node itself if it lives, else one that stands for
  /// it. With no contents when those were not kept.
  Variable output(int i);
  /// Input i, whose contents were kept, in the graph if `connected`.
  Variable input(int i, bool connected);
  /// Cuts result i off; with the last one everything kept is released.
  void cut(int i);

  const Location where;
  const uint64_t order; ///< of creation
  uint32_t generation = 0;
  /// How many gradients it is made of.
  uint32_t derivative = thread_state().sweep_order;
  Made *made = nullptr;       ///< of operations of sweeps
  Pending *pending = nullptr; ///< the reverse sweep's own

protected:
  Edge *edges = nullptr;
  Output *results = nullptr;
  uint32_t num_inputs = 0, num_outputs = 0;
};
/// Frees long chains without recursion.
void destroy(Entry *e) noexcept;

/// Fills `edge` from an operand; generation becomes at least the operand's.
void connect(Entry &entry, Edge &edge, const Variable &x);
/// Whether a gradient flows to x.
bool takes_gradient(const Node &x);

/// An operator of the table.
class OpEntry final : public Entry {
public:
  OpEntry(const OpInfo &op, Attrs &&attrs, const Location &where,
          uint64_t order)
      : Entry(where, order), op(op), attrs(std::move(attrs)) {
    edges = operands;
    results = &result;
    num_outputs = 1;
  }
  std::string name() const override { return op.name; }
  void backward(std::span<const Variable> gys, std::span<const bool> wanted,
                bool connected, std::span<Variable> gxs) override;
  void attach(std::span<const Variable> xs, const Variable &y);

private:
  const OpInfo &op;
  const Attrs attrs;
  Edge operands[3];
  Output result;
};

/// Leaves an Entry for y = op(xs), if a gradient flows through it at all.
void record_on_tape(const OpInfo &op, std::span<const Variable> xs,
                    Attrs &&attrs, const Variable &y, const Location &where,
                    uint64_t order = 0);

} // namespace etch::detail

#endif // ETCH_ENGINE_TAPE_H
