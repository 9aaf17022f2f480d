//===- Bufferize.cpp - tensors become planned memory
//-----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// 1. Storage says which value lives where, Plan where in the arena.
// 2. A new main is written: arithmetic on extents, the offsets that depend on
//    them, then launches and copies over views.
// 3. That arithmetic, up to the size of the arena, is also `arena_bytes`.
//
// A program that a region became is written first: what it needs is a slot of
// the one that runs it, while it does.
//
// Where sizes are symbolic the plan is one for guessed extents, of which only
// the order in space is kept (see Layout.h).
//===----------------------------------------------------------------------===//

#include "compiler/Buffer/Control.h"
#include "compiler/Buffer/Describe.h"
#include "compiler/Buffer/Extents.h"
#include "compiler/Buffer/Layout.h"
#include "compiler/Buffer/Passes.h"
#include "compiler/Buffer/Plan.h"
#include "compiler/Buffer/Storage.h"

#include "dialects/Device/DeviceDialect.h"
#include "dialects/Etch/EtchDialect.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace etch;

namespace etch {
#define GEN_PASS_DEF_BUFFERIZE
#include "compiler/Buffer/Passes.h.inc"
} // namespace etch

namespace {
class Writer {
public:
  Writer(func::FuncOp old, llvm::StringMap<ProgramSizes> &programs, Reuse reuse,
         bool guarded, bool describes)
      : peak(old.getLoc(), ""), guarded(guarded), describes(describes),
        old(old), name(old.getSymName().str()), isMain(name == "main"),
        storage(old, guarded ? Reuse::none : reuse), programs(programs),
        b(old.getContext()), loc(old.getLoc()) {}
  LogicalResult run();
  /// Where most of the arena is alive: the place, and what computes there.
  std::pair<Location, std::string> peak;

private:
  void declareMain();
  void planSlots();
  void writeSizes();
  void writeSteps();
  void writeControl(Operation *control);
  void setModuleAttributes(ArrayRef<Lifetime> lifetimes);
  void describe(ArrayRef<Lifetime> lifetimes);

  Value constant(int64_t n) {
    return arith::ConstantIndexOp::create(b, loc, n);
  }
  Value memoryOf(Value tensor);
  Value viewOf(unsigned slot, Value tensor);
  Value reshaped(Value memory, Value own, Value tensor);

  const bool guarded, describes;
  func::FuncOp old, main;
  std::string name;
  bool isMain;
  Storage storage;
  llvm::StringMap<ProgramSizes> &programs;
  std::optional<ProgramExtents> extents;
  OpBuilder b;
  Location loc;
  llvm::DenseMap<Value, Value> memory; // of tensors, as memrefs
  llvm::DenseMap<std::pair<int64_t, Type>, Value> views; // of the arena
  SmallVector<Value> results, returned; // memrefs of result slots, tensors
  Value arena, prepared;

  ArenaPlan plan;
};
} // namespace

LogicalResult Writer::run() {
  declareMain();
  extents.emplace(old, main, b, programs);
  if (failed(extents->write()))
    return failure();
  planSlots();
  writeSizes();
  writeSteps();
  eraseDeadOps(main.getBody().front());
  old.erase();
  main.setName(name);
  return success();
}

