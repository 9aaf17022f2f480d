//===- Control.h - loops and branches over memory ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_BUFFER_CONTROL_H
#define ETCH_COMPILER_BUFFER_CONTROL_H

#include "compiler/Buffer/Storage.h"

namespace etch {

/// Writes the device's op for an etch.loop or etch.cond whose regions are calls
/// of programs, after copies of a loop's initial states to where the final ones
/// will be. `memoryOf` is the memory of a tensor.
void writeControl(mlir::OpBuilder &b, mlir::Operation *control,
                  const Storage &storage,
                  llvm::function_ref<mlir::Value(mlir::Value)> memoryOf,
                  mlir::Value arena);

} // namespace etch

#endif // ETCH_COMPILER_BUFFER_CONTROL_H
