//===- Transposes.cpp - where transposes are done -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Products read any strides, so that a transpose in front of them costs
// nothing, if what it reads lies in memory. Pointwise ops read views.
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Transposes.h"

#include "compiler/Transforms/Outline.h"

#include "dialects/Etch/EtchDialect.h"

#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace etch;

static RankedTensorType typeOf(Value x) {
  return llvm::cast<RankedTensorType>(x.getType());
}

template <class T>
static SmallVector<T> permuted(ArrayRef<T> list, ArrayRef<int64_t> order) {
  SmallVector<T> result;
  for (int64_t axis : order)
    result.push_back(list[size_t(axis)]);
  return result;
}

static RankedTensorType permuted(RankedTensorType type,
                                 ArrayRef<int64_t> order) {
  return RankedTensorType::get(permuted(type.getShape(), order),
                               type.getElementType());
}

/// Whether it exchanges the last two axes and leaves the others.
static bool turnsMatrices(ArrayRef<int64_t> permutation) {
  auto rank = int64_t(permutation.size());
  if (rank < 2 || permutation[size_t(rank - 1)] != rank - 2)
    return false;
  return llvm::equal(permutation.drop_back(2), llvm::seq<int64_t>(0, rank - 2));
}

/// A part of backward if that is one.
static Value marked(Operation *made, Operation *like) {
  if (Attribute backward = like->getAttr(kBackwardAttr))
    made->setAttr(kBackwardAttr, backward);
  return made->getResult(0);
}

void etch::turnProducts(func::FuncOp program) {
  for (auto transpose : llvm::make_early_inc_range(
           program.getBody().front().getOps<TransposeOp>())) {
    auto product = transpose.getX().getDefiningOp<MatmulOp>();
    ArrayRef<int64_t> permutation = transpose.getPermutation();
    if (!product || !product->hasOneUse() || !turnsMatrices(permutation))
      continue;
    OpBuilder b(product);
    auto turned = [&](Value x) {
      return marked(TransposeOp::create(b, product.getLoc(),
                                        permuted(typeOf(x), permutation), x,
                                        permutation),
                    product);
    };
    Value w = turned(product.getW()), x = turned(product.getX());
    transpose.replaceAllUsesWith(
        marked(MatmulOp::create(b, product.getLoc(), transpose.getType(), w, x),
               product));
    transpose.erase();
    product.erase();
  }
}

//===----------------------------------------------------------------------===//
// Batches of matrices
//===----------------------------------------------------------------------===//

namespace {
/// What a reshape gives one batch axis: the matrices of an array, with its axes
/// in this order. A product that wants them turned turns them itself.
struct Batch {
  Value array;
  SmallVector<int64_t> order;
  bool turned = false;

  bool operator==(const Batch &other) const {
    return array == other.array && order == other.order;
  }
  /// Whether a reshape reads them where they are.
  bool isDense(func::FuncOp program) const {
    if (!llvm::is_sorted(order))
      return false;
    if (auto argument = llvm::dyn_cast<BlockArgument>(array))
      return !program.getArgAttr(argument.getArgNumber(), kStridedAttr);
    return !isCloned(array.getDefiningOp());
  }
};
} // namespace

static std::optional<Batch> batchOf(ReshapeOp reshape) {
  RankedTensorType from = typeOf(reshape.getX()), to = reshape.getType();
  auto matrix = to.getShape();
  if (to.getRank() != 3 || from.getRank() < 4 ||
      from.getShape().take_back(2) != matrix.take_back(2) ||
      ShapedType::isDynamicShape(matrix.take_back(2)))
    return std::nullopt;
  Batch batch;
  batch.array = reshape.getX();
  batch.order = llvm::to_vector(llvm::seq<int64_t>(0, from.getRank()));
  if (auto transpose = batch.array.getDefiningOp<TransposeOp>()) {
    batch.array = transpose.getX();
    batch.order = llvm::to_vector(transpose.getPermutation());
  }
  int64_t &rows = batch.order[batch.order.size() - 2];
  batch.turned = rows > batch.order.back();
  if (batch.turned)
    std::swap(rows, batch.order.back());
  return batch;
}

