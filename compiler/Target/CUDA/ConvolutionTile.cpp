//===- ConvolutionTile.cpp - Convolutions as products ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rows are channels of the result, columns its places (n, h, w), a step of K is
// a channel and a tap of the other operand. A block of threads makes 64 x 64
// elements; for 16 steps at a time it gathers both operands into shared memory.
// Chains and their sums are those of a matrix product, padding included: what
// the operators define.
//===----------------------------------------------------------------------===//

#include "compiler/Target/CUDA/TensorCores.h"
#include "compiler/Target/CUDA/Windows.h"
#include "compiler/Target/Kernel/Evaluator.h"

#include "dialects/Etch/ScalarExpr.h"

using namespace mlir;
using namespace etch;
using namespace etch::cuda;

namespace {

constexpr int64_t kSide = 64, kDepth = 16, kEach = 4, kThreadsAlong = 16;
/// Of a slice in shared memory: neighbours move as a vector.
constexpr int64_t kPitch = kSide + 4;
/// Fewer channels leave most of a tile empty.
constexpr int64_t kFewestRows = 24;
/// Each direction's stride in a gradient, at most.
constexpr int64_t kMostStages = 3;

/// Places of the result at multiples of a convolution's strides, from `first`
/// on: for the gradient of its input, other ones meet other taps. Otherwise all
/// places.
struct Places {
  std::array<int64_t, 2> first = {0, 0}, stride = {1, 1};

  /// Extents of a result with the op's axes that has no others.
  Extents of(Emit &e, ArrayRef<Ix> result) const {
    Extents some(result.begin(), result.end());
    for (size_t i = 0; i < 2; ++i)
      if (stride[i] > 1)
        some[2 + i] =
            e.div(e.add(result[2 + i], stride[i] - 1 - first[i]), stride[i]);
    return some;
  }
};

class Tile {
public:
  Tile(Kernel &k, Operation *op, const ImageForm &form, const Places &places)
      : k(k), e(k.e), form(form), places(places), axes(axesOf(op)),
        x(form.operand(k, 0)), w(form.operand(k, 1)),
        whole(form.toOp(k.buffers[k.resultBuffer(0)].extents)),
        extents(places.of(e, whole)),
        groups(op->getAttrOfType<IntegerAttr>("groups").getInt()),
        element(e.valueType(x.element)), forward(isa<Conv2dOp>(op)) {
    if (!forward)
      chooseTaps();
  }
  LogicalResult emit();
  /// The same by tensor cores.
  LogicalResult emit(const TensorTile &tile);

  /// Channels of the result in a group.
  static Ix rowsOf(Emit &e, const Extents &result, int64_t groups) {
    return e.div(result[1], groups);
  }
  static Ix columnsOf(Emit &e, const Extents &result) {
    return e.mul(result[0], e.mul(result[2], result[3]));
  }

private:
  void chooseTaps();
  Ix taps() { return e.max(e.mul(w.extents[2], w.extents[3]), 1); }
  void locate(int64_t tileRows = kSide, int64_t tileColumns = kSide);
  void finish(Evaluator &after, Ix row, Ix column, Value sum);
  Value filter(Ix row, Ix step);
  Value image(Ix step);
  void fetch(Ix from);
  SmallVector<Value> four(Value slice, Ix step, Ix thread);
  SmallVector<Value> block(Ix from, Ix to);
  Ix tap(int axis, Ix at, Ix number);

  Kernel &k;
  Emit &e;
  const ImageForm &form;
  const Places &places;
  std::array<WindowAxis, 2> axes;
  Buffer x, w;
  Extents whole, extents; ///< of the result, of the places; by the op's axes
  int64_t groups;
  Type element;
  bool forward; ///< otherwise the gradient of its input
  Ix rows, columns, depth, row0, column0, group, thread;
  /// The place whose values this thread fetches.
  Ix column, n, h, v;
  Value sliceW, sliceX;
};

} // namespace

/// To the places, a convolution with stride 1 of the taps that meet them.
void Tile::chooseTaps() {
  Ix offset = 0;
  for (size_t i = 0; i < 2; ++i) {
    WindowAxis &axis = axes[i];
    int64_t stride = places.stride[i];
    if (stride == 1)
      continue;
    int64_t from = places.first[i] + axis.pad, first = from % stride;
    int64_t extent = w.extents[2 + i].known;
    axis = {1, from / stride, 1};
    offset = e.add(offset, e.mul(w.strides[2 + i], first));
    w.extents[2 + i] =
        extent > first ? int64_t(llvm::divideCeil(extent - first, stride)) : 0;
    w.strides[2 + i] = e.mul(w.strides[2 + i], stride);
  }
  w.pointer = e.at(w.pointer, offset, w.element);
}