void Writer::declareMain() {
  SmallVector<Type> types;
  SmallVector<DictionaryAttr> attrs;
  for (BlockArgument x : old.getArguments()) {
    unsigned i = x.getArgNumber();
    types.push_back(argumentType(llvm::cast<RankedTensorType>(x.getType()),
                                 old.getArgAttr(i, kStridedAttr)));
    attrs.push_back(DictionaryAttr::get(
        old.getContext(), mlir::function_interface_impl::getArgAttrs(old, i)));
  }
  auto with = [&](DictionaryAttr dict, StringRef name, Attribute value) {
    NamedAttrList list(dict);
    list.set(name, value);
    return list.getDictionary(old.getContext());
  };
  auto values = old.getBody().front().getTerminator()->getOperands();
  for (auto [i, value] : llvm::enumerate(values)) {
    if (auto k = updatedArgument(old, unsigned(i))) {
      attrs[*k] = with(attrs[*k], kUpdateAttr, b.getI64IntegerAttr(int64_t(i)));
      continue;
    }
    returned.push_back(value);
    types.push_back(denseType(value.getType()));
    attrs.push_back(
        with(DictionaryAttr::get(old.getContext(),
                                 mlir::function_interface_impl::getResultAttrs(
                                     old, unsigned(i))),
             kResultAttr, b.getI64IntegerAttr(int64_t(i))));
  }
  auto addMemory = [&](StringRef attribute) {
    types.push_back(MemRefType::get({ShapedType::kDynamic}, b.getI8Type()));
    attrs.push_back(with(b.getDictionaryAttr({}), attribute, b.getUnitAttr()));
  };
  bool prepares = !old.getBody().front().getOps<PrepareOp>().empty();
  if (prepares)
    addMemory(kPreparedAttr);
  addMemory(kArenaAttr);
  b.setInsertionPoint(old);
  main = func::FuncOp::create(b, loc, name + ".buffers",
                              b.getFunctionType(types, {}));
  main.setAllArgAttrs(attrs);
  if (!isMain) {
    main.setPrivate();
    main->setAttr(kProgramAttr, b.getUnitAttr());
  }
  Block *body = main.addEntryBlock();
  unsigned n = old.getNumArguments();
  for (BlockArgument x : old.getArguments())
    memory[x] = body->getArgument(x.getArgNumber());
  results.assign(body->args_begin() + n, body->args_end() - 1 - prepares);
  if (prepares)
    prepared = *(body->args_end() - 2);
  arena = body->getArguments().back();
  b.setInsertionPointToEnd(body);
}

void Writer::planSlots() {
  plan = planStorage(storage, *extents, b, loc, guarded);
  peak = peakOf(storage, plan.lifetimes);
  if (isMain)
    setModuleAttributes(plan.lifetimes);
  if (describes)
    describe(plan.lifetimes);
}

void Writer::setModuleAttributes(ArrayRef<Lifetime> lifetimes) {
  auto module = old->getParentOfType<ModuleOp>();
  auto set = [&](StringRef name, int64_t bytes) {
    module->setAttr(name, b.getI64IntegerAttr(bytes));
  };
  int64_t saved = 0, border = storage.firstBackwardStep();
  if (border < storage.numSteps)
    for (const Lifetime &l : lifetimes)
      if (l.begin < border && border <= l.end)
        saved += alignUp(l.bytes);
  set("etch.arena_bytes", plan.staticBytes);
  set("etch.live_bytes", liveBytes(lifetimes));
  set("etch.saved_bytes", saved);
  if (prepared)
    set(kPreparedBytesAttr, storage.preparedBytes);
}

/// Slots as numbers, where they are known, and as what main.plan returns.
void Writer::describe(ArrayRef<Lifetime> lifetimes) {
  describeBuffers(main, storage);
  // Begin, end, offset, bytes of each slot; -1 where that is for `.plan` to
  // say.
  SmallVector<int64_t> slots, pieces;
  SmallVector<Value> values = {plan.totalBytes ? plan.totalBytes
                                               : constant(plan.staticBytes)};
  for (auto [i, l] : llvm::enumerate(lifetimes)) {
    Value offset = plan.offsets[i];
    llvm::append_values(slots, l.begin, l.end, offset ? -1 : l.offset,
                        offset ? -1 : alignUp(l.bytes));
    values.push_back(offset ? offset : constant(l.offset));
    values.push_back(offset ? plan.bytes[i] : constant(alignUp(l.bytes)));
  }
  for (Operation *step : storage.steps)
    if (isControl(step))
      pieces.push_back(storage.slotOf.lookup(step));
  main->setAttr(kSlotsAttr, b.getDenseI64ArrayAttr(slots));
  main->setAttr(kPiecesAttr, b.getDenseI64ArrayAttr(pieces));
  main->setAttr(kBorderAttr, b.getI64IntegerAttr(storage.firstBackwardStep()));
  if (isMain)
    outlineSizes(main, size_t(old.getNumArguments()), kPlanFunction,
                 b.getIndexType(), values);
}

