//===- OpenExtents.cpp - extents that a program leaves open ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "frontend/compile/FindExtents.h"

#include <algorithm>

using namespace etch;
using namespace etch::detail;

std::string detail::symbol_name(int32_t symbol) {
  static const char *names[] = {"n", "m", "k"};
  return symbol < 3 ? names[symbol] : "n" + std::to_string(symbol);
}

std::string OpenExtents::to_string(const OpenExtent &e) const {
  std::string s = e.times == 1 ? "" : std::to_string(e.times);
  for (const OpenExtent::Factor &f : e.factors) {
    s += s.empty() ? "" : "*";
    std::string name = symbol_name(f.symbol);
    if (f.offset == 0)
      s += name;
    else
      s += "(" + name + (f.offset < 0 ? " - " : " + ") +
           std::to_string(std::abs(f.offset)) + ")";
  }
  return s;
}

std::string detail::describe_extents(const Trace &t, const OpenExtents *open) {
  std::string shapes, reasons;
  for (int32_t i = 0; i < t.num_args; ++i) {
    const Shape &shape = t.values[size_t(i)].type.shape;
    shapes += i ? ", (" : "(";
    for (int axis = 0; axis < shape.rank(); ++axis) {
      const OpenExtent *e = open ? open->of(i, axis) : nullptr;
      shapes += (axis ? ", " : "") +
                (e ? open->to_string(*e) : std::to_string(shape[axis]));
    }
    shapes += shape.rank() == 1 ? ",)" : ")";
    for (size_t k = 0; open && !shape.empty() && k < open->fixed.size(); ++k)
      if (open->fixed[k].value == i)
        reasons +=
            "; " + std::to_string(shape[0]) + " in argument " +
            std::to_string(i) +
            (open->fixed[k].event < 0
                 ? ""
                 : " because of " + describe(t, size_t(open->fixed[k].event)));
  }
  return shapes + reasons;
}

const std::vector<int64_t> &OpenExtents::starts_of(int32_t event) const {
  auto at = std::lower_bound(
      starts.begin(), starts.end(), event,
      [](const Starts &s, int32_t event) { return s.event < event; });
  return at->starts;
}

const Shape &detail::whole_of(const Trace &t, const Event &e) {
  int32_t value = e.op == OpId::Slice ? t.uses_of(e)[0].value : e.first_value;
  return t.values[size_t(value)].type.shape;
}

int64_t detail::start_of(const Trace &t, const Event &e, size_t axis) {
  int64_t start = std::get<std::vector<int64_t>>(e.attrs[0])[axis];
  return start < 0 ? start + whole_of(t, e)[int(axis)] : start;
}

//===----------------------------------------------------------------------===//
// Comparison
//===----------------------------------------------------------------------===//

static std::vector<int64_t> numbers_of(const OpenExtents &open,
                                       std::span<const int64_t> symbols) {
  std::vector<int64_t> numbers;
  for (const OpenExtent &e : open.extents) {
    int64_t n = e.times;
    for (const OpenExtent::Factor &f : e.factors)
      n *= symbols[size_t(f.symbol)] + f.offset;
    numbers.push_back(n);
  }
  return numbers;
}

bool detail::has_extents(const OpenExtents &open, const Trace &t) {
  if (open.first.size() != t.values.size() + 1)
    return false;
  std::vector<int64_t> symbols;
  for (const OpenExtents::Symbol &s : open.symbols)
    symbols.push_back(t.values[size_t(s.value)].type.shape[s.axis]);
  std::vector<int64_t> extents = numbers_of(open, symbols);
  for (size_t i = 0; i < t.values.size(); ++i) {
    const Shape &shape = t.values[i].type.shape;
    if (open.first[i + 1] - open.first[i] != uint32_t(shape.rank()))
      return false;
    for (int axis = 0; axis < shape.rank(); ++axis) {
      int64_t e = open.axes[open.first[i] + size_t(axis)];
      if ((e < 0 ? -1 - e : extents[size_t(e)]) != shape[axis])
        return false;
    }
  }
  for (const OpenExtents::Starts &s : open.starts) {
    const Event &e = t.events[size_t(s.event)];
    for (size_t axis = 0; axis < s.starts.size(); ++axis) {
      int64_t expected = s.starts[axis];
      if (expected < 0)
        expected += whole_of(t, e)[int(axis)];
      if (start_of(t, e, axis) != expected)
        return false;
    }
  }
  return true;
}

