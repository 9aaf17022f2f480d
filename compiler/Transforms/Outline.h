//===- Outline.h - groups of ops become kernels --------------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TRANSFORMS_OUTLINE_H
#define ETCH_COMPILER_TRANSFORMS_OUTLINE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"

#include <string>
#include <unordered_map>

namespace etch {

/// Whether an op is never materialised: fusion copies it into every kernel that
/// uses its value, as a remapping of indices or an immediate.
bool isCloned(mlir::Operation *op);

/// Kernels by structure, of all programs of a module.
using KernelTable = std::unordered_map<std::string, mlir::func::FuncOp>;

/// Moves groups of ops of `main` into kernels and calls these. The groups come
/// in an order in which each uses the results of earlier ones only.
class Outliner {
public:
  /// Calls are written through `b`; `values` maps values of main to what stands
  /// for them in the new body.
  Outliner(mlir::func::FuncOp main, mlir::OpBuilder &b, mlir::IRMapping &values,
           KernelTable &kernels)
      : main(main), b(b), values(values), kernels(kernels) {}

  /// `ops` in program order; `results` are those of their values that ops
  /// outside use.
  void outline(llvm::ArrayRef<mlir::Operation *> ops,
               llvm::ArrayRef<mlir::Value> results);

private:
  mlir::func::FuncOp main;
  mlir::OpBuilder &b;
  mlir::IRMapping &values;
  KernelTable &kernels;
};

} // namespace etch

#endif // ETCH_COMPILER_TRANSFORMS_OUTLINE_H
