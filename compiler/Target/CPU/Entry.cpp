//===- Entry.cpp - The module's run function ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `main` is a list of launches over buffers. It becomes code that reads pointers
// and extents from the call, fills a closure for each launch, and calls the
// kernel or hands it to the host's threads. Loops and branches become those of
// the machine, around the launches of the programs that they run.
//===----------------------------------------------------------------------===//

#include "compiler/Target/CPU/Entry.h"

#include "dialects/Device/DeviceDialect.h"
#include "etch/runtime.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace etch;
using namespace etch::cpu;

namespace {

/// A buffer as `run` knows it.
struct View {
  Value pointer;
  Extents extents, strides;
};

class Interpreter {
public:
  Interpreter(ModuleOp module, Kernels *kernels, LLVM::LLVMFuncOp function)
      : module(module), kernels(kernels),
        e(module.getContext(), UnknownLoc::get(module.getContext())),
        function(function) {
    e.setInsertionPointToEnd(&function.getBody().front());
    call = function.getArgument(0);
  }

  /// Emits a function's body; `returned` is what it returns, if anything.
  LogicalResult body(func::FuncOp source, Ix &returned);
  void setArena(Value pointer) { arena = pointer; }
  /// From here on launches are emitted; before, only their needs are measured.
  void setScratch(Value base, Ix bytes) {
    scratch = base;
    scratchBytes = bytes;
    measures = false;
  }
  /// Bytes of scratch memory per worker, after measuring.
  Ix scratchNeeded() { return scratchBytes; }
  Value field(int64_t offset, Type type, unsigned align) {
    return e.loadRaw(type, e.atByte(call, offset), align);
  }
  /// The number of workers of the host; 1 without a host.
  Ix workers();

  ModuleOp module;
  Kernels *kernels;
  Emit e;
  LLVM::LLVMFuncOp function;
  LLVM::LLVMFuncOp task; ///< what pool threads run
  Value call;
  int64_t numLaunches = 0;
  Value closure, error;
  Value canSplit; ///< whether the host has threads
  Value profile;  ///< where times go; null: nowhere
  int64_t profileCapacity = 0;
  /// Stores the clock in a word of `profile`.
  void stamp(int64_t word);

private:
  void bindArguments(func::FuncOp source);
  View &view(Value buffer);
  Ix index(Value v) { return indices.lookup(v); }
  Ix mixed(OpFoldResult v);
  LogicalResult operation(Operation &op);
  LogicalResult arithmetic(Operation &op);
  LogicalResult launch(device::LaunchOp op);
  void timed(device::LaunchOp op, function_ref<void()> body);
  LogicalResult loop(device::LoopOp op);
  LogicalResult branch(device::BranchOp op);
  LogicalResult program(FlatSymbolRefAttr name, ArrayRef<View> arguments);
  std::optional<Ix> boundOf(device::LoopOp op);
  Ix loopWhile(std::optional<Ix> bound, function_ref<Value()> condition,
               Emit::Body body);
  SmallVector<View> viewsOf(ValueRange buffers);
  View slice(const View &v, Value buffer, Ix i);
  void clearRest(const View &v, Value buffer, Ix done);
  void copy(memref::CopyOp op);
  void dense(View &v);

  DenseMap<Value, View> views;
  DenseMap<Value, Ix> indices;
  DenseMap<Value, int64_t> descriptors; ///< offset of the table, index in it
  DenseMap<int64_t, Value> closureSlots;
  DenseMap<Operation *, int64_t> launchNumbers;
  Value arena, scratch;
  Ix scratchBytes;
  bool measures = true;
};

} // namespace

/// The site that the trace gave an operation; -1 if it has none.
static int64_t siteOf(Location loc) {
  int64_t site = -1;
  loc->walk([&](Location part) {
    auto file = dyn_cast<FileLineColLoc>(part);
    if (!file || file.getFilename() != "site")
      return WalkResult::advance();
    site = file.getLine();
    return WalkResult::interrupt();
  });
  return site;
}

