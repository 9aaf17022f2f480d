//===- HostCode.cpp - The code around launches ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Target/CPU/HostCode.h"

#include "etch/runtime.h"

using namespace mlir;
using namespace etch;
using namespace etch::cpu;

HostCode::HostCode(ModuleOp module, LLVM::LLVMFuncOp function)
    : module(module),
      e(module.getContext(), UnknownLoc::get(module.getContext())),
      function(function) {
  e.setInsertionPointToEnd(&function.getBody().front());
  call = function.getArgument(0);
}

int64_t etch::cpu::siteOf(Location loc) {
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

void HostCode::bindArguments(func::FuncOp source) {
  int64_t numArgs = 0, numResults = 0;
  for (BlockArgument arg : source.getArguments()) {
    unsigned i = arg.getArgNumber();
    if (source.getArgAttr(i, kArenaAttr)) {
      views[arg].pointer = arena;
      continue;
    }
    if (source.getArgAttr(i, kPreparedAttr)) {
      if (!measures)
        views[arg].pointer =
            field(offsetof(etch_call_t, prepared), e.ptrType(), 8);
      continue;
    }
    bool result = bool(source.getArgAttr(i, kResultAttr));
    int64_t number = result ? numResults++ : numArgs++;
    // Twice the number, and one for the table of results.
    descriptors[arg] = 2 * number + result;
  }
}

/// Buffers of arguments are read from the call where they are first needed.
View &HostCode::view(Value buffer) {
  if (auto it = views.find(buffer); it != views.end())
    return it->second;
  int64_t code = descriptors.lookup(buffer);
  auto type = cast<MemRefType>(buffer.getType());
  auto tensor = [&](int64_t byte) {
    Ix offset =
        code % 2 ? offsetof(etch_call_t, results) : offsetof(etch_call_t, args);
    Value table = e.shared(TypeID::get<LLVM::LoadOp>(), call, e.value(offset),
                           [&] { return field(offset.known, e.ptrType(), 8); });
    byte += code / 2 * int64_t(sizeof(etch_tensor_t));
    return e.loadRaw(e.ptrType(), e.atByte(table, byte), 8);
  };
  View v;
  if (!measures)
    v.pointer = tensor(0);
  auto read = [&](int64_t offset, int64_t axis) {
    return Ix(e.loadRaw(e.getI64Type(), e.atByte(tensor(offset), 8 * axis), 8));
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

void HostCode::dense(View &v) {
  v.strides.assign(v.extents.size(), Ix(1));
  for (size_t axis = v.extents.size(); axis-- > 1;)
    v.strides[axis - 1] = e.mul(v.strides[axis], v.extents[axis]);
}

Ix HostCode::mixed(OpFoldResult v) {
  if (auto attr = dyn_cast<Attribute>(v))
    return cast<IntegerAttr>(attr).getInt();
  return index(cast<Value>(v));
}

//===----------------------------------------------------------------------===//
// Operations of main
//===----------------------------------------------------------------------===//

/// Whether an operation of main writes to a state.
static bool writesState(Operation &op) {
  auto effects = dyn_cast<MemoryEffectOpInterface>(op);
  if (!effects)
    return false;
  SmallVector<MemoryEffects::EffectInstance> list;
  effects.getEffects(list);
  return llvm::any_of(list, [](const MemoryEffects::EffectInstance &effect) {
    if (!isa<MemoryEffects::Write>(effect.getEffect()) || !effect.getValue())
      return false;
    Value root = effect.getValue();
    while (Operation *from = root.getDefiningOp()) {
      if (!isa<ViewLikeOpInterface>(from))
        return false;
      root = from->getOperand(0);
    }
    auto arg = cast<BlockArgument>(root);
    auto main = cast<func::FuncOp>(arg.getOwner()->getParentOp());
    return llvm::none_of(
        ArrayRef<StringRef>{kArenaAttr, kPreparedAttr, kResultAttr},
        [&](StringRef name) {
          return main.getArgAttr(arg.getArgNumber(), name);
        });
  });
}

LogicalResult HostCode::body(func::FuncOp source, Ix &returned) {
  bindArguments(source);
  Operation *outermost = nullptr;
  bool unsure = false; // whether all went well so far
  for (Operation &op : source.getBody().front()) {
    if (auto ret = dyn_cast<func::ReturnOp>(op)) {
      if (ret.getNumOperands())
        returned = index(ret.getOperand(0));
      break;
    }
    // After a failure states stay what they are: the rest does not run.
    if (unsure && writesState(op)) {
      Ix code = Value(e.make<arith::ExtSIOp>(e.getI64Type(), errorCode()));
      auto rest = e.make<scf::IfOp>(
          TypeRange(), e.compare(arith::CmpIPredicate::eq, code, ETCH_OK),
          false);
      e.setInsertionPointToStart(rest.thenBlock());
      if (!outermost)
        outermost = rest;
      unsure = false;
    }
    if (failed(operation(op)))
      return failure();
    unsure |= !measures && mayFail(op);
  }
  if (outermost)
    e.setInsertionPointAfter(outermost);
  return success();
}

LogicalResult HostCode::operation(Operation &op) {
  if (auto launchOp = dyn_cast<device::LaunchOp>(op))
    return launch(launchOp);
  if (auto loopOp = dyn_cast<device::LoopOp>(op))
    return loop(loopOp);
  if (auto branchOp = dyn_cast<device::BranchOp>(op))
    return branch(branchOp);
  if (auto prepareOp = dyn_cast<device::PrepareOp>(op))
    return prepare(prepareOp);
  if (auto copyOp = dyn_cast<memref::CopyOp>(op)) {
    if (measures)
      return success();
    View from = view(copyOp.getSource()), to = view(copyOp.getTarget());
    Ix bytes = e.bytesOf(
        cast<MemRefType>(copyOp.getSource().getType()).getElementType());
    for (Ix extent : from.extents)
      bytes = e.mul(bytes, extent);
    copy(to.pointer, from.pointer, bytes);
    return success();
  }
  if (auto v = dyn_cast<memref::ViewOp>(op)) {
    View result;
    if (!measures)
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
    if (!measures)
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
    result.pointer = constant(global);
    for (int64_t extent : cast<MemRefType>(global.getType()).getShape())
      result.extents.push_back(extent);
    dense(result);
    views[global] = result;
    return success();
  }
  if (auto dim = dyn_cast<memref::DimOp>(op)) {
    indices[dim] = view(dim.getSource()).extents[index(dim.getIndex()).known];
    return success();
  }
  return arithmetic(op);
}

/// Index arithmetic: the same operation on 64-bit integers.
LogicalResult HostCode::arithmetic(Operation &op) {
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    if (auto attr = dyn_cast<IntegerAttr>(constant.getValue())) {
      indices[constant] = attr.getValue().getSExtValue();
      return success();
    }
  }
  if (op.getNumResults() == 1 && isa<arith::ArithDialect>(op.getDialect())) {
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
    auto emit = [&] {
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
      Value emitted = copy->getResult(0);
      SmallVector<OpFoldResult> folded;
      if (failed(copy->fold(folded)) || folded.size() != 1)
        return emitted;
      if (auto attr = dyn_cast<Attribute>(folded[0]))
        emitted = e.constant(cast<TypedAttr>(attr));
      else if (cast<Value>(folded[0]) != emitted)
        emitted = cast<Value>(folded[0]);
      else
        return emitted;
      copy->erase();
      return emitted;
    };
    indices[result] = in.size() == 2 && op.getAttrs().empty()
                          ? e.shared(op.getName().getTypeID(), e.value(in[0]),
                                     e.value(in[1]), emit)
                          : emit();
    return success();
  }
  return op.emitError("not an operation of a bufferized program");
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

FailureOr<SmallVector<View>> HostCode::operandsOf(device::LaunchOp op,
                                                  const KernelBody &kernel) {
  if (isa<FusedLoc>(op.getLoc()))
    e.loc = op.getLoc();
  SmallVector<View> views;
  for (ValueRange operands :
       {ValueRange(op.getIns()), ValueRange(op.getOuts())})
    for (Value operand : operands) {
      if (isa<MemRefType>(operand.getType()))
        views.push_back(view(operand));
      else
        views.push_back({Value(), {index(operand)}, {}});
    }
  if (views.size() != kernel.buffers.size())
    return op.emitError("operands differ from those of the kernel"), failure();
  return views;
}

void HostCode::put(int64_t slot, Value value) {
  Value &now = present[slot];
  if (now == value)
    return;
  now = value;
  e.storeRaw(value, e.atByte(slots, 8 * slot), 8);
}

void HostCode::fillSlots(const KernelBody &kernel, ArrayRef<View> operands,
                         int64_t first) {
  for (const Slot &slot : kernel.slots) {
    const View &operand = operands[slot.operand];
    switch (slot.kind) {
    case Slot::pointer:
      put(first++, operand.pointer);
      break;
    case Slot::extent:
      put(first++, e.value(operand.extents[slot.axis]));
      break;
    case Slot::stride:
      put(first++, e.value(operand.strides[slot.axis]));
      break;
    case Slot::index:
      put(first++, e.value(operand.extents[0]));
      break;
    }
  }
}

//===----------------------------------------------------------------------===//
// Loops and branches
//===----------------------------------------------------------------------===//

/// Reads what code inside a loop or branch needs in front of it.
SmallVector<View> HostCode::viewsOf(ValueRange buffers) {
  return llvm::map_to_vector(buffers, [&](Value x) { return view(x); });
}

/// Slice i along axis 0.
View HostCode::slice(const View &v, Value buffer, Ix i) {
  View result;
  if (!measures)
    result.pointer = e.at(v.pointer, e.mul(i, v.strides[0]),
                          cast<MemRefType>(buffer.getType()).getElementType());
  result.extents.assign(v.extents.begin() + 1, v.extents.end());
  dense(result);
  return result;
}

LogicalResult HostCode::program(FlatSymbolRefAttr name,
                                ArrayRef<View> arguments) {
  auto source = module.lookupSymbol<func::FuncOp>(name.getValue());
  for (auto [arg, v] : llvm::zip_equal(source.getArguments(), arguments))
    views[arg] = v;
  forget();
  for (Operation &op : source.getBody().front().without_terminator())
    if (failed(operation(op)))
      return failure();
  forget();
  return success();
}

/// The number of iterations, if it is known before the first.
std::optional<Ix> HostCode::boundOf(device::LoopOp op) {
  std::optional<Ix> bound;
  auto atMost = [&](Ix n) { bound = bound ? e.min(*bound, n) : n; };
  if (auto most = int64_t(op.getMaxIterations()); most >= 0)
    atMost(most);
  for (ValueRange buffers : {ValueRange(op.getXs()), ValueRange(op.getYs())})
    for (Value x : buffers)
      atMost(view(x).extents[0]);
  if (op.getLimit() && !measures) {
    atMost(e.max(readNumber(view(op.getLimit()).pointer), 0));
  }
  return bound;
}

/// Returns the number of iterations.
Ix HostCode::loopWhile(std::optional<Ix> bound, function_ref<Value()> condition,
                       Emit::Body body) {
  auto op =
      e.make<scf::WhileOp>(TypeRange{e.getI64Type()}, ValueRange{e.value(0)});
  OpBuilder::InsertionGuard guard(e);
  auto enter = [&](Region &region) {
    return e.createBlock(&region, region.end(), {e.getI64Type()}, {e.loc})
        ->getArgument(0);
  };
  Value n = enter(op.getBefore());
  auto go = [&] {
    Value holds = condition();
    // What failed may never end.
    Value failed = errorCode();
    if (!failed)
      return holds;
    Ix code = Value(e.make<arith::ExtSIOp>(e.getI64Type(), failed));
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
void HostCode::clearRest(const View &v, Value buffer, Ix done) {
  Ix bytes = e.bytesOf(cast<MemRefType>(buffer.getType()).getElementType());
  bytes = e.mul(bytes, v.strides[0]);
  Value from = e.atByte(v.pointer, e.mul(done, bytes));
  Ix rest = e.mul(e.max(e.sub(v.extents[0], done), 0), bytes);
  clear(from, rest);
}

LogicalResult HostCode::loop(device::LoopOp op) {
  SmallVector<View> states = viewsOf(op.getStates()), xs = viewsOf(op.getXs()),
                    captures = viewsOf(op.getCaptures()),
                    ys = viewsOf(op.getYs());
  View count = view(op.getCount()), memory = view(op.getArena());
  std::optional<Ix> bound = boundOf(op);
  View index, flag;
  index.pointer = cell();
  flag.pointer = cell();
  bool ok = true;
  auto body = [&](Ix n) {
    Ix i = op.getReverse() && bound ? e.sub(e.sub(*bound, 1), n) : n;
    if (!measures)
      writeNumber(i, index.pointer);
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
    return readFlag(flag.pointer);
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
  writeNumber(done, count.pointer);
  if (op.getCondition() || op.getLimit() || int64_t(op.getMaxIterations()) >= 0)
    for (auto [v, y] : llvm::zip_equal(ys, op.getYs()))
      clearRest(v, y, done);
  return success(ok);
}

LogicalResult HostCode::branch(device::BranchOp op) {
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
    e.when(readFlag(predicate.pointer), then, otherwise);
  }
  return success(ok);
}

LogicalResult HostCode::prepare(device::PrepareOp op) {
  SmallVector<View> arguments = viewsOf(op.getCaptures());
  llvm::append_range(arguments, viewsOf(op.getYs()));
  arguments.push_back(view(op.getArena()));
  bool ok = true;
  auto run = [&] { ok = succeeded(program(op.getProgramAttr(), arguments)); };
  if (measures) {
    run();
  } else {
    Value done = field(offsetof(etch_call_t, is_prepared), e.getI32Type(), 4);
    Value zero = e.constant(e.getI32IntegerAttr(0));
    e.when(e.make<LLVM::ICmpOp>(LLVM::ICmpPredicate::eq, done, zero), run);
  }
  return success(ok);
}

int64_t etch::cpu::preparedBytes(ModuleOp module) {
  auto attr = module->getAttrOfType<IntegerAttr>(kPreparedBytesAttr);
  return attr ? attr.getInt() : 0;
}

LLVM::LLVMFuncOp etch::cpu::makeFunction(Emit &e, StringRef name, Type result,
                                         ArrayRef<Type> params) {
  auto f = e.make<LLVM::LLVMFuncOp>(name,
                                    LLVM::LLVMFunctionType::get(result, params),
                                    LLVM::Linkage::Internal);
  f.setPassthroughAttr(e.getArrayAttr({e.getStringAttr("nounwind")}));
  f.addEntryBlock(e);
  return f;
}
