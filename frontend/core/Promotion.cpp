//===- Promotion.cpp - common element types and shapes --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "frontend/core/Promotion.h"
#include "frontend/core/Array.h"
#include "frontend/engine/Engine.h"

#include <algorithm>
#include <array>
#include <cmath>

using namespace etch;
using namespace etch::detail;

DType detail::promote(DType a, DType b) {
  if (a == b)
    return a;
  if (b == f32 || b < a)
    std::swap(a, b);
  if (a == f32 && is_integer(b))
    return f64; // float32 does not hold all integers
  // The enumeration ascends: boolean, i32, i64, f32, f64.
  return is_integer(a) && b == f32 ? f64 : std::max(a, b);
}

DType detail::promote_weak(DType strong, DType literal) {
  if (literal == boolean || is_floating(strong))
    return strong;
  if (literal == f64)
    return f64;
  return strong == boolean ? i64 : strong;
}

DType detail::common_dtype(std::span<const Operand> operands) {
  bool any_array = false;
  DType strong = boolean, literal = boolean;
  for (const Operand &x : operands) {
    if (x.is_literal()) {
      literal = std::max(literal, x.literal_kind());
      continue;
    }
    DType t = x.var().dtype();
    strong = any_array ? promote(strong, t) : t;
    any_array = true;
  }
  return any_array ? promote_weak(strong, literal) : literal;
}

Shape detail::broadcast_shapes(const Shape &a, const Shape &b, const char *what,
                               const Location &where) {
  const Shape &large = a.rank() >= b.rank() ? a : b;
  const Shape &small = a.rank() >= b.rank() ? b : a;
  Shape shape = large;
  int lead = large.rank() - small.rank();
  for (int i = 0; i < small.rank(); ++i) {
    int64_t &e = shape[lead + i];
    if (e == 1)
      e = small[i];
    else if (small[i] != 1 && small[i] != e)
      throw ShapeError(std::string(what) + ": shapes do not broadcast: " +
                           to_string(a) + " and " + to_string(b),
                       where);
  }
  check_size(shape, what, where);
  return shape;
}

const Attrs &detail::cast_attrs(DType dtype) {
  static const std::array<Attrs, 6> names = [] {
    std::array<Attrs, 6> all;
    for (DType t : {boolean, i32, i64, f32, f64})
      all[size_t(t)].emplace_back(std::string(shortNameOf(t)));
    return all;
  }();
  return names[size_t(dtype)];
}

Variable detail::cast_to(const Variable &x, DType dtype,
                         const Location &where) {
  if (x.dtype() == dtype)
    return x;
  const Attrs &to = cast_attrs(dtype);
  // A cast that a program already has needs no attributes of its own.
  if (Recorder *r = recorder())
    if (Variable y = r->known(opInfo(OpId::Cast), {&x, 1}, to, where);
        y.defined())
      return y;
  return apply(OpId::Cast, {x}, to, where);
}

static Attrs shape_attr(const Shape &shape) {
  return {std::vector<int64_t>(shape.begin(), shape.end())};
}

Variable detail::expand_to(const Variable &x, const Shape &shape,
                           const Location &where) {
  if (x.shape() == shape)
    return x;
  return apply(OpId::BroadcastTo, {x}, shape_attr(shape), where);
}

Variable detail::materialize(const Operand &x, const TensorType &type,
                             const Location &where) {
  if (!x.is_literal())
    return expand_to(cast_to(x.var(), type.dtype, where), type.shape, where);
  if (type.dtype == i32 && x.as_int() != int32_t(x.as_int()))
    throw ValueError(std::to_string(x.as_int()) + " does not fit int32", where);
  Variable y = make_literal(x.as_double(), type, where);
  // Beyond 2^53 a double is not exact.
  if (type.dtype == i64 && has_contents(y) &&
      std::fabs(x.as_double()) > 9007199254740992.0)
    *static_cast<int64_t *>(y.node()->value->data) = x.as_int();
  return y;
}

Variable detail::floating(const Operand &x) {
  Variable v = x.array();
  return is_floating(v.dtype()) ? v : cast_to(v, f64, x.location());
}

//===----------------------------------------------------------------------===//
// Pointwise operations
//===----------------------------------------------------------------------===//

DType detail::result_dtype(const OpInfo &op, const Attrs &attrs, DType dtype) {
  // Asked of its own rule, once.
  struct Answer {
    DType result;
    bool known;
  };
  static constinit thread_local Answer answers[256][8]{};
  Answer &answer = answers[size_t(op.id) & 255][int(dtype)];
  if (!answer.known) {
    TensorType types[3] = {{dtype, {}}, {dtype, {}}, {dtype, {}}};
    if (op.numOperands == 3)
      types[0].dtype = boolean;
    std::string error;
    auto type = op.infer({types, size_t(op.numOperands)}, attrs, error);
    answer = {type ? type->dtype : DType{}, true};
  }
  return answer.result;
}

Variable detail::apply_pointwise(OpId id,
                                 std::initializer_list<Operand> operands,
                                 Attrs attrs) {
  const OpInfo &op = opInfo(id);
  std::span<const Operand> xs(operands.begin(), operands.size());
  const Location &where = xs[0].location();
  if (Variable y = known(id, xs, attrs); y.defined())
    return y;
  Shape shape;
  for (const Operand &x : xs) {
    if (x.is_literal())
      continue;
    if (!x.var().defined())
      throw ValueError(std::string(op.name) + ": an operand is empty", where);
    const Shape &s = x.var().shape();
    if (s != shape)
      shape = broadcast_shapes(shape, s, op.name, where);
  }
  // The condition of a choice has no part in the common type.
  bool choice = xs.size() == 3;
  DType dtype = common_dtype(choice ? xs.subspan(1) : xs);
  if (result_dtype(op, attrs, dtype) == DType{})
    dtype = !is_floating(dtype) && result_dtype(op, attrs, i64) != DType{}
                ? i64
                : f64;
  Variable values[3];
  for (size_t i = 0; i < xs.size(); ++i) {
    DType own = choice && i == 0 ? boolean : dtype;
    bool fits = !xs[i].is_literal() && xs[i].var().dtype() == own &&
                xs[i].var().shape() == shape;
    values[i] = fits ? xs[i].var() : materialize(xs[i], {own, shape}, where);
  }
  std::span<const Variable> all(values, xs.size());
  if (recorder())
    return apply(id, all, std::move(attrs), where);
  TensorType type = {result_dtype(op, attrs, dtype), shape};
  return apply_typed(op, all, std::move(attrs), type, where);
}