std::unique_ptr<Trace>
detail::trace_elsewhere(const OpenExtents &open, const Trace &from,
                        std::span<const TensorType> args) {
  std::vector<int64_t> symbols;
  for (const OpenExtents::Symbol &s : open.symbols)
    symbols.push_back(args[size_t(s.value)].shape[s.axis]);
  std::vector<int64_t> extents = numbers_of(open, symbols);
  auto t = std::make_unique<Trace>();
  t->num_args = from.num_args;
  t->values = from.values;
  t->events = from.events;
  t->uses = from.uses;
  t->captured = from.captured;
  t->nodes.resize(t->values.size());
  t->hints.resize(t->values.size());
  t->literals.resize(t->values.size());
  t->stale = true;
  for (size_t i = 0; i < t->values.size(); ++i) {
    Shape &shape = t->values[i].type.shape;
    for (int axis = 0; axis < shape.rank(); ++axis)
      if (int64_t e = open.axes[open.first[i] + size_t(axis)]; e >= 0)
        shape[axis] = extents[size_t(e)];
    if (i < args.size() && t->values[i].type != args[i])
      return nullptr;
  }
  for (size_t i = 0; i < t->events.size(); ++i) {
    Event &e = t->events[i];
    if (e.kind != Event::Kind::operation)
      continue;
    const TensorType &y = t->values[size_t(e.first_value)].type;
    if (opInfo(e.op).shaped)
      e.attrs.back() = std::vector<int64_t>(y.shape.begin(), y.shape.end());
    if (e.op == OpId::Slice || e.op == OpId::Place) {
      std::vector<int64_t> starts = open.starts_of(int32_t(i));
      for (size_t axis = 0; axis < starts.size(); ++axis)
        if (starts[axis] < 0)
          starts[axis] += whole_of(*t, e)[int(axis)];
      e.attrs[0] = std::move(starts);
    }
    std::vector<TensorType> types;
    for (const Use &u : t->uses_of(e))
      types.push_back(t->values[size_t(u.value)].type);
    std::string error;
    if (opInfo(e.op).infer(types, e.attrs, error) != y)
      return nullptr;
  }
  return t;
}

//===----------------------------------------------------------------------===//
// Terms
//===----------------------------------------------------------------------===//

Term Finder::fresh(int32_t value, int axis, bool argument) {
  int64_t own = shape(value)[axis];
  int64_t others = other ? other->values[size_t(value)].type.shape[axis] : own;
  symbols.push_back({own, others, value, axis, argument, {}});
  return symbol(int32_t(symbols.size()) - 1);
}

Term Finder::resolve(const Term &term) {
  bool known = true;
  for (const Term::Factor &f : term.factors)
    known &= !symbols[size_t(f.symbol)].is;
  if (known)
    return term;
  Term result = number(term.times);
  for (const Term::Factor &f : term.factors) {
    Symbol &s = symbols[size_t(f.symbol)];
    if (!s.is) {
      result.factors.push_back(f);
      continue;
    }
    Term is = resolve(*s.is);
    if (is.factors.empty()) {
      result.times *= is.times + f.offset;
    } else if (f.offset == 0) {
      result.times *= is.times;
      result.factors.insert(result.factors.end(), is.factors.begin(),
                            is.factors.end());
    } else if (is.times == 1 && is.factors.size() == 1) {
      result.factors.push_back(
          {is.factors[0].symbol, is.factors[0].offset + f.offset});
    } else {
      fix(is);
      result.times *= evaluate(is) + f.offset;
    }
  }
  std::sort(result.factors.begin(), result.factors.end());
  return result;
}

