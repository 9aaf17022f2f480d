//===- NarrowForm.h - Which arrays of a kernel may be bfloat16 ---*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TRANSFORMS_NARROWFORM_H
#define ETCH_COMPILER_TRANSFORMS_NARROWFORM_H

#include "dialects/Etch/EtchDialect.h"
#include "dialects/Etch/Extents.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace etch {

/// Elements of an array of which the bytes matter.
inline constexpr int64_t enough = 4096;

/// Whether a value is an array of f32.
bool isWide(mlir::Value v);

/// The gradient of a filter that a value is, with its axes in another order.
Conv2dWeightGradOp filterGradient(mlir::Value v);

/// What is asked of a kernel.
struct NarrowForm {
  /// Arguments that its products and convolutions read, and those that are
  /// repeated to be added to them.
  llvm::SmallVector<unsigned> factors, biases;
  bool contracts = false;
  /// Whether it reads what it is given as it is stored.
  bool converts = true;
  /// Of each result: whether it may be stored in less.
  llvm::SmallVector<bool> mayNarrow;

  NarrowForm() = default;
  NarrowForm(mlir::func::FuncOp kernel, ExtentGuess &guess);
};

} // namespace etch

#endif // ETCH_COMPILER_TRANSFORMS_NARROWFORM_H
