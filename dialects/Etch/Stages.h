//===- Stages.h - kernels that do several things row by row -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_DIALECTS_ETCH_STAGES_H
#define ETCH_DIALECTS_ETCH_STAGES_H

#include "llvm/ADT/StringRef.h"

namespace etch {

/// On a kernel: its ops belong to stages, each of which could be a kernel. What
/// a stage makes of a row (an index along axis 0) depends on that row alone of
/// what earlier stages made, so all may pass over a few rows before the next.
inline constexpr llvm::StringLiteral kRowsAttr = "etch.rows";
/// On an op of such a kernel: the number of its stage. A reshape without it
/// shows what one stage made to another.
inline constexpr llvm::StringLiteral kStageAttr = "etch.stage";

/// Of a product: what follows it in its kernel reads states and replaces them,
/// element by element. Its sums may not wait in a result.
inline constexpr llvm::StringLiteral kUpdatesAttr = "etch.updates";

} // namespace etch

#endif // ETCH_DIALECTS_ETCH_STAGES_H
