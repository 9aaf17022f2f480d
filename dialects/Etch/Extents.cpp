//===- Extents.cpp - where the extents of results come from ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// No op says where its extents come from; its type inference is asked instead:
// with one extent of one operand marked by a number that occurs nowhere else
// and all others symbolic, the mark shows up where that extent goes.
//===----------------------------------------------------------------------===//

#include "dialects/Etch/Extents.h"

#include "dialects/Etch/EtchDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace etch;

static constexpr int64_t mark = 1000003;

/// Operand and axis that go to `axis` of the result, by inference.
static std::optional<ExtentSource>
sourceByInference(Operation *op, const OpInfo &info, int64_t axis) {
  auto operands = op->getOperands().take_front(size_t(info.numOperands));
  SmallVector<etch::TensorType> types;
  for (Value x : operands) {
    etch::TensorType type = toTensorType(x.getType());
    for (int i = 0; i < type.shape.rank(); ++i)
      type.shape[i] = dynamic_extent;
    types.push_back(type);
  }
  Attrs attrs = attrsOf(info, op->getAttrDictionary());
  std::optional<ExtentSource> found;
  for (auto [x, type] : llvm::zip_equal(operands, types)) {
    for (int i = 0; i < type.shape.rank(); ++i) {
      type.shape[i] = mark;
      std::string error;
      auto result = info.infer(types, attrs, error);
      type.shape[i] = dynamic_extent;
      if (!result || result->shape[int(axis)] != mark)
        continue;
      // An operand that knows the extent statically ends the search.
      bool isStatic =
          !llvm::cast<RankedTensorType>(x.getType()).isDynamicDim(unsigned(i));
      if (!found || isStatic)
        found = ExtentSource{x, i};
      if (isStatic)
        return found;
    }
  }
  return found;
}

/// Through a block, from what it hands out to its arguments; `outside` says
/// what an argument's axis is there.
static std::optional<ExtentSource>
sourceThrough(Value handedOut, int64_t axis,
              llvm::function_ref<ExtentSource(unsigned, int64_t)> outside) {
  ExtentSource end = ExtentResolver().resolve(handedOut, axis);
  if (auto argument = llvm::dyn_cast<BlockArgument>(end.value))
    return outside(argument.getArgNumber(), end.axis);
  // A known extent is the same everywhere.
  if (end.axis >= 0 && !llvm::cast<RankedTensorType>(end.value.getType())
                            .isDynamicDim(unsigned(end.axis)))
    return end;
  return std::nullopt;
}

static std::optional<ExtentSource> sourceThroughLoop(LoopOp loop, unsigned i,
                                                     int64_t axis) {
  size_t states = loop.getInits().size(), xs = loop.getXs().size();
  if (i - 1 < states)
    return ExtentSource{loop.getInits()[i - 1], axis};
  if (axis == 0)
    return ExtentSource{loop.getXs().front(), 0};
  return sourceThrough(loop.getYielded()[i - 1 - states], axis - 1,
                       [&](unsigned n, int64_t axis) -> ExtentSource {
                         if (n - 1 < states)
                           return {loop.getInits()[n - 1], axis};
                         if (n - 1 - states < xs)
                           return {loop.getXs()[n - 1 - states], axis + 1};
                         return {loop.getCaptures()[n - 1 - states - xs], axis};
                       });
}

static std::optional<ExtentSource> sourceThroughCall(func::CallOp call,
                                                     unsigned i, int64_t axis) {
  auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
      call, call.getCalleeAttr());
  if (!callee || callee.isExternal())
    return std::nullopt;
  Operation *terminator = callee.getBody().front().getTerminator();
  return sourceThrough(terminator->getOperand(i), axis,
                       [&](unsigned n, int64_t axis) -> ExtentSource {
                         return {call.getOperand(n), axis};
                       });
}