void Interpreter::bindArguments(func::FuncOp source) {
  int64_t numArgs = 0, numResults = 0;
  for (BlockArgument arg : source.getArguments()) {
    unsigned i = arg.getArgNumber();
    if (source.getArgAttr(i, kArenaAttr)) {
      views[arg].pointer = arena;
      continue;
    }
    bool result = bool(source.getArgAttr(i, kResultAttr));
    int64_t number = result ? numResults++ : numArgs++;
    // Twice the number, and one for the table of results.
    descriptors[arg] = 2 * number + result;
  }
}

/// Buffers of arguments are read from the call where they are first needed.
View &Interpreter::view(Value buffer) {
  if (auto it = views.find(buffer); it != views.end())
    return it->second;
  int64_t code = descriptors.lookup(buffer);
  auto type = cast<MemRefType>(buffer.getType());
  Value table = field(code % 2 ? offsetof(etch_call_t, results)
                               : offsetof(etch_call_t, args),
                      e.ptrType(), 8);
  Value tensor = e.atByte(table, code / 2 * int64_t(sizeof(etch_tensor_t)));
  View v;
  v.pointer = e.loadRaw(e.ptrType(), tensor, 8);
  auto read = [&](int64_t offset, int64_t axis) {
    Value array = e.loadRaw(e.ptrType(), e.atByte(tensor, offset), 8);
    return Ix(e.loadRaw(e.getI64Type(), e.atByte(array, 8 * axis), 8));
  };
  for (int64_t axis = 0; axis < type.getRank(); ++axis)
    v.extents.push_back(type.isDynamicDim(axis)
                            ? read(offsetof(etch_tensor_t, extents), axis)
                            : Ix(type.getDimSize(axis)));
  if (type.getLayout().isIdentity())
    dense(v);
  else
    for (int64_t axis = 0; axis < type.getRank(); ++axis)
      v.strides.push_back(read(offsetof(etch_tensor_t, strides), axis));
  return views[buffer] = v;
}

void Interpreter::dense(View &v) {
  v.strides.assign(v.extents.size(), Ix(1));
  for (size_t axis = v.extents.size(); axis-- > 1;)
    v.strides[axis - 1] = e.mul(v.strides[axis], v.extents[axis]);
}

Ix Interpreter::mixed(OpFoldResult v) {
  if (auto attr = dyn_cast<Attribute>(v))
    return cast<IntegerAttr>(attr).getInt();
  return index(cast<Value>(v));
}

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

//===----------------------------------------------------------------------===//
// Operations of main
//===----------------------------------------------------------------------===//

LogicalResult Interpreter::body(func::FuncOp source, Ix &returned) {
  bindArguments(source);
  for (Operation &op : source.getBody().front()) {
    if (auto ret = dyn_cast<func::ReturnOp>(op)) {
      if (ret.getNumOperands())
        returned = index(ret.getOperand(0));
      return success();
    }
    if (failed(operation(op)))
      return failure();
  }
  return success();
}

LogicalResult Interpreter::operation(Operation &op) {
  if (auto launchOp = dyn_cast<device::LaunchOp>(op))
    return launch(launchOp);
  if (auto loopOp = dyn_cast<device::LoopOp>(op))
    return loop(loopOp);
  if (auto branchOp = dyn_cast<device::BranchOp>(op))
    return branch(branchOp);
  if (auto copyOp = dyn_cast<memref::CopyOp>(op)) {
    if (!measures)
      copy(copyOp);
    return success();
  }
  if (auto v = dyn_cast<memref::ViewOp>(op)) {
    View result;
    result.pointer =
        e.atByte(view(v.getSource()).pointer, index(v.getByteShift()));
    auto type = cast<MemRefType>(v.getType());
    auto sizes = v.getSizes().begin();
    for (int64_t extent : type.getShape())
      result.extents.push_back(ShapedType::isDynamic(extent) ? index(*sizes++)
                                                             : Ix(extent));
    dense(result);
    views[v] = result;
    return success();
  }
  if (auto cast_ = dyn_cast<memref::ReinterpretCastOp>(op)) {
    View result, &from = view(cast_.getSource());
    Ix offset = mixed(cast_.getMixedOffsets()[0]);
    result.pointer = e.at(from.pointer, offset,
                          cast<MemRefType>(cast_.getType()).getElementType());
    for (OpFoldResult extent : cast_.getMixedSizes())
      result.extents.push_back(mixed(extent));
    for (OpFoldResult stride : cast_.getMixedStrides())
      result.strides.push_back(mixed(stride));
    views[cast_] = result;
    return success();
  }
  if (auto cast_ = dyn_cast<memref::CastOp>(op)) {
    View result = view(cast_.getSource());
    views[cast_] = result;
    return success();
  }
  if (auto global = dyn_cast<memref::GetGlobalOp>(op)) {
    View result;
    result.pointer =
        e.make<LLVM::AddressOfOp>(e.ptrType(), global.getName());
    for (int64_t extent : cast<MemRefType>(global.getType()).getShape())
      result.extents.push_back(extent);
    dense(result);
    views[global] = result;
    return success();
  }
  if (auto dim = dyn_cast<memref::DimOp>(op)) {
    indices[dim] = view(dim.getSource())
                       .extents[index(dim.getIndex()).known];
    return success();
  }
  return arithmetic(op);
}

