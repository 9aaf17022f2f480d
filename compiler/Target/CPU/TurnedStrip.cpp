//===- TurnedStrip.cpp - Planes along the lanes ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Target/CPU/TurnedStrip.h"

using namespace mlir;
using namespace etch::cpu;

void TurnedStrip::zero(Emit &e, Value target, Ix from, Ix to) const {
  Value v = e.constant(element, 0, lanes);
  e.loop(from, to, 1, [&](Ix i) {
    e.store(v, e.at(target, e.mul(i, lanes), element), Lanes{lanes, {}});
  });
}

void TurnedStrip::turn(Emit &e, Ix from, Ix count, Value target) const {
  int64_t line = 64 / e.bytesOf(element);
  e.vectorLoop(0, count, lanes, /*peel=*/false, [&](Ix i, Lanes covered) {
    SmallVector<Value> vectors;
    for (Value plane : planes) {
      Value address = e.at(plane, e.add(from, i), element);
      vectors.push_back(e.load(address, 1, element, covered));
      // As many streams as lanes are too many for hardware to follow.
      e.prefetch(e.at(address, 4 * line, element));
    }
    transposeVectors(e, vectors, lanes);
    for (auto [n, vector] : llvm::enumerate(vectors))
      e.store(vector, e.at(target, e.mul(e.add(i, int64_t(n)), lanes), element),
              Lanes{lanes, {}});
  });
}

void TurnedStrip::emit(Emit &e) const {
  // Places [low, high) of a row show the plane.
  int64_t low = std::clamp<int64_t>(left, 0, pitch);
  int64_t high = std::clamp<int64_t>(extent[1] + left, low, pitch);
  e.loop(0, rows, 1, [&](Ix r) {
    Ix row = e.add(origin, r);
    Value to = e.at(target, e.mul(r, pitch * lanes), element);
    e.when(
        e.compare(arith::CmpIPredicate::ult, row, extent[0]),
        [&] {
          zero(e, to, 0, low);
          turn(e, e.add(e.mul(row, extent[1]), low - left), high - low,
               e.at(to, low * lanes, element));
          zero(e, to, high, pitch);
        },
        [&] { zero(e, to, 0, pitch); });
  });
}
