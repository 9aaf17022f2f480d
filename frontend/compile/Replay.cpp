//===- Replay.cpp - operations that a trace expects -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The short way of an operation in a call that goes as recorded: the same
// operation on the same arrays has the same types, so that nothing is inferred,
// converted or checked again. What does not fit goes the long way.
//===----------------------------------------------------------------------===//

#include "etch/config.h"
#include "frontend/compile/Tracer.h"

using namespace etch;
using namespace etch::detail;

/// Most operations have none.
static bool same_attrs(const Attrs &a, const Attrs &b) {
  return (a.empty() && b.empty()) || a == b;
}

Variable Tracer::known(const OpInfo &op, std::span<const Variable> xs,
                       const Attrs &attrs, const Location &where) {
  if (!replaying || cursor == t->events.size())
    return {};
  Event &e = t->events[cursor];
  if (e.kind != Event::Kind::operation || e.op != op.id ||
      e.untracked == config().enable_backprop || !matches(e, xs) ||
      !same_attrs(e.attrs, attrs))
    return {};
  e.stands_at(where);
  ++cursor;
  return handle(e.first_value);
}

Variable Tracer::known(const OpInfo &op, std::span<const Operand> xs,
                       const Attrs &attrs, const Location &where) {
  if (!replaying)
    return {};
  // Before the operation stand its numbers and what was broadcast for it.
  size_t at = cursor, end = t->events.size();
  auto prepares = [&](const Event &e) {
    return e.kind == Event::Kind::literal ||
           (e.kind == Event::Kind::operation && e.op == OpId::BroadcastTo);
  };
  while (at < end && at - cursor < xs.size() && prepares(t->events[at]))
    ++at;
  if (at == end)
    return {};
  Event &e = t->events[at];
  if (e.kind != Event::Kind::operation || e.op != op.id ||
      e.untracked == config().enable_backprop || e.num_uses != xs.size() ||
      !same_attrs(e.attrs, attrs))
    return {};
  const Use *uses = t->uses.data() + e.first_use;
  size_t next = cursor;
  bool numbers = false, floats = true;
  for (size_t i = 0; i < xs.size(); ++i) {
    floats &= is_floating(t->values[size_t(uses[i].value)].type.dtype);
    if (!xs[i].is_literal() && matches(uses[i], xs[i].var()))
      continue;
    // The next of the preparations must be that of this operand.
    const Event &from = t->events[next];
    if (next++ == at || from.first_value != uses[i].value)
      return {};
    bool number = from.kind == Event::Kind::literal;
    if (number != xs[i].is_literal() ||
        (!number && (from.untracked != e.untracked ||
                     !matches(t->uses[from.first_use], xs[i].var()))) ||
        (number && !t->may_be(from.first_value, xs[i].as_double())))
      return {};
    numbers |= number;
  }
  // A number takes the type of floats, whatever kind it is.
  if (next != at || (numbers && !floats))
    return {};
  for (const Operand &x : xs)
    if (x.is_literal()) {
      while (t->events[cursor].kind != Event::Kind::literal)
        t->events[cursor++].stands_at(where);
      t->literals[size_t(t->events[cursor].first_value)] = x.as_double();
      t->events[cursor++].stands_at(where);
    }
  while (cursor <= at)
    t->events[cursor++].stands_at(where);
  return handle(e.first_value);
}
