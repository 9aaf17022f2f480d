//===- Entry.cpp - The host's part of programs for devices ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A launch fills an array of arguments and asks the call's queue for each grid
// of the kernel. Memory is the device's; what the host must know of it, such as
// the condition of a loop, it asks for.
//===----------------------------------------------------------------------===//

#include "compiler/Target/CUDA/Entry.h"

#include "compiler/Target/CPU/HostCode.h"

#include "etch/runtime.h"

using namespace mlir;
using namespace etch;
using namespace etch::cuda;

namespace {

/// Of each loop's index and condition, and what the host reads.
constexpr int64_t kCellBytes = 16;

class HostPart : public cpu::HostCode {
public:
  HostPart(ModuleOp module, Kernels &kernels, LLVM::LLVMFuncOp function)
      : HostCode(module, function), kernels(kernels) {}

  /// After measuring: bytes behind the planned part of the arena.
  Ix scratchNeeded() { return e.roundUp(scratchBytes, 64); }
  int64_t cellsNeeded() { return kCellBytes * numCells; }
  /// From here on launches are emitted.
  void emitTo(Value scratchMemory, Value cellMemory, int64_t mostSlots);

  int64_t numLaunches = 0;
  uint32_t flags = 0;

private:
  LogicalResult launch(device::LaunchOp op) override;
  void copy(Value to, Value from, Ix bytes) override {
    ask(offsetof(etch_queue_t, copy), {to, from, e.value(bytes)});
  }
  void clear(Value at, Ix bytes) override {
    ask(offsetof(etch_queue_t, clear), {at, e.value(bytes)});
  }
  Ix readNumber(Value at) override {
    return Ix(e.loadRaw(e.getI64Type(), readTo(at, 8), 8));
  }
  Value readFlag(Value at) override {
    return e.load(readTo(at, 1), 1, e.getI1Type(), Lanes());
  }
  void writeNumber(Ix number, Value at) override {
    flags |= ETCH_MODULE_READS; // no graph can hold it
    e.storeRaw(e.value(number), here, 8);
    ask(offsetof(etch_queue_t, write), {at, here, e.value(8)});
  }
  Value cell() override {
    int64_t number = numCells++;
    return measures ? Value(e.make<LLVM::ZeroOp>(e.ptrType()))
                    : e.atByte(cells, kCellBytes * number);
  }
  Value constant(memref::GetGlobalOp op) override;
  Value errorCode() override {
    if (!canFail())
      return Value();
    return e.loadRaw(e.getI32Type(), readTo(error(), 4), 4);
  }
  void forget() override { present.clear(); }

  bool canFail() {
    return llvm::any_of(kernels.all, [](auto &k) { return k->canFail; });
  }
  Value queueField(int64_t offset) {
    return e.loadRaw(e.ptrType(), e.atByte(queue, offset), 8);
  }
  Value error() { return queueField(offsetof(etch_queue_t, error)); }
  /// Calls a function of the queue.
  Value ask(int64_t function, ArrayRef<Value> operands, Type result = Type());
  /// The host's copy.
  Value readTo(Value at, int64_t bytes) {
    flags |= ETCH_MODULE_READS;
    ask(offsetof(etch_queue_t, read), {here, at, e.value(bytes)});
    return here;
  }

  Kernels &kernels;
  Value queue, self, arguments, here, scratch, cells;
  Ix scratchBytes;
  int64_t numCells = 0;
  DenseMap<int64_t, Value> present; ///< arguments that keep their values
};

} // namespace

void HostPart::emitTo(Value scratchMemory, Value cellMemory,
                      int64_t mostSlots) {
  measures = false;
  scratch = scratchMemory;
  cells = cellMemory;
  numCells = 0;
  queue = field(offsetof(etch_call_t, queue), e.ptrType(), 8);
  self = queueField(offsetof(etch_queue_t, self));
  arguments = e.stack(e.getI64Type(), mostSlots);
  here = e.stack(e.getI64Type(), 2, 16);
  if (canFail())
    flags |= ETCH_MODULE_CAN_FAIL;
}

