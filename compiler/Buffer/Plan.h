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

/// The largest sum of aligned bytes over all steps: no plan needs less.
int64_t liveBytes(llvm::ArrayRef<Lifetime> lifetimes);

} // namespace etch

#endif // ETCH_COMPILER_BUFFER_PLAN_H
