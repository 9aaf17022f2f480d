//===- Images.cpp - which images go with channels last --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops that can as well take images in the other order tie their images together
// into groups. A group changes if its convolutions, which would have to change
// each of their images before and behind themselves, save more than is moved
// where other ops make or read its images.
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Images.h"

using namespace mlir;
using namespace etch;

SmallVector<int64_t> etch::permuted(ArrayRef<int64_t> values,
                                    ArrayRef<int64_t> permutation) {
  return llvm::map_to_vector(permutation,
                             [&](int64_t i) { return values[size_t(i)]; });
}

RankedTensorType etch::permuted(RankedTensorType type,
                                ArrayRef<int64_t> permutation) {
  return RankedTensorType::get(permuted(type.getShape(), permutation),
                               type.getElementType());
}

bool etch::keepsOrder(RankedTensorType type, ArrayRef<int64_t> permutation) {
  auto moves = [&](int64_t axis) {
    return type.getDimSize(unsigned(axis)) != 1;
  };
  return llvm::is_sorted(
      llvm::to_vector(llvm::make_filter_range(permutation, moves)));
}

bool etch::isImage(Value v) {
  auto type = llvm::dyn_cast<RankedTensorType>(v.getType());
  return type && type.getRank() == 4 && !keepsOrder(type, channelsLast);
}

Value etch::reordered(OpBuilder &b, Location loc, Value x,
                      ArrayRef<int64_t> permutation) {
  auto from = llvm::cast<RankedTensorType>(x.getType());
  RankedTensorType to = permuted(from, permutation);
  if (!keepsOrder(from, permutation))
    return TransposeOp::create(b, loc, to, x, permutation);
  SmallVector<Value> extents;
  for (int64_t axis : permutation)
    if (from.isDynamicDim(unsigned(axis)))
      extents.push_back(tensor::DimOp::create(b, loc, x, axis));
  return ReshapeOp::create(b, loc, to, x, extents, to.getShape());
}

//===----------------------------------------------------------------------===//
// Pools
//===----------------------------------------------------------------------===//

/// The images whose planes x is: (N, C, H, W) as (N * C, H * W, …).
static Value planesOf(Value x) {
  auto reshape = x.getDefiningOp<ReshapeOp>();
  if (!reshape)
    return {};
  auto from = llvm::cast<RankedTensorType>(reshape.getX().getType());
  auto to = llvm::cast<RankedTensorType>(x.getType());
  if (from.getRank() != 4 || to.getRank() < 2 || to.getRank() > 3 ||
      from.isDynamicDim(1) || from.isDynamicDim(2) || from.isDynamicDim(3) ||
      to.isDynamicDim(1) ||
      to.getDimSize(1) != from.getDimSize(2) * from.getDimSize(3) ||
      (to.getRank() == 3 && to.getDimSize(2) != 1))
    return {};
  return reshape.getX();
}

Pool etch::poolOf(Value y) {
  auto reshape = y.getDefiningOp<ReshapeOp>();
  Operation *op = reshape ? reshape.getX().getDefiningOp() : nullptr;
  if (!llvm::isa_and_nonnull<GatherOp, ScatterAddOp>(op) ||
      llvm::cast<RankedTensorType>(op->getOperand(1).getType()).getRank() != 2)
    return {};
  auto type = llvm::cast<RankedTensorType>(y.getType());
  auto planes = llvm::cast<RankedTensorType>(op->getResult(0).getType());
  Value x = planesOf(op->getOperand(0)), index = planesOf(op->getOperand(1));
  if (!x || !index || type.getRank() != 4 ||
      planes.getDimSize(1) != type.getDimSize(2) * type.getDimSize(3))
    return {};
  auto same = [&](Value images) {
    auto of = llvm::cast<RankedTensorType>(images.getType());
    return of.getDimSize(0) == type.getDimSize(0) &&
           of.getDimSize(1) == type.getDimSize(1);
  };
  return same(x) && same(index) ? Pool{op, x, index} : Pool();
}

