//===- PoolValues.h - pools whose places nobody asks for ---------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TRANSFORMS_POOLVALUES_H
#define ETCH_COMPILER_TRANSFORMS_POOLVALUES_H

#include "mlir/IR/BuiltinOps.h"

namespace etch {

/// Makes one kernel of those that find the largest of each window and then
/// gather it, where nothing else reads what they hand over.
void joinPools(mlir::ModuleOp module);

} // namespace etch

#endif // ETCH_COMPILER_TRANSFORMS_POOLVALUES_H