/// Index arithmetic: the same operation on 64-bit integers.
LogicalResult Interpreter::arithmetic(Operation &op) {
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    if (auto attr = dyn_cast<IntegerAttr>(constant.getValue())) {
      indices[constant] = attr.getValue().getSExtValue();
      return success();
    }
  }
  if (op.getNumResults() == 1 &&
      isa<arith::ArithDialect>(op.getDialect())) {
    Value result = op.getResult(0);
    if (isa<arith::IndexCastOp, arith::IndexCastUIOp>(op)) {
      indices[result] = index(op.getOperand(0));
      return success();
    }
    SmallVector<Ix> in;
    for (Value operand : op.getOperands())
      in.push_back(index(operand));
    if (isa<arith::AddIOp>(op)) {
      indices[result] = e.add(in[0], in[1]);
      return success();
    }
    if (isa<arith::MulIOp>(op)) {
      indices[result] = e.mul(in[0], in[1]);
      return success();
    }
    OperationState state(e.loc, op.getName());
    for (Ix operand : in)
      state.addOperands(e.value(operand));
    if (isa<arith::SelectOp>(op)) // its condition is an i1, kept as such
      state.operands[0] = in[0].isKnown()
                              ? e.constant(e.getBoolAttr(in[0].known != 0))
                              : in[0].value;
    state.addTypes(result.getType().isInteger(1) ? Type(e.getI1Type())
                                                 : Type(e.getI64Type()));
    state.addAttributes(op.getAttrs());
    Operation *copy = e.create(state);
    Ix folded;
    folded.value = copy->getResult(0);
    SmallVector<OpFoldResult> constant;
    if (succeeded(copy->fold(constant)) && constant.size() == 1) {
      if (auto attr = dyn_cast<Attribute>(constant[0])) {
        folded = cast<IntegerAttr>(attr).getValue().getSExtValue();
        copy->erase();
      } else if (cast<Value>(constant[0]) != copy->getResult(0)) {
        folded = Ix(cast<Value>(constant[0]));
        copy->erase();
      }
    }
    indices[result] = folded;
    return success();
  }
  return op.emitError("not an operation of a bufferized program");
}

void Interpreter::copy(memref::CopyOp op) {
  View from = view(op.getSource()), to = view(op.getTarget());
  Ix bytes =
      e.bytesOf(cast<MemRefType>(op.getSource().getType()).getElementType());
  for (Ix extent : from.extents)
    bytes = e.mul(bytes, extent);
  e.make<LLVM::MemcpyOp>(to.pointer, from.pointer, e.value(bytes), false);
}

