//===- Repetitions.cpp - the same ops again and again ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where a few ops in a row are like a few ops before them, the distance is
// written down; the distances that come most often are tried, each in one walk
// over all ops. A few ops alone may recur within one round, as the gates of an
// LSTM do, so they are taken 1, 8, 64 and 512 in a row.
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Repetitions.h"

using namespace mlir;
using namespace etch;

OpSequence::OpSequence(Block &block) {
  for (Operation &op : block.without_terminator()) {
    numbers[&op] = int64_t(ops.size());
    ops.push_back(&op);
  }
}

int64_t OpSequence::definition(Value x) const {
  auto it = numbers.find(x.getDefiningOp());
  return it == numbers.end() ? -1 : it->second;
}

bool etch::isRepeatable(Operation *op) {
  return op->getNumRegions() == 0 && op->getNumResults() == 1 &&
         (llvm::isa<DifferentiableOpInterface, ConstantOp, tensor::DimOp>(op) ||
          llvm::isa_and_nonnull<arith::ArithDialect>(op->getDialect()));
}

/// Whether ops may differ in this attribute.
static bool mayDiffer(Operation *op, StringAttr name) {
  if (auto slice = llvm::dyn_cast<SliceOp>(op))
    return name == slice.getStartsAttrName();
  auto constant = llvm::dyn_cast<ConstantOp>(op);
  return constant && constant.getValue().isSplat() &&
         name == constant.getValueAttrName();
}

static llvm::hash_code hashOf(Operation *op) {
  llvm::hash_code hash = hash_value(op->getName());
  for (NamedAttribute attr : op->getAttrDictionary())
    if (!mayDiffer(op, attr.getName()))
      hash = llvm::hash_combine(hash, attr.getName(), attr.getValue());
  for (Type type : op->getResultTypes())
    hash = llvm::hash_combine(hash, type);
  for (Value x : op->getOperands())
    hash = llvm::hash_combine(hash, x.getType());
  return hash;
}

bool etch::areAlike(Operation *a, Operation *b) {
  if (a->getName() != b->getName() ||
      a->getOperandTypes() != b->getOperandTypes() ||
      a->getResultTypes() != b->getResultTypes())
    return false;
  DictionaryAttr mine = a->getAttrDictionary(), other = b->getAttrDictionary();
  if (mine == other)
    return true;
  // A start that counts from the end is none of those that move on.
  for (Operation *op : {a, b})
    if (auto slice = llvm::dyn_cast<SliceOp>(op))
      if (llvm::any_of(slice.getStarts(), [](int64_t i) { return i < 0; }))
        return false;
  return mine.size() == other.size() &&
         llvm::all_of(llvm::zip_equal(mine, other), [&](auto pair) {
           auto [x, y] = pair;
           return x == y ||
                  (x.getName() == y.getName() && mayDiffer(a, x.getName()) &&
                   mayDiffer(b, x.getName()));
         });
}

namespace {
class Finder {
public:
  Finder(const OpSequence &ops, size_t rounds) : ops(ops), rounds(rounds) {}
  SmallVector<Repetition> run();

private:
  SmallVector<size_t> distances();
  bool repeats(size_t i, size_t period);
  bool begins(size_t i, size_t period);
  void walk(size_t period);

  const OpSequence &ops;
  size_t rounds;
  SmallVector<llvm::hash_code> hashes;
  SmallVector<Repetition> found;
};
} // namespace

/// The distances at which ops recur most often.
SmallVector<size_t> Finder::distances() {
  SmallVector<size_t> best;
  for (size_t width : {1, 8, 64, 512}) {
    if (width * 2 > ops.size())
      break;
    // A hash of the last `width` ops, kept up to date.
    constexpr uint64_t base = 0x9E3779B97F4A7C15;
    uint64_t power = 1, hash = 0;
    for (size_t i = 0; i < width; ++i)
      power *= base;
    llvm::DenseMap<uint64_t, size_t> last;
    llvm::DenseMap<size_t, size_t> counts;
    for (size_t i = 0; i < ops.size(); ++i) {
      hash = hash * base + size_t(hashes[i]);
      if (i >= width)
        hash -= power * size_t(hashes[i - width]);
      if (i + 1 < width)
        continue;
      auto [it, isNew] = last.try_emplace(hash >> 1, i);
      if (!isNew)
        ++counts[i - std::exchange(it->second, i)];
    }
    SmallVector<std::pair<size_t, size_t>> sorted;
    for (auto [distance, count] : counts)
      sorted.push_back({count, distance});
    llvm::sort(sorted, std::greater<>());
    for (auto [count, distance] : ArrayRef(sorted).take_front(4))
      if (!llvm::is_contained(best, distance))
        best.push_back(distance);
  }
  return best;
}

/// Whether the op `period` behind op i does the same, one round later.
bool Finder::repeats(size_t i, size_t period) {
  Operation *a = ops[i], *b = ops[i + period];
  if (hashes[i] != hashes[i + period] || !isRepeatable(a) || !areAlike(a, b))
    return false;
  return llvm::all_of(
      llvm::zip_equal(a->getOperands(), b->getOperands()), [&](auto pair) {
        auto [x, y] = pair;
        int64_t from = ops.definition(x);
        return x == y ||
               (from >= 0 && ops.definition(y) == from + int64_t(period));
      });
}

/// The same, but the first time values may come from before.
bool Finder::begins(size_t i, size_t period) {
  Operation *a = ops[i], *b = ops[i + period];
  if (hashes[i] != hashes[i + period] || !isRepeatable(a) || !areAlike(a, b))
    return false;
  return llvm::all_of(
      llvm::zip_equal(a->getOperands(), b->getOperands()), [&](auto pair) {
        auto [x, y] = pair;
        int64_t from = ops.definition(x), to = ops.definition(y);
        return x == y || (from >= 0 && to == from + int64_t(period)) ||
               (to >= int64_t(i) && from < int64_t(i));
      });
}

void Finder::walk(size_t period) {
  for (size_t i = 0, end; i + period < ops.size(); i = end + 1) {
    end = i;
    int64_t outside = -1; // the last value that stays the same
    for (; end + period < ops.size() && repeats(end, period); ++end)
      for (auto [x, y] : llvm::zip_equal(ops[end]->getOperands(),
                                         ops[end + period]->getOperands()))
        if (x == y)
          outside = std::max(outside, ops.definition(x));
    size_t first = std::max(i, size_t(outside + 1));
    if (first >= end || end + period - first < period * (rounds - 1))
      continue;
    size_t from = first;
    while (from > size_t(outside + 1) && first - from < period &&
           begins(from - 1, period))
      --from;
    Repetition r = {from, first, end + period, period};
    if (r.rounds() >= rounds)
      found.push_back(r);
  }
}

SmallVector<Repetition> Finder::run() {
  for (size_t i = 0; i < ops.size(); ++i)
    hashes.push_back(hashOf(ops[i]));
  for (size_t period : distances())
    walk(period);
  auto saved = [](const Repetition &r) { return (r.rounds() - 1) * r.period; };
  llvm::sort(found, [&](const Repetition &a, const Repetition &b) {
    return std::pair(saved(a), b.from) > std::pair(saved(b), a.from);
  });
  return found;
}

SmallVector<Repetition> etch::findRepetitions(const OpSequence &ops,
                                              size_t rounds) {
  return Finder(ops, rounds).run();
}
