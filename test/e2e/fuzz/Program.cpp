//===- Program.cpp - random programs --------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "test/e2e/fuzz/Program.h"

#include "frontend/engine/Engine.h"
#include "test/support/GradientChecks.h"

#include <algorithm>
#include <cmath>

using namespace etch;
using namespace etch::fuzz;

/// Whether users come to it by the door that promotes and broadcasts. What
/// names its element type does not.
static bool converts(const OpInfo &op) {
  return op.kind == OpKind::pointwise &&
         std::find(op.attrKinds.begin(), op.attrKinds.end(),
                   AttrKind::string) == op.attrKinds.end();
}

/// What users write with the extent of the batch in it: shapes, and starts that
/// count from the end.
static Attrs for_batch(const OpInfo &op, Attrs attrs, int64_t batch) {
  constexpr int64_t drawn = Program::drawn;
  for (size_t i = 0; i < attrs.size(); ++i)
    if (auto *list = std::get_if<std::vector<int64_t>>(&attrs[i]))
      for (int64_t &e : *list) {
        if (e % drawn == 0)
          e = e / drawn * batch;
        else if (std::string(op.attrNames[i]) == "starts" &&
                 (e + 1) % drawn == 0)
          e = (e + 1) / drawn * batch - 1;
      }
  return attrs;
}

// All inputs stand before all steps; while a program is drawn, values are
// numbered as they come and renumbered in the end.
Variable fuzz::apply(const Step &s, const Variables &values, int64_t batch) {
  if (s.form) {
    Variables xs;
    for (int v : s.operands)
      xs.push_back(values[size_t(v)]);
    return s.form->apply(xs);
  }
  const OpInfo &op = opInfo(s.op);
  auto operand = [&](size_t i) {
    int v = s.operands[i];
    return v < 0 ? Operand(s.number) : Operand(values[size_t(v)]);
  };
  if (converts(op)) {
    switch (s.operands.size()) {
    case 1:
      return detail::apply_pointwise(s.op, {operand(0)}, s.attrs);
    case 2:
      return detail::apply_pointwise(s.op, {operand(0), operand(1)}, s.attrs);
    default:
      return detail::apply_pointwise(s.op, {operand(0), operand(1), operand(2)},
                                     s.attrs);
    }
  }
  Variables xs;
  for (int v : s.operands)
    xs.push_back(values[size_t(v)]);
  return detail::apply(s.op, xs,
                       batch == Program::drawn ? s.attrs
                                               : for_batch(op, s.attrs, batch),
                       Location());
}

//===----------------------------------------------------------------------===//
// Drawing
//===----------------------------------------------------------------------===//

Shape Program::shape() {
  static const std::vector<int64_t> small = {1, 2, 2, 3, 3, 4, 5, 17, 33},
                                    wide = {1, 3, 17, 33, 65, 130, 260, 1025};
  const std::vector<int64_t> &extents = large ? wide : small;
  Shape s;
  for (uint64_t rank = below(5); rank-- > 0;)
    s.push_back(rank > 2 ? 1 + int64_t(below(2)) : choose(extents));
  if (s.rank() && below(40) == 0)
    s[int(below(uint64_t(s.rank())))] = 0;
  if (s.rank() && !batches.empty() && below(2))
    s[0] = drawn;
  return s;
}

AttrValue Program::attribute(AttrKind kind, const Shape &x) {
  switch (kind) {
  case AttrKind::i64:
    return int64_t(below(4));
  case AttrKind::f64:
    return choose(std::vector<double>{2, 3, -1, 0.5, 1, 0});
  case AttrKind::boolean:
    return below(2) == 1;
  case AttrKind::string:
    return std::string(shortNameOf(
        choose(std::vector<DType>{f32, f32, f64, f64, i64, i32, boolean})));
  case AttrKind::i64s:
    break;
  }
  std::vector<int64_t> list, axes;
  for (int i = 0; i < x.rank(); ++i)
    axes.push_back(i);
  switch (below(8)) {
  case 0: // a permutation
    std::shuffle(axes.begin(), axes.end(), source);
    return axes;
  case 1: // some axes
    for (int64_t a : axes)
      if (below(2))
        list.push_back(a);
    return list;
  case 2: // a pair
    return std::vector<int64_t>{int64_t(below(3)), int64_t(below(3))};
  case 3: // one small number per axis
    for (size_t i = 0; i < axes.size(); ++i)
      list.push_back(int64_t(below(4)) - 1);
    return list;
  case 4: // x with some axes of extent 1, or wider where it has 1
    for (int64_t e : x)
      list.push_back(below(2) ? e : e == 1 ? 3 : 1);
    if (below(3) == 0)
      list.insert(list.begin(), 2);
    return list;
  case 5: // the same elements in other axes
    list = {x.elements()};
    for (int64_t by : {int64_t(drawn), int64_t(2), int64_t(3), int64_t(17)})
      if (list.back() % by == 0 && below(2))
        list.insert(list.end() - 1, by), list.back() /= by;
    return list;
  case 6: // x with another extent on one axis
    list.assign(x.begin(), x.end());
    if (!list.empty())
      list[below(list.size())] = 1 + int64_t(below(5));
    return list;
  default: // no larger than x
    for (int64_t e : x)
      list.push_back(e > 1 ? 1 + int64_t(below(uint64_t(e))) : e);
    return list;
  }
}

