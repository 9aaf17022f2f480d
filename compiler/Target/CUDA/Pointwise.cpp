//===- Pointwise.cpp - Kernels of pointwise operations --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A thread computes one short vector along the last dimension: 16 bytes of the
// widest element type. Where an operand is transposed, a block of threads reads
// a tile of it along that operand's memory, and hands it over through shared
// memory.
//===----------------------------------------------------------------------===//

#include "compiler/Target/CUDA/Pointwise.h"

using namespace mlir;
using namespace etch;
using namespace etch::cuda;

namespace {

class Pointwise {
public:
  explicit Pointwise(Kernel &k) : k(k), e(k.e) {}
  LogicalResult emit();

private:
  void plain(Evaluator &values);
  void tiled(Evaluator &values, int dim, ArrayRef<Value> reads);
  void point(Evaluator &values, Ix i, Lanes covered);

  Kernel &k;
  Emit &e;
  int64_t lanes = 1;
};

} // namespace

void Pointwise::point(Evaluator &values, Ix i, Lanes covered) {
  values.point(i, covered);
  values.store();
}

int64_t etch::cuda::chooseLanes(Kernel &k, Ix inner) {
  Emit &e = k.e;
  int64_t bytes = 4;
  for (Operation &op : k.source.getBody().front())
    for (Type type : op.getResultTypes())
      if (auto tensor = dyn_cast<RankedTensorType>(type))
        bytes = std::max(bytes, e.bytesOf(tensor.getElementType()));
  // Short bodies over what is all stored in two bytes.
  bool allHalf = k.numPointwise() <= 8;
  for (const Buffer &buffer : k.buffers)
    if (buffer.pointer) {
      bytes = std::max(bytes, e.bytesOf(buffer.element));
      allHalf &= buffer.element.isBF16();
    }
  int64_t lanes = allHalf && bytes == 4 ? 8 : 16 / bytes;
  // Large bodies have enough to do with one element.
  if (k.numPointwise() > 24 || (inner.isKnown() && inner.known < 2 * lanes))
    return 1;
  return lanes;
}

void etch::cuda::emitVector(Kernel &k, Evaluator &values, int64_t lanes,
                            ArrayRef<Ix> indices, Ix i,
                            function_ref<void(Ix, Lanes)> point) {
  Emit &e = k.e;
  int last = values.rank() - 1;
  Ix inner = values.loopExtents()[last];
  if (lanes == 1) {
    values.enter(indices, last);
    return point(i, Lanes());
  }
  // Vectors move whole where memory is aligned, as it nearly always is.
  SmallVector<Value> pointers = values.alignVectors(lanes);
  Value whole;
  auto require = [&](Value condition) {
    whole = whole ? e.make<arith::AndIOp>(whole, condition) : condition;
  };
  if (!pointers.empty())
    require(
        e.make<LLVM::CallOp>(TypeRange{e.getI1Type()}, "etch_aligned", pointers)
            .getResult());
  if (!inner.isKnown() || inner.known % lanes)
    require(e.compare(arith::CmpIPredicate::ule, e.add(i, lanes), inner));
  auto vector = [&] {
    values.enter(indices, last);
    point(i, Lanes{lanes, {}});
  };
  if (!whole)
    return vector();
  e.when(whole, vector, [&] {
    Ix end = inner.isKnown() && inner.known % lanes == 0
                 ? e.add(i, lanes)
                 : e.min(e.add(i, lanes), inner);
    values.enter(indices, last);
    e.loop(i, end, 1, [&](Ix one) { point(one, Lanes()); });
  });
}

/// Units of a shape whose axes from `innerFrom` on are one loop in vectors.
static Ix unitsOf(Emit &e, const Extents &shape, size_t innerFrom,
                  int64_t lanes) {
  Ix outer = 1, inner = 1;
  for (auto [axis, extent] : llvm::enumerate(shape))
    (axis < innerFrom ? outer : inner) =
        e.mul(axis < innerFrom ? outer : inner, extent);
  return e.mul(outer, e.ceilDiv(inner, lanes));
}

LogicalResult Pointwise::emit() {
  unsigned result = k.resultBuffer(0);
  k.stage(kThreads, {}, [&] {
    const Buffer &out = k.buffers[result];
    SmallVector<int> level;
    for (size_t axis = 0; axis < out.extents.size(); ++axis)
      level.push_back(int(axis));
    Evaluator values(k, out.extents, level);
    if (failed(values.writeResults()))
      return k.fail();
    values.collapse();
    int dim = values.transposedDim();
    SmallVector<Value> reads;
    if (dim >= 0)
      reads = values.transposedReads(dim);
    ArrayRef<Ix> extents = values.loopExtents();
    auto isLong = [](Ix extent) {
      return !extent.isKnown() || extent.known > 8;
    };
    if (!reads.empty() && reads.size() <= 4 && isLong(extents[dim]) &&
        isLong(extents.back()))
      tiled(values, dim, reads);
    else
      plain(values);
  });
  return success();
}

