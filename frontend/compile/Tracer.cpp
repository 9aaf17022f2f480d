//===- Tracer.cpp - records a function, or compares it with a trace -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "frontend/compile/Tracer.h"

#include "etch/config.h"
#include "frontend/core/FixedNumbers.h"
#include "frontend/engine/Tape.h"

#include <algorithm>

using namespace etch;
using namespace etch::detail;

Tracer::Tracer() : serial(next_serial()) {}

Variable Tracer::handle(int32_t slot) const {
  Node *n = t->nodes[size_t(slot)].get();
  retain(n);
  return Variable::adopt(n);
}

Node *Tracer::real(int32_t slot) const {
  return slot < t->num_args ? actual[size_t(slot)].node()
                            : t->nodes[size_t(slot)].get();
}

//===----------------------------------------------------------------------===//
// A call
//===----------------------------------------------------------------------===//

/// Gives the trace Nodes where others took them.
void Tracer::reset_nodes(Trace &trace) {
  for (size_t i = size_t(trace.num_args); i < trace.values.size(); ++i) {
    TraceValue &v = trace.values[i];
    if (v.source == Source::captured) {
      trace.nodes[i] = {};
    } else if (v.slot == int32_t(i) &&
               (!trace.nodes[i] || trace.nodes[i]->refs != 1)) {
      Variable fresh = make_traced(v.type, serial, int64_t(i));
      fresh.node()->flags = v.flags;
      trace.nodes[i] = NodeRef(fresh.node());
    }
  }
  trace.stale = false;
}

void Tracer::begin(std::span<const Variable> args,
                   std::span<Trace *const> candidates) {
  why.clear();
  args_changed = args.size() != last_actual.size();
  rebound = broken = false;
  regions.clear();
  last_actual.resize(args.size());
  actual.assign(args.begin(), args.end());
  placeholders.resize(args.size());
  for (size_t i = 0; i < args.size(); ++i) {
    const Node *n = args[i].node();
    args_changed |= last_actual[i] != n;
    last_actual[i] = n;
    size_t same = 0;
    while (args[same].node() != n)
      ++same;
    if (same != i) {
      placeholders[i] = placeholders[same];
      continue;
    }
    Variable &p = placeholders[i];
    const TensorType type = n->value->type();
    if (!p.defined() || p.node()->refs != 1 || p.node()->trace != serial ||
        p.node()->index != int64_t(i) || p.node()->value->type() != type)
      p = make_traced(type, serial, int64_t(i));
    p.node()->flags = n->flags;
    p.node()->grad = n->grad;
  }
  expansion.reset();
  own.reset();
  t = nullptr;
  cursor = 0;
  others.assign(candidates.begin(), candidates.end());
  if (others.empty()) {
    own = std::make_unique<Trace>();
    t = own.get();
    t->num_args = int(args.size());
    for (size_t i = 0; i < args.size(); ++i)
      add_value(args[i].type(), Source::argument, -1,
                leaf_flags(args[i].node()));
    leaf_slots.clear();
    current.resize(args.size());
    for (size_t i = args.size(); i-- > 0;) {
      leaf_slots[args[i].node()] = int32_t(i);
      current[i] = int32_t(i);
    }
    replaying = false;
  } else {
    t = others.front();
    others.erase(others.begin());
    replaying = true;
    if (t->stale)
      reset_nodes(*t);
  }
  for (size_t i = 0; i < args.size(); ++i)
    t->nodes[i] = NodeRef(placeholders[i].node());
}

bool Tracer::is_distinct(const Node *n) const {
  for (const Variable &a : actual)
    if (a.node() == n)
      return false;
  if (rebound)
    for (size_t i = 0; i < t->nodes.size(); ++i)
      if (t->nodes[i].get() == n && t->values[i].source == Source::captured)
        return false;
  return true;
}

/// A Node that is not the expected one: is it an array that stands for the same
/// captured value in this call?
bool Tracer::bind(Use use, Node *n) {
  if (!n)
    return false;
  size_t slot = size_t(use.slot);
  TraceValue &leaf = t->values[slot];
  if (leaf.source == Source::argument)
    return actual[slot].node() == n;
  if (leaf.source != Source::captured || t->nodes[slot] || n->trace ||
      !n->value->storage || leaf.flags != leaf_flags(n) ||
      leaf.type != n->value->type())
    return false;
  // What was bound last time was distinct from the others bound then.
  if (t->hints[slot] != n)
    rebound = true;
  if ((rebound || args_changed) && !is_distinct(n))
    return false;
  t->hints[slot] = n;
  t->nodes[slot] = NodeRef(n);
  save_gradient(n);
  return true;
}

