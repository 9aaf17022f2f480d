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
// on where the ops after the loop left it. A state is a value of its own in
// each iteration, so the sum of what an iteration yields has one term for the
// next iteration.
//
// Beside each sum goes its presence: in the first iteration, or after none,
// there may be no cotangent yet. Those that turn out to hold always are
// dropped (LoopPresence.cpp).
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/LoopGradient.h"
#include "compiler/Transforms/Presence.h"
#include "compiler/Transforms/Rows.h"
#include "compiler/Transforms/SimplifyControl.h"

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

//===----------------------------------------------------------------------===//
// Sums
//===----------------------------------------------------------------------===//

/// Whether this is the loop's first, or last, iteration.
Value LoopGradient::isAtEnd(bool last) {
  if (ends[last])
    return ends[last];
  Value end = buildSplat(b, loc, 0, index);
  if (last != loop.getReverse())
    end = SubOp::create(b, loc, capture(loop.getCount()),
                        buildSplat(b, loc, 1, index));
  return ends[last] = EqualOp::create(b, loc, index, end);
}

/// Whether there is a cotangent for output `j` in this iteration.
Value LoopGradient::presenceOf(size_t j) {
  Value present = outer.presence.lookup(loop.getYs()[j]);
  if (!present)
    return {};
  if (rankOf(present) == 0)
    return capture(present);
  for (BackwardArgument &known : inputs)
    if (known.outside == present)
      return known.inside;
  return argument(inputs, sliceType(present.getType()), present);
}

/// What backward loops read of this iteration comes first, then an output that
/// the iteration makes. States are values of their own, as eagerly (rename() in
/// frontend/functions/ControlFlow.cpp), and so are outputs that were there
/// before.
void LoopGradient::startYielded(ArrayRef<Value> nextSums,
                                ArrayRef<Value> presents) {
  auto addOutput = [&](size_t j) {
    if (gYs[j])
      inner.add(yielded[j], gSlices[j], loc, presenceOf(j));
  };
  auto isOld = [&](size_t j) {
    return j < numOutputs && llvm::isa<BlockArgument>(yielded[j]) &&
           !loop->hasAttr(kBackwardAttr);
  };
  for (size_t j = yielded.size(); j-- > 0;)
    if (!isOld(j))
      addOutput(j);
  for (auto [i, k] : llvm::enumerate(states))
    inner.add(nexts[k], nextSums[i], loc, presents[i]);
  for (size_t j = numOutputs; j-- > 0;)
    if (isOld(j))
      addOutput(j);
}

void LoopGradient::startSums() {
  for (Value g : gYs)
    gSlices.push_back(g ? argument(inputs, sliceType(g.getType()), g)
                        : Value());
  SmallVector<Value> presents; // before the loop; null: always
  auto start = [&](const CotangentSum &sum, Value like) {
    presents.push_back(sum.value ? sum.present
                                 : buildBool(outer.b, loc, false));
    return argument(sums, like.getType(),
                    sum.value ? sum.value
                              : buildSplat(outer.b, loc, nothing, like));
  };
  SmallVector<Value> nextSums;
  for (unsigned c : captures)
    inner.cotangents[captureArgs[c]] =
        start(outer.take(loop.getCaptures()[c]), loop.getCaptures()[c]);
  for (unsigned k : states)
    nextSums.push_back(
        start(outer.sumOf(loop.getFinals()[k]), loop.getInits()[k]));
  for (size_t m = 0; m < slices.size(); ++m)
    presents.push_back(buildBool(outer.b, loc, false));
  auto flag = RankedTensorType::get({}, b.getI1Type());
  SmallVector<Value> inside;
  for (Value present : presents)
    inside.push_back(argument(
        sums, flag, present ? present : buildBool(outer.b, loc, true)));
  for (auto [i, c] : llvm::enumerate(captures))
    inner.presence[captureArgs[c]] = inside[i];

  starts.resize(stateArgs.size());
  // Of a backward loop, too, the initial states are values of their own.
  if (!loop->hasAttr(kBackwardAttr))
    for (unsigned k : states)
      starts[k] = outer.take(loop.getInits()[k]);
  for (unsigned k : states) {
    if (!starts[k].value)
      continue;
    Value present = isAtEnd(/*last=*/false);
    if (starts[k].present)
      present = buildAnd(b, loc, capture(starts[k].present), present);
    inner.addMasked(stateArgs[k], capture(starts[k].value), loc, present);
  }
  startYielded(nextSums, ArrayRef(inside).drop_front(captures.size()));
}

