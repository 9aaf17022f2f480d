//===- FindExtents.cpp - finds what extents are made of
//--------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "frontend/compile/FindExtents.h"

#include <algorithm>

using namespace etch;
using namespace etch::detail;

//===----------------------------------------------------------------------===//
// Operations whose type inference is asked
//===----------------------------------------------------------------------===//

std::optional<TensorType> Finder::infer(const Event &e,
                                        std::span<const TensorType> operands,
                                        const Shape *result) const {
  const OpInfo &op = opInfo(e.op);
  std::string error;
  if (!op.shaped)
    return op.infer(operands, e.attrs, error);
  Attrs attrs = e.attrs;
  attrs.back() = std::vector<int64_t>(result->begin(), result->end());
  return op.infer(operands, attrs, error);
}

/// Binds symbols of the operands, or of the result's shape, so that inference
/// no longer fails elsewhere.
bool Finder::repair(const Event &e, Terms &made) {
  std::vector<Terms *> lists;
  for (const Use &u : t.uses_of(e))
    lists.push_back(&terms[size_t(u.value)]);
  size_t num_operands = lists.size();
  if (opInfo(e.op).shaped)
    lists.push_back(&made);
  std::vector<TensorType> types(num_operands);
  Shape shape_here;
  // With one symbol elsewhere, and one axis more.
  auto holds_for = [&](int32_t id, size_t list, size_t axis) {
    for (size_t k = 0; k < lists.size(); ++k) {
      Shape s;
      for (size_t i = 0; i < lists[k]->size(); ++i) {
        const Term &term = (*lists[k])[i];
        bool moves = k == list && i == axis;
        for (const Term::Factor &f : term.factors)
          moves |= f.symbol == id;
        Term moved = moves && !(k == list && i == axis) ? term : symbol(id);
        s.push_back(moves ? elsewhere(moved) : evaluate(term));
      }
      if (k < num_operands)
        types[k] = {t.values[size_t(t.uses_of(e)[k].value)].type.dtype, s};
      else
        shape_here = s;
    }
    return bool(infer(e, types, &shape_here));
  };
  std::vector<int32_t> ids;
  for (Terms *list : lists) {
    resolve(*list);
    for (const Term &term : *list)
      for (const Term::Factor &f : term.factors)
        if (std::find(ids.begin(), ids.end(), f.symbol) == ids.end())
          ids.push_back(f.symbol);
  }
  constexpr size_t none = size_t(-1);
  for (int32_t id : ids) {
    if (symbols[size_t(id)].is || holds_for(id, none, none))
      continue;
    for (size_t k = 0; k < lists.size(); ++k)
      for (size_t i = 0; i < lists[k]->size(); ++i) {
        const Term &term = (*lists[k])[i];
        if (symbols[size_t(id)].is || term == symbol(id) ||
            evaluate(term) != symbols[size_t(id)].extent ||
            !holds_for(id, k, i))
          continue;
        if (k == num_operands)
          made[i] = symbol(id); // the attribute's number is this extent
        else
          unify(symbol(id), term);
        return true;
      }
    fix(symbol(id));
    return true;
  }
  return false;
}

Terms Finder::inferred(const Event &e) {
  std::span<const Use> uses = t.uses_of(e);
  int32_t y = e.first_value;
  Terms made = numbers(y);
  const OpInfo &op = opInfo(e.op);
  // Most often axis i of the result is that of the first operand.
  if (op.shaped && !uses.empty()) {
    const Terms &x = terms[size_t(uses[0].value)];
    for (size_t i = 0; i < made.size() && i < x.size(); ++i)
      if (evaluate(x[i]) == made[i].times && agrees(x[i], y, int(i)))
        made[i] = x[i];
  }
  for (int attempt = 0;; ++attempt) {
    std::vector<TensorType> types;
    bool open = false;
    for (const Use &u : uses) {
      resolve(terms[size_t(u.value)]);
      types.push_back({t.values[size_t(u.value)].type.dtype,
                       elsewhere(terms[size_t(u.value)])});
      for (const Term &term : terms[size_t(u.value)])
        open |= !term.factors.empty();
    }
    resolve(made);
    if (!open)
      return numbers(y);
    Shape there = elsewhere(made);
    std::optional<TensorType> type = infer(e, types, &there);
    if (type && op.shaped)
      return made;
    if (type) {
      bool found = true;
      for (size_t i = 0; i < made.size(); ++i) {
        int64_t extent = type->shape[int(i)];
        if (extent == shape(y)[int(i)])
          continue;
        const Term *from = nullptr;
        for (const Use &u : uses)
          for (const Term &term : terms[size_t(u.value)])
            if (!from && elsewhere(term) == extent)
              from = &term;
        found &= from != nullptr;
        if (from)
          made[i] = *from;
      }
      if (found)
        return made;
    }
    if (attempt == 0 && op.shaped) {
      // That an axis has the first operand's extent was a guess.
      Terms guess = made;
      for (size_t i = made.size(); i-- > 0 && !type;) {
        if (made[i].factors.empty())
          continue;
        made[i] = number(shape(y)[int(i)]);
        there = elsewhere(made);
        type = infer(e, types, &there);
        if (!type)
          made[i] = guess[i];
      }
      if (type)
        return made;
    }
    if (attempt < 16 && !type && repair(e, made))
      continue;
    for (const Use &u : uses)
      fix(terms[size_t(u.value)]);
    return numbers(y);
  }
}

