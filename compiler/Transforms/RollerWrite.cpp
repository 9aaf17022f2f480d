//===- RollerWrite.cpp - the loop that takes the place of rounds ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The body is the first round, with its locations.
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Roller.h"
#include "compiler/Transforms/Rows.h"
#include "compiler/Transforms/SimplifyControl.h"

#include "dialects/Etch/Expr.h"

using namespace mlir;
using namespace etch;

/// The axes in order, but one of them first.
static SmallVector<int64_t> axisFirst(int64_t axis, int64_t rank) {
  SmallVector<int64_t> order = {axis};
  for (int64_t i = 0; i < rank; ++i)
    if (i != axis)
      order.push_back(i);
  return order;
}

/// x with a cotangent to which zeros have been added: no element is -0.
static Value withZeros(Value x, OpBuilder &b, Location loc) {
  auto custom = CustomVjpOp::create(b, loc, x.getType(), x, x);
  Block *rule = new Block;
  custom.getRule().push_back(rule);
  Value gy = rule->addArgument(x.getType(), loc);
  OpBuilder inside(rule, rule->end());
  Value zero = buildSplat(inside, loc, 0, gy);
  Value sum = AddOp::create(inside, loc, x.getType(), gy, zero);
  YieldOp::create(inside, loc, sum);
  return custom.getYs()[0];
}

/// The slices of all rounds, along axis 0.
Value Roller::inputOf(SliceOp slice, const Moving &moving, OpBuilder &b) {
  Location loc = slice.getLoc();
  Value x = slice.getX();
  RankedTensorType type = slice.getX().getType();
  auto axis = size_t(moving.axis);
  SmallVector<int64_t> starts(slice.getStarts()), steps(slice.getSteps()),
      shape(type.getShape());
  steps[axis] = moving.step;
  shape[axis] = int64_t(rounds);
  if (moving.start != 0 || moving.step != 1 ||
      type.getDimSize(unsigned(axis)) != int64_t(rounds)) {
    SmallVector<Value> extents;
    for (int64_t i = 0; i < type.getRank(); ++i)
      if (shape[size_t(i)] == ShapedType::kDynamic)
        extents.push_back(tensor::DimOp::create(b, loc, x, i));
    x = SliceOp::create(b, loc, type.clone(shape), x, extents, starts, steps,
                        shape);
  }
  if (axis != 0) {
    auto order = axisFirst(moving.axis, type.getRank());
    SmallVector<int64_t> permuted;
    for (int64_t i : order)
      permuted.push_back(shape[size_t(i)]);
    x = TransposeOp::create(b, loc, type.clone(permuted), x, order);
  }
  return flow.wanted.contains(slice.getX()) ? withZeros(x, b, loc) : x;
}

/// The numbers that a constant is filled with, one for each round.
Value Roller::numbersOf(unsigned m, OpBuilder &b) {
  SmallVector<Attribute> values;
  for (size_t t = 0; t < rounds; ++t)
    values.push_back(llvm::cast<DenseElementsAttr>(
                         llvm::cast<ConstantOp>(at(t, m)).getValue())
                         .getSplatValue<Attribute>());
  auto type = RankedTensorType::get(
      {int64_t(rounds)},
      llvm::cast<RankedTensorType>(at(0, m)->getResult(0).getType())
          .getElementType());
  return ConstantOp::create(b, at(0, m)->getLoc(), type,
                            DenseElementsAttr::get(type, values));
}

