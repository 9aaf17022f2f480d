//===- Transposes.h - where transposes are done --------------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TRANSFORMS_TRANSPOSES_H
#define ETCH_COMPILER_TRANSFORMS_TRANSPOSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace etch {

/// The transpose of a product becomes a product: that of w and x transposed,
/// which adds the same products in the same order.
void turnProducts(mlir::func::FuncOp program);

/// Transposes that would be copies of their own:
/// - a batch of matrices that is a part of an array is copied as it lies there,
///   once for all products, which read it transposed or not;
/// - what is computed from views is computed in the order in which it is used.
void placeTransposes(mlir::func::FuncOp program);

} // namespace etch

#endif // ETCH_COMPILER_TRANSFORMS_TRANSPOSES_H
