//===- Trig.cpp - sin and cos ---------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Etch/Math/Detail.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinTypes.h"

using namespace mlir;

namespace etch {
using namespace detail;

// (sin(r) - r) / r^3 in r^2, |r| <= pi/4, the error relative to sin: 2^-27.9 in
// f32, 2^-57.9 in f64.
static constexpr double sinRest32[] = {
    -0.16666655242443085, 0.008332189172506332, -0.00019518293265718967};
static constexpr double sinRest64[] = {
    -0x1.5555555555548p-3, 0x1.111111110f730p-7,   -0x1.a01a019be9217p-13,
    0x1.71de355532320p-19, -0x1.ae5e4b9120e6dp-26, 0x1.5d8b5bddf1ad4p-33};
// (cos(r) - 1 + r^2/2) / r^4 in r^2, |r| <= pi/4, relative to cos: 2^-32.3
// and 2^-61.6.
static constexpr double cosRest32[] = {
    0.041666653007268906, -0.0013887612149119377, 2.446220605634153e-05};
static constexpr double cosRest64[] = {
    0x1.555555555554bp-5,   -0x1.6c16c16c14701p-10, 0x1.a01a019b1f6f0p-16,
    -0x1.27e4f6a58233fp-22, 0x1.1ee8dbb175e63p-29,  -0x1.8f171dbc88973p-37};

// Below these |x| the reduction by three parts of pi holds: the parts' last
// error, n * 2^-77 and n * 2^-164, is lost in the smallest remainder possible.
static constexpr double largeF32 = 0x1p15;
static constexpr double largeF64 = 0x1p28;

// The bits of 1 / (2 pi) after a word of zeros, to where the product with the
// largest double has 2^-128 as its last place.
static constexpr uint64_t inverseTwoPi[] = {
    0x0000000000000000, 0x28be60db9391054a, 0x7f09d5f47d4d3770,
    0x36d8a5664f10e410, 0x7f9458eaf7aef158, 0x6dc91b8e909374b8,
    0x01924bba82746487, 0x3f877ac72c4a69cf, 0xba208d7d4baed121,
    0x3a671c09ad17df90, 0x4e64758e60d4ce7d, 0x272117e2ef7e4a0e,
    0xc7fe25fff7816603, 0xfbcbc462d6829b47, 0xdb4d9fb3c9f2c26d,
    0xd3d18fd9a797fa8b, 0x5d49eeb1faf97c5e, 0xcf41ce7de294a4ba,
    0x9afed7ec47e35742, 0x1580cc11bf1edaea};

// The first 203 bits of the same, 29 at a time: their products with an f32 are
// exact in f64, and 2^128 times what is left out is below 2^-74.
static constexpr double inverseTwoPiParts[] = {
    0x1.45f306cp-3,   0x1.c9c882ap-31,  0x1.4fe13a8p-61, 0x1.f47d4d3p-88,
    0x1.dc0db62p-118, 0x1.2b32788p-147, 0x1.c820ffp-177};

namespace {
/// x = n pi/2 + r.hi + r.lo, |r| <= pi/4; only the low two bits of the integer
/// n count. f32 has r.lo = 0.
struct TrigArgument {
  ScalarExpr n;
  Pair r;
};
} // namespace

/// Any finite x, one f64 lane, in integer arithmetic.
static TrigArgument reduceLargeLane(ScalarExpr x) {
  OpBuilder &b = *x.b;
  Location loc = x.loc;
  Type i64 = b.getI64Type(), i128 = b.getIntegerType(128);
  auto widen = [&](ScalarExpr v) { return v.make<arith::ExtUIOp>(i128, v.v); };
  auto narrow = [&](ScalarExpr v) { return v.make<arith::TruncIOp>(i64, v.v); };

  // |x| = mantissa * 2^e.
  ScalarExpr bits = bitsOf(abs(x));
  ScalarExpr fraction = bitAnd(bits, integerLike(bits, (int64_t(1) << 52) - 1));
  ScalarExpr mantissa = fraction + integerLike(bits, int64_t(1) << 52);
  ScalarExpr e = shiftRight(bits, 52) - integerLike(bits, 1075);

  // Turns are x / (2 pi), of which only the fraction counts: drop the bits
  // whose product with 2^e is whole, take the next 192. The table starts 64
  // places early, for e < 0; lanes that are not large may ask for less.
  ScalarExpr start = maximum(e + integerLike(e, 64), integerLike(e, 0));
  ScalarExpr shift = bitAnd(start, integerLike(start, 63));
  ScalarExpr back = integerLike(start, 63) - shift;
  ScalarExpr word = shiftRight(start, 6);
  auto tableType = VectorType::get(std::size(inverseTwoPi), i64);
  SmallVector<APInt> words;
  for (uint64_t w : inverseTwoPi)
    words.push_back(APInt(64, w));
  Value table = arith::ConstantOp::create(
      b, loc, DenseElementsAttr::get(tableType, words));
  auto load = [&](int64_t offset) {
    ScalarExpr position = word + integerLike(word, offset);
    Value index =
        arith::IndexCastOp::create(b, loc, b.getIndexType(), position.v);
    return x.make<vector::ExtractOp>(table, OpFoldResult(index));
  };
  ScalarExpr w[] = {load(0), load(1), load(2), load(3)};
  auto window = [&](int i) {
    ScalarExpr high = w[i].make<arith::ShLIOp>(w[i].v, shift.v);
    ScalarExpr next = shiftRight(w[i + 1], 1);
    return high + next.make<arith::ShRUIOp>(next.v, back.v);
  };
  ScalarExpr m = widen(mantissa);
  ScalarExpr turns = shiftLeft(m * widen(window(0)), 64) +
                     m * widen(window(1)) +
                     shiftRight(m * widen(window(2)), 64);

  // To the nearest quarter; the rest as a signed number of 2^-128 turns.
  ScalarExpr eighth = shiftLeft(integerLike(turns, 1), 125);
  ScalarExpr n = shiftRight(turns + eighth, 126);
  ScalarExpr rest = turns - shiftLeft(n, 126);

  // Into floats piecewise, in units of 2^-64 turns, then into radians. The
  // leading pieces may be zero: every bit counts.
  ScalarExpr high = narrow(shiftRight(rest, 64)), low = narrow(rest);
  auto toFloat = [&](ScalarExpr v) { return cast(v, b.getF64Type()); };
  auto lowHalf = [&](ScalarExpr v) {
    return toFloat(bitAnd(v, integerLike(v, 0xffffffff)));
  };
  ScalarExpr top = high.make<arith::ShRSIOp>(high.v, integerLike(high, 32).v);
  Pair r = fastTwoSum(toFloat(top) * 0x1p32, lowHalf(high));
  Pair s = fastTwoSum(r.hi, toFloat(shiftRight(low, 32)) * 0x1p-32);
  r = fastTwoSum(s.hi, r.lo + fma(lowHalf(low), 0x1p-64, s.lo));
  Pair radians = twoProduct(r.hi, constantLike(x, 0x1.921fb54442d18p-62));
  radians.lo = fma(r.hi, 0x1.1a62633145c07p-116, radians.lo);
  radians.lo = fma(r.lo, 0x1.921fb54442d18p-62, radians.lo);

  // x - x makes a NaN of an infinity.
  radians.hi = radians.hi + (x - x);
  ScalarExpr step = narrow(n);
  ScalarExpr negative = lt(x, 0);
  return {select(negative, -step, step),
          {select(negative, -radians.hi, radians.hi),
           select(negative, -radians.lo, radians.lo)}};
}

/// Any finite f64 x, lane by lane.
static TrigArgument reduceLarge64(ScalarExpr x, const TrigArgument &like) {
  OpBuilder &b = *x.b;
  Location loc = x.loc;
  auto type = dyn_cast<VectorType>(x.v.getType());
  if (!type)
    return reduceLargeLane(x);
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  Value one = arith::ConstantIndexOp::create(b, loc, 1);
  Value end = arith::ConstantIndexOp::create(b, loc, type.getNumElements());
  auto loop = scf::ForOp::create(
      b, loc, zero, end, one, ValueRange{like.n.v, like.r.hi.v, like.r.lo.v});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  OpFoldResult i = loop.getInductionVar();
  TrigArgument a = reduceLargeLane(x.make<vector::ExtractOp>(x.v, i));
  Value updated[] = {a.n, a.r.hi, a.r.lo};
  for (auto [value, into] : llvm::zip(updated, loop.getRegionIterArgs()))
    value = vector::InsertOp::create(b, loc, value, into, i);
  scf::YieldOp::create(b, loc, updated);
  auto result = [&](unsigned k) {
    return ScalarExpr(b, loc, loop.getResult(k));
  };
  return {result(0), {result(1), result(2)}};
}

/// Any finite f32 x, in f64: the same idea, all lanes at once.
static TrigArgument reduceLarge32(ScalarExpr x) {
  ScalarExpr wide = cast(x, x.b->getF64Type());
  // Of each product in turns the fraction counts.
  SmallVector<ScalarExpr> fractions;
  for (double part : inverseTwoPiParts) {
    ScalarExpr product = wide * part;
    fractions.push_back(product - roundHalfEven(product));
  }
  ScalarExpr turns = fractions[0];
  for (ScalarExpr f : llvm::drop_begin(fractions))
    turns = turns + f;
  // n quarters. Take them off before adding up again: where the terms cancel,
  // the sums are then exact, as each is a multiple of the next term's last
  // place and no larger than that term.
  double magic = roundingMagic(wide);
  ScalarExpr shifted = fma(turns, 4, magic);
  ScalarExpr rest = fma(shifted - magic, -0.25, fractions[0]);
  for (ScalarExpr f : llvm::drop_begin(fractions))
    rest = rest + f;
  ScalarExpr radians = cast(rest * 0x1.921fb54442d18p+2, x.b->getF32Type());
  return {cast(bitsOf(shifted), x.b->getI32Type()),
          {radians, constantLike(x, 0)}};
}

static TrigArgument reduceTrig(ScalarExpr x) {
  // n = 2 x / pi to the nearest, by the rounding of an addition; pi/2 in three
  // parts. The first fma is exact, as in reduceExp.
  double magic = roundingMagic(x);
  ScalarExpr shifted = fma(x, 0x1.45f306dc9c883p-1, magic);
  ScalarExpr nf = shifted - magic;
  ScalarExpr n = bitsOf(shifted), hi = x, lo = x;
  if (x.isF32()) {
    hi = fma(nf, -0x1.921fb6p+0, x);
    hi = fma(nf, 0x1.777a5cp-25, hi);
    hi = fma(nf, 0x1.ee59dap-50, hi);
    lo = constantLike(x, 0);
  } else {
    // The product with the second part is a pair, and so is the result.
    ScalarExpr head = fma(nf, -0x1.921fb54442d18p+0, x);
    Pair second = twoProduct(nf, constantLike(x, -0x1.1a62633145c07p-54));
    Pair sum = twoSum(head, second.hi);
    hi = sum.hi;
    lo = fma(nf, 0x1.f1976b7ed8fbcp-110, sum.lo + second.lo);
  }

  // Lanes beyond are rare: a branch, taken if there is one. Which of the two
  // reductions a lane gets depends on that lane alone.
  OpBuilder &b = *x.b;
  Location loc = x.loc;
  ScalarExpr large = gt(abs(x), x.isF32() ? largeF32 : largeF64);
  Value any = large.v;
  if (isa<VectorType>(any.getType()))
    any = vector::ReductionOp::create(b, loc, vector::CombiningKind::OR, any);
  Type types[] = {n.v.getType(), hi.v.getType(), lo.v.getType()};
  auto branch = scf::IfOp::create(b, loc, types, any, /*withElseRegion=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(&branch.getThenRegion().front());
    TrigArgument slow =
        x.isF32() ? reduceLarge32(x) : reduceLarge64(x, {n, {hi, lo}});
    Value merged[] = {select(large, slow.n, n), select(large, slow.r.hi, hi),
                      select(large, slow.r.lo, lo)};
    scf::YieldOp::create(b, loc, merged);
    b.setInsertionPointToStart(&branch.getElseRegion().front());
    scf::YieldOp::create(b, loc, ValueRange{n.v, hi.v, lo.v});
  }
  auto result = [&](unsigned k) {
    return ScalarExpr(b, loc, branch.getResult(k));
  };
  return {result(0), {result(1), result(2)}};
}

/// sin(n pi/2 + r).
static ScalarExpr sinOf(ScalarExpr n, const Pair &r) {
  ScalarExpr x = r.hi, square = x * x, sine = x, cosine = x;
  if (x.isF32()) {
    sine = fma(x * square, polynomial(square, sinRest32), x);
    cosine = fma(square, polynomial(square, cosRest32), -0.5);
    cosine = fma(square, cosine, 1);
  } else {
    ScalarExpr half = square * 0.5;
    // sin: x + (lo (1 - x^2/2) + x^3 s)
    ScalarExpr low = fma(-half, r.lo, r.lo);
    sine = x + fma(x * square, polynomial(square, sinRest64), low);
    // cos: 1 - x^2/2 as a pair, then x^4 c - x lo
    ScalarExpr head = 1 - half;
    low = fma(-x, r.lo, (1 - head) - half);
    cosine = head + fma(square * square, polynomial(square, cosRest64), low);
  }
  ScalarExpr even = eq(bitAnd(n, integerLike(n, 1)), integerLike(n, 0));
  // The second bit of n turns the sign.
  ScalarExpr sign = shiftLeft(shiftRight(n, 1), x.isF32() ? 31 : 63);
  return fromBits(bitXor(bitsOf(select(even, sine, cosine)), sign), x);
}

ScalarExpr sin(ScalarExpr x) {
  TrigArgument a = reduceTrig(x);
  return select(eq(x, 0), x, sinOf(a.n, a.r)); // keeps the sign of a zero
}

ScalarExpr cos(ScalarExpr x) {
  TrigArgument a = reduceTrig(x);
  return sinOf(a.n + integerLike(a.n, 1), a.r);
}

} // namespace etch
