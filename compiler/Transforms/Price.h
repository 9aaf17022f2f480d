//===- Price.h - what it costs to compute a value again ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TRANSFORMS_PRICE_H
#define ETCH_COMPILER_TRANSFORMS_PRICE_H

#include "dialects/Etch/EtchDialect.h"
#include "dialects/Etch/Extents.h"
#include "dialects/Etch/ScalarPrice.h"

namespace etch {

/// Up to so many instructions it is cheaper to compute a value again than to
/// keep it.
inline constexpr int64_t maxPriceAgain = 4;

/// Of an array that is gone from the near caches when it is read again. To
/// write and read 16 floats there takes some 12 ns, 64 instructions on them 8.
inline constexpr int64_t maxPriceFar = 64, minBytesFar = 1 << 20;

/// Whether op spreads few numbers over many elements.
inline bool isSpread(mlir::Operation *op, ExtentGuess &guess) {
  constexpr int64_t many = 32;
  auto broadcast = llvm::dyn_cast_or_null<BroadcastToOp>(op);
  return broadcast && guess.elementsOf(broadcast.getY()) >=
                          many * guess.elementsOf(broadcast.getX());
}

} // namespace etch

#endif // ETCH_COMPILER_TRANSFORMS_PRICE_H
