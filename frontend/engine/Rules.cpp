//===- Rules.cpp - running the operators' gradient rules ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "frontend/engine/Rules.h"
#include "frontend/core/Pool.h"
#include "frontend/core/Promotion.h"
#include "frontend/engine/Chain.h"
#include "frontend/engine/Engine.h"

using namespace etch;
using namespace etch::detail;

RuleRunner::~RuleRunner() {
  for (Step *s = first; s;) {
    Step *step = std::exchange(s, s->after);
    if (holds(step))
      step->~Step();
    else
      pool_delete(step);
  }
}

RuleRunner::Step &RuleRunner::add(Step::Kind kind, const TensorType &type) {
  Step &s = used < num_near ? *new (near + used++ * sizeof(Step)) Step()
                            : *pool_new<Step>();
  s.kind = kind;
  s.type = type;
  s.before = last;
  (last ? last->after : first) = &s;
  last = &s;
  return s;
}

GraphBuilder::Handle RuleRunner::source(const TensorType &type,
                                        const Variable &x) {
  Step &s = add(Step::source, type);
  s.result = x;
  return &s;
}

TensorType RuleRunner::typeOf(Handle value) {
  auto *s = static_cast<Step *>(value);
  s->type_read = true;
  return s->type;
}

RuleRunner::Step &RuleRunner::add_operation(OpId op,
                                            std::span<const Handle> operands,
                                            const TensorType &type) {
  Step &s = add(Step::operation, type);
  s.op = op;
  s.num_operands = uint8_t(operands.size());
  for (size_t i = 0; i < operands.size(); ++i)
    s.operands[i] = static_cast<Step *>(operands[i]);
  return s;
}

GraphBuilder::Handle RuleRunner::cast(Handle x, DType dtype) {
  Step &s = add_operation(OpId::Cast, {&x, 1},
                          {dtype, static_cast<Step *>(x)->type.shape});
  s.attrs = &cast_attrs(dtype);
  return &s;
}

GraphBuilder::Handle
RuleRunner::apply(OpId op, std::span<const Handle> operands, Attrs attrs) {
  // Most are arithmetic on two arrays of one type.
  if (opInfo(op).kind == OpKind::pointwise && attrs.empty() &&
      operands.size() <= 2) {
    const TensorType &one = static_cast<Step *>(operands[0])->type,
                     &other = static_cast<Step *>(operands.back())->type;
    DType dtype = result_dtype(opInfo(op), attrs, one.dtype);
    if (dtype != DType{} && one == other)
      return &add_operation(op, operands, {dtype, one.shape});
  }
  TensorType types[3];
  for (size_t i = 0; i < operands.size(); ++i)
    types[i] = static_cast<Step *>(operands[i])->type;
  std::string error;
  const OpInfo &info = opInfo(op);
  auto type = info.infer({types, operands.size()}, attrs, error);
  // Types of what nobody wants may be out of date; a mistake counts when run.
  Step &s = add_operation(op, operands, type ? *type : types[0]);
  if (!type)
    s.kind = Step::mistake;
  s.own = std::move(attrs);
  return &s;
}

GraphBuilder::Handle RuleRunner::applyShaped(OpId op,
                                             std::span<const Handle> operands,
                                             Attrs attrs,
                                             std::span<const Extent> extents) {
  // Eager shapes are known: extents have no factors, except those of rules that
  // name them by reference anyway.
  std::vector<int64_t> shape;
  shape.reserve(extents.size());
  for (const Extent &e : extents) {
    int64_t n = e.size;
    for (const Extent::Factor &f : e.factors)
      n *= typeOf(f.value).shape[f.axis];
    shape.push_back(n + e.more);
  }
  attrs.emplace_back(std::move(shape));
  return apply(op, operands, std::move(attrs));
}

GraphBuilder::Handle RuleRunner::splatLike(double value, Handle like) {
  auto *l = static_cast<Step *>(like);
  l->type_read = true;
  Step &s = add(Step::splat, l->type);
  s.value = value;
  return &s;
}

void RuleRunner::mark(Handle value) {
  static_cast<Step *>(value)->marked = true;
  // Operands stand before what uses them.
  for (Step *s = last; s; s = s->before)
    if (s->marked)
      for (int i = 0; i < s->num_operands; ++i)
        s->operands[i]->marked = true;
}

