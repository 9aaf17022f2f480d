//===- Moments.cpp - sums along axes that others give ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// For mode `fast`, where an array is read once less.
//
// 1. The sum of a sum of terms, each some array times what does not change
// along
//    the summed axes, is known if those of the arrays are: another op has made
//    one, or an array is what is left of another one without its mean, which
//    sums to 0. So the gradient of what centres an array needs no pass over it.
// 2. A mean m and the mean of (x - m)^2 are two passes. The mean of the first
//    part of an array along its first axis is near m; with K for it they are
//
//      K + mean(x - K),   mean((x - K)^2) - mean(x - K)^2
//
//    in one pass. The difference loses what (m - K)^2 is larger than the
//    variance by, which is little: K is the mean of a share of the elements.
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Moments.h"

#include "dialects/Etch/EtchDialect.h"
#include "dialects/Etch/Extents.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace etch;

static RankedTensorType typeOf(Value x) {
  return llvm::cast<RankedTensorType>(x.getType());
}

//===----------------------------------------------------------------------===//
// Sums of terms
//===----------------------------------------------------------------------===//

/// Ops of a sum of terms at most.
static constexpr int maxDepth = 8;
/// Parts along the first axis, at least, for one to be a small share.
static constexpr int64_t minParts = 8;

/// Whether an op sums x into something of this type: axes stay, with one
/// element where they are summed.
static bool isSumOf(Operation *op, Value x, RankedTensorType type) {
  if (op->getNumResults() != 1 || op->getResult(0).getType() != type ||
      op->getOperand(0) != x)
    return false;
  auto sum = llvm::dyn_cast<SumOp>(op);
  return llvm::isa<SumToOp>(op) || (sum && sum.getKeepdims());
}

/// Whether x is some y without its mean over the axes that have one element in
/// `type`.
static bool isCentred(Value x, RankedTensorType type) {
  auto sub = x.getDefiningOp<SubOp>();
  auto broadcast =
      sub ? sub.getRhs().getDefiningOp<BroadcastToOp>() : BroadcastToOp();
  if (!broadcast)
    return false;
  auto mean = broadcast.getX().getDefiningOp<MeanOp>();
  return mean && mean.getType() == type && mean.getKeepdims() &&
         mean.getX() == sub.getLhs();
}

namespace {
class SumOfTerms {
public:
  SumOfTerms(Operation *root)
      : root(root), b(root), loc(root->getLoc()),
        type(llvm::cast<RankedTensorType>(root->getResult(0).getType())) {}

  /// What stands for the root; null if some array's sum is not known.
  Value replace();

private:
  struct Known {
    bool is = false;
    Value value; ///< null: 0
  };
  Known sumOf(Value x, int depth);
  Value factorOf(Value x);

  Operation *root;
  OpBuilder b;
  Location loc;
  RankedTensorType type;
};
} // namespace

/// What x is along the summed axes, if it does not change there.
Value SumOfTerms::factorOf(Value x) {
  auto broadcast = x.getDefiningOp<BroadcastToOp>();
  if (!broadcast)
    return {};
  Value inner = broadcast.getX();
  if (inner.getType() == type)
    return inner;
  auto constant = inner.getDefiningOp<ConstantOp>();
  auto splat = constant ? llvm::dyn_cast<SplatElementsAttr>(constant.getValue())
                        : SplatElementsAttr();
  if (!splat)
    return {};
  return buildSplat(b, loc, splat.getSplatValue<FloatAttr>().getValueAsDouble(),
                    root->getResult(0));
}

SumOfTerms::Known SumOfTerms::sumOf(Value x, int depth) {
  for (Operation *user : x.getUsers())
    if (user != root && user->getBlock() == root->getBlock() &&
        user->isBeforeInBlock(root) && isSumOf(user, x, type))
      return {true, user->getResult(0)};
  if (isCentred(x, type))
    return {true, {}};
  Operation *op = x.getDefiningOp();
  if (!op || op->getBlock() != root->getBlock() || depth == maxDepth)
    return {};
  if (auto neg = llvm::dyn_cast<NegOp>(op)) {
    Known inner = sumOf(neg.getX(), depth + 1);
    if (inner.value)
      inner.value = NegOp::create(b, loc, type, inner.value);
    return inner;
  }
  if (llvm::isa<AddOp, SubOp>(op)) {
    Known l = sumOf(op->getOperand(0), depth + 1);
    Known r = l.is ? sumOf(op->getOperand(1), depth + 1) : Known();
    if (!l.is || !r.is)
      return {};
    bool adds = llvm::isa<AddOp>(op);
    if (!r.value)
      return l;
    if (!l.value)
      return {true,
              adds ? r.value : Value(NegOp::create(b, loc, type, r.value))};
    return {true, adds ? Value(AddOp::create(b, loc, type, l.value, r.value))
                       : Value(SubOp::create(b, loc, type, l.value, r.value))};
  }
  if (auto mul = llvm::dyn_cast<MulOp>(op))
    for (unsigned i = 0; i < 2; ++i)
      if (Value factor = factorOf(mul->getOperand(i))) {
        Known inner = sumOf(mul->getOperand(1 - i), depth + 1);
        if (inner.value)
          inner.value = MulOp::create(b, loc, type, inner.value, factor);
        if (inner.is)
          return inner;
      }
  return {};
}