LogicalResult Interpreter::launch(device::LaunchOp op) {
  auto it = kernels->find(op.getKernel());
  if (it == kernels->end())
    return op.emitError("no kernel of this name");
  Kernel &kernel = *it->second;
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
  Work work = kernel.work(e, shapes);
  if (work.count.is(0))
    return success();
  ++numLaunches;

  // Slots keep their values from launch to launch of straight code.
  auto put = [&](int64_t slot, Value value) {
    Value &present = closureSlots[slot];
    if (present == value)
      return;
    present = value;
    e.storeRaw(value, e.atByte(closure, 8 * slot), 8);
  };
  if (kernel.scratchBytes) {
    put(kScratchSlot, scratch);
    put(kScratchBytesSlot, e.value(scratchBytes));
  }
  if (kernel.canFail) {
    put(kErrorSlot, error);
    put(kSiteSlot, e.value(siteOf(op.getLoc())));
  }
  for (auto [n, slot] : llvm::enumerate(kernel.slots)) {
    Value operand = operands[slot.operand];
    int64_t at = kFirstSlot + int64_t(n);
    switch (slot.kind) {
    case Slot::pointer:
      put(at, view(operand).pointer);
      break;
    case Slot::extent:
      put(at, e.value(view(operand).extents[slot.axis]));
      break;
    case Slot::stride:
      put(at, e.value(view(operand).strides[slot.axis]));
      break;
    case Slot::index:
      put(at, e.value(index(operand)));
      break;
    }
  }

  auto direct = [&] {
    e.make<LLVM::CallOp>(kernel.function,
                         ValueRange{closure, e.value(0), e.value(work.count),
                                    e.constant(e.getI32IntegerAttr(0))});
  };
  // Worth it only if there are at least two pieces.
  bool never = (work.cost.isKnown() && work.cost.known < kParallelCost) ||
               (work.count.isKnown() && work.count.known <= 1) ||
               (work.count.isKnown() && work.grain.isKnown() &&
                work.count.known <= work.grain.known);
  auto parallel = [&] {
    e.storeRaw(e.make<LLVM::AddressOfOp>(kernel.function),
               e.atByte(closure, int64_t(8 * kEntrySlot)), 8);
    Value host = field(offsetof(etch_call_t, host), e.ptrType(), 8);
    Value self = e.loadRaw(e.ptrType(), host, 8);
    Value run = e.loadRaw(
        e.ptrType(), e.atByte(host, offsetof(etch_host_t, parallel_for)), 8);
    auto type = LLVM::LLVMFunctionType::get(
        LLVM::LLVMVoidType::get(e.getContext()),
        {e.ptrType(), e.ptrType(), e.ptrType(), e.getI64Type(),
         e.getI64Type()});
    Value entry = e.make<LLVM::AddressOfOp>(task);
    e.make<LLVM::CallOp>(type, ValueRange{run, self, entry, closure,
                                          e.value(work.count),
                                          e.value(work.grain)});
  };
  auto whole = [&] {
    if (work.count.isKnown())
      return direct();
    e.when(e.compare(arith::CmpIPredicate::sgt, work.count, 0), direct);
  };
  if (never) {
    timed(op, whole);
    return success();
  }
  Value split = canSplit;
  if (!work.cost.isKnown())
    split = e.make<arith::AndIOp>(
        split,
        e.compare(arith::CmpIPredicate::sge, work.cost, kParallelCost));
  if (!work.count.isKnown() || !work.grain.isKnown())
    split = e.make<arith::AndIOp>(
        split, e.compare(arith::CmpIPredicate::sgt, work.count, work.grain));
  timed(op, [&] { e.when(split, parallel, whole); });
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
  if (!profile)
    return body();
  if (launchNumbers.empty())
    for (auto source : module.getOps<func::FuncOp>())
      source.walk([&](device::LaunchOp each) {
        launchNumbers[each] = int64_t(launchNumbers.size());
      });
  Value begin = clock(e);
  body();
  Value end = clock(e);
  Value count = e.loadRaw(e.getI64Type(), profile, 8);
  Value room = e.compare(arith::CmpIPredicate::slt, Ix(count),
                         Ix(profileCapacity));
  e.when(room, [&] {
    Value entry = e.atByte(profile, e.add(e.mul(Ix(count), 24), 64));
    e.storeRaw(e.value(launchNumbers.lookup(op)), entry, 8);
    e.storeRaw(begin, e.atByte(entry, 8), 8);
    e.storeRaw(end, e.atByte(entry, 16), 8);
    e.storeRaw(e.value(e.add(Ix(count), 1)), profile, 8);
  });
}

