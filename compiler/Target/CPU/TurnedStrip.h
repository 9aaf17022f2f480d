//===- TurnedStrip.h - Planes along the lanes --------------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where there is nothing to vectorise in a plane, or not enough, the planes of
// neighbouring channels run along the lanes: memory is turned so that the
// numbers of one place of all of them are a vector.
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TARGET_CPU_TURNEDSTRIP_H
#define ETCH_COMPILER_TARGET_CPU_TURNEDSTRIP_H

#include "compiler/Target/CPU/Gemm.h"

namespace etch::cpu {

/// Rows of as many dense planes as lanes, with zeros around the planes.
struct TurnedStrip {
  mlir::Type element;
  int64_t lanes = 1;
  llvm::SmallVector<mlir::Value> planes; ///< where they begin
  int64_t extent[2];                     ///< of a plane
  Ix origin, rows;   ///< the first row, which may be outside, and how many
  int64_t left = 0;  ///< zeros on the left
  int64_t pitch = 0; ///< places of a row of the strip
  mlir::Value target;

  /// Up to `lanes` vectors behind the end are written, too.
  void emit(Emit &e) const;
  /// Elements from, from + 1, … of the planes side by side.
  void turn(Emit &e, Ix from, Ix count, mlir::Value target) const;

private:
  void zero(Emit &e, mlir::Value target, Ix from, Ix to) const;
};

} // namespace etch::cpu

#endif // ETCH_COMPILER_TARGET_CPU_TURNEDSTRIP_H
