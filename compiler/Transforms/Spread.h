//===- Spread.h - values of rows, once for each row ----------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TRANSFORMS_SPREAD_H
#define ETCH_COMPILER_TRANSFORMS_SPREAD_H

#include "compiler/Transforms/Space.h"

namespace etch {

/// Writes out, once for each row of a reduction, what feeds it but can be seen
/// over its elements only, where rows are long: a channel's number for each
/// image. Then all that feeds the reduction can share its kernel.
void spreadOverRows(mlir::func::FuncOp program, SpaceMap &spaces);

} // namespace etch

#endif // ETCH_COMPILER_TRANSFORMS_SPREAD_H
