//===- Plan.h - packs lifetimes into one arena ---------------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_BUFFER_PLAN_H
#define ETCH_COMPILER_BUFFER_PLAN_H

#include "llvm/ADT/ArrayRef.h"

#include <cstdint>

namespace etch {

/// Where everything in an arena starts.
inline constexpr int64_t arenaAlignment = 64;
inline constexpr int64_t pageBytes = 4096;

/// What `describe` leaves on a program: a dictionary for each buffer, begin,
/// end, offset and bytes of each slot, the slots of its loops and branches; and
/// a function that returns the bytes of main's arena, then offset and bytes of
/// each slot.
inline constexpr char kPlanAttr[] = "etch.plan";
inline constexpr char kSlotsAttr[] = "etch.slots";
inline constexpr char kPiecesAttr[] = "etch.pieces";
inline constexpr char kBorderAttr[] = "etch.border"; ///< first backward step
inline constexpr char kPlanFunction[] = "main.plan";

inline int64_t alignUp(int64_t bytes) {
  return (bytes + arenaAlignment - 1) / arenaAlignment * arenaAlignment;
}

/// Something that needs `bytes` from step `begin` to step `end`, both included.
struct Lifetime {
  int64_t begin, end;
  int64_t bytes;
  int64_t offset = 0; ///< what planArena finds
};

/// Gives each lifetime an aligned offset such that none that overlap in time
/// overlap in space. Returns the bytes of the whole arena.
int64_t planArena(llvm::MutableArrayRef<Lifetime> lifetimes);

/// Gives each lifetime pages of its own, so that it ends where a page does; the
/// first page of all, and the one behind each, is nobody's.
int64_t planGuarded(llvm::MutableArrayRef<Lifetime> lifetimes);

/// The largest sum of aligned bytes over all steps: no plan needs less.
int64_t liveBytes(llvm::ArrayRef<Lifetime> lifetimes);

} // namespace etch

#endif // ETCH_COMPILER_BUFFER_PLAN_H
