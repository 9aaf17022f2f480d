//===- Price.h - what it costs to compute a value again ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TRANSFORMS_PRICE_H
#define ETCH_COMPILER_TRANSFORMS_PRICE_H

#include "dialects/Etch/ScalarPrice.h"

namespace etch {

/// Up to so many instructions it is cheaper to compute a value again than to
/// keep it.
inline constexpr int64_t maxPriceAgain = 4;

/// Of an array that is gone from the near caches when it is read again. To
/// write and read 16 floats there takes some 12 ns, 64 instructions on them 8.
inline constexpr int64_t maxPriceFar = 64, minBytesFar = 1 << 20;

} // namespace etch

#endif // ETCH_COMPILER_TRANSFORMS_PRICE_H
