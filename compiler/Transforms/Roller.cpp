//===- Roller.cpp - rounds of ops become a loop ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An op of a round reads what its round has made before it, what the round
// before has made (a state, with a value from outside the first time), or what
// is the same in all rounds (a capture). A slice that starts elsewhere each
// time is the slice of an input. But where a gradient goes through it, it is
// cut out of the whole at a start that is computed: its cotangents then add up
// as they would without the loop, zeros included.
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Roller.h"

#include "compiler/Transforms/Sweep.h"

using namespace mlir;
using namespace etch;

GradientFlow::GradientFlow(Block &block) {
  llvm::DenseSet<Value> derived; // from gradients
  auto anyOf = [](const llvm::DenseSet<Value> &set, ValueRange xs) {
    return llvm::any_of(xs, [&](Value x) { return set.contains(x); });
  };
  // Arguments with a gradient are marked before the ops that use them.
  for (auto gradient : block.getOps<GradientOp>())
    for (auto [x, gx] : llvm::zip_equal(gradient.getXs(), gradient.getGxs()))
      if (!gx.use_empty())
        wanted.insert(x);
  for (Operation &op : block) {
    if (auto gradient = llvm::dyn_cast<GradientOp>(op)) {
      hasSecondOrder |= derived.contains(gradient.getY());
      derived.insert(op.result_begin(), op.result_end());
    }
    if (!mayHaveGradient(&op))
      continue;
    for (auto *set : {&wanted, &derived})
      if (anyOf(*set, gradientOperands(&op)))
        set->insert(op.result_begin(), op.result_end());
  }
  for (Operation &op : llvm::reverse(block)) {
    if (auto gradient = llvm::dyn_cast<GradientOp>(op))
      needed.insert(gradient.getY());
    if (mayHaveGradient(&op) && anyOf(needed, op.getResults()))
      for (Value x : gradientOperands(&op))
        needed.insert(x);
  }
}

bool GradientFlow::comesThrough(OpOperand &use) const {
  Operation *user = use.getOwner();
  return llvm::isa<GradientOp>(user) ||
         (mayHaveGradient(user) &&
          use.getOperandNumber() < gradientOperands(user).size() &&
          llvm::any_of(user->getResults(),
                       [&](Value y) { return needed.contains(y); }));
}

EqualExtents::EqualExtents(Block &block) {
  for (Operation &op : block) {
    if (!llvm::isa<PointwiseOpInterface>(op))
      continue;
    Value x = op.getOperand(0);
    auto type = llvm::cast<RankedTensorType>(x.getType());
    for (Value y : op.getOperands().drop_front())
      for (unsigned i = 0; i < unsigned(type.getRank()); ++i)
        if (type.isDynamicDim(i) &&
            llvm::cast<RankedTensorType>(y.getType()).isDynamicDim(i))
          equal.unionSets(sourceOf(x, i), sourceOf(y, i));
  }
}

EqualExtents::Source EqualExtents::sourceOf(Value x, unsigned axis) {
  ExtentSource source = resolver.resolve(x, axis);
  return {source.value.getAsOpaquePointer(), source.axis};
}

bool EqualExtents::areEqual(Value a, Value b, unsigned axis) {
  auto x = llvm::cast<RankedTensorType>(a.getType()),
       y = llvm::cast<RankedTensorType>(b.getType());
  if (!x.isDynamicDim(axis) || !y.isDynamicDim(axis))
    return x.getDimSize(axis) == y.getDimSize(axis);
  Source from = sourceOf(a, axis), to = sourceOf(b, axis);
  return from == to || equal.isEquivalent(from, to);
}

bool Roller::isInside(Operation *op) const {
  int64_t number =
      op->getNumResults() ? ops.definition(op->getResult(0)) : int64_t(-1);
  return number >= int64_t(first) && number < int64_t(first + rounds * period);
}

bool Roller::hasSameShape(Value a, Value b) {
  auto type = llvm::cast<RankedTensorType>(a.getType());
  return llvm::all_of(llvm::seq<unsigned>(0, unsigned(type.getRank())),
                      [&](unsigned i) { return extents.areEqual(a, b, i); });
}

unsigned Roller::stateOf(unsigned m, Value init) {
  for (auto [i, state] : llvm::enumerate(states))
    if (state.op == m && (state.init == init || !init))
      return unsigned(i);
  states.push_back({m, init});
  return unsigned(states.size() - 1);
}

unsigned Roller::captureOf(Value x) {
  auto *it = llvm::find(captures, x);
  if (it == captures.end()) {
    captures.push_back(x);
    it = std::prev(captures.end());
  }
  return unsigned(it - captures.begin());
}

