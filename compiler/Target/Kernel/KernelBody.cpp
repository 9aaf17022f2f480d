//===- KernelBody.cpp - What a kernel works on ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Target/Kernel/KernelBody.h"

#include "dialects/Etch/ScalarPrice.h"

using namespace mlir;
using namespace etch;
using namespace etch::kernel;

KernelBody::KernelBody(func::FuncOp source)
    : source(source),
      e(source.getContext(), UnknownLoc::get(source.getContext())) {}

const Buffer *KernelBody::argumentBuffer(Value operand) {
  auto arg = dyn_cast<BlockArgument>(operand);
  return arg ? &buffers[bufferOf(arg)] : nullptr;
}

/// What `etch.strided` says of the innermost stride; -1: nothing.
static int64_t innermostStride(Attribute strided) {
  if (auto array = dyn_cast_or_null<DenseI64ArrayAttr>(strided))
    return array.empty() ? -1 : array[0];
  if (auto list = dyn_cast_or_null<ArrayAttr>(strided))
    if (!list.empty())
      if (auto stride = dyn_cast<IntegerAttr>(list[0]))
        return stride.getInt();
  return -1;
}

void KernelBody::bindBuffers(function_ref<Value(Type)> fetch) {
  auto slot = [&](Slot::Kind kind, unsigned operand, unsigned axis, Type type) {
    slots.push_back({kind, operand, axis});
    return fetch(type);
  };
  auto bind = [&](Type type, bool strided, Attribute innermost,
                  Attribute stored) {
    unsigned operand = unsigned(buffers.size());
    Buffer buffer;
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor) { // a symbolic extent
      buffer.extents = {Ix(slot(Slot::index, operand, 0, e.getI64Type()))};
      buffers.push_back(buffer);
      return;
    }
    buffer.element =
        stored ? cast<TypeAttr>(stored).getValue() : tensor.getElementType();
    buffer.dense = !strided;
    buffer.pointer = slot(Slot::pointer, operand, 0, e.ptrType());
    unsigned rank = unsigned(tensor.getRank());
    for (unsigned axis = 0; axis < rank; ++axis)
      buffer.extents.push_back(
          tensor.isDynamicDim(axis)
              ? Ix(slot(Slot::extent, operand, axis, e.getI64Type()))
              : Ix(tensor.getDimSize(axis)));
    buffer.strides.resize(rank);
    Ix dense = 1;
    for (unsigned axis = rank; axis-- > 0;) {
      if (!strided) {
        buffer.strides[axis] = dense;
        if (axis)
          dense = e.mul(dense, buffer.extents[axis]);
        continue;
      }
      int64_t known = axis + 1 == rank ? innermostStride(innermost) : -1;
      buffer.strides[axis] =
          known >= 0 ? Ix(known)
                     : Ix(slot(Slot::stride, operand, axis, e.getI64Type()));
    }
    buffers.push_back(buffer);
  };
  for (BlockArgument arg : source.getArguments()) {
    Attribute strided = source.getArgAttr(arg.getArgNumber(), kStridedAttr);
    bind(arg.getType(), bool(strided), strided,
         source.getArgAttr(arg.getArgNumber(), kStoredAttr));
  }
  for (auto [i, type] : llvm::enumerate(source.getResultTypes()))
    bind(type, false, {}, source.getResultAttr(unsigned(i), kStoredAttr));
}

std::optional<ExtentRef> KernelBody::findExtent(Value v, unsigned axis) {
  auto type = cast<RankedTensorType>(v.getType());
  if (!type.isDynamicDim(axis))
    return ExtentRef{type.getDimSize(axis), -1, 0};
  if (auto arg = dyn_cast<BlockArgument>(v))
    return ExtentRef{0, int(arg.getArgNumber()), axis};
  for (auto [n, result] : llvm::enumerate(results()))
    if (result == v)
      return ExtentRef{0, int(resultBuffer(unsigned(n))), axis};
  Operation *op = v.getDefiningOp();
  if (isa<PointwiseOpInterface>(op)) {
    for (Value operand : op->getOperands())
      if (auto found = findExtent(operand, axis))
        return found;
  } else if (auto transpose = dyn_cast<TransposeOp>(op)) {
    return findExtent(transpose.getX(),
                      unsigned(transpose.getPermutation()[axis]));
  } else if (auto rule = dyn_cast<DifferentiableOpInterface>(op);
             rule && rule.getInfo().shaped) {
    // Behind the tensors come the symbolic extents.
    auto number = unsigned(rule.getInfo().numOperands);
    for (unsigned i = 0; i < axis; ++i)
      number += type.isDynamicDim(i);
    if (number < op->getNumOperands())
      if (auto arg = dyn_cast<BlockArgument>(op->getOperand(number)))
        return ExtentRef{0, int(arg.getArgNumber()), 0};
  }
  return std::nullopt;
}

ExtentRef KernelBody::extentOf(Value v, unsigned axis) {
  if (auto found = findExtent(v, axis))
    return *found;
  source.emitError("the extent of an axis is given by no operand");
  failed = true;
  return ExtentRef{1, -1, 0};
}

Ix KernelBody::startOf(Value start, Ix whole, Ix part) {
  Ix given = 0;
  if (auto argument = dyn_cast<BlockArgument>(start)) {
    given =
        Ix(e.loadRaw(e.getI64Type(), buffers[bufferOf(argument)].pointer, 8));
  } else if (auto constant = start.getDefiningOp<ConstantOp>()) {
    given = cast<DenseElementsAttr>(constant.getValue())
                .getSplatValue<APInt>()
                .getSExtValue();
  } else {
    start.getDefiningOp()->emitError(
        "the start of a part is an argument of the kernel");
    failed = true;
  }
  return e.max(e.min(given, e.sub(whole, part)), 0);
}

bool KernelBody::isLong() {
  constexpr int64_t many = 12; // in one op
  return llvm::any_of(source.getBody().front(), [](Operation &op) {
    auto pointwise = dyn_cast<PointwiseOpInterface>(op);
    return pointwise && scalarPrice(pointwise) >= many;
  });
}

int64_t KernelBody::numPointwise() {
  int64_t count = 0;
  for (Operation &op : source.getBody().front())
    count += isa<PointwiseOpInterface>(op);
  return count;
}
