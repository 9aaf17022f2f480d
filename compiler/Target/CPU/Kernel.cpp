//===- Kernel.cpp - A kernel under construction ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Target/CPU/Kernel.h"
#include "compiler/Target/CPU/Prepack.h"

#include "dialects/Etch/ScalarPrice.h"
#include "dialects/Etch/Stages.h"

#include "etch/runtime.h"

using namespace mlir;
using namespace etch;
using namespace etch::cpu;

Kernel::Kernel(func::FuncOp source, const CodegenOptions &options)
    : KernelBody(source), options(options) {}

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

int64_t Kernel::memoryLanes() {
  int64_t bytes = 4;
  auto visit = [&](Value v) {
    auto tensor = dyn_cast<RankedTensorType>(v.getType());
    if (tensor && !(tensor.hasStaticShape() && tensor.getNumElements() == 1))
      bytes = std::max(bytes, e.bytesOf(tensor.getElementType()));
  };
  llvm::for_each(source.getArguments(), visit);
  llvm::for_each(results(), visit);
  return options.vectorBits / 8 / bytes;
}

bool Kernel::peels() {
  // With mask registers a partial vector is cheap; without, it is a branch for
  // each lane. Large bodies are not worth compiling twice.
  if (options.vectorBits < 512)
    return true;
  if (options.quick || numPointwise() > 12)
    return false;
  constexpr int64_t large = 100;
  int64_t price = 0;
  for (auto op : source.getBody().front().getOps<PointwiseOpInterface>())
    price += scalarPrice(op);
  return price <= large;
}

void Kernel::emitFence() {
  e.make<LLVM::CallIntrinsicOp>(e.getStringAttr("llvm.x86.sse.sfence"),
                                ValueRange());
}

Value Kernel::scratch() {
  Value base = e.loadRaw(e.ptrType(), closure, 8);
  Value stride = e.loadRaw(
      e.getI64Type(), e.atByte(closure, int64_t(8 * kScratchBytesSlot)), 8);
  Value number = e.make<arith::ExtSIOp>(e.getI64Type(), worker);
  return e.atByte(base, e.mul(Ix(number), Ix(stride)));
}

void Kernel::reportIndex(Value value, Value extent) {
  report(ETCH_ERROR_INDEX, value, extent, [](Value) {});
}

void Kernel::report(int32_t status, Value value, Value extent,
                    function_ref<void(Value)> more) {
  canFail = true;
  Value error =
      e.loadRaw(e.ptrType(), e.atByte(closure, int64_t(8 * kErrorSlot)), 8);
  Value none = e.constant(e.getI32IntegerAttr(ETCH_OK));
  Value code = e.constant(e.getI32IntegerAttr(status));
  auto exchange = e.make<LLVM::AtomicCmpXchgOp>(
      error, none, code, LLVM::AtomicOrdering::acq_rel,
      LLVM::AtomicOrdering::monotonic);
  Value first = e.make<LLVM::ExtractValueOp>(exchange, ArrayRef<int64_t>{1});
  e.when(first, [&] {
    Value site =
        e.loadRaw(e.getI64Type(), e.atByte(closure, int64_t(8 * kSiteSlot)), 8);
    e.storeRaw(e.make<arith::TruncIOp>(e.getI32Type(), site),
               e.atByte(error, offsetof(etch_error_t, site)), 4);
    e.storeRaw(value, e.atByte(error, offsetof(etch_error_t, value)), 8);
    e.storeRaw(extent, e.atByte(error, offsetof(etch_error_t, extent)), 8);
    more(error);
  });
}

LogicalResult Kernel::emit() {
  bool isProduct = false;
  e.setInsertionPoint(source);
  Type i64 = e.getI64Type(), ptr = e.ptrType();
  auto type = LLVM::LLVMFunctionType::get(
      LLVM::LLVMVoidType::get(e.getContext()), {ptr, i64, i64, e.getI32Type()});
  std::string name = source.getSymName().str();
  source.setSymName("description." + name);
  // All that is not code of a single op belongs to the one that the kernel is
  // about: its last, or its only one that is not pointwise.
  for (Operation &op : source.getBody().front().without_terminator()) {
    auto known = dyn_cast<DifferentiableOpInterface>(op);
    if (!known || isa<ConstantOp>(op))
      continue;
    if (options.descriptiveNames && name.size() < 60)
      name += "." + op.getName().stripDialect().str();
    bool isView = known.getInfo().kind == OpKind::view;
    if (!isView && (!isProduct || !isa<PointwiseOpInterface>(op)))
      e.loc = op.getLoc();
    isProduct |= !isView && !isa<PointwiseOpInterface>(op);
  }
  function = e.make<LLVM::LLVMFuncOp>(name, type, LLVM::Linkage::Internal);
  std::string bits = std::to_string(options.vectorBits);
  function.setPassthroughAttr(e.getArrayAttr(
      {e.getStrArrayAttr({"prefer-vector-width", bits}),
       e.getStrArrayAttr({"min-legal-vector-width", bits}),
       e.getStringAttr("nounwind"), e.getStringAttr("noinline")}));
  // What registers lack room for is aligned on the stack only if that is
  // decided before: else now and then it lies across two pages, and a loop that
  // uses it takes three times as long.
  function.setFramePointerAttr(LLVM::FramePointerKindAttr::get(
      e.getContext(), LLVM::framePointerKind::FramePointerKind::All));
  Block *entry = function.addEntryBlock(e);
  closure = entry->getArgument(0);
  begin = entry->getArgument(1);
  end = entry->getArgument(2);
  worker = entry->getArgument(3);
  e.setInsertionPointToStart(entry);
  bindBuffers([&](Type type) {
    int64_t slot = kFirstSlot + int64_t(slots.size()) - 1;
    return e.loadRaw(type, e.atByte(closure, 8 * slot), 8);
  });
  for (auto [i, bytes] : llvm::enumerate(fetchAhead))
    buffers[i].ahead = bytes;

  auto emitKind = emitPointwise;
  for (Operation &op : source.getBody().front()) {
    if (isa<CheckOp>(op))
      emitKind = emitCheck;
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
      if (emitKind != emitConvolution) // else it ends in a pool
        emitKind = emitWindow;
      break;
    case OpKind::indexed: // or a pool gathers what it finds
      if (emitKind != emitWindow && emitKind != emitConvolution)
        emitKind = emitIndexed;
      break;
    case OpKind::scan:
      emitKind = emitScan;
      break;
    default:
      break;
    }
  }
  if (source->hasAttr(kRowsAttr))
    emitKind = emitStages;
  if (packing)
    emitKind = emitPacking;
  if (mlir::failed(emitKind(*this)) || failed)
    return failure();
  e.setInsertionPointToEnd(entry);
  e.make<LLVM::ReturnOp>(ValueRange());
  return success();
}
