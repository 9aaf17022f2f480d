//===- Backward.cpp - the reverse sweep -----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A heap of entries, the newest first: when an entry is taken, all that uses
// its results was newer and has been. No recursion, whatever the depth.
// Cotangents of one value are added left to right in the order in which they
// arrive, by a fresh addition each (a buffer may be shared, so none is ever
// added into).
//===----------------------------------------------------------------------===//

#include "frontend/engine/Backward.h"
#include "frontend/core/Graphics.h"
#include "frontend/core/Pool.h"
#include "frontend/core/ThreadState.h"
#include "frontend/engine/Engine.h"
#include "frontend/engine/Merging.h"
#include "frontend/engine/Tape.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <unordered_set>

using namespace etch;
using namespace etch::detail;

namespace etch::detail {

class Sweep;

/// An entry that waits for its turn, with the cotangents that have arrived. The
/// entry points to it. A sweep inside a user's backward may visit entries that
/// wait in the outer sweep: it puts its own Pending before that one.
struct Pending {
  Pending(Sweep *sweep, Entry *entry)
      : sweep(sweep), entry(entry), outer(entry->pending) {
    size_t n = entry->outputs().size();
    if (n != 1)
      several.resize(n);
    entry->pending = this;
  }
  ~Pending() { entry->pending = outer; }

  Sweep *const sweep;
  const Ref<Entry> entry;
  Pending *const outer;
  /// By output.
  std::span<Variable> cotangents() {
    return several.empty() ? std::span(&one, 1) : std::span(several);
  }

private:
  Variable one;
  Variables several;
};

class Sweep {
public:
  Sweep(const BackwardOptions &options, const std::vector<Variable> *targets,
        const Location &where)
      : options(options), targets(targets), where(where) {}
  ~Sweep() {
    for (Pending *p : heap) // after an error
      pool_delete(p);
  }

  Variables run(const Variable &y, const Variable &seed);

private:
  void add(Variable &sum, const Variable &term);
  std::pair<size_t, bool> find_leaf(Node *leaf);
  void deliver_to_leaf(Node *leaf, const Variable &cotangent);
  Variable &cotangent_of(Entry *entry, int output);
  void deliver(Edge &edge, const Variable &cotangent);
  void process(Pending &pending);
  void find_useful(Entry *root);

  const BackwardOptions &options;
  const std::vector<Variable> *targets;
  const Location where;

  std::vector<Pending *> heap;
  /// Leaves in the order of first arrival, with their sums.
  std::vector<std::pair<NodeRef, Variable>> leaves;
  /// Where a leaf stands there, once they are many.
  std::unordered_map<Node *, size_t> leaf_index;
  /// With targets: the entries that lead to one. Other work is left undone.
  std::unordered_set<Entry *> useful;
  /// Gradients of targets that are not leaves.
  std::unordered_map<Node *, Variable> found;
};

} // namespace etch::detail

static bool older(const Entry *a, const Entry *b) {
  return a->order < b->order;
}
static bool older_pending(const Pending *a, const Pending *b) {
  return older(a->entry.get(), b->entry.get());
}

void Sweep::add(Variable &sum, const Variable &term) {
  sum = sum.defined() ? apply(OpId::Add, {sum, term}, {}, where) : term;
}

/// The leaf's place and whether it is there.
std::pair<size_t, bool> Sweep::find_leaf(Node *leaf) {
  constexpr size_t few = 16;
  size_t n = leaves.size();
  if (n <= few) {
    for (size_t i = 0; i < n; ++i)
      if (leaves[i].first.get() == leaf)
        return {i, true};
    return {n, false};
  }
  if (leaf_index.empty())
    for (size_t i = 0; i < n; ++i)
      leaf_index.emplace(leaves[i].first.get(), i);
  auto found = leaf_index.find(leaf);
  return found == leaf_index.end() ? std::pair(n, false)
                                   : std::pair(found->second, true);
}

void Sweep::deliver_to_leaf(Node *leaf, const Variable &cotangent) {
  if ((leaf->flags & Node::severed) && !targets)
    throw UserError("backward: it leads to the result of a compiled function, "
                    "which keeps no graph: call backward() inside of the "
                    "function, or detach() the result",
                    where);
  auto [at, known] = find_leaf(leaf);
  if (known)
    return add(leaves[at].second, cotangent);
  leaves.emplace_back(NodeRef(leaf), cotangent);
  if (!leaf_index.empty())
    leaf_index.emplace(leaf, at);
}