/// What is gathered from planes is images first, then all else.
static void seeImages(GatherOp gather) {
  auto reshape = gather.getIndex().getDefiningOp<ReshapeOp>();
  auto planes = gather.getType();
  auto of = reshape ? llvm::cast<RankedTensorType>(reshape.getX().getType())
                    : RankedTensorType();
  if (!of || of.getRank() != 4 || planes.getRank() != 3 ||
      planes.getDimSize(2) != 1)
    return;
  OpBuilder b(gather);
  b.setInsertionPointAfter(gather);
  Location loc = gather.getLoc();
  SmallVector<Value> extents;
  for (int64_t axis = 0; axis < 4; ++axis)
    if (of.isDynamicDim(unsigned(axis)))
      extents.push_back(tensor::DimOp::create(b, loc, reshape.getX(), axis));
  auto type = RankedTensorType::get(of.getShape(), planes.getElementType());
  auto images =
      ReshapeOp::create(b, loc, type, gather, extents, type.getShape());
  if (!poolOf(images)) {
    images.erase();
    return;
  }
  gather->getResult(0).replaceUsesWithIf(images, [&](OpOperand &use) {
    return use.getOwner() != images && llvm::isa<ReshapeOp>(use.getOwner());
  });
  for (Operation *user : llvm::make_early_inc_range(images->getUsers()))
    if (user->getResultTypes().front() == images.getType()) {
      user->getResult(0).replaceAllUsesWith(images);
      user->erase();
    }
}

/// What is added into planes was images before.
static void seeImages(ScatterAddOp scatter) {
  Value index = planesOf(scatter.getIndex()), x = scatter.getX();
  auto planes = llvm::cast<RankedTensorType>(x.getType());
  if (!index || planesOf(x) || planes.getDimSize(2) != 1 ||
      llvm::cast<RankedTensorType>(scatter.getIndex().getType()).getRank() != 2)
    return;
  OpBuilder b(scatter);
  Location loc = scatter.getLoc();
  auto of = llvm::cast<RankedTensorType>(index.getType());
  auto type = RankedTensorType::get(of.getShape(), planes.getElementType());
  auto dims = [&](Value like) {
    auto type = llvm::cast<RankedTensorType>(like.getType());
    SmallVector<Value> extents;
    for (int64_t axis = 0; axis < type.getRank(); ++axis)
      if (type.isDynamicDim(unsigned(axis)))
        extents.push_back(tensor::DimOp::create(b, loc, like, axis));
    return extents;
  };
  Value images =
      ReshapeOp::create(b, loc, type, x, dims(index), type.getShape());
  scatter.getXMutable().assign(
      ReshapeOp::create(b, loc, planes, images, dims(x), planes.getShape()));
}

void etch::seeImages(func::FuncOp program) {
  for (ScatterAddOp scatter :
       llvm::to_vector(program.getBody().front().getOps<ScatterAddOp>()))
    ::seeImages(scatter);
  for (GatherOp gather :
       llvm::to_vector(program.getBody().front().getOps<GatherOp>()))
    ::seeImages(gather);
}

//===----------------------------------------------------------------------===//
// Groups
//===----------------------------------------------------------------------===//

static bool isOfKind(Operation *op, OpKind kind) {
  auto rule = llvm::dyn_cast<DifferentiableOpInterface>(op);
  return rule && rule.getInfo().kind == kind;
}

bool etch::isConvolution(Operation *op) {
  return isOfKind(op, OpKind::convolution);
}

bool etch::isAxesReduction(Operation *op) {
  return isOfKind(op, OpKind::reduction) && op->hasAttr("axes");
}

