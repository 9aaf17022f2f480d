//===- Pool.cpp - every array a block of its own --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Stands for the front end's pool, whose blocks are larger than their arrays
// and are used again: here AddressSanitizer sees where each array ends.
//===----------------------------------------------------------------------===//

#include "frontend/core/Pool.h"

#include <cstdint>
#include <cstdlib>

/// Not guarded: nothing is ever kept in it.
constinit thread_local etch::detail::PoolCache etch::detail::pool_cache{};

void *etch::detail::pool_allocate(size_t bytes) {
  void *block = nullptr;
  if (bytes > PTRDIFF_MAX || posix_memalign(&block, 64, bytes ? bytes : 1))
    throw std::bad_alloc();
  return block;
}

void etch::detail::pool_free(void *block, size_t) noexcept { std::free(block); }

namespace etch {
void release_cached_memory() {}
} // namespace etch

namespace etch::detail {
int64_t cached_bytes() { return 0; }
} // namespace etch::detail