/// `arena_bytes` takes main's arguments and does what main does so far. Callers
/// of other programs do it, too.
void Writer::writeSizes() {
  SmallVector<Value> values = {plan.totalBytes ? plan.totalBytes
                                               : constant(plan.staticBytes)};
  auto inputs = size_t(old.getNumArguments());
  if (isMain) {
    outlineSizes(main, inputs, "arena_bytes", b.getI64Type(), values);
    return;
  }
  ProgramSizes &sizes = programs[name];
  sizes.staticBytes = plan.staticBytes;
  for (Value y : old.getBody().front().getTerminator()->getOperands())
    llvm::append_range(values, extents->of(y));
  if (plan.totalBytes || values.size() > 1)
    sizes.function =
        outlineSizes(main, inputs, name + ".sizes", b.getIndexType(), values);
}

Value Writer::viewOf(unsigned slot, Value tensor) {
  MemRefType type = denseType(tensor.getType());
  Value offset = plan.offsets[slot];
  if (offset)
    return memref::ViewOp::create(b, loc, type, arena, offset,
                                  extents->of(tensor));
  // One view for all values of a type at a place.
  Value &view = views[{plan.lifetimes[slot].offset, type}];
  if (!view)
    view = memref::ViewOp::create(b, loc, type, arena,
                                  constant(plan.lifetimes[slot].offset),
                                  extents->of(tensor));
  return view;
}

/// Dense memory of a tensor, `own`, as another one of as many elements.
Value Writer::reshaped(Value memory, Value own, Value tensor) {
  MemRefType type = denseType(tensor.getType());
  // Of one type, symbolic extents may differ.
  if (memory.getType() == type && extents->of(own) == extents->of(tensor))
    return memory;
  SmallVector<OpFoldResult> strides(size_t(type.getRank())),
      sizes = getMixedValues(type.getShape(), extents -> of(tensor), b);
  OpFoldResult stride = b.getIndexAttr(1);
  for (size_t i = strides.size(); i-- != 0;) {
    strides[i] = stride;
    auto a = getConstantIntValue(stride), e = getConstantIntValue(sizes[i]);
    stride = a && e
                 ? OpFoldResult(b.getIndexAttr(*a * *e))
                 : OpFoldResult(Value(arith::MulIOp::create(
                       b, loc, getValueOrCreateConstantIndexOp(b, loc, stride),
                       getValueOrCreateConstantIndexOp(b, loc, sizes[i]))));
  }
  return memref::ReinterpretCastOp::create(b, loc, type, memory,
                                           b.getIndexAttr(0), sizes, strides);
}

/// The memory of a tensor of the old main, as its type says.
Value Writer::memoryOf(Value tensor) {
  Value &known = memory[tensor];
  if (known)
    return known;
  const Buffer &buffer = storage.buffers[storage.bufferOf.lookup(tensor)];
  Value result;
  switch (buffer.place) {
  case Place::arena:
    result = viewOf(buffer.number, tensor);
    break;
  case Place::argument:
    result = reshaped(main.getArgument(buffer.number),
                      old.getArgument(buffer.number), tensor);
    break;
  case Place::result:
    result = reshaped(results[buffer.number], returned[buffer.number], tensor);
    break;
  case Place::prepared:
    result = reshaped(memref::ViewOp::create(
                          b, loc, denseType(buffer.value.getType()), prepared,
                          constant(storage.preparedOffsets[buffer.number]),
                          ValueRange()),
                      buffer.value, tensor);
    break;
  case Place::constant: {
    auto value = buffer.value.getDefiningOp<ConstantOp>().getValue();
    MemRefType type = denseType(buffer.value.getType());
    std::string name =
        (isMain ? "c" : this->name + ".c") + std::to_string(buffer.number);
    if (!SymbolTable::lookupNearestSymbolFrom(main, b.getStringAttr(name))) {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPoint(main);
      memref::GlobalOp::create(b, loc, name, b.getStringAttr("private"), type,
                               value, /*constant=*/true, IntegerAttr());
    }
    result = reshaped(memref::GetGlobalOp::create(b, loc, type, name),
                      buffer.value, tensor);
    break;
  }
  }
  return memory[tensor] = result;
}