/// The images that an op can take and give in either order; none of other ops.
static SmallVector<Value, 4> imagesOf(Operation *op) {
  SmallVector<Value, 4> images;
  if (op->getNumResults() != 1)
    return images;
  Value y = op->getResult(0);
  auto add = [&](Value v) {
    if (isImage(v))
      images.push_back(v);
  };
  if (isConvolution(op)) {
    add(op->getOperand(0));
    add(llvm::isa<Conv2dWeightGradOp>(op) ? op->getOperand(1) : y);
  } else if (Pool pool = poolOf(y)) {
    add(pool.x);
    add(pool.index);
    add(y);
  } else if (llvm::isa<PointwiseOpInterface>(op)) {
    if (isImage(y))
      for (Value x : op->getOperands())
        add(x);
    add(y);
  } else if (llvm::isa<MaxPoolIndexOp, SliceOp, PlaceOp, SliceAtOp, PlaceAtOp>(
                 op)) {
    add(op->getOperand(0));
    add(y);
  } else if (llvm::isa<BroadcastToOp>(op)) {
    if (isImage(y))
      add(op->getOperand(0));
    add(y);
  } else if (isAxesReduction(op) || llvm::isa<SumToOp>(op)) {
    if (isImage(op->getOperand(0))) {
      add(op->getOperand(0));
      add(y);
    }
  } else if (auto constant = llvm::dyn_cast<ConstantOp>(op)) {
    if (constant.getValue().isSplat())
      add(y);
  }
  return images;
}

void Images::visit(Operation *op) {
  SmallVector<Value, 4> images = imagesOf(op);
  if (images.empty())
    return;
  imageOf[op] = images.front();
  for (Value v : images)
    groups.unionSets(images.front().getAsOpaquePointer(),
                     v.getAsOpaquePointer());
}

/// A convolution would change its images, or gets its filters changed.
void Images::weigh(Operation *op) {
  if (!isConvolution(op) || !imageOf.contains(op))
    return;
  bool toFilters = llvm::isa<Conv2dWeightGradOp>(op);
  Value y = op->getResult(0), x = op->getOperand(0), w = op->getOperand(1);
  double saved = double(guess.bytesOf(x)) +
                 double(guess.bytesOf(toFilters ? w : y)),
         filters = isImage(toFilters ? y : w)
                       ? double(guess.bytesOf(toFilters ? y : w))
                       : 0;
  gain[groups.getLeaderValue(imageOf[op].getAsOpaquePointer())] +=
      2 * (saved - filters);
}

/// What other ops make is changed behind them, what they read in front.
void Images::weighValue(Value v) {
  if (!groups.contains(v.getAsOpaquePointer()))
    return;
  Operation *op = v.getDefiningOp();
  auto reads = [&](Operation *user) {
    if (imageOf.contains(user) || llvm::isa<tensor::DimOp>(user))
      return false;
    // In front of a pool stands a reshape.
    return !llvm::isa<ReshapeOp>(user) ||
           !llvm::all_of(user->getUsers(), [&](Operation *next) {
             return llvm::any_of(next->getUsers(), [&](Operation *last) {
               return last->getNumResults() == 1 && imageOf.contains(last) &&
                      poolOf(last->getResult(0)).op == next;
             });
           });
  };
  int64_t changes = 0;
  if (!op || (!imageOf.contains(op) && !llvm::isa<IotaOp, ConstantOp>(op)))
    ++changes;
  if (llvm::any_of(v.getUsers(), reads))
    ++changes;
  if (changes)
    gain[groups.getLeaderValue(v.getAsOpaquePointer())] -=
        2.0 * double(changes) * double(guess.bytesOf(v));
}

Images::Images(func::FuncOp program) {
  Block &body = program.getBody().front();
  for (Operation &op : body)
    visit(&op);
  for (Value v : body.getArguments())
    weighValue(v);
  for (Operation &op : body) {
    weigh(&op);
    for (Value v : op.getResults())
      weighValue(v);
  }
}

bool Images::isChosen(Operation *op) {
  auto found = imageOf.find(op);
  return found != imageOf.end() && gain.lookup(groups.getLeaderValue(
                                       found->second.getAsOpaquePointer())) > 0;
}
