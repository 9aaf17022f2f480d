//===- JoinCalls.h - calls of kernels that become one ------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TRANSFORMS_JOINCALLS_H
#define ETCH_COMPILER_TRANSFORMS_JOINCALLS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include "llvm/ADT/StringMap.h"

namespace etch {

/// The kernel that is called; null if it is another function.
mlir::func::FuncOp kernelOf(mlir::func::CallOp call);

/// Where `calls` come from, and, apart, each of their results.
mlir::Location joinedLoc(llvm::ArrayRef<mlir::func::CallOp> calls,
                         llvm::ArrayRef<mlir::Value> results);

/// Erases kernels that nobody calls any more.
void eraseUncalled(mlir::ModuleOp module);

/// Makes one call of several; equal ones get the same kernel.
class CallJoiner {
public:
  /// `ops`: calls of kernels of one result, and reshapes between them, in
  /// order. Nobody else reads what they make, but for the last one's result.
  void join(llvm::ArrayRef<mlir::Operation *> ops, const llvm::Twine &name);

private:
  llvm::StringMap<mlir::func::FuncOp> kernels;
};

} // namespace etch

#endif // ETCH_COMPILER_TRANSFORMS_JOINCALLS_H
