//===- Tape.cpp - the graph that operations leave behind ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "frontend/engine/Tape.h"
#include "etch/error.h"
#include "etch/graph.h"
#include "frontend/core/Pool.h"
#include "frontend/engine/Engine.h"
#include "frontend/engine/Rules.h"

#include <bit>
#include <unordered_map>

using namespace etch;
using namespace etch::detail;

bool detail::takes_gradient(const Node &x) {
  return !(x.flags & Node::constant) && is_floating(x.value->dtype);
}

//===----------------------------------------------------------------------===//
// Entries
//===----------------------------------------------------------------------===//

void detail::destroy(Entry *e) noexcept {
  // Freeing an entry frees those that it alone holds: they wait in a list
  // instead of on the stack, linked through a field that has no use any more.
  static thread_local std::vector<Entry *> *waiting = nullptr;
  if (waiting) {
    waiting->push_back(e);
    return;
  }
  std::vector<Entry *> list;
  waiting = &list;
  delete e;
  while (!list.empty()) {
    Entry *next = list.back();
    list.pop_back();
    delete next;
  }
  waiting = nullptr;
}

void *Entry::operator new(size_t bytes) { return pool_allocate(bytes); }
void Entry::operator delete(void *entry, size_t bytes) {
  pool_free(entry, bytes);
}

void detail::connect(Entry &entry, Edge &edge, const Variable &x) {
  Node &n = *x.node();
  if (!n.is_leaf()) {
    edge.producer = n.creator;
    edge.output = n.output;
    entry.derivative = std::max(entry.derivative, n.creator->derivative);
  } else {
    edge.leaf = NodeRef(&n);
  }
  edge.wanted = takes_gradient(n);
  entry.generation = std::max(entry.generation, n.generation);
}

void Entry::adopt_output(int i, const Variable &y) {
  Node &n = *y.node();
  n.creator = Ref<Entry>(this);
  n.output = uint16_t(i);
  n.generation = generation + 1;
  results[i].node = &n;
  results[i].type = n.value->type();
}

/// Result `o` of `e` has no Node any more: one that takes its place.
static Variable revive(Entry &e, int i, ValueRef value) {
  Variable x = make_variable(std::move(value));
  e.adopt_output(i, x);
  return x;
}

static Variable handle_of(Node *n) {
  retain(n);
  return Variable::adopt(n);
}

TensorType Edge::type() const {
  return kept       ? kept->type()
         : producer ? producer->outputs()[output].type
                    : leaf->value->type();
}

Variable Entry::output(int i) {
  Output &o = results[i];
  if (o.cut)
    return o.node ? handle_of(o.node)
                  : make_variable(make_type_only(o.type.dtype, o.type.shape));
  if (o.node && (!o.kept || o.node->value == o.kept))
    return handle_of(o.node);
  return revive(*this, i,
                o.kept ? o.kept : make_type_only(o.type.dtype, o.type.shape));
}

Variable Entry::input(int i, bool connected) {
  Edge &e = edges[i];
  if (e.leaf && e.leaf->value == e.kept)
    return handle_of(e.leaf.get());
  if (!connected)
    return make_variable(e.kept, Node::constant);
  if (e.leaf) {
    // The leaf was assigned to since. What this operation read is an identity
    // of the leaf in the graph, with the contents of then.
    Variable x = make_variable(e.kept), leaf = handle_of(e.leaf.get());
    std::vector<int64_t> shape(e.kept->shape.begin(), e.kept->shape.end());
    record_on_tape(opInfo(OpId::Reshape), {&leaf, 1}, {std::move(shape)}, x,
                   where);
    return x;
  }
  Output &o = e.producer->results[e.output];
  if (o.node && o.node->value == e.kept)
    return handle_of(o.node);
  return o.cut ? make_variable(e.kept) : revive(*e.producer, e.output, e.kept);
}

void Entry::cut(int i) {
  Output &o = results[i];
  o.cut = true;
  o.kept = {};
  if (Node *n = o.node) {
    // It still holds this entry, through which its consumers find it.
    n->flags |= Node::unchained;
    n->generation = 0;
  }
  for (const Output &other : outputs())
    if (!other.cut)
      return;
  for (Edge &e : inputs())
    e = Edge();
}

//===----------------------------------------------------------------------===//
// Operators of the table
//===----------------------------------------------------------------------===//

namespace {
namespace {
struct KeyHash {
  size_t operator()(const std::pair<uint64_t, uint64_t> &key) const {
    return size_t(key.first * 0x9e3779b97f4a7c15u ^ key.second);
  }
};
} // namespace

/// One number for all numbers among the attributes.
static uint64_t numbers_of(const Attrs &attrs) {
  uint64_t all = 0;
  for (const AttrValue &a : attrs) {
    uint64_t own = 0;
    if (auto *i = std::get_if<int64_t>(&a))
      own = uint64_t(*i);
    else if (auto *f = std::get_if<double>(&a))
      own = std::bit_cast<uint64_t>(*f);
    else if (auto *b = std::get_if<bool>(&a))
      own = *b;
    all = (all ^ own) * 0x100000001b3u + 1;
  }
  return all;
}

/// What a rule reads, by operand; the result comes last.
struct ReadSet {
  Reads reads[4];
};
} // namespace