//===----------------------------------------------------------------------===//
// Events
//===----------------------------------------------------------------------===//

void Finder::visit_operation(const Event &e) {
  Terms &y = terms[size_t(e.first_value)];
  std::span<const Use> uses = t.uses_of(e);
  bool open = false;
  for (const Use &u : uses) {
    resolve(terms[size_t(u.value)]);
    for (const Term &term : terms[size_t(u.value)])
      open |= !term.factors.empty();
  }
  switch (e.op) {
  case OpId::BroadcastTo:
    y = broadcast(e);
    return;
  case OpId::Slice:
    y = slice(e, at);
    return;
  case OpId::Place:
    y = place(e, at);
    return;
  case OpId::Iota:
    for (int axis = 0; axis < shape(e.first_value).rank(); ++axis)
      y.push_back(fresh(e.first_value, axis, false));
    return;
  default:
    break;
  }
  if (!open)
    y = numbers(e.first_value);
  else if (e.op == OpId::Reshape)
    y = reshape(e);
  else if (e.op == OpId::SumTo)
    y = sum_to(e);
  else if (opInfo(e.op).kind != OpKind::pointwise)
    y = inferred(e);
  else {
    for (const Use &u : uses.subspan(1))
      unify(uses[0].value, u.value);
    y = terms[size_t(uses[0].value)];
  }
}

void Finder::visit_region(const Event &e) {
  std::span<const Use> uses = t.uses_of(e);
  int32_t value = e.first_value;
  auto same = [&](const Use &u) {
    terms[size_t(value++)] = terms[size_t(u.value)];
  };
  if (e.kind == Event::Kind::region) {
    if (e.whole)
      return;
    std::span<const Use> xs = uses.last(e.num_outputs);
    for (const Use &x : xs)
      unify(terms[size_t(xs[0].value)][0], terms[size_t(x.value)][0]);
    uses = uses.last(e.num_inputs + e.num_outputs);
    for (int32_t i = 0; i < e.num_values; ++i)
      same(uses[size_t(i)]);
    return;
  }
  bool middle = e.kind == Event::Kind::middle;
  const Event &begin = t.events[size_t(
      middle ? e.partner : t.events[size_t(e.partner)].partner)];
  if (begin.whole) {
    std::span<const Use> first = t.uses_of(t.events[size_t(e.partner)]);
    for (int32_t i = 0; !middle && i < e.num_values; ++i) {
      unify(first[size_t(i)].value, uses[size_t(i)].value);
      same(first[size_t(i)]);
    }
    return;
  }
  std::span<const Use> begins = t.uses_of(begin),
                       states =
                           begins.last(begin.num_inputs + begin.num_outputs)
                               .first(begin.num_inputs),
                       xs = begins.last(begin.num_outputs);
  if (!middle)
    for (size_t i = 0; i < states.size(); ++i)
      unify(states[i].value, uses[i].value);
  ++value; // the number of the iteration, or of all
  for (const Use &u : states)
    same(u);
  for (const Use &u : middle ? xs : uses.subspan(states.size())) {
    Terms &y = terms[size_t(value++)];
    y = terms[size_t(u.value)];
    if (middle)
      y.erase(y.begin());
    else
      y.insert(y.begin(), xs.empty() ? number(shape(value - 1)[0])
                                     : terms[size_t(xs[0].value)][0]);
  }
}

void Finder::visit(const Event &e) {
  std::span<const Use> uses = t.uses_of(e);
  auto same = [&](int32_t i, const Use &u) {
    terms[size_t(e.first_value + i)] = terms[size_t(u.value)];
  };
  switch (e.kind) {
  case Event::Kind::operation:
    return visit_operation(e);
  case Event::Kind::literal:
    for (int axis = 0; axis < shape(e.first_value).rank(); ++axis)
      terms[size_t(e.first_value)].push_back(fresh(e.first_value, axis, false));
    return;
  case Event::Kind::gradient: {
    if (uses[1].value >= 0)
      unify(uses[0].value, uses[1].value);
    int32_t i = 0;
    for (size_t k = 2; k < uses.size(); ++k)
      if (e.whole || e.picks[k - 2] >= 0)
        same(i++, uses[k]);
    return;
  }
  case Event::Kind::accumulate:
    if (e.had_old && uses[1].value >= 0)
      unify(uses[0].value, uses[1].value);
    return same(0, uses[0]);
  case Event::Kind::assign:
    // What is updated in place keeps its extents.
    if (t.values[size_t(uses[0].value)].type ==
        t.values[size_t(uses[1].value)].type)
      unify(uses[0].value, uses[1].value);
    return same(0, uses[1]);
  case Event::Kind::cut:
    for (int32_t i = 0; i < e.num_values; ++i)
      same(i, uses[size_t(i) + 1]);
    return;
  case Event::Kind::rule:
    for (int32_t i = 0; i < e.num_values; ++i)
      same(i, uses[size_t(i)]);
    return;
  case Event::Kind::call:
    for (size_t i = 0; i < e.num_inputs; ++i)
      if (size_t k = i + e.num_inputs + e.num_outputs; k < uses.size())
        unify(uses[i].value, uses[k].value);
    for (int32_t i = 0; i < e.num_values; ++i)
      same(i, uses[e.num_inputs + size_t(i)]);
    return;
  case Event::Kind::region:
  case Event::Kind::middle:
  case Event::Kind::end:
    return visit_region(e);
  }
}

