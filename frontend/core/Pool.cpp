//===- Pool.cpp - the caching allocator -----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Small blocks: a list per size and thread. Large blocks: one list for all
// threads, searched for the tightest fit; a fresh large block costs a page
// fault per 4 KiB, which is more than most operations on it.
//===----------------------------------------------------------------------===//

#include "frontend/core/Pool.h"
#include "etch/memory.h"

#include <bit>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <sys/mman.h>
#include <vector>

using namespace etch;
using namespace etch::detail;

constinit thread_local PoolCache detail::pool_cache{};

namespace {

constexpr size_t small_limit = 64 << 10;
constexpr unsigned num_classes = PoolCache::num_classes;

unsigned class_of(size_t bytes) {
  if (bytes <= 2048)
    return bytes ? unsigned((bytes - 1) / 64) : 0;
  unsigned log = unsigned(std::bit_width(bytes - 1)) - 1; // 11 … 15
  return 32 + (log - 11) * 4 + unsigned(((bytes - 1) >> (log - 2)) & 3);
}

size_t bytes_of(unsigned c) {
  if (c < 32)
    return (size_t(c) + 1) * 64;
  unsigned log = 11 + (c - 32) / 4;
  return (size_t(1) << log) + ((size_t((c - 32) % 4) + 1) << (log - 2));
}

void drain(PoolCache &cache) {
  for (unsigned c = 0; c < num_classes; ++c) {
    while (PoolCache::Block *block = cache.free[c]) {
      cache.free[c] = block->next;
      std::free(block);
    }
    cache.count[c] = 0;
  }
  cache.cached = 0;
}

struct CloseAtThreadExit {
  ~CloseAtThreadExit() {
    drain(pool_cache);
    pool_cache.closed = true;
  }
  void arm() { pool_cache.guarded = true; }
};
thread_local CloseAtThreadExit closer;

constexpr size_t huge_page = size_t(2) << 20;
constexpr size_t mapped_limit = 2 * huge_page;

size_t rounded(size_t bytes) {
  return (bytes + huge_page - 1) / huge_page * huge_page;
}

/// Of an array, this part may be the rest of a huge page that it does not fill.
constexpr size_t unused_share = 64;

/// What is large has pages of its own, huge ones where there are any: they go
/// back to the system when they are given back, wherever they lie. The first
/// `used` bytes will be touched.
void *fresh(size_t bytes, size_t used) {
  if (bytes < mapped_limit) {
    void *block = std::aligned_alloc(64, bytes);
    if (!block)
      throw std::bad_alloc();
    return block;
  }
  size_t whole = rounded(bytes);
  void *map = mmap(nullptr, whole + huge_page, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED)
    throw std::bad_alloc();
  auto begin = reinterpret_cast<uintptr_t>(map), place = rounded(begin);
  if (place != begin)
    munmap(map, place - begin);
  if (size_t behind = begin + huge_page - place)
    munmap(reinterpret_cast<void *>(place + whole), behind);
  auto *block = reinterpret_cast<void *>(place);
  madvise(block, bytes, MADV_HUGEPAGE);
  size_t full = used / huge_page * huge_page, page = 4096;
  if (full < used && rounded(used) - used > used / unused_share)
    madvise(reinterpret_cast<void *>(place + full),
            (bytes + page - 1) / page * page - full, MADV_NOHUGEPAGE);
  return block;
}

void release(void *block, size_t bytes) noexcept {
  if (bytes < mapped_limit)
    std::free(block);
  else
    munmap(block, rounded(bytes));
}

/// The blocks above small_limit that are free, for all threads.
struct LargeCache {
  struct Block {
    void *data;
    size_t bytes;
  };
  std::mutex mutex;
  std::vector<Block> blocks; ///< oldest first
  size_t bytes = 0;
  static constexpr size_t max_bytes = size_t(1) << 30;
  static constexpr size_t max_blocks = 256;

  void *take(size_t size) {
    std::lock_guard lock(mutex);
    size_t best = blocks.size();
    for (size_t i = 0; i < blocks.size(); ++i)
      if (blocks[i].bytes == size) {
        best = i;
        break;
      }
    if (best == blocks.size())
      return nullptr;
    void *data = blocks[best].data;
    bytes -= blocks[best].bytes;
    blocks[best] = blocks.back();
    blocks.pop_back();
    return data;
  }
  void give(void *data, size_t size) {
    std::unique_lock lock(mutex);
    blocks.push_back({data, size});
    bytes += size;
    while (bytes > max_bytes || blocks.size() > max_blocks) {
      Block oldest = blocks.front();
      blocks.erase(blocks.begin());
      bytes -= oldest.bytes;
      release(oldest.data, oldest.bytes);
    }
  }
  void drain() {
    std::lock_guard lock(mutex);
    for (Block &block : blocks)
      release(block.data, block.bytes);
    blocks.clear();
    bytes = 0;
  }
};
/// Never destroyed: static Variables are freed after main.
LargeCache &large_cache() {
  static LargeCache &instance = *new LargeCache;
  return instance;
}

/// Large sizes in steps of an eighth, so that nearly equal arrays share blocks.
/// Arrays have powers of two as sizes, but for what stands in front of them.
size_t large_size(size_t bytes) {
  constexpr size_t front = 64;
  size_t step = std::max<size_t>(4096, std::bit_floor(bytes) / 8);
  return (bytes - front + step - 1) / step * step + front;
}

} // namespace

void *detail::pool_allocate(size_t bytes) {
  if (bytes > PTRDIFF_MAX)
    throw std::bad_alloc();
  if (bytes > small_limit) {
    size_t size = large_size(bytes);
    void *block = large_cache().take(size);
    return block ? block : fresh(size, bytes);
  }
  unsigned c = class_of(bytes);
  PoolCache &cache = pool_cache;
  if (PoolCache::Block *block = cache.free[c]) {
    cache.free[c] = block->next;
    --cache.count[c];
    cache.cached -= int64_t(bytes_of(c));
    return block;
  }
  return fresh(bytes_of(c), bytes);
}

void detail::pool_free(void *block, size_t bytes) noexcept {
  if (bytes > small_limit)
    return large_cache().give(block, large_size(bytes));
  unsigned c = class_of(bytes);
  size_t size = bytes_of(c);
  PoolCache &cache = pool_cache;
  if (cache.closed || int64_t(cache.count[c] * size) > PoolCache::max_bytes) {
    std::free(block);
    return;
  }
  if (!cache.guarded)
    closer.arm();
  cache.free[c] = new (block) PoolCache::Block{cache.free[c]};
  ++cache.count[c];
  cache.cached += int64_t(size);
}

void etch::release_cached_memory() {
  drain(pool_cache);
  large_cache().drain();
}

namespace etch::detail {
int64_t cached_bytes() {
  LargeCache &large = large_cache();
  std::lock_guard lock(large.mutex);
  return pool_cache.cached + int64_t(large.bytes);
}
} // namespace etch::detail