Variable Program::draw_values(const TensorType &type, bool positive) {
  std::vector<double> values(size_t(type.shape.elements()));
  for (double &v : values) {
    if (is_floating(type.dtype)) {
      v = std::ldexp(double(below(1 << 20)), -19); // [0, 2)
      if (below(16) == 0)
        v = double(int(v + 0.5)); // ties
      if (!positive && below(2))
        v = -v;
    } else {
      v = double(below(3)) - (positive || type.dtype == boolean ? 0 : 1);
    }
  }
  Variable x =
      from_data(std::span<const double>(values), type.shape).astype(type.dtype);
  return x.detach().set_requires_grad(is_floating(type.dtype));
}

bool Program::is_open(const TensorType &type) const {
  return !batches.empty() && type.shape.rank() && type.shape[0] == drawn;
}

int64_t Program::batch_of(const Variables &xs) const {
  for (size_t i = 0; i < inputs.size(); ++i)
    if (is_open(inputs[i].type()))
      return xs[i].shape(0);
  return drawn;
}

void Program::input(const TensorType &type) {
  bool positive = below(3) == 0;
  inputs.push_back(draw_values(type, positive));
  known.push_back(inputs.back());
  for (size_t i = 0; i < batches.size(); ++i) {
    TensorType other = type;
    if (is_open(type))
      other.shape[0] = batches[i].extent;
    batches[i].inputs.push_back(is_open(type) ? draw_values(other, positive)
                                              : inputs.back());
    elsewhere[i].push_back(batches[i].inputs.back());
  }
}

void Program::drop_input() {
  inputs.pop_back();
  known.pop_back();
  for (size_t i = 0; i < batches.size(); ++i)
    batches[i].inputs.pop_back(), elsewhere[i].pop_back();
}

bool Program::admits(const Step &step,
                     std::span<const TensorType> types) const {
  std::string error;
  auto type = opInfo(step.op).infer(types, step.attrs, error);
  return type && type->shape.elements() < most_elements() &&
         std::all_of(
             type->shape.begin(), type->shape.end(),
             [](int64_t e) { return e >= 0; });
}

bool Program::add(Step step) {
  Variable y;
  Variables others;
  try {
    NoGrad scope;
    y = fuzz::apply(step, known);
    Variable total = sum(y.dtype() == boolean ? y.astype(i64) : y);
    if (y.size() > most_elements() ||
        (!std::isfinite(total.item()) && below(10)))
      return false;
    for (size_t i = 0; i < batches.size(); ++i)
      others.push_back(fuzz::apply(step, elsewhere[i], batches[i].extent));
  } catch (const UserError &) {
    return false;
  }
  known.push_back(y);
  for (size_t i = 0; i < batches.size(); ++i)
    elsewhere[i].push_back(others[i]);
  steps.push_back(std::move(step));
  return true;
}

/// With operands that are there. Later values are likelier.
bool Program::draw_known(OpId id) {
  const OpInfo &op = opInfo(id);
  for (int attempt = 0; attempt < 60; ++attempt) {
    Step s = {id, {}, 0, {}};
    std::vector<TensorType> types;
    for (int i = 0; i < op.numOperands; ++i) {
      uint64_t back = std::min(below(known.size()), below(known.size()));
      s.operands.push_back(int(known.size() - 1 - back));
      types.push_back(known[size_t(s.operands.back())].type());
    }
    for (AttrKind kind : op.attrKinds)
      s.attrs.push_back(
          attribute(kind, types.empty() ? shape() : types[0].shape));
    if (converts(op)) {
      if (op.numOperands > 1 && below(5) == 0) {
        s.operands[below(s.operands.size())] = -1;
        s.number = choose(std::vector<double>{0, 1, -1, 2, 0.5, 0.1, 3});
      }
      if (add(std::move(s)))
        return true;
    } else if (admits(s, types) && add(std::move(s))) {
      return true;
    }
  }
  return false;
}

