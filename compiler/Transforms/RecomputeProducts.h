//===- RecomputeProducts.h - small products twice ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TRANSFORMS_RECOMPUTEPRODUCTS_H
#define ETCH_COMPILER_TRANSFORMS_RECOMPUTEPRODUCTS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace etch {

/// Computes large pointwise values of small batched products again, once, for
/// backward.
void recomputeProducts(mlir::func::FuncOp program);

} // namespace etch

#endif // ETCH_COMPILER_TRANSFORMS_RECOMPUTEPRODUCTS_H
