//===- Pool.h - Blocks of memory that are used again and again --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef ETCH_CORE_POOL_H
#define ETCH_CORE_POOL_H

#include <cstddef>
#include <new>
#include <utility>

namespace etch::detail {

/// A 64-byte aligned block of at least `bytes`. Throws std::bad_alloc.
void *pool_allocate(size_t bytes);
/// `bytes` as given to pool_allocate. Any thread may free.
void pool_free(void *block, size_t bytes) noexcept;

template <class T, class... Args> T *pool_new(Args &&...args) {
  return new (pool_allocate(sizeof(T))) T(std::forward<Args>(args)...);
}
template <class T> void pool_delete(T *object) noexcept {
  object->~T();
  pool_free(object, sizeof(T));
}

} // namespace etch::detail

#endif // ETCH_CORE_POOL_H