/// What op m of a round is in the body.
Value Roller::writeOp(unsigned m, OpBuilder &b, Block &body,
                      ArrayRef<Value> made) {
  Operation *op = at(0, m);
  Location loc = op->getLoc();
  auto argument = [&](size_t i) { return body.getArgument(unsigned(i)); };
  auto read = [&](const Source &source) -> Value {
    size_t firstCapture = 1 + states.size() + inputs.size();
    switch (source.kind) {
    case Source::local:
      return made[source.number];
    case Source::state:
      return argument(1 + source.number);
    case Source::capture:
      return argument(firstCapture + source.number);
    case Source::extent:
      auto dim = source.outside.getDefiningOp<tensor::DimOp>();
      if (!dim)
        return b.clone(*source.outside.getDefiningOp())->getResult(0);
      return tensor::DimOp::create(b, loc,
                                   argument(firstCapture + source.number),
                                   *dim.getConstantIndex());
    }
    llvm_unreachable("unknown kind");
  };
  auto type = llvm::dyn_cast<RankedTensorType>(op->getResult(0).getType());
  if (auto it = numbers.find(m); it != numbers.end()) {
    Value number = argument(1 + states.size() + it->second);
    return type.getRank() == 0
               ? number
               : BroadcastToOp::create(b, loc, type, number, ValueRange(),
                                       type.getShape());
  }
  if (auto it = moving.find(m); it != moving.end()) {
    const Moving &moving = it->second;
    if (moving.slice >= 0) {
      auto builder = makeGraphBuilder(b, loc);
      Expr slice(builder.get(),
                 argument(1 + states.size() + size_t(moving.slice))
                     .getAsOpaquePointer());
      std::vector<Extent> extents = extentsOf(slice);
      extents.insert(extents.begin() + moving.axis, Extent());
      return Value::getFromOpaquePointer(reshape(slice, extents).handle());
    }
    auto number = [&](int64_t n) -> Value {
      return buildSplat(b, loc, double(n), argument(0));
    };
    Value start = argument(0);
    if (moving.step != 1)
      start = MulOp::create(b, loc, start, number(moving.step));
    if (moving.start != 0)
      start = AddOp::create(b, loc, start, number(moving.start));
    SmallVector<Value> extents;
    for (const Source &source : ArrayRef(sources[m]).drop_front())
      extents.push_back(read(source));
    auto slice = SliceAtOp::create(b, loc, type, read(sources[m][0]), start,
                                   extents, moving.axis, type.getShape());
    slice->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    return slice;
  }
  SmallVector<Value> operands;
  for (const Source &source : sources[m])
    operands.push_back(read(source));
  Operation *clone = b.clone(*op);
  clone->setOperands(operands);
  return clone->getResult(0);
}

void Roller::replaceResults(OpBuilder &b, LoopOp loop) {
  auto isOutside = [&](OpOperand &use) { return !isInside(use.getOwner()); };
  for (unsigned m : asFinal.set_bits())
    at(rounds - 1, m)
        ->getResult(0)
        .replaceUsesWithIf(loop.getFinals()[stateOf(m, {})], isOutside);
  for (auto [j, m] : llvm::enumerate(rows))
    for (size_t t = 0; t < rounds; ++t) {
      Value x = at(t, m)->getResult(0);
      if (llvm::none_of(x.getUses(), isOutside))
        continue;
      auto builder = makeGraphBuilder(b, x.getLoc());
      Expr all(builder.get(), loop.getYs()[j].getAsOpaquePointer());
      std::vector<Extent> extents = extentsOf(all);
      std::vector<int64_t> starts(extents.size(), 0), steps(extents.size(), 1);
      starts[0] = int64_t(t);
      extents[0] = Extent();
      Expr row = slice(all, starts, steps, extents);
      extents.erase(extents.begin());
      x.replaceUsesWithIf(
          Value::getFromOpaquePointer(reshape(row, extents).handle()),
          isOutside);
    }
}

void Roller::write() {
  OpBuilder b(at(0, 0));
  Location loc = at(0, 0)->getLoc();
  SmallVector<Value> inits, xs;
  for (const State &state : states)
    inits.push_back(state.init
                        ? state.init
                        : buildSplat(b, loc, 0, at(0, state.op)->getResult(0)));
  for (unsigned m : inputs)
    xs.push_back(numbers.contains(m)
                     ? numbersOf(m, b)
                     : inputOf(llvm::cast<SliceOp>(at(0, m)), moving[m], b));
  SmallVector<Type> types;
  for (unsigned m : rows)
    types.push_back(
        arrayType(at(0, m)->getResult(0).getType(), int64_t(rounds)));
  auto i64 = RankedTensorType::get({}, b.getI64Type());
  auto loop = LoopOp::create(b, loc, i64, ValueRange(inits).getTypes(), types,
                             Value(), inits, xs, captures, /*reverse=*/false,
                             xs.empty() ? rounds : uint64_t(-1));
  Block *body = new Block;
  loop.getBody().push_back(body);
  body->addArgument(i64, loc);
  for (Value x : inits)
    body->addArgument(x.getType(), loc);
  for (Value x : xs)
    body->addArgument(sliceType(x.getType()), loc);
  for (Value x : captures)
    body->addArgument(x.getType(), loc);
  OpBuilder inside(body, body->end());
  SmallVector<Value> made, yields;
  for (unsigned m = 0; m < period; ++m)
    made.push_back(writeOp(m, inside, *body, made));
  for (const State &state : states)
    yields.push_back(made[state.op]);
  for (unsigned m : rows)
    yields.push_back(made[m]);
  YieldOp::create(inside, loc, yields);
  replaceResults(b, loop);
  dropUnused(loop); // arrays of which all read slices
  for (size_t i = first; i < first + rounds * period; ++i)
    ops[i]->dropAllReferences();
}
