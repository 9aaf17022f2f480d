//===- Offsets.h - Offsets in loops grow by steps ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What an address needs of a loop's counter beyond the scales of the processor
// (1, 2, 4, 8) is a product in every iteration. Here it becomes a sum. That is
// the part of LLVM's loop strength reduction that kernels profit from, for a
// thousandth of its time.
//===----------------------------------------------------------------------===//
#ifndef ETCH_DRIVER_OFFSETS_H
#define ETCH_DRIVER_OFFSETS_H

#include "llvm/IR/PassManager.h"

namespace etch::driver {

struct StepOffsets : llvm::PassInfoMixin<StepOffsets> {
  llvm::PreservedAnalyses run(llvm::Function &function,
                              llvm::FunctionAnalysisManager &analyses);
};

} // namespace etch::driver

#endif // ETCH_DRIVER_OFFSETS_H
