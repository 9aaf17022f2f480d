//===- GemmTiling.h - How a matrix product is cut ----------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TARGET_CPU_GEMMTILING_H
#define ETCH_COMPILER_TARGET_CPU_GEMMTILING_H

#include "compiler/Target/CPU/Kernel.h"

#include "llvm/Support/MathExtras.h"

namespace etch::cpu {

/// Rows that pass by while the next columns come into the second cache.
inline constexpr int64_t kFewRows = 256;

/// A matrix operand: rows run along the result, `depth` along K.
struct Matrix {
  mlir::Value pointer;
  Ix batchStride, rowStride, depthStride;
  Ix partStride = 0; ///< where K consists of parts: from one to the next
  int argument = -1; ///< of the kernel; -1: nobody asks
};

/// Numbers of a product, inside the kernel or at its launch.
struct Extent4 {
  Ix batch, m, n, k;
};

/// Where they come from; K consists of `parts` parts of extent `k`.
struct ExtentRefs {
  ExtentRef batch = {1, -1, 0}, m = {1, -1, 0}, n = {1, -1, 0}, k,
            parts = {1, -1, 0};

  template <class From> Extent4 in(Emit &e, const From &from) const {
    return {batch.in(from), m.in(from), n.in(from),
            e.mul(parts.in(from), k.in(from))};
  }
};

/// How a product is cut; the bits of the result do not depend on it.
struct Tiling {
  int64_t lanes = 1, vectors = 1, mr = 1;
  int64_t mTile = 1, nTile = 1;
  int64_t nAlone = 1;   ///< columns of a tile where one thread has them all
  int64_t nFew = 0;     ///< where not zero: beside few rows
  int64_t mStep = 1;    ///< tiles have a multiple of so many rows…
  int64_t together = 1; ///< …times the panels of rows packed at a time
  /// Where not zero: so many panels of rows, the first `tall` of them of mr
  /// rows, the others of one less. A tile counts mr for each.
  int64_t panels = 0, tall = 0;
  int64_t paddedRows = 0; ///< where not zero: of a packed panel of rows
  bool halves = true;     ///< of tiles, where there would be few
  bool directA = false, directB = false; ///< read without packing
  bool alongB = false;                   ///< …and transposed in registers
  /// Packed while the first rows use these columns, the first columns these
  /// rows.
  bool passingB = false, passingA = false;
  bool readyB = false;       ///< columns are packed already
  bool panelA = false;       ///< one panel of x is packed at a time
  bool unrolledEnd = false;  ///< the epilogue reads registers
  bool inParts = false;      ///< K is
  bool wholeRows = false;    ///< no panel of rows is partial
  bool sumsInResult = false; ///< sums of blocks wait there

  int64_t nr() const { return lanes * vectors; }
  int64_t mrPadded() const {
    return paddedRows ? paddedRows : int64_t(llvm::PowerOf2Ceil(mr));
  }
  /// The first row of a panel.
  Ix rowOf(Emit &e, Ix panel) const {
    return e.add(e.mul(panel, mr - 1), e.min(panel, tall));
  }

  struct Tiles {
    Ix m, n;           ///< extents of a tile
    Ix mCount, nCount; ///< tiles
    Ix depth;          ///< largest block of K, padded
  };
  /// Full tiles, or halves where there would be too few for several threads
  /// (`several`: an i1, null: there is one, which has tiles of more columns).
  Tiles tiles(Emit &e, const Extent4 &x, mlir::Value several) const {
    Tiles t;
    Ix rows = panels ? Ix(panels * mr) : x.m;
    Ix count =
        e.mul(x.batch, e.mul(e.ceilDiv(rows, mTile), e.ceilDiv(x.n, nTile)));
    auto choose = [&](int64_t full, Ix extent) {
      if (!halves || !several || (count.isKnown() && count.known >= 4) ||
          (extent.isKnown() && extent.known <= full / 2))
        return Ix(full);
      mlir::Value few = several;
      if (!count.isKnown())
        few = e.make<mlir::arith::AndIOp>(
            few, e.compare(mlir::arith::CmpIPredicate::slt, count, 4));
      return e.select(few, full / 2, full);
    };
    // No tile is much smaller than the others.
    auto even = [&](Ix extent, Ix most, int64_t step) {
      Ix count = e.max(e.div(e.add(extent, e.sub(most, 1)), most), 1);
      Ix each = e.div(e.add(extent, e.sub(count, 1)), count);
      return e.max(e.roundUp(each, step), step);
    };
    t.m = even(rows, choose(mTile, rows), mStep * together);
    bool few = nFew && x.m.isKnown();
    Ix columns = few ? nFew : nAlone;
    if (halves && several && !few)
      columns = e.select(several, choose(nTile, x.n), nAlone);
    if (nFew && !few)
      columns =
          e.select(e.compare(mlir::arith::CmpIPredicate::sle, x.m, kFewRows),
                   nFew, columns);
    t.n = even(x.n, columns, nr());
    t.mCount = e.div(e.add(rows, e.sub(t.m, 1)), t.m);
    t.nCount = e.div(e.add(x.n, e.sub(t.n, 1)), t.n);
    t.depth = pitch(e, e.min(kGemmBlock, e.max(x.k, 1)));
    return t;
  }
  /// Of packed panels: whole vectors of steps; a part may end within one, and
  /// what is written behind it is the next part's.
  Ix pitch(Emit &e, Ix depth) const {
    return e.add(e.roundUp(depth, 16), inParts ? 16 : 0);
  }
  // Scratch memory: packed x, packed w, sums.
  Ix sizeA(Emit &e, const Tiles &t) const {
    Ix panels = panelA || passingA ? Ix(together) : e.div(t.m, mr);
    return directA ? Ix(0) : e.mul(e.mul(panels, mrPadded()), t.depth);
  }
  Ix sizeB(Emit &e, const Tiles &t) const {
    return directB || readyB ? Ix(0) : e.mul(t.n, t.depth);
  }
  Ix sizeC(Emit &e, const Tiles &t, Ix depth) const {
    if (sumsInResult)
      return wholeRows ? Ix(0) : e.mul(mr, t.n);
    return inOneBlock(e, depth, mr * nr(), e.mul(t.m, t.n));
  }
  /// One block of K: sums wait until their register tile is done.
  static Ix inOneBlock(Emit &e, Ix depth, Ix then, Ix otherwise) {
    if (depth.isKnown())
      return depth.known <= kGemmBlock ? then : otherwise;
    mlir::Value few =
        e.compare(mlir::arith::CmpIPredicate::sle, depth, kGemmBlock);
    return e.select(few, then, otherwise);
  }
};

/// The same for a product on tile registers: K in parts, and what a tile needs
/// of scratch memory for packed x, packed w and sums.
struct AmxCut {
  static Ix parts(Emit &e, Ix k);
  static Ix depth(Emit &e, Ix k); ///< of a part, but for the last
  static Ix bytesA(Emit &e, Ix depth);
  static Ix bytesB(Emit &e, Ix depth, Ix columns);
  static Ix bytesC(Emit &e, const Extent4 &x, const Tiling::Tiles &t);
};

} // namespace etch::cpu

#endif // ETCH_COMPILER_TARGET_CPU_GEMMTILING_H
