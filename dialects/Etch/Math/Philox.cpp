//===- Philox.cpp - counter-based random numbers --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3",
// SC11. Words are kept in 64 bits: their products are vpmuludq, and the upper
// half is a shift away.
//===----------------------------------------------------------------------===//

#include "dialects/Etch/ScalarExpr.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace etch {

namespace {
constexpr int64_t mask32 = 0xffffffff;
constexpr int64_t multipliers[2] = {0xD2511F53, 0xCD9E8D57};
constexpr int64_t weyl[2] = {0x9E3779B9, 0xBB67AE85};

/// An i64 constant of like's width; a double holds 53 bits, which is enough.
ScalarExpr word(const ScalarExpr &like, int64_t value) {
  return constantLike(like, double(value));
}
ScalarExpr low(const ScalarExpr &x) {
  return x.make<arith::AndIOp>(x, word(x, mask32));
}
ScalarExpr shiftRight(const ScalarExpr &x, int64_t bits) {
  return x.make<arith::ShRUIOp>(x, word(x, bits));
}
ScalarExpr exclusiveOr(const ScalarExpr &a, const ScalarExpr &b) {
  return a.make<arith::XOrIOp>(a, b);
}
} // namespace

// Of the words and keys on the way only the lower halves count: a product takes
// these (one instruction of vectors does), nothing else need drop the rest.
PhiloxBlock philox4x32(PhiloxBlock counter, ScalarExpr key0, ScalarExpr key1) {
  auto [x0, x1, x2, x3] = counter.words;
  for (int round = 0; round < 10; ++round) {
    ScalarExpr p0 = low(x0) * word(x0, multipliers[0]);
    ScalarExpr p1 = low(x2) * word(x2, multipliers[1]);
    x0 = exclusiveOr(exclusiveOr(shiftRight(p1, 32), x1), key0);
    x1 = p1;
    x2 = exclusiveOr(exclusiveOr(shiftRight(p0, 32), x3), key1);
    x3 = p0;
    key0 = key0 + word(key0, weyl[0]);
    key1 = key1 + word(key1, weyl[1]);
  }
  return {{low(x0), low(x1), low(x2), low(x3)}};
}

ScalarExpr philox(ScalarExpr counter, ScalarExpr key, Type element) {
  ScalarExpr zero = word(counter, 0);
  PhiloxBlock block =
      philox4x32({{low(counter), shiftRight(counter, 32), zero, zero}},
                 low(key), shiftRight(key, 32));
  // Exact: as many bits as the type has, through integers that the machine
  // converts.
  auto convert = [&](const ScalarExpr &x) {
    Type narrow = x.typeWith(x.b->getI32Type());
    return cast(x.make<arith::TruncIOp>(narrow, x), element);
  };
  const ScalarExpr &first = block.words[0], &second = block.words[1];
  if (element.isF32())
    return convert(shiftRight(first, 8)) * 0x1p-24;
  ScalarExpr upper = shiftRight(second, 5);
  ScalarExpr five = second.make<arith::AndIOp>(second, word(second, 31));
  ScalarExpr lower =
      shiftRight(first, 11) + five.make<arith::ShLIOp>(five, word(five, 21));
  return (convert(upper) * 0x1p26 + convert(lower)) * 0x1p-53;
}

} // namespace etch
