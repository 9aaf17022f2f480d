//===- Pool.h - Blocks of memory that are used again and again --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef ETCH_CORE_POOL_H
#define ETCH_CORE_POOL_H

#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

namespace etch::detail {

/// The free small blocks of a thread, a list for each class of sizes. Trivially
/// destructible, so that it outlives every static Variable.
struct PoolCache {
  struct Block {
    Block *next;
  };
  /// 64, 128, … 2048, then four sizes per power of two up to 64 KiB.
  static constexpr unsigned num_classes = 32 + 4 * 5;
  static constexpr int64_t max_bytes = 4 << 20; ///< of one class

  Block *free[num_classes];
  uint32_t count[num_classes];
  int64_t cached;
  bool closed, guarded;
};
extern constinit thread_local PoolCache pool_cache;

/// A 64-byte aligned block of at least `bytes`. Throws std::bad_alloc.
void *pool_allocate(size_t bytes);
/// `bytes` as given to pool_allocate. Any thread may free.
void pool_free(void *block, size_t bytes) noexcept;

/// The same for objects: their size says the class.
template <class T, class... Args> T *pool_new(Args &&...args) {
  static_assert(sizeof(T) <= 2048 && alignof(T) <= 64);
  constexpr unsigned c = (sizeof(T) - 1) / 64;
  PoolCache &cache = pool_cache;
  void *place = cache.free[c];
  if (PoolCache::Block *block = cache.free[c]) {
    cache.free[c] = block->next;
    --cache.count[c];
    cache.cached -= (c + 1) * 64;
  } else {
    place = pool_allocate(sizeof(T));
  }
  return new (place) T(std::forward<Args>(args)...);
}
template <class T> void pool_delete(T *object) noexcept {
  constexpr unsigned c = (sizeof(T) - 1) / 64;
  object->~T();
  PoolCache &cache = pool_cache;
  if (cache.closed || !cache.guarded ||
      cache.count[c] > PoolCache::max_bytes / ((c + 1) * 64))
    return pool_free(object, sizeof(T));
  cache.free[c] = new (object) PoolCache::Block{cache.free[c]};
  ++cache.count[c];
  cache.cached += (c + 1) * 64;
}

} // namespace etch::detail

#endif // ETCH_CORE_POOL_H