void Finder::resolve(Terms &list) {
  for (Term &term : list)
    term = resolve(term);
}

int64_t Finder::evaluate(const Term &term) const {
  int64_t n = term.times;
  for (const Term::Factor &f : term.factors)
    n *= symbols[size_t(f.symbol)].extent + f.offset;
  return n;
}

int64_t Finder::in_other(const Term &term) const {
  int64_t n = term.times;
  for (const Term::Factor &f : term.factors)
    n *= symbols[size_t(f.symbol)].in_other + f.offset;
  return n;
}

/// With numbers for the symbols that occur nowhere else.
int64_t Finder::elsewhere(const Term &term) const {
  int64_t n = term.times;
  for (const Term::Factor &f : term.factors)
    n *= 10007 + 64 * int64_t(f.symbol) + f.offset;
  return n;
}

Shape Finder::elsewhere(const Terms &list) const {
  Shape s;
  for (const Term &term : list)
    s.push_back(elsewhere(term));
  return s;
}

bool Finder::agrees(const Term &term, int32_t value, int axis) const {
  return !other ||
         in_other(term) == other->values[size_t(value)].type.shape[axis];
}

void Finder::fix(const Term &term) {
  for (const Term::Factor &f : resolve(term).factors) {
    Symbol &s = symbols[size_t(f.symbol)];
    if (s.argument)
      fixed.push_back({s.value, at});
    s.is = number(s.extent);
  }
}

void Finder::fix(const Terms &list) {
  for (const Term &term : list)
    fix(term);
}

void Finder::unify(const Term &x, const Term &y) {
  Term a = resolve(x), b = resolve(y);
  if (a == b)
    return;
  auto mentions = [](const Term &term, int32_t id) {
    return std::any_of(term.factors.begin(), term.factors.end(),
                       [&](const Term::Factor &f) { return f.symbol == id; });
  };
  auto bind = [&](const Term &from, const Term &to) {
    if (!is_plain(from) || mentions(to, from.factors[0].symbol))
      return false;
    Symbol &s = symbols[size_t(from.factors[0].symbol)];
    if (to.factors.empty()) {
      fix(from);
      return true;
    }
    if (!is_plain(to))
      return !s.argument && (s.is = to, true);
    Symbol &r = symbols[size_t(to.factors[0].symbol)];
    // The first argument that has an extent stands for it.
    if (s.argument && (!r.argument || s.value < r.value))
      r.is = from;
    else
      s.is = to;
    return true;
  };
  // What both are multiples of says nothing.
  if (a.times == b.times) {
    Term both = a;
    for (const Term::Factor &f : both.factors)
      if (auto in_b = std::find(b.factors.begin(), b.factors.end(), f);
          in_b != b.factors.end()) {
        b.factors.erase(in_b);
        a.factors.erase(std::find(a.factors.begin(), a.factors.end(), f));
      }
    if (a.factors.size() == 1 && b.factors.size() == 1 &&
        a.factors[0].offset == b.factors[0].offset) {
      a = symbol(a.factors[0].symbol);
      b = symbol(b.factors[0].symbol);
    }
  }
  if (evaluate(a) == evaluate(b) && (bind(a, b) || bind(b, a)))
    return;
  fix(a);
  fix(b);
}

void Finder::unify(int32_t a, int32_t b) {
  Terms &x = terms[size_t(a)], &y = terms[size_t(b)];
  if (x.size() != y.size())
    return fix(x), fix(y);
  for (size_t i = 0; i < x.size(); ++i)
    unify(x[i], y[i]);
}

Terms Finder::numbers(int32_t value) const {
  Terms list;
  for (int64_t extent : shape(value))
    list.push_back(number(extent));
  return list;
}
