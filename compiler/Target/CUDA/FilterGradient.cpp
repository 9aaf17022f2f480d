//===- FilterGradient.cpp - Gradients of filters as products --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rows are channels of the convolution's result, columns a channel of its image
// and a tap, a step of K is a place (n, h, w) of the result. Results are small
// and K is long: blocks of threads share K, leave their sums in scratch memory,
// and a second stage adds these in order. How many share depends on extents
// alone, so that a program gives the same bits wherever it runs.
//===----------------------------------------------------------------------===//

#include "compiler/Target/CUDA/TensorCores.h"
#include "compiler/Target/CUDA/Windows.h"
#include "compiler/Target/Kernel/Evaluator.h"

#include "dialects/Etch/ScalarExpr.h"

using namespace mlir;
using namespace etch;
using namespace etch::cuda;

/// Blocks of threads that a large device holds at a time.
static constexpr int64_t kBlocks = 264;
/// Steps of K that are worth a block; slices of etch_steps.
static constexpr int64_t kFewestSteps = 512, kSlice = 16;
/// Of channels or columns: fewer leave most of a tile empty.
static constexpr int64_t kFewest = 24;

namespace {

class FilterGradient {
public:
  FilterGradient(Kernel &k, Operation *op, const ImageForm &form)
      : k(k), e(k.e), op(op), form(form), axes(axesOf(op)),
        groups(op->getAttrOfType<IntegerAttr>("groups").getInt()),
        type(cast<RankedTensorType>(op->getResult(0).getType())) {}
  bool fits();
  LogicalResult emit();

private:
  int64_t tiles() const { return groups * rowTiles * columnTiles; }
  int64_t elements() const { return groups * rows * columns; }
  void emitShare(function_ref<void(Ix share, Ix row, Ix column, Value)> use);
  /// The place, with the result's axes, of a row and a column.
  SmallVector<Ix, 4> placeOf(Ix row, Ix column);
  SmallVector<Value> operands(const Buffer &x, const Buffer &gy, Ix row0,
                              Ix column0);
  SmallVector<Value> operandsLast(const Buffer &x, const Buffer &gy, Ix row0,
                                  Ix column0);
  Value partial(Ix share, Ix element);

  Kernel &k;
  Emit &e;
  Operation *op;
  const ImageForm &form;
  std::array<WindowAxis, 2> axes;
  int64_t groups;
  RankedTensorType type;
  int64_t rows = 0, columns = 0; ///< of a group
  int64_t rowTiles = 0, columnTiles = 0;
  TensorTile tile;
  Ix group;
};

} // namespace

static Ix depthOf(Emit &e, const Extents &gradient) {
  return e.mul(gradient[0], e.mul(gradient[2], gradient[3]));
}

/// How many blocks share the steps of a tile.
static Ix sharesOf(Emit &e, const Extents &gradient, int64_t tiles) {
  int64_t most = kBlocks / tiles;
  if (most <= 1)
    return 1;
  return e.max(e.min(e.div(depthOf(e, gradient), kFewestSteps), most), 1);
}

/// Whether tensor cores make it, of tiles that are not empty for the most part.
bool FilterGradient::fits() {
  if (!mayUseTensorCores(k, type.getElementType(),
                         {form.stored(k, 0), form.stored(k, 1)}) ||
      !type.hasStaticShape())
    return false;
  rows = type.getDimSize(0) / groups;
  columns = type.getDimSize(1) * type.getDimSize(2) * type.getDimSize(3);
  // Where taps are, and the elements of an image, are numbers of 32 bits.
  auto image = cast<RankedTensorType>(op->getOperand(0).getType()).getShape();
  int64_t size = 1;
  for (int64_t extent : image.drop_front()) {
    if (ShapedType::isDynamic(extent) || extent > INT32_MAX / size)
      return false;
    size *= std::max<int64_t>(extent, 1);
  }
  if (rows < kFewest || columns < kFewest)
    return false;
  tile = TensorTile::small(k);
  if (rows > 64)
    tile.m = 128;
  // Slices of bfloat16 take a bit more shared memory.
  if (columns > 64 && !(tile.half && tile.m == 128 && !form.last))
    tile.n = 128;
  rowTiles = int64_t(llvm::divideCeil(rows, tile.m));
  columnTiles = int64_t(llvm::divideCeil(columns, tile.n));
  return true;
}

