//===- PoolValues.cpp - pools whose places nobody asks for ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A pool is the places of the largest, which its gradient wants, and what is
// gathered from there. Without a gradient the places are read once: then one
// kernel does both, and what was placed in a larger shape before, below
// everything, need not be written either. Extents of images are known, so that
// it can be seen that each window has a place inside.
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/PoolValues.h"
#include "compiler/Transforms/JoinCalls.h"

#include "dialects/Etch/EtchDialect.h"

using namespace mlir;
using namespace etch;

namespace {
/// Calls of kernels, and what they consist of.
struct Pool {
  func::CallOp places; ///< null: nothing is placed
  func::CallOp index, gather;
  ReshapeOp planes, indices;

  bool match(func::CallOp call);
  /// Where the images come from.
  func::CallOp first() { return places ? places : index; }
};
} // namespace

/// What the kernel knows an operand of its call by.
static Value argumentOf(func::CallOp call, unsigned i) {
  func::FuncOp kernel = kernelOf(call);
  return i < kernel.getNumArguments() ? kernel.getArgument(i) : Value();
}

/// The op of a kernel that is this one, and perhaps a copy of it.
template <class Op> static Op onlyOp(func::CallOp call) {
  func::FuncOp kernel = call ? kernelOf(call) : func::FuncOp();
  if (!kernel || kernel.getNumResults() != 1)
    return {};
  auto ops = kernel.getBody().front().without_terminator();
  auto op = ops.empty() ? Op() : llvm::dyn_cast<Op>(*ops.begin());
  for (Operation &other : llvm::drop_begin(ops))
    if (!llvm::isa<StopGradientOp>(other))
      return {};
  return op && op->getOperand(0) == argumentOf(call, 0) ? op : Op();
}

static ArrayRef<int64_t> shapeOf(Value x) {
  return llvm::cast<RankedTensorType>(x.getType()).getShape();
}

bool Pool::match(func::CallOp call) {
  gather = call;
  auto op = onlyOp<GatherOp>(gather);
  if (!op || op.getIndex() != argumentOf(gather, 1))
    return false;
  planes = gather.getOperand(0).getDefiningOp<ReshapeOp>();
  indices = gather.getOperand(1).getDefiningOp<ReshapeOp>();
  if (!planes || !indices || !planes->hasOneUse() || !indices->hasOneUse())
    return false;
  index = indices.getX().getDefiningOp<func::CallOp>();
  auto windows = onlyOp<MaxPoolIndexOp>(index);
  if (!windows || !index->hasOneUse() || index.getOperand(0) != planes.getX())
    return false;
  Value images = planes.getX(), found = index.getResult(0);
  ArrayRef<int64_t> from = shapeOf(images), to = shapeOf(found);
  auto known = [](ArrayRef<int64_t> shape) {
    return shape.size() == 4 &&
           !llvm::is_contained(shape.drop_front(), ShapedType::kDynamic);
  };
  if (!known(from) || !known(to) ||
      !llvm::isa<FloatType>(
          llvm::cast<RankedTensorType>(images.getType()).getElementType()) ||
      shapeOf(planes.getY()).size() != 3 || shapeOf(planes.getY())[2] != 1 ||
      shapeOf(planes.getY())[1] != from[2] * from[3] ||
      shapeOf(indices.getY()).size() != 2 ||
      shapeOf(indices.getY())[1] != to[2] * to[3])
    return false;
  // Below everything, behind the end.
  places = images.getDefiningOp<func::CallOp>();
  auto place = onlyOp<PlaceOp>(places);
  auto isPart = [&] {
    auto is = [](ArrayRef<int64_t> numbers, int64_t n) {
      return llvm::all_of(numbers, [&](int64_t x) { return x == n; });
    };
    return place && place.getFill().isInfinity() &&
           place.getFill().isNegative() && is(place.getStarts(), 0) &&
           is(place.getSteps(), 1) && llvm::hasNItems(images.getUses(), 2) &&
           known(shapeOf(places.getOperand(0))) &&
           shapeOf(places.getOperand(0)).take_front(2) == from.take_front(2);
  };
  if (!isPart())
    places = {};
  ArrayRef<int64_t> inside = shapeOf(first().getOperand(0));
  for (unsigned i = 0; i < 2; ++i) {
    int64_t pad = windows.getPad()[i];
    int64_t last = (to[2 + i] - 1) * windows.getStride()[i] - pad;
    if (pad >= windows.getKernel()[i] || last >= inside[2 + i] || to[2 + i] < 1)
      return false;
  }
  return true;
}

void etch::joinPools(ModuleOp module) {
  SmallVector<Pool> pools;
  module.walk([&](func::CallOp call) {
    if (Pool pool; pool.match(call))
      pools.push_back(pool);
  });
  CallJoiner joiner;
  for (Pool &pool : pools) {
    SmallVector<Operation *, 5> ops = {pool.index, pool.planes, pool.indices,
                                       pool.gather};
    if (pool.places)
      ops.insert(ops.begin(), pool.places);
    joiner.join(ops, pool.index.getCallee() + ".values");
  }
  if (!pools.empty())
    eraseUncalled(module);
}
