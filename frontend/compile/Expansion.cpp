//===- Expansion.cpp - what gradients depend on ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "frontend/compile/Expansion.h"

#include <algorithm>
#include <unordered_set>

using namespace etch;
using namespace etch::detail;

static constexpr size_t max_steps = size_t(1) << 20;

Expansion::Step *Expansion::add(const TensorType &type) {
  Step &s = steps.emplace_back();
  s.type = type;
  s.order = int64_t(steps.size());
  return &s;
}

TensorType Expansion::typeOf(Handle value) {
  return static_cast<Step *>(value)->type;
}

GraphBuilder::Handle Expansion::apply(OpId op, std::span<const Handle> operands,
                                      Attrs attrs) {
  TensorType types[4];
  for (size_t i = 0; i < operands.size(); ++i)
    types[i] = typeOf(operands[i]);
  std::string error;
  const OpInfo &info = opInfo(op);
  auto type = info.infer({types, operands.size()}, attrs, error);
  Step *s = add(type ? *type : types[0]);
  s->op = &info;
  s->attrs = std::move(attrs);
  for (Handle h : operands)
    s->operands.push_back(static_cast<Step *>(h));
  return s;
}

GraphBuilder::Handle Expansion::applyShaped(OpId op,
                                            std::span<const Handle> operands,
                                            Attrs attrs,
                                            std::span<const Extent> extents) {
  std::vector<int64_t> shape;
  for (const Extent &e : extents) {
    int64_t n = e.size;
    for (const Extent::Factor &f : e.factors)
      n *= typeOf(f.value).shape[f.axis];
    shape.push_back(n + e.more);
  }
  attrs.emplace_back(std::move(shape));
  return apply(op, operands, std::move(attrs));
}

GraphBuilder::Handle Expansion::splatLike(double, Handle like) {
  return add(typeOf(like));
}

//===----------------------------------------------------------------------===//
// The trace, read in order
//===----------------------------------------------------------------------===//

Expansion::Step *Expansion::step_of(int32_t value, const Values &region) const {
  auto found = region.find(value);
  return found != region.end() ? found->second : known[size_t(value)];
}

/// Whether a gradient flows through s.
bool Expansion::flows(const Step *s) const {
  return is_floating(s->type.dtype) && (s->op || s->call >= 0) &&
         !(s->op && s->op->gradient == Gradient::inactive);
}

void Expansion::read(int32_t event, Values &out) {
  const Event &e = t.events[size_t(event)];
  std::span<const Use> uses = t.uses_of(e);
  auto make = [&](int32_t v) {
    Step *s = add(t.values[size_t(v)].type);
    s->value = unnamed ? -1 : v;
    out[v] = s;
    return s;
  };
  switch (e.kind) {
  case Event::Kind::operation: {
    Step *s = make(e.first_value);
    if (t.values[size_t(e.first_value)].flags &
        (Node::untracked | Node::constant))
      return;
    s->op = &opInfo(e.op);
    s->attrs = e.attrs;
    for (const Use &u : uses)
      s->operands.push_back(step_of(u.value, out));
    return;
  }
  case Event::Kind::accumulate:
    if (t.values[size_t(e.first_value)].flags & Node::untracked) {
      make(e.first_value);
    } else {
      Step *s = make(e.first_value);
      s->op = &opInfo(OpId::Add);
      s->operands = {step_of(uses[0].value, out)};
      s->operands.push_back(e.had_old ? step_of(uses[1].value, out)
                                      : add(s->type));
    }
    return;
  case Event::Kind::gradient:
    if (e.create_graph) {
      expand(e, out, out);
      return;
    }
    break;
  case Event::Kind::call:
    for (int32_t i = 0; i < e.num_values; ++i) {
      Step *s = make(e.first_value + i);
      s->call = event;
      s->output = i;
      for (uint32_t k = 0; k < e.num_inputs; ++k)
        s->operands.push_back(step_of(uses[k].value, out));
    }
    return;
  case Event::Kind::end:
    read_region(event, out);
    return;
  case Event::Kind::literal:
  case Event::Kind::assign:
  case Event::Kind::cut:
  case Event::Kind::rule:
  case Event::Kind::region:
  case Event::Kind::middle:
    break;
  }
  for (int32_t i = 0; i < e.num_values; ++i)
    make(e.first_value + i);
}

void Expansion::read_events(int32_t first, int32_t last, Values &region) {
  for (int32_t i = first; i < last; ++i) {
    const Event &e = t.events[size_t(i)];
    // What ends a loop reads its body.
    if (e.kind == Event::Kind::region && !e.whole && e.partner >= 0)
      i = e.partner;
    read(i, region);
  }
}