Value HostPart::ask(int64_t function, ArrayRef<Value> operands, Type result) {
  Type none = LLVM::LLVMVoidType::get(e.getContext());
  SmallVector<Type> types = {e.ptrType()};
  SmallVector<Value> all = {queueField(function), self};
  for (Value operand : operands) {
    types.push_back(operand.getType());
    all.push_back(operand);
  }
  auto type = LLVM::LLVMFunctionType::get(result ? result : none, types);
  auto call = e.make<LLVM::CallOp>(type, all);
  return result ? call.getResult() : Value();
}

Value HostPart::constant(memref::GetGlobalOp op) {
  if (measures)
    return e.make<LLVM::ZeroOp>(e.ptrType());
  auto type = cast<MemRefType>(op.getType());
  Value bytes =
      e.value(type.getNumElements() * e.bytesOf(type.getElementType()));
  Value data = e.make<LLVM::AddressOfOp>(e.ptrType(), op.getName());
  return ask(offsetof(etch_queue_t, constant), {data, bytes}, e.ptrType());
}

LogicalResult HostPart::launch(device::LaunchOp op) {
  auto found = kernels.numbers.find(op.getKernel());
  if (found == kernels.numbers.end())
    return op.emitError("no kernel of this name");
  Kernel &kernel = *kernels.all[found->second];
  if (isa<FusedLoc>(op.getLoc()))
    e.loc = op.getLoc();
  SmallVector<Value> operands(op.getIns());
  operands.append(op.getOuts().begin(), op.getOuts().end());
  if (operands.size() != kernel.buffers.size())
    return op.emitError("operands differ from those of the kernel");
  SmallVector<Extents> shapes;
  for (Value operand : operands) {
    if (isa<MemRefType>(operand.getType()))
      shapes.push_back(view(operand).extents);
    else
      shapes.push_back({index(operand)});
  }
  if (measures) {
    if (kernel.scratchBytes)
      scratchBytes = e.max(scratchBytes, kernel.scratchBytes(e, shapes));
    return success();
  }
  auto put = [&](int64_t slot, Value value) {
    Value &now = present[slot];
    if (now == value)
      return;
    now = value;
    e.storeRaw(value, e.atByte(arguments, 8 * slot), 8);
  };
  for (auto [n, slot] : llvm::enumerate(kernel.slots)) {
    Value operand = operands[slot.operand];
    switch (slot.kind) {
    case Slot::pointer:
      put(int64_t(n), view(operand).pointer);
      break;
    case Slot::extent:
      put(int64_t(n), e.value(view(operand).extents[slot.axis]));
      break;
    case Slot::stride:
      put(int64_t(n), e.value(view(operand).strides[slot.axis]));
      break;
    case Slot::index:
      put(int64_t(n), e.value(index(operand)));
      break;
    }
  }
  auto count = int64_t(kernel.slots.size());
  int64_t site = cpu::siteOf(op.getLoc());
  put(count, kernel.canFail ? error() : e.value(0));
  put(count + 1, e.value(site));
  put(count + 2, kernel.scratchBytes ? scratch : e.value(0));
  for (auto [n, stage] : llvm::enumerate(kernel.stages)) {
    Ix blocks = stage.blocks(e, shapes);
    if (blocks.is(0))
      continue;
    ++numLaunches;
    auto number = [&](int64_t v) {
      return e.constant(e.getI32IntegerAttr(int32_t(v)));
    };
    ask(offsetof(etch_queue_t, launch),
        {number(kernels.firstGrids[found->second] + int64_t(n)),
         e.value(blocks), arguments, number(count + 3), number(site)});
  }
  return success();
}