/// With new inputs: as the record has it, or of whatever types the rule admits.
bool Program::draw_fresh(OpId id) {
  const OpInfo &op = opInfo(id);
  const std::vector<test::Given> own = test::given_of(id);
  for (int attempt = 0; attempt < 20000; ++attempt) {
    Step s = {id, {}, 0, {}};
    std::vector<TensorType> types;
    DType dtype = below(2) ? f32 : f64;
    for (int i = 0; i < op.numOperands; ++i) {
      Shape s = shape();
      if (i > 0 && below(2)) {
        s = types[0].shape;
        if (below(2) && s.rank() > 1)
          s = Shape(std::span(s.begin(), s.end() - 1));
      }
      types.push_back({below(3) ? dtype : below(2) ? i64 : boolean, s});
    }
    for (AttrKind kind : op.attrKinds)
      s.attrs.push_back(attribute(
          kind, types.empty() || below(3) == 0 ? shape() : types[0].shape));
    if (!own.empty() && below(4)) {
      const test::Given &given = choose(own);
      s.attrs = given.attrs;
      for (size_t i = 0; i < types.size(); ++i)
        types[i].shape = given.operands[i];
      // Batches: the first extent of the first operand, wherever it is first.
      if (!batches.empty() && types[0].shape.rank() && below(2)) {
        int64_t first = types[0].shape[0];
        for (TensorType &t : types)
          if (t.shape.rank() && t.shape[0] == first && below(4))
            t.shape[0] = drawn;
        if (op.shaped && below(4))
          if (auto &list = std::get<test::List>(s.attrs.back()); !list.empty())
            list[0] = drawn;
      }
    }
    if (!admits(s, types))
      continue;
    for (const TensorType &t : types) {
      s.operands.push_back(int(known.size()));
      input(t);
    }
    if (add(std::move(s)))
      return true;
    for (size_t i = 0; i < types.size(); ++i)
      drop_input();
  }
  return false;
}

bool Program::draw_form(const Form &form) {
  for (int attempt = 0; attempt < 60; ++attempt) {
    Step s = {OpId(0), {}, 0, {}, &form};
    Variables xs;
    for (int i = 0; i < form.num_operands; ++i) {
      s.operands.push_back(int(below(known.size())));
      xs.push_back(known[size_t(s.operands.back())]);
    }
    if (form.admits(xs) && add(std::move(s)))
      return true;
  }
  // With new inputs: squares of which one may have the extent of a batch.
  for (int64_t rank : {2, 4}) {
    Step s = {OpId(0), {}, 0, {}, &form};
    Variables xs;
    TensorType type{below(2) ? f32 : f64, Shape()};
    for (int64_t extent = 2 + int64_t(below(4)); type.shape.rank() < rank;)
      type.shape.push_back(extent);
    for (int i = 0; i < form.num_operands; ++i) {
      s.operands.push_back(int(known.size()));
      TensorType own = type;
      if (i == 0 && !batches.empty() && below(2))
        own.shape[0] = drawn;
      input(own);
      xs.push_back(known.back());
    }
    if (form.admits(xs) && add(std::move(s)))
      return true;
    for (int i = 0; i < form.num_operands; ++i)
      drop_input();
  }
  return false;
}

Program::Program(uint64_t seed, int size, bool large)
    : seed(seed), large(large), source(seed * 0x9e3779b97f4a7c15u + 1) {
  if (below(2)) {
    batches.push_back({choose(std::vector<int64_t>{2, 3, 5, 12, 40}), {}});
    batches.push_back({1, {}});
    elsewhere.resize(batches.size());
  }
  for (DType t : {below(2) ? f32 : f64, below(2) ? f32 : f64, i64})
    input({t, shape()});
  // Every other operator in turn, so that all come equally often.
  uint64_t turn = seed * uint64_t(size);
  for (int attempt = 0; int(steps.size()) < size && attempt < 4 * size;
       ++attempt) {
    uint64_t number = attempt % 2 ? source() : turn++;
    number %= allOps().size() + all_forms().size();
    if (number >= allOps().size())
      draw_form(all_forms()[number - allOps().size()]);
    else if (!draw_known(OpId(number)) && !converts(opInfo(OpId(number))))
      draw_fresh(OpId(number));
  }
  // Inputs first.
  std::vector<int> number(known.size(), -1);
  int next = 0;
  for (const Variable &x : inputs)
    for (size_t i = 0; i < known.size(); ++i)
      if (known[i].is(x))
        number[i] = next++;
  for (int &n : number)
    if (n < 0)
      n = next++;
  for (Step &s : steps)
    for (int &v : s.operands)
      v = v < 0 ? v : number[size_t(v)];
  order = int(below(3));
  known.clear();
  elsewhere.clear();
  if (batch_of(batches.empty() ? inputs : batches[0].inputs) == drawn)
    batches.clear(); // nothing has that extent
}

