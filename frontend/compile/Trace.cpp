//===- Trace.cpp - what traces say ----------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "frontend/compile/Trace.h"

#include <algorithm>
#include <bit>
#include <map>
#include <tuple>

using namespace etch;
using namespace etch::detail;

int32_t Trace::resolve(int32_t value) const {
  for (;;) {
    const TraceValue &v = values[size_t(value)];
    if (v.event < 0)
      return value;
    const Event &e = events[size_t(v.event)];
    std::span<const Use> list = uses_of(e);
    switch (e.kind) {
    case Event::Kind::assign:
      value = list[1].value;
      break;
    case Event::Kind::cut:
      value = list[size_t(value - e.first_value) + 1].value;
      break;
    case Event::Kind::accumulate:
      if (e.had_old && !adds_on_host(e))
        return value;
      value = list[0].value;
      break;
    default:
      return value;
    }
  }
}

/// Fewer numbers of a line have an argument each: they may be equal by chance,
/// and nothing is gained.
static constexpr size_t min_same_numbers = 4;

void Trace::find_same_numbers() {
  using Key = std::tuple<const char *, uint32_t, const char *, uint32_t, DType,
                         int32_t, uint64_t>;
  std::map<Key, std::vector<size_t>> groups;
  bool is_new = same_number.empty();
  same_number.resize(values.size(), -1);
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i].source != Source::literal)
      continue;
    const Event &e = events[size_t(values[i].event)];
    Key key = {e.where.file,
               e.where.line,
               e.site.file,
               e.site.line,
               values[i].type.dtype,
               is_new ? -1 : same_number[i],
               std::bit_cast<uint64_t>(literals[i])};
    groups[key].push_back(i);
  }
  for (const auto &[key, group] : groups)
    for (size_t i : group)
      same_number[i] =
          int32_t(group.size() < min_same_numbers ? i : group.front());
}

bool Trace::has_same_numbers() const {
  for (size_t i = 0; i < same_number.size(); ++i)
    if (same_number[i] >= 0 &&
        std::bit_cast<uint64_t>(literals[i]) !=
            std::bit_cast<uint64_t>(literals[size_t(same_number[i])]))
      return false;
  return true;
}

//===----------------------------------------------------------------------===//
// What leaves a trace
//===----------------------------------------------------------------------===//

std::vector<int32_t> detail::final_values(const Trace &t) {
  std::vector<int32_t> last(t.values.size());
  for (size_t i = 0; i < t.values.size(); ++i)
    last[size_t(t.values[i].slot)] = int32_t(i);
  for (size_t i = 0; i < t.values.size(); ++i)
    last[i] = t.resolve(last[i]);
  return last;
}

static const char *leak_of(const Event &region) {
  if (region.kind == Event::Kind::rule)
    return "a value that a Function's backward() computed is used outside of "
           "it";
  return region.whole ? "a value that a branch of a cond computed is used "
                        "outside of it: return it from both branches"
                      : "a value that was computed in a loop is used outside "
                        "of it: make it a state, or a y of a scan";
}

/// Values of a Function's backward half, of a loop's body and of a branch exist
/// nowhere else.
static void check_regions(const Trace &t, Exits &exits) {
  std::vector<int32_t> region(t.values.size(), -1);
  std::vector<int32_t> open{-1};
  bool any = false;
  for (size_t i = 0; i < t.events.size(); ++i) {
    const Event &e = t.events[i];
    if (e.kind == Event::Kind::rule || e.kind == Event::Kind::region) {
      open.push_back(int32_t(i));
      any = true;
    }
    for (const Use &u : t.uses_of(e)) {
      if (!any || u.value < 0)
        break;
      int32_t r = region[size_t(u.value)];
      if (r >= 0 && std::find(open.begin(), open.end(), r) == open.end())
        throw TraceError(leak_of(t.events[size_t(r)]), e.where);
    }
    if (e.kind == Event::Kind::middle)
      open.back() = int32_t(i);
    if ((e.kind == Event::Kind::call || e.kind == Event::Kind::end) &&
        open.size() > 1)
      open.pop_back();
    for (int32_t v = e.first_value; v < e.first_value + e.num_values; ++v)
      region[size_t(v)] = open.back();
  }
  if (any)
    std::erase_if(exits.slots,
                  [&](int32_t slot) { return region[size_t(slot)] >= 0; });
}

