//===- Gradients.cpp - backward() and grad() in a trace -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A gradient is one event; the compiler expands it. What it says here is which
// values get one: those that the eager engine would give one.
//===----------------------------------------------------------------------===//

#include "frontend/compile/Tracer.h"

#include "etch/config.h"
#include "frontend/engine/Tape.h"

#include <algorithm>

using namespace etch;
using namespace etch::detail;

/// In TraceValue::flags: a result that set_requires_grad() made a leaf.
static constexpr uint16_t made_leaf = 1 << 14;

/// What y was computed from, where gradients flow.
Tracer::Reach Tracer::reach(int32_t y, bool to_cut, const Location &where) {
  // With gradients on the way, what is in them decides.
  std::vector<int32_t> stack;
  bool exact = false;
  if (!to_cut)
    for (const Event &e : t->events)
      exact |= e.kind == Event::Kind::gradient && e.create_graph;
  if (exact) {
    if (!expansion)
      expansion = std::make_unique<Expansion>(*t);
    exact = expansion->find(y, stack);
  }
  if (!exact)
    stack = {y};
  Reach found;
  std::vector<bool> seen(t->values.size());
  for (int32_t v : stack)
    seen[size_t(v)] = true;
  auto push = [&](int32_t v) {
    if (!exact && v >= 0 && !seen[size_t(v)]) {
      seen[size_t(v)] = true;
      stack.push_back(v);
    }
  };
  while (!stack.empty()) {
    int32_t v = stack.back();
    stack.pop_back();
    const TraceValue &value = t->values[size_t(v)];
    if (!is_floating(value.type.dtype) || (value.flags & Node::constant))
      continue;
    const Event *e =
        value.event < 0 ? nullptr : &t->events[size_t(value.event)];
    if (!e || (value.flags & (Node::untracked | made_leaf)) ||
        e->kind == Event::Kind::assign || e->kind == Event::Kind::cut) {
      found.leaves.push_back(v);
      continue;
    }
    if ((value.flags & Node::unchained) && to_cut)
      continue;
    if (value.flags & Node::unchained)
      throw TraceError("backward: it leads through a Variable that was "
                       "unchained after it had been used; use detach() before "
                       "the use instead",
                       where);
    if (e->kind == Event::Kind::rule)
      continue;
    if (!e->failure.empty() && !to_cut)
      throw UserError(e->failure, where);
    found.inner.push_back(v);
    if (e->kind == Event::Kind::region || e->kind == Event::Kind::middle ||
        e->kind == Event::Kind::end) {
      if (e->kind == Event::Kind::end && !to_cut)
        check_bound(*e, where);
      for (int32_t u : region_sources(v))
        push(u);
      continue;
    }
    std::span<const Use> uses = t->uses_of(*e);
    size_t count = e->kind == Event::Kind::gradient ? 2
                   : e->kind == Event::Kind::call   ? e->num_inputs
                   : e->kind == Event::Kind::accumulate && !e->had_old
                       ? 1
                       : uses.size();
    for (size_t i = 0; i < count; ++i)
      push(uses[i].value);
  }
  std::sort(found.leaves.begin(), found.leaves.end());
  std::sort(found.inner.begin(), found.inner.end());
  return found;
}

/// Replays or records the event; returns its number.
size_t Tracer::gradient(const Variable &y, const Variable &seed, bool whole,
                        BackwardOptions options, std::span<const Variable> xs,
                        const Location &where) {
  while (replaying) {
    Event *e = next(Event::Kind::gradient);
    const Use *uses = e ? t->uses.data() + e->first_use : nullptr;
    bool same =
        e && e->whole == whole && e->retain_grad == options.retain_grad &&
        e->create_graph == options.create_graph && matches(uses[0], y) &&
        (seed.defined() ? uses[1].value >= 0 && matches(uses[1], seed)
                        : uses[1].value < 0) &&
        (whole || e->num_uses == 2 + xs.size());
    for (size_t i = 0; same && i < xs.size(); ++i)
      same = matches(uses[2 + i], xs[i]);
    if (same) {
      e->where = where;
      return cursor++;
    }
    diverge(whole ? "backward()" : "grad()", where);
  }
  record_gradient(y, seed, whole, options, xs, where);
  return t->events.size() - 1;
}

