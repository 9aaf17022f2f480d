//===- DropUnused.cpp - loops and branches without dead parts -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A state lives if its final value is used, if the condition reads it, or if
// what the body computes from it is yielded as an output or state that lives.
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Rows.h"
#include "compiler/Transforms/Simplifier.h"
#include "compiler/Transforms/SimplifyControl.h"
#include "compiler/Transforms/Sweep.h"

using namespace mlir;
using namespace etch;

static SmallVector<Value> keep(ValueRange values, const llvm::BitVector &drop) {
  SmallVector<Value> result;
  for (auto [i, x] : llvm::enumerate(values))
    if (!drop[unsigned(i)])
      result.push_back(x);
  return result;
}

/// Marks, at `at`, the bits of a part among all of a block's arguments.
static void mark(llvm::BitVector &all, size_t at, const llvm::BitVector &part) {
  for (unsigned i : part.set_bits())
    all.set(unsigned(at) + i);
}

/// Counts the outputs that are kept anew, without the dropped ones.
static void countKept(Operation *control, const llvm::BitVector &dropped) {
  auto kept = control->getAttrOfType<IntegerAttr>(kKeptAttr);
  if (!kept)
    return;
  int64_t own = int64_t(dropped.size()) - kept.getInt(), left = kept.getInt();
  for (unsigned i : dropped.set_bits())
    left -= int64_t(i) >= own;
  control->setAttr(kKeptAttr, IntegerAttr::get(kept.getType(), left));
}

LoopOp etch::dropParts(LoopOp loop, const LoopParts &parts) {
  size_t states = parts.states.size(), xs = parts.xs.size();
  Operation *yield = loop.getBodyBlock().getTerminator();
  llvm::BitVector yields(yield->getNumOperands());
  mark(yields, 0, parts.states);
  mark(yields, states, parts.ys);
  yield->eraseOperands(yields);
  llvm::BitVector body(loop.getBody().getNumArguments());
  mark(body, 1, parts.states);
  mark(body, 1 + states, parts.xs);
  mark(body, 1 + states + xs, parts.captures);
  loop.getBodyBlock().eraseArguments(body);
  if (loop.hasCondition()) {
    llvm::BitVector condition(loop.getCondition().getNumArguments());
    mark(condition, 0, parts.states);
    mark(condition, states, parts.captures);
    loop.getConditionBlock().eraseArguments(condition);
  }
  OpBuilder b(loop);
  SmallVector<Value> finals = keep(loop.getFinals(), parts.states),
                     ys = keep(loop.getYs(), parts.ys);
  auto now = LoopOp::create(
      b, loop.getLoc(), loop.getCount().getType(),
      ValueRange(finals).getTypes(), ValueRange(ys).getTypes(), loop.getLimit(),
      keep(loop.getInits(), parts.states), keep(loop.getXs(), parts.xs),
      keep(loop.getCaptures(), parts.captures), loop.getReverse(),
      loop.getMaxIterations());
  now->setDiscardableAttrs(loop->getDiscardableAttrDictionary());
  countKept(now, parts.ys);
  now.getCondition().takeBody(loop.getCondition());
  now.getBody().takeBody(loop.getBody());
  loop.getCount().replaceAllUsesWith(now.getCount());
  for (auto [x, y] : llvm::zip_equal(finals, now.getFinals()))
    x.replaceAllUsesWith(y);
  for (auto [x, y] : llvm::zip_equal(ys, now.getYs()))
    x.replaceAllUsesWith(y);
  loop.erase();
  return now;
}

/// The states that something which is used depends on.
static llvm::BitVector liveStates(LoopOp loop) {
  llvm::BitVector live(unsigned(loop.getInits().size()));
  llvm::DenseSet<Value> seen;
  SmallVector<Value> work;
  auto need = [&](Value x) {
    if (seen.insert(x).second)
      work.push_back(x);
  };
  auto states = loop.getStates();
  auto enliven = [&](unsigned k) {
    if (live.test(k))
      return;
    live.set(k);
    need(loop.getNextStates()[k]);
  };
  for (auto [k, final] : llvm::enumerate(loop.getFinals()))
    if (!final.use_empty() ||
        (loop.hasCondition() &&
         !loop.getCondition().getArgument(unsigned(k)).use_empty()))
      enliven(unsigned(k));
  for (auto [y, value] : llvm::zip_equal(loop.getYs(), loop.getYielded()))
    if (!y.use_empty())
      need(value);
  while (!work.empty()) {
    Value x = work.pop_back_val();
    if (Operation *op = x.getDefiningOp()) {
      op->walk([&](Operation *part) {
        for (Value operand : part->getOperands())
          need(operand);
      });
    } else if (x.getParentBlock() == &loop.getBodyBlock()) {
      unsigned n = llvm::cast<BlockArgument>(x).getArgNumber();
      if (n >= 1 && n <= states.size())
        enliven(n - 1);
    }
  }
  return live;
}