void Expansion::extend() {
  // Values without an event stand between those of the events.
  Values none;
  size_t had = known.size();
  known.resize(t.values.size());
  for (size_t v = had; v < known.size(); ++v)
    if (t.values[v].event < 0) {
      known[v] = add(t.values[v].type);
      known[v]->value = int32_t(v);
    }
  for (; next_event < int32_t(t.events.size()); ++next_event) {
    Values made;
    read(next_event, made);
    for (auto [v, s] : made)
      known[size_t(v)] = s;
  }
}

//===----------------------------------------------------------------------===//
// Loops and branches
//===----------------------------------------------------------------------===//

/// Something that depends on both.
Expansion::Step *Expansion::either(Step *a, Step *b) {
  if (!a || a == b || !is_floating(b->type.dtype))
    return b;
  Handle both[] = {a, b};
  return static_cast<Step *>(apply(OpId::Add, both, {}));
}

Expansion::Step *Expansion::linear(OpId op, Step *x, Attrs attrs) {
  Handle operand = x;
  return static_cast<Step *>(apply(op, {&operand, 1}, std::move(attrs)));
}

static std::vector<int64_t> extents(const TensorType &type) {
  return {type.shape.begin(), type.shape.end()};
}

/// A loop does in a few iterations what it does in many: states reach each
/// other in as many as there are, products of two values of one state in two.
void Expansion::unroll(int32_t event, std::vector<Step *> &results,
                       const Values &out) {
  const Event &end = t.events[size_t(event)];
  const Event &middle = t.events[size_t(end.partner)];
  const Event &begin = t.events[size_t(middle.partner)];
  std::span<const Use> ends = t.uses_of(end), uses = t.uses_of(begin);
  size_t states = begin.num_inputs, slices = begin.num_outputs;
  bool counted = uses.size() == states + slices && middle.num_uses == 0;
  uses = uses.last(states + slices);
  int64_t bound = std::get<int64_t>(begin.attrs[0]);
  if (slices)
    bound = t.values[size_t(uses[states].value)].type.shape[0];
  int64_t count = int64_t(states) + 2;
  bool all = counted && bound <= count;
  if (bound >= 0)
    count = std::min(count, bound);

  std::vector<Step *> now;
  for (size_t i = 0; i < states; ++i)
    now.push_back(step_of(uses[i].value, out));
  auto note = [&] {
    for (size_t i = 0; i < states; ++i)
      results[i + 1] = either(all ? nullptr : results[i + 1], now[i]);
  };
  if (!counted || count == 0)
    note();
  for (int64_t k = 0; k < count && steps.size() < max_steps; ++k) {
    Values region = out;
    int32_t v = middle.first_value;
    region[v] = add(t.values[size_t(v)].type);
    for (Step *s : now)
      region[++v] = s;
    for (size_t i = 0; i < slices; ++i)
      region[++v] = linear(OpId::Sum, step_of(uses[states + i].value, out),
                           {std::vector<int64_t>{0}, false});
    read_events(end.partner + 1, event, region);
    for (size_t i = 0; i < states; ++i)
      now[i] = step_of(ends[i].value, region);
    note();
    for (size_t i = states; i < ends.size(); ++i) {
      const TensorType &type = t.values[size_t(end.first_value) + i + 1].type;
      results[i + 1] =
          either(results[i + 1],
                 linear(OpId::BroadcastTo, step_of(ends[i].value, region),
                        {extents(type)}));
    }
  }
}

void Expansion::read_region(int32_t event, Values &out) {
  const Event &end = t.events[size_t(event)];
  std::vector<Step *> results(static_cast<size_t>(end.num_values));
  std::span<const Use> ends = t.uses_of(end),
                       first = t.uses_of(t.events[size_t(end.partner)]);
  bool outer = std::exchange(unnamed, true);
  if (!end.whole)
    unroll(event, results, out);
  for (size_t i = 0; end.whole && i < results.size(); ++i)
    results[i] =
        either(step_of(first[i].value, out), step_of(ends[i].value, out));
  unnamed = outer;
  for (size_t i = 0; i < results.size(); ++i) {
    int32_t v = end.first_value + int32_t(i);
    // Another name, so that the walk tells the value.
    Step *s = add(t.values[size_t(v)].type);
    s->value = unnamed ? -1 : v;
    if (results[i] && !end.untracked && is_floating(s->type.dtype)) {
      s->op = &opInfo(OpId::Reshape);
      s->operands = {results[i]};
      s->attrs = {extents(s->type)};
    }
    out[v] = s;
  }
}