void Pointwise::plain(Evaluator &values) {
  unsigned result = k.resultBuffer(0);
  ArrayRef<Ix> extents = values.loopExtents();
  size_t innerFrom = 0;
  if (!extents.empty()) {
    innerFrom = size_t(values.lastAxes());
    lanes = chooseLanes(k, extents.back());
  }
  Ix unit = e.add(e.mul(k.block(), kThreads), k.thread());
  Ix total = unitsOf(e, k.buffers[result].extents, innerFrom, lanes);
  e.when(e.compare(arith::CmpIPredicate::ult, unit, total), [&] {
    if (extents.empty()) {
      values.enter({}, -1);
      return point(values, 0, Lanes());
    }
    SmallVector<Ix> indices(extents.size(), Ix(0));
    int last = values.rank() - 1;
    Ix rest = unit, i = unit;
    if (last > 0) {
      Ix perRow = e.ceilDiv(extents.back(), lanes);
      i = e.rem(rest, perRow);
      rest = e.div(rest, perRow);
    }
    for (int dim = last; dim-- > 0;) {
      indices[dim] = dim == 0 ? rest : e.rem(rest, extents[dim]);
      if (dim)
        rest = e.div(rest, extents[dim]);
    }
    emitVector(k, values, lanes, indices, e.mul(i, lanes),
               [&](Ix at, Lanes covered) { point(values, at, covered); });
  });
  k.stages.back().blocks = [=, lanes = lanes](Emit &e,
                                              ArrayRef<Extents> shapes) {
    return e.ceilDiv(unitsOf(e, shapes[result], innerFrom, lanes), kThreads);
  };
}

/// 32 x 32 elements of the two loops: first each read along its memory into
/// shared memory, a warp for 32 neighbours; then the results along theirs.
void Pointwise::tiled(Evaluator &values, int dim, ArrayRef<Value> reads) {
  constexpr int64_t side = 32, rows = kThreads / side;
  int last = values.rank() - 1;
  ArrayRef<Ix> extents = values.loopExtents();
  SmallVector<Ix> indices(extents.size(), Ix(0));
  Ix rest = k.block();
  for (int d = last + 1; d-- > 0;) {
    bool cut = d == dim || d == last;
    Ix count = cut ? e.ceilDiv(extents[d], side) : extents[d];
    Ix at = d == 0 ? rest : e.rem(rest, count);
    rest = d == 0 ? rest : e.div(rest, count);
    indices[d] = cut ? e.mul(at, side) : at;
  }
  Ix corner = indices[dim], lastCorner = indices[last];
  Ix thread = k.thread();
  Ix column = e.rem(thread, side), row = e.div(thread, side);
  SmallVector<Value> tiles;
  for (Value read : reads)
    tiles.push_back(
        k.shared(getElementTypeOrSelf(read.getType()), side * (side + 1)));
  // `body` at the elements of this thread, where there are any.
  auto elements = [&](bool alongLast, function_ref<void(Ix)> body) {
    for (int64_t r = 0; r < side; r += rows) {
      Ix other = e.add(row, r);
      indices[dim] = e.add(corner, alongLast ? other : column);
      indices[last] = e.add(lastCorner, alongLast ? column : other);
      Value inside = e.make<arith::AndIOp>(
          e.compare(arith::CmpIPredicate::ult, indices[dim], extents[dim]),
          e.compare(arith::CmpIPredicate::ult, indices[last], extents[last]));
      e.when(inside, [&] {
        values.enter(indices, -1);
        values.point(0, Lanes());
        body(alongLast ? e.add(e.mul(column, side + 1), other)
                       : e.add(e.mul(other, side + 1), column));
      });
    }
  };
  elements(false, [&](Ix place) {
    for (auto [tile, read] : llvm::zip_equal(tiles, reads))
      k.store(values.get(read), tile, place);
  });
  k.barrier();
  elements(true, [&](Ix place) {
    for (auto [tile, read] : llvm::zip_equal(tiles, reads))
      values.give(read,
                  k.load(tile, place, getElementTypeOrSelf(read.getType())));
    values.store();
  });
  unsigned result = k.resultBuffer(0);
  size_t rank = k.buffers[result].extents.size();
  SmallVector<std::pair<size_t, size_t>> axes;
  for (int d = 0; d <= last; ++d)
    axes.push_back(values.axesOf(d, rank));
  k.stages.back().blocks = [=](Emit &e, ArrayRef<Extents> shapes) {
    Ix blocks = 1;
    for (auto [d, range] : llvm::enumerate(axes)) {
      Ix extent = 1;
      for (size_t axis = range.first; axis < range.second; ++axis)
        extent = e.mul(extent, shapes[result][axis]);
      bool cut = int(d) == dim || int(d) == last;
      blocks = e.mul(blocks, cut ? e.ceilDiv(extent, side) : extent);
    }
    return blocks;
  };
}

LogicalResult etch::cuda::emitPointwise(Kernel &k) {
  return Pointwise(k).emit();
}