std::optional<ExtentSource> etch::sourceOfExtent(Value result, int64_t axis) {
  Operation *op = result.getDefiningOp();
  unsigned number = op ? llvm::cast<OpResult>(result).getResultNumber() : 0;
  if (auto loop = llvm::dyn_cast_or_null<LoopOp>(op))
    return sourceThroughLoop(loop, number, axis);
  if (auto cond = llvm::dyn_cast_or_null<CondOp>(op))
    return sourceThrough(
        cond.getThen().front().getTerminator()->getOperand(number), axis,
        [&](unsigned n, int64_t axis) -> ExtentSource {
          return {cond.getCaptures()[n], axis};
        });
  if (auto call = llvm::dyn_cast_or_null<func::CallOp>(op))
    return sourceThroughCall(call, number, axis);
  if (auto gradient = llvm::dyn_cast_or_null<GradientOp>(op)) {
    unsigned i = llvm::cast<OpResult>(result).getResultNumber();
    return ExtentSource{gradient.getXs()[i], axis};
  }
  if (auto custom = llvm::dyn_cast_or_null<CustomVjpOp>(op)) {
    unsigned i = llvm::cast<OpResult>(result).getResultNumber();
    return ExtentSource{custom.getOutputs()[i], axis};
  }
  if (auto check = llvm::dyn_cast_or_null<CheckOp>(op))
    return ExtentSource{check.getX(), axis};
  if (llvm::isa_and_nonnull<arith::ExtFOp, arith::TruncFOp>(op))
    return ExtentSource{op->getOperand(0), axis};
  if (!op || !llvm::isa<DifferentiableOpInterface>(op))
    return std::nullopt;
  const OpInfo &info = infoOf(op);
  if (!info.shaped)
    return sourceByInference(op, info, axis);
  ArrayRef<int64_t> shape =
      op->getAttrOfType<DenseI64ArrayAttr>("shape").asArrayRef();
  if (!ShapedType::isDynamic(shape[size_t(axis)]))
    return std::nullopt;
  auto before = llvm::count(shape.take_front(size_t(axis)), dynamic_extent);
  return ExtentSource{op->getOperand(unsigned(info.numOperands + before)), -1};
}

/// The function whose argument this is.
static func::FuncOp functionOf(Value value) {
  auto argument = llvm::dyn_cast<BlockArgument>(value);
  return argument ? llvm::dyn_cast_or_null<func::FuncOp>(
                        argument.getOwner()->getParentOp())
                  : func::FuncOp();
}

/// The first of the arguments' axes that are said to be equal.
static ExtentSource firstEqual(ExtentSource source) {
  auto argument = llvm::dyn_cast<BlockArgument>(source.value);
  func::FuncOp function = functionOf(source.value);
  if (!function || source.axis < 0)
    return source;
  auto numbers = [&](unsigned i) -> ArrayRef<int64_t> {
    auto attr = function.getArgAttrOfType<DenseI64ArrayAttr>(i, kExtentsAttr);
    return attr ? attr.asArrayRef() : ArrayRef<int64_t>();
  };
  ArrayRef<int64_t> own = numbers(argument.getArgNumber());
  if (size_t(source.axis) >= own.size() || own[size_t(source.axis)] < 0)
    return source;
  for (BlockArgument other : argument.getOwner()->getArguments())
    for (auto [axis, number] : llvm::enumerate(numbers(other.getArgNumber())))
      if (number == own[size_t(source.axis)])
        return {other, int64_t(axis)};
  return source;
}

ExtentSource ExtentResolver::resolve(Value value, int64_t axis) {
  SmallVector<std::pair<Value, int64_t>> way;
  ExtentSource end = {value, axis};
  while (end.axis >= 0) {
    auto it = known.find({end.value, end.axis});
    if (it != known.end()) {
      end = it->second;
      break;
    }
    auto type = llvm::cast<RankedTensorType>(end.value.getType());
    if (!type.isDynamicDim(unsigned(end.axis)))
      break;
    way.push_back({end.value, end.axis});
    auto next = sourceOfExtent(end.value, end.axis);
    if (!next)
      break;
    end = *next;
    // An index that is itself an extent leads on.
    while (end.axis < 0) {
      auto dim = end.value.getDefiningOp<tensor::DimOp>();
      std::optional<int64_t> constant =
          dim ? dim.getConstantIndex() : std::nullopt;
      if (!constant)
        break;
      end = {dim.getSource(), *constant};
    }
  }
  if (!way.empty() && way.back() == std::pair(end.value, end.axis))
    end = firstEqual(end);
  for (auto &step : way)
    known[step] = end;
  return end;
}

