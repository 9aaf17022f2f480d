//===- Promotion.h - Common element types and shapes ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// NumPy's rules (NEP 50): arrays are strong, also those of shape (); the
// numbers of the host language are weak.
//===----------------------------------------------------------------------===//
#ifndef ETCH_CORE_PROMOTION_H
#define ETCH_CORE_PROMOTION_H

#include "dialects/Etch/OpTable.h"
#include "etch/operand.h"

namespace etch::detail {

/// The type that arrays of these two types have in common.
DType promote(DType a, DType b);
/// The type that an array of type `strong` and a literal have in common.
DType promote_weak(DType strong, DType literal);
/// The common type of operands.
DType common_dtype(std::span<const Operand> operands);

/// The shape to which both broadcast; `what` names the operation in the error.
Shape broadcast_shapes(const Shape &a, const Shape &b, const char *what,
                       const Location &where);

/// The element type of a pointwise op's result for operands of type `dtype`, or
/// DType{} where it is not defined. Not for ops whose attributes say it.
DType result_dtype(const OpInfo &op, const Attrs &attrs, DType dtype);

/// The attributes of a cast to this type.
const Attrs &cast_attrs(DType dtype);

/// x as an array of this element type, by a cast if need be.
Variable cast_to(const Variable &x, DType dtype, const Location &where);
/// x broadcast to a shape, by an operation if need be.
Variable expand_to(const Variable &x, const Shape &shape,
                   const Location &where);
/// The operand with this type; literals are made in that shape.
Variable materialize(const Operand &x, const TensorType &type,
                     const Location &where);
/// A Variable of floats: integers become float64.
Variable floating(const Operand &x);

} // namespace etch::detail

#endif // ETCH_CORE_PROMOTION_H
