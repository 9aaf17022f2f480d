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

} // namespace etch

#endif // ETCH_COMPILER_TRANSFORMS_PRICE_H