bool ExtentResolver::replace(OpBuilder &b, tensor::DimOp dim) {
  std::optional<int64_t> axis = dim.getConstantIndex();
  if (!axis)
    return false;
  ExtentSource source = resolve(dim.getSource(), *axis);
  if (source.value == dim.getSource() && source.axis == *axis)
    return false;
  Value extent = source.value;
  if (source.axis >= 0) {
    auto type = llvm::cast<RankedTensorType>(extent.getType());
    Location loc = dim.getLoc();
    unsigned i = unsigned(source.axis);
    b.setInsertionPoint(dim);
    extent =
        type.isDynamicDim(i)
            ? Value(tensor::DimOp::create(b, loc, extent, i))
            : Value(arith::ConstantIndexOp::create(b, loc, type.getDimSize(i)));
  }
  dim.replaceAllUsesWith(extent);
  dim.erase();
  return true;
}

/// An extent that nothing else explains.
static int64_t guessOf(Value array, int64_t axis) {
  int64_t extent =
      llvm::cast<ShapedType>(array.getType()).getDimSize(unsigned(axis));
  if (!ShapedType::isDynamic(extent))
    return extent;
  func::FuncOp function = functionOf(array);
  auto traced = function ? function.getArgAttrOfType<DenseI64ArrayAttr>(
                               llvm::cast<BlockArgument>(array).getArgNumber(),
                               kTracedAttr)
                         : DenseI64ArrayAttr();
  return traced && axis < traced.size() ? std::max<int64_t>(1, traced[axis])
                                        : guessedExtent;
}

int64_t ExtentGuess::of(Value tensor, int64_t axis) {
  ExtentSource source = resolver.resolve(tensor, axis);
  return source.axis < 0 ? ofIndex(source.value)
                         : guessOf(source.value, source.axis);
}

int64_t ExtentGuess::ofIndex(Value index) {
  auto [it, isNew] = indices.try_emplace(index, guessedExtent);
  Operation *op = index.getDefiningOp();
  if (!isNew || !op)
    return it->second;
  int64_t guess = guessedExtent;
  if (auto dim = llvm::dyn_cast<ShapedDimOpInterface>(op)) {
    Value array = dim.getShapedValue();
    if (std::optional<int64_t> axis = getConstantIntValue(dim.getDimension()))
      guess = llvm::isa<RankedTensorType>(array.getType())
                  ? of(array, *axis)
                  : guessOf(array, *axis);
  } else if (op->getNumResults() == 1 &&
             llvm::all_of(op->getOperandTypes(), llvm::IsaPred<IndexType>)) {
    SmallVector<Attribute> operands;
    for (Value x : op->getOperands())
      operands.push_back(
          IntegerAttr::get(x.getType(), llvm::APInt(64, uint64_t(ofIndex(x)))));
    SmallVector<OpFoldResult> folded;
    if (succeeded(op->fold(operands, folded)) && folded.size() == 1)
      if (auto known = llvm::dyn_cast_or_null<IntegerAttr>(
              llvm::dyn_cast<Attribute>(folded[0])))
        guess = known.getInt();
  }
  return indices[index] = guess;
}

int64_t ExtentGuess::elementsOf(Value tensor) {
  int64_t n = 1;
  auto type = llvm::cast<RankedTensorType>(tensor.getType());
  for (int64_t axis = 0; axis < type.getRank(); ++axis)
    n *= of(tensor, axis);
  return n;
}

int64_t ExtentGuess::bytesOf(Value tensor) {
  unsigned bits =
      getElementTypeOrSelf(tensor.getType()).getIntOrFloatBitWidth();
  return elementsOf(tensor) * int64_t((bits + 7) / 8);
}
