//===- Counted.h - Objects with a reference count ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef ETCH_CORE_COUNTED_H
#define ETCH_CORE_COUNTED_H

#include <cstdint>
#include <sys/single_threaded.h>
#include <utility>

namespace etch::detail {

/// The count; starts at 0, the first Ref makes it 1. Atomic only in a process
/// that has more than one thread.
struct Counted {
  mutable uint32_t refs = 0;
};

inline void add_ref(const Counted *c) noexcept {
  if (__libc_single_threaded)
    ++c->refs;
  else
    __atomic_fetch_add(&c->refs, 1, __ATOMIC_RELAXED);
}
/// Whether that was the last reference.
inline bool drop_ref(const Counted *c) noexcept {
  if (__libc_single_threaded)
    return --c->refs == 0;
  return __atomic_fetch_sub(&c->refs, 1, __ATOMIC_ACQ_REL) == 1;
}

/// A counted reference. The last one calls destroy(T *), found by its argument.
template <class T> class Ref {
public:
  Ref() noexcept = default;
  explicit Ref(T *object) noexcept : p(object) {
    if (p)
      add_ref(p);
  }
  Ref(const Ref &o) noexcept : Ref(o.p) {}
  Ref(Ref &&o) noexcept : p(std::exchange(o.p, nullptr)) {}
  Ref &operator=(Ref o) noexcept {
    std::swap(p, o.p);
    return *this;
  }
  ~Ref() {
    if (p && drop_ref(p))
      destroy(p);
  }
  T *get() const noexcept { return p; }
  T *operator->() const noexcept { return p; }
  T &operator*() const noexcept { return *p; }
  explicit operator bool() const noexcept { return p != nullptr; }
  friend bool operator==(const Ref &a, const Ref &b) { return a.p == b.p; }

private:
  T *p = nullptr;
};

} // namespace etch::detail

#endif // ETCH_CORE_COUNTED_H