Reads RuleRunner::reads(Handle source) const {
  auto *s = static_cast<const Step *>(source);
  return s->marked      ? Reads::contents
         : s->type_read ? Reads::type
                        : Reads::nothing;
}

Variable RuleRunner::evaluate(Handle value) {
  auto *wanted = static_cast<Step *>(value);
  if (!wanted->done)
    mark(wanted);
  for (Step *s = first; s; s = s->after) {
    if (s->done || !s->marked)
      continue;
    s->done = true;
    if (s->kind == Step::operation) {
      Variable xs[3];
      for (int i = 0; i < s->num_operands; ++i)
        xs[i] = s->operands[i]->result;
      s->result = apply_typed(
          opInfo(s->op), std::span<const Variable>(xs, s->num_operands),
          s->attrs == &s->own ? std::move(s->own) : Attrs(*s->attrs), s->type,
          where);
    } else if (s->kind == Step::splat) {
      s->result = make_literal(s->value, s->type, where);
    } else if (s->kind == Step::mistake || !has_contents(s->result)) {
      throw InternalError("a gradient rule went wrong", where);
    }
    if (s == wanted)
      break;
  }
  return wanted->result;
}

void RuleRunner::evaluate(std::span<const Handle> values, Variable *results) {
  for (Handle value : values)
    mark(value);
  if (values.empty() || run_as_chain(values, results))
    return;
  for (size_t i = 0; i < values.size(); ++i)
    results[i] = evaluate(values[i]);
}

/// Whether all that is marked is one formula over arrays of one shape on the
/// host, of more than one operation: then it is run.
bool RuleRunner::run_as_chain(std::span<const Handle> values,
                              Variable *results) {
  if (!may_chain() || values.size() > Chain::max_results)
    return false;
  const Shape &shape = static_cast<Step *>(values[0])->type.shape;
  static constexpr int64_t repeated[Shape::max_rank] = {};
  Chain::Source sources[Chain::max_sources];
  Chain::Op ops[Chain::max_ops];
  Step *made[Chain::max_ops];
  double numbers[Chain::max_sources];
  size_t num_sources = 0, num_ops = 0;
  for (Step *s = first; s; s = s->after) {
    if (!s->marked)
      continue;
    if (s->done || !(s->type.shape == shape))
      return false;
    if (s->kind == Step::operation) {
      if (opInfo(s->op).kind != OpKind::pointwise || num_ops == Chain::max_ops)
        return false;
      made[num_ops++] = s;
      continue;
    }
    if (s->kind == Step::mistake || num_sources == Chain::max_sources)
      return false;
    s->number = uint8_t(num_sources);
    Chain::Source &source = sources[num_sources];
    if (s->kind == Step::splat) {
      store_scalar(&numbers[num_sources], s->type.dtype, s->value);
      source = {s->type.dtype, &numbers[num_sources], repeated};
    } else {
      if (!has_contents(s->result))
        return false;
      const Value &v = *s->result.node()->value;
      if (v.on_device())
        return false;
      source = {v.dtype, v.data, v.strides};
    }
    ++num_sources;
  }
  if (num_ops < 2)
    return false;
  for (size_t i = 0; i < num_ops; ++i) {
    Step &s = *made[i];
    s.number = uint8_t(num_sources + i);
    ops[i] = {&opInfo(s.op), s.attrs, s.type.dtype, {}};
    for (int k = 0; k < s.num_operands; ++k)
      ops[i].operands[k] = s.operands[k]->number;
  }
  uint8_t wanted[Chain::max_results];
  for (size_t i = 0; i < values.size(); ++i) {
    auto *s = static_cast<Step *>(values[i]);
    if (s->kind != Step::operation)
      return false;
    wanted[i] = uint8_t(s->number - num_sources);
    for (size_t k = 0; k < i; ++k)
      if (wanted[k] == wanted[i])
        return false;
  }
  ValueRef made_values[Chain::max_results];
  run_chain(
      {{sources, num_sources}, {ops, num_ops}, {wanted, values.size()}, &shape},
      made_values, where);
  for (size_t i = 0; i < values.size(); ++i)
    results[i] = make_variable(std::move(made_values[i]), Node::untracked);
  return true;
}
