//===- Kernel.cpp - A kernel for CUDA under construction ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Target/CUDA/Kernel.h"

#include "compiler/Target/CUDA/Exclusive.h"
#include "compiler/Target/CUDA/Join.h"
#include "compiler/Target/CUDA/Printer.h"

#include "dialects/Etch/Stages.h"

#include "etch/runtime.h"

using namespace mlir;
using namespace etch;
using namespace etch::cuda;

void Kernel::stage(int64_t threads, OfShapes blocks,
                   function_ref<void()> write) {
  e.setInsertionPointToEnd(device.getBody());
  std::string name = source.getSymName().str();
  if (!stages.empty())
    name += "_" + std::to_string(stages.size());
  auto none = LLVM::LLVMVoidType::get(e.getContext());
  auto function =
      e.make<LLVM::LLVMFuncOp>(name, LLVM::LLVMFunctionType::get(none, {}));
  Block *entry = e.createBlock(&function.getBody());
  auto argument = [&](Type type) {
    return Value(entry->addArgument(type, e.loc));
  };
  slots.clear();
  buffers.clear();
  e.setInsertionPointToStart(entry);
  bindBuffers(argument);
  SmallVector<int64_t> exclusive;
  if (auto known = source->getAttrOfType<DenseI64ArrayAttr>(kExclusiveAttr))
    for (auto [n, slot] : llvm::enumerate(slots))
      if (slot.kind == Slot::pointer &&
          llvm::is_contained(known.asArrayRef(), int64_t(slot.operand)))
        exclusive.push_back(int64_t(n));
  function->setAttr(kRestrictAttr, e.getDenseI64ArrayAttr(exclusive));
  errorArgument = argument(e.ptrType());
  siteArgument = argument(e.getI64Type());
  scratchArgument = argument(e.ptrType());
  stages.push_back({function, threads, std::move(blocks)});
  write();
  e.setInsertionPointToEnd(entry);
  e.make<LLVM::ReturnOp>(ValueRange());
}

void Kernel::forEach(OfShapes count, function_ref<void(Ix)> write) {
  auto blocks = [count](Emit &e, ArrayRef<Extents> shapes) {
    return e.ceilDiv(count(e, shapes), kThreads);
  };
  stage(kThreads, blocks, [&] {
    // The number of units as the kernel sees it.
    SmallVector<Extents> shapes;
    for (const Buffer &buffer : buffers)
      shapes.push_back(buffer.extents);
    Ix total = count(e, shapes);
    Ix unit = e.add(e.mul(block(), kThreads), thread());
    e.when(e.compare(arith::CmpIPredicate::ult, unit, total),
           [&] { write(unit); });
  });
}

OfShapes Kernel::product(ArrayRef<ExtentRef> refs) {
  return
      [refs = SmallVector<ExtentRef>(refs)](Emit &e, ArrayRef<Extents> shapes) {
        Ix count = 1;
        for (const ExtentRef &ref : refs)
          count = e.mul(count, ref.in(shapes));
        return count;
      };
}

Ix Kernel::builtin(StringRef name) {
  return Ix(e.make<LLVM::CallOp>(TypeRange{e.getI64Type()}, name, ValueRange())
                .getResult());
}

void Kernel::barrier() {
  e.make<LLVM::CallOp>(TypeRange(), "etch_barrier", ValueRange());
}

void Kernel::syncWarp(int64_t threads) {
  e.make<LLVM::CallOp>(TypeRange(), "etch_sync" + std::to_string(threads),
                       ValueRange());
}

Value Kernel::fromLaneBehind(Value v, int64_t distance) {
  Value by = e.constant(e.getI32IntegerAttr(int32_t(distance)));
  return e
      .make<LLVM::CallOp>(TypeRange{v.getType()}, "etch_down16",
                          ValueRange{v, by})
      .getResult();
}

void Kernel::writeWithin(Kernel &outer) {
  e.restoreInsertionPoint(outer.e.saveInsertionPoint());
  scratchArgument = outer.scratchArgument;
  errorArgument = outer.errorArgument;
  siteArgument = outer.siteArgument;
}

Value Kernel::shared(Type element, int64_t count) {
  Value memory = e.stack(e.storageType(element), count, 16);
  memory.getDefiningOp()->setAttr(kSharedAttr, e.getUnitAttr());
  return memory;
}

void Kernel::reportIndex(Value value, Value extent) {
  report(ETCH_ERROR_INDEX, value, extent, [](Value) {});
}

void Kernel::report(int32_t number, Value value, Value extent,
                    function_ref<void(Value error)> more) {
  canFail = true;
  Value code = e.constant(e.getI32IntegerAttr(number));
  Value first = e.make<LLVM::CallOp>(TypeRange{e.getI1Type()}, "etch_claim",
                                     ValueRange{errorArgument, code})
                    .getResult();
  e.when(first, [&] {
    Value site = e.make<arith::TruncIOp>(e.getI32Type(), siteArgument);
    auto put = [&](Value v, int64_t offset) {
      e.storeRaw(v, e.atByte(errorArgument, offset), 0);
    };
    put(site, offsetof(etch_error_t, site));
    put(value, offsetof(etch_error_t, value));
    put(extent, offsetof(etch_error_t, extent));
    // Whose it is, if the launch says so.
    put(e.make<arith::ShRUIOp>(siteArgument, e.value(32)),
        offsetof(etch_error_t, op));
    more(errorArgument);
  });
}

LogicalResult Kernel::emit() {
  auto emitKind = emitPointwise;
  for (Operation &op : source.getBody().front()) {
    if (isa<CheckOp>(op))
      return emitCheck(*this);
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
  if (source->hasAttr(kRowsAttr))
    emitKind = emitRows;
  if (source->hasAttr(kJoinedAttr))
    emitKind = emitJoined;
  if (mlir::failed(emitKind(*this)) || failed)
    return failure();
  for (Stage &stage : stages) {
    auto function = stage.function;
    // Tiles come through shared memory, each element once: what loads may
    // move across would take registers alone.
    if (emitKind == emitMatmul || emitKind == emitConvolution)
      function->removeAttr(kRestrictAttr);
    // ptxas would rather spill a little than have fewer threads: it is told
    // how many there are to be.
    bool hasTiles = false;
    function.walk([&](LLVM::AllocaOp alloca) {
      hasTiles |= alloca->hasAttr(kSharedAttr);
    });
    // Loops in loops over places that are few and known would all be written
    // out.
    if (!hasTiles && emitKind == emitConvolution)
      function.walk([&](scf::ForOp loop) {
        bool hasLoops = false;
        loop.getBody()->walk([&](scf::ForOp) { hasLoops = true; });
        if (hasLoops && !loop->hasAttr("etch.unroll"))
          loop->setAttr("etch.unroll", e.getI64IntegerAttr(1));
      });
    int64_t blocks =
        emitKind == emitPointwise ? (isLong() ? 1 : 4)
        : emitKind == emitRows    ? 1
        : !hasTiles && (emitKind == emitConvolution || emitKind == emitWindow)
            ? 3
            : 0;
    if (blocks && !function->hasAttr(kBlocksPerProcessorAttr))
      function->setAttr(kBlocksPerProcessorAttr, e.getI64IntegerAttr(blocks));
  }
  return success();
}
