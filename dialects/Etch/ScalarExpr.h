//===- ScalarExpr.h - the language of pointwise bodies --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The body of every pointwise op is written in this small language, once, in
// its record: `let scalar = [{ tanh(x) }];`. Building an expression emits
// arith ops (and math.fma, sqrt, floor, roundeven, absf, copysign, each one
// machine instruction) at the builder's insertion point. A value is an f32,
// f64, i1, i32 or i64, or a vector of any of those: the emitted sequence is the
// same at every width, and so are the bits. Nothing here calls libm, neither in
// the emitted code nor when constants fold.
//
// sin and cos also emit an scf.if that is taken only when some lane is large;
// arith, math, scf and vector must be loaded in the context.
//
//===----------------------------------------------------------------------===//

#ifndef ETCH_DIALECTS_ETCH_SCALAREXPR_H
#define ETCH_DIALECTS_ETCH_SCALAREXPR_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/IR/Value.h"

namespace etch {

/// A value under construction, together with the place where it is built.
struct ScalarExpr {
  mlir::OpBuilder *b;
  mlir::Location loc;
  mlir::Value v;

  ScalarExpr(mlir::OpBuilder &b, mlir::Location loc, mlir::Value v)
      : b(&b), loc(loc), v(v) {}

  operator mlir::Value() const { return v; }

  /// f32, f64, i1, i32 or i64, also when the value is a vector.
  mlir::Type elementType() const {
    return mlir::getElementTypeOrSelf(v.getType());
  }
  /// The type of this value with another element type: keeps the width.
  mlir::Type typeWith(mlir::Type element) const;

  bool isFloat() const { return mlir::isa<mlir::FloatType>(elementType()); }
  bool isF32() const { return elementType().isF32(); }
  bool isF64() const { return elementType().isF64(); }
  bool isBool() const { return elementType().isInteger(1); }

  /// Emits one op and wraps its only result.
  template <class Op, class... Args> ScalarExpr make(Args &&...args) const {
    return {*b, loc, Op::create(*b, loc, std::forward<Args>(args)...)};
  }
};

/// What an operation accepts: an expression, or a literal that takes the type
/// of the other operands (`1 - y`, `maximum(x, 0)`). Not all may be literals.
struct ScalarOperand {
  std::optional<ScalarExpr> expr;
  double literal = 0;

  ScalarOperand(ScalarExpr e) : expr(e) {}
  ScalarOperand(double value) : literal(value) {}