//===----------------------------------------------------------------------===//
// Gradients
//===----------------------------------------------------------------------===//

/// The user's backward half once more, on the cotangents of this call.
void Expansion::visit_call(const Step &s,
                           std::unordered_map<Step *, Step *> &cotangents,
                           std::vector<Step *> &gxs) {
  const Event &call = t.events[size_t(s.call)];
  const Event &rule = t.events[size_t(call.partner)];
  std::span<const Use> uses = t.uses_of(call);
  Values region;
  for (int32_t i = 0; i < call.num_values; ++i) {
    Step *y = known[size_t(call.first_value + i)];
    region[uses[call.num_inputs + size_t(i)].value] = y;
    auto gy = cotangents.find(y);
    region[rule.first_value + i] =
        gy != cotangents.end() ? gy->second : add(y->type);
  }
  bool outer = std::exchange(unnamed, true);
  read_events(call.partner + 1, s.call, region);
  unnamed = outer;
  for (size_t i = call.num_inputs + call.num_outputs; i < uses.size(); ++i)
    gxs.push_back(step_of(uses[i].value, region));
}

void Expansion::expand(const Event &e, const Values &region, Values &out) {
  std::span<const Use> uses = t.uses_of(e);
  Step *y = step_of(uses[0].value, region);
  std::unordered_map<Step *, Step *> cotangents;
  cotangents[y] =
      uses[1].value < 0 ? add(y->type) : step_of(uses[1].value, region);
  // What stands behind y, the newest first.
  std::vector<Step *> path{y};
  std::unordered_set<Step *> seen{y};
  for (size_t i = 0; i < path.size(); ++i)
    if (flows(path[i]))
      for (Step *x : path[i]->operands)
        if (seen.insert(x).second)
          path.push_back(x);
  std::sort(path.begin(), path.end(),
            [](const Step *a, const Step *b) { return a->order > b->order; });
  std::unordered_set<int32_t> calls;
  for (Step *s : path) {
    if (steps.size() > max_steps)
      break;
    if (!flows(s) || (s->call < 0 && !cotangents.count(s)))
      continue;
    std::vector<Step *> gxs;
    if (s->call >= 0) {
      // All results of a call have the same operands; the first one that comes
      // up is the last one that got a cotangent.
      if (!calls.insert(s->call).second)
        continue;
      bool any = false;
      const Event &call = t.events[size_t(s->call)];
      for (int32_t i = 0; i < call.num_values; ++i)
        any |= cotangents.count(known[size_t(call.first_value + i)]) != 0;
      if (!any || call.partner < 0 || !call.failure.empty())
        continue;
      visit_call(*s, cotangents, gxs);
    } else {
      if (!s->op->vjp)
        continue;
      std::vector<Handle> operands(s->operands.begin(), s->operands.end());
      for (Expr gx : s->op->vjp({this, operands, s, cotangents[s], s->attrs}))
        gxs.push_back(static_cast<Step *>(gx.handle()));
    }
    for (size_t i = 0; i < gxs.size() && i < s->operands.size(); ++i) {
      Step *x = s->operands[i];
      if (!gxs[i] || !is_floating(x->type.dtype))
        continue;
      Step *&sum = cotangents[x];
      if (!sum) {
        sum = gxs[i];
      } else {
        Handle both[] = {sum, gxs[i]};
        sum = static_cast<Step *>(apply(OpId::Add, both, {}));
      }
    }
  }
  int32_t result = e.first_value;
  for (size_t i = 2; i < uses.size(); ++i) {
    if (!e.whole && e.picks[i - 2] < 0)
      continue;
    auto g = cotangents.find(step_of(uses[i].value, region));
    // Another name, so that the walk tells the value.
    Step *s = add(t.values[size_t(result)].type);
    s->value = unnamed ? -1 : result;
    if (g != cotangents.end()) {
      s->op = &opInfo(OpId::Reshape);
      s->operands = {g->second};
      s->attrs = {
          std::vector<int64_t>(s->type.shape.begin(), s->type.shape.end())};
    }
    out[result++] = s;
  }
}

bool Expansion::find(int32_t y, std::vector<int32_t> &found) {
  extend();
  if (steps.size() > max_steps)
    return false;
  std::vector<Step *> stack{known[size_t(y)]};
  std::unordered_set<Step *> seen{stack[0]};
  while (!stack.empty()) {
    Step *s = stack.back();
    stack.pop_back();
    if (s->value >= 0)
      found.push_back(s->value);
    if (flows(s))
      for (Step *x : s->operands)
        if (is_floating(x->type.dtype) && seen.insert(x).second)
          stack.push_back(x);
  }
  return true;
}