//===----------------------------------------------------------------------===//
// Loops and branches
//===----------------------------------------------------------------------===//

/// Reads what code inside a loop or branch needs in front of it.
SmallVector<View> Interpreter::viewsOf(ValueRange buffers) {
  return llvm::map_to_vector(buffers, [&](Value x) { return view(x); });
}

/// Slice i along axis 0.
View Interpreter::slice(const View &v, Value buffer, Ix i) {
  View result;
  result.pointer = e.at(v.pointer, e.mul(i, v.strides[0]),
                        cast<MemRefType>(buffer.getType()).getElementType());
  result.extents.assign(v.extents.begin() + 1, v.extents.end());
  dense(result);
  return result;
}

LogicalResult Interpreter::program(FlatSymbolRefAttr name,
                                   ArrayRef<View> arguments) {
  auto source = module.lookupSymbol<func::FuncOp>(name.getValue());
  for (auto [arg, v] : llvm::zip_equal(source.getArguments(), arguments))
    views[arg] = v;
  closureSlots.clear();
  for (Operation &op : source.getBody().front().without_terminator())
    if (failed(operation(op)))
      return failure();
  closureSlots.clear();
  return success();
}

/// The number of iterations, if it is known before the first.
std::optional<Ix> Interpreter::boundOf(device::LoopOp op) {
  std::optional<Ix> bound;
  auto atMost = [&](Ix n) { bound = bound ? e.min(*bound, n) : n; };
  if (auto most = int64_t(op.getMaxIterations()); most >= 0)
    atMost(most);
  for (ValueRange buffers : {ValueRange(op.getXs()), ValueRange(op.getYs())})
    for (Value x : buffers)
      atMost(view(x).extents[0]);
  if (op.getLimit() && !measures) {
    Value limit = e.loadRaw(e.getI64Type(), view(op.getLimit()).pointer, 8);
    atMost(e.max(Ix(limit), 0));
  }
  return bound;
}

/// Returns the number of iterations.
Ix Interpreter::loopWhile(std::optional<Ix> bound,
                          function_ref<Value()> condition, Emit::Body body) {
  auto op = e.make<scf::WhileOp>(TypeRange{e.getI64Type()},
                                 ValueRange{e.value(0)});
  OpBuilder::InsertionGuard guard(e);
  auto enter = [&](Region &region) {
    return e.createBlock(&region, region.end(), {e.getI64Type()}, {e.loc})
        ->getArgument(0);
  };
  Value n = enter(op.getBefore());
  auto go = [&] {
    Value holds = condition();
    // What failed may never end.
    if (llvm::none_of(*kernels, [](auto &k) { return k.second->canFail; }))
      return holds;
    Ix code = Value(e.make<arith::ExtSIOp>(
        e.getI64Type(), e.loadRaw(e.getI32Type(), error, 4)));
    return Value(e.make<arith::AndIOp>(
        holds, e.compare(arith::CmpIPredicate::eq, code, ETCH_OK)));
  };
  if (bound) {
    Value below = e.compare(arith::CmpIPredicate::slt, Ix(n), *bound);
    auto both = e.make<scf::IfOp>(TypeRange{e.getI1Type()}, below, true);
    {
      OpBuilder::InsertionGuard inner(e);
      e.setInsertionPointToEnd(both.thenBlock());
      e.make<scf::YieldOp>(ValueRange{go()});
      e.setInsertionPointToEnd(both.elseBlock());
      e.make<scf::YieldOp>(ValueRange{e.constant(e.getBoolAttr(false))});
    }
    e.make<scf::ConditionOp>(both.getResult(0), ValueRange{n});
  } else {
    e.make<scf::ConditionOp>(go(), ValueRange{n});
  }
  n = enter(op.getAfter());
  body(Ix(n));
  e.make<scf::YieldOp>(ValueRange{e.value(e.add(Ix(n), 1))});
  return Ix(op.getResult(0));
}