void Tracer::record_gradient(const Variable &y, const Variable &seed,
                             bool whole, BackwardOptions options,
                             std::span<const Variable> xs,
                             const Location &where) {
  auto fail = [&](const std::string &what) {
    throw UserError(std::string(whole ? "backward" : "grad") + ": " +
                        (y.name().empty() ? "y" : y.name()) + " " + what,
                    where);
  };
  if (!is_floating(y.dtype()))
    fail(std::string("is ") + name_of(y.dtype()) +
         ": only floats have gradients");
  if (y.node()->flags & Node::untracked)
    fail("has no graph: it was computed in a NoGrad scope");
  if (y.node()->flags & Node::constant)
    fail("has no graph: no gradient flows to what it was computed from");
  if (seed.defined() && seed.type() != y.type())
    fail("is " + to_string(y.type()) + " but its gradient is " +
         to_string(seed.type()));

  int32_t from = use_of(y, where).value;
  Reach found = reach(from, false, where);
  if (whole)
    check_gradient(found, {}, true, where);
  Event &added = add_event(Event::Kind::gradient, where);
  added.whole = whole;
  added.retain_grad = options.retain_grad;
  added.create_graph = options.create_graph;
  added.untracked = !options.create_graph;
  add_use(y, where);
  if (seed.defined()) {
    add_use(seed, where);
  } else {
    t->uses.push_back({});
    ++t->events.back().num_uses;
  }

  std::vector<int32_t> wanted; // one result each
  std::vector<int32_t> picks;
  if (whole) {
    // An array with a graph of its own outside is no leaf there.
    for (int32_t v : found.leaves)
      if (!(t->values[size_t(v)].flags & has_creator))
        wanted.push_back(v);
    if (options.retain_grad) {
      std::vector<bool> hidden = hidden_values();
      for (int32_t v : found.inner)
        if (v != from && current[size_t(t->values[size_t(v)].slot)] == v &&
            !hidden[size_t(v)])
          wanted.push_back(v);
    }
    for (int32_t v : wanted) {
      t->values[size_t(v)].seen = true;
      t->uses.push_back({v, t->values[size_t(v)].slot});
      ++t->events.back().num_uses;
    }
  } else {
    std::vector<int32_t> targets;
    for (const Variable &x : xs) {
      if (!x.defined())
        throw ValueError("grad: an x is empty", where);
      Use use = use_of(x, where);
      t->uses.push_back(use);
      ++t->events.back().num_uses;
      targets.push_back(use.value);
      bool reached =
          std::binary_search(found.leaves.begin(), found.leaves.end(),
                             use.value) ||
          std::binary_search(found.inner.begin(), found.inner.end(), use.value);
      if (reached) {
        picks.push_back(int32_t(wanted.size()));
        wanted.push_back(use.value);
      } else {
        picks.push_back(-1);
      }
    }
    check_gradient(found, targets, false, where);
  }
  t->events.back().picks = std::move(picks);
  uint16_t flags = options.create_graph ? 0 : Node::untracked;
  for (int32_t v : wanted)
    add_result(TensorType(t->values[size_t(v)].type), flags);
}

/// What x.grad() is once `g` has arrived and it was `old`.
Variable Tracer::accumulate(const Variable &g, const Variable &old,
                            const Location &where) {
  bool had = old.defined();
  while (replaying) {
    Event *e = next(Event::Kind::accumulate);
    const Use *uses = e ? t->uses.data() + e->first_use : nullptr;
    bool on_host = e && t->adds_on_host(*e);
    if (e && matches(uses[0], g) && (on_host || e->had_old == had) &&
        (on_host || !had || matches(uses[1], old))) {
      ++cursor;
      if (on_host && had)
        olds.push_back({e->first_value, old});
      return handle(e->first_value);
    }
    diverge("a gradient", where);
  }
  Event &e = add_event(Event::Kind::accumulate, where);
  e.had_old = had;
  add_use(g, where);
  if (had) {
    add_use(old, where);
  } else {
    // Numbers are the same with an older gradient and without.
    int32_t none = add_value(g.type(), Source::captured, -1, 0);
    t->uses.push_back({none, none});
    ++t->events.back().num_uses;
  }
  Variable sum = add_result(g.type(), g.node()->flags);
  if (had)
    olds.push_back({int32_t(sum.node()->index), old});
  return sum;
}