Variable &Sweep::cotangent_of(Entry *entry, int output) {
  if (!entry->pending || entry->pending->sweep != this) {
    heap.push_back(pool_new<Pending>(this, entry));
    std::push_heap(heap.begin(), heap.end(), older_pending);
  }
  return entry->pending->cotangents()[size_t(output)];
}

void Sweep::deliver(Edge &edge, const Variable &cotangent) {
  if (edge.leaf)
    return deliver_to_leaf(edge.leaf.get(), cotangent);
  if (!edge.producer)
    return;
  Output &o = edge.producer->outputs()[edge.output];
  if (!o.cut)
    add(cotangent_of(edge.producer.get(), edge.output), cotangent);
  else if (o.node)
    deliver_to_leaf(o.node, cotangent);
}

/// Whether the edge leads to a leaf of which somebody wants the gradient, or
/// on.
static bool leads_on(const Edge &edge) {
  if (edge.leaf && (edge.leaf->flags & Node::seed))
    return false;
  return edge.wanted && (edge.leaf || edge.producer);
}

void Sweep::process(Pending &p) {
  Entry &entry = *p.entry;
  std::span<Output> outputs = entry.outputs();
  std::span<Variable> cotangents = p.cotangents();
  for (size_t i = 0; i < outputs.size(); ++i) {
    Node *n = outputs[i].node;
    if (!n || !cotangents[i].defined())
      continue;
    if (targets)
      for (const Variable &t : *targets)
        if (t.node() == n)
          found[n] = cotangents[i];
    if (!targets && options.retain_grad)
      add(n->grad, cotangents[i]);
  }
  std::span<Edge> inputs = entry.inputs();
  bool few[8], any = false;
  std::vector<char> many(inputs.size() > 8 ? inputs.size() : 0);
  bool *wanted =
      inputs.size() > 8 ? reinterpret_cast<bool *>(many.data()) : few;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Edge &e = inputs[i];
    wanted[i] = leads_on(e);
    if (targets && wanted[i])
      wanted[i] = e.leaf ? std::any_of(targets->begin(), targets->end(),
                                       [&](const Variable &t) {
                                         return t.node() == e.leaf.get();
                                       })
                         : useful.count(e.producer.get()) != 0;
    any |= wanted[i];
  }
  if (!any)
    return;
  LocationScope scope(entry.where);
  Variable few_gxs[8];
  Variables many_gxs(inputs.size() > 8 ? inputs.size() : 0);
  std::span<Variable> gxs =
      many_gxs.empty() ? std::span(few_gxs, inputs.size()) : many_gxs;
  entry.backward(cotangents, {wanted, inputs.size()}, options.create_graph,
                 gxs);
  for (size_t i = 0; i < inputs.size(); ++i)
    if (wanted[i] && gxs[i].defined())
      deliver(inputs[i], gxs[i]);
}

void Sweep::find_useful(Entry *root) {
  std::vector<Entry *> all, stack{root};
  std::unordered_set<Entry *> seen{root};
  while (!stack.empty()) {
    Entry *e = stack.back();
    stack.pop_back();
    all.push_back(e);
    for (const Edge &edge : e->inputs())
      if (edge.wanted && edge.producer &&
          seen.insert(edge.producer.get()).second)
        stack.push_back(edge.producer.get());
  }
  std::sort(all.begin(), all.end(), older);
  auto is_target = [&](const Node *n) {
    return n && std::any_of(targets->begin(), targets->end(),
                            [&](const Variable &t) { return t.node() == n; });
  };
  for (Entry *e : all) {
    bool leads = false;
    for (const Output &o : e->outputs())
      leads |= is_target(o.node);
    for (const Edge &edge : e->inputs())
      leads |= edge.wanted && (edge.leaf ? is_target(edge.leaf.get())
                                         : useful.count(edge.producer.get()));
    if (leads)
      useful.insert(e);
  }
}