/// The function may change the gradients of what it captures.
void Tracer::save_gradient(Node *n) {
  if (is_floating(n->value->dtype))
    saved_grads.emplace_back(NodeRef(n), n->grad);
}

bool Tracer::matches(const Event &e, std::span<const Variable> xs) {
  if (e.num_uses != xs.size())
    return false;
  const Use *uses = t->uses.data() + e.first_use;
  for (size_t i = 0; i < xs.size(); ++i)
    if (!matches(uses[i], xs[i]))
      return false;
  return true;
}

Event *Tracer::next(Event::Kind kind) {
  if (cursor == t->events.size())
    return nullptr;
  Event &e = t->events[cursor];
  return e.kind == kind ? &e : nullptr;
}

//===----------------------------------------------------------------------===//
// Leaving a trace
//===----------------------------------------------------------------------===//

/// How many values the first `events` events know.
static size_t values_before(const Trace &t, size_t events) {
  return events < t.events.size() ? size_t(t.events[events].before)
                                  : t.values.size();
}

/// Hands the Nodes of the common part over.
static void move_nodes(Trace &from, Trace &to, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    to.nodes[i] = std::move(from.nodes[i]);
    to.hints[i] = from.hints[i];
    to.literals[i] = from.literals[i];
  }
  // Bound by the event that did not match after all.
  for (size_t i = count; i < from.nodes.size(); ++i)
    if (from.values[i].source == Source::captured)
      from.nodes[i] = {};
  from.stale = true;
}

bool Tracer::switch_candidate() {
  while (!others.empty()) {
    Trace *other = others.front();
    others.erase(others.begin());
    if (!same_prefix(*t, *other, cursor))
      continue;
    if (other->stale)
      reset_nodes(*other);
    move_nodes(*t, *other, values_before(*t, cursor));
    t = other;
    return true;
  }
  return false;
}

void Tracer::start_recording() {
  Trace &old = *t;
  own = std::make_unique<Trace>();
  Trace &fresh = *own;
  size_t values = values_before(old, cursor);
  size_t uses = cursor < old.events.size() ? old.events[cursor].first_use
                                           : old.uses.size();
  fresh.num_args = old.num_args;
  fresh.values.assign(old.values.begin(), old.values.begin() + long(values));
  fresh.events.assign(old.events.begin(), old.events.begin() + long(cursor));
  fresh.uses.assign(old.uses.begin(), old.uses.begin() + long(uses));
  for (int32_t slot : old.captured)
    if (size_t(slot) < values)
      fresh.captured.push_back(slot);
  fresh.nodes.resize(values);
  fresh.hints.resize(values);
  fresh.literals.resize(values);
  move_nodes(old, fresh, values);
  t = own.get();
  replaying = false;

  leaf_slots.clear();
  current.resize(values);
  for (size_t i = values; i-- > 0;) {
    current[i] = int32_t(i);
    TraceValue &v = fresh.values[i];
    v.seen = false;
    if (v.event >= 0)
      v.flags &= uint16_t(~Node::unchained);
    if (v.source == Source::captured && fresh.nodes[i])
      leaf_slots[fresh.nodes[i].get()] = int32_t(i);
  }
  for (size_t i = size_t(fresh.num_args); i-- > 0;)
    leaf_slots[actual[i].node()] = int32_t(i);
  for (Event &e : fresh.events) {
    if (e.partner >= int32_t(cursor))
      e.partner = -1;
    std::span<const Use> list = fresh.uses_of(e);
    bool cut = e.kind == Event::Kind::cut;
    for (size_t i = 0; i < (cut ? 1 : list.size()); ++i)
      if (list[i].value >= 0)
        fresh.values[size_t(list[i].value)].seen = true;
    if (e.kind == Event::Kind::assign)
      current[size_t(list[0].slot)] = e.first_value;
    for (int32_t i = 0; cut && i < e.num_values; ++i) {
      const Use &use = list[size_t(i) + 1];
      fresh.values[size_t(use.value)].flags |= Node::unchained;
      current[size_t(use.slot)] = e.first_value + i;
    }
  }
}

