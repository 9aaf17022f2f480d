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

/// Whether op, behind a matrix product, is long and would compute lanes that
/// hold nothing, as rows of the result end within a vector: over all elements
/// in a row it takes less. An open extent is neither large nor small.
inline bool endsWithinVectors(mlir::Operation *product, mlir::Operation *op) {
  constexpr int64_t longPrice = 12, vectorBytes = 64, mostBytes = 1 << 20,
                    leastSaved = 1 << 10;
  auto type = llvm::cast<mlir::RankedTensorType>(op->getResult(0).getType());
  auto pointwise = llvm::dyn_cast<PointwiseOpInterface>(op);
  if (!llvm::isa<MatmulOp>(product) || !pointwise || type.getRank() < 2 ||
      type.isDynamicDim(unsigned(type.getRank() - 1)))
    return false;
  int64_t bytes = std::max(8u, type.getElementTypeBitWidth()) / 8,
          row = type.getShape().back() * bytes,
          whole = (row + vectorBytes - 1) / vectorBytes * vectorBytes;
  if (row == bytes || 4 * whole <= 5 * row)
    return false;
  // What is saved pays for a launch, and the result stays in the near caches.
  if (type.hasStaticShape()) {
    int64_t all = type.getNumElements() * bytes;
    if (all / row * (whole - row) < leastSaved || all > mostBytes)
      return false;
  }
  return scalarPrice(pointwise) >= longPrice;
}

/// Whether op spreads few numbers over many elements.
inline bool isSpread(mlir::Operation *op, ExtentGuess &guess) {
  constexpr int64_t many = 32;
  auto broadcast = llvm::dyn_cast_or_null<BroadcastToOp>(op);
  return broadcast && guess.elementsOf(broadcast.getY()) >=
                          many * guess.elementsOf(broadcast.getX());
}

} // namespace etch

#endif // ETCH_COMPILER_TRANSFORMS_PRICE_H
