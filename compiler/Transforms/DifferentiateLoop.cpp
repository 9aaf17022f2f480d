//===- DifferentiateLoop.cpp - the backward loop of a loop ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// 1. The rules of the body's ops are written behind them, into the body. What
//    they read that only the backward loop will have (cotangents, captures of
//    its own) is an argument added to the body for the time being.
// 2. Values of the forward part that they read become outputs of the forward
//    loop and inputs of the backward one: each iteration's, kept until then.
// 3. The rules move to the body of a loop that runs the other way.
//
// Every sum of cotangents has its terms in the order in which the iterations,
// written one after the other, would bring them. So the sum of a capture goes
// on where the ops after the loop left it. What an iteration yields as a state
// and as an output has the output's cotangent first, then those of the next
// iteration: that starts the sum of its state with the output's cotangent.
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/LoopGradient.h"
#include "compiler/Transforms/Rows.h"

using namespace mlir;
using namespace etch;

/// Added to x it keeps every bit of x: what sums start from.
static constexpr double nothing = -0.0;

static SmallVector<Value> valuesOf(ValueRange range) {
  return SmallVector<Value>(range.begin(), range.end());
}

Value LoopGradient::argument(SmallVectorImpl<BackwardArgument> &kind, Type type,
                             Value outside) {
  kind.push_back({block.addArgument(type, loc), outside});
  return kind.back().inside;
}

Value LoopGradient::capture(Value outside) {
  for (BackwardArgument &known : captured)
    if (known.outside == outside)
      return known.inside;
  return argument(captured, outside.getType(), outside);
}

/// States depend on each other from iteration to iteration.
void LoopGradient::findActive() {
  auto mark = [&](ArrayRef<Value> args, ValueRange outside) {
    for (auto [argument, x] : llvm::zip_equal(args, outside))
      if (outer.active.contains(x))
        inner.active.insert(argument);
  };
  mark(stateArgs, loop.getInits());
  mark(sliceArgs, loop.getXs());
  mark(captureArgs, loop.getCaptures());
  for (bool changed = true; changed;) {
    changed = false;
    inner.activate(block);
    for (auto [state, next] : llvm::zip_equal(stateArgs, nexts))
      if (inner.active.contains(next))
        changed |= inner.active.insert(state).second;
  }
  auto list = [&](ArrayRef<Value> args) {
    SmallVector<unsigned> numbers;
    for (auto [i, argument] : llvm::enumerate(args))
      if (inner.active.contains(argument))
        numbers.push_back(unsigned(i));
    return numbers;
  };
  states = list(stateArgs);
  slices = list(sliceArgs);
  captures = list(captureArgs);
}

void LoopGradient::findCarriers() {
  carriers.assign(yielded.size(), -1);
  for (auto [j, y] : llvm::enumerate(yielded))
    for (unsigned k : llvm::reverse(states))
      if (gYs[j] && y == nexts[k] && !llvm::isa<BlockArgument>(y))
        carriers[j] = int(k);
}

//===----------------------------------------------------------------------===//
// Sums
//===----------------------------------------------------------------------===//

/// Whether this is the loop's first, or last, iteration, in `like`'s shape.
Value LoopGradient::isAtEnd(bool last, Value like) {
  Value end = buildSplat(b, loc, 0, index);
  if (last != loop.getReverse())
    end = SubOp::create(b, loc, capture(loop.getCount()),
                        buildSplat(b, loc, 1, index));
  return broadcastLike(b, loc, EqualOp::create(b, loc, index, end), like);
}

/// An output's cotangent in the iteration before this one.
Value LoopGradient::rowBefore(Value array) {
  // Index -1, in the first iteration, is some row, too.
  Value one = buildSplat(b, loc, 1, index);
  if (!loop.getReverse())
    return rowOf(b, loc, capture(array), SubOp::create(b, loc, index, one));
  Value last = SubOp::create(b, loc, capture(loop.getCount()), one);
  Value next = AddOp::create(b, loc, index, one);
  return rowOf(b, loc, capture(array), MinimumOp::create(b, loc, next, last));
}

/// What a state's sum has from elsewhere before this iteration: in the first
/// that of its initial value; else that of outputs which the iteration before
/// yielded with it; in any that of outputs which are the state itself.
Value LoopGradient::startOf(unsigned k) {
  Value state = stateArgs[k], sum;
  auto inFirst = [&](Value first, Value others) -> Value {
    Value none = buildSplat(b, loc, nothing, state);
    return SelectOp::create(b, loc, isAtEnd(/*last=*/false, state),
                            first ? first : none, others ? others : none);
  };
  Value start = starts[k] ? capture(starts[k]) : Value();
  for (size_t j = yielded.size(); j-- > 0;) {
    Value term;
    if (carriers[j] == int(k))
      term = inFirst(sum ? Value() : start, rowBefore(gYs[j]));
    else if (gYs[j] && yielded[j] == state)
      term = gSlices[j];
    else
      continue;
    if (!sum && start && carriers[j] != int(k))
      sum = inFirst(start, Value());
    sum = sum ? AddOp::create(b, loc, sum, term) : term;
  }
  return !sum && start ? inFirst(start, Value()) : sum;
}

