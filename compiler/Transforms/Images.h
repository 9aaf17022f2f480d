//===- Images.h - arrays of images and the order of their axes -----*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What `etch-channels-last` and `etch-fuse` say of it.
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TRANSFORMS_IMAGES_H
#define ETCH_COMPILER_TRANSFORMS_IMAGES_H

#include "dialects/Etch/EtchDialect.h"
#include "dialects/Etch/Extents.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include "llvm/ADT/EquivalenceClasses.h"

namespace etch {

/// On a convolution or a search in windows: its images lie as (N, H, W, C), its
/// filters as (OC, KH, KW, C). It is between transposes that its kernel
/// absorbs; the one of its result has the mark, too.
inline constexpr llvm::StringLiteral kChannelsLastAttr = "etch.channels_last";

/// Axes (N, C, H, W) as (N, H, W, C), and back.
inline constexpr int64_t channelsLast[4] = {0, 2, 3, 1};
inline constexpr int64_t channelsFirst[4] = {0, 3, 1, 2};

llvm::SmallVector<int64_t> permuted(llvm::ArrayRef<int64_t> values,
                                    llvm::ArrayRef<int64_t> permutation);
mlir::RankedTensorType permuted(mlir::RankedTensorType type,
                                llvm::ArrayRef<int64_t> permutation);

/// x with its axes in another order: a reshape where no element moves.
mlir::Value reordered(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x,
                      llvm::ArrayRef<int64_t> permutation);
/// Whether no element moves.
bool keepsOrder(mlir::RankedTensorType type,
                llvm::ArrayRef<int64_t> permutation);
/// Of images and filters, one of which it may be the gradient in.
bool isConvolution(mlir::Operation *op);
/// Over axes that it names: not the index of an element, not to a shape.
bool isAxesReduction(mlir::Operation *op);
/// Whether v has four axes whose elements move when channels come last.
bool isImage(mlir::Value v);

/// Gives marked ops of a program the form that fusion expects: their operands
/// are transposes of dense arrays, one transpose reads their result. To be
/// repeated where passes may have taken that apart.
void absorbTransposes(mlir::func::FuncOp program);

/// The largest value of each window, chosen by index, or its adjoint: an
/// indexed op on planes of images, seen as `y`.
struct Pool {
  mlir::Operation *op = nullptr;
  mlir::Value x, index;
  explicit operator bool() const { return op != nullptr; }
};
/// What a reshape shows as images again; nothing if that is something else.
Pool poolOf(mlir::Value y);
/// Shows all that is gathered in this way as images.
void seeImages(mlir::func::FuncOp program);

/// Which images of a program go with channels last.
class Images {
public:
  explicit Images(mlir::func::FuncOp program);

  /// Whether an op takes and gives images with channels last.
  bool isChosen(mlir::Operation *op);

private:
  void visit(mlir::Operation *op);
  void weigh(mlir::Operation *op);
  void weighValue(mlir::Value v);

  /// Images that belong together, by any of them.
  llvm::EquivalenceClasses<void *> groups;
  /// An image of what an op takes or gives; those of other ops are absent.
  llvm::DenseMap<mlir::Operation *, mlir::Value> imageOf;
  /// Bytes that move less with channels last.
  llvm::DenseMap<void *, double> gain;
  ExtentGuess guess;
};

} // namespace etch

#endif // ETCH_COMPILER_TRANSFORMS_IMAGES_H