void detail::plan_exits(const Trace &t, Exits &exits) {
  check_regions(t, exits);
  exits.results.clear();
  exits.updates.clear();
  std::vector<int32_t> last = final_values(t);
  auto is_leaf = [&](int32_t v) {
    Source s = t.values[size_t(v)].source;
    return s == Source::argument || s == Source::captured;
  };
  auto add_result = [&](int32_t v) {
    if (!is_leaf(v) && std::find(exits.results.begin(), exits.results.end(),
                                 v) == exits.results.end())
      exits.results.push_back(v);
  };
  for (int32_t slot : exits.slots)
    add_result(last[size_t(slot)]);
  std::vector<int32_t> taken = exits.results;
  for (const Event &e : t.events) {
    if (e.kind != Event::Kind::assign)
      continue;
    int32_t slot = t.uses_of(e)[0].slot, v = last[size_t(slot)];
    bool known = std::any_of(exits.updates.begin(), exits.updates.end(),
                             [&](const Update &u) { return u.slot == slot; });
    if (known || !is_leaf(slot) || v == slot)
      continue;
    if (is_leaf(v)) {
      exits.updates.push_back({slot, v, Update::Way::leaf});
    } else if (t.values[size_t(v)].type == t.values[size_t(slot)].type &&
               std::find(taken.begin(), taken.end(), v) == taken.end()) {
      exits.updates.push_back({slot, v, Update::Way::in_place});
      taken.push_back(v);
    } else {
      exits.updates.push_back({slot, v, Update::Way::result});
      add_result(v);
    }
  }
}

//===----------------------------------------------------------------------===//
// Comparison
//===----------------------------------------------------------------------===//

/// All but extents, and where slices begin.
static bool same_but_extents(const Event &x, const Event &y) {
  if (x.kind != Event::Kind::operation || x.attrs.size() != y.attrs.size())
    return x.attrs == y.attrs;
  bool moves = x.op == OpId::Slice || x.op == OpId::Place;
  for (size_t i = 0; i < x.attrs.size(); ++i)
    if (!(i == 0 && moves) &&
        !(i + 1 == x.attrs.size() && opInfo(x.op).shaped) &&
        x.attrs[i] != y.attrs[i])
      return false;
  return true;
}

static bool same_event(const Trace &a, const Event &x, const Trace &b,
                       const Event &y, bool extents) {
  if (x.kind != y.kind || x.untracked != y.untracked ||
      x.retain_grad != y.retain_grad || x.create_graph != y.create_graph ||
      x.whole != y.whole || x.op != y.op || x.first_value != y.first_value ||
      x.num_values != y.num_values || x.before != y.before ||
      x.num_inputs != y.num_inputs || x.num_outputs != y.num_outputs ||
      x.picks != y.picks || x.failure != y.failure ||
      !(extents ? x.attrs == y.attrs : same_but_extents(x, y)))
    return false;
  std::span<const Use> us = a.uses_of(x), vs = b.uses_of(y);
  if (x.kind == Event::Kind::accumulate) {
    if (us[0].value != vs[0].value || us[1].value != vs[1].value)
      return false;
    return x.had_old == y.had_old || (a.adds_on_host(x) && b.adds_on_host(y));
  }
  return std::equal(us.begin(), us.end(), vs.begin(), vs.end(),
                    [](const Use &u, const Use &v) {
                      return u.value == v.value && u.slot == v.slot;
                    });
}

static bool same_beginning(const Trace &a, const Trace &b, size_t num_events,
                           bool extents) {
  if (a.num_args != b.num_args || a.events.size() < num_events ||
      b.events.size() < num_events)
    return false;
  auto values = [&](const Trace &t) {
    return num_events < t.events.size() ? size_t(t.events[num_events].before)
                                        : t.values.size();
  };
  size_t count = values(a);
  if (count != values(b))
    return false;
  for (size_t i = 0; i < count; ++i) {
    const TraceValue &v = a.values[i], &w = b.values[i];
    if (v.source != w.source || v.event != w.event || v.slot != w.slot ||
        (v.flags & ~Node::unchained) != (w.flags & ~Node::unchained) ||
        v.type.dtype != w.type.dtype ||
        v.type.shape.rank() != w.type.shape.rank() ||
        (extents && !(v.type.shape == w.type.shape)))
      return false;
  }
  for (size_t i = 0; i < num_events; ++i)
    if (!same_event(a, a.events[i], b, b.events[i], extents))
      return false;
  return true;
}

bool detail::same_prefix(const Trace &a, const Trace &b, size_t num_events) {
  return same_beginning(a, b, num_events, true);
}

bool detail::same_trace(const Trace &a, const Trace &b) {
  return a.events.size() == b.events.size() &&
         same_prefix(a, b, a.events.size());
}

bool detail::same_operations(const Trace &a, const Trace &b) {
  return a.events.size() == b.events.size() &&
         same_beginning(a, b, a.events.size(), false);
}
