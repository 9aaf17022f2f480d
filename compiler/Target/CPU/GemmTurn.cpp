//===- GemmTurn.cpp - Products whose rows become columns ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A register tile has any number of rows, but whole vectors of columns. Where
// rows would fill vectors better, the transpose of the result is computed: the
// same sums, which wait in scratch memory and are gathered from there.
//===----------------------------------------------------------------------===//

#include "compiler/Target/CPU/GemmEmitter.h"

#include "dialects/Etch/Stages.h"

using namespace mlir;
using namespace etch;
using namespace etch::cpu;

/// K must be long: each result that is gathered costs as much as a few steps of
/// a vector. What becomes columns is packed as those are, a run of them at each
/// step.
void Gemm::maybeTurn() {
  constexpr double kGathered = 3, kWorth = 1.03;
  Ix m = extents.m, n = extents.n, depth = extents.k;
  int64_t lanes = k.lanesOf(element);
  if (k.options.vectorBits < 512 || !isa<MatmulOp>(op) || rounds ||
      op->hasAttr(kUpdatesAttr) || !a.rowStride.is(1) || !m.isKnown() ||
      !n.isKnown() || !depth.isKnown() || m.known < lanes || n.known < lanes ||
      depth.known == 0)
    return;
  auto filled = [&](int64_t extent) {
    return double(extent) / double(llvm::alignTo(extent, lanes));
  };
  double gathered = kGathered * double(lanes) / double(depth.known);
  turned = filled(n.known) * (kWorth + gathered) < filled(m.known);
  if (!turned)
    return;
  std::swap(a, b);
  std::swap(refs.m, refs.n);
  std::swap(extents.m, extents.n);
  std::swap(rowAxis, columnAxis);
}
