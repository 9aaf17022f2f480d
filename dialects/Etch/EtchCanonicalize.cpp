//===- EtchCanonicalize.cpp - folds and rewrites that keep every bit ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `strict` allows a rewrite only if it is exact for all inputs, signed zeros,
// infinities and subnormals included (a NaN stays some NaN): so x*1, x/1 and
// a + (-b) fold; x+0 (wrong for -0) and like terms do not.
//===----------------------------------------------------------------------===//

#include "dialects/Etch/EtchDialect.h"

#include "mlir/Dialect/CommonFolders.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace etch;

/// Whether x is a constant, possibly spread, whose elements all equal `value`.
static bool isSplatOf(Value x, double value) {
  while (auto broadcast = x.getDefiningOp<BroadcastToOp>())
    x = broadcast.getX();
  auto constant = x.getDefiningOp<ConstantOp>();
  if (!constant)
    return false;
  auto splat = llvm::dyn_cast<SplatElementsAttr>(constant.getValue());
  if (!splat)
    return false;
  if (llvm::isa<FloatType>(splat.getElementType()))
    return splat.getSplatValue<APFloat>().isExactlyValue(value);
  return splat.getSplatValue<APInt>().getSExtValue() == int64_t(value);
}

/// Folding reads elements as floats: of integers there would be none.
static bool hasFloats(Value x) {
  return llvm::isa<FloatType>(getElementTypeOrSelf(x.getType()));
}

template <class OpT> static OpFoldResult same(OpT op, Value x) {
  return x.getType() == op.getType() ? x : Value();
}

OpFoldResult NegOp::fold(FoldAdaptor adaptor) {
  if (auto inner = getX().getDefiningOp<NegOp>())
    return inner.getX();
  if (!hasFloats(getX()))
    return {};
  return constFoldUnaryOp<FloatAttr, APFloat, void>(
      adaptor.getOperands(), [](const APFloat &a) { return -a; });
}

OpFoldResult MulOp::fold(FoldAdaptor adaptor) {
  if (isSplatOf(getRhs(), 1))
    return getLhs();
  if (isSplatOf(getLhs(), 1))
    return getRhs();
  if (!hasFloats(getLhs()))
    return {};
  return constFoldBinaryOp<FloatAttr, APFloat, void>(
      adaptor.getOperands(),
      [](const APFloat &a, const APFloat &b) { return a * b; });
}

OpFoldResult DivOp::fold(FoldAdaptor adaptor) {
  if (isSplatOf(getRhs(), 1))
    return getLhs();
  if (!hasFloats(getLhs()))
    return {};
  return constFoldBinaryOp<FloatAttr, APFloat, void>(
      adaptor.getOperands(),
      [](const APFloat &a, const APFloat &b) { return a / b; });
}

OpFoldResult PowOp::fold(FoldAdaptor) {
  return getExponent().isExactlyValue(1.0) ? OpFoldResult(getX())
                                           : OpFoldResult();
}

OpFoldResult SelectOp::fold(FoldAdaptor) {
  if (getLhs() == getRhs() || isSplatOf(getCondition(), -1))
    return getLhs(); // the bit of true is -1
  return isSplatOf(getCondition(), 0) ? OpFoldResult(getRhs()) : OpFoldResult();
}

OpFoldResult CastOp::fold(FoldAdaptor) { return same(*this, getX()); }

OpFoldResult ReshapeOp::fold(FoldAdaptor adaptor) {
  if (getType().hasStaticShape()) {
    if (Value x = llvm::dyn_cast_if_present<Value>(same(*this, getX())))
      return x;
    if (auto splat = llvm::dyn_cast_or_null<SplatElementsAttr>(adaptor.getX()))
      return splat.resizeSplat(getType());
  }
  if (auto inner = getX().getDefiningOp<ReshapeOp>()) {
    getXMutable().assign(inner.getX());
    return getResult();
  }
  return {};
}

