//===- Extents.cpp - extents and sizes in a bufferized program
//-------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Buffer/Extents.h"

#include "compiler/Buffer/Plan.h"

#include "dialects/Etch/EtchDialect.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace etch;

int64_t etch::elementBytes(Type tensor) {
  return (getElementTypeOrSelf(tensor).getIntOrFloatBitWidth() + 7) / 8;
}

MemRefType etch::argumentType(RankedTensorType type, Attribute strided) {
  if (!strided)
    return MemRefType::get(type.getShape(), type.getElementType());
  SmallVector<int64_t> strides(size_t(type.getRank()), ShapedType::kDynamic);
  std::optional<int64_t> innermost;
  if (auto array = llvm::dyn_cast<ArrayAttr>(strided); array && !array.empty())
    innermost = llvm::cast<IntegerAttr>(array[0]).getInt();
  else if (auto array = llvm::dyn_cast<DenseI64ArrayAttr>(strided);
           array && !array.empty())
    innermost = array[0];
  if (!strides.empty() && innermost && *innermost >= 0)
    strides.back() = *innermost;
  return MemRefType::get(
      type.getShape(), type.getElementType(),
      StridedLayoutAttr::get(type.getContext(), /*offset=*/0, strides));
}

MemRefType etch::denseType(Type tensor) {
  auto type = llvm::cast<RankedTensorType>(tensor);
  return MemRefType::get(type.getShape(), type.getElementType());
}

void etch::eraseDeadOps(Block &block) {
  SmallVector<Operation *> ops =
      llvm::map_to_vector(block, [](Operation &op) { return &op; });
  for (Operation *op : llvm::reverse(ops))
    if (isOpTriviallyDead(op))
      op->erase();
}

func::FuncOp etch::outlineSizes(func::FuncOp program, size_t inputs,
                                const llvm::Twine &name, Type type,
                                ArrayRef<Value> values) {
  OpBuilder b(program);
  Location loc = program.getLoc();
  auto types = program.getArgumentTypes().take_front(inputs);
  SmallVector<Type> results(values.size(), type);
  auto function = func::FuncOp::create(b, loc, name.str(),
                                       b.getFunctionType(types, results));
  function.setPrivate();
  Block *body = function.addEntryBlock(), &from = program.getBody().front();
  b.setInsertionPointToEnd(body);
  IRMapping map;
  map.map(from.getArguments().take_front(inputs), body->getArguments());
  for (Operation &op : from)
    b.clone(op, map);
  SmallVector<Value> returned;
  for (Value value : values)
    returned.push_back(
        b.createOrFold<arith::IndexCastOp>(loc, type, map.lookup(value)));
  func::ReturnOp::create(b, loc, returned);
  eraseDeadOps(*body);
  return function;
}

Value ProgramExtents::constant(int64_t n) {
  return arith::ConstantIndexOp::create(b, from.getLoc(), n);
}

Value ProgramExtents::extentOf(Value tensor, int64_t axis) {
  auto type = llvm::cast<RankedTensorType>(tensor.getType());
  if (!type.isDynamicDim(unsigned(axis)))
    return constant(type.getDimSize(unsigned(axis)));
  auto shape = type.getShape().take_front(size_t(axis));
  return of(tensor)[size_t(llvm::count(shape, ShapedType::kDynamic))];
}

/// Extents of a call's results, through the kernel's body.
LogicalResult ProgramExtents::visitCall(func::CallOp call) {
  auto kernel =
      symbols.lookupNearestSymbolFrom<func::FuncOp>(call, call.getCalleeAttr());
  Operation *terminator = kernel.getBody().front().getTerminator();
  for (auto [y, inner] :
       llvm::zip_equal(call.getResults(), terminator->getOperands())) {
    auto type = llvm::cast<RankedTensorType>(y.getType());
    for (int64_t axis = 0; axis < type.getRank(); ++axis) {
      if (!type.isDynamicDim(unsigned(axis)))
        continue;
      ExtentSource source = resolver.resolve(inner, axis);
      auto argument = llvm::dyn_cast<BlockArgument>(source.value);
      Value extent;
      if (source.axis >= 0 && !argument) {
        auto known = llvm::cast<RankedTensorType>(source.value.getType());
        if (known.isDynamicDim(unsigned(source.axis)))
          return call.emitOpError("axis ")
                 << axis << " of a result has an extent that depends on values";
        extent = constant(known.getDimSize(unsigned(source.axis)));
      } else {
        Value x = call.getOperand(argument.getArgNumber());
        extent = source.axis < 0 ? index(x) : extentOf(x, source.axis);
      }
      extents[y].push_back(extent);
    }
  }
  return success();
}

