//===- Entry.cpp - The module's run function ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A launch fills a closure and calls the kernel, or hands it to the host's
// threads.
//===----------------------------------------------------------------------===//

#include "compiler/Target/CPU/Entry.h"

#include "compiler/Target/CPU/HostCode.h"

#include "etch/runtime.h"

using namespace mlir;
using namespace etch;
using namespace etch::cpu;

namespace {

class Interpreter : public HostCode {
public:
  Interpreter(ModuleOp module, Kernels *kernels, LLVM::LLVMFuncOp function)
      : HostCode(module, function), kernels(kernels) {
    e.shares = true;
  }

  /// From here on launches are emitted; before, only their needs are measured.
  void setScratch(Value base, Ix bytes) {
    scratch = base;
    scratchBytes = bytes;
    measures = false;
  }
  /// Bytes of scratch memory per worker, after measuring.
  Ix scratchNeeded() { return scratchBytes; }
  /// The number of workers of the host; 1 without a host.
  Ix workers();

  LLVM::LLVMFuncOp launcher; ///< calls a kernel, or the host's threads
  int64_t numLaunches = 0;
  Value error;
  Value canSplit; ///< whether the host has threads…
  Value several;  ///< …as a number
  Value tiles;    ///< 1 where tile registers may be used; null: nobody asks
  Value profile;  ///< where times go; null: nowhere
  int64_t profileCapacity = 0;
  /// Stores the clock in a word of `profile`.
  void stamp(int64_t word);

private:
  LogicalResult launch(device::LaunchOp op) override;
  void copy(Value to, Value from, Ix bytes) override {
    e.make<LLVM::MemcpyOp>(to, from, e.value(bytes), false);
  }
  void clear(Value at, Ix bytes) override {
    e.make<LLVM::MemsetOp>(at, e.constant(e.getI8IntegerAttr(0)),
                           e.value(bytes), false);
  }
  Ix readNumber(Value at) override { return e.loadRaw(e.getI64Type(), at, 8); }
  Value readFlag(Value at) override {
    return e.load(at, 1, e.getI1Type(), Lanes());
  }
  void writeNumber(Ix number, Value at) override {
    e.storeRaw(e.value(number), at, 8);
  }
  Value cell() override {
    return measures ? Value(e.make<LLVM::ZeroOp>(e.ptrType()))
                    : e.stack(e.getI64Type(), 1, 8);
  }
  Value constant(memref::GetGlobalOp op) override {
    return e.make<LLVM::AddressOfOp>(e.ptrType(), op.getName());
  }
  bool anyFails() {
    return llvm::any_of(*kernels, [](auto &k) { return k.second->canFail; });
  }
  Value errorCode() override {
    if (!anyFails())
      return Value();
    return e.loadRaw(e.getI32Type(), error, 4);
  }
  bool mayFail(Operation &op) override {
    if (auto launchOp = dyn_cast<device::LaunchOp>(op))
      return kernels->at(launchOp.getKernel())->canFail;
    return isa<device::LoopOp, device::BranchOp, device::PrepareOp>(op) &&
           anyFails();
  }
  void timed(device::LaunchOp op, function_ref<void()> body);

  Kernels *kernels;
  DenseMap<Operation *, int64_t> launchNumbers;
  Value scratch;
  Ix scratchBytes;
};

} // namespace

Ix Interpreter::workers() {
  Value host = field(offsetof(etch_call_t, host), e.ptrType(), 8);
  Value null = e.make<LLVM::ZeroOp>(e.ptrType());
  Value present = e.make<LLVM::ICmpOp>(LLVM::ICmpPredicate::ne, host, null);
  auto branch = e.make<scf::IfOp>(TypeRange{e.getI64Type()}, present, true);
  {
    OpBuilder::InsertionGuard guard(e);
    e.setInsertionPointToEnd(branch.thenBlock());
    Value n = e.loadRaw(e.getI32Type(),
                        e.atByte(host, offsetof(etch_host_t, workers)), 4);
    e.make<scf::YieldOp>(ValueRange{e.make<arith::ExtSIOp>(e.getI64Type(), n)});
    e.setInsertionPointToEnd(branch.elseBlock());
    e.make<scf::YieldOp>(ValueRange{e.value(1)});
  }
  return Ix(branch.getResult(0));
}