std::optional<Roller::Source> Roller::sourceOf(unsigned m, unsigned operand) {
  auto read = [&](size_t round) { return at(round, m)->getOperand(operand); };
  /// The op that makes what the second round reads.
  int64_t from = ops.definition(read(1)) - int64_t(first);
  bool isIndex = llvm::isa<IndexType>(read(0).getType());
  if (from >= int64_t(period)) {
    unsigned op = unsigned(from - int64_t(period));
    for (size_t t = 0; t < rounds; ++t)
      if (op >= m || read(t).getDefiningOp() != at(t, op))
        return std::nullopt;
    return Source{Source::local, op, {}};
  }
  auto isBefore = [&](Value x) { // the whole
    Operation *op = x.getDefiningOp();
    return !op || !isInside(op);
  };
  if (!isBefore(read(0)))
    return std::nullopt;
  if (from >= 0) {
    auto op = unsigned(from);
    for (size_t t = 1; t < rounds; ++t)
      if (read(t).getDefiningOp() != at(t - 1, op))
        return std::nullopt;
    for (size_t t = 0; t < rounds; ++t)
      if (isIndex || !hasSameShape(read(0), at(t, op)->getResult(0)))
        return std::nullopt;
    return Source{Source::state, stateOf(op, read(0)), {}};
  }
  for (size_t t = 1; t < rounds; ++t)
    if (read(t) != read(0))
      return std::nullopt;
  if (!isIndex)
    return Source{Source::capture, captureOf(read(0)), {}};
  // An extent, which a body has from a tensor, or the number of an axis.
  if (read(0).getDefiningOp<arith::ConstantOp>())
    return Source{Source::extent, 0, read(0)};
  auto dim = read(0).getDefiningOp<tensor::DimOp>();
  if (dim && dim.getConstantIndex())
    return Source{Source::extent, captureOf(dim.getSource()), read(0)};
  return std::nullopt;
}

/// Whether no other op of a round reads x.
bool Roller::isReadBy(Value x, unsigned m) {
  return llvm::all_of(x.getUsers(), [&](Operation *user) {
    if (!isInside(user))
      return true;
    int64_t number = ops.definition(user->getResult(0)) - int64_t(first);
    return size_t(number) % period == m;
  });
}

bool Roller::checkSlice(unsigned m) {
  auto slice = llvm::cast<SliceOp>(at(0, m));
  RankedTensorType y = slice.getType();
  auto startsAt = [&](size_t t) {
    return llvm::cast<SliceOp>(at(t, m)).getStarts();
  };
  ArrayRef<int64_t> starts = startsAt(0), next = startsAt(1);
  Moving result;
  for (unsigned i = 0; i < starts.size(); ++i) {
    bool moves = starts[i] != next[i];
    // The rest is whole; a start from the end is none to count from.
    bool isWhole = starts[i] == 0 && slice.getSteps()[i] == 1 &&
                   extents.areEqual(slice.getX(), slice, i);
    if ((moves &&
         (result.axis >= 0 || slice.getSteps()[i] != 1 || y.isDynamicDim(i))) ||
        (!moves && !isWhole))
      return false;
    if (!moves)
      continue;
    result.axis = i;
    result.start = starts[i];
    result.step = next[i] - starts[i];
  }
  for (size_t t = 0; t < rounds; ++t)
    for (unsigned i = 0; i < starts.size(); ++i) {
      int64_t start = starts[i];
      if (int(i) == result.axis)
        start += int64_t(t) * result.step;
      if (startsAt(t)[i] != start || start < 0)
        return false;
    }
  Source from = sources[m][0];
  if (from.kind == Source::capture &&
      y.getDimSize(unsigned(result.axis)) == 1 && result.step > 0 &&
      (!flow.wanted.contains(slice.getX()) || isReadBy(slice.getX(), m))) {
    result.slice = int(inputs.size());
    inputs.push_back(m);
  }
  moving[m] = result;
  return true;
}

/// Whether the ops of all rounds are the same, or known to change.
bool Roller::checkAttributes(unsigned m) {
  Operation *op = at(0, m);
  bool same = true;
  for (size_t t = 1; t < rounds; ++t) {
    same &= op->getAttrDictionary() == at(t, m)->getAttrDictionary();
    if (!isRepeatable(at(t, m)) || !areAlike(op, at(t, m)))
      return false;
  }
  if (same)
    return true;
  if (llvm::isa<SliceOp>(op))
    return checkSlice(m);
  numbers[m] = unsigned(inputs.size());
  inputs.push_back(m);
  return true;
}

/// Who reads results behind the loop: any may read the last one. One from
/// within would have its cotangent from a row of zeros.
bool Roller::checkResult(unsigned m) {
  bool last = false, lastIsNeeded = false, row = false;
  for (size_t t = 0; t < rounds; ++t)
    for (OpOperand &use : at(t, m)->getUses()) {
      if (isInside(use.getOwner()))
        continue;
      bool isNeeded = flow.comesThrough(use);
      if (t + 1 < rounds && isNeeded)
        return false;
      (t + 1 < rounds ? row : last) = true;
      lastIsNeeded |= isNeeded;
    }
  auto type =
      llvm::dyn_cast<RankedTensorType>(at(0, m)->getResult(0).getType());
  if ((row || last) && !type)
    return false;
  if (row)
    rows.push_back(m);
  if (lastIsNeeded || (last && !row)) {
    asFinal.set(m);
    // One that no round reads begins with anything.
    if (states[stateOf(m, {})].init == nullptr && !type.hasStaticShape())
      return false;
  }
  return true;
}

bool Roller::check() {
  asFinal.resize(unsigned(period));
  sources.resize(period);
  for (unsigned m = 0; m < period; ++m) {
    unsigned n = at(0, m)->getNumOperands();
    for (unsigned operand = 0; operand < n; ++operand) {
      std::optional<Source> source = sourceOf(m, operand);
      if (!source)
        return false;
      sources[m].push_back(*source);
    }
    if (!checkAttributes(m))
      return false;
  }
  for (unsigned m = 0; m < period; ++m)
    if (!checkResult(m))
      return false;
  size_t after =
      period + states.size() + 2 * inputs.size() + 2 * rounds * rows.size();
  return 2 * after <= rounds * period;
}