/// Writes what a region's program says of its sizes; returns its results'
/// symbolic extents.
SmallVector<Value> ProgramExtents::callProgram(Operation *control,
                                               Region &region,
                                               ArrayRef<Passed> arguments) {
  auto call = llvm::cast<func::CallOp>(region.front().front());
  const ProgramSizes &sizes = programs.at(call.getCallee());
  auto &[bytes, value] = arenas[control];
  bytes = std::max(bytes, sizes.staticBytes);
  if (!sizes.function)
    return {};
  Block &body = sizes.function->getRegion(0).front();
  IRMapping map;
  for (Operation &op : body.without_terminator()) {
    if (auto dim = llvm::dyn_cast<memref::DimOp>(op)) {
      auto argument = llvm::cast<BlockArgument>(dim.getSource());
      Passed passed = arguments[argument.getArgNumber()];
      map.map(dim.getResult(), extentOf(passed.tensor, *dim.getConstantIndex() +
                                                           passed.isSlice));
    } else {
      b.clone(op, map);
    }
  }
  auto results = llvm::map_to_vector(body.getTerminator()->getOperands(),
                                     [&](Value x) { return map.lookup(x); });
  value = value ? arith::MaxUIOp::create(b, from.getLoc(), value, results[0])
                : results[0];
  results.erase(results.begin());
  return results;
}

void ProgramExtents::visitLoop(LoopOp loop) {
  SmallVector<Passed> states, body;
  for (Value x : loop.getInits())
    states.push_back({x});
  body.push_back({loop.getCount()});
  llvm::append_range(body, states);
  for (Value x : loop.getXs())
    body.push_back({x, true});
  for (Value x : loop.getCaptures()) {
    states.push_back({x});
    body.push_back({x});
  }
  if (loop.hasCondition())
    callProgram(loop, loop.getCondition(), states);
  SmallVector<Value> found = callProgram(loop, loop.getBody(), body);
  ArrayRef<Value> rest = found;
  for (auto [x, y] : llvm::zip_equal(loop.getInits(), loop.getFinals())) {
    extents[y] = llvm::to_vector(of(x));
    rest = rest.drop_front(of(x).size());
  }
  for (Value y : loop.getYs()) {
    auto type = llvm::cast<RankedTensorType>(y.getType());
    SmallVector<Value> known;
    if (type.isDynamicDim(0))
      known.push_back(extentOf(loop.getXs().front(), 0));
    size_t others = size_t(type.getNumDynamicDims()) - known.size();
    llvm::append_range(known, rest.take_front(others));
    rest = rest.drop_front(others);
    extents[y] = std::move(known);
  }
}

void ProgramExtents::visitCond(CondOp cond) {
  SmallVector<Passed> captures;
  for (Value x : cond.getCaptures())
    captures.push_back({x});
  callProgram(cond, cond.getOtherwise(), captures);
  SmallVector<Value> found = callProgram(cond, cond.getThen(), captures);
  ArrayRef<Value> rest = found;
  for (Value y : cond.getYs()) {
    auto n =
        size_t(llvm::cast<RankedTensorType>(y.getType()).getNumDynamicDims());
    extents[y] = llvm::to_vector(rest.take_front(n));
    rest = rest.drop_front(n);
  }
}

LogicalResult ProgramExtents::write() {
  for (BlockArgument x : from.getArguments()) {
    auto type = llvm::cast<RankedTensorType>(x.getType());
    for (int64_t axis = 0; axis < type.getRank(); ++axis)
      if (type.isDynamicDim(unsigned(axis)))
        extents[x].push_back(memref::DimOp::create(
            b, from.getLoc(), to.getArgument(x.getArgNumber()), axis));
  }
  for (Operation &op : from.getBody().front()) {
    if (auto call = llvm::dyn_cast<func::CallOp>(op)) {
      if (failed(visitCall(call)))
        return failure();
    } else if (auto loop = llvm::dyn_cast<LoopOp>(op)) {
      visitLoop(loop);
    } else if (auto cond = llvm::dyn_cast<CondOp>(op)) {
      visitCond(cond);
    } else if (auto prepare = llvm::dyn_cast<PrepareOp>(op)) {
      callProgram(prepare, prepare.getBody(), {}); // nothing of it is symbolic
    } else if (auto reshape = llvm::dyn_cast<ReshapeOp>(op)) {
      for (Value extent : reshape.getExtents())
        extents[reshape.getY()].push_back(index(extent));
    } else if (auto dim = llvm::dyn_cast<tensor::DimOp>(op)) {
      Value extent = extentOf(dim.getSource(), *dim.getConstantIndex());
      indices.map(dim.getResult(), extent);
    } else if (!llvm::isa<ConstantOp, func::ReturnOp>(op)) {
      b.clone(op, indices);
    }
  }
  return success();
}

Value ProgramExtents::bytesOf(Value tensor) {
  Location loc = from.getLoc();
  auto type = llvm::cast<RankedTensorType>(tensor.getType());
  int64_t known = elementBytes(type);
  for (int64_t extent : type.getShape())
    known *= ShapedType::isDynamic(extent) ? 1 : extent;
  Value bytes = constant(known);
  for (Value extent : of(tensor))
    bytes = arith::MulIOp::create(b, loc, bytes, extent);
  Value align = constant(arenaAlignment);
  bytes = arith::AddIOp::create(b, loc, bytes, constant(arenaAlignment - 1));
  Value blocks = arith::DivUIOp::create(b, loc, bytes, align);
  return arith::MulIOp::create(b, loc, blocks, align);
}
