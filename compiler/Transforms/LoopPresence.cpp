//===- LoopPresence.cpp - cotangents that are there in every iteration ----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An iteration of the backward loop is the first one, which begins with what
// there is before the loop, or a later one, which begins with what one that was
// not the last has left. What holds in both holds always: a cotangent that
// comes from outside in the first iteration and from the iteration before in
// all others needs no mask.
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/LoopGradient.h"
#include "compiler/Transforms/Presence.h"
#include "compiler/Transforms/Rows.h"
#include "compiler/Transforms/SimplifyControl.h"

using namespace mlir;
using namespace etch;

static bool isFlag(Value x) {
  auto type = llvm::dyn_cast<RankedTensorType>(x.getType());
  return type && type.getRank() == 0 && type.getElementType().isInteger(1);
}

/// The loop whose iterations are this one's limit; null if none.
static LoopOp limitingLoop(LoopOp loop) {
  Value limit = loop.getLimit();
  auto before = limit ? limit.getDefiningOp<LoopOp>() : LoopOp();
  return before && limit == before.getCount() ? before : LoopOp();
}

/// Whether a loop goes as far as the one that limits it.
static bool repeats(LoopOp loop, LoopOp before) {
  std::optional<int64_t> room = roomOf(loop), enough = roomOf(before);
  bool fits = room && enough && !ShapedType::isDynamic(*room) &&
              !ShapedType::isDynamic(*enough) && *room >= *enough;
  return !loop.hasCondition() && (fits || goesThrough(loop));
}

/// What holds around an iteration, for there is one.
static Knowledge knowledgeAround(LoopOp loop) {
  Knowledge known(loop->getBlock());
  for (; loop; loop = limitingLoop(loop))
    known.assumeNotZero(loop.getCount());
  return known;
}

/// What is known of the presences in an iteration: the first one, or one later,
/// and the last one or not.
Knowledge LoopGradient::knowledgeIn(ArrayRef<BackwardArgument> flags,
                                    const llvm::DenseSet<Value> &later,
                                    bool first, std::optional<bool> last) {
  Knowledge known(&block), around = knowledgeAround(loop);
  for (const BackwardArgument &x : captured)
    if (auto value = isFlag(x.outside) ? around.of(x.outside) : std::nullopt)
      known.assume(x.inside, *value);
  // What the backward loop begins with is the end of the forward loop.
  if (ends[1])
    known.assume(ends[1], first);
  if (ends[0] && last)
    known.assume(ends[0], *last);
  for (const BackwardArgument &flag : flags) {
    if (!first && later.contains(flag.inside))
      known.assume(flag.inside, true);
    if (auto value = first ? around.of(flag.outside) : std::nullopt)
      known.assume(flag.inside, *value);
  }
  return known;
}

/// Writes `true` for what holds always, as far as the sums and outputs read it.
/// Drops the flags that nothing reads any more.
void LoopGradient::findSure() {
  size_t numSums = captures.size() + states.size();
  SmallVector<BackwardArgument> flags(sums.begin() + long(numSums), sums.end());
  sums.truncate(numSums);
  llvm::DenseSet<Value> later;
  for (const BackwardArgument &flag : flags)
    later.insert(flag.inside);
  auto holdIn = [&](std::optional<bool> last) {
    return [&, first = knowledgeIn(flags, later, true, last),
            other = knowledgeIn(flags, later, false, last)](Value x) mutable {
      return first.of(x) == true && other.of(x) == true;
    };
  };
  for (bool changed = true; changed;) {
    changed = false;
    auto holds = holdIn(/*last=*/false);
    for (const BackwardArgument &flag : flags)
      if (later.contains(flag.inside) && !holds(flag.next))
        changed = later.erase(flag.inside);
  }
  auto inTheEnd = holdIn(/*last=*/true);
  for (const BackwardArgument &flag : flags)
    presences.push_back({-1, inTheEnd(flag.next), flag.outside});
  writeSure(flags, holdIn(std::nullopt));

  // Of rows that are all there nobody need say so.
  outputs.truncate(slices.size());
  for (Value &flag : rowFlags) {
    flag = flag && isBool(flag, true) ? Value() : flag;
    if (flag)
      outputs.push_back(flag);
  }
  for (auto [flag, after] : llvm::zip_equal(flags, presences)) {
    if (after.holds && flag.inside.use_empty())
      continue;
    after.flag = int(sums.size());
    sums.push_back(flag);
  }
}

void LoopGradient::writeSure(MutableArrayRef<BackwardArgument> flags,
                             llvm::function_ref<bool(Value)> always) {
  OpBuilder start(begin);
  Value yes = buildBool(start, loc, true);
  auto replace = [&](Value x, Value by) {
    x.replaceAllUsesWith(by);
    for (auto kind : {MutableArrayRef(sums), flags})
      for (BackwardArgument &argument : kind)
        argument.next = argument.next == x ? by : argument.next;
    llvm::replace(outputs, x, by);
    llvm::replace(rowFlags, x, by);
  };
  for (auto *arguments : {&captured, &inputs})
    for (BackwardArgument &x : *arguments)
      if (isFlag(x.inside) && always(x.inside))
        replace(x.inside, yes);
  for (BackwardArgument &flag : flags)
    if (always(flag.inside))
      replace(flag.inside, yes);
  SmallVector<Operation *> ops;
  for (Operation *op = begin->getNextNode(); op != block.getTerminator();
       op = op->getNextNode())
    ops.push_back(op);
  for (Operation *op : ops) {
    for (Value y : op->getResults())
      if (isFlag(y) && !y.getDefiningOp<ConstantOp>() && always(y))
        replace(y, yes);
    if (Value present = etch::presenceOf(op); present && isBool(present, true))
      replace(op->getResult(0), llvm::cast<SelectOp>(op).getLhs());
  }
  llvm::DenseSet<Value> read(outputs.begin(), outputs.end());
  for (auto kind : {MutableArrayRef(sums), flags})
    for (BackwardArgument &argument : kind)
      read.insert(argument.next);
  for (Operation *op : llvm::reverse(ops))
    if (isOpTriviallyDead(op) && llvm::none_of(op->getResults(), [&](Value y) {
          return read.contains(y);
        }))
      op->erase();
}

/// The presence of a sum after the loop.
Value LoopGradient::presenceAfter(size_t sum, LoopOp backward) {
  const AfterLoop &after = presences[sum];
  if (!after.holds)
    return backward.getFinals()[unsigned(after.flag)];
  if (neverIsEmpty())
    return {};
  return buildOr(outer.b, loc, after.before,
                 buildNot(outer.b, loc, isEmpty(outer.b)));
}

/// Whether the loop has no iteration.
Value LoopGradient::isEmpty(OpBuilder &b) {
  // That of a backward loop is that of its forward loop.
  LoopOp first = loop;
  for (LoopOp before = limitingLoop(first); before && repeats(first, before);
       before = limitingLoop(first))
    first = before;
  Value count = first.getCount();
  return EqualOp::create(b, loc, count, buildSplat(b, loc, 0, count));
}
