//===- Evaluator.cpp - Values of a kernel at a point of its loops ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Target/CPU/Evaluator.h"

using namespace mlir;
using namespace etch;
using namespace etch::cpu;

Evaluator::Access Evaluator::makeAccess(unsigned buffer,
                                        ArrayRef<int> loopOfAxis) {
  Access access;
  access.buffer = buffer;
  access.axis.assign(extents.size(), -1);
  access.strides.assign(extents.size(), Ix(0));
  const Buffer &b = k.buffers[buffer];
  for (auto [axis, dim] : llvm::enumerate(loopOfAxis))
    if (dim >= 0) {
      access.axis[dim] = int(axis);
      access.strides[dim] = b.strides[axis];
    }
  return access;
}

/// Axes along which a view repeats its operand run along no loop.
static SmallVector<int, 4> throughBroadcast(BroadcastToOp op,
                                            ArrayRef<int> loopOfAxis) {
  auto from = cast<RankedTensorType>(op.getX().getType());
  auto to = cast<RankedTensorType>(op.getY().getType());
  int64_t added = to.getRank() - from.getRank();
  SmallVector<int, 4> result;
  for (int64_t axis = 0; axis < from.getRank(); ++axis) {
    bool repeats =
        from.getDimSize(axis) == 1 && to.getDimSize(axis + added) != 1;
    result.push_back(repeats ? -1 : loopOfAxis[axis + added]);
  }
  return result;
}

LogicalResult Evaluator::read(Value v) {
  if (given.contains(v) || !seen.insert(v).second)
    return success();
  Operation *op = v.getDefiningOp();
  if (op && isa<PointwiseOpInterface>(op)) {
    for (Value operand : op->getOperands())
      if (failed(read(operand)))
        return failure();
    return success();
  }
  SmallVector<int, 4> loopOfAxis = level;
  Value source = v;
  while (Operation *view = source.getDefiningOp()) {
    if (auto broadcast = dyn_cast<BroadcastToOp>(view)) {
      loopOfAxis = throughBroadcast(broadcast, loopOfAxis);
      source = broadcast.getX();
    } else if (auto transpose = dyn_cast<TransposeOp>(view)) {
      SmallVector<int, 4> permuted(loopOfAxis.size());
      for (auto [axis, from] : llvm::enumerate(transpose.getPermutation()))
        permuted[from] = loopOfAxis[axis];
      loopOfAxis = permuted;
      source = transpose.getX();
    } else if (auto constant = dyn_cast<ConstantOp>(view)) {
      auto elements = dyn_cast<DenseElementsAttr>(constant.getValue());
      if (!elements || !elements.isSplat())
        return view->emitError("a kernel holds splat constants only");
      constants[v] = elements.getSplatValue<TypedAttr>();
      return success();
    } else {
      return view->emitError("a view of a computed value inside a kernel");
    }
  }
  readOf[v] = unsigned(accesses.size());
  accesses.push_back(
      makeAccess(k.bufferOf(cast<BlockArgument>(source)), loopOfAxis));
  return success();
}

void Evaluator::write(unsigned buffer) {
  writes.push_back(makeAccess(buffer, level));
}

bool Evaluator::mergeable(const Access &a, int dim) const {
  const Ix &outer = a.strides[dim], &inner = a.strides[dim + 1];
  if (outer.is(0) && inner.is(0))
    return true;
  if (outer.isKnown() && inner.isKnown() && extents[dim + 1].isKnown())
    return outer.known == inner.known * extents[dim + 1].known;
  // Symbolic extents: neighbouring axes of a dense buffer.
  const Buffer &b = k.buffers[a.buffer];
  int from = a.axis[dim], to = a.axis[dim + 1];
  if (!b.dense || from < 0 || to <= from)
    return false;
  for (int axis = from + 1; axis < to; ++axis)
    if (!b.extents[axis].is(1))
      return false;
  return true;
}