void Tracer::diverge(const char *what, const Location &where) {
  if (why.empty()) {
    why = "call differs from the trace: expected ";
    why += cursor < t->events.size() ? describe(*t, cursor)
                                     : std::string("the end");
    why += std::string(", got ") + what;
    if (where)
      why += " (" + to_string(where) + ")";
  }
  if (!switch_candidate())
    start_recording();
}

void Tracer::complete() {
  if (broken)
    throw TraceError("an error in a loop or a cond was caught inside of the "
                     "function being compiled; let it through");
  while (replaying && cursor != t->events.size())
    diverge("the end", {});
}

void Tracer::adopt(Trace &other) {
  if (other.stale)
    reset_nodes(other);
  move_nodes(*own, other, own->values.size());
  t = &other;
  own.reset();
}

//===----------------------------------------------------------------------===//
// Recording
//===----------------------------------------------------------------------===//

Event &Tracer::add_event(Event::Kind kind, const Location &where) {
  Event e;
  e.kind = kind;
  e.where = where;
  e.first_use = uint32_t(t->uses.size());
  e.before = e.first_value = int32_t(t->values.size());
  e.untracked = !config().enable_backprop;
  t->events.push_back(std::move(e));
  return t->events.back();
}

int32_t Tracer::add_value(const TensorType &type, Source source, int32_t event,
                          uint16_t flags) {
  int32_t id = int32_t(t->values.size());
  if (source == Source::captured)
    t->captured.push_back(id);
  t->values.push_back({type, source, false, flags, event, id});
  t->nodes.emplace_back();
  t->hints.push_back(nullptr);
  t->literals.push_back(0);
  current.resize(size_t(id) + 1);
  current[size_t(id)] = id;
  return id;
}

/// A result of the last event.
Variable Tracer::add_result(const TensorType &type, uint16_t flags) {
  Event &e = t->events.back();
  int32_t id =
      add_value(type, Source::result, int32_t(t->events.size()) - 1, flags);
  if (e.num_values++ == 0)
    e.first_value = id;
  Variable y = make_traced(type, serial, id);
  y.node()->flags = flags;
  t->nodes[size_t(id)] = NodeRef(y.node());
  return y;
}

bool Tracer::is_own(const Node *n) const {
  return n->trace == serial && n->index >= 0 &&
         size_t(n->index) < t->nodes.size() &&
         t->nodes[size_t(n->index)].get() == n;
}

Use Tracer::use_of(const Variable &x, const Location &where) {
  Node *n = x.node();
  if (!n)
    throw ValueError("an operand is empty", where);
  int32_t slot;
  auto found = leaf_slots.find(n);
  if (n->trace) {
    if (!is_own(n))
      throw TraceError(
          "this Variable is a value of another call of a compiled function, "
          "one that failed or has not ended; it has no contents",
          where);
    slot = int32_t(n->index);
  } else if (found != leaf_slots.end()) {
    slot = found->second;
  } else {
    if (!n->value->storage)
      throw TraceError("this Variable has no contents: they were released",
                       where);
    slot = add_value(n->value->type(), Source::captured, -1, leaf_flags(n));
    t->nodes[size_t(slot)] = NodeRef(n);
    t->hints[size_t(slot)] = n;
    leaf_slots[n] = slot;
    save_gradient(n);
  }
  int32_t value = current[size_t(slot)];
  t->values[size_t(value)].seen = true;
  return {value, slot};
}

void Tracer::add_use(const Variable &x, const Location &where) {
  Use use = use_of(x, where);
  t->uses.push_back(use);
  ++t->events.back().num_uses;
}

//===----------------------------------------------------------------------===//
// Events
//===----------------------------------------------------------------------===//

static const char *name_of_kind(Event::Kind kind) {
  switch (kind) {
  case Event::Kind::operation:
    return "an operation";
  case Event::Kind::literal:
    return "a number";
  case Event::Kind::gradient:
    return "backward() or grad()";
  case Event::Kind::accumulate:
    return "a gradient";
  case Event::Kind::assign:
    return "assign()";
  case Event::Kind::cut:
    return "unchain()";
  case Event::Kind::rule:
  case Event::Kind::call:
    return "a Function";
  case Event::Kind::region:
  case Event::Kind::middle:
  case Event::Kind::end:
    return "a loop or a cond";
  }
  return "";
}

