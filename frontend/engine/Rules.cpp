//===- Rules.cpp - running the operators' gradient rules ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "frontend/engine/Rules.h"
#include "frontend/core/Pool.h"
#include "frontend/engine/Engine.h"

using namespace etch;
using namespace etch::detail;

RuleRunner::~RuleRunner() {
  for (Step *s = first; s;)
    pool_delete(std::exchange(s, s->after));
}

RuleRunner::Step &RuleRunner::add(Step::Kind kind, const TensorType &type) {
  Step &s = *pool_new<Step>();
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

GraphBuilder::Handle
RuleRunner::apply(OpId op, std::span<const Handle> operands, Attrs attrs) {
  TensorType types[3];
  for (size_t i = 0; i < operands.size(); ++i)
    types[i] = static_cast<Step *>(operands[i])->type;
  std::string error;
  const OpInfo &info = opInfo(op);
  auto type = info.infer({types, operands.size()}, attrs, error);
  // Types of what nobody wants may be out of date; a mistake counts when run.
  Step &s = type ? add(Step::operation, *type) : add(Step::mistake, types[0]);
  s.op = op;
  s.attrs = std::move(attrs);
  s.num_operands = uint8_t(operands.size());
  for (size_t i = 0; i < operands.size(); ++i)
    s.operands[i] = static_cast<Step *>(operands[i]);
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
      s->result = apply_typed(opInfo(s->op),
                              std::span<const Variable>(xs, s->num_operands),
                              std::move(s->attrs), s->type, where);
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