void Writer::writeControl(Operation *control) {
  unsigned slot = storage.slotOf.lookup(control);
  Value offset = plan.offsets[slot], bytes = extents->arenaBytes(control);
  Value piece = memref::ViewOp::create(
      b, control->getLoc(), llvm::cast<MemRefType>(arena.getType()), arena,
      offset ? offset : constant(plan.lifetimes[slot].offset),
      bytes ? bytes : constant(extents->staticArenaBytes(control)));
  etch::writeControl(
      b, control, storage, [&](Value tensor) { return memoryOf(tensor); },
      piece);
}

void Writer::writeSteps() {
  for (Operation *step : storage.steps) {
    auto call = llvm::dyn_cast<func::CallOp>(step);
    if (!call) {
      writeControl(step);
      continue;
    }
    SmallVector<Value> ins, outs;
    for (Value x : call.getOperands())
      ins.push_back(llvm::isa<IndexType>(x.getType()) ? extents->index(x)
                                                      : memoryOf(x));
    for (Value y : call.getResults())
      outs.push_back(memoryOf(y));
    auto launch =
        device::LaunchOp::create(b, call.getLoc(), call.getCallee(), ins, outs);
    if (describes && call->hasAttr(kBackwardAttr))
      launch->setAttr(kBackwardAttr, b.getUnitAttr());
  }
  SmallVector<std::pair<Value, const FinalCopy *>> toStates;
  for (const FinalCopy &copy : storage.copies) {
    Value source = memoryOf(copy.value);
    if (copy.savedIn) {
      Value saved = viewOf(*copy.savedIn, copy.value);
      memref::CopyOp::create(b, copy.loc, source, saved);
      source = saved;
    }
    if (copy.to == Place::result)
      memref::CopyOp::create(b, copy.loc, source, results[copy.number]);
    else
      toStates.push_back({source, &copy});
  }
  for (auto [source, copy] : toStates)
    memref::CopyOp::create(b, copy->loc, source,
                           main.getArgument(copy->number));
  func::ReturnOp::create(b, loc);
}

namespace {
struct Bufferize : etch::impl::BufferizeBase<Bufferize> {
  using BufferizeBase::BufferizeBase;

  void runOnOperation() override {
    auto functions = llvm::to_vector(getOperation().getOps<func::FuncOp>());
    llvm::StringMap<ProgramSizes> programs;
    std::pair<Location, std::string> peak = {UnknownLoc::get(&getContext()),
                                             ""};
    // Each stands before those that use it.
    for (func::FuncOp function : functions)
      if (isProgram(function)) {
        bool isMain = function.getSymName() == "main";
        Writer writer(function, programs, sums ? Reuse::sums : Reuse::elements,
                      guard, describe);
        if (failed(writer.run()))
          return signalPassFailure();
        if (isMain)
          peak = writer.peak;
      }
    for (auto &program : programs)
      if (program.second.function)
        program.second.function.erase();
    if (!getOperation().lookupSymbol("main"))
      return;
    auto bytes = [&](StringRef name) {
      return getOperation()->getAttrOfType<IntegerAttr>(name).getInt();
    };
    if (budget > 0 && bytes("etch.arena_bytes") > budget) {
      emitError(peak.first)
          << peak.second << (peak.second.empty() ? "" : ": ")
          << "the program needs " << bytes("etch.arena_bytes")
          << " bytes of memory, the budget is " << int64_t(budget) << " ("
          << bytes("etch.live_bytes") << " bytes are alive at once)";
      signalPassFailure();
    }
  }
};
} // namespace
