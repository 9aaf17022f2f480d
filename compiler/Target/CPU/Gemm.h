//===- Gemm.h - Matrix products ----------------------------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TARGET_CPU_GEMM_H
#define ETCH_COMPILER_TARGET_CPU_GEMM_H

#include "compiler/Target/CPU/Kernel.h"

namespace etch::cpu {

/// One panel to pack: `width` rows of a matrix side by side, `depth` elements
/// long, into depth x paddedWidth. Rows from `valid` on become zeros.
struct Panel {
  mlir::Value source;
  Ix rowStride, depthStride;
  mlir::Type element;
  int64_t width = 0, paddedWidth = 0;
  Ix valid, depth;
  /// `depth` is that of a vector at least, or of several.
  bool hasVector = false, wholeVectors = false;
  mlir::Value target;
  bool rounds = false; ///< to bfloat16
};

/// A value of f32, or a vector, rounded to bfloat16: still of f32.
mlir::Value roundToBf16(Emit &e, mlir::Value v);

/// Vectors of consecutive elements, one from each of as many rows, become one
/// from each column. A power of two of them, at most as many as lanes; fewer
/// share their columns.
void transposeVectors(Emit &e, llvm::SmallVector<mlir::Value> &vectors,
                      int64_t lanes);

/// The same of rows that begin at `rows` (null: zeros), `step` elements behind:
/// as many as lanes. Pieces of rows meet as they are loaded, which spares half
/// of the shuffles.
llvm::SmallVector<mlir::Value> loadTransposed(Emit &e,
                                              llvm::ArrayRef<mlir::Value> rows,
                                              Ix step, mlir::Type element,
                                              int64_t lanes);

/// Packs one panel; `lanes` elements fill a vector register, `masks` says that
/// the target has masked loads.
void emitPack(Emit &e, const Panel &panel, int64_t lanes, bool masks);

/// Panels side by side whose rows are neighbours in memory: what is read runs
/// through all of them, `length` rows, before the next step of `depth`.
struct PanelRows {
  mlir::Value source;
  Ix depthStride;
  mlir::Type element;
  int64_t width = 0, paddedWidth = 0;
  Ix length, depth;
  bool whole = false;      ///< the last panel is not partial
  bool wholeSteps = false; ///< `depth` is a multiple of kPackedSteps
  Ix pitch;                ///< from panel to panel
  mlir::Value target;
  bool rounds = false; ///< to bfloat16
};

/// Steps that are packed at a time.
inline constexpr int64_t kPackedSteps = 4;

/// Packs panels, the last ones up to a multiple of that many steps; the target
/// has masked loads.
void emitPackRows(Emit &e, const PanelRows &rows, int64_t lanes);

/// Few rows by a matrix that is read where it lies, in long runs. Up to how many
/// rows that is best; 0: never. Where their number is open, the kernel must ask.
int64_t streamedRows(Kernel &k, MatmulOp op);
llvm::LogicalResult emitStreamedProduct(Kernel &k, MatmulOp op);

/// Eager products of any extents: those of few numbers pack nothing.
bool mayBeSmall(Kernel &k, MatmulOp op);
llvm::LogicalResult emitMaybeSmall(Kernel &k, MatmulOp op);

} // namespace etch::cpu

#endif // ETCH_COMPILER_TARGET_CPU_GEMM_H