/// Whether an array holds what iterations keep for others: no part of the
/// program, its rows have cotangents of their own.
static bool isKept(Value array) {
  Operation *op = array.getDefiningOp();
  auto kept = op ? op->getAttrOfType<IntegerAttr>(kKeptAttr) : IntegerAttr();
  return kept && llvm::isa<LoopOp>(op) &&
         llvm::cast<OpResult>(array).getResultNumber() + kept.getInt() >=
             op->getNumResults();
}

void LoopGradient::finishSums() {
  size_t at = 0, flags = captures.size() + states.size();
  auto finish = [&](Value x) {
    auto [value, present] = inner.sumOf(x);
    if (!value)
      present = buildBool(b, loc, false);
    else if (!present)
      present = buildBool(b, loc, true);
    sums[at].next = value ? value : buildSplat(b, loc, nothing, x);
    sums[flags + at++].next = present;
  };
  for (unsigned c : captures)
    finish(captureArgs[c]);
  for (unsigned k : states)
    finish(stateArgs[k]);
  // Only the rows of what is kept can be absent one by one.
  llvm::erase_if(slices, [&](unsigned m) {
    return !inner.cotangents.lookup(sliceArgs[m]);
  });
  sums.truncate(flags + at + slices.size());
  for (auto [i, m] : llvm::enumerate(slices)) {
    auto [value, present] = inner.sumOf(sliceArgs[m]);
    BackwardArgument &any = sums[flags + at + i];
    bool hasRows = present && isKept(loop.getXs()[m]);
    any.next = present && !hasRows && rankOf(present) == 0
                   ? buildOr(b, loc, any.inside, present)
                   : Value();
    if (!any.next)
      any.next = buildBool(b, loc, true);
    rowFlags.push_back(hasRows ? present : Value());
    outputs.push_back(masked(b, loc, value, present, hasRows ? nothing : 0));
  }
  findSure();
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
  size_t at = 0;
  for (unsigned c : captures) {
    outer.add(loop.getCaptures()[c], finals[at], loc,
              presenceAfter(at, backward));
    ++at;
  }
  for (unsigned k : states) {
    Value init = loop.getInits()[k], present = presenceAfter(at, backward);
    if (starts[k].value && !neverIsEmpty()) {
      // Without iterations nothing has gone on from the start.
      outer.addMasked(init, starts[k].value, loc,
                      buildAnd(b, loc, starts[k].present, isEmpty(b)));
    }
    outer.add(init, finals[at++], loc,
              starts[k].value && !starts[k].present ? Value() : present);
  }
  unsigned flag = unsigned(slices.size());
  for (auto [i, m] : llvm::enumerate(slices)) {
    Value present = presenceAfter(at++, backward);
    if (rowFlags[i])
      outer.add(loop.getXs()[m], backward.getYs()[i], loc,
                backward.getYs()[flag++]);
    else if (goesThrough(loop)) // without iterations there are no elements
      outer.add(loop.getXs()[m], backward.getYs()[i], loc, present);
    else
      outer.addMasked(loop.getXs()[m], backward.getYs()[i], loc, present);
  }
}

LogicalResult LoopGradient::run() {
  stateArgs = valuesOf(ValueRange(loop.getStates()));
  sliceArgs = valuesOf(ValueRange(loop.getSlices()));
  captureArgs = valuesOf(ValueRange(loop.getCaptured()));
  nexts = valuesOf(loop.getNextStates());
  yielded = valuesOf(loop.getYielded());
  numOutputs = yielded.size();
  if (auto attr = loop->getAttrOfType<IntegerAttr>(kKeptAttr))
    numOutputs -= size_t(attr.getInt());
  gYs = llvm::map_to_vector(
      loop.getYs(), [&](Value y) { return outer.cotangents.lookup(y); });
  findActive();
  if (states.empty() && slices.empty() && captures.empty())
    return success();
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
