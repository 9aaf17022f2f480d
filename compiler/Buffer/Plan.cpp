//===- Plan.cpp - packs lifetimes into one arena
//---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Two heuristics, the smaller result wins. In order of size (then of length of
// life) each lifetime takes the smallest gap, among those that overlap it in
// time, that holds it: near the optimum, but quadratic where much overlaps. In
// order of time, from a list of free gaps, best fit: n log n, for programs
// beyond what the first is given.
//===----------------------------------------------------------------------===//

#include "compiler/Buffer/Plan.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"

#include <map>
#include <set>
#include <tuple>

using namespace etch;
using llvm::ArrayRef;
using llvm::MutableArrayRef;
using llvm::SmallVector;

/// Work that the search in order of size may take, in pairs looked at.
static constexpr size_t pairLimit = 4'000'000;

int64_t etch::liveBytes(ArrayRef<Lifetime> lifetimes) {
  std::map<int64_t, int64_t> change;
  for (const Lifetime &l : lifetimes) {
    change[l.begin] += alignUp(l.bytes);
    change[l.end + 1] -= alignUp(l.bytes);
  }
  int64_t live = 0, most = 0;
  for (auto [step, bytes] : change)
    most = std::max(most, live += bytes);
  return most;
}

static int64_t planBySize(MutableArrayRef<Lifetime> lifetimes) {
  SmallVector<Lifetime *> order =
      llvm::map_to_vector(lifetimes, [](Lifetime &l) { return &l; });
  llvm::sort(order, [](const Lifetime *a, const Lifetime *b) {
    return std::make_tuple(-a->bytes, a->begin - a->end, a) <
           std::make_tuple(-b->bytes, b->begin - b->end, b);
  });
  std::set<std::pair<int64_t, Lifetime *>> placed; // by offset
  int64_t total = 0;
  for (Lifetime *l : order) {
    int64_t bytes = alignUp(l->bytes), top = 0;
    int64_t best = -1, bestGap = INT64_MAX;
    for (auto [offset, other] : placed) {
      if (other->end < l->begin || l->end < other->begin)
        continue;
      int64_t gap = offset - top;
      if (gap >= bytes && gap < bestGap) {
        best = top;
        bestGap = gap;
      }
      top = std::max(top, offset + alignUp(other->bytes));
    }
    l->offset = best < 0 ? top : best;
    total = std::max(total, l->offset + bytes);
    placed.insert({l->offset, l});
  }
  return total;
}

namespace {
/// Gaps of the arena, found by size or by place; neighbours merge.
class FreeList {
public:
  int64_t take(int64_t bytes) {
    auto fit = bySize.lower_bound({bytes, 0});
    if (fit == bySize.end())
      return grow(bytes);
    auto [size, offset] = *fit;
    erase(offset, size);
    if (size > bytes)
      insert(offset + bytes, size - bytes);
    return offset;
  }
  void give(int64_t offset, int64_t bytes) {
    auto after = byOffset.find(offset + bytes);
    if (after != byOffset.end()) {
      int64_t size = after->second;
      erase(offset + bytes, size);
      bytes += size;
    }
    auto before = byOffset.lower_bound(offset);
    if (before != byOffset.begin()) {
      --before;
      auto [start, size] = *before;
      if (start + size == offset) {
        erase(start, size);
        offset = start;
        bytes += size;
      }
    }
    insert(offset, bytes);
  }
  int64_t total = 0;

private:
  int64_t grow(int64_t bytes) {
    // A gap at the end grows with the arena.
    int64_t offset = total;
    if (!byOffset.empty()) {
      auto [start, size] = *byOffset.rbegin();
      if (start + size == total) {
        erase(start, size);
        offset = start;
      }
    }
    total = offset + bytes;
    return offset;
  }
  void insert(int64_t offset, int64_t bytes) {
    byOffset[offset] = bytes;
    bySize.insert({bytes, offset});
  }
  void erase(int64_t offset, int64_t bytes) {
    byOffset.erase(offset);
    bySize.erase({bytes, offset});
  }
  std::map<int64_t, int64_t> byOffset;
  std::set<std::pair<int64_t, int64_t>> bySize;
};
} // namespace

static int64_t planByTime(MutableArrayRef<Lifetime> lifetimes) {
  SmallVector<Lifetime *> starts =
      llvm::map_to_vector(lifetimes, [](Lifetime &l) { return &l; });
  SmallVector<Lifetime *> ends = starts;
  llvm::sort(starts, [](const Lifetime *a, const Lifetime *b) {
    return std::make_tuple(a->begin, -a->bytes, a) <
           std::make_tuple(b->begin, -b->bytes, b);
  });
  llvm::sort(ends, [](const Lifetime *a, const Lifetime *b) {
    return std::make_tuple(a->end, a) < std::make_tuple(b->end, b);
  });
  FreeList free;
  size_t ended = 0;
  for (Lifetime *l : starts) {
    for (; ended < ends.size() && ends[ended]->end < l->begin; ++ended)
      free.give(ends[ended]->offset, alignUp(ends[ended]->bytes));
    l->offset = free.take(alignUp(l->bytes));
  }
  return free.total;
}

int64_t etch::planGuarded(MutableArrayRef<Lifetime> lifetimes) {
  int64_t top = pageBytes;
  for (Lifetime &l : lifetimes) {
    int64_t pages = (l.bytes + pageBytes - 1) / pageBytes * pageBytes;
    l.offset = top + pages - l.bytes;
    top += pages + pageBytes;
  }
  return top;
}

int64_t etch::planArena(MutableArrayRef<Lifetime> all) {
  SmallVector<Lifetime> lifetimes;
  for (const Lifetime &l : all)
    if (l.bytes > 0)
      lifetimes.push_back(l);
  int64_t total = planByTime(lifetimes);
  if (lifetimes.size() * lifetimes.size() <= pairLimit) {
    SmallVector<Lifetime> bySize = lifetimes;
    int64_t bytes = planBySize(bySize);
    if (bytes <= total) {
      total = bytes;
      lifetimes = std::move(bySize);
    }
  }
  const Lifetime *next = lifetimes.begin();
  for (Lifetime &l : all)
    if (l.bytes > 0)
      l.offset = (next++)->offset;
  return total;
}