LogicalResult Interpreter::launch(device::LaunchOp op) {
  auto it = kernels->find(op.getKernel());
  if (it == kernels->end())
    return op.emitError("no kernel of this name");
  Kernel &kernel = *it->second;
  FailureOr<SmallVector<View>> operands = operandsOf(op, kernel);
  if (failed(operands))
    return failure();
  SmallVector<Extents> shapes;
  for (const View &operand : *operands)
    shapes.push_back(operand.extents);
  if (measures) {
    if (kernel.scratchBytes)
      scratchBytes = e.max(scratchBytes, kernel.scratchBytes(e, shapes));
    return success();
  }
  kernel.several = canSplit;
  Work work = kernel.work(e, shapes);
  if (work.count.is(0))
    return success();
  ++numLaunches;

  if (kernel.scratchBytes) {
    put(kScratchSlot, scratch);
    put(kScratchBytesSlot, e.value(scratchBytes));
  }
  if (kernel.canFail) {
    put(kErrorSlot, error);
    put(kSiteSlot, e.value(siteOf(op.getLoc())));
  }
  if (kernel.usesTiles)
    put(kTilesSlot, tiles);
  if (kernel.asksWorkers)
    put(kSeveralSlot, several);
  fillSlots(kernel, *operands, kFirstSlot);

  // Worth it only if there are at least two pieces.
  bool never = (work.cost.isKnown() && work.cost.known < kParallelCost) ||
               (work.count.isKnown() && work.count.known <= 1) ||
               (work.count.isKnown() && work.grain.isKnown() &&
                work.count.known <= work.grain.known);
  if (never && work.count.isKnown()) {
    timed(op, [&] {
      e.make<LLVM::CallOp>(kernel.function,
                           ValueRange{slots, e.value(0), e.value(work.count),
                                      e.constant(e.getI32IntegerAttr(0))});
    });
    return success();
  }
  Value split = never ? e.constant(e.getBoolAttr(false)) : canSplit;
  if (!never && !work.cost.isKnown())
    split = e.make<arith::AndIOp>(
        split, e.compare(arith::CmpIPredicate::sge, work.cost, kParallelCost));
  timed(op, [&] {
    Value entry = e.make<LLVM::AddressOfOp>(kernel.function);
    e.make<LLVM::CallOp>(launcher,
                         ValueRange{call, slots, entry, e.value(work.count),
                                    e.value(work.grain), split});
  });
  return success();
}

static Value clock(Emit &e) {
  auto op = e.make<LLVM::CallIntrinsicOp>(
      e.getI64Type(), e.getStringAttr("llvm.readcyclecounter"), ValueRange());
  return op.getResult(0);
}

void Interpreter::stamp(int64_t word) {
  if (profile)
    e.storeRaw(clock(e), e.atByte(profile, 8 * word), 8);
}

/// Logs when the body began and ended, while there is room (see
/// driver::ProfileLayout).
void Interpreter::timed(device::LaunchOp op, function_ref<void()> body) {
  if (!profile || op->hasAttr(kPackedAttr)) // no plan knows of it
    return body();
  if (launchNumbers.empty())
    for (auto source : module.getOps<func::FuncOp>())
      source.walk([&](device::LaunchOp each) {
        if (!each->hasAttr(kPackedAttr))
          launchNumbers[each] = int64_t(launchNumbers.size());
      });
  Value begin = clock(e);
  body();
  Value end = clock(e);
  Value count = e.loadRaw(e.getI64Type(), profile, 8);
  Value room =
      e.compare(arith::CmpIPredicate::slt, Ix(count), Ix(profileCapacity));
  e.when(room, [&] {
    Value entry = e.atByte(profile, e.add(e.mul(Ix(count), 24), 64));
    e.storeRaw(e.value(launchNumbers.lookup(op)), entry, 8);
    e.storeRaw(begin, e.atByte(entry, 8), 8);
    e.storeRaw(end, e.atByte(entry, 16), 8);
    e.storeRaw(e.value(e.add(Ix(count), 1)), profile, 8);
  });
}

//===----------------------------------------------------------------------===//
// Entry points
//===----------------------------------------------------------------------===//

/// Calls llvm.x86.sse.{ld,st}mxcsr on a word of memory.
static void mxcsr(Emit &e, StringRef name, Value address) {
  e.make<LLVM::CallIntrinsicOp>(e.getStringAttr(("llvm.x86.sse." + name).str()),
                                ValueRange{address});
}

/// Saves the control word and sets the default: round to nearest, denormals as
/// they are, no traps. Returns where it is saved.
static Value enterFloat(Emit &e) {
  Value saved = e.stack(e.getI32Type(), 1, 4);
  Value fresh = e.stack(e.getI32Type(), 1, 4);
  mxcsr(e, "stmxcsr", saved);
  e.storeRaw(e.constant(e.getI32IntegerAttr(0x1f80)), fresh, 4);
  mxcsr(e, "ldmxcsr", fresh);
  return saved;
}