/// Where a tap meets x (forward) or the gradient of y.
Ix Tile::tap(int axis, Ix at, Ix number) {
  const WindowAxis &a = axes[size_t(axis)];
  // Below 0 a place is far above, as unsigned numbers go.
  return forward ? a.source(e, at, number)
                 : e.sub(e.add(at, a.pad), e.mul(number, a.dilation));
}

void Tile::locate(int64_t tileRows, int64_t tileColumns) {
  thread = k.thread();
  rows = rowsOf(e, extents, groups);
  columns = columnsOf(e, extents);
  // Of the filter (oc, c, kh, kw), one of the first two runs along K.
  Ix perGroup = forward ? w.extents[1] : e.div(w.extents[0], groups);
  depth = e.mul(perGroup, e.mul(w.extents[2], w.extents[3]));
  TilePlace at(k, tileRows, e.ceilDiv(rows, tileRows), tileColumns,
               e.ceilDiv(columns, tileColumns));
  row0 = at.row;
  column0 = at.column;
  group = at.rest;
  column = e.add(column0, e.rem(thread, tileColumns));
  Ix image = e.mul(extents[2], extents[3]);
  n = e.div(column, image);
  Ix rest = e.rem(column, image);
  h = e.div(rest, extents[3]);
  v = e.rem(rest, extents[3]);
}

/// The filter between a row and a step of K.
Value Tile::filter(Ix row, Ix step) {
  Ix other = e.div(step, taps()), rest = e.rem(step, taps());
  Ix width = e.max(w.extents[3], 1);
  Ix kh = e.div(rest, width), kw = e.rem(rest, width);
  Value inside =
      e.make<arith::AndIOp>(e.compare(arith::CmpIPredicate::ult, row, rows),
                            e.compare(arith::CmpIPredicate::ult, step, depth));
  SmallVector<Ix, 4> at{0, 0, kh, kw};
  if (forward) {
    at[0] = e.add(e.mul(group, rows), row);
    at[1] = other;
  } else {
    at[0] = e.add(e.mul(group, e.div(w.extents[0], groups)), other);
    at[1] = row;
  }
  return loadInside(k, w, at, inside);
}

/// What a step of K meets at this thread's place.
Value Tile::image(Ix step) {
  Ix other = e.div(step, taps()), rest = e.rem(step, taps());
  Ix width = e.max(w.extents[3], 1);
  Ix kh = e.div(rest, width), kw = e.rem(rest, width);
  Ix perGroup = forward ? w.extents[1] : e.div(w.extents[0], groups);
  Ix channel = e.add(e.mul(group, perGroup), other);
  Ix hAt = tap(0, h, kh), vAt = tap(1, v, kw);
  Value inside = e.compare(arith::CmpIPredicate::ult, hAt, x.extents[2]);
  auto require = [&](Ix a, Ix b) {
    inside = e.make<arith::AndIOp>(inside,
                                   e.compare(arith::CmpIPredicate::ult, a, b));
  };
  require(vAt, x.extents[3]);
  require(column, columns);
  require(step, depth);
  return loadInside(k, x, {n, channel, hAt, vAt}, inside);
}

/// Steps from.. of both operands into slice[step][row].
void Tile::fetch(Ix from) {
  for (int64_t done = 0; done < kSide * kDepth; done += kThreads) {
    Ix at = e.add(thread, done);
    // Neighbours read along the filter's memory, and along the image's.
    Ix r = e.div(at, kDepth), step = e.rem(at, kDepth);
    k.store(filter(e.add(row0, r), e.add(from, step)), sliceW,
            e.add(e.mul(step, kPitch), r));
    Ix own = e.add(e.div(thread, kSide), done / kSide);
    k.store(image(e.add(from, own)), sliceX,
            e.add(e.mul(own, kPitch), e.rem(thread, kSide)));
  }
}

/// The elements of slice[step] that belong to a thread of a side.
SmallVector<Value> Tile::four(Value slice, Ix step, Ix thread) {
  Value address =
      e.at(slice, e.add(e.mul(step, kPitch), e.mul(thread, kEach)), element);
  SmallVector<Value> values;
  bool moves = e.bytesOf(element) * kEach == 16;
  Value all = moves ? e.load(address, 1, element, {kEach, {}, true}) : Value();
  for (int64_t i = 0; i < kEach; ++i)
    values.push_back(moves ? e.extract(all, i) : k.load(address, i, element));
  return values;
}