FailureOr<cpu::EntryPoints> etch::cuda::emitEntryPoints(ModuleOp module,
                                                        Kernels &kernels) {
  auto main = module.lookupSymbol<func::FuncOp>("main");
  auto bytes = module.lookupSymbol<func::FuncOp>("arena_bytes");
  if (!main)
    return module.emitError("no function main"), failure();
  main.setSymName("description.main");
  if (bytes)
    bytes.setSymName("description.arena_bytes");

  Emit e(module.getContext(), UnknownLoc::get(module.getContext()));
  e.setInsertionPointToEnd(module.getBody());
  cpu::EntryPoints entry;
  int64_t mostSlots = 3;
  for (auto &kernel : kernels.all) {
    kernels.firstGrids.push_back(int64_t(entry.grids.size()));
    auto count = int64_t(kernel->slots.size()) + 3;
    mostSlots = std::max(mostSlots, count);
    for (Stage &stage : kernel->stages)
      entry.grids.push_back(
          {stage.function.getName().str(), stage.threads, count});
  }
  entry.arenaBytes =
      cpu::makeFunction(e, "etch.arena_bytes", e.getI64Type(), {e.ptrType()});
  entry.run = cpu::makeFunction(e, "etch.run", e.getI32Type(), {e.ptrType()});

  // The planned part of the arena, scratch memory, cells.
  struct Sizes {
    Ix planned, cells, total;
  };
  auto measure = [&](LLVM::LLVMFuncOp function) -> FailureOr<Sizes> {
    Sizes sizes;
    HostPart in(module, kernels, function);
    in.setArena(in.e.make<LLVM::ZeroOp>(in.e.ptrType()));
    if (bytes) {
      if (failed(in.body(bytes, sizes.planned)))
        return failure();
    } else if (auto attr =
                   module->getAttrOfType<IntegerAttr>("etch.arena_bytes")) {
      sizes.planned = attr.getInt();
    }
    Ix unused;
    if (failed(in.body(main, unused)))
      return failure();
    sizes.planned = in.e.roundUp(sizes.planned, 64);
    sizes.cells = in.e.add(sizes.planned, in.scratchNeeded());
    sizes.total = in.e.add(sizes.cells, in.cellsNeeded());
    return sizes;
  };
  FailureOr<Sizes> sizes = measure(entry.arenaBytes);
  if (failed(sizes))
    return failure();
  e.setInsertionPointToEnd(&entry.arenaBytes.getBody().front());
  e.make<LLVM::ReturnOp>(ValueRange{e.value(sizes->total)});

  sizes = measure(entry.run);
  HostPart in(module, kernels, entry.run);
  Emit &r = in.e;
  Value error = r.atByte(in.call, offsetof(etch_call_t, error));
  auto setCode = [&](int32_t code) {
    r.storeRaw(r.constant(r.getI32IntegerAttr(code)), error, 4);
  };
  setCode(ETCH_ERROR_ARGUMENT);
  r.storeRaw(r.constant(r.getI32IntegerAttr(-1)),
             r.atByte(error, offsetof(etch_error_t, site)), 4);
  Value queue = in.field(offsetof(etch_call_t, queue), r.ptrType(), 8);
  Value null = r.make<LLVM::ZeroOp>(r.ptrType());
  Value there = r.make<LLVM::ICmpOp>(LLVM::ICmpPredicate::ne, queue, null);
  Value given = in.field(offsetof(etch_call_t, arena_bytes), r.getI64Type(), 8);
  Value enough = r.compare(arith::CmpIPredicate::uge, Ix(given), sizes->total);
  auto outer = r.make<scf::IfOp>(TypeRange(), there, false);
  r.setInsertionPointToStart(outer.thenBlock());
  auto branch = r.make<scf::IfOp>(TypeRange(), enough, true);
  r.setInsertionPointToStart(branch.elseBlock());
  setCode(ETCH_ERROR_MEMORY);
  r.setInsertionPointToStart(branch.thenBlock());
  setCode(ETCH_OK);
  Value arena = in.field(offsetof(etch_call_t, arena), r.ptrType(), 8);
  in.setArena(arena);
  in.emitTo(r.atByte(arena, sizes->planned), r.atByte(arena, sizes->cells),
            mostSlots);
  Ix unused;
  if (failed(in.body(main, unused)))
    return failure();
  r.setInsertionPointAfter(outer);
  r.make<LLVM::ReturnOp>(ValueRange{r.loadRaw(r.getI32Type(), error, 4)});
  entry.numLaunches = in.numLaunches;
  entry.flags = in.flags;
  return entry;
}
