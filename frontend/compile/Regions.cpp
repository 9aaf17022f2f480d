//===- Regions.cpp - loops and branches in a trace ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A loop or a cond is three events around its two regions: one begins the first
// region, one stands between them, one ends the second. Each makes the values
// on which what follows computes: those that stand for states and slices, at
// last the results. The user's functions run once per call, as all user code.
//===----------------------------------------------------------------------===//

#include "frontend/compile/Tracer.h"
#include "frontend/engine/ControlFlow.h"
#include "frontend/engine/Tape.h"

using namespace etch;
using namespace etch::detail;

/// A region is open while it lives.
struct Tracer::OpenRegion {
  OpenRegion(Tracer &tracer, int32_t begin) : tracer(tracer), begin(begin) {
    tracer.regions.push_back(begin);
  }
  ~OpenRegion() {
    tracer.regions.pop_back();
    tracer.broken |= !closed;
  }
  Tracer &tracer;
  const int32_t begin;
  bool closed = false;
};

//===----------------------------------------------------------------------===//
// The events
//===----------------------------------------------------------------------===//

/// Replays or records an event; gives what it makes.
Variables Tracer::region_event(Event &&event, std::span<const Variable> uses,
                               std::span<const TensorType> results,
                               const Location &where,
                               const std::vector<bool> &constant) {
  bool untracked = !config().enable_backprop;
  while (replaying) {
    Event *e = next(event.kind);
    if (e && e->whole == event.whole && e->untracked == untracked &&
        e->num_inputs == event.num_inputs &&
        e->num_outputs == event.num_outputs && e->attrs == event.attrs &&
        size_t(e->num_values) == results.size() && matches(*e, uses)) {
      e->where = where;
      ++cursor;
      Variables ys;
      for (int32_t i = 0; i < e->num_values; ++i)
        ys.push_back(handle(e->first_value + i));
      return ys;
    }
    diverge(event.whole ? "a cond" : "a loop", where);
  }
  Event &e = add_event(event.kind, where);
  e.whole = event.whole;
  e.num_inputs = event.num_inputs;
  e.num_outputs = event.num_outputs;
  e.attrs = std::move(event.attrs);
  e.partner = event.partner;
  for (const Variable &x : uses)
    add_use(x, where);
  Variables ys;
  for (size_t i = 0; i < results.size(); ++i) {
    bool flows =
        is_floating(results[i].dtype) && (constant.empty() || !constant[i]);
    ys.push_back(add_result(results[i], untracked ? Node::untracked
                                        : flows   ? 0
                                                  : Node::constant));
  }
  return ys;
}

/// The number of the event that was last replayed or recorded.
int32_t Tracer::last_number() const {
  return int32_t(replaying ? cursor : t->events.size()) - 1;
}

static TensorType slice_of(const TensorType &type) {
  std::span<const int64_t> shape = type.shape;
  return {type.dtype, Shape(shape.subspan(1))};
}

static TensorType stacked(const TensorType &type, int64_t count) {
  TensorType all = type;
  all.shape.insert(0, count);
  return all;
}

static Event region(Event::Kind kind, int32_t partner = -1) {
  Event e;
  e.kind = kind;
  e.partner = partner;
  return e;
}

LoopResults Tracer::loop(const LoopSpec &spec, const Location &where) {
  static const TensorType index = {i64, {}};
  std::vector<TensorType> types;
  Variables uses;
  if (spec.limit.defined())
    uses.push_back(spec.limit);
  for (const Variable &x : spec.inits) {
    uses.push_back(x);
    types.push_back(x.type());
  }
  uses.insert(uses.end(), spec.xs.begin(), spec.xs.end());
  std::vector<TensorType> none, all = {index};
  Event begin = region(Event::Kind::region);
  begin.num_inputs = uint32_t(spec.inits.size());
  begin.num_outputs = uint32_t(spec.xs.size());
  begin.attrs = {spec.bound, spec.reverse};
  Variables states = region_event(std::move(begin), uses,
                                  spec.condition ? types : none, where);
  OpenRegion open(*this, last_number());

  uses.clear();
  if (spec.condition)
    uses = {checked_predicate(spec.name, spec.condition(states), where)};
  all.insert(all.end(), types.begin(), types.end());
  for (const Variable &x : spec.xs)
    all.push_back(slice_of(x.type()));
  Variables values =
      region_event(region(Event::Kind::middle, open.begin), uses, all, where);
  int32_t middle = last_number();
  auto first_slice = values.begin() + 1 + long(types.size());
  states.assign(values.begin() + 1, first_slice);
  Variables slices(first_slice, values.end()), ys;
  uses = spec.body(values[0], states, slices, ys);
  check_states(spec, uses, where);

  all = {index};
  all.insert(all.end(), types.begin(), types.end());
  for (const Variable &y : ys) {
    check_y(spec, y, where);
    all.push_back(stacked(y.type(), count_slices(spec)));
  }
  uses.insert(uses.end(), ys.begin(), ys.end());
  // As far as it can be told: what no iteration gives a gradient has none.
  bool runs = !spec.condition && !spec.limit.defined() &&
              (spec.xs.empty() ? spec.bound : count_slices(spec)) > 0;
  auto flows = [](const Variable &x) { return takes_gradient(*x.node()); };
  std::vector<bool> constant = {true};
  for (size_t i = 0; i < uses.size(); ++i)
    constant.push_back(!flows(uses[i]) &&
                       (runs || i >= types.size() || !flows(spec.inits[i])));
  Event end = region(Event::Kind::end, middle);
  end.num_outputs = uint32_t(ys.size());
  values = region_event(std::move(end), uses, all, where, constant);
  close(open);
  auto first_y = values.begin() + 1 + long(types.size());
  return {Variables(values.begin() + 1, first_y),
          Variables(first_y, values.end())};
}