/// Asks Linux for the use of tile registers (arch_prctl), once more if it was
/// asked before; 1 if it agrees. It does for processors that have them.
static Value askForTiles(Emit &e) {
  constexpr int64_t archPrctl = 158, request = 0x1023, tileData = 18;
  Type i64 = e.getI64Type();
  auto call = e.make<LLVM::InlineAsmOp>(
      i64, ValueRange{e.value(archPrctl), e.value(request), e.value(tileData)},
      "syscall", "={rax},{rax},{rdi},{rsi},~{rcx},~{r11},~{memory}",
      /*has_side_effects=*/true, /*is_align_stack=*/false,
      LLVM::TailCallKind::None, LLVM::AsmDialectAttr(), ArrayAttr());
  Value granted = e.compare(arith::CmpIPredicate::eq, Ix(call.getResult(0)), 0);
  return e.make<arith::ExtUIOp>(i64, granted);
}

/// void task(closure, begin, end, worker): the kernel under our control word.
/// Worker 0 is the thread of `run`, which has set it already.
static LLVM::LLVMFuncOp emitTask(Emit &e) {
  OpBuilder::InsertionGuard guard(e);
  Type none = LLVM::LLVMVoidType::get(e.getContext());
  auto f = makeFunction(
      e, "etch.task", none,
      {e.ptrType(), e.getI64Type(), e.getI64Type(), e.getI32Type()});
  e.setInsertionPointToStart(&f.getBody().front());
  Value entry =
      e.loadRaw(e.ptrType(), e.atByte(f.getArgument(0), 8 * kEntrySlot), 8);
  Value saved = enterFloat(e);
  SmallVector<Value> operands = {entry};
  operands.append(f.getArguments().begin(), f.getArguments().end());
  e.make<LLVM::CallOp>(f.getFunctionType(), operands);
  mxcsr(e, "ldmxcsr", saved);
  e.make<LLVM::ReturnOp>(ValueRange());
  return f;
}

/// void launch(call, closure, kernel, count, grain, split): the whole kernel,
/// or pieces of it on the host's threads. One function for all launches: there
/// may be a thousand.
static LLVM::LLVMFuncOp emitLauncher(Emit &e, LLVM::LLVMFuncOp task) {
  OpBuilder::InsertionGuard guard(e);
  Type none = LLVM::LLVMVoidType::get(e.getContext()), ptr = e.ptrType(),
       i64 = e.getI64Type();
  auto f = makeFunction(e, "etch.launch", none,
                        {ptr, ptr, ptr, i64, i64, e.getI1Type()});
  e.setInsertionPointToStart(&f.getBody().front());
  Value call = f.getArgument(0), closure = f.getArgument(1),
        kernel = f.getArgument(2), count = f.getArgument(3),
        grain = f.getArgument(4);
  Value split = e.make<arith::AndIOp>(
      f.getArgument(5), e.compare(arith::CmpIPredicate::sgt, count, grain));
  auto pieces = [&] {
    e.storeRaw(kernel, e.atByte(closure, int64_t(8 * kEntrySlot)), 8);
    Value host = e.loadRaw(ptr, e.atByte(call, offsetof(etch_call_t, host)), 8);
    Value self = e.loadRaw(ptr, host, 8);
    Value run =
        e.loadRaw(ptr, e.atByte(host, offsetof(etch_host_t, parallel_for)), 8);
    Value entry = e.make<LLVM::AddressOfOp>(task);
    e.make<LLVM::CallOp>(
        LLVM::LLVMFunctionType::get(none, {ptr, ptr, ptr, i64, i64}),
        ValueRange{run, self, entry, closure, count, grain});
  };
  auto whole = [&] {
    e.when(e.compare(arith::CmpIPredicate::sgt, count, 0), [&] {
      e.make<LLVM::CallOp>(task.getFunctionType(),
                           ValueRange{kernel, closure, e.value(0), count,
                                      e.constant(e.getI32IntegerAttr(0))});
    });
  };
  e.when(split, pieces, whole);
  e.make<LLVM::ReturnOp>(ValueRange());
  return f;
}

