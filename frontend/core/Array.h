//===- Array.h - Arrays that user code makes --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef ETCH_CORE_ARRAY_H
#define ETCH_CORE_ARRAY_H

#include "frontend/engine/Node.h"

namespace etch::detail {

[[noreturn]] void fail_rank(const char *what, const Location &where);
/// ShapeError if a shape that the user gives has too many axes.
inline void check_shape(const Shape &shape, const char *what,
                        const Location &where) {
  if (shape.rank() > Shape::max_rank) [[unlikely]]
    fail_rank(what, where);
}
[[noreturn]] void fail_size(const Shape &shape, const char *what,
                            const Location &where);
/// ShapeError unless memory could hold so many elements.
inline void check_size(const Shape &shape, const char *what,
                       const Location &where) {
  int64_t bytes = 8;
  bool large = false;
  for (int64_t e : shape)
    large |= __builtin_mul_overflow(bytes, e, &bytes);
  if (large) [[unlikely]]
    fail_size(shape, what, where);
}
/// Says for what memory was missing.
[[noreturn]] void fail_memory(const char *what, const TensorType &type,
                              const Location &where);
/// make_dense() after a check of the shape: ShapeError names `what`.
ValueRef new_dense(DType dtype, const Shape &shape, const char *what,
                   const Location &where);
/// A leaf that user code has made; a recorder is told.
Variable new_array(ValueRef value, const Location &where);

} // namespace etch::detail

#endif // ETCH_CORE_ARRAY_H
