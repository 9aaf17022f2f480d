//===- StageGroup.h - kernels that are to be one -------------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TRANSFORMS_STAGEGROUP_H
#define ETCH_COMPILER_TRANSFORMS_STAGEGROUP_H

#include "dialects/Etch/EtchDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include "llvm/ADT/StringMap.h"

namespace etch {

/// Calls, in order, that can pass over a few rows together.
struct StageGroup {
  llvm::SmallVector<mlir::func::CallOp> calls;
  int64_t rowBytes = 0; ///< of all that they read and make row by row
  bool reduces = false;
  mlir::func::CallOp failing; ///< the one that may fail, if any
};

/// What a value is under another shape.
inline mlir::Value unshaped(mlir::Value x) {
  while (auto reshape = x.getDefiningOp<ReshapeOp>())
    x = reshape.getX();
  return x;
}

/// Makes one call of a group. `made` has the kernels so far: equal groups share
/// one.
void makeOne(mlir::ModuleOp module, mlir::func::FuncOp program,
             StageGroup &group, llvm::StringMap<mlir::func::FuncOp> &made);

} // namespace etch

#endif // ETCH_COMPILER_TRANSFORMS_STAGEGROUP_H
