//===- Moments.h - sums along axes that others give ---------------*- C++
//-*-==//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TRANSFORMS_MOMENTS_H
#define ETCH_COMPILER_TRANSFORMS_MOMENTS_H

#include "mlir/IR/Block.h"

namespace etch {

/// Sums of a block's arrays that follow from other sums need not read them.
/// Says whether any has changed.
bool relaxSums(mlir::Block &block);
/// A mean and the mean of the squares around it are both made in one pass.
bool relaxMoments(mlir::Block &block);

} // namespace etch

#endif // ETCH_COMPILER_TRANSFORMS_MOMENTS_H
