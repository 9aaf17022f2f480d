//===- Passes.h - the walls between phases -------------------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_PIPELINES_PASSES_H
#define ETCH_COMPILER_PIPELINES_PASSES_H

#include "mlir/Pass/Pass.h"

namespace etch {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "compiler/Pipelines/Passes.h.inc"

} // namespace etch

#endif // ETCH_COMPILER_PIPELINES_PASSES_H