  /// The operand as an expression of the type of `like`.
  ScalarExpr as(const ScalarExpr &like) const;
};

/// The literal in the type of `like` (rounded to nearest in a float type,
/// truncated in an integer type), splat if `like` is a vector.
ScalarExpr constantLike(ScalarExpr like, double value);

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

// + - * wrap around on integers. On i1: + is or, * is and. Division is for
// floats only.
ScalarExpr operator+(ScalarOperand a, ScalarOperand b);
ScalarExpr operator-(ScalarOperand a, ScalarOperand b);
ScalarExpr operator*(ScalarOperand a, ScalarOperand b);
ScalarExpr operator/(ScalarOperand a, ScalarOperand b);
ScalarExpr operator-(ScalarExpr a);

/// a * b + c, rounded once.
ScalarExpr fma(ScalarOperand a, ScalarOperand b, ScalarOperand c);

/// The larger one; NaN if either is NaN. Of two zeros, the second. A compare
/// and select that is exactly the x86 vmaxps, then a blend for a NaN in `a`.
ScalarExpr maximum(ScalarOperand a, ScalarOperand b);
/// The smaller one; NaN if either is NaN. Of two zeros, the second.
ScalarExpr minimum(ScalarOperand a, ScalarOperand b);

ScalarExpr abs(ScalarExpr x);
/// -1, 0 or 1; NaN at NaN; keeps the sign of a zero.
ScalarExpr sign(ScalarExpr x);
/// x if x > 0, NaN at NaN, otherwise a zero.
ScalarExpr relu(ScalarExpr x);
ScalarExpr sqrt(ScalarExpr x);
/// Towards minus infinity. Integers are returned as they are.
ScalarExpr floor(ScalarExpr x);
/// To the nearest integer, halves to the even one. Integers as they are.
ScalarExpr roundHalfEven(ScalarExpr x);
/// |x| with the sign of s. Floats only.
ScalarExpr copysign(ScalarOperand x, ScalarOperand s);

//===----------------------------------------------------------------------===//
// Comparison and logic (results are i1)
//===----------------------------------------------------------------------===//

// As in C: every comparison with a NaN is false, except `ne`, which is true.
// Integers compare signed.
ScalarExpr eq(ScalarOperand a, ScalarOperand b);
ScalarExpr ne(ScalarOperand a, ScalarOperand b);
ScalarExpr lt(ScalarOperand a, ScalarOperand b);
ScalarExpr le(ScalarOperand a, ScalarOperand b);
ScalarExpr gt(ScalarOperand a, ScalarOperand b);
ScalarExpr ge(ScalarOperand a, ScalarOperand b);

/// c ? a : b; at least one of a and b is an expression.
ScalarExpr select(ScalarExpr c, ScalarOperand a, ScalarOperand b);

ScalarExpr logicalAnd(ScalarExpr a, ScalarExpr b);
ScalarExpr logicalOr(ScalarExpr a, ScalarExpr b);
ScalarExpr logicalNot(ScalarExpr a);

//===----------------------------------------------------------------------===//
// Conversion
//===----------------------------------------------------------------------===//

/// Converts to another element type. Float to integer truncates towards zero
/// and saturates, NaN gives 0. Anything to bool is `!= 0` (true for NaN); bool
/// to a number is 0 or 1; i64 to i32 wraps.
ScalarExpr cast(ScalarExpr x, mlir::Type element);

//===----------------------------------------------------------------------===//
// Elementary functions (Math/*.cpp), f32 and f64
//===----------------------------------------------------------------------===//

// Our own, fixed sequences of IEEE operations: 2 ULPs at most in f32, 1 in f64,
// subnormals included. Measured, f32 over all arguments, f64 over 20 million of
// each function (test/dialects/Math measures again, and the time):
//
//         exp   log   sin   cos   tanh  sigmoid  erf   pow
//   f32   1.02  0.89  1.54  1.54  1.23  1.48     1.02  0.51
//   f64   0.77  0.84  0.81  0.81  0.87  0.88     0.91  0.77
//
// pow: where it is not a product, see there.
ScalarExpr exp(ScalarExpr x);
ScalarExpr log(ScalarExpr x);
ScalarExpr sin(ScalarExpr x);
ScalarExpr cos(ScalarExpr x);
ScalarExpr tanh(ScalarExpr x);
ScalarExpr erf(ScalarExpr x);
/// 1 / (1 + exp(-x)), accurate also where that underflows.
ScalarExpr sigmoid(ScalarExpr x);

/// x to a power known when the program is compiled, rounded to x's type first.
/// Integers up to 64 in magnitude are a fixed sequence of products, x**3 =
/// (x*x)*x, and 1 over that if negative; 0.5 is sqrt but for C's pow(-inf) and
/// pow(-0); the rest is exp(n * log(x)) with the specials of C's pow. For an
/// integer x the exponent is an integer in [0, 64].
ScalarExpr pow(ScalarExpr x, double exponent);

//===----------------------------------------------------------------------===//
// Random numbers (Math/Philox.cpp)
//===----------------------------------------------------------------------===//

/// Philox4x32-10 of Salmon et al., "Parallel random numbers: as easy as 1, 2,
/// 3": 10 rounds on four 32-bit words under a key of two. A word is an i64
/// below 2^32.
struct PhiloxBlock {
  ScalarExpr words[4];
};
PhiloxBlock philox4x32(PhiloxBlock counter, ScalarExpr key0, ScalarExpr key1);

/// Uniform in [0, 1), f32 or f64, from the block at (counter, 0): 24 bits of
/// the first word, 53 of the first two. counter and key are i64.
ScalarExpr philox(ScalarExpr counter, ScalarExpr key, mlir::Type element);

} // namespace etch

#endif // ETCH_DIALECTS_ETCH_SCALAREXPR_H
