//===- Debug.h - Lines of user code in compiled code ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ETCH_DRIVER_DEBUG_H
#define ETCH_DRIVER_DEBUG_H

#include "mlir/IR/BuiltinOps.h"

namespace etch::driver {

/// Turns the files and lines that locations name beside their sites into debug
/// information of the functions of a module of the LLVM dialect.
void addDebugInfo(mlir::ModuleOp module);

} // namespace etch::driver

#endif // ETCH_DRIVER_DEBUG_H