Variables Tracer::branch(const Variable &pred, const BranchFunction &then,
                         const BranchFunction &otherwise,
                         const Location &where) {
  auto event = [](Event::Kind kind, int32_t partner) {
    Event e = region(kind, partner);
    e.whole = true;
    return e;
  };
  auto checked = [&](Variables ys) {
    for (const Variable &y : ys)
      if (!y.defined())
        throw ValueError("cond: a branch gave an empty Variable", where);
    return ys;
  };
  region_event(event(Event::Kind::region, -1), {&pred, 1}, {}, where);
  OpenRegion open(*this, last_number());
  Variables first = checked(then());
  region_event(event(Event::Kind::middle, open.begin), first, {}, where);
  int32_t middle = last_number();
  Variables second = checked(otherwise());
  if (first.size() != second.size())
    throw ValueError("cond: one branch gave " + std::to_string(first.size()) +
                         " results, the other " + std::to_string(second.size()),
                     where);
  std::vector<TensorType> types;
  std::vector<bool> constant;
  for (size_t i = 0; i < first.size(); ++i) {
    types.push_back(first[i].type());
    constant.push_back(!takes_gradient(*first[i].node()) &&
                       !takes_gradient(*second[i].node()));
    if (types[i] == second[i].type())
      continue;
    std::string what = "cond: result " + std::to_string(i) + " is " +
                       to_string(types[i]) + " in one branch and " +
                       to_string(second[i].type()) + " in the other";
    if (types[i].dtype != second[i].dtype())
      throw DTypeError(what, where);
    throw ShapeError(what, where);
  }
  Variables ys = region_event(event(Event::Kind::end, middle), second, types,
                              where, constant);
  close(open);
  return ys;
}

/// The last event ended the region.
void Tracer::close(OpenRegion &region) {
  t->events[size_t(region.begin)].partner = last_number();
  region.closed = true;
}

//===----------------------------------------------------------------------===//
// What must not happen in a region
//===----------------------------------------------------------------------===//

void Tracer::host_draw(const Location &where) {
  if (!regions.empty())
    throw TraceError("random numbers are drawn in the body of a loop or in a "
                     "branch, which runs once while it is compiled: draw them "
                     "before, and pass them as xs of a scan",
                     where);
}

/// That `x` may be changed where the recording stands.
void Tracer::check_local(const char *what, const Variable &x,
                         const Location &where) const {
  if (regions.empty())
    return;
  const Node *n = x.node();
  int32_t event = -1;
  if (n && is_own(n))
    event = t->values[size_t(current[size_t(n->index)])].event;
  Event::Kind kind =
      event < 0 ? Event::Kind::region : t->events[size_t(event)].kind;
  if (event < regions.back() || kind == Event::Kind::region ||
      kind == Event::Kind::middle)
    throw TraceError(
        std::string(what) +
            " in the body of a loop or in a branch, on an array from outside: "
            "make it a state of the loop, or a result of the branches, and do "
            "this afterwards",
        where);
}

/// Whether a value stands for a state or a slice in an open region.
bool Tracer::is_hole(int32_t value) const {
  int32_t event = t->values[size_t(value)].event;
  if (event < 0)
    return false;
  const Event &e = t->events[size_t(event)];
  return (e.kind == Event::Kind::region &&
          t->events[size_t(event)].partner < 0) ||
         (e.kind == Event::Kind::middle &&
          t->events[size_t(e.partner)].partner < 0);
}