void Evaluator::collapse() {
  auto erase = [&](int dim) {
    extents.erase(extents.begin() + dim);
    firstAxis.erase(firstAxis.begin() + dim);
    for (SmallVector<Access> *list : {&accesses, &writes})
      for (Access &a : *list) {
        a.axis.erase(a.axis.begin() + dim);
        a.strides.erase(a.strides.begin() + dim);
      }
  };
  for (int dim = rank() - 1; dim >= 0; --dim)
    if (extents[dim].is(1))
      erase(dim);
  for (int dim = rank() - 2; dim >= 0; --dim) {
    auto merges = [&](const Access &a) { return mergeable(a, dim); };
    if (!llvm::all_of(accesses, merges) || !llvm::all_of(writes, merges))
      continue;
    // The merged dimension steps as the inner one and begins as the outer one.
    extents[dim + 1] = k.e.mul(extents[dim], extents[dim + 1]);
    firstAxis[dim + 1] = firstAxis[dim];
    for (SmallVector<Access> *list : {&accesses, &writes})
      for (Access &a : *list)
        a.axis[dim + 1] = a.axis[dim];
    erase(dim);
  }
  level.clear(); // no longer one dimension for each axis
}

int Evaluator::transposedDim() const {
  int last = rank() - 1;
  for (const Access &a : accesses) {
    if (last < 1 || a.strides[last].is(0) || a.strides[last].is(1))
      continue;
    for (int dim = 0; dim < last; ++dim)
      if (a.strides[dim].is(1))
        return dim;
    if (!a.strides[last].isKnown())
      return last - 1; // likely
  }
  return -1;
}

void Evaluator::enter(Access &a, ArrayRef<Ix> indices, bool load) {
  const Buffer &b = k.buffers[a.buffer];
  Ix offset = 0;
  for (int dim = 0; dim < rank(); ++dim)
    if (dim != vectorDim)
      offset = k.e.add(offset, k.e.mul(indices[dim], a.strides[dim]));
  a.address = k.e.at(b.pointer, offset, b.element);
  a.invariant = nullptr;
  if (load && (vectorDim < 0 || a.strides[vectorDim].is(0)))
    a.invariant = k.e.load(a.address, 0, b.element, Lanes());
}

void Evaluator::enter(ArrayRef<Ix> indices, int dim) {
  vectorDim = dim;
  for (Access &a : accesses)
    enter(a, indices, true);
  for (Access &a : writes)
    enter(a, indices, false);
}

void Evaluator::point(Ix at, Lanes covered) {
  index = at;
  lanes = covered;
  memo.clear();
}

Value Evaluator::get(Value v) {
  if (Value known = memo.lookup(v))
    return known;
  Value result;
  if (auto it = readOf.find(v); it != readOf.end()) {
    Access &a = accesses[it->second];
    const Buffer &b = k.buffers[a.buffer];
    if (a.invariant) {
      result = k.e.splat(a.invariant, lanes.count);
    } else {
      Ix stride = a.strides[vectorDim];
      Value address = k.e.at(a.address, k.e.mul(index, stride), b.element);
      result = k.e.load(address, stride, b.element, lanes);
    }
  } else if (auto it = constants.find(v); it != constants.end()) {
    TypedAttr attr = it->second;
    if (lanes.count != 1)
      attr = DenseElementsAttr::get(
          VectorType::get({lanes.count}, attr.getType()), Attribute(attr));
    result = k.e.constant(attr);
  } else {
    SmallVector<Value> operands;
    for (Value operand : v.getDefiningOp()->getOperands())
      operands.push_back(get(operand));
    result = cast<PointwiseOpInterface>(v.getDefiningOp())
                 .emitScalar(k.e, k.e.loc, operands);
  }
  return memo[v] = result;
}

void Evaluator::put(unsigned n, Value emitted) {
  Access &a = writes[n];
  const Buffer &b = k.buffers[a.buffer];
  Ix offset = vectorDim < 0 ? Ix(0) : k.e.mul(index, a.strides[vectorDim]);
  k.e.store(emitted, k.e.at(a.address, offset, b.element), lanes);
}