static bool has_starts(const Event &e) {
  return e.kind == Event::Kind::operation &&
         (e.op == OpId::Slice || e.op == OpId::Place);
}

/// Whether an operation's result is what was found, elsewhere too.
bool Finder::holds(const Event &e) {
  if (e.kind != Event::Kind::operation)
    return true;
  std::vector<TensorType> types;
  for (const Use &u : t.uses_of(e))
    types.push_back({t.values[size_t(u.value)].type.dtype,
                     elsewhere(terms[size_t(u.value)])});
  Shape there = elsewhere(terms[size_t(e.first_value)]);
  if (has_starts(e)) {
    Event moved = e;
    auto s = std::lower_bound(
        starts.begin(), starts.end(), int32_t(&e - t.events.data()),
        [](const OpenExtents::Starts &s, int32_t i) { return s.event < i; });
    moved.attrs[0] = s->starts;
    std::optional<TensorType> type = infer(moved, types, &there);
    return type && type->shape == there;
  }
  std::optional<TensorType> type = infer(e, types, &there);
  return type && type->shape == there;
}

std::shared_ptr<const OpenExtents> Finder::result() {
  auto open = std::make_shared<OpenExtents>();
  std::vector<int32_t> numbers(symbols.size(), -1);
  for (size_t i = 0; i < symbols.size(); ++i)
    if (symbols[i].argument && !symbols[i].is) {
      numbers[i] = int32_t(open->symbols.size());
      const Shape &shape = t.values[size_t(symbols[i].value)].type.shape;
      open->symbols.push_back(
          {symbols[i].value, symbols[i].axis, shape[symbols[i].axis]});
    }
  open->fixed = std::move(fixed);
  open->starts = std::move(starts);
  for (Terms &list : terms) {
    open->first.push_back(uint32_t(open->axes.size()));
    for (Term &term : list) {
      if (term.factors.empty()) {
        open->axes.push_back(-1 - term.times);
        continue;
      }
      for (Term::Factor &f : term.factors)
        f.symbol = numbers[size_t(f.symbol)];
      auto found = std::find(open->extents.begin(), open->extents.end(), term);
      open->axes.push_back(found - open->extents.begin());
      if (found == open->extents.end())
        open->extents.push_back(term);
    }
  }
  open->first.push_back(uint32_t(open->axes.size()));
  return open;
}

std::shared_ptr<const OpenExtents> Finder::run() {
  terms.resize(t.values.size());
  std::vector<int64_t> leading;
  for (size_t i = 0; i < t.values.size(); ++i) {
    const TraceValue &v = t.values[i];
    if (v.source != Source::argument && v.source != Source::captured)
      continue;
    terms[i] = numbers(int32_t(i));
    if (terms[i].empty())
      continue;
    if (v.source == Source::argument) {
      terms[i][0] = fresh(int32_t(i), 0, true);
      leading.push_back(v.type.shape[0]);
    } else if (!(v.flags & Node::parameter)) {
      // Perhaps as long as an argument: a mask, a state of a batch.
      for (int axis = 0; axis < v.type.shape.rank(); ++axis) {
        int64_t e = v.type.shape[axis];
        if (std::any_of(leading.begin(), leading.end(), [&](int64_t n) {
              return e == n || (n > 1 && e % n == 0);
            }))
          terms[i][size_t(axis)] = fresh(int32_t(i), axis, false);
      }
    }
  }
  for (at = 0; at < int32_t(t.events.size()); ++at)
    visit(t.events[size_t(at)]);
  at = -1;
  for (size_t i = 0; i < symbols.size(); ++i) {
    Symbol &s = symbols[i];
    if (s.is || s.argument)
      continue;
    // Nothing says what it is.
    s.is = number(s.extent);
    for (size_t k = 0; other && s.in_other != s.extent && k < symbols.size();
         ++k)
      if (const Symbol &r = symbols[k]; r.argument && !r.is &&
                                        r.extent == s.extent &&
                                        r.in_other == s.in_other) {
        s.is = symbol(int32_t(k));
        break;
      }
  }
  for (Terms &list : terms)
    resolve(list);
  for (const Event &e : t.events)
    if (!holds(e)) {
      at = int32_t(&e - t.events.data());
      for (size_t i = 0; i < symbols.size(); ++i)
        fix(symbol(int32_t(i)));
      for (Terms &list : terms)
        resolve(list);
      break;
    }
  return result();
}

std::shared_ptr<const OpenExtents>
detail::find_open_extents(const Trace &trace, const Trace *other) {
  return Finder(trace, other).run();
}
