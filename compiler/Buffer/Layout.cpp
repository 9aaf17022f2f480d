//===- Layout.cpp - places in an arena of symbolic size -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Buffer/Layout.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace etch;

namespace {
/// Steps that are not covered yet.
class Uncovered {
public:
  Uncovered(int64_t begin, int64_t end) : parts{{begin, end}} {}
  bool any() const { return !parts.empty(); }
  /// Whether some of these steps were uncovered so far.
  bool cover(int64_t begin, int64_t end) {
    bool some = false;
    SmallVector<std::pair<int64_t, int64_t>> rest;
    for (auto [from, to] : parts) {
      if (to < begin || end < from) {
        rest.push_back({from, to});
        continue;
      }
      some = true;
      if (from < begin)
        rest.push_back({from, begin - 1});
      if (end < to)
        rest.push_back({end + 1, to});
    }
    parts = std::move(rest);
    return some;
  }

private:
  SmallVector<std::pair<int64_t, int64_t>> parts;
};
} // namespace

SymbolicLayout etch::layOut(ArrayRef<Lifetime> lifetimes, ArrayRef<Value> sizes,
                            OpBuilder &b, Location loc) {
  SmallVector<size_t> byOffset(lifetimes.size());
  for (size_t i = 0; i < byOffset.size(); ++i)
    byOffset[i] = i;
  llvm::sort(byOffset, [&](size_t x, size_t y) {
    return std::pair(lifetimes[x].offset, x) <
           std::pair(lifetimes[y].offset, y);
  });
  SymbolicLayout layout;
  layout.offsets.resize(lifetimes.size());
  SmallVector<Value> ends(lifetimes.size());
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  auto highest = [&](Value a, Value other) {
    return a == zero    ? other
           : a == other ? a
                        : b.createOrFold<arith::MaxUIOp>(loc, a, other);
  };
  /// The largest end of those in front of `rank` that are alive with this.
  auto topOf = [&](int64_t begin, int64_t end, size_t rank) {
    Value top = zero;
    Uncovered steps(begin, end);
    // From above: what lies under something that is alive with both is done.
    for (size_t r = rank; r-- != 0 && steps.any();) {
      size_t j = byOffset[r];
      if (lifetimes[j].bytes > 0 &&
          steps.cover(lifetimes[j].begin, lifetimes[j].end))
        top = highest(top, ends[j]);
    }
    return top;
  };
  for (auto [rank, i] : llvm::enumerate(byOffset)) {
    const Lifetime &l = lifetimes[i];
    layout.offsets[i] = topOf(l.begin, l.end, rank);
    ends[i] =
        layout.offsets[i] == zero
            ? sizes[i]
            : b.createOrFold<arith::AddIOp>(loc, layout.offsets[i], sizes[i]);
  }
  layout.total = topOf(INT64_MIN / 2, INT64_MAX / 2, byOffset.size());
  return layout;
}

/// The plan is made for guessed extents; offsets follow from the real ones.
static void planSymbolic(const Storage &storage, ProgramExtents &extents,
                         OpBuilder &b, Location loc, ArenaPlan &plan) {
  SmallVector<Lifetime> guessed = plan.lifetimes;
  ExtentGuess guess;
  for (auto [slot, l] : llvm::zip_equal(storage.slots, guessed)) {
    Value bytes;
    if (slot.control)
      bytes = extents.arenaBytes(slot.control);
    else if (!llvm::cast<RankedTensorType>(slot.value.getType())
                  .hasStaticShape())
      bytes = extents.bytesOf(slot.value);
    // A size that is guessed to be nothing may be something.
    if (bytes)
      l.bytes = std::max(arenaAlignment, guess.ofIndex(bytes));
    plan.bytes.push_back(
        bytes ? bytes
              : arith::ConstantIndexOp::create(b, loc, alignUp(l.bytes)));
  }
  planArena(guessed);
  SymbolicLayout layout = layOut(guessed, plan.bytes, b, loc);
  plan.offsets = layout.offsets;
  plan.totalBytes = layout.total;
}

ArenaPlan etch::planStorage(const Storage &storage, ProgramExtents &extents,
                            OpBuilder &b, Location loc, bool guarded) {
  ArenaPlan plan;
  bool isSymbolic = false;
  for (const Storage::Slot &slot : storage.slots) {
    int64_t bytes = 0;
    if (slot.control && extents.arenaBytes(slot.control)) {
      isSymbolic = true;
    } else if (slot.control) {
      bytes = extents.staticArenaBytes(slot.control);
    } else {
      auto type = llvm::cast<RankedTensorType>(slot.value.getType());
      isSymbolic |= !type.hasStaticShape();
      if (type.hasStaticShape())
        bytes = type.getNumElements() * elementBytes(type);
    }
    plan.lifetimes.push_back({slot.begin, slot.end, bytes});
  }
  plan.staticBytes = isSymbolic ? liveBytes(plan.lifetimes)
                     : guarded  ? planGuarded(plan.lifetimes)
                                : planArena(plan.lifetimes);
  plan.offsets.resize(storage.slots.size());
  if (isSymbolic)
    planSymbolic(storage, extents, b, loc, plan);
  return plan;
}
