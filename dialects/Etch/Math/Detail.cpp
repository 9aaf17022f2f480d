//===- Detail.cpp - building blocks of the elementary functions -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Etch/Math/Detail.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/BuiltinTypes.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"

using namespace mlir;

namespace etch::detail {

ScalarExpr integerLike(ScalarExpr like, int64_t value) {
  TypedAttr attr = IntegerAttr::get(like.elementType(), value);
  if (auto vector = dyn_cast<VectorType>(like.v.getType()))
    attr = DenseElementsAttr::get(vector, Attribute(attr));
  return like.make<arith::ConstantOp>(attr);
}

ScalarExpr bitsOf(ScalarExpr x) {
  Type integer = x.b->getIntegerType(x.isF32() ? 32 : 64);
  return x.make<arith::BitcastOp>(x.typeWith(integer), x.v);
}

ScalarExpr fromBits(ScalarExpr bits, ScalarExpr like) {
  return bits.make<arith::BitcastOp>(bits.typeWith(like.elementType()), bits.v);
}

ScalarExpr shiftLeft(ScalarExpr x, unsigned n) {
  return x.make<arith::ShLIOp>(x.v, integerLike(x, n).v);
}

ScalarExpr shiftRight(ScalarExpr x, unsigned n) {
  return x.make<arith::ShRUIOp>(x.v, integerLike(x, n).v);
}

ScalarExpr bitAnd(ScalarExpr x, ScalarExpr y) {
  return x.make<arith::AndIOp>(x.v, y.v);
}

ScalarExpr bitXor(ScalarExpr x, ScalarExpr y) {
  return x.make<arith::XOrIOp>(x.v, y.v);
}

ScalarExpr powerOfTwo(ScalarExpr n, ScalarExpr like) {
  ScalarExpr biased = n + integerLike(n, exponentBias(like));
  return fromBits(shiftLeft(biased, fractionBits(like)), like);
}

ScalarExpr horner(ScalarExpr x, llvm::ArrayRef<double> c) {
  ScalarExpr sum = constantLike(x, c.back());
  for (double coefficient : llvm::reverse(c.drop_back()))
    sum = fma(sum, x, coefficient);
  return sum;
}

ScalarExpr polynomial(ScalarExpr x, llvm::ArrayRef<double> c) {
  constexpr size_t few = 5;
  if (c.size() <= few)
    return horner(x, c);
  llvm::SmallVector<double> parts[2];
  for (auto [i, coefficient] : llvm::enumerate(c.drop_front(2)))
    parts[i % 2].push_back(coefficient);
  ScalarExpr square = x * x;
  ScalarExpr rest = fma(horner(square, parts[1]), x, horner(square, parts[0]));
  return fma(fma(rest, x, c[1]), x, c[0]);
}

Pair fastTwoSum(ScalarExpr a, ScalarExpr b) {
  ScalarExpr sum = a + b;
  return {sum, b - (sum - a)};
}

Pair twoSum(ScalarExpr a, ScalarExpr b) {
  ScalarExpr sum = a + b;
  ScalarExpr bPart = sum - a;
  ScalarExpr aPart = sum - bPart;
  return {sum, (a - aPart) + (b - bPart)};
}

Pair twoProduct(ScalarExpr a, ScalarExpr b) {
  ScalarExpr product = a * b;
  return {product, fma(a, b, -product)};
}

} // namespace etch::detail