/// Slices that no iteration has written are zero.
void Interpreter::clearRest(const View &v, Value buffer, Ix done) {
  Ix bytes =
      e.bytesOf(cast<MemRefType>(buffer.getType()).getElementType());
  bytes = e.mul(bytes, v.strides[0]);
  Value from = e.atByte(v.pointer, e.mul(done, bytes));
  Ix rest = e.mul(e.max(e.sub(v.extents[0], done), 0), bytes);
  e.make<LLVM::MemsetOp>(from, e.constant(e.getI8IntegerAttr(0)),
                         e.value(rest), false);
}

LogicalResult Interpreter::loop(device::LoopOp op) {
  SmallVector<View> states = viewsOf(op.getStates()), xs = viewsOf(op.getXs()),
                    captures = viewsOf(op.getCaptures()),
                    ys = viewsOf(op.getYs());
  View count = view(op.getCount()), memory = view(op.getArena());
  std::optional<Ix> bound = boundOf(op);
  View index, flag;
  index.pointer = measures ? memory.pointer : e.stack(e.getI64Type(), 1, 8);
  flag.pointer = measures ? memory.pointer : e.stack(e.getI8Type(), 1, 1);
  bool ok = true;
  auto body = [&](Ix n) {
    Ix i = op.getReverse() && bound ? e.sub(e.sub(*bound, 1), n) : n;
    if (!measures)
      e.storeRaw(e.value(i), index.pointer, 8);
    SmallVector<View> arguments = {index};
    llvm::append_range(arguments, states);
    for (auto [v, x] : llvm::zip_equal(xs, op.getXs()))
      arguments.push_back(slice(v, x, i));
    llvm::append_range(arguments, captures);
    for (auto [v, y] : llvm::zip_equal(ys, op.getYs()))
      arguments.push_back(slice(v, y, i));
    arguments.push_back(memory);
    ok &= succeeded(program(op.getBodyAttr(), arguments));
  };
  auto condition = [&] {
    SmallVector<View> arguments = states;
    llvm::append_range(arguments, captures);
    arguments.push_back(flag);
    arguments.push_back(memory);
    ok &= succeeded(program(op.getConditionAttr(), arguments));
    if (measures)
      return Value();
    return e.load(flag.pointer, 1, e.getI1Type(), Lanes());
  };
  if (measures) {
    if (op.getCondition())
      condition();
    body(0);
    return success(ok);
  }
  Ix done;
  if (op.getCondition()) {
    done = loopWhile(bound, condition, body);
  } else {
    done = *bound;
    e.loop(0, done, 1, body);
  }
  e.storeRaw(e.value(done), count.pointer, 8);
  if (op.getCondition() || op.getLimit() || int64_t(op.getMaxIterations()) >= 0)
    for (auto [v, y] : llvm::zip_equal(ys, op.getYs()))
      clearRest(v, y, done);
  return success(ok);
}

LogicalResult Interpreter::branch(device::BranchOp op) {
  SmallVector<View> arguments = viewsOf(op.getCaptures());
  llvm::append_range(arguments, viewsOf(op.getYs()));
  arguments.push_back(view(op.getArena()));
  View predicate = view(op.getPredicate());
  bool ok = true;
  auto then = [&] { ok &= succeeded(program(op.getThenAttr(), arguments)); };
  auto otherwise = [&] {
    ok &= succeeded(program(op.getOtherwiseAttr(), arguments));
  };
  if (measures) {
    then();
    otherwise();
  } else {
    e.when(e.load(predicate.pointer, 1, e.getI1Type(), Lanes()), then,
           otherwise);
  }
  return success(ok);
}

//===----------------------------------------------------------------------===//
// Entry points
//===----------------------------------------------------------------------===//

