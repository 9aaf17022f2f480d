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

/// How images lie in the kernel of a convolution or of a search in windows: as
/// its arguments have it or, with channels last, as transposes of them; so does
/// the result.
struct ImageForm {
  llvm::SmallVector<unsigned, 2> arguments; ///< one for each operand
  mlir::Value y; ///< the result as it is stored or further used
  bool last = false;

  /// The element type of operand i in memory.
  mlir::Type stored(Kernel &k, unsigned i) const;
  /// Operand i with the op's axes; not dense where they are others.
  Buffer operand(const Kernel &k, unsigned i) const;
  /// A list by the axes of y, by those of the op, and the reverse.
  llvm::SmallVector<Ix, 4> toOp(llvm::ArrayRef<Ix> stored) const;
  llvm::SmallVector<Ix, 4> fromOp(llvm::ArrayRef<Ix> list) const;
};
/// Nothing where operands are anything else, or not all alike.
std::optional<ImageForm> imageFormOf(mlir::Operation *op);

/// The indices of element number `unit` in row-major order.
llvm::SmallVector<Ix, 6> placeOf(Emit &e, Ix unit, const Buffer &buffer);
Ix offsetOf(Emit &e, const Buffer &buffer, llvm::ArrayRef<Ix> place);
/// An element, or 0 where `inside` does not hold.
mlir::Value loadInside(Kernel &k, const Buffer &buffer,
                       llvm::ArrayRef<Ix> place, mlir::Value inside);
/// A convolution as a product of matrices; fails, having emitted nothing, where
/// a thread for each element is better.
llvm::LogicalResult emitConvolutionTile(Kernel &k, mlir::Operation *op,
                                        const ImageForm &form);
/// The same for the gradient of a filter.
llvm::LogicalResult emitFilterGradient(Kernel &k, mlir::Operation *op,
                                       const ImageForm &form);
/// The same with channels last, by tensor cores.
llvm::LogicalResult emitImageTile(Kernel &k, mlir::Operation *op,
                                  const ImageForm &form);
/// Where the tile of a block of threads begins. Blocks go along columns first,
/// then along rows; `rest` numbers what is further out.
struct TilePlace {
  Ix row, column, rest;

  TilePlace(Kernel &k, Ix tileRows, Ix rowTiles, Ix tileColumns,
            Ix columnTiles);
};
/// The number of elements of an operand.
OfShapes elementsOf(unsigned operand);

} // namespace etch::cuda

#endif // ETCH_COMPILER_TARGET_CUDA_WINDOWS_H
