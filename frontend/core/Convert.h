//===- Convert.h - Elements of one type from those of another ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef ETCH_CORE_CONVERT_H
#define ETCH_CORE_CONVERT_H

#include "etch/types.h"

namespace etch::detail {

template <class T> inline constexpr DType dtype_of = f64;
template <> inline constexpr DType dtype_of<bool> = boolean;
template <> inline constexpr DType dtype_of<int32_t> = i32;
template <> inline constexpr DType dtype_of<int64_t> = i64;
template <> inline constexpr DType dtype_of<float> = f32;

/// Converts n dense elements, as `cast` does: for what the host reads and
/// writes. Floats become integers by truncation, saturating; NaN becomes 0.
void convert(const void *from, DType from_type, void *to, DType to_type,
             int64_t n);

/// f(T()) for the element type T that `dtype` names.
template <class F> decltype(auto) visit(DType dtype, F f) {
  switch (dtype) {
  case boolean:
    return f(bool());
  case i32:
    return f(int32_t());
  case i64:
    return f(int64_t());
  case f32:
    return f(float());
  case f64:
    break;
  }
  return f(double());
}

} // namespace etch::detail

#endif // ETCH_CORE_CONVERT_H