std::string detail::describe(const Trace &trace, size_t event) {
  const Event &e = trace.events[event];
  std::string s = e.kind == Event::Kind::operation ? opInfo(e.op).name
                                                   : name_of_kind(e.kind);
  return e.where ? s + " (" + to_string(e.where) + ")" : s;
}

Variable Tracer::apply(const OpInfo &op, std::span<const Variable> xs,
                       Attrs &&attrs, const TensorType &type,
                       const Location &where) {
  bool untracked = !config().enable_backprop;
  while (replaying) {
    Event *e = next(Event::Kind::operation);
    bool same = e && e->op == op.id && e->untracked == untracked &&
                matches(*e, xs) &&
                t->values[size_t(e->first_value)].type == type;
    if (same && e->attrs == attrs) {
      e->where = where;
      ++cursor;
      return handle(e->first_value);
    }
    if (same && op.id == OpId::Slice && e->attrs[1] == attrs[1] &&
        !varies(where))
      varying.push_back(where);
    diverge(op.name, where);
  }
  // As the eager engine has it.
  uint16_t flags = untracked ? Node::untracked : Node::constant;
  if (!untracked && op.gradient != Gradient::inactive &&
      is_floating(type.dtype))
    for (const Variable &x : xs)
      if (takes_gradient(*x.node()))
        flags = 0;
  Event &e = add_event(Event::Kind::operation, where);
  e.op = op.id;
  e.attrs = std::move(attrs);
  for (const Variable &x : xs)
    add_use(x, where);
  return add_result(type, flags);
}

bool Tracer::varies(const Location &where) {
  return std::find(varying.begin(), varying.end(), where) != varying.end();
}

Variable Tracer::literal(double value, const TensorType &type,
                         const Location &where) {
  while (replaying) {
    Event *e = next(Event::Kind::literal);
    if (e && t->values[size_t(e->first_value)].type == type &&
        t->may_be(e->first_value, value)) {
      e->where = where;
      ++cursor;
      t->literals[size_t(e->first_value)] = value;
      return handle(e->first_value);
    }
    diverge("a number", where);
  }
  add_event(Event::Kind::literal, where);
  Variable y = add_result(type, Node::constant | Node::literal);
  size_t id = size_t(y.node()->index);
  t->values[id].source =
      FixedNumbers::are_on() ? Source::number : Source::literal;
  t->literals[id] = value;
  return y;
}

void Tracer::host_array(const Variable &, const Location &) {
  // It has contents: the operations that read it find it as they find a
  // captured array.
}

/// "'x' of float64 (2, 3)": what a message calls an array.
static std::string described(const Variable &x) {
  return (x.name().empty() ? "a Variable" : "'" + x.name() + "'") + " of " +
         to_string(x.type());
}

void Tracer::host_read(const Variable &x, const char *what,
                       const Location &where) {
  // An `if` does not say where it stands; what it asks for does.
  Location line = where;
  int32_t slot = slot_of(x);
  if (!line && slot >= 0 && t->values[size_t(slot)].event >= 0)
    line = t->events[size_t(t->values[size_t(slot)].event)].where;
  throw TraceError(
      std::string(what) + ": " + described(x) +
          " has no contents while its function is being compiled; compute with "
          "operations (where, cond, while_loop), or read it outside of the "
          "compiled function",
      line);
}

void Tracer::host_write(const Variable &x, const Location &where) {
  bool read = false;
  for (const Variable &a : actual)
    read |= a.node() == x.node();
  for (int32_t slot : t->captured)
    read |= t->nodes[size_t(slot)].get() == x.node();
  if (read)
    throw TraceError("span: writing into " + described(x) +
                         ", which an operation of the function being compiled "
                         "has read; assign() to it, or write before the first "
                         "use",
                     where);
}

