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
  case Event::Kind::literal:
  case Event::Kind::assign:
  case Event::Kind::cut:
  case Event::Kind::rule:
    break;
  }
  for (int32_t i = 0; i < e.num_values; ++i)
    make(e.first_value + i);
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
  for (int32_t e = call.partner + 1; e < s.call; ++e)
    read(e, region);
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
