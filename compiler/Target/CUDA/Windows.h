//===- Windows.h - What kernels of windows share -----------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TARGET_CUDA_WINDOWS_H
#define ETCH_COMPILER_TARGET_CUDA_WINDOWS_H

#include "compiler/Target/CUDA/Kernel.h"

namespace etch::cuda {

/// One axis of an op's windows.
struct WindowAxis {
  int64_t stride = 1, pad = 0, dilation = 1;

  /// Where an output place and a tap meet in the source; may be outside.
  Ix source(Emit &e, Ix place, Ix tap) const;
  /// The output place where a source place and a tap meet, if `meets`: one of
  /// `count`.
  Ix place(Emit &e, Ix source, Ix tap, Ix count, mlir::Value &meets) const;
};
std::array<WindowAxis, 2> axesOf(mlir::Operation *op);

/// The indices of element number `unit` in row-major order.
llvm::SmallVector<Ix, 6> placeOf(Emit &e, Ix unit, const Buffer &buffer);
Ix offsetOf(Emit &e, const Buffer &buffer, llvm::ArrayRef<Ix> place);
/// An element, or 0 where `inside` does not hold.
mlir::Value loadInside(Kernel &k, const Buffer &buffer,
                       llvm::ArrayRef<Ix> place, mlir::Value inside);
/// A convolution as a product of matrices; fails, having emitted nothing, where
/// a thread for each element is better.
llvm::LogicalResult emitConvolutionTile(Kernel &k, mlir::Operation *op);
/// The same for the gradient of a filter.
llvm::LogicalResult emitFilterGradient(Kernel &k, mlir::Operation *op);
/// The number of elements of an operand.
OfShapes elementsOf(unsigned operand);

} // namespace etch::cuda

#endif // ETCH_COMPILER_TARGET_CUDA_WINDOWS_H
