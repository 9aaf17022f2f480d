//===- Describe.h - a planned program in words ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Lines of words with tabs between. Steps are launches; those inside a loop or
// branch are counted once, where it stands, so that all lie on one axis. -1
// stands for a number that is not known.
//
//   arena <bytes> <largest live set> <kept for backward> <all values, kept>
//   buffer <place> <program> <offset> <bytes> <birth> <death> <site> <type>
//          <what makes it> <name>
//   launch <number> <birth> <program> <kernel> <depth> <bytes> <flops> <site,…>
//          <op,…> <backward>
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_PIPELINES_DESCRIBE_H
#define ETCH_COMPILER_PIPELINES_DESCRIBE_H

#include "mlir/IR/BuiltinOps.h"

namespace etch {

/// The bytes of all values of a differentiated program, if each had its own
/// memory to the end: views share that of what they show.
int64_t bytesOfAllValues(mlir::ModuleOp module);

/// Writes down a module that was bufferized with `describe`. `everything` is
/// what bytesOfAllValues() said, `extents` those of all arguments, axis after
/// axis: what is symbolic is as large as they make it.
void describePlan(mlir::ModuleOp module, int64_t everything,
                  llvm::ArrayRef<int64_t> extents, llvm::raw_ostream &os);

} // namespace etch

#endif // ETCH_COMPILER_PIPELINES_DESCRIBE_H
