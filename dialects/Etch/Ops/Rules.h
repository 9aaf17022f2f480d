//===- Rules.h - what the files of Ops/ define -------------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_DIALECTS_ETCH_OPS_RULES_H
#define ETCH_DIALECTS_ETCH_OPS_RULES_H

#include "dialects/Etch/Expr.h"

namespace etch {

/// The result type that a shaped op's `shape` attribute gives it.
TensorType shapedResult(DType dtype, const Attrs &attrs);

// inferFoo, vjpFoo and expandFoo of the structured ops (see OpInfo).
#include "dialects/Etch/RuleDecls.inc"

} // namespace etch

#endif // ETCH_DIALECTS_ETCH_OPS_RULES_H
