//===- RecomputeLate.h - cheap values where they are read -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TRANSFORMS_RECOMPUTELATE_H
#define ETCH_COMPILER_TRANSFORMS_RECOMPUTELATE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace etch {

/// Computes cheap pointwise values again behind the reductions that separate
/// them from their readers.
void recomputeLate(mlir::func::FuncOp program);

} // namespace etch

#endif // ETCH_COMPILER_TRANSFORMS_RECOMPUTELATE_H