Program Program::without(int v) const {
  Program less = *this;
  less.inputs.clear();
  less.steps.clear();
  for (Batch &b : less.batches)
    if (v < int(inputs.size()))
      b.inputs.erase(b.inputs.begin() + v);
  std::vector<int> number(inputs.size() + steps.size(), -1);
  for (int i = 0; i < int(inputs.size()); ++i)
    if (i != v) {
      number[size_t(i)] = int(less.inputs.size());
      less.inputs.push_back(inputs[size_t(i)]);
    }
  for (int i = int(inputs.size()); i < int(number.size()); ++i) {
    Step s = steps[size_t(i) - inputs.size()];
    bool kept = i != v;
    for (int &operand : s.operands)
      if (operand >= 0)
        kept &= (operand = number[size_t(operand)]) >= 0;
    if (!kept)
      continue;
    number[size_t(i)] = int(less.inputs.size() + less.steps.size());
    less.steps.push_back(std::move(s));
  }
  return less;
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

Variables Program::values(const Variables &xs) const {
  Variables all = xs;
  int64_t batch = batch_of(xs);
  for (const Step &s : steps)
    all.push_back(fuzz::apply(s, all, batch));
  return all;
}

Variables Program::run(const Variables &xs) const {
  Variables all = values(xs);
  std::vector<bool> read(all.size());
  for (const Step &s : steps)
    for (int v : s.operands)
      if (v >= 0)
        read[size_t(v)] = true;
  Variables results, leaves;
  Variable total;
  for (size_t i = xs.size(); i < all.size(); ++i) {
    if (read[i])
      continue;
    results.push_back(all[i]);
    if (is_floating(all[i].dtype())) {
      Variable part = sum(all[i].astype(f64)) * (1 + 0.25 * double(i % 5));
      total = total.defined() ? total + part : part;
    }
  }
  for (const Variable &x : xs)
    if (is_floating(x.dtype()))
      leaves.push_back(x);
  for (int i = 0; i < order && total.defined() && !leaves.empty(); ++i) {
    Variables gs = grad(total, leaves, {.create_graph = i + 1 < order});
    total = Variable();
    for (const Variable &g : gs) {
      results.push_back(g);
      if (g.defined()) {
        Variable part = sum(g.astype(f64) * 0.5);
        total = total.defined() ? total + part : part;
      }
    }
  }
  return results;
}

static std::string to_text(const AttrValue &a) {
  return std::visit(
      []<class T>(const T &v) -> std::string {
        if constexpr (std::is_same_v<T, std::string>) {
          return "\"" + v + "\"";
        } else if constexpr (std::is_same_v<T, std::vector<int64_t>>) {
          std::string s;
          for (int64_t e : v)
            s += (s.empty() ? "" : ", ") + std::to_string(e);
          return "[" + s + "]";
        } else if constexpr (std::is_same_v<T, bool>) {
          return v ? "true" : "false";
        } else {
          return std::to_string(v);
        }
      },
      a);
}

std::string Program::text() const {
  std::string s;
  Variables all = inputs;
  for (size_t i = 0; i < inputs.size(); ++i)
    s += "v" + std::to_string(i) + " = input " + to_string(inputs[i].type()) +
         "\n";
  for (const Step &step : steps) {
    const OpInfo &op = opInfo(step.op);
    s += "v" + std::to_string(all.size()) + " = " +
         (step.form ? step.form->name : op.name);
    for (int v : step.operands)
      s +=
          " " + (v < 0 ? std::to_string(step.number) : "v" + std::to_string(v));
    for (size_t i = 0; i < step.attrs.size(); ++i)
      s += std::string(" ") + op.attrNames[i] + "=" + to_text(step.attrs[i]);
    NoGrad scope;
    all.push_back(fuzz::apply(step, all));
    s += " : " + to_string(all.back().type()) + "\n";
  }
  s += "order " + std::to_string(order);
  for (const Batch &b : batches)
    s += (&b == batches.data() ? ", batches of 7, " : ", ") +
         std::to_string(b.extent);
  return s + "\n";
}