void LoopGradient::startSums() {
  for (Value g : gYs)
    gSlices.push_back(g ? argument(inputs, sliceType(g.getType()), g)
                        : Value());
  for (unsigned c : captures) {
    Value x = loop.getCaptures()[c], start = outer.take(x);
    if (!start)
      start = buildSplat(outer.b, loc, nothing, x);
    inner.cotangents[captureArgs[c]] = argument(sums, x.getType(), start);
  }
  starts.resize(stateArgs.size());
  for (unsigned k : states)
    starts[k] = outer.take(loop.getInits()[k]);
  for (unsigned k : states)
    if (Value start = startOf(k))
      inner.cotangents[stateArgs[k]] = start;
  for (unsigned k : states) {
    Value g = gFinals[k];
    if (!g)
      g = buildSplat(outer.b, loc, nothing, loop.getInits()[k]);
    Value sum = argument(sums, g.getType(), g);
    // Where there is an iteration after this one, it has begun with what comes
    // through outputs. Those that are kept are read after all others.
    Value all;
    auto append = [&](Value g) {
      all = all ? AddOp::create(b, loc, all, g) : g;
    };
    for (size_t j = yielded.size(); j-- > 0;) {
      if (j + 1 == numOutputs)
        append(sum);
      if (carriers[j] == int(k))
        append(gSlices[j]);
    }
    if (numOutputs == 0)
      append(sum);
    if (all != sum)
      sum = SelectOp::create(b, loc, isAtEnd(/*last=*/true, sum), all, sum);
    inner.add(nexts[k], sum, loc);
  }
  for (size_t j = yielded.size(); j-- > 0;)
    if (gYs[j] && carriers[j] < 0 && !llvm::is_contained(stateArgs, yielded[j]))
      inner.add(yielded[j], gSlices[j], loc);
}

void LoopGradient::finishSums() {
  for (auto [i, c] : llvm::enumerate(captures))
    sums[i].next = inner.cotangents.lookup(captureArgs[c]);
  for (auto [i, k] : llvm::enumerate(states)) {
    Value g = inner.cotangents.lookup(stateArgs[k]);
    sums[captures.size() + i].next =
        g ? g : buildSplat(b, loc, nothing, stateArgs[k]);
  }
  for (unsigned m : slices) {
    Value g = inner.cotangents.lookup(sliceArgs[m]);
    outputs.push_back(g ? g : buildSplat(b, loc, 0, sliceArgs[m]));
  }
}

//===----------------------------------------------------------------------===//
// Around the backward loop
//===----------------------------------------------------------------------===//

/// Whether the number of iterations is known, and not 0.
bool LoopGradient::neverIsEmpty() {
  std::optional<int64_t> room = roomOf(loop);
  return room && *room > 0 && !loop.hasCondition() && !loop.getLimit() &&
         loop.getBound().value_or(*room) >= *room;
}

void LoopGradient::addResults(LoopOp backward) {
  OpBuilder &b = outer.b;
  ValueRange finals = backward.getFinals();
  for (auto [i, c] : llvm::enumerate(captures))
    outer.add(loop.getCaptures()[c], finals[i], loc);
  for (auto [i, k] : llvm::enumerate(states)) {
    Value init = loop.getInits()[k], g = finals[captures.size() + i];
    if (starts[k] && !neverIsEmpty()) {
      // Without iterations nothing has gone on from the start.
      Value count = loop.getCount();
      Value empty =
          EqualOp::create(b, loc, count, buildSplat(b, loc, 0, count));
      Value sum = AddOp::create(b, loc, starts[k],
                                backward.getInits()[captures.size() + i]);
      g = SelectOp::create(b, loc, broadcastLike(b, loc, empty, g), sum, g);
    }
    outer.add(init, g, loc);
  }
  for (auto [i, m] : llvm::enumerate(slices))
    outer.add(loop.getXs()[m], backward.getYs()[i], loc);
}

LogicalResult LoopGradient::run() {
  stateArgs = valuesOf(ValueRange(loop.getStates()));
  sliceArgs = valuesOf(ValueRange(loop.getSlices()));
  captureArgs = valuesOf(ValueRange(loop.getCaptured()));
  nexts = valuesOf(loop.getNextStates());
  yielded = valuesOf(loop.getYielded());
  auto gradients = [&](ValueRange results) {
    return llvm::map_to_vector(
        results, [&](Value y) { return outer.cotangents.lookup(y); });
  };
  numOutputs = yielded.size();
  if (auto attr = loop->getAttrOfType<IntegerAttr>(kKeptAttr))
    numOutputs -= size_t(attr.getInt());
  gFinals = gradients(loop.getFinals());
  gYs = gradients(loop.getYs());
  findActive();
  if (states.empty() && slices.empty() && captures.empty())
    return success();
  findCarriers();
  SmallVector<Operation *> ops;
  for (Operation &op : block.without_terminator())
    ops.push_back(&op);
  b.setInsertionPoint(block.getTerminator());
  border = buildSplat(b, loc, 0, loop.getIndex()).getDefiningOp();
  begin = buildSplat(b, loc, 0, loop.getIndex()).getDefiningOp();
  index = block.addArgument(loop.getCount().getType(), loc);
  startSums();
  if (failed(inner.visitAll(ops))) {
    restoreForward();
    return failure();
  }
  finishSums();
  // A loop in the body may have given way to another one.
  yielded = valuesOf(loop.getYielded());
  cutApart();
  if (failed(keepValues())) {
    restoreForward();
    return failure();
  }
  addResults(writeBackward());
  return success();
}

LogicalResult etch::visitLoop(Sweep &sweep, LoopOp loop) {
  return LoopGradient(sweep, loop).run();
}
