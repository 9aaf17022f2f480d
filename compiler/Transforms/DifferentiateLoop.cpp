//===- DifferentiateLoop.cpp - the backward loop of a loop
//------------------===//
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
// written one after the other, would bring them. So the sum of a capture goes on
// where the ops after the loop left it. What an iteration yields as a state and
// as an output has the output's cotangent first, then those of the next
// iteration: that starts the sum of its state with the output's cotangent.
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Rows.h"
#include "compiler/Transforms/Sweep.h"

#include "dialects/Etch/Extents.h"

using namespace mlir;
using namespace etch;

/// Added to x it keeps every bit of x: what sums start from.
static constexpr double nothing = -0.0;

/// On a loop: how many of its outputs, the last ones, are kept for a backward
/// loop. Their readers come after those of all others.
static constexpr llvm::StringLiteral kKeptAttr = "etch.kept";

namespace {
/// An argument of the backward body: for the time being one of the forward body.
struct Argument {
  Value inside;
  Value outside; ///< initial state, array or capture of the backward loop
  int kept = -1; ///< or its array is this one of the values that are kept
  Value next;    ///< of a state: what the body yields
};

class LoopGradient {
public:
  LoopGradient(Sweep &outer, LoopOp loop)
      : outer(outer), loop(loop), block(loop.getBodyBlock()),
        b(loop.getContext()), loc(loop.getLoc()), inner(b) {}

  LogicalResult run();

private:
  Value argument(SmallVectorImpl<Argument> &kind, Type type, Value outside);
  Value capture(Value outside);
  void findActive();
  void findCarriers();
  Value startOf(unsigned state);
  Value rowBefore(Value array);
  Value isAtEnd(bool last, Value like);
  void startSums();
  void finishSums();
  void cutApart();
  bool isForward(Value x);
  Value standIn(Value x);
  Value extentStandIn(Value tensor, int64_t axis);
  Value indexStandIn(Value x);
  LogicalResult keepValues();
  LoopOp writeBackward();
  void restoreForward();
  void addResults(LoopOp backward);
  bool neverIsEmpty();

  Sweep &outer;
  LoopOp loop;
  Block &block;
  OpBuilder b; // in the body
  Location loc;
  Sweep inner;

  SmallVector<Value> stateArgs, sliceArgs, captureArgs, nexts, yielded;
  SmallVector<Value> gFinals, gYs; // from outside
  SmallVector<Value> gSlices;      // of ys, in the body
  SmallVector<Value> starts;       // of states, from outside
  SmallVector<int> carriers;       // the state that an output is yielded as
  SmallVector<unsigned> states, slices, captures; // that are active
  // Of the backward loop. Sums of `captures` come first, then of `states`.
  SmallVector<Argument> sums, inputs, captured;
  Value index;
  SmallVector<Value> outputs;
  Operation *border = nullptr, *begin = nullptr; // of forward, of the rules
  llvm::DenseSet<Operation *> rules;             // and what stands in for values
  llvm::DenseMap<Value, Value> stands;
  ExtentResolver resolver;
  SmallVector<Value> kept; // in the forward body
  size_t numOutputs = 0;   // without those that are kept for a backward loop
  size_t firstKept = 0;    // the output that `kept` starts at
};
} // namespace

static SmallVector<Value> valuesOf(ValueRange range) {
  return SmallVector<Value>(range.begin(), range.end());
}

Value LoopGradient::argument(SmallVectorImpl<Argument> &kind, Type type,
                             Value outside) {
  kind.push_back({block.addArgument(type, loc), outside});
  return kind.back().inside;
}

