//===- Convert.cpp - elements of one type from those of another -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "frontend/core/Convert.h"

#include <cstring>
#include <limits>
#include <type_traits>

using namespace etch;

template <class From, class To> static To convert_one(From x) {
  if constexpr (std::is_same_v<To, bool>) {
    return x != 0;
  } else if constexpr (std::is_floating_point_v<From> &&
                       std::is_integral_v<To>) {
    using L = std::numeric_limits<To>;
    if (x != x)
      return 0;
    // The bound is a power of two: exact in either float type.
    From bound = -From(L::min());
    return x >= bound ? L::max() : x < -bound ? L::min() : To(x);
  } else {
    return To(x);
  }
}

void detail::convert(const void *from, DType from_type, void *to, DType to_type,
                     int64_t n) {
  if (from_type == to_type) {
    if (n)
      std::memcpy(to, from, size_t(n * size_of(to_type)));
    return;
  }
  visit(from_type, [&](auto a) {
    visit(to_type, [&](auto b) {
      auto *x = static_cast<const decltype(a) *>(from);
      auto *y = static_cast<decltype(b) *>(to);
      for (int64_t i = 0; i < n; ++i)
        y[i] = convert_one<decltype(a), decltype(b)>(x[i]);
    });
  });
}