void Tracer::give_gradient(int32_t slot, Variable g, const Location &where) {
  Node *n = t->nodes[size_t(slot)].get();
  Variable old = n->grad;
  bool traced = old.defined() && old.node()->trace;
  if (traced || (old.defined() && old.type() != g.type())) {
    n->grad = detail::apply(OpId::Add, {old, g}, {}, where);
    return;
  }
  n->grad = accumulate(g, old, where);
}

void Tracer::backward(const Variable &y, const BackwardOptions &options,
                      const Location &where) {
  Variable seed = y.grad();
  size_t at = gradient(y, seed, true, options, {}, where);
  UsingConfig mode(&Config::enable_backprop, options.create_graph);
  // The trace may change on the way; the numbers of this event stay.
  size_t count = t->events[at].num_uses - 2;
  for (size_t i = 0; i < count; ++i) {
    Use use = t->uses[t->events[at].first_use + 2 + i];
    give_gradient(use.slot, handle(t->events[at].first_value + int32_t(i)),
                  where);
  }
  Node *n = y.node();
  if (n->trace && int(n->index) >= t->num_args)
    n->grad = !options.retain_grad ? Variable()
              : seed.defined()     ? seed
                                   : literal(1, y.type(), where);
}

Variables Tracer::grad(const Variable &y, std::span<const Variable> xs,
                       const GradOptions &options, const Location &where) {
  size_t at = gradient(
      y, options.seed, false,
      {.retain_grad = false, .create_graph = options.create_graph}, xs, where);
  Variables gs;
  const Event &e = t->events[at];
  for (int32_t pick : e.picks)
    gs.push_back(pick < 0 ? Variable() : handle(e.first_value + pick));
  return gs;
}

Variable Tracer::leaf(const Variable &x, const Location &where) {
  // x + (-0) is x, to the bit, and no rewrite looks through it: a gradient with
  // respect to it is not one with respect to x.
  Variable zero = literal(-0.0, x.type(), where);
  Variable y = detail::apply(OpId::Add, {x, zero}, {}, where);
  uint16_t &flags = t->values[size_t(y.node()->index)].flags;
  flags &= uint16_t(~Node::constant);
  y.node()->flags = flags & uint16_t(~made_leaf);
  if (!takes_gradient(*x.node()))
    flags |= made_leaf;
  return y;
}

void Tracer::unchain(const Variable &x, bool all, const Location &where) {
  while (replaying) {
    Event *e = next(Event::Kind::cut);
    if (e && e->whole == all && matches(t->uses[e->first_use], x)) {
      e->where = where;
      ++cursor;
      return;
    }
    diverge("unchain()", where);
  }
  check_local("unchain()", x, where);
  add_event(Event::Kind::cut, where).whole = all;
  add_use(x, where);
  Use use = t->uses[t->events.back().first_use];
  std::vector<int32_t> cuts;
  if (!all) {
    cuts.push_back(use.value);
  } else {
    std::vector<bool> hidden = hidden_values();
    for (int32_t v : reach(use.value, true, where).inner)
      if (v != use.value && !hidden[size_t(v)]) {
        check_local("unchain_backward()", handle(t->values[size_t(v)].slot),
                    where);
        cuts.push_back(v);
      }
  }
  int32_t event = int32_t(t->events.size()) - 1;
  for (int32_t v : cuts) {
    TraceValue &old = t->values[size_t(v)];
    if (old.event < 0 || old.source == Source::literal ||
        current[size_t(old.slot)] != v)
      continue; // a leaf already, or not what its Node stands for any more
    int32_t slot = old.slot;
    old.flags |= Node::unchained;
    TensorType type = old.type;
    uint16_t flags = old.flags;
    t->uses.push_back({v, slot});
    int32_t id = add_value(type, Source::result, event, flags);
    t->values[size_t(id)].slot = slot;
    current[size_t(slot)] = id;
    Event &e = t->events.back();
    ++e.num_uses;
    if (e.num_values++ == 0)
      e.first_value = id;
  }
}
