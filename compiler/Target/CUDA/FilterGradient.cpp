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
  FilterGradient(Kernel &k, Operation *op)
      : k(k), e(k.e), op(op), axes(axesOf(op)),
        groups(op->getAttrOfType<IntegerAttr>("groups").getInt()),
        type(cast<RankedTensorType>(op->getResult(0).getType())) {}
  bool fits();
  LogicalResult emit();

private:
  /// Where the operands are among those of the launch.
  unsigned bufferOf(unsigned operand) {
    return cast<BlockArgument>(op->getOperand(operand)).getArgNumber();
  }
  int64_t tiles() const { return groups * rowTiles * columnTiles; }
  int64_t elements() const { return groups * rows * columns; }
  void emitShare(function_ref<void(Ix share, Ix row, Ix column, Value)> use);
  LogicalResult collect(Evaluator &after);
  void put(Evaluator &after, ArrayRef<Ix> at, Value sum);
  Value partial(Ix share, Ix element);

  Kernel &k;
  Emit &e;
  Operation *op;
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
  if (!mayUseTensorCores(k, type.getElementType()) || !type.hasStaticShape())
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
  if (columns > 64 && !(tile.half && tile.m == 128))
    tile.n = 128;
  rowTiles = int64_t(llvm::divideCeil(rows, tile.m));
  columnTiles = int64_t(llvm::divideCeil(columns, tile.n));
  return true;
}

/// A block's part of the result: its share, its tile.
void FilterGradient::emitShare(
    function_ref<void(Ix share, Ix row, Ix column, Value)> use) {
  const Buffer &x = *k.argumentBuffer(op->getOperand(0));
  const Buffer &gy = *k.argumentBuffer(op->getOperand(1));
  Type element = type.getElementType();
  Ix unit = k.block();
  Ix column0 = e.mul(e.rem(unit, columnTiles), tile.n);
  unit = e.div(unit, columnTiles);
  Ix row0 = e.mul(e.rem(unit, rowTiles), tile.m);
  unit = e.div(unit, rowTiles);
  group = e.rem(unit, groups);
  Ix share = e.div(unit, groups);

  Ix depth = depthOf(e, gy.extents), shares = sharesOf(e, gy.extents, tiles());
  Ix each = e.roundUp(e.div(e.add(depth, e.sub(shares, 1)), shares), kSlice);
  Ix from = e.mul(share, each), to = e.min(e.add(from, each), depth);
  Ix image = e.mul(gy.extents[2], gy.extents[3]);
  Ix source = e.mul(x.extents[2], x.extents[3]);
  Value whole = e.constant(e.getI1Type(), 0, 1);
  if (image.isKnown() && image.known % 4 == 0)
    whole = e.make<LLVM::CallOp>(TypeRange{e.getI1Type()}, "etch_aligned",
                                 ValueRange{gy.pointer})
                .getResult();
  Ix height = type.getDimSize(2), width = type.getDimSize(3);
  SmallVector<Value> operands = {
      e.value(to),
      e.value(from),
      e.at(gy.pointer, e.mul(e.mul(group, rows), image), element),
      e.value(e.mul(gy.extents[1], image)),
      e.value(row0),
      e.value(rows),
      whole,
      e.value(image),
      e.value(gy.extents[3]),
      e.at(x.pointer, e.mul(e.mul(group, type.getDimSize(1)), source), element),
      e.value(e.mul(x.extents[1], source)),
      e.value(column0),
      e.value(columns)};
  for (Ix number :
       {x.extents[2], x.extents[3], e.mul(height, width), width,
        Ix(axes[0].stride), Ix(axes[1].stride), Ix(axes[0].dilation),
        Ix(axes[1].dilation), Ix(axes[0].pad), Ix(axes[1].pad)})
    operands.push_back(e.value(number));
  emitTensorTile(
      k, tile, "etch_correlate", {}, {false, false}, operands,
      [&](Ix r, Ix c, Value sum) {
        Ix row = e.add(row0, r), column = e.add(column0, c);
        Value inside = e.make<arith::AndIOp>(
            e.compare(arith::CmpIPredicate::ult, row, rows),
            e.compare(arith::CmpIPredicate::ult, column, columns));
        e.when(inside, [&] { use(share, row, column, sum); });
      },
      tile.n * 16);
}

