//===- StageParts.h - A kernel of stages, taken apart ------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TARGET_KERNEL_STAGEPARTS_H
#define ETCH_COMPILER_TARGET_KERNEL_STAGEPARTS_H

#include "compiler/Target/Kernel/KernelBody.h"

namespace etch::kernel {

/// The extents of an operand of a stage.
using ShapeRefs = llvm::SmallVector<ExtentRef, 4>;

/// One stage of a kernel (see Stages.h), described as a kernel of its own.
struct StagePart {
  mlir::func::FuncOp source; ///< to be erased by its user
  /// Values of the whole: arguments, then results.
  llvm::SmallVector<mlir::Value> operands;
  llvm::SmallVector<ShapeRefs> shapes; ///< of the operands
  /// Of the results: whether no later stage reads it.
  llvm::SmallVector<bool> isLast;
  mlir::Location loc;
};

/// The stages of a kernel. Makes their descriptions, called `<name>.<number>`.
class StageParts {
public:
  StageParts(KernelBody &k, llvm::StringRef name);

  std::vector<StagePart> parts;
  ExtentRef rows; ///< how many there are

  /// What a value is that one stage shows to another under other shapes.
  static mlir::Value rootOf(mlir::Value v);
  /// Elements of a row; all of its extents are known.
  static int64_t rowElements(mlir::Value v);
  /// Whether it has as many rows as there are.
  bool isByRows(mlir::Value v) const;

private:
  ShapeRefs shapeOf(mlir::Value v);
  void outline(llvm::StringRef name, llvm::ArrayRef<mlir::Operation *> ops);

  KernelBody &k;
};

} // namespace etch::kernel

#endif // ETCH_COMPILER_TARGET_KERNEL_STAGEPARTS_H
