//===- GemmReady.cpp - columns that are packed once ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where the matrix whose columns are packed depends on states alone, all of its
// panels may be there before the product begins (see Prepack.h): block after
// block of K, and in each the panels of all columns, as a tile packs those of
// its own.
//===----------------------------------------------------------------------===//

#include "compiler/Target/CPU/GemmEmitter.h"

using namespace mlir;
using namespace etch;
using namespace etch::cpu;

/// Elements of one matrix, of its whole blocks of K each.
static int64_t elementsOfBlock(const Tiling &tiling, int64_t n, int64_t depth) {
  int64_t pitch = int64_t(llvm::alignTo(depth, 16));
  return int64_t(llvm::alignTo(n, tiling.nr())) * pitch;
}
static int64_t elementsOf(const Tiling &tiling, int64_t n, int64_t k) {
  return k / kGemmBlock * elementsOfBlock(tiling, n, kGemmBlock) +
         elementsOfBlock(tiling, n, k % kGemmBlock);
}

/// Whether panels of columns can be made before. A few rows use each of them so
/// little that reading is all: then the matrix is read where it is.
bool Gemm::mayBeReady() const {
  return !amx && !rounds && !tiling.directB && !tiling.inParts &&
         b.argument >= 0 && extents.k.isKnown() && extents.n.isKnown() &&
         extents.k.known > 0 && extents.n.known > 0 &&
         extents.batch.isKnown() && b.rowStride.isKnown() &&
         b.depthStride.isKnown() && b.batchStride.isKnown();
}

/// Looks for them, and says what they would be.
void Gemm::findReadyColumns() {
  readyB = Value();
  if (!mayBeReady())
    return;
  if (const Buffer *ready = k.packed(unsigned(b.argument)))
    readyB = ready->pointer;
  if (readyB) {
    tiling.passingB = false;
    tiling.readyB = true;
  }
  int64_t n = extents.n.known, depth = extents.k.known,
          batches = b.batchStride.is(0) ? 1 : extents.batch.known;
  int64_t blocks = int64_t(llvm::divideCeil(depth, kGemmBlock));
  int64_t bytes = e.bytesOf(element);
  Packing packing;
  packing.operand = unsigned(b.argument);
  packing.bytes = batches * elementsOf(tiling, n, depth) * bytes;
  packing.units = batches * blocks;
  packing.cost = batches * n * depth;
  packing.emit = [=, matrix = b, tiling = tiling, element = element](
                     Kernel &k, Ix unit, const Buffer &from, Value to) {
    Gemm all(k, nullptr);
    Emit &e = k.e;
    all.tiling = tiling;
    all.element = element;
    all.extents.k = depth;
    Ix batch = e.div(unit, blocks),
       step = e.mul(e.rem(unit, blocks), kGemmBlock);
    Matrix columns = matrix;
    columns.pointer =
        e.at(from.pointer, e.mul(batch, matrix.batchStride), element);
    Ix start = e.add(
        e.mul(batch, elementsOf(tiling, n, depth)),
        e.mul(e.rem(unit, blocks), elementsOfBlock(tiling, n, kGemmBlock)));
    all.pack(columns, e.at(to, start, element), n, n, tiling.nr(), tiling.nr(),
             step, e.min(kGemmBlock, e.sub(depth, step)));
  };
  k.offer(std::move(packing));
}

/// Where the panels of the tile at hand begin, in the block of K from `from`
/// on.
Value Gemm::readyColumns(Ix batch, Ix n0, Ix from, Ix depth) {
  int64_t n = extents.n.known;
  Ix start = e.add(
      e.mul(e.div(from, kGemmBlock), elementsOfBlock(tiling, n, kGemmBlock)),
      e.mul(n0, tiling.pitch(e, depth)));
  if (!b.batchStride.is(0))
    start = e.add(start, e.mul(batch, elementsOf(tiling, n, extents.k.known)));
  return e.at(readyB, start, element);
}
