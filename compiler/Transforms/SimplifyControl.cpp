//===- SimplifyControl.cpp - what loops and branches need not take --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// All in place: what is replaced stays as an operand or result without uses,
// which DropUnused.cpp drops.
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/SimplifyControl.h"

#include "compiler/Transforms/Rows.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace etch;

/// Whether a value is the same number everywhere.
static bool isSplat(Value x) {
  auto constant = x.getDefiningOp<ConstantOp>();
  return constant && constant.getValue().isSplat();
}

namespace {
/// One operand and the arguments that stand for it, one for each region.
struct Passed {
  Value outside;
  SmallVector<BlockArgument, 2> inside;
  bool isSlice = false;
};
} // namespace

static SmallVector<Passed> passedTo(Operation *control) {
  SmallVector<Passed> all;
  if (auto cond = llvm::dyn_cast<CondOp>(control)) {
    for (auto [i, x] : llvm::enumerate(cond.getCaptures()))
      all.push_back({x,
                     {cond.getThen().getArgument(unsigned(i)),
                      cond.getOtherwise().getArgument(unsigned(i))}});
    return all;
  }
  auto loop = llvm::cast<LoopOp>(control);
  for (auto [x, argument] : llvm::zip_equal(loop.getXs(), loop.getSlices()))
    all.push_back({x, {argument}, true});
  unsigned first = unsigned(loop.getInits().size());
  for (auto [i, x] : llvm::enumerate(loop.getCaptures())) {
    all.push_back({x, {loop.getCaptured()[i]}});
    if (loop.hasCondition())
      all.back().inside.push_back(
          loop.getCondition().getArgument(first + unsigned(i)));
  }
  return all;
}

static OpBuilder atStart(BlockArgument argument) {
  Block *block = argument.getOwner();
  return OpBuilder(block, block->begin());
}

/// Puts a number that is spread over the operand's shape into the regions.
static void sinkSplat(const Passed &passed, Attribute value) {
  for (BlockArgument argument : passed.inside) {
    auto type = llvm::cast<RankedTensorType>(argument.getType());
    OpBuilder b = atStart(argument);
    argument.replaceAllUsesWith(ConstantOp::create(
        b, passed.outside.getLoc(), type, DenseElementsAttr::get(type, value)));
  }
}

/// Whether this operand is spread from less memory, and from what; null if not.
static Value spreadFrom(const Passed &passed) {
  auto broadcast = passed.outside.getDefiningOp<BroadcastToOp>();
  auto type = llvm::cast<RankedTensorType>(passed.outside.getType());
  if (!broadcast || !type.hasStaticShape())
    return {};
  auto from = llvm::cast<RankedTensorType>(broadcast.getX().getType());
  // All slices are equal if axis 0 is new.
  if (passed.isSlice && from.getRank() == type.getRank())
    return {};
  return from.hasStaticShape() ? broadcast.getX() : Value();
}

/// What all slices of this operand are: outputs of another loop, which goes as
/// far, that are something it captured. Null if they are not that.
static Value sameSlice(Operation *control, const Passed &passed) {
  auto reader = llvm::dyn_cast<LoopOp>(control);
  auto writer = passed.outside.getDefiningOp<LoopOp>();
  if (!reader || !writer || !passed.isSlice || !goesAsFar(reader, writer))
    return {};
  size_t first = 1 + writer.getInits().size();
  size_t number = llvm::cast<OpResult>(passed.outside).getResultNumber();
  if (number < first)
    return {};
  Value yielded = writer.getYielded()[number - first];
  for (auto [inside, x] :
       llvm::zip_equal(writer.getCaptured(), writer.getCaptures()))
    if (inside == yielded)
      return x;
  return {};
}