/// What etch_correlate takes behind the steps of K.
SmallVector<Value> FilterGradient::operands(const Buffer &x, const Buffer &gy,
                                            Ix row0, Ix column0) {
  Ix image = e.mul(gy.extents[2], gy.extents[3]);
  Ix source = e.mul(x.extents[2], x.extents[3]);
  SmallVector<Value> all = {
      e.at(gy.pointer, e.mul(e.mul(group, rows), image), gy.element),
      e.value(e.mul(gy.extents[1], image)),
      e.value(row0),
      e.value(rows),
      movesWhole(k, {image}, gy.element, gy.pointer),
      e.value(image),
      e.value(gy.extents[3]),
      e.at(x.pointer, e.mul(e.mul(group, type.getDimSize(1)), source),
           x.element),
      e.value(e.mul(x.extents[1], source)),
      e.value(column0),
      e.value(columns)};
  int64_t height = type.getDimSize(2), width = type.getDimSize(3);
  for (Ix number :
       {x.extents[2], x.extents[3], Ix(height * width), Ix(width),
        Ix(axes[0].stride), Ix(axes[1].stride), Ix(axes[0].dilation),
        Ix(axes[1].dilation), Ix(axes[0].pad), Ix(axes[1].pad)})
    all.push_back(e.value(number));
  return all;
}

/// The same of etch_correlate_last.
SmallVector<Value> FilterGradient::operandsLast(const Buffer &x,
                                                const Buffer &gy, Ix row0,
                                                Ix column0) {
  int64_t channels = type.getDimSize(1);
  SmallVector<Value> all = {
      e.at(gy.pointer, e.mul(group, rows), gy.element),
      e.value(gy.extents[1]),
      e.value(row0),
      e.value(rows),
      movesWhole(k, {gy.extents[1], rows}, gy.element, gy.pointer),
      e.value(e.mul(gy.extents[2], gy.extents[3])),
      e.value(gy.extents[3]),
      e.at(x.pointer, e.mul(group, channels), x.element),
      e.value(x.extents[1]),
      e.value(channels),
      e.value(column0),
      e.value(columns),
      movesWhole(k, {x.extents[1], channels}, x.element, x.pointer)};
  for (Ix number :
       {x.extents[2], x.extents[3], Ix(type.getDimSize(3)), Ix(axes[0].stride),
        Ix(axes[1].stride), Ix(axes[0].dilation), Ix(axes[1].dilation),
        Ix(axes[0].pad), Ix(axes[1].pad)})
    all.push_back(e.value(number));
  return all;
}

/// Filters lie (channels, taps, channels of the image) with channels last.
SmallVector<Ix, 4> FilterGradient::placeOf(Ix row, Ix column) {
  int64_t height = type.getDimSize(2), width = type.getDimSize(3);
  int64_t inner = form.last ? type.getDimSize(1) : height * width;
  Ix outer = e.div(column, inner), rest = e.rem(column, inner);
  Ix tap = form.last ? outer : rest;
  Ix kh = e.div(tap, width), kw = e.rem(tap, width);
  Ix channel = e.add(e.mul(group, rows), row);
  if (form.last)
    return {channel, kh, kw, rest};
  return {channel, outer, kh, kw};
}