/// The chains of this thread over [from, to), at most 256 steps.
SmallVector<Value> Tile::block(Ix from, Ix to) {
  Ix row = e.div(thread, kThreadsAlong), column = e.rem(thread, kThreadsAlong);
  SmallVector<Value> zeros(size_t(kEach * kEach), e.constant(element, 0, 1));
  auto slice = [&](Ix at, Ix steps, ValueRange before) {
    fetch(at);
    k.barrier();
    SmallVector<Value> sums =
        e.loop(0, steps, 1, before, [&](Ix s, ValueRange sums) {
          SmallVector<Value> next, left = four(sliceW, s, row),
                                   right = four(sliceX, s, column);
          for (int64_t r = 0; r < kEach; ++r)
            for (int64_t c = 0; c < kEach; ++c) {
              ScalarExpr a(e, e.loc, left[size_t(r)]);
              ScalarExpr b(e, e.loc, right[size_t(c)]);
              ScalarExpr sum(e, e.loc, sums[size_t(r * kEach + c)]);
              next.push_back(a.isFloat() ? fma(a, b, sum) : sum + a * b);
            }
          return next;
        });
    if (auto loop = sums[0].getDefiningOp<scf::ForOp>())
      if (steps.isKnown())
        loop->setAttr("etch.unroll", e.getI64IntegerAttr(steps.known));
    k.barrier();
    return sums;
  };
  // A chain has as many links as K has steps.
  Ix whole = to;
  if (!depth.isKnown() || depth.known % kDepth)
    whole = e.add(from, e.mul(e.div(e.sub(to, from), kDepth), kDepth));
  SmallVector<Value> sums =
      e.loop(from, whole, kDepth, zeros,
             [&](Ix at, ValueRange s) { return slice(at, kDepth, s); });
  if (whole == to)
    return sums;
  return e.loop(whole, to, kDepth, sums, [&](Ix at, ValueRange s) {
    return slice(at, e.sub(to, at), s);
  });
}

/// An element of the result, if it is one.
void Tile::finish(Evaluator &after, Ix row, Ix column, Value sum) {
  Ix image = e.mul(extents[2], extents[3]), rest = e.rem(column, image);
  SmallVector<Ix, 4> at{e.div(column, image), 0, e.div(rest, extents[3]),
                        e.rem(rest, extents[3])};
  Value inside = e.make<arith::AndIOp>(
      e.compare(arith::CmpIPredicate::ult, row, rows),
      e.compare(arith::CmpIPredicate::ult, column, columns));
  e.when(inside, [&] {
    at[1] = e.add(e.mul(group, rows), row);
    for (size_t i = 0; i < 2; ++i)
      at[2 + i] = e.add(e.mul(at[2 + i], places.stride[i]), places.first[i]);
    after.storeAt(form.fromOp(at), form.y, sum);
  });
}

LogicalResult Tile::emit() {
  Evaluator after(k, form.fromOp(whole), {0, 1, 2, 3});
  if (failed(after.writeResults(form.y)))
    return failure();
  locate();
  sliceW = k.shared(element, kPitch * kDepth);
  sliceX = k.shared(element, kPitch * kDepth);
  // -0 and the first block are that block, exactly.
  Combiner sum{Combiner::sum, element};
  SmallVector<Value> none(size_t(kEach * kEach), sum.identity(e, 1));
  SmallVector<Value> sums = e.loop(
      0, e.max(depth, 1), kGemmBlock, none, [&](Ix from, ValueRange before) {
        SmallVector<Value> next =
            block(from, e.min(e.add(from, kGemmBlock), depth));
        for (auto [number, value] : llvm::enumerate(next))
          next[number] = sum.combine(e, before[number], value);
        return next;
      });
  for (int64_t c = 0; c < kEach; ++c) {
    Ix column =
        e.add(column0, e.add(e.mul(e.rem(thread, kThreadsAlong), kEach), c));
    for (int64_t r = 0; r < kEach; ++r) {
      Ix row =
          e.add(row0, e.add(e.mul(e.div(thread, kThreadsAlong), kEach), r));
      finish(after, row, column, sums[size_t(r * kEach + c)]);
    }
  }
  return success();
}