/// Calls llvm.x86.sse.{ld,st}mxcsr on a word of memory.
static void mxcsr(Emit &e, StringRef name, Value address) {
  e.make<LLVM::CallIntrinsicOp>(
      e.getStringAttr(("llvm.x86.sse." + name).str()), ValueRange{address});
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

static LLVM::LLVMFuncOp makeFunction(Emit &e, StringRef name, Type result,
                                     ArrayRef<Type> params) {
  auto f = e.make<LLVM::LLVMFuncOp>(
      name, LLVM::LLVMFunctionType::get(result, params),
      LLVM::Linkage::Internal);
  f.setPassthroughAttr(e.getArrayAttr({e.getStringAttr("nounwind")}));
  f.addEntryBlock(e);
  return f;
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
  Value entry = e.loadRaw(
      e.ptrType(), e.atByte(f.getArgument(0), 8 * kEntrySlot), 8);
  Value saved = enterFloat(e);
  SmallVector<Value> operands = {entry};
  operands.append(f.getArguments().begin(), f.getArguments().end());
  e.make<LLVM::CallOp>(f.getFunctionType(), operands);
  mxcsr(e, "ldmxcsr", saved);
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
  LLVM::LLVMFuncOp task = emitTask(e);
  entry.arenaBytes =
      makeFunction(e, "etch.arena_bytes", e.getI64Type(), {e.ptrType()});
  entry.run = makeFunction(e, "etch.run", e.getI32Type(), {e.ptrType()});

  // The planned part of the arena; scratch memory of all workers follows it.
  struct Sizes {
    Ix planned, scratch, total;
  };
  auto measure = [&](LLVM::LLVMFuncOp function) -> FailureOr<Sizes> {
    Sizes sizes;
    Interpreter in(module, &kernels, function);
    in.setArena(in.e.make<LLVM::ZeroOp>(in.e.ptrType()));
    if (bytes) {
      if (failed(in.body(bytes, sizes.planned)))
        return failure();
    } else if (auto attr = module->getAttrOfType<IntegerAttr>(
                   "etch.arena_bytes")) {
      sizes.planned = attr.getInt();
    }
    Ix unused;
    if (failed(in.body(main, unused)))
      return failure();
    sizes.planned = in.e.roundUp(sizes.planned, 64);
    sizes.scratch = in.e.roundUp(in.scratchNeeded(), 64);
    sizes.total = in.e.add(sizes.planned, options.profileBytes);
    if (!sizes.scratch.is(0))
      sizes.total =
          in.e.add(sizes.total, in.e.mul(in.workers(), sizes.scratch));
    return sizes;
  };
  FailureOr<Sizes> sizes = measure(entry.arenaBytes);
  if (failed(sizes))
    return failure();
  e.setInsertionPointToEnd(&entry.arenaBytes.getBody().front());
  e.make<LLVM::ReturnOp>(ValueRange{e.value(sizes->total)});

  sizes = measure(entry.run);
  Interpreter in(module, &kernels, entry.run);
  Emit &r = in.e;
  in.task = task;
  int64_t slots = kFirstSlot;
  for (auto &kernel : kernels)
    slots = std::max(slots, int64_t(kFirstSlot + kernel.second->slots.size()));
  in.closure = r.stack(r.getI64Type(), slots);
  Value error = in.error = r.atByte(in.call, offsetof(etch_call_t, error));
  auto setCode = [&](int32_t code) {
    r.storeRaw(r.constant(r.getI32IntegerAttr(code)), error, 4);
  };
  setCode(ETCH_OK);
  r.storeRaw(r.constant(r.getI32IntegerAttr(-1)),
             r.atByte(error, offsetof(etch_error_t, site)), 4);

  in.canSplit = r.compare(arith::CmpIPredicate::sgt, in.workers(), 1);
  Value given = in.field(offsetof(etch_call_t, arena_bytes), r.getI64Type(), 8);
  Value enough =
      r.compare(arith::CmpIPredicate::uge, Ix(given), sizes->total);
  auto branch = r.make<scf::IfOp>(TypeRange(), enough, true);
  r.setInsertionPointToStart(branch.elseBlock());
  setCode(ETCH_ERROR_MEMORY);
  r.setInsertionPointToStart(branch.thenBlock());
  Value saved = enterFloat(r);
  Value arena = in.field(offsetof(etch_call_t, arena), r.ptrType(), 8);
  if (options.profileBytes) {
    in.profile = arena;
    in.profileCapacity = options.profileCapacity;
    arena = r.atByte(arena, options.profileBytes);
    in.stamp(1);
  }
  in.setArena(arena);
  in.setScratch(r.atByte(arena, sizes->planned), sizes->scratch);
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
