//===- SimplifyControl.h - what loops need not take -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TRANSFORMS_SIMPLIFYCONTROL_H
#define ETCH_COMPILER_TRANSFORMS_SIMPLIFYCONTROL_H

#include "dialects/Etch/EtchDialect.h"

namespace etch {

/// Equal operands become one; constants and what is spread from less go into
/// the regions; a state that never changes becomes a capture; a constant limit
/// becomes an attribute; outputs that are known otherwise are replaced. In
/// place.
void simplifyOperands(mlir::Operation *control);

/// Whether `reader` has no iteration that `loop` has not.
bool goesAsFar(LoopOp reader, LoopOp loop);

/// Whether a loop has an iteration for each slice of its inputs, whatever it
/// finds in them.
bool goesThrough(LoopOp loop);

/// Drops results without uses and what only they need, in the regions, too,
/// whose dead ops are erased. Returns the op that stands there now.
mlir::Operation *dropUnused(mlir::Operation *control);

/// Parts of a loop to be dropped.
struct LoopParts {
  explicit LoopParts(LoopOp loop)
      : states(loop.getInits().size()), xs(loop.getXs().size()),
        captures(loop.getCaptures().size()), ys(loop.getYs().size()) {}
  llvm::BitVector states, xs, captures, ys;
};
/// Writes the loop anew without these parts, which have no uses but in what is
/// dropped.
LoopOp dropParts(LoopOp loop, const LoopParts &parts);

} // namespace etch

#endif // ETCH_COMPILER_TRANSFORMS_SIMPLIFYCONTROL_H