void Tracer::assign(const Variable &target, const Variable &value,
                    const Location &where) {
  if (!value.defined())
    throw ValueError("assign: the new contents are an empty Variable", where);
  bool known = false;
  while (replaying && !known) {
    Event *e = next(Event::Kind::assign);
    const Use *uses = e ? t->uses.data() + e->first_use : nullptr;
    known = e && matches(uses[0], target) && matches(uses[1], value);
    if (known) {
      e->where = where;
      ++cursor;
    } else {
      diverge("assign()", where);
    }
  }
  if (!known)
    record_assign(target, value, where);
  // The target's type changes at once; its contents when the program has run.
  Node *n = target.node();
  auto hide = [&](Node *node) {
    saved_values.push_back({NodeRef(node), node->value});
    const ValueRef &v = value.node()->value;
    node->value = v->storage ? make_type_only(v->dtype, v->shape) : v;
  };
  // An argument has two Nodes: the placeholder, and the caller's own, which the
  // function may have captured.
  for (size_t i = 0; i < actual.size(); ++i)
    if (n == actual[i].node())
      n = placeholders[i].node();
  hide(n);
}

void Tracer::record_assign(const Variable &target, const Variable &value,
                           const Location &where) {
  check_local("assign()", target, where);
  add_event(Event::Kind::assign, where);
  add_use(target, where);
  add_use(value, where);
  int32_t slot = t->uses[t->events.back().first_use].slot;
  int32_t event = int32_t(t->events.size()) - 1;
  int32_t id =
      add_value(value.type(), Source::result, event, target.node()->flags);
  t->values[size_t(id)].slot = slot;
  t->events.back().first_value = id;
  t->events.back().num_values = 1;
  current[size_t(slot)] = id;
}

Variables Tracer::call(Function &function, std::span<const Variable> inputs,
                       const Location &where) {
  Variables xs(inputs.begin(), inputs.end());
  Variables ys = call_forward(function, xs);
  for (size_t i = 0; i < ys.size(); ++i) {
    const Node *n = ys[i].node();
    bool fresh = n->trace && n->index >= t->num_args;
    for (const Variable &x : xs)
      fresh &= x.node() != n;
    for (size_t j = 0; j < i; ++j)
      fresh &= ys[j].node() != n;
    if (!fresh) {
      NoGrad scope;
      ys[i] = detail::apply(OpId::StopGradient, {ys[i]}, {}, where);
    }
  }
  bool tracked = false;
  for (const Variable &x : xs)
    tracked |= config().enable_backprop && takes_gradient(*x.node());
  if (!tracked)
    return ys;

  // The cotangents on which the backward half is recorded.
  Variables gys;
  while (replaying && gys.empty()) {
    Event *e = next(Event::Kind::rule);
    if (e && matches(*e, ys)) {
      ++cursor;
      for (int32_t i = 0; i < e->num_values; ++i)
        gys.push_back(handle(e->first_value + i));
    } else {
      diverge("a Function", where);
    }
  }
  if (gys.empty()) {
    add_event(Event::Kind::rule, where);
    for (const Variable &y : ys)
      add_use(y, where);
    for (const Variable &y : ys)
      gys.push_back(add_result(y.type(), 0));
  }
  int32_t rule =
      gys.empty() ? -1 : t->values[size_t(gys[0].node()->index)].event;

  Variables gxs(xs.size());
  std::string failure;
  try {
    gxs = call_backward(function, xs, ys, gys);
  } catch (const TraceError &) {
    throw;
  } catch (const UserError &error) {
    // As in eager mode: an error when a gradient is asked for.
    failure = error.what(); // whoever throws it again says where
    if (std::string line = "  [" + to_string(error.where()) + "]";
        failure.ends_with(line))
      failure.resize(failure.size() - line.size());
  }

  Variables uses;
  for (size_t i = 0; i < xs.size(); ++i)
    if (gxs[i].defined())
      uses.push_back(xs[i]);
  uint32_t num_inputs = uint32_t(uses.size());
  uses.insert(uses.end(), ys.begin(), ys.end());
  for (const Variable &gx : gxs)
    if (gx.defined())
      uses.push_back(gx);
  Variables results;
  while (replaying) {
    Event *e = next(Event::Kind::call);
    if (e && e->num_inputs == num_inputs && e->num_outputs == ys.size() &&
        e->failure == failure && matches(*e, uses)) {
      e->where = where;
      ++cursor;
      for (int32_t i = 0; i < e->num_values; ++i)
        results.push_back(handle(e->first_value + i));
      return results;
    }
    diverge("a Function", where);
  }
  Event &e = add_event(Event::Kind::call, where);
  e.num_inputs = num_inputs;
  e.num_outputs = uint32_t(ys.size());
  e.failure = failure;
  e.partner = rule;
  if (rule >= 0)
    t->events[size_t(rule)].partner = int32_t(t->events.size()) - 1;
  for (const Variable &x : uses)
    add_use(x, where);
  for (const Variable &y : ys)
    results.push_back(add_result(y.type(), 0));
  return results;
}