/// In a region a gradient stays within: the compiler sees no further. Where
/// that of the eager engine would go on, it is refused.
void Tracer::check_gradient(const Reach &found,
                            std::span<const int32_t> targets, bool whole,
                            const Location &where) const {
  if (regions.empty())
    return;
  auto event_of = [&](int32_t v) { return t->values[size_t(v)].event; };
  std::vector<int32_t> all = found.leaves;
  all.insert(all.end(), found.inner.begin(), found.inner.end());
  if (whole) {
    for (int32_t v : all)
      if (event_of(v) < regions.back() || is_hole(v))
        throw TraceError("backward: in the body of a loop or in a branch it "
                         "would reach arrays outside; use grad(y, {x}) there, "
                         "or backward() afterwards",
                         where);
    return;
  }
  for (int32_t x : targets) {
    if (event_of(x) >= regions.back())
      continue;
    // What was computed from x outside.
    std::vector<bool> behind(t->values.size());
    behind[size_t(x)] = true;
    for (int32_t i = 0; i < regions.back(); ++i) {
      const Event &e = t->events[size_t(i)];
      bool any = false;
      for (const Use &u : t->uses_of(e))
        any |= u.value >= 0 && behind[size_t(u.value)];
      for (int32_t v = e.first_value; any && v < e.first_value + e.num_values;
           ++v)
        behind[size_t(v)] = true;
    }
    for (int32_t v : all) {
      if (v == x)
        continue;
      // A state may have been computed from anything in earlier iterations.
      if (is_hole(v)) {
        const Event &e = t->events[size_t(event_of(v))];
        if ((e.kind == Event::Kind::middle ? e.partner : event_of(v)) <=
            event_of(x))
          continue;
      } else if (event_of(v) >= regions.back() || !behind[size_t(v)]) {
        continue;
      }
      throw TraceError(
          is_hole(v)
              ? "grad: in the body of a loop it leads through a state, which "
                "earlier iterations computed: detach() the state, or take the "
                "gradient after the loop"
              : "grad: in the body of a loop or in a branch it leads to what "
                "was computed outside: compute that inside, or take the "
                "gradient afterwards",
          where);
    }
  }
}

//===----------------------------------------------------------------------===//
// What gradients see of a region
//===----------------------------------------------------------------------===//

/// The values from which a gradient comes to one that a region's event made.
std::vector<int32_t> Tracer::region_sources(int32_t value) const {
  auto at = [&](int32_t event) -> const Event & {
    return t->events[size_t(event)];
  };
  int32_t event = t->values[size_t(value)].event;
  const Event &e = at(event);
  size_t k = size_t(value - e.first_value);
  const Event &begin = e.kind == Event::Kind::region ? e
                       : e.kind == Event::Kind::middle
                           ? at(e.partner)
                           : at(at(e.partner).partner);
  // While it is recorded, its values are where gradients start from.
  if (begin.partner < 0)
    return {};
  const Event &end = at(begin.partner);
  std::span<const Use> ends = t->uses_of(end);
  if (begin.whole)
    return {t->uses_of(at(end.partner))[k].value, ends[k].value};
  std::span<const Use> begins = t->uses_of(begin);
  size_t states = begin.num_inputs, slices = begin.num_outputs;
  // How many iterations there are for sure, and at most.
  int64_t most = std::get<int64_t>(begin.attrs[0]), least = 0;
  if (slices)
    most = t->values[size_t(begins.back().value)].type.shape[0];
  if (begins.size() == states + slices && at(end.partner).num_uses == 0)
    least = most;
  begins = begins.last(states + slices);
  if (e.kind != Event::Kind::region) {
    if (k-- == 0)
      return {}; // the number of the iteration
    if (k >= states)
      return {e.kind == Event::Kind::middle ? begins[k].value : ends[k].value};
    if (e.kind == Event::Kind::end && least > 0)
      return {ends[k].value};
    if (e.kind == Event::Kind::middle && most >= 0 && most <= 1)
      return {begins[k].value};
  }
  return {begins[k].value, ends[k].value};
}

/// That the memory for the gradients of a loop is known before the run.
void Tracer::check_bound(const Event &end, const Location &where) const {
  const Event &begin =
      t->events[size_t(t->events[size_t(end.partner)].partner)];
  if (begin.whole || begin.num_outputs ||
      std::get<int64_t>(begin.attrs[0]) >= 0)
    return;
  std::string at = end.where ? " (" + to_string(end.where) + ")" : "";
  throw TraceError("backward: it leads through a loop without a bound" + at +
                       ", for which no memory can be planned: give the loop "
                       "{.max_iterations = …}",
                   where);
}

/// By value: it exists in a closed region only.
std::vector<bool> Tracer::hidden_values() const {
  std::vector<bool> hidden(t->values.size());
  for (size_t i = 0; i < t->events.size(); ++i) {
    const Event &e = t->events[i];
    if (e.kind != Event::Kind::region || e.partner < 0)
      continue;
    for (size_t v = size_t(e.first_value);
         v < size_t(t->events[size_t(e.partner)].first_value); ++v)
      hidden[v] = t->values[v].event >= 0;
    i = size_t(e.partner);
  }
  return hidden;
}
