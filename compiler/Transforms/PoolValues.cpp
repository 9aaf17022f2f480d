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

#include "dialects/Etch/EtchDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"

#include "llvm/ADT/StringMap.h"

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

static func::FuncOp kernelOf(func::CallOp call) {
  auto kernel = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
      call, call.getCalleeAttr());
  return kernel && kernel->hasAttr(kKernelAttr) ? kernel : func::FuncOp();
}

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

/// Clones what a call computes; its operands are mapped.
static void inlineCall(OpBuilder &b, func::CallOp call, IRMapping &map) {
  func::FuncOp kernel = kernelOf(call);
  IRMapping inner;
  for (auto [argument, x] :
       llvm::zip_equal(kernel.getArguments(), call.getOperands()))
    inner.map(argument, map.lookup(x));
  for (Operation &op : kernel.getBody().front().without_terminator())
    if (llvm::isa<StopGradientOp>(op)) // a copy
      inner.map(op.getResult(0), inner.lookup(op.getOperand(0)));
    else
      b.clone(op, inner);
  Operation *end = kernel.getBody().front().getTerminator();
  map.map(call.getResult(0), inner.lookup(end->getOperand(0)));
}

static func::FuncOp buildKernel(Pool &pool, StringRef name,
                                ArrayRef<Value> operands) {
  func::FuncOp before = kernelOf(pool.index);
  OpBuilder b(before);
  auto type = b.getFunctionType(
      llvm::map_to_vector(operands, [](Value x) { return x.getType(); }),
      pool.gather.getResultTypes());
  auto kernel = func::FuncOp::create(b, before.getLoc(), name, type);
  kernel.setPrivate();
  kernel->setAttr(kKernelAttr, b.getUnitAttr());
  Block *body = kernel.addEntryBlock();
  b.setInsertionPointToEnd(body);
  IRMapping map;
  for (auto [x, argument] : llvm::zip_equal(operands, body->getArguments()))
    map.map(x, argument);
  if (pool.places)
    inlineCall(b, pool.places, map);
  inlineCall(b, pool.index, map);
  b.clone(*pool.planes, map);
  b.clone(*pool.indices, map);
  inlineCall(b, pool.gather, map);
  func::ReturnOp::create(b, kernel.getLoc(),
                         map.lookup(pool.gather.getResult(0)));
  return kernel;
}

void etch::joinPools(ModuleOp module) {
  SmallVector<Pool> pools;
  module.walk([&](func::CallOp call) {
    if (Pool pool; pool.match(call))
      pools.push_back(pool);
  });
  llvm::StringMap<func::FuncOp> kernels;
  for (Pool &pool : pools) {
    // Images first, then each extent once.
    SmallVector<Value> operands = {pool.first().getOperand(0)};
    std::string name = (pool.index.getCallee() + ".values").str(), key = name;
    auto add = [&](OperandRange more) {
      for (Value x : more) {
        auto *found = llvm::find(operands, x);
        key += "," + std::to_string(found - operands.begin());
        if (found == operands.end())
          operands.push_back(x);
      }
    };
    if (pool.places)
      add(pool.places.getOperands().drop_front());
    add(pool.index.getOperands().drop_front());
    add(pool.planes->getOperands().drop_front());
    add(pool.indices->getOperands().drop_front());
    add(pool.gather.getOperands().drop_front(2));
    key += pool.places ? pool.places.getCallee() : "";
    func::FuncOp &kernel = kernels[key];
    if (!kernel) {
      if (module.lookupSymbol(name))
        name += std::to_string(kernels.size());
      kernel = buildKernel(pool, name, operands);
    }
    OpBuilder b(pool.gather);
    auto call = func::CallOp::create(b, pool.gather.getLoc(), kernel, operands);
    pool.gather.getResult(0).replaceAllUsesWith(call.getResult(0));
    for (Operation *op :
         {pool.gather.getOperation(), pool.planes.getOperation(),
          pool.indices.getOperation(), pool.index.getOperation()})
      op->erase();
    if (pool.places)
      pool.places->erase();
  }
  if (pools.empty())
    return;
  // Kernels that nobody calls any more.
  llvm::StringMap<bool> called;
  module.walk([&](func::CallOp call) { called[call.getCallee()] = true; });
  for (auto kernel : llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
    if (kernel->hasAttr(kKernelAttr) && !called.contains(kernel.getSymName()))
      kernel->erase();
}