//===----------------------------------------------------------------------===//
// The end of a call
//===----------------------------------------------------------------------===//

void Tracer::exits(std::vector<int32_t> &slots) {
  // Everybody sees the contents from before the call until the program has run.
  for (size_t i = saved_values.size(); i-- > 0;)
    saved_values[i].node->value = std::move(saved_values[i].value);
  saved_values.clear();

  // A Node that only the trace holds is dead, and so is its gradient. Of
  // captured arrays, saved_grads holds one, too.
  for (bool again = true; again;) {
    again = false;
    slots.clear();
    for (size_t i = size_t(t->num_args); i < t->nodes.size(); ++i) {
      Node *n = t->nodes[i].get();
      if (!n)
        continue;
      bool captured = t->values[i].source == Source::captured;
      if (n->refs > uint32_t(captured) + 1) {
        if (!captured)
          slots.push_back(int32_t(i));
      } else if (n->grad.defined()) {
        n->grad = Variable();
        again = true;
      }
    }
  }
}

Variable Tracer::release_node(int32_t slot) {
  const TraceValue &v = t->values[size_t(slot)];
  Variable old = handle(slot);
  Variable fresh = make_variable(old.node()->value, v.flags);
  fresh.node()->trace = serial;
  fresh.node()->index = slot;
  t->nodes[size_t(slot)] = NodeRef(fresh.node());
  old.node()->trace = 0;
  old.node()->index = -1;
  return old;
}

int32_t Tracer::slot_of(const Variable &y) const {
  const Node *n = y.node();
  return n && is_own(n) ? int32_t(n->index) : -1;
}

int32_t Tracer::captured(const Variable &x) const {
  for (size_t i = 0; i < actual.size(); ++i)
    if (x.node() == actual[i].node())
      return int32_t(i);
  for (size_t i = 0; i < t->nodes.size(); ++i)
    if (t->nodes[i].get() == x.node())
      return int32_t(i);
  return -1;
}

void Tracer::release_arguments() {
  for (size_t i = 0; i < placeholders.size(); ++i) {
    Node *p = placeholders[i].node();
    if (p->trace != serial || p->index != int64_t(i))
      continue;
    uint32_t own_refs = 1; // the trace's
    for (const Variable &q : placeholders)
      own_refs += q.node() == p;
    if (p->refs == own_refs)
      continue;
    p->value = actual[i].node()->value;
    p->trace = 0;
    p->index = -1;
  }
}

void Tracer::end(bool success) {
  for (size_t i = saved_values.size(); i-- > 0;)
    saved_values[i].node->value = std::move(saved_values[i].value);
  saved_values.clear();
  if (!success)
    for (size_t i = saved_grads.size(); i-- > 0;)
      saved_grads[i].first->grad = std::move(saved_grads[i].second);
  saved_grads.clear();
  olds.clear();
  for (size_t i = 0; i < actual.size(); ++i) {
    Node *p = placeholders[i].node();
    if (!p)
      continue;
    if (success && actual[i].node()->grad.node() != p->grad.node())
      actual[i].node()->grad = p->grad;
  }
  for (const Variable &p : placeholders)
    if (p.defined() && p.node()->trace)
      p.clear_grad();
  if (t && success) {
    // All other Nodes were seen to be dead, or given away.
    for (int i = 0; i < t->num_args; ++i)
      t->nodes[size_t(i)] = {};
    for (int32_t slot : t->captured)
      t->nodes[size_t(slot)] = {};
  } else if (t) {
    for (size_t i = 0; i < t->nodes.size(); ++i) {
      Source source = t->values[i].source;
      if (source == Source::argument || source == Source::captured)
        t->nodes[i] = {};
      else if (t->nodes[i] && t->nodes[i]->refs != 1)
        t->stale = true;
    }
  }
  expansion.reset();
  t = nullptr;
  own.reset();
  actual.clear();
  leaf_slots.clear();
}