LogicalResult Tile::emit(const TensorTile &tile) {
  Evaluator after(k, form.fromOp(whole), {0, 1, 2, 3});
  if (failed(after.writeResults(form.y)))
    return failure();
  locate(tile.m, tile.n);
  Ix perGroup = e.div(x.extents[1], groups);
  Ix filters = forward ? rows : perGroup; // of a group
  Ix image = e.mul(x.extents[2], x.extents[3]);
  Value filter =
      e.at(w.pointer, e.mul(e.mul(group, filters), w.strides[0]), w.element);
  Value whole = forward ? movesWhole(k, {depth}, w.element, w.pointer)
                        : e.constant(e.getI1Type(), 0, 1);
  Value there = e.compare(arith::CmpIPredicate::ult, column, columns);
  Ix channel = e.add(e.mul(n, x.extents[1]), e.mul(group, perGroup));
  SmallVector<Value> operands = {
      e.value(depth),
      filter,
      e.value(w.strides[0]),
      e.value(row0),
      e.value(rows),
      whole,
      e.at(x.pointer, e.mul(channel, image), x.element),
      e.value(x.extents[2]),
      e.value(x.extents[3]),
      e.value(tap(0, h, 0)),
      e.value(tap(1, v, 0)),
      e.value(taps()),
      e.value(e.max(w.extents[3], 1)),
      e.value(forward ? axes[0].dilation : -axes[0].dilation),
      e.value(forward ? axes[1].dilation : -axes[1].dilation),
      there,
      e.value(w.strides[1]),
      e.value(w.strides[2]),
      e.value(w.strides[3])};
  emitTensorTile(k, tile, "etch_convolve", {forward}, {false, true},
                 {w.element, x.element}, operands, [&](Ix r, Ix c, Value sum) {
                   finish(after, e.add(row0, r), e.add(column0, c), sum);
                 });
  return success();
}

static void emitStage(Kernel &k, Operation *op, const ImageForm &form,
                      const Places &places, int64_t groups) {
  unsigned result = k.resultBuffer(0);
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  auto blocksOf = [=](int64_t m, int64_t n) {
    return [=](Emit &e, ArrayRef<Extents> shapes) {
      Extents y = places.of(e, form.toOp(shapes[result]));
      return e.mul(groups, e.mul(e.ceilDiv(Tile::rowsOf(e, y, groups), m),
                                 e.ceilDiv(Tile::columnsOf(e, y), n)));
    };
  };
  k.stage(kThreads, blocksOf(kSide, kSide), [&] {
    Buffer x = form.operand(k, 0), w = form.operand(k, 1);
    if (!mayUseTensorCores(k, type.getElementType(), {w.element, x.element}) ||
        !x.dense || !w.dense) {
      if (failed(Tile(k, op, form, places).emit()))
        k.fail();
      return;
    }
    Extents y = places.of(k.e, k.buffers[result].extents);
    Ix columns = Tile::columnsOf(k.e, y);
    TensorTile tile =
        TensorTile::choose(k, groups, type.getDimSize(1) / groups,
                           columns.isKnown() ? columns.known : -1);
    k.stages.back().blocks = blocksOf(tile.m, tile.n);
    if (failed(Tile(k, op, form, places).emit(tile)))
      k.fail();
  });
}

/// Whether an axis has no place from `first` on.
static bool isEmpty(int64_t extent, int64_t first) {
  return !ShapedType::isDynamic(extent) && extent <= first && first > 0;
}

LogicalResult etch::cuda::emitConvolutionTile(Kernel &k, Operation *op,
                                              const ImageForm &form) {
  bool forward = isa<Conv2dOp>(op);
  if (!forward && !isa<Conv2dInputGradOp>(op))
    return failure();
  int64_t groups = op->getAttrOfType<IntegerAttr>("groups").getInt();
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  if (type.isDynamicDim(1) || type.getDimSize(1) / groups < kFewestRows)
    return failure();
  // A stage for each of the places that meet the same taps.
  std::array<int64_t, 2> stride = {1, 1};
  auto filter = cast<RankedTensorType>(op->getOperand(1).getType());
  for (auto [i, axis] : llvm::enumerate(axesOf(op))) {
    if (forward || axis.stride == 1)
      continue;
    if (axis.dilation != 1 || filter.isDynamicDim(unsigned(2 + i)) ||
        axis.stride > kMostStages)
      return failure();
    stride[i] = axis.stride;
  }
  for (int64_t h = 0; h < stride[0]; ++h)
    for (int64_t v = 0; v < stride[1]; ++v)
      if (!isEmpty(type.getDimSize(2), h) && !isEmpty(type.getDimSize(3), v))
        emitStage(k, op, form, {{h, v}, stride}, groups);
  return success();
}
