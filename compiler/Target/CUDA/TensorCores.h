//===- TensorCores.h - Tiles of products by tensor cores ---------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// For programs that agree to less precision than f32 (CompileOptions): operands
// are rounded to tf32 or bfloat16, sums are f32. No order of sums is defined.
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TARGET_CUDA_TENSORCORES_H
#define ETCH_COMPILER_TARGET_CUDA_TENSORCORES_H

#include "compiler/Target/CUDA/Kernel.h"

namespace etch::cuda {

/// A block of threads makes m x n elements.
struct TensorTile {
  int64_t m = 64, n = 64;
  bool half = false; ///< bfloat16 rather than tf32

  /// For a product of so many rows and columns, where that is known: large
  /// ones where there are enough of them for a device.
  static TensorTile choose(const Kernel &k, int64_t batches, int64_t rows,
                           int64_t columns);
  static TensorTile small(const Kernel &k);
};

/// Whether a kernel's products may go there.
bool mayUseTensorCores(const Kernel &k, mlir::Type element);
/// The same, of operands that are stored so.
bool mayUseTensorCores(const Kernel &k, mlir::Type element,
                       std::array<mlir::Type, 2> stored);

/// Whether lines of an operand, and what leads from one to the next, are
/// vectors of 16 bytes at multiples of that.
mlir::Value movesWhole(Kernel &k, llvm::ArrayRef<Ix> extents, mlir::Type stored,
                       mlir::Value pointer);

/// Bytes of shared memory that slices take; `along` and `stored` as below.
int64_t sharedBytes(const TensorTile &tile, std::array<bool, 2> along,
                    std::array<mlir::Type, 2> stored);

/// Calls `function<m, n, flags, half, types>` (see ProductText.cpp) with
/// `operands`. `along`: how slices of both sides lie in shared memory;
/// `stored`: the element types that both sides have in all memory. `use` gets
/// what this thread has of the tile: row, column, value. `further` bytes of
/// shared memory are behind the slices.
void emitTensorTile(Kernel &k, const TensorTile &tile, llvm::StringRef function,
                    llvm::ArrayRef<bool> flags, std::array<bool, 2> along,
                    std::array<mlir::Type, 2> stored,
                    llvm::ArrayRef<mlir::Value> operands,
                    llvm::function_ref<void(Ix, Ix, mlir::Value)> use,
                    int64_t further = 0);

} // namespace etch::cuda

#endif // ETCH_COMPILER_TARGET_CUDA_TENSORCORES_H