OpFoldResult BroadcastToOp::fold(FoldAdaptor adaptor) {
  if (!getType().hasStaticShape())
    return {};
  if (Value x = llvm::dyn_cast_if_present<Value>(same(*this, getX())))
    return x;
  if (auto splat = llvm::dyn_cast_or_null<SplatElementsAttr>(adaptor.getX()))
    return splat.resizeSplat(getType());
  if (auto inner = getX().getDefiningOp<BroadcastToOp>()) {
    getXMutable().assign(inner.getX());
    return getResult();
  }
  return {};
}

OpFoldResult SumToOp::fold(FoldAdaptor) {
  return getType().hasStaticShape() ? same(*this, getX()) : OpFoldResult();
}

OpFoldResult TransposeOp::fold(FoldAdaptor adaptor) {
  auto permutation = getPermutation();
  if (llvm::equal(permutation, llvm::seq<int64_t>(0, permutation.size())))
    return same(*this, getX());
  if (auto splat = llvm::dyn_cast_or_null<SplatElementsAttr>(adaptor.getX()))
    if (getType().hasStaticShape())
      return splat.resizeSplat(getType());
  if (auto inner = getX().getDefiningOp<TransposeOp>()) {
    SmallVector<int64_t> both;
    for (int64_t axis : permutation)
      both.push_back(inner.getPermutation()[size_t(axis)]);
    getXMutable().assign(inner.getX());
    setPermutation(both);
    return getResult();
  }
  return {};
}

/// Whether every axis starts at 0 with step 1.
static bool isPlain(ArrayRef<int64_t> starts, ArrayRef<int64_t> steps) {
  return llvm::all_of(starts, [](int64_t start) { return start == 0; }) &&
         llvm::all_of(steps, [](int64_t step) { return step == 1; });
}

OpFoldResult SliceOp::fold(FoldAdaptor adaptor) {
  if (!getType().hasStaticShape())
    return {};
  if (isPlain(getStarts(), getSteps()))
    if (Value x = llvm::dyn_cast_if_present<Value>(same(*this, getX())))
      return x;
  if (auto splat = llvm::dyn_cast_or_null<SplatElementsAttr>(adaptor.getX()))
    return splat.resizeSplat(getType());
  // What was placed is taken out again.
  if (auto inner = getX().getDefiningOp<PlaceOp>())
    if (inner.getStarts() == getStarts() && inner.getSteps() == getSteps())
      return same(*this, inner.getX());
  if (auto inner = getX().getDefiningOp<SliceOp>()) {
    SmallVector<int64_t> starts, steps;
    for (auto [start, step, innerStart, innerStep] : llvm::zip_equal(
             getStarts(), getSteps(), inner.getStarts(), inner.getSteps())) {
      if (start < 0 || innerStart < 0)
        return {};
      starts.push_back(innerStart + start * innerStep);
      steps.push_back(step * innerStep);
    }
    // Of no elements, a start may be anything but not look like one from the
    // end.
    if (llvm::any_of(starts, [](int64_t start) { return start < 0; }))
      return {};
    getXMutable().assign(inner.getX());
    setStarts(starts);
    setSteps(steps);
    return getResult();
  }
  return {};
}

OpFoldResult PlaceOp::fold(FoldAdaptor) {
  if (getType().hasStaticShape() && isPlain(getStarts(), getSteps()))
    return same(*this, getX());
  return {};
}

//===----------------------------------------------------------------------===//
// Signs move outwards, where they cancel or turn into a subtraction
//===----------------------------------------------------------------------===//

namespace {
/// a + (-b) = a - b and (-a) + b = b - a.
struct AddOfNeg : OpRewritePattern<AddOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(AddOp op, PatternRewriter &b) const override {
    Value lhs = op.getLhs(), rhs = op.getRhs();
    if (!rhs.getDefiningOp<NegOp>())
      std::swap(lhs, rhs);
    auto neg = rhs.getDefiningOp<NegOp>();
    if (!neg)
      return failure();
    b.replaceOpWithNewOp<SubOp>(op, op.getType(), lhs, neg.getX());
    return success();
  }
};

/// a - (-b) = a + b.
struct SubOfNeg : OpRewritePattern<SubOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SubOp op, PatternRewriter &b) const override {
    auto neg = op.getRhs().getDefiningOp<NegOp>();
    if (!neg)
      return failure();
    b.replaceOpWithNewOp<AddOp>(op, op.getType(), op.getLhs(), neg.getX());
    return success();
  }
};