/// A block's part of the result: its share, its tile.
void FilterGradient::emitShare(
    function_ref<void(Ix share, Ix row, Ix column, Value)> use) {
  Buffer x = form.operand(k, 0), gy = form.operand(k, 1);
  TilePlace at(k, tile.m, rowTiles, tile.n, columnTiles);
  Ix row0 = at.row, column0 = at.column;
  group = e.rem(at.rest, groups);
  Ix share = e.div(at.rest, groups);

  Ix depth = depthOf(e, gy.extents), shares = sharesOf(e, gy.extents, tiles());
  Ix each = e.roundUp(e.div(e.add(depth, e.sub(shares, 1)), shares), kSlice);
  Ix from = e.mul(share, each), to = e.min(e.add(from, each), depth);
  SmallVector<Value> all = {e.value(to), e.value(from)};
  all.append(form.last ? operandsLast(x, gy, row0, column0)
                       : operands(x, gy, row0, column0));
  auto element = [&](Ix r, Ix c, Value sum) {
    Ix row = e.add(row0, r), column = e.add(column0, c);
    Value inside = e.make<arith::AndIOp>(
        e.compare(arith::CmpIPredicate::ult, row, rows),
        e.compare(arith::CmpIPredicate::ult, column, columns));
    e.when(inside, [&] { use(share, row, column, sum); });
  };
  if (form.last)
    emitTensorTile(k, tile, "etch_correlate_last", {}, {true, true},
                   {gy.element, x.element}, all, element);
  else
    emitTensorTile(k, tile, "etch_correlate", {}, {false, false},
                   {gy.element, x.element}, all, element, tile.n * 16);
}

/// Where the sum of a share waits for the second stage.
Value FilterGradient::partial(Ix share, Ix element) {
  return e.at(k.scratch(), e.add(e.mul(share, elements()), element),
              type.getElementType());
}

LogicalResult FilterGradient::emit() {
  unsigned gradient = form.arguments[1];
  using Shapes = ArrayRef<Extents>;
  auto shares = [form = form, gradient, tiles = tiles()](Emit &e,
                                                         Shapes shapes) {
    return sharesOf(e, form.toOp(shapes[gradient]), tiles);
  };
  auto blocks = [shares, tiles = tiles()](Emit &e, Shapes shapes) {
    return e.mul(shares(e, shapes), tiles);
  };
  bool alone = false;
  k.stage(kThreads, blocks, [&] {
    alone = sharesOf(e, form.operand(k, 1).extents, tiles()).is(1);
    Extents result(k.buffers[k.resultBuffer(0)].extents);
    Evaluator after(k, result, {0, 1, 2, 3});
    if (alone && failed(after.writeResults(form.y)))
      return k.fail();
    emitShare([&](Ix share, Ix row, Ix column, Value sum) {
      if (alone)
        return after.storeAt(placeOf(row, column), form.y, sum);
      Ix channel = e.add(e.mul(group, rows), row);
      e.storeRaw(sum, partial(share, e.add(e.mul(channel, columns), column)));
    });
  });
  if (alone)
    return success();
  k.forEach(Kernel::product({ExtentRef{elements()}}), [&](Ix unit) {
    const Buffer &y = k.buffers[k.resultBuffer(0)];
    Evaluator after(k, y.extents, {0, 1, 2, 3});
    if (failed(after.writeResults(form.y)))
      return k.fail();
    Type element = type.getElementType();
    Value sum = e.loop(
        1, sharesOf(e, form.operand(k, 1).extents, tiles()), 1,
        {e.loadRaw(element, partial(0, unit))},
        [&](Ix share, ValueRange before) {
          ScalarExpr left(e, e.loc, before[0]);
          ScalarExpr right(e, e.loc, e.loadRaw(element, partial(share, unit)));
          return SmallVector<Value>{left + right};
        })[0];
    after.storeAt(etch::cuda::placeOf(e, unit, y), form.y, sum);
  });
  k.scratchBytes = [shares, bytes = elements() * 4](Emit &e, Shapes shapes) {
    return e.mul(shares(e, shapes), bytes);
  };
  return success();
}

LogicalResult etch::cuda::emitFilterGradient(Kernel &k, Operation *op,
                                             const ImageForm &form) {
  if (!isa<Conv2dWeightGradOp>(op))
    return failure();
  FilterGradient gradient(k, op, form);
  if (!gradient.fits())
    return failure();
  if (failed(gradient.emit()))
    k.fail();
  return success();
}
