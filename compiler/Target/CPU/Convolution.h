//===- Convolution.h - What kernels of windows share -------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A window's taps along one axis come in classes: tap t reads the source at
// o * stride + t * dilation - pad for output place o, so the taps of one class
// read the same residue of places by stride. Staged memory holds the places of
// a class next to each other: there, taps differ by an offset and neighbouring
// outputs are neighbours, whatever the stride.
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TARGET_CPU_CONVOLUTION_H
#define ETCH_COMPILER_TARGET_CPU_CONVOLUTION_H

#include "compiler/Target/CPU/Gemm.h"
#include "compiler/Target/CPU/Kernel.h"

#include <numeric>

namespace etch::cpu {

/// One axis: where output place o and tap t meet in the source.
struct WindowAxis {
  Ix extent, count, taps; ///< of the source, the output, the window
  Ix pad;                 ///< negative: the first places are never read
  int64_t stride = 1, dilation = 1;

  /// Taps whose numbers agree modulo this are of one class.
  int64_t period() const { return stride / std::gcd(stride, dilation); }
  Ix classes(Emit &e) const { return e.min(taps, period()); }
  Ix classOf(Emit &e, Ix tap) const { return e.rem(tap, period()); }
  /// How far a tap lies behind the first of its class, in staged places.
  Ix shift(Emit &e, Ix tap) const {
    return e.div(e.mul(tap, dilation), stride);
  }
  Ix largestShift(Emit &e) const { return shift(e, e.sub(taps, 1)); }
  /// The source place that staged place 0 of a class shows; may be negative.
  Ix origin(Emit &e, Ix number) const {
    return e.sub(e.rem(e.mul(number, dilation), stride), pad);
  }
};

/// `count` places of a row: place j shows source place origin + j * step, or 0
/// outside of it.
struct StagedRow {
  mlir::Value source; ///< place 0
  Ix sourceStride, origin;
  int64_t step = 1;
  Ix extent;
  mlir::Value isInside; ///< null: it is
  mlir::Value target;
  Ix count;
  mlir::Type element;
  bool exact = false; ///< else up to a vector behind the end is written, too
};
void emitStagedRow(Emit &e, const StagedRow &row, int64_t lanes);

/// Rows by columns of a product in registers. At step k, row r is a number at
/// left[rows[r] + leftSteps[k]], the columns are at right[rightSteps[k]].
struct RegisterTile {
  int64_t rows = 1, vectors = 1, lanes = 1;
  mlir::Type element;
  mlir::Value left, right;
  llvm::SmallVector<Ix> rowOffsets;
  /// Tables of i64; null: multiples of the stride.
  mlir::Value leftSteps, rightSteps;
  Ix leftStride = 1, rightStride = 1;
  /// Rows that come after these, and how far from the place of step k in them
  /// is what step k fetches of them; null: nothing.
  mlir::Value nextLeft, ahead;
  /// Steps that the columns are fetched ahead of their use; 0: not.
  int64_t fetchAhead = 0;
  /// What will be read or written after this: every so many steps `bytes` more,
  /// after each run of steps (0: there is one) from the start again.
  struct Fetch {
    mlir::Value from;
    int64_t every = 1;
    int64_t bytes = 0;
    bool write = false; ///< into the first cache, else into the second one
    int64_t run = 0;
  };
  llvm::SmallVector<Fetch, 4> fetches;
  /// Steps of a turn of the loop, which fetches what a line holds once, and
  /// whether they divide the depth.
  int64_t steps = 1;
  bool dividesDepth = true;

  int64_t columns() const { return vectors * lanes; }
  /// One block of K: chains from 0.
  llvm::SmallVector<mlir::Value> emit(Emit &e, Ix depth) const;
  /// Adds a block to the sums of those before; rows are `pitch` apart. `from`
  /// is where it begins.
  void addTo(Emit &e, mlir::Value sums, Ix pitch, mlir::ValueRange block,
             Ix from) const;
};

/// a / b rounded up, for what is known at run time only.
inline Ix ceilDivBy(Emit &e, Ix a, Ix b) {
  return e.div(e.add(a, e.sub(b, 1)), b);
}

/// Whether a convolution is a matrix product: images of one row, windows of one
/// place. Then so it is computed.
bool isProduct(mlir::Operation *op);
llvm::LogicalResult emitProduct(Kernel &k, mlir::Operation *op);

/// With neighbouring filters along the lanes; none if lanes along places are
/// better, or if extents of an image are open.
std::optional<llvm::LogicalResult> emitChannelLanes(Kernel &k, Conv2dOp op);

/// The pool of values that are gathered where it finds them (see
/// Transforms/PoolValues); null if there is none.
MaxPoolIndexOp pooledBy(mlir::Operation *gather);
/// The largest of the values of a pool's window so far, which begin with -inf.
mlir::Value emitLarger(Emit &e, mlir::Value v, mlir::Value best);

llvm::LogicalResult emitWeightGrad(Kernel &k, Conv2dWeightGradOp op);
/// With filters of many small groups side by side in the lanes; false if that
/// does not pay, or if extents are open.
bool emitGroupedWeightGrad(Kernel &k, Conv2dWeightGradOp op);

} // namespace etch::cpu

#endif // ETCH_COMPILER_TARGET_CPU_CONVOLUTION_H