Variables Sweep::run(const Variable &y, const Variable &seed) {
  Node &root = *y.node();
  heap.reserve(16);
  leaves.reserve(16);
  std::optional<MergeScope> merging;
  if (root.is_leaf()) {
    if (targets || !root.grad.defined())
      deliver_to_leaf(&root, seed);
  } else {
    if (options.create_graph && config().merge_gradients)
      merging.emplace(1 + root.creator->derivative);
    if (targets)
      find_useful(root.creator.get());
    cotangent_of(root.creator.get(), root.output) = seed;
  }
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), older_pending);
    struct Turn { // ends also when the rule throws
      Pending *p;
      ~Turn() { pool_delete(p); }
    } turn{heap.back()};
    heap.pop_back();
    process(*turn.p);
  }
  merging.reset();
  if (!targets) {
    for (auto &[leaf, sum] : leaves)
      if (leaf->handles.refs || !sum.node()->creator) // see release()
        add(leaf->grad, sum);
    return {};
  }
  Variables result;
  for (const Variable &t : *targets) {
    auto [at, is_leaf] = find_leaf(t.node());
    auto inner = found.find(t.node());
    result.push_back(is_leaf                ? leaves[at].second
                     : inner != found.end() ? inner->second
                                            : Variable());
  }
  return result;
}

Variables detail::sweep(const Variable &y, const Variable &seed,
                        const BackwardOptions &options,
                        const std::vector<Variable> *targets,
                        const Location &where) {
  const char *name = targets ? "grad" : "backward";
  auto fail = [&](const std::string &why) {
    std::string who = y.defined() && !y.name().empty() ? y.name() : "y";
    throw UserError(std::string(name) + ": " + who + " " + why, where);
  };
  if (!y.defined())
    fail("is empty");
  const Node &n = *y.node();
  if (n.is_leaf() && (n.flags & Node::untracked))
    fail("has no graph: it was computed in a NoGrad scope");
  if (!is_floating(y.dtype()))
    fail(std::string("is ") + name_of(y.dtype()) +
         ": only floats have gradients");
  if (n.is_leaf() && (n.flags & Node::constant))
    fail("has no graph: no gradient flows to what it was computed from");
  Variable start = seed;
  if (!start.defined()) {
    // A graph of gradients shows what was computed from the seed alone, too.
    ValueRef one = make_splat(1, y.dtype(), y.shape());
    if (n.value->on_device())
      one = splat_to(device_of(*n.value), *one, where);
    start = make_variable(std::move(one),
                          options.create_graph ? Node::seed : Node::constant);
  } else if (start.type() != y.type()) {
    fail("is " + to_string(y.type()) + " but its gradient is " +
         to_string(start.type()));
  }
  UsingConfig mode(&Config::enable_backprop, options.create_graph);
  return Sweep(options, targets, where).run(y, start);
}

//===----------------------------------------------------------------------===//
// The Variable's side
//===----------------------------------------------------------------------===//

void Variable::backward(BackwardOptions options, SourceLocation l) const {
  if (defined())
    if (Recorder *r = recorder())
      return r->backward(*this, options, Location(l).in_user_code());
  Variable seed = grad();
  detail::sweep(*this, seed, options, nullptr, l);
  // Only leaves keep their gradient.
  if (!node_->is_leaf())
    node_->grad = options.retain_grad && !seed.defined() ? node_->grad
                  : options.retain_grad                  ? seed
                                                         : Variable();
}

Variables etch::grad(const Variable &y, const Variables &xs,
                     const GradOptions &options, SourceLocation l) {
  if (y.defined())
    if (Recorder *r = recorder())
      return r->grad(y, xs, options, Location(l).in_user_code());
  return detail::sweep(
      y, options.seed,
      {.retain_grad = false, .create_graph = options.create_graph}, &xs, l);
}

void Variable::unchain(SourceLocation l) const {
  if (!defined())
    return;
  if (Recorder *r = recorder())
    return r->unchain(*this, false, Location(l).in_user_code());
  if (!node_->is_leaf())
    node_->creator->cut(node_->output);
}

void Variable::unchain_backward(SourceLocation l) const {
  if (!defined())
    return;
  if (Recorder *r = recorder())
    return r->unchain(*this, true, Location(l).in_user_code());
  if (node_->is_leaf())
    return;
  std::vector<Ref<Entry>> found;
  std::unordered_set<Entry *> seen;
  auto visit = [&](Entry &e) {
    for (const Edge &edge : e.inputs())
      if (edge.producer && seen.insert(edge.producer.get()).second)
        found.push_back(edge.producer);
  };
  visit(*node_->creator);
  for (size_t i = 0; i < found.size(); ++i) {
    Ref<Entry> e = found[i]; // the vector grows
    visit(*e);
  }
  for (const Ref<Entry> &e : found)
    for (int i = 0; i < int(e->outputs().size()); ++i)
      e->cut(i);
}
