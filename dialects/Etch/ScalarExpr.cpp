//===- ScalarExpr.cpp - arithmetic of pointwise bodies --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Etch/ScalarExpr.h"

#include "dialects/Etch/ScalarPrice.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/TypeUtilities.h"

#include <cmath>

using namespace mlir;

namespace etch {

Type ScalarExpr::typeWith(Type element) const {
  if (auto vector = dyn_cast<VectorType>(v.getType()))
    return vector.cloneWith(std::nullopt, element);
  return element;
}

ScalarExpr constantLike(ScalarExpr like, double value) {
  Type element = like.elementType();
  TypedAttr attr;
  if (isa<FloatType>(element))
    attr = FloatAttr::get(element, value);
  else
    attr = IntegerAttr::get(element, static_cast<int64_t>(value));
  if (auto vector = dyn_cast<VectorType>(like.v.getType()))
    attr = DenseElementsAttr::get(vector, Attribute(attr));
  return like.make<arith::ConstantOp>(attr);
}

ScalarExpr ScalarOperand::as(const ScalarExpr &like) const {
  return expr ? *expr : constantLike(like, literal);
}

/// Whichever operand is an expression: it gives the literals their type.
static const ScalarExpr &typed(const ScalarOperand &a, const ScalarOperand &b) {
  assert((a.expr || b.expr) && "two literals make no expression");
  return a.expr ? *a.expr : *b.expr;
}

/// Emits one of three ops, by element type: float, integer, bool.
template <class FloatOp, class IntOp, class BoolOp>
static ScalarExpr binary(const ScalarOperand &a, const ScalarOperand &b) {
  const ScalarExpr &like = typed(a, b);
  Value l = a.as(like), r = b.as(like);
  assert(l.getType() == r.getType() && "operands of one type");
  if (like.isFloat())
    return like.make<FloatOp>(l, r);
  if (like.isBool())
    return like.make<BoolOp>(l, r);
  return like.make<IntOp>(l, r);
}

ScalarExpr operator+(ScalarOperand a, ScalarOperand b) {
  return binary<arith::AddFOp, arith::AddIOp, arith::OrIOp>(a, b);
}

ScalarExpr operator-(ScalarOperand a, ScalarOperand b) {
  return binary<arith::SubFOp, arith::SubIOp, arith::XOrIOp>(a, b);
}

ScalarExpr operator*(ScalarOperand a, ScalarOperand b) {
  return binary<arith::MulFOp, arith::MulIOp, arith::AndIOp>(a, b);
}

ScalarExpr operator/(ScalarOperand a, ScalarOperand b) {
  const ScalarExpr &like = typed(a, b);
  assert(like.isFloat() && "division of floats only");
  return like.make<arith::DivFOp>(a.as(like), b.as(like));
}

ScalarExpr operator-(ScalarExpr a) {
  if (a.isFloat())
    return a.make<arith::NegFOp>(a.v);
  return constantLike(a, 0) - a;
}

ScalarExpr fma(ScalarOperand a, ScalarOperand b, ScalarOperand c) {
  const ScalarExpr &like = a.expr ? *a.expr : typed(b, c);
  return like.make<math::FmaOp>(a.as(like), b.as(like), c.as(like));
}

//===----------------------------------------------------------------------===//
// Comparison and logic
//===----------------------------------------------------------------------===//

static ScalarExpr compare(const ScalarOperand &a, const ScalarOperand &b,
                          arith::CmpFPredicate f, arith::CmpIPredicate i) {
  const ScalarExpr &like = typed(a, b);
  if (like.isFloat())
    return like.make<arith::CmpFOp>(f, a.as(like), b.as(like));
  return like.make<arith::CmpIOp>(i, a.as(like), b.as(like));
}

ScalarExpr eq(ScalarOperand a, ScalarOperand b) {
  return compare(a, b, arith::CmpFPredicate::OEQ, arith::CmpIPredicate::eq);
}

ScalarExpr ne(ScalarOperand a, ScalarOperand b) {
  return compare(a, b, arith::CmpFPredicate::UNE, arith::CmpIPredicate::ne);
}

// false < true: bools compare unsigned, so that i1's one is not minus one.
ScalarExpr lt(ScalarOperand a, ScalarOperand b) {
  return compare(a, b, arith::CmpFPredicate::OLT,
                 typed(a, b).isBool() ? arith::CmpIPredicate::ult
                                      : arith::CmpIPredicate::slt);
}

ScalarExpr le(ScalarOperand a, ScalarOperand b) {
  return compare(a, b, arith::CmpFPredicate::OLE,
                 typed(a, b).isBool() ? arith::CmpIPredicate::ule
                                      : arith::CmpIPredicate::sle);
}

ScalarExpr gt(ScalarOperand a, ScalarOperand b) { return lt(b, a); }
ScalarExpr ge(ScalarOperand a, ScalarOperand b) { return le(b, a); }

ScalarExpr select(ScalarExpr c, ScalarOperand a, ScalarOperand b) {
  assert(c.isBool() && "select takes a bool");
  const ScalarExpr &like = typed(a, b);
  return like.make<arith::SelectOp>(c.v, a.as(like), b.as(like));
}

ScalarExpr logicalAnd(ScalarExpr a, ScalarExpr b) {
  return a.make<arith::AndIOp>(a.v, b.v);
}

ScalarExpr logicalOr(ScalarExpr a, ScalarExpr b) {
  return a.make<arith::OrIOp>(a.v, b.v);
}

ScalarExpr logicalNot(ScalarExpr a) {
  return a.make<arith::XOrIOp>(a.v, constantLike(a, 1).v);
}

//===----------------------------------------------------------------------===//
// Small functions
//===----------------------------------------------------------------------===//

ScalarExpr maximum(ScalarOperand a, ScalarOperand b) {
  const ScalarExpr &like = typed(a, b);
  if (like.isBool())
    return like.make<arith::OrIOp>(a.as(like), b.as(like));
  if (!like.isFloat())
    return like.make<arith::MaxSIOp>(a.as(like), b.as(like));
  // The compare is false if either is NaN: b, NaN or not. Then a NaN in a.
  ScalarExpr l = a.as(like), r = b.as(like);
  ScalarExpr larger = select(gt(l, r), l, r);
  return a.expr ? select(ne(l, l), l, larger) : larger;
}

ScalarExpr minimum(ScalarOperand a, ScalarOperand b) {
  const ScalarExpr &like = typed(a, b);
  if (like.isBool())
    return like.make<arith::AndIOp>(a.as(like), b.as(like));
  if (!like.isFloat())
    return like.make<arith::MinSIOp>(a.as(like), b.as(like));
  ScalarExpr l = a.as(like), r = b.as(like);
  ScalarExpr smaller = select(lt(l, r), l, r);
  return a.expr ? select(ne(l, l), l, smaller) : smaller;
}

ScalarExpr abs(ScalarExpr x) {
  if (x.isFloat())
    return x.make<math::AbsFOp>(x.v);
  return x.isBool() ? x : select(lt(x, 0), -x, x);
}

ScalarExpr sign(ScalarExpr x) {
  if (x.isBool())
    return x;
  return select(gt(x, 0), 1, select(lt(x, 0), -1, x));
}

ScalarExpr relu(ScalarExpr x) { return maximum(0, x); }

ScalarExpr sqrt(ScalarExpr x) { return x.make<math::SqrtOp>(x.v); }

ScalarExpr floor(ScalarExpr x) {
  return x.isFloat() ? x.make<math::FloorOp>(x.v) : x;
}

ScalarExpr roundHalfEven(ScalarExpr x) {
  return x.isFloat() ? x.make<math::RoundEvenOp>(x.v) : x;
}

ScalarExpr copysign(ScalarOperand x, ScalarOperand s) {
  const ScalarExpr &like = typed(x, s);
  return like.make<math::CopySignOp>(x.as(like), s.as(like));
}

//===----------------------------------------------------------------------===//
// Conversion
//===----------------------------------------------------------------------===//

ScalarExpr cast(ScalarExpr x, Type element) {
  Type from = x.elementType(), to = x.typeWith(element);
  if (from == element)
    return x;
  if (element.isInteger(1))
    return ne(x, 0);
  if (x.isBool()) {
    if (isa<FloatType>(element))
      return x.make<arith::UIToFPOp>(to, x.v);
    return x.make<arith::ExtUIOp>(to, x.v);
  }
  unsigned width = element.getIntOrFloatBitWidth();
  bool widens = width > from.getIntOrFloatBitWidth();
  if (isa<FloatType>(element)) {
    if (!x.isFloat())
      return x.make<arith::SIToFPOp>(to, x.v);
    return widens ? x.make<arith::ExtFOp>(to, x.v)
                  : x.make<arith::TruncFOp>(to, x.v);
  }
  if (!x.isFloat())
    return widens ? x.make<arith::ExtSIOp>(to, x.v)
                  : x.make<arith::TruncIOp>(to, x.v);
  // arith.fptosi is poison out of range: convert a zero there (and at NaN),
  // then put the nearest bound. The bounds are powers of two: exact.
  double bound = std::ldexp(1.0, width - 1);
  ScalarExpr below = lt(x, -bound), above = ge(x, bound);
  ScalarExpr inside = logicalAnd(ge(x, -bound), lt(x, bound));
  ScalarExpr result = x.make<arith::FPToSIOp>(to, select(inside, x, 0).v);
  auto limit = [&](APInt value) {
    TypedAttr attr = IntegerAttr::get(element, value);
    if (auto vector = dyn_cast<VectorType>(to))
      attr = DenseElementsAttr::get(vector, Attribute(attr));
    return x.make<arith::ConstantOp>(attr);
  };
  result = select(above, limit(APInt::getSignedMaxValue(width)), result);
  return select(below, limit(APInt::getSignedMinValue(width)), result);
}

//===----------------------------------------------------------------------===//
// Powers by repeated multiplication
//===----------------------------------------------------------------------===//

namespace detail {
ScalarExpr generalPow(ScalarExpr x, double exponent);
}

ScalarExpr pow(ScalarExpr x, double exponent) {
  if (x.isF32())
    exponent = static_cast<float>(exponent);
  if (exponent == 0)
    return constantLike(x, 1);
  double magnitude = std::fabs(exponent);
  if (magnitude <= 64 && magnitude == std::floor(magnitude)) {
    // From the leading bit down: square, and multiply by x where a bit is set.
    unsigned n = static_cast<unsigned>(magnitude);
    ScalarExpr y = x;
    for (int bit = static_cast<int>(std::log2(n)) - 1; bit >= 0; --bit) {
      y = y * y;
      if (n >> bit & 1)
        y = y * x;
    }
    assert((exponent > 0 || x.isFloat()) && "negative power of an integer");
    return exponent < 0 ? 1 / y : y;
  }
  assert(x.isFloat() && "general power of an integer");
  if (exponent == 0.5) {
    // C has pow(-inf, 0.5) = inf and pow(-0, 0.5) = 0, unlike sqrt.
    double inf = std::numeric_limits<double>::infinity();
    return select(eq(x, -inf), inf, sqrt(x) + 0.0);
  }
  return detail::generalPow(x, exponent);
}

} // namespace etch

int64_t etch::scalarPrice(PointwiseOpInterface op) {
  Block block;
  llvm::SmallVector<Value> args;
  for (Value x : op->getOperands())
    args.push_back(
        block.addArgument(getElementTypeOrSelf(x.getType()), op->getLoc()));
  OpBuilder b(op->getContext());
  b.setInsertionPointToEnd(&block);
  op.emitScalar(b, op->getLoc(), args);
  return std::max<int64_t>(1, llvm::count_if(block, [](Operation &inner) {
                             return !inner.hasTrait<OpTrait::ConstantLike>();
                           }));
}
