//===- Describe.h - which buffer is what ------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_BUFFER_DESCRIBE_H
#define ETCH_COMPILER_BUFFER_DESCRIBE_H

#include "compiler/Buffer/Plan.h"
#include "compiler/Buffer/Storage.h"

namespace etch {

/// Where the operation stands that computes a value.
mlir::Location placeOf(mlir::Value value);

/// What computes a value: an op of a kernel, or a loop or branch; "" for an
/// argument.
std::string makerOf(mlir::Value value);

/// Where most of an arena is alive: the place, and what computes there.
std::pair<mlir::Location, std::string> peakOf(const Storage &storage,
                                              llvm::ArrayRef<Lifetime> slots);

/// Leaves a dictionary for each buffer of `storage` on a bufferized program
/// (see kPlanAttr).
void describeBuffers(mlir::func::FuncOp main, const Storage &storage);

} // namespace etch

#endif // ETCH_COMPILER_BUFFER_DESCRIBE_H