Value SumOfTerms::replace() {
  Value x = root->getOperand(0);
  // An array whose own sum is at hand is merged with it elsewhere.
  if (!llvm::isa_and_nonnull<AddOp, SubOp, NegOp, MulOp>(x.getDefiningOp()))
    return {};
  Known sum = sumOf(x, 0);
  if (!sum.is)
    return {};
  return sum.value ? sum.value : buildSplat(b, loc, 0, root->getResult(0));
}

bool etch::relaxSums(Block &block) {
  bool changed = false;
  for (Operation &op : llvm::make_early_inc_range(block)) {
    if (op.getNumResults() != 1 || op.getNumOperands() == 0 || op.use_empty())
      continue;
    auto type = llvm::dyn_cast<RankedTensorType>(op.getResult(0).getType());
    if (!type || !type.hasStaticShape() ||
        !llvm::isa<FloatType>(type.getElementType()) ||
        !isSumOf(&op, op.getOperand(0), type) ||
        typeOf(op.getOperand(0)).getRank() != type.getRank())
      continue;
    Value sum = SumOfTerms(&op).replace();
    if (!sum)
      continue;
    if (Attribute backward = op.getAttr(kBackwardAttr))
      for (Operation *made = op.getPrevNode();
           made && made->getLoc() == op.getLoc() &&
           !made->hasAttr(kBackwardAttr);
           made = made->getPrevNode())
        made->setAttr(kBackwardAttr, backward);
    op.getResult(0).replaceAllUsesWith(sum);
    changed = true;
  }
  return changed;
}

//===----------------------------------------------------------------------===//
// Means and variances
//===----------------------------------------------------------------------===//

/// Both in one pass, if `variance` is the mean of the squares around a mean.
static bool mergeMoments(MeanOp variance) {
  auto square = variance.getX().getDefiningOp<MulOp>();
  if (!square || square.getLhs() != square.getRhs() || !variance.getKeepdims())
    return false;
  auto type = llvm::cast<RankedTensorType>(variance.getType());
  if (!isCentred(square.getLhs(), type))
    return false;
  auto centred = square.getLhs().getDefiningOp<SubOp>();
  auto broadcast = centred.getRhs().getDefiningOp<BroadcastToOp>();
  auto mean = broadcast.getX().getDefiningOp<MeanOp>();
  Value x = centred.getLhs();
  RankedTensorType whole = typeOf(x);
  ArrayRef<int64_t> axes = mean.getAxes();
  if (variance.getAxes() != axes || !type.hasStaticShape() ||
      !llvm::is_contained(axes, 0) || axes.size() < 2 ||
      mean->getBlock() != variance->getBlock() ||
      ExtentGuess().of(x, 0) < minParts ||
      llvm::any_of(whole.getShape().drop_front(), ShapedType::isDynamic))
    return false;
  // What the extents of the broadcast come from must be there already.
  for (Value extent : broadcast->getOperands().drop_front())
    if (Operation *op = extent.getDefiningOp();
        op &&
        (op->getBlock() != mean->getBlock() || !op->isBeforeInBlock(mean)))
      return false;
  OpBuilder b(mean->getContext());
  b.setInsertionPointAfter(mean);
  Location loc = mean.getLoc();
  SmallVector<int64_t> shape(whole.getShape()), steps(shape.size(), 1),
      starts(shape.size(), 0);
  shape[0] = 1;
  auto part = SliceOp::create(b, loc, whole.clone(shape), x, ValueRange(),
                              b.getDenseI64ArrayAttr(starts),
                              b.getDenseI64ArrayAttr(steps),
                              b.getDenseI64ArrayAttr(shape));
  auto meanOf = [&](Value v) {
    return MeanOp::create(b, loc, TypeRange{type}, ValueRange{v},
                          mean->getAttrs())
        .getResult();
  };
  Value near = meanOf(part);
  IRMapping map;
  map.map(broadcast.getX(), near);
  Value around = b.clone(*broadcast, map)->getResult(0);
  Value off = SubOp::create(b, loc, whole, x, around);
  Value first = meanOf(off);
  Value second = meanOf(MulOp::create(b, loc, whole, off, off));
  Value newMean = AddOp::create(b, loc, type, near, first);
  Value newVariance = SubOp::create(b, loc, type, second,
                                    MulOp::create(b, loc, type, first, first));
  newVariance = MaximumOp::create(b, loc, type, newVariance,
                                  buildSplat(b, loc, 0, variance.getResult()));
  mean.getResult().replaceAllUsesWith(newMean);
  variance.getResult().replaceAllUsesWith(newVariance);
  return true;
}

bool etch::relaxMoments(Block &block) {
  bool changed = false;
  for (Operation &op : llvm::make_early_inc_range(block))
    if (auto variance = llvm::dyn_cast<MeanOp>(op))
      changed |= mergeMoments(variance);
  return changed;
}