/// Runs op's rule on paper.
static ReadSet probe(const OpInfo &op, std::span<const TensorType> xs,
                     const TensorType &y, const Attrs &attrs, unsigned wanted) {
  RuleRunner runner({});
  GraphBuilder::Handle operands[3];
  for (size_t i = 0; i < xs.size(); ++i)
    operands[i] = runner.source(xs[i]);
  GraphBuilder::Handle result = runner.source(y), gy = runner.source(y);
  std::vector<Expr> gxs =
      op.vjp({&runner, {operands, xs.size()}, result, gy, attrs});
  for (size_t i = 0; i < gxs.size(); ++i)
    if (gxs[i] && (wanted >> i & 1))
      runner.mark(gxs[i].handle());
  ReadSet set{};
  for (size_t i = 0; i < xs.size(); ++i)
    set.reads[i] = runner.reads(operands[i]);
  set.reads[3] = runner.reads(result);
  return set;
}

void OpEntry::attach(std::span<const Variable> xs, const Variable &y) {
  num_inputs = uint32_t(xs.size());
  unsigned wanted = 0, ranks = 0;
  for (size_t i = 0; i < xs.size(); ++i) {
    connect(*this, edges[i], xs[i]);
    wanted |= unsigned(edges[i].wanted) << i;
    ranks = ranks << 4 | unsigned(xs[i].node()->value->shape.rank());
  }
  adopt_output(0, y);
  if (!op.vjp)
    return;
  // What a rule reads depends on ranks, on which gradients are wanted, and on
  // numbers among the attributes: a zeroth power reads nothing.
  std::pair key(uint64_t(op.id) << 32 | ranks << 4 | wanted, numbers_of(attrs));
  static thread_local std::unordered_map<decltype(key), ReadSet, KeyHash> cache;
  auto found = cache.find(key);
  if (found == cache.end()) {
    if (cache.size() == 4096) // as many exponents as there are calls
      cache.clear();
    TensorType types[3];
    for (size_t i = 0; i < xs.size(); ++i)
      types[i] = xs[i].node()->value->type();
    found = cache
                .emplace(key, probe(op, {types, xs.size()}, result.type, attrs,
                                    wanted))
                .first;
  }
  const ReadSet &set = found->second;
  for (size_t i = 0; i < xs.size(); ++i) {
    const ValueRef &v = xs[i].node()->value;
    if (set.reads[i] == Reads::contents)
      edges[i].kept = v;
    else if (set.reads[i] == Reads::type && edges[i].leaf)
      edges[i].kept = make_type_only(v->dtype, v->shape);
  }
  if (set.reads[3] == Reads::contents)
    result.kept = y.node()->value;
}

void OpEntry::backward(std::span<const Variable> gys,
                       std::span<const bool> wanted, bool connected,
                       std::span<Variable> gxs) {
  if (op.gradient == Gradient::inactive)
    return;
  if (op.gradient == Gradient::none || !op.vjp)
    throw UserError(std::string(op.name) + ": it has no gradient", where);
  RuleRunner runner(where);
  GraphBuilder::Handle handles[3];
  for (uint32_t i = 0; i < num_inputs; ++i) {
    const ValueRef &kept = edges[i].kept;
    handles[i] = runner.source(edges[i].type(), kept && kept->storage
                                                    ? input(int(i), connected)
                                                    : Variable());
  }
  // A result that is not read is known by its type only.
  Variable y = !result.kept ? Variable()
               : connected  ? output(0)
                            : make_variable(result.kept, Node::constant);
  GraphBuilder::Handle hy = runner.source(result.type, y),
                       hg = runner.source(result.type, gys[0]);
  std::vector<Expr> rules =
      op.vjp({&runner, {handles, num_inputs}, hy, hg, attrs});
  // In the order of the rule, whoever wants what.
  GraphBuilder::Handle found[3];
  size_t n = 0;
  for (size_t i = 0; i < rules.size(); ++i)
    if (rules[i] && wanted[i])
      found[n++] = rules[i].handle();
  Variable results[3];
  runner.evaluate({found, n}, results);
  n = 0;
  for (size_t i = 0; i < rules.size(); ++i)
    if (rules[i] && wanted[i])
      gxs[i] = std::move(results[n++]);
}

void detail::record_on_tape(const OpInfo &op, std::span<const Variable> xs,
                            Attrs &&attrs, const Variable &y,
                            const Location &where, uint64_t order) {
  bool active = op.gradient != Gradient::inactive && takes_gradient(*y.node());
  if (active) {
    active = false;
    for (const Variable &x : xs)
      active |= takes_gradient(*x.node());
  }
  if (!active) {
    y.node()->flags |= Node::constant;
    return;
  }
  auto *entry = new OpEntry(op, std::move(attrs), where, order);
  Ref<Entry> hold(entry);
  entry->attach(xs, y);
}

//===----------------------------------------------------------------------===//
// Creator
//===----------------------------------------------------------------------===//

static Entry *entry_of(void *e) { return static_cast<Entry *>(e); }

Creator::Creator(void *e) noexcept : entry(e) {
  if (e)
    add_ref(entry_of(e));
}
Creator::Creator(const Creator &o) noexcept : Creator(o.entry) {}
Creator::~Creator() {
  if (entry && drop_ref(entry_of(entry)))
    destroy(entry_of(entry));
}

std::string Creator::name() const { return entry_of(entry)->name(); }
int64_t Creator::generation() const { return entry_of(entry)->generation; }
Location Creator::location() const { return entry_of(entry)->where; }

Variables Creator::inputs() const {
  Entry &e = *entry_of(entry);
  Variables xs;
  for (int i = 0; i < int(e.inputs().size()); ++i) {
    Edge &edge = e.inputs()[size_t(i)];
    if (edge.leaf)
      xs.push_back(handle_of(edge.leaf.get()));
    else if (edge.producer)
      xs.push_back(edge.producer->output(edge.output));
    else
      xs.emplace_back();
  }
  return xs;
}

Variables Creator::outputs() const {
  Variables ys;
  for (Output &o : entry_of(entry)->outputs())
    ys.push_back(o.node ? handle_of(o.node) : Variable());
  return ys;
}
