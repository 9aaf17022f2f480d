//===- memory.h - How much memory arrays take -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef ETCH_MEMORY_H
#define ETCH_MEMORY_H

#include <cstdint>

namespace etch {

/// Bytes of array contents in this process.
struct MemoryStats {
  int64_t live_bytes = 0;   ///< held by Variables and by graphs now
  int64_t peak_bytes = 0;   ///< the most since the last reset_peak_memory()
  int64_t cached_bytes = 0; ///< freed, kept to be used again by this thread
};
MemoryStats memory_stats();
/// peak_bytes starts again from live_bytes.
void reset_peak_memory();
/// Gives cached blocks back to the system.
void release_cached_memory();

} // namespace etch

#endif // ETCH_MEMORY_H
