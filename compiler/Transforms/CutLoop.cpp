//===- CutLoop.cpp - a body and its rules become two loops ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the rules read of the forward part is given to the backward loop: an
// input for a value of each iteration, a capture, a copy of a constant. Extents
// come from tensors of the same shape outside.
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/LoopGradient.h"
#include "compiler/Transforms/Rows.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace etch;

//===----------------------------------------------------------------------===//
// The rules leave the forward body
//===----------------------------------------------------------------------===//

bool LoopGradient::isForward(Value x) {
  if (Operation *op = x.getDefiningOp())
    return op->getBlock() == &block && !rules.contains(op);
  unsigned number = llvm::cast<BlockArgument>(x).getArgNumber();
  return x.getParentBlock() == &block &&
         number < 1 + stateArgs.size() + sliceArgs.size() + captureArgs.size();
}

/// What the rules read for a forward tensor.
Value LoopGradient::standIn(Value x) {
  Value &known = stands[x];
  if (known)
    return known;
  if (x == block.getArgument(0))
    return known = index;
  if (Operation *op = x.getDefiningOp();
      llvm::isa_and_nonnull<ConstantOp>(op)) {
    Operation *clone = b.clone(*op);
    rules.insert(clone);
    return known = clone->getResult(0);
  }
  for (auto [mine, outside] : llvm::zip_equal(captureArgs, loop.getCaptures()))
    if (mine == x)
      return known = capture(outside);
  known = argument(inputs, x.getType(), Value());
  inputs.back().kept = int(kept.size());
  kept.push_back(x);
  return known;
}

/// An extent of a forward tensor, from what the backward loop has of its shape.
Value LoopGradient::extentStandIn(Value tensor, int64_t axis) {
  auto [value, at] = resolver.resolve(tensor, axis);
  if (at < 0)
    return indexStandIn(value);
  auto type = llvm::cast<RankedTensorType>(value.getType());
  Operation *op;
  if (!type.isDynamicDim(unsigned(at))) {
    op = arith::ConstantIndexOp::create(b, loc, type.getDimSize(unsigned(at)));
  } else {
    Value stand;
    for (auto [mine, x] : llvm::zip_equal(stateArgs, loop.getInits()))
      if (mine == value)
        stand = capture(x);
    for (auto [mine, x] : llvm::zip_equal(sliceArgs, loop.getXs()))
      if (mine == value) {
        stand = capture(x);
        ++at;
      }
    op = tensor::DimOp::create(b, loc, stand ? stand : standIn(value), at);
  }
  rules.insert(op);
  return op->getResult(0);
}

Value LoopGradient::indexStandIn(Value x) {
  Operation *op = x.getDefiningOp();
  if (!isForward(x))
    return x;
  if (Value known = stands.lookup(x))
    return known;
  if (auto dim = llvm::dyn_cast<tensor::DimOp>(op))
    return stands[x] = extentStandIn(dim.getSource(), *dim.getConstantIndex());
  IRMapping map;
  for (Value operand : op->getOperands())
    map.map(operand, indexStandIn(operand));
  Operation *clone = b.clone(*op, map);
  rules.insert(clone);
  return stands[x] = clone->getResult(0);
}

/// After this the rules read nothing of the forward part.
void LoopGradient::cutApart() {
  SmallVector<Operation *> ops;
  for (Operation *op = begin->getNextNode(); op != block.getTerminator();
       op = op->getNextNode())
    ops.push_back(op);
  rules.insert(ops.begin(), ops.end());
  b.setInsertionPoint(begin);
  auto standFor = [&](Value x) {
    return !isForward(x)                       ? x
           : llvm::isa<IndexType>(x.getType()) ? indexStandIn(x)
                                               : standIn(x);
  };
  for (Operation *&op : ops) {
    auto dim = llvm::dyn_cast<tensor::DimOp>(op);
    if (dim && isForward(dim.getSource())) {
      dim.getResult().replaceAllUsesWith(
          extentStandIn(dim.getSource(), *dim.getConstantIndex()));
      rules.erase(op);
      op->erase();
      continue;
    }
    op->walk([&](Operation *part) { // a user's rule sees what is around it
      for (OpOperand &use : part->getOpOperands())
        use.set(standFor(use.get()));
    });
  }
  for (BackwardArgument &sum : sums)
    sum.next = standFor(sum.next);
  for (Value &y : outputs)
    y = standFor(y);
}

//===----------------------------------------------------------------------===//
// Two loops
//===----------------------------------------------------------------------===//

