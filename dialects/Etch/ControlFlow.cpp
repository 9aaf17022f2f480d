//===- ControlFlow.cpp - what loops and branches must look like -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What an op says of itself is checked before its regions are, what its regions
// say of it after: they have a terminator by then.
//===----------------------------------------------------------------------===//

#include "dialects/Etch/EtchDialect.h"

#include "mlir/IR/SymbolTable.h"

using namespace mlir;
using namespace etch;

bool etch::isControl(Operation *op) {
  return llvm::isa_and_nonnull<LoopOp, CondOp, PrepareOp>(op);
}

bool etch::isProgram(Operation *function) {
  return function->hasAttr(kProgramAttr) ||
         SymbolTable::getSymbolName(function) == "main";
}

static bool isScalar(Value x, unsigned bits) {
  auto type = llvm::cast<RankedTensorType>(x.getType());
  return type.getRank() == 0 && type.getElementType().isInteger(bits);
}

/// What one slice along axis 0 is, or null.
static Type sliceOf(Type type) {
  auto tensor = llvm::cast<RankedTensorType>(type);
  if (tensor.getRank() == 0)
    return {};
  return RankedTensorType::get(tensor.getShape().drop_front(),
                               tensor.getElementType());
}

static int64_t firstExtent(Value x) {
  return llvm::cast<RankedTensorType>(x.getType()).getDimSize(0);
}

/// `found` against `expected`, named as "argument 2 of the body".
static LogicalResult checkTypes(Operation *op, StringRef what, TypeRange found,
                                TypeRange expected) {
  if (found.size() != expected.size())
    return op->emitOpError("the ") << what << ": " << found.size()
                                   << " values, not " << expected.size();
  for (auto [i, pair] : llvm::enumerate(llvm::zip_equal(found, expected)))
    if (auto [is, should] = pair; is != should)
      return op->emitOpError("the ")
             << what << ": value " << i << " is " << is << ", not " << should;
  return success();
}

static LogicalResult checkYield(Operation *op, StringRef what, Region &region,
                                TypeRange expected) {
  Operation *yield = region.front().getTerminator();
  if (!llvm::isa<YieldOp>(yield))
    return op->emitOpError("the ") << what << " ends in " << yield->getName();
  return checkTypes(op, (what + " yields").str(), yield->getOperandTypes(),
                    expected);
}

LogicalResult LoopOp::verify() {
  if (getLimit() && !isScalar(getLimit(), 64))
    return emitOpError("the limit is ")
           << getLimit().getType() << ", not 'tensor<i64>'";
  if (!isScalar(getCount(), 64))
    return emitOpError("the count is ")
           << getCount().getType() << ", not 'tensor<i64>'";
  if (failed(checkTypes(*this, "final states", getFinals().getTypes(),
                        getInits().getTypes())))
    return failure();
  int64_t extent =
      getXs().empty() ? getBound().value_or(-1) : ShapedType::kDynamic;
  for (auto [i, x] : llvm::enumerate(getXs())) {
    if (!sliceOf(x.getType()))
      return emitOpError("input ") << i << " has no axis to iterate over";
    if (ShapedType::isDynamic(firstExtent(x)))
      continue;
    if (!ShapedType::isDynamic(extent) && extent != firstExtent(x))
      return emitOpError("inputs have ")
             << extent << " and " << firstExtent(x) << " slices";
    extent = firstExtent(x);
  }
  if (!getYs().empty() && getXs().empty() && extent < 0)
    return emitOpError("has outputs of every iteration, but neither inputs nor "
                       "max_iterations bound their number");
  for (auto [i, y] : llvm::enumerate(getYs())) {
    if (!sliceOf(y.getType()))
      return emitOpError("output ") << i << " has no axis to iterate over";
    if (ShapedType::isDynamic(firstExtent(y)) ? getXs().empty()
        : ShapedType::isDynamic(extent)       ? false
                                              : firstExtent(y) != extent)
      return emitOpError("output ")
             << i << " is " << y.getType() << ", but there are " << extent
             << " slices";
  }
  if (hasCondition() && getReverse())
    return emitOpError("runs backwards and has a condition");
  if (!hasCondition() && !getLimit() && getXs().empty() && !getBound())
    return emitOpError("never ends: it has no condition, limit, inputs or "
                       "max_iterations");
  return success();
}

LogicalResult LoopOp::verifyRegions() {
  SmallVector<Type> types = {getCount().getType()};
  llvm::append_range(types, getInits().getTypes());
  for (Value x : getXs())
    types.push_back(sliceOf(x.getType()));
  llvm::append_range(types, getCaptures().getTypes());
  if (failed(checkTypes(*this, "arguments of the body",
                        getBody().getArgumentTypes(), types)))
    return failure();
  types.assign(getInits().getTypes().begin(), getInits().getTypes().end());
  for (Value y : getYs())
    types.push_back(sliceOf(y.getType()));
  if (failed(checkYield(*this, "body", getBody(), types)))
    return failure();
  if (!hasCondition())
    return success();
  types.assign(getInits().getTypes().begin(), getInits().getTypes().end());
  llvm::append_range(types, getCaptures().getTypes());
  if (failed(checkTypes(*this, "arguments of the condition",
                        getCondition().getArgumentTypes(), types)))
    return failure();
  return checkYield(
      *this, "condition", getCondition(),
      {RankedTensorType::get({}, IntegerType::get(getContext(), 1))});
}

LogicalResult CondOp::verify() {
  if (!isScalar(getPredicate(), 1))
    return emitOpError("the predicate is ")
           << getPredicate().getType() << ", not 'tensor<i1>'";
  return success();
}

LogicalResult CondOp::verifyRegions() {
  for (auto [name, region] :
       {std::pair<StringRef, Region &>{"first branch", getThen()},
        {"second branch", getOtherwise()}})
    if (failed(checkTypes(*this, ("arguments of the " + name).str(),
                          region.getArgumentTypes(),
                          getCaptures().getTypes())) ||
        failed(checkYield(*this, name, region, getYs().getTypes())))
      return failure();
  return success();
}

LogicalResult PrepareOp::verify() {
  for (Value x : getOperands())
    if (!llvm::cast<RankedTensorType>(x.getType()).hasStaticShape())
      return emitOpError("reads ") << x.getType()
                                   << ": its extents are those "
                                      "of a call";
  return success();
}

LogicalResult PrepareOp::verifyRegions() {
  if (failed(checkTypes(*this, "arguments of the body",
                        getBody().getArgumentTypes(),
                        getCaptures().getTypes())))
    return failure();
  return checkYield(*this, "body", getBody(), getYs().getTypes());
}