/// Bounds the loop otherwise if all its inputs are to go; keeps one if that
/// cannot be said.
static void keepBound(LoopOp loop, LoopParts &parts) {
  if (parts.xs.empty() || !parts.xs.all())
    return;
  int64_t room = *roomOf(loop);
  std::optional<int64_t> bound = loop.getBound();
  bool hasOutputs = !parts.ys.all() && !parts.ys.empty();
  if (!ShapedType::isDynamic(room) &&
      !(hasOutputs && bound.value_or(room) < room)) {
    loop.setMaxIterations(uint64_t(std::min(room, bound.value_or(room))));
    return;
  }
  // One that no other loop has to keep for this one.
  auto it = llvm::find_if(
      loop.getXs(), [](Value x) { return !isControl(x.getDefiningOp()); });
  size_t kept =
      it == loop.getXs().end() ? 0 : size_t(it - loop.getXs().begin());
  parts.xs.reset(unsigned(kept));
}

static Operation *dropUnusedOf(LoopOp loop) {
  if (loop.hasCondition())
    Simplifier::eraseDead(loop.getConditionBlock());
  llvm::BitVector deadStates = liveStates(loop).flip();
  // What computes a dead state's next value is dead, too.
  for (unsigned k : deadStates.set_bits())
    loop.getBodyBlock().getTerminator()->setOperand(k, loop.getStates()[k]);
  LoopParts outputs(loop);
  for (auto [j, y] : llvm::enumerate(loop.getYs()))
    outputs.ys[unsigned(j)] = y.use_empty();
  if (outputs.ys.any())
    loop = dropParts(loop, outputs);
  Simplifier::eraseDead(loop.getBodyBlock());
  LoopParts parts(loop);
  parts.states = deadStates;
  for (auto [m, slice] : llvm::enumerate(loop.getSlices()))
    parts.xs[unsigned(m)] = slice.use_empty();
  for (auto [c, captured] : llvm::enumerate(loop.getCaptured()))
    parts.captures[unsigned(c)] =
        captured.use_empty() &&
        (!loop.hasCondition() ||
         loop.getCondition()
             .getArgument(unsigned(loop.getInits().size() + c))
             .use_empty());
  keepBound(loop, parts);
  if (parts.states.any() || parts.xs.any() || parts.captures.any())
    loop = dropParts(loop, parts);
  return loop;
}

static Operation *dropUnusedOf(CondOp cond) {
  llvm::BitVector ys(unsigned(cond.getYs().size())),
      captures(unsigned(cond.getCaptures().size()));
  for (auto [i, y] : llvm::enumerate(cond.getYs()))
    ys[unsigned(i)] = y.use_empty();
  for (Region *region : {&cond.getThen(), &cond.getOtherwise()}) {
    region->front().getTerminator()->eraseOperands(ys);
    Simplifier::eraseDead(region->front());
  }
  for (unsigned i = 0; i < captures.size(); ++i)
    captures[i] = cond.getThen().getArgument(i).use_empty() &&
                  cond.getOtherwise().getArgument(i).use_empty();
  if (ys.none() && captures.none())
    return cond;
  for (Region *region : {&cond.getThen(), &cond.getOtherwise()})
    region->front().eraseArguments(captures);
  OpBuilder b(cond);
  SmallVector<Value> results = keep(cond.getYs(), ys);
  auto now =
      CondOp::create(b, cond.getLoc(), ValueRange(results).getTypes(),
                     cond.getPredicate(), keep(cond.getCaptures(), captures));
  now->setDiscardableAttrs(cond->getDiscardableAttrDictionary());
  countKept(now, ys);
  now.getThen().takeBody(cond.getThen());
  now.getOtherwise().takeBody(cond.getOtherwise());
  for (auto [x, y] : llvm::zip_equal(results, now.getYs()))
    x.replaceAllUsesWith(y);
  cond.erase();
  return now;
}

Operation *etch::dropUnused(Operation *control) {
  if (auto loop = llvm::dyn_cast<LoopOp>(control))
    return dropUnusedOf(loop);
  return dropUnusedOf(llvm::cast<CondOp>(control));
}