/// Products read the matrices, turned or not, from one copy.
static void shareCopies(func::FuncOp program) {
  SmallVector<std::pair<ReshapeOp, Batch>> all;
  for (auto reshape : program.getBody().front().getOps<ReshapeOp>())
    if (auto batch = batchOf(reshape); batch && !batch->isDense(program))
      all.push_back({reshape, *batch});
  SmallVector<std::pair<Batch, Value>> copies;
  auto copyOf = [&](const Batch &batch) {
    for (auto &[other, copy] : copies)
      if (other == batch)
        return copy;
    OpBuilder b(program.getContext());
    b.setInsertionPointAfterValue(batch.array);
    Location loc = batch.array.getLoc();
    Value x = batch.array;
    if (!llvm::is_sorted(batch.order))
      x = TransposeOp::create(b, loc, permuted(typeOf(x), batch.order), x,
                              batch.order);
    Operation *copy = StopGradientOp::create(b, loc, x.getType(), x);
    if (Operation *from = batch.array.getDefiningOp())
      marked(copy, from);
    return copies.emplace_back(batch, copy->getResult(0)).second;
  };
  for (auto &[reshape, batch] : all) {
    auto isTurned = [&](auto &other) {
      return other.second.turned && other.second == batch;
    };
    if (!llvm::any_of(all, isTurned))
      continue;
    Value copy = copyOf(batch);
    if (!batch.turned) {
      reshape.getXMutable().assign(copy);
      continue;
    }
    OpBuilder b(reshape);
    int64_t exchange[] = {0, 2, 1};
    RankedTensorType type = permuted(reshape.getType(), exchange);
    Value joined =
        marked(ReshapeOp::create(b, reshape.getLoc(), type, copy,
                                 reshape.getExtents(), type.getShape()),
               reshape);
    Operation *turned = TransposeOp::create(
        b, reshape.getLoc(), reshape.getType(), joined, exchange);
    reshape.replaceAllUsesWith(marked(turned, reshape));
  }
  for (auto &[reshape, batch] : all)
    if (reshape.use_empty())
      reshape.erase();
}

//===----------------------------------------------------------------------===//
// Ops on views
//===----------------------------------------------------------------------===//

/// Ops that are looked at.
static constexpr int maxOps = 16;

/// Whether x is computed from views alone, and used once: such an op shares no
/// kernel with what makes its operands.
static bool isOfViews(Value x, int &budget) {
  Operation *op = x.getDefiningOp();
  if (!llvm::isa_and_nonnull<PointwiseOpInterface>(op) || !op->hasOneUse() ||
      --budget < 0)
    return false;
  return llvm::all_of(op->getOperands(), [&](Value operand) {
    return isCloned(operand.getDefiningOp()) || isOfViews(operand, budget);
  });
}

/// The transpose of x, in which transposes stand in front of pointwise ops and
/// of what is placed.
static Value transposed(OpBuilder &b, Value x, ArrayRef<int64_t> permutation) {
  Operation *op = x.getDefiningOp();
  RankedTensorType type = permuted(typeOf(x), permutation);
  if (llvm::isa_and_nonnull<PointwiseOpInterface>(op)) {
    OperationState state(op->getLoc(), op->getName());
    for (Value operand : op->getOperands())
      state.addOperands(transposed(b, operand, permutation));
    state.addTypes(type);
    state.attributes = op->getAttrDictionary();
    return b.create(state)->getResult(0);
  }
  if (auto place = llvm::dyn_cast_or_null<PlaceOp>(op)) {
    SmallVector<Value> known(size_t(type.getRank())), extents;
    size_t next = 0;
    for (size_t axis = 0; axis < known.size(); ++axis)
      if (typeOf(x).isDynamicDim(unsigned(axis)))
        known[axis] = place.getExtents()[next++];
    for (Value extent : permuted(ArrayRef<Value>(known), permutation))
      if (extent)
        extents.push_back(extent);
    return marked(PlaceOp::create(b, op->getLoc(), type,
                                  transposed(b, place.getX(), permutation),
                                  extents,
                                  permuted(place.getStarts(), permutation),
                                  permuted(place.getSteps(), permutation),
                                  place.getFill(), type.getShape()),
                  op);
  }
  if (auto inner = llvm::dyn_cast_or_null<TransposeOp>(op))
    return marked(
        TransposeOp::create(b, op->getLoc(), type, inner.getX(),
                            permuted(inner.getPermutation(), permutation)),
        op);
  return TransposeOp::create(b, x.getLoc(), type, x, permutation);
}

static void computeInOrder(func::FuncOp program) {
  for (auto transpose : llvm::make_early_inc_range(
           program.getBody().front().getOps<TransposeOp>())) {
    int budget = maxOps;
    bool isCopied =
        !transpose.use_empty() &&
        llvm::all_of(transpose->getUsers(), llvm::IsaPred<ReshapeOp>);
    if (!isCopied || !isOfViews(transpose.getX(), budget))
      continue;
    OpBuilder b(transpose);
    transpose.replaceAllUsesWith(
        transposed(b, transpose.getX(), transpose.getPermutation()));
    // Nothing else uses what it was computed from.
    llvm::SetVector<Operation *> unused;
    unused.insert(transpose);
    while (!unused.empty()) {
      Operation *op = unused.pop_back_val();
      SmallVector<Value> operands(op->getOperands());
      if (!op->use_empty() ||
          !llvm::isa<PointwiseOpInterface, TransposeOp, PlaceOp>(op))
        continue;
      op->erase();
      for (Value operand : operands)
        if (Operation *from = operand.getDefiningOp())
          unused.insert(from);
    }
  }
}

void etch::placeTransposes(func::FuncOp program) {
  shareCopies(program);
  computeInOrder(program);
}