FailureOr<EntryPoints>
etch::cpu::emitEntryPoints(ModuleOp module, Kernels &kernels,
                           const CodegenOptions &options) {
  auto main = module.lookupSymbol<func::FuncOp>("main");
  auto bytes = module.lookupSymbol<func::FuncOp>("arena_bytes");
  if (!main)
    return module.emitError("no function main"), failure();
  main.setSymName("description.main");
  if (bytes)
    bytes.setSymName("description.arena_bytes");

  Emit e(module.getContext(), UnknownLoc::get(module.getContext()));
  e.setInsertionPointToEnd(module.getBody());
  EntryPoints entry;
  LLVM::LLVMFuncOp launcher = emitLauncher(e, emitTask(e));
  Type ptr = e.ptrType();
  auto sizesFunction = makeFunction(
      e, "etch.sizes", LLVM::LLVMVoidType::get(e.getContext()), {ptr, ptr});
  entry.arenaBytes = makeFunction(e, "etch.arena_bytes", e.getI64Type(), {ptr});
  entry.run = makeFunction(e, "etch.run", e.getI32Type(), {ptr});

  // The planned part of the arena, and scratch memory of a worker, which
  // follows it: numbers, or what a function finds from extents.
  Ix planned, scratch;
  {
    Interpreter in(module, &kernels, sizesFunction);
    if (bytes) {
      if (failed(in.body(bytes, planned)))
        return failure();
    } else if (auto attr =
                   module->getAttrOfType<IntegerAttr>("etch.arena_bytes")) {
      planned = attr.getInt();
    }
    Ix unused;
    if (failed(in.body(main, unused)))
      return failure();
    planned = in.e.roundUp(planned, 64);
    scratch = in.e.roundUp(in.scratchNeeded(), 64);
    Value sizes = sizesFunction.getArgument(1);
    in.e.storeRaw(in.e.value(planned), sizes, 8);
    in.e.storeRaw(in.e.value(scratch), in.e.atByte(sizes, 8), 8);
    in.e.make<LLVM::ReturnOp>(ValueRange());
  }
  bool known = planned.isKnown() && scratch.isKnown();
  if (known)
    sizesFunction.erase();
  // Sets the sizes above; returns all that a call needs.
  auto measure = [&](Interpreter &in) {
    if (!known) {
      Value sizes = in.e.stack(in.e.getI64Type(), 2, 8);
      in.e.make<LLVM::CallOp>(sizesFunction, ValueRange{in.call, sizes});
      planned = in.e.loadRaw(in.e.getI64Type(), sizes, 8);
      scratch = in.e.loadRaw(in.e.getI64Type(), in.e.atByte(sizes, 8), 8);
    }
    Ix total = in.e.add(planned, options.profileBytes);
    return scratch.is(0) ? total
                         : in.e.add(total, in.e.mul(in.workers(), scratch));
  };
  {
    Interpreter in(module, &kernels, entry.arenaBytes);
    Ix total = measure(in);
    in.e.make<LLVM::ReturnOp>(ValueRange{in.e.value(total)});
  }

  Interpreter in(module, &kernels, entry.run);
  Emit &r = in.e;
  Ix total = measure(in);
  in.launcher = launcher;
  int64_t slots = kFirstSlot;
  for (auto &kernel : kernels)
    slots = std::max(slots, int64_t(kFirstSlot + kernel.second->slots.size()));
  in.slots = r.stack(r.getI64Type(), slots);
  Value error = in.error = r.atByte(in.call, offsetof(etch_call_t, error));
  auto setCode = [&](int32_t code) {
    r.storeRaw(r.constant(r.getI32IntegerAttr(code)), error, 4);
  };
  setCode(ETCH_OK);
  r.storeRaw(r.constant(r.getI32IntegerAttr(-1)),
             r.atByte(error, offsetof(etch_error_t, site)), 4);

  in.canSplit = r.compare(arith::CmpIPredicate::sgt, in.workers(), 1);
  in.several = r.make<arith::ExtUIOp>(r.getI64Type(), in.canSplit);
  Value given = in.field(offsetof(etch_call_t, arena_bytes), r.getI64Type(), 8);
  Value enough = r.compare(arith::CmpIPredicate::uge, Ix(given), total);
  if (int64_t bytes = preparedBytes(module)) {
    Value kept =
        in.field(offsetof(etch_call_t, prepared_bytes), r.getI64Type(), 8);
    enough = r.make<arith::AndIOp>(
        enough, r.compare(arith::CmpIPredicate::uge, Ix(kept), Ix(bytes)));
  }
  auto branch = r.make<scf::IfOp>(TypeRange(), enough, true);
  r.setInsertionPointToStart(branch.elseBlock());
  setCode(ETCH_ERROR_MEMORY);
  r.setInsertionPointToStart(branch.thenBlock());
  Value saved = enterFloat(r);
  if (llvm::any_of(kernels, [](auto &k) { return k.second->usesTiles; }))
    in.tiles = askForTiles(r);
  Value arena = in.field(offsetof(etch_call_t, arena), r.ptrType(), 8);
  if (options.profileBytes) {
    in.profile = arena;
    in.profileCapacity = options.profileCapacity;
    arena = r.atByte(arena, options.profileBytes);
    r.storeRaw(r.value(0), in.profile, 8); // nothing is logged yet
    in.stamp(1);
  }
  in.setArena(arena);
  in.setScratch(r.atByte(arena, planned), scratch);
  Ix unused;
  if (failed(in.body(main, unused)))
    return failure();
  in.stamp(2);
  mxcsr(r, "ldmxcsr", saved);
  r.setInsertionPointAfter(branch);
  r.make<LLVM::ReturnOp>(ValueRange{r.loadRaw(r.getI32Type(), error, 4)});
  entry.numLaunches = in.numLaunches;
  return entry;
}