/// (-a) * b = -(a * b) and (-1) * b = -b, also on the right.
struct MulOfNeg : OpRewritePattern<MulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MulOp op, PatternRewriter &b) const override {
    Value lhs = op.getLhs(), rhs = op.getRhs();
    if (isSplatOf(lhs, -1) || isSplatOf(rhs, -1)) {
      b.replaceOpWithNewOp<NegOp>(op, op.getType(),
                                  isSplatOf(lhs, -1) ? rhs : lhs);
      return success();
    }
    if (auto neg = lhs.getDefiningOp<NegOp>())
      lhs = neg.getX();
    else if (auto neg = rhs.getDefiningOp<NegOp>())
      rhs = neg.getX();
    else
      return failure();
    Value product = MulOp::create(b, op.getLoc(), op.getType(), lhs, rhs);
    b.replaceOpWithNewOp<NegOp>(op, op.getType(), product);
    return success();
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// Arithmetic of constants
//===----------------------------------------------------------------------===//

namespace {
/// A sum or difference of two constants, which has one rounding as any other.
template <class OpT> struct SumOfConstants : OpRewritePattern<OpT> {
  using OpRewritePattern<OpT>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpT op, PatternRewriter &b) const override {
    Attribute lhs, rhs;
    if (!op.getType().hasStaticShape() || !hasFloats(op.getLhs()) ||
        !matchPattern(op.getLhs(), m_Constant(&lhs)) ||
        !matchPattern(op.getRhs(), m_Constant(&rhs)))
      return failure();
    auto value = llvm::dyn_cast_if_present<ElementsAttr>(
        constFoldBinaryOp<FloatAttr, APFloat, void>(
            {lhs, rhs}, [](const APFloat &x, const APFloat &y) {
              return std::is_same_v<OpT, AddOp> ? x + y : x - y;
            }));
    if (!value || value.getType() != op.getType())
      return failure();
    b.replaceOpWithNewOp<ConstantOp>(op, op.getType(), value);
    return success();
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// Parts at a start that is known after all
//===----------------------------------------------------------------------===//

namespace {
template <class OpT> struct PartAtConstant : OpRewritePattern<OpT> {
  using OpRewritePattern<OpT>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpT op, PatternRewriter &b) const override {
    auto constant = op.getStart().template getDefiningOp<ConstantOp>();
    RankedTensorType x = op.getX().getType(), y = op.getType();
    if (!constant || !x.hasStaticShape() || !y.hasStaticShape())
      return failure();
    auto axis = unsigned(op.getAxis());
    int64_t room = std::abs(x.getDimSize(axis) - y.getDimSize(axis));
    auto start = llvm::cast<DenseElementsAttr>(constant.getValue())
                     .template getSplatValue<APInt>()
                     .getSExtValue();
    SmallVector<int64_t> starts(size_t(y.getRank()), 0),
        steps(size_t(y.getRank()), 1);
    starts[axis] = std::clamp<int64_t>(start, 0, room);
    if constexpr (std::is_same_v<OpT, SliceAtOp>)
      b.replaceOpWithNewOp<SliceOp>(op, y, op.getX(), ValueRange(), starts,
                                    steps, y.getShape());
    else
      b.replaceOpWithNewOp<PlaceOp>(op, y, op.getX(), ValueRange(), starts,
                                    steps, APFloat(0.0), y.getShape());
    return success();
  }
};
} // namespace

void SliceAtOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                            MLIRContext *context) {
  patterns.add<PartAtConstant<SliceAtOp>>(context);
}

void PlaceAtOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                            MLIRContext *context) {
  patterns.add<PartAtConstant<PlaceAtOp>>(context);
}

void AddOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                        MLIRContext *context) {
  patterns.add<AddOfNeg, SumOfConstants<AddOp>>(context);
}

void SubOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                        MLIRContext *context) {
  patterns.add<SubOfNeg, SumOfConstants<SubOp>>(context);
}

void MulOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                        MLIRContext *context) {
  patterns.add<MulOfNeg>(context);
}