/// A further capture of a loop or branch, for some of its regions.
static SmallVector<BlockArgument> addCapture(Operation *control, Value x) {
  SmallVector<BlockArgument> arguments;
  if (auto loop = llvm::dyn_cast<LoopOp>(control))
    loop.getCapturesMutable().append(x);
  else
    llvm::cast<CondOp>(control).getCapturesMutable().append(x);
  for (Region &region : control->getRegions())
    if (!region.empty())
      arguments.push_back(region.addArgument(x.getType(), x.getLoc()));
  return arguments;
}

static void simplifyPassed(Operation *control) {
  llvm::DenseMap<std::pair<Value, int>, size_t> known;
  SmallVector<Passed> all = passedTo(control);
  for (auto [i, passed] : llvm::enumerate(all)) {
    if (llvm::all_of(passed.inside, [](Value x) { return x.use_empty(); }))
      continue;
    auto type = llvm::cast<RankedTensorType>(passed.inside[0].getType());
    if (isSplat(passed.outside) && type.hasStaticShape()) {
      auto value = llvm::cast<DenseElementsAttr>(
          passed.outside.getDefiningOp<ConstantOp>().getValue());
      sinkSplat(passed, value.getSplatValue<Attribute>());
      continue;
    }
    if (Value same = sameSlice(control, passed)) {
      passed.inside[0].replaceAllUsesWith(addCapture(control, same).back());
      continue;
    }
    if (Value from = spreadFrom(passed)) {
      for (BlockArgument argument : addCapture(control, from)) {
        auto *mine = llvm::find_if(passed.inside, [&](BlockArgument x) {
          return x.getOwner() == argument.getOwner();
        });
        if (mine == passed.inside.end() || mine->use_empty())
          continue;
        OpBuilder b = atStart(argument);
        mine->replaceAllUsesWith(
            BroadcastToOp::create(b, passed.outside.getLoc(), type, argument,
                                  ValueRange(), type.getShape()));
      }
      continue;
    }
    auto [it, isNew] =
        known.try_emplace({passed.outside, int(passed.isSlice)}, i);
    if (isNew)
      continue;
    for (auto [mine, first] :
         llvm::zip_equal(passed.inside, all[it->second].inside))
      mine.replaceAllUsesWith(first);
  }
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

/// A state that each iteration leaves as it is, or as the number that it is.
static void simplifyStates(LoopOp loop) {
  for (unsigned k = 0; k < loop.getInits().size(); ++k) {
    BlockArgument state = loop.getStates()[k];
    Value next = loop.getNextStates()[k], init = loop.getInits()[k];
    bool isNumber = isSplat(next) && isSplat(init) &&
                    next.getDefiningOp<ConstantOp>().getValue() ==
                        init.getDefiningOp<ConstantOp>().getValue();
    if (next != state && !isNumber)
      continue;
    loop.getFinals()[k].replaceAllUsesWith(init);
    bool inCondition =
        loop.hasCondition() && !loop.getCondition().getArgument(k).use_empty();
    if (state.hasOneUse() && next == state && !inCondition)
      continue;
    SmallVector<BlockArgument> captured = addCapture(loop, init);
    loop.getStates()[k].replaceAllUsesWith(captured.back());
    if (loop.hasCondition())
      loop.getCondition().getArgument(k).replaceAllUsesWith(captured.front());
    // The state itself is left without a meaning.
    loop.getBodyBlock().getTerminator()->setOperand(k, loop.getStates()[k]);
  }
}

/// Whether the loop fills all slices of its outputs.
static bool runsThrough(LoopOp loop) {
  std::optional<int64_t> room = roomOf(loop);
  return room && !loop.hasCondition() && !loop.getLimit() &&
         (!loop.getBound() ||
          (!ShapedType::isDynamic(*room) && *loop.getBound() >= *room));
}

/// Whether a loop goes as far as another one that goes through its inputs
/// anyway.
static bool isLimitedByInputs(LoopOp loop) {
  auto other =
      loop.getLimit() ? loop.getLimit().getDefiningOp<LoopOp>() : LoopOp();
  return other && loop.getLimit() == other.getCount() && goesThrough(other) &&
         llvm::any_of(loop.getXs(), [&](Value x) {
           return llvm::is_contained(other.getXs(), x) ||
                  llvm::is_contained(other.getYs(), x);
         });
}

bool etch::goesThrough(LoopOp loop) {
  return runsThrough(loop) || isLimitedByInputs(loop);
}

/// A limit that is a number, or says nothing new.
static void simplifyLimit(LoopOp loop) {
  DenseIntElementsAttr limit;
  if (loop.getLimit() && matchPattern(loop.getLimit(), m_Constant(&limit))) {
    int64_t n = std::max<int64_t>(0, limit.getSplatValue<int64_t>());
    // The extent of outputs without inputs is max_iterations.
    if (!loop.getXs().empty() || loop.getYs().empty() ||
        n == loop.getBound().value_or(-1)) {
      loop.setMaxIterations(uint64_t(std::min(n, loop.getBound().value_or(n))));
      loop.getLimitMutable().clear();
    }
  }
  if (isLimitedByInputs(loop))
    loop.getLimitMutable().clear();
  std::optional<int64_t> room = roomOf(loop);
  if (!loop.getXs().empty() && loop.getBound() &&
      !ShapedType::isDynamic(*room) && *loop.getBound() >= *room)
    loop.setMaxIterations(uint64_t(-1));
}

bool etch::goesAsFar(LoopOp reader, LoopOp loop) {
  return reader.getLimit() == loop.getCount() ||
         (!reader.getLimit() && runsThrough(loop));
}

/// Whether all that reads an output are loops that go as far as this one did.
static bool isReadAsFar(LoopOp loop, Value y) {
  return llvm::all_of(y.getUses(), [&](OpOperand &use) {
    auto reader = llvm::dyn_cast<LoopOp>(use.getOwner());
    if (!reader || reader.getLimit() != loop.getCount())
      return false;
    unsigned first = unsigned(1 + reader.getInits().size());
    return use.getOperandNumber() >= first &&
           use.getOperandNumber() < first + reader.getXs().size();
  });
}

/// Outputs that are an input, or equal to another output.
static void simplifyOutputs(LoopOp loop) {
  llvm::DenseMap<Value, Value> known;
  for (auto [y, value] : llvm::zip_equal(loop.getYs(), loop.getYielded())) {
    auto [it, isNew] = known.try_emplace(value, y);
    if (!isNew && it->second.getType() == y.getType()) {
      y.replaceAllUsesWith(it->second);
      continue;
    }
    for (auto [slice, x] : llvm::zip_equal(loop.getSlices(), loop.getXs()))
      if (slice == value && x.getType() == y.getType() &&
          (runsThrough(loop) || isReadAsFar(loop, y)))
        y.replaceAllUsesWith(x);
  }
}

/// A number of iterations that is known.
static void simplifyCount(LoopOp loop) {
  std::optional<int64_t> room = roomOf(loop);
  if (loop.getCount().use_empty() || loop.hasCondition() || loop.getLimit() ||
      !room || ShapedType::isDynamic(*room))
    return;
  OpBuilder b(loop);
  Value count = loop.getCount();
  count.replaceAllUsesWith(buildSplat(
      b, loop.getLoc(),
      double(std::min(*room, loop.getBound().value_or(*room))), count));
}

void etch::simplifyOperands(Operation *control) {
  // Once its regions are programs of their own, what they take is settled.
  for (Region &region : control->getRegions())
    if (!region.empty() && llvm::isa<func::CallOp>(region.front().front()))
      return;
  if (auto loop = llvm::dyn_cast<LoopOp>(control)) {
    simplifyLimit(loop);
    simplifyCount(loop);
    simplifyStates(loop);
    simplifyOutputs(loop);
  }
  simplifyPassed(control);
}