LogicalResult FilterGradient::collect(Evaluator &after) {
  after.declare(op->getResult(0));
  for (auto [number, result] : llvm::enumerate(k.results())) {
    if (failed(after.read(result)))
      return failure();
    after.write(k.resultBuffer(unsigned(number)));
  }
  return success();
}

void FilterGradient::put(Evaluator &after, ArrayRef<Ix> at, Value sum) {
  after.enter(at, -1);
  after.point(0, Lanes());
  after.give(op->getResult(0), sum);
  SmallVector<Value> stored;
  for (Value v : k.results())
    stored.push_back(after.get(v));
  for (auto [number, value] : llvm::enumerate(stored))
    after.put(unsigned(number), value);
}

/// Where the sum of a share waits for the second stage.
Value FilterGradient::partial(Ix share, Ix element) {
  return e.at(k.scratch(), e.add(e.mul(share, elements()), element),
              type.getElementType());
}

LogicalResult FilterGradient::emit() {
  unsigned gradient = cast<BlockArgument>(op->getOperand(1)).getArgNumber();
  using Shapes = ArrayRef<Extents>;
  auto shares = [gradient, tiles = tiles()](Emit &e, Shapes shapes) {
    return sharesOf(e, shapes[gradient], tiles);
  };
  auto blocks = [shares, tiles = tiles()](Emit &e, Shapes shapes) {
    return e.mul(shares(e, shapes), tiles);
  };
  bool alone = false;
  k.stage(kThreads, blocks, [&] {
    Extents known(k.buffers[gradient].extents);
    alone = sharesOf(e, known, tiles()).is(1);
    Extents result(k.buffers[k.resultBuffer(0)].extents);
    Evaluator after(k, result, {0, 1, 2, 3});
    if (alone && failed(collect(after)))
      return k.fail();
    int64_t taps = type.getDimSize(2) * type.getDimSize(3);
    emitShare([&](Ix share, Ix row, Ix column, Value sum) {
      Ix channel = e.add(e.mul(group, rows), row);
      if (!alone)
        return e.storeRaw(
            sum, partial(share, e.add(e.mul(channel, columns), column)));
      Ix tap = e.rem(column, taps);
      put(after,
          {channel, e.div(column, taps), e.div(tap, type.getDimSize(3)),
           e.rem(tap, type.getDimSize(3))},
          sum);
    });
  });
  if (alone)
    return success();
  k.forEach(Kernel::product({ExtentRef{elements()}}), [&](Ix unit) {
    const Buffer &y = k.buffers[k.resultBuffer(0)];
    Evaluator after(k, y.extents, {0, 1, 2, 3});
    if (failed(collect(after)))
      return k.fail();
    Type element = type.getElementType();
    Value sum = e.loop(
        1, sharesOf(e, k.buffers[gradient].extents, tiles()), 1,
        {e.loadRaw(element, partial(0, unit))},
        [&](Ix share, ValueRange before) {
          ScalarExpr left(e, e.loc, before[0]);
          ScalarExpr right(e, e.loc, e.loadRaw(element, partial(share, unit)));
          return SmallVector<Value>{left + right};
        })[0];
    put(after, placeOf(e, unit, y), sum);
  });
  k.scratchBytes = [shares, bytes = elements() * 4](Emit &e, Shapes shapes) {
    return e.mul(shares(e, shapes), bytes);
  };
  return success();
}

LogicalResult etch::cuda::emitFilterGradient(Kernel &k, Operation *op) {
  if (!isa<Conv2dWeightGradOp>(op))
    return failure();
  FilterGradient gradient(k, op);
  if (!gradient.fits())
    return failure();
  if (failed(gradient.emit()))
    k.fail();
  return success();
}
