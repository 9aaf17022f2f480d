//===- Kernel.cpp - A kernel under construction ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Target/CPU/Kernel.h"

#include "etch/runtime.h"

using namespace mlir;
using namespace etch;
using namespace etch::cpu;

Kernel::Kernel(func::FuncOp source, const CodegenOptions &options)
    : source(source), options(options),
      e(source.getContext(), UnknownLoc::get(source.getContext())) {}

int64_t Kernel::commonLanes() {
  int64_t bytes = 1;
  auto visit = [&](Type type) {
    if (auto tensor = dyn_cast<RankedTensorType>(type))
      bytes = std::max(bytes, e.bytesOf(tensor.getElementType()));
  };
  for (BlockArgument arg : source.getArguments())
    visit(arg.getType());
  for (Operation &op : source.getBody().front())
    for (Type type : op.getResultTypes())
      visit(type);
  // Narrow types alone (booleans) need no more than the lanes of f32.
  return options.vectorBits / 8 / std::max<int64_t>(bytes, 4);
}

int64_t Kernel::numPointwise() {
  int64_t count = 0;
  for (Operation &op : source.getBody().front())
    count += isa<PointwiseOpInterface>(op);
  return count;
}

bool Kernel::peels() {
  // With mask registers a partial vector is cheap; without, it is a branch for
  // each lane. Large bodies are not worth compiling twice.
  return options.vectorBits < 512 || numPointwise() <= 4;
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

void Kernel::bindBuffers() {
  auto slot = [&](Slot::Kind kind, unsigned operand, unsigned axis, Type type) {
    Value address =
        e.atByte(closure, int64_t(8 * (kFirstSlot + slots.size())));
    slots.push_back({kind, operand, axis});
    return e.loadRaw(type, address, 8);
  };
  auto bind = [&](Type type, bool strided, Attribute innermost) {
    unsigned operand = unsigned(buffers.size());
    Buffer buffer;
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor) { // a symbolic extent
      buffer.extents = {Ix(slot(Slot::index, operand, 0, e.getI64Type()))};
      buffers.push_back(buffer);
      return;
    }
    buffer.element = tensor.getElementType();
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
    bind(arg.getType(), bool(strided), strided);
  }
  for (Type type : source.getResultTypes())
    bind(type, false, {});
}

std::optional<ExtentRef> Kernel::findExtent(Value v, unsigned axis) {
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

ExtentRef Kernel::extentOf(Value v, unsigned axis) {
  if (auto found = findExtent(v, axis))
    return *found;
  source.emitError("the extent of an axis is given by no operand");
  failed = true;
  return ExtentRef{1, -1, 0};
}

Ix Kernel::startOf(Value start, Ix whole, Ix part) {
  Ix given = 0;
  if (auto argument = dyn_cast<BlockArgument>(start)) {
    given = Ix(e.loadRaw(e.getI64Type(), buffers[bufferOf(argument)].pointer, 8));
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

Value Kernel::scratch() {
  Value base = e.loadRaw(e.ptrType(), closure, 8);
  Value stride = e.loadRaw(e.getI64Type(),
                           e.atByte(closure, int64_t(8 * kScratchBytesSlot)), 8);
  Value number = e.make<arith::ExtSIOp>(e.getI64Type(), worker);
  return e.atByte(base, e.mul(Ix(number), Ix(stride)));
}

void Kernel::reportIndex(Value value, Value extent) {
  canFail = true;
  Value error = e.loadRaw(e.ptrType(),
                          e.atByte(closure, int64_t(8 * kErrorSlot)), 8);
  Value none = e.constant(e.getI32IntegerAttr(ETCH_OK));
  Value code = e.constant(e.getI32IntegerAttr(ETCH_ERROR_INDEX));
  auto exchange = e.make<LLVM::AtomicCmpXchgOp>(
      error, none, code, LLVM::AtomicOrdering::acq_rel,
      LLVM::AtomicOrdering::monotonic);
  Value first = e.make<LLVM::ExtractValueOp>(exchange, ArrayRef<int64_t>{1});
  e.when(first, [&] {
    Value site = e.loadRaw(e.getI64Type(),
                           e.atByte(closure, int64_t(8 * kSiteSlot)), 8);
    e.storeRaw(e.make<arith::TruncIOp>(e.getI32Type(), site),
               e.atByte(error, offsetof(etch_error_t, site)), 4);
    e.storeRaw(value, e.atByte(error, offsetof(etch_error_t, value)), 8);
    e.storeRaw(extent, e.atByte(error, offsetof(etch_error_t, extent)), 8);
  });
}

LogicalResult Kernel::emit() {
  e.setInsertionPoint(source);
  Type i64 = e.getI64Type(), ptr = e.ptrType();
  auto type = LLVM::LLVMFunctionType::get(
      LLVM::LLVMVoidType::get(e.getContext()), {ptr, i64, i64, e.getI32Type()});
  StringAttr name = source.getSymNameAttr();
  source.setSymName(("description." + name.getValue()).str());
  function = e.make<LLVM::LLVMFuncOp>(name.getValue(), type,
                                      LLVM::Linkage::Internal);
  std::string bits = std::to_string(options.vectorBits);
  function.setPassthroughAttr(e.getArrayAttr(
      {e.getStrArrayAttr({"prefer-vector-width", bits}),
       e.getStrArrayAttr({"min-legal-vector-width", bits}),
       e.getStringAttr("nounwind"), e.getStringAttr("noinline")}));
  Block *entry = function.addEntryBlock(e);
  closure = entry->getArgument(0);
  begin = entry->getArgument(1);
  end = entry->getArgument(2);
  worker = entry->getArgument(3);
  e.setInsertionPointToStart(entry);
  bindBuffers();

  auto emitKind = emitPointwise;
  for (Operation &op : source.getBody().front()) {
    auto known = dyn_cast<DifferentiableOpInterface>(op);
    if (!known)
      continue;
    switch (known.getInfo().kind) {
    case OpKind::contraction:
      emitKind = emitMatmul;
      break;
    case OpKind::reduction:
      emitKind = isa<ArgmaxOp>(op) ? emitArgmax : emitReduction;
      break;
    case OpKind::convolution:
      emitKind = emitConvolution;
      break;
    case OpKind::window:
      emitKind = emitWindow;
      break;
    case OpKind::indexed:
      emitKind = emitIndexed;
      break;
    case OpKind::scan:
      emitKind = emitScan;
      break;
    default:
      break;
    }
  }
  if (mlir::failed(emitKind(*this)) || failed)
    return failure();
  e.setInsertionPointToEnd(entry);
  e.make<LLVM::ReturnOp>(ValueRange());
  return success();
}