/// Gives the forward loop an output for each value that it has to keep, if it
/// keeps it for no other backward loop: what is read of a value has one sum.
LogicalResult LoopGradient::keepValues() {
  SmallVector<Value> added;
  SmallVector<int> place;
  for (Value x : kept) {
    const Value *known =
        std::find(yielded.begin() + long(numOutputs), yielded.end(), x);
    place.push_back(int(known - yielded.begin()));
    if (known != yielded.end())
      continue;
    place.back() = int(yielded.size() + added.size());
    added.push_back(x);
  }
  for (BackwardArgument &input : inputs)
    if (input.kept >= 0)
      input.kept = place[size_t(input.kept)];
  if (added.empty())
    return success();
  std::optional<int64_t> room = roomOf(loop);
  if (!room)
    return emitError(loc)
           << "while_loop: its gradient needs " << added.size()
           << (added.size() == 1 ? " value" : " values")
           << " of every iteration, and nothing says how many there are at "
              "most: give it max_iterations, or cut the gradient off with "
              "stop_gradient";
  SmallVector<Type> types;
  llvm::append_range(types, loop.getYs().getTypes());
  for (Value x : added)
    types.push_back(arrayType(x.getType(), *room));
  block.getTerminator()->insertOperands(block.getTerminator()->getNumOperands(),
                                        added);
  OpBuilder at(loop);
  uint64_t bound = loop.getMaxIterations();
  if (loop.getXs().empty())
    bound = uint64_t(*room);
  auto now = LoopOp::create(at, loc, loop.getCount().getType(),
                            loop.getFinals().getTypes(), types, loop.getLimit(),
                            loop.getInits(), loop.getXs(), loop.getCaptures(),
                            loop.getReverse(), bound);
  now->setDiscardableAttrs(loop->getDiscardableAttrDictionary());
  now->setAttr(kKeptAttr, b.getI64IntegerAttr(int64_t(
                              yielded.size() + added.size() - numOutputs)));
  now.getCondition().takeBody(loop.getCondition());
  now.getBody().takeBody(loop.getBody());
  for (auto *kind : {&sums, &inputs, &captured})
    for (BackwardArgument &x : *kind)
      if (x.outside && x.outside.getDefiningOp() == loop)
        x.outside =
            now->getResult(llvm::cast<OpResult>(x.outside).getResultNumber());
  for (AfterLoop &after : presences)
    if (after.before.getDefiningOp() == loop)
      after.before =
          now->getResult(llvm::cast<OpResult>(after.before).getResultNumber());
  for (CotangentSum &start : starts)
    for (Value *g : {&start.value, &start.present})
      if (*g && g->getDefiningOp() == loop)
        *g = now->getResult(llvm::cast<OpResult>(*g).getResultNumber());
  outer.replace(loop, now);
  loop = now;
  return success();
}

LoopOp LoopGradient::writeBackward() {
  auto outsides = [](ArrayRef<BackwardArgument> kind) {
    return llvm::map_to_vector(kind, [](auto &x) { return x.outside; });
  };
  std::optional<int64_t> room = roomOf(loop);
  for (BackwardArgument &input : inputs)
    if (input.kept >= 0)
      input.outside = loop.getYs()[size_t(input.kept)];
  // As many slices go out as come in.
  if (!slices.empty() && inputs.empty())
    argument(inputs, sliceArgs.front().getType(), loop.getXs().front());
  SmallVector<Type> types;
  for (unsigned m : slices)
    types.push_back(loop.getXs()[m].getType());
  for (auto [m, flag] : llvm::zip_equal(slices, rowFlags))
    if (flag)
      types.push_back(arrayType(flag.getType(), llvm::cast<RankedTensorType>(
                                                    loop.getXs()[m].getType())
                                                    .getDimSize(0)));
  SmallVector<Value> inits = outsides(sums);
  auto backward = LoopOp::create(
      outer.b, loc, loop.getCount().getType(), ValueRange(inits).getTypes(),
      types, neverIsEmpty() ? Value() : loop.getCount(), inits,
      outsides(inputs), outsides(captured), !loop.getReverse(),
      uint64_t(room && !ShapedType::isDynamic(*room) ? *room : -1));
  Block *body = new Block;
  backward.getBody().push_back(body);
  SmallVector<Value> results;
  for (BackwardArgument &sum : sums)
    results.push_back(sum.next);
  llvm::append_range(results, outputs);
  body->getOperations().splice(body->end(), block.getOperations(),
                               std::next(border->getIterator()),
                               block.getTerminator()->getIterator());
  OpBuilder end(body, body->end());
  YieldOp::create(end, loc, results);
  index.replaceAllUsesWith(body->addArgument(index.getType(), loc));
  for (auto *kind : {&sums, &inputs, &captured})
    for (BackwardArgument &x : *kind)
      x.inside.replaceAllUsesWith(body->addArgument(x.inside.getType(), loc));
  begin->erase();
  restoreForward();
  return backward;
}

/// The forward body as it was, but for what it yields.
void LoopGradient::restoreForward() {
  for (bool done = false; !done;) {
    Operation *op = block.getTerminator()->getPrevNode();
    done = op == border;
    op->dropAllUses();
    op->erase();
  }
  unsigned known =
      unsigned(1 + stateArgs.size() + sliceArgs.size() + captureArgs.size());
  block.eraseArguments(known, block.getNumArguments() - known);
}
