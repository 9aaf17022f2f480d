//===- Division.cpp - many numbers by one ---------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// With r = 1/y, correctly rounded, q = x * r is a quotient to about one unit in
// the last place. A remainder x - q * y corrects it: once, and it is one of the
// two neighbours of the exact quotient; the next remainder is exact, and the
// second correction rounds as a division does (Markstein 1990; Handbook of
// Floating-Point Arithmetic, section 4.7). This holds where nothing overflows
// or is subnormal: exponents far from the ends of the range. Vectors with
// others are divided.
//===----------------------------------------------------------------------===//

#include "compiler/Target/Kernel/Division.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace etch::kernel;

bool etch::kernel::paysToDivideByOne(Type type) {
  auto vector = dyn_cast<VectorType>(type);
  if (!vector)
    return false;
  Type element = vector.getElementType();
  return (element.isF32() || element.isF64()) &&
         vector.getNumElements() * element.getIntOrFloatBitWidth() >= 512;
}

Value etch::kernel::divideByOne(Emit &e, Value x, Value y) {
  auto type = cast<VectorType>(x.getType());
  int64_t lanes = type.getNumElements();
  bool isDouble = type.getElementType().isF64();
  unsigned width = isDouble ? 64 : 32;
  Type word = e.getIntegerType(width), words = VectorType::get({lanes}, word);
  auto number = [&](int64_t n) {
    return e.constant(cast<TypedAttr>(DenseElementsAttr::get(
        cast<ShapedType>(words), APInt(width, uint64_t(n), false, true))));
  };
  // Exponents from -400 to 400, or -60 to 60: a remainder is 2 * 53 or 2 * 24
  // binary places below x, and a quotient twice as far from 1.
  int64_t middle = isDouble ? 1023 : 127, reach = isDouble ? 400 : 60;
  unsigned fraction = isDouble ? 52 : 23;
  Value low = number((middle - reach) << fraction),
        span = number((2 * reach) << fraction),
        magnitude = number(isDouble ? INT64_MAX : INT32_MAX);
  auto bitsOf = [&](Value v) -> Value {
    return e.make<arith::AndIOp>(e.make<arith::BitcastOp>(words, v), magnitude);
  };
  auto isNear = [&](Value bits) -> Value {
    return e.make<arith::CmpIOp>(arith::CmpIPredicate::ule,
                                 e.make<arith::SubIOp>(bits, low), span);
  };
  Value bits = bitsOf(x);
  Value isZero =
      e.make<arith::CmpIOp>(arith::CmpIPredicate::eq, bits, number(0));
  Value fits = e.make<arith::AndIOp>(e.make<arith::OrIOp>(isNear(bits), isZero),
                                     isNear(bitsOf(y)));
  Value all = e.make<LLVM::BitcastOp>(e.getIntegerType(unsigned(lanes)), fits);
  Value whole = e.constant(
      e.getIntegerAttr(all.getType(), APInt::getAllOnes(unsigned(lanes))));
  Value corrected = e.make<arith::CmpIOp>(arith::CmpIPredicate::eq, all, whole);
  Value one = e.constant(type.getElementType(), 1, lanes);
  Value inverse = e.make<arith::DivFOp>(one, y);
  Value minus = e.make<arith::NegFOp>(y);
  auto branch = e.make<scf::IfOp>(TypeRange{Type(type)}, corrected, true);
  OpBuilder::InsertionGuard guard(e);
  e.setInsertionPointToEnd(branch.thenBlock());
  Value first = e.make<arith::MulFOp>(x, inverse), q = first;
  for (int i = 0; i < 2; ++i)
    q = e.make<math::FmaOp>(e.make<math::FmaOp>(minus, q, x), inverse, q);
  // The sign of a zero is that of the product.
  q = e.make<arith::SelectOp>(isZero, first, q);
  e.make<scf::YieldOp>(ValueRange{q});
  e.setInsertionPointToEnd(branch.elseBlock());
  e.make<scf::YieldOp>(ValueRange{Value(e.make<arith::DivFOp>(x, y))});
  return branch.getResult(0);
}