Value LoopGradient::capture(Value outside) {
  for (Argument &known : captured)
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
  if (Operation *op = x.getDefiningOp(); llvm::isa_and_nonnull<ConstantOp>(op)) {
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
    return !isForward(x)                          ? x
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
  for (Argument &sum : sums)
    sum.next = standFor(sum.next);
  for (Value &y : outputs)
    y = standFor(y);
}

//===----------------------------------------------------------------------===//
// Two loops
//===----------------------------------------------------------------------===//

/// Gives the forward loop an output for each value that it has to keep: states
/// first, for the iteration that reads one as such is before (in the backward
/// loop) that which reads it as what it yielded.
LogicalResult LoopGradient::keepValues() {
  SmallVector<Value> sorted;
  SmallVector<int> place(kept.size());
  for (bool isState : {true, false})
    for (auto [i, x] : llvm::enumerate(kept))
      if (llvm::isa<BlockArgument>(x) == isState) {
        place[i] = int(sorted.size());
        sorted.push_back(x);
      }
  kept = sorted;
  for (Argument &input : inputs)
    if (input.kept >= 0)
      input.kept = place[size_t(input.kept)];
  firstKept = yielded.size();
  if (kept.empty())
    return success();
  std::optional<int64_t> room = roomOf(loop);
  if (!room)
    return emitError(loc)
           << "while_loop: its gradient needs " << kept.size()
           << (kept.size() == 1 ? " value" : " values")
           << " of every iteration, and nothing says how many there are at "
              "most: give it max_iterations, or cut the gradient off with "
              "stop_gradient";
  SmallVector<Type> types;
  llvm::append_range(types, loop.getYs().getTypes());
  for (Value x : kept)
    types.push_back(arrayType(x.getType(), *room));
  block.getTerminator()->insertOperands(
      block.getTerminator()->getNumOperands(), kept);
  OpBuilder at(loop);
  uint64_t bound = loop.getMaxIterations();
  if (loop.getXs().empty())
    bound = uint64_t(*room);
  auto now = LoopOp::create(at, loc, loop.getCount().getType(),
                            loop.getFinals().getTypes(), types, loop.getLimit(),
                            loop.getInits(), loop.getXs(), loop.getCaptures(),
                            loop.getReverse(), bound);
  now->setDiscardableAttrs(loop->getDiscardableAttrDictionary());
  now->setAttr(kKeptAttr, b.getI64IntegerAttr(
                              int64_t(firstKept + kept.size() - numOutputs)));
  now.getCondition().takeBody(loop.getCondition());
  now.getBody().takeBody(loop.getBody());
  for (auto *kind : {&sums, &inputs, &captured})
    for (Argument &x : *kind)
      if (x.outside && x.outside.getDefiningOp() == loop)
        x.outside = now->getResult(
            llvm::cast<OpResult>(x.outside).getResultNumber());
  for (Value &g : starts)
    if (g && g.getDefiningOp() == loop)
      g = now->getResult(llvm::cast<OpResult>(g).getResultNumber());
  outer.replace(loop, now);
  loop = now;
  return success();
}

LoopOp LoopGradient::writeBackward() {
  auto outsides = [](ArrayRef<Argument> kind) {
    return llvm::map_to_vector(kind, [](auto &x) { return x.outside; });
  };
  std::optional<int64_t> room = roomOf(loop);
  for (Argument &input : inputs)
    if (input.kept >= 0)
      input.outside = loop.getYs()[firstKept + size_t(input.kept)];
  // As many slices go out as come in.
  if (!slices.empty() && inputs.empty())
    argument(inputs, sliceArgs.front().getType(), loop.getXs().front());
  SmallVector<Type> types;
  for (unsigned m : slices)
    types.push_back(loop.getXs()[m].getType());
  SmallVector<Value> inits = outsides(sums);
  auto backward = LoopOp::create(
      outer.b, loc, loop.getCount().getType(), ValueRange(inits).getTypes(),
      types, neverIsEmpty() ? Value() : loop.getCount(), inits,
      outsides(inputs), outsides(captured), !loop.getReverse(),
      uint64_t(room && !ShapedType::isDynamic(*room) ? *room : -1));
  Block *body = new Block;
  backward.getBody().push_back(body);
  SmallVector<Value> results;
  for (Argument &sum : sums)
    results.push_back(sum.next);
  llvm::append_range(results, outputs);
  body->getOperations().splice(body->end(), block.getOperations(),
                               std::next(border->getIterator()),
                               block.getTerminator()->getIterator());
  OpBuilder end(body, body->end());
  YieldOp::create(end, loc, results);
  index.replaceAllUsesWith(body->addArgument(index.getType(), loc));
  for (auto *kind : {&sums, &inputs, &captured})
    for (Argument &x : *kind)
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
  unsigned known = unsigned(1 + stateArgs.size() + sliceArgs.size() +
                            captureArgs.size());
  block.eraseArguments(known, block.getNumArguments() - known);
}

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
      Value empty = EqualOp::create(b, loc, count, buildSplat(b, loc, 0, count));
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
