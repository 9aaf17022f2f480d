//===- ImageTile.cpp - Convolutions with channels last --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// By tensor cores: rows are places (n, h, w) of the result, columns its
// channels, a step of K is a tap and a channel of the other operand. What is
// read together lies together, along channels, and moves as vectors.
//===----------------------------------------------------------------------===//

#include "compiler/Target/CUDA/TensorCores.h"
#include "compiler/Target/CUDA/Windows.h"
#include "compiler/Target/Kernel/Evaluator.h"

using namespace mlir;
using namespace etch;
using namespace etch::cuda;

/// Fewer channels leave most of a tile empty.
static constexpr int64_t kFewestColumns = 24;
/// Of where the windows of a row begin.
static constexpr int64_t kWindowBytes = 16;
/// Shared memory that a block may have without asking.
static constexpr int64_t kMostShared = 48 << 10;

namespace {

class ImageTile {
public:
  ImageTile(Kernel &k, Operation *op, const ImageForm &form, int64_t groups)
      : k(k), e(k.e), form(form), axes(axesOf(op)),
        x(form.operand(k, 0)), w(form.operand(k, 1)),
        extents(form.toOp(k.buffers[k.resultBuffer(0)].extents)),
        groups(groups), forward(isa<Conv2dOp>(op)) {}
  LogicalResult emit(const TensorTile &tile);

  static Ix rowsOf(Emit &e, const Extents &result) {
    return e.mul(result[0], e.mul(result[2], result[3]));
  }

private:
  void finish(Evaluator &after, Ix row, Ix column, Value sum);

  Kernel &k;
  Emit &e;
  const ImageForm &form;
  std::array<WindowAxis, 2> axes;
  Buffer x, w;
  Extents extents; ///< of the result, by the op's axes
  int64_t groups;
  bool forward;
  Ix rows, columns, group;
};

} // namespace

/// An element of the result, if it is one.
void ImageTile::finish(Evaluator &after, Ix row, Ix column, Value sum) {
  Ix image = e.mul(extents[2], extents[3]), rest = e.rem(row, image);
  Value inside = e.make<arith::AndIOp>(
      e.compare(arith::CmpIPredicate::ult, row, rows),
      e.compare(arith::CmpIPredicate::ult, column, columns));
  e.when(inside, [&] {
    Ix channel = e.add(e.mul(group, columns), column);
    after.storeAt(
        form.fromOp({e.div(row, image), channel, e.div(rest, extents[3]),
                     e.rem(rest, extents[3])}),
        form.y, sum);
  });
}

LogicalResult ImageTile::emit(const TensorTile &tile) {
  Evaluator after(k, form.fromOp(extents), {0, 1, 2, 3});
  if (failed(after.writeResults(form.y)))
    return failure();
  rows = rowsOf(e, extents);
  columns = e.div(extents[1], groups);
  TilePlace at(k, tile.m, e.ceilDiv(rows, tile.m), tile.n,
               e.ceilDiv(columns, tile.n));
  Ix row0 = at.row, column0 = at.column;
  group = at.rest;

  Ix taps = e.mul(w.extents[2], w.extents[3]);
  Ix channels = e.div(x.extents[1], groups), depth = e.mul(taps, channels);
  // A group's filters: its rows, or its steps of K.
  Ix filters = e.div(w.extents[0], groups);
  SmallVector<Value> operands = {
      e.value(depth),
      e.at(x.pointer, e.mul(group, channels), x.element),
      e.value(x.extents[2]),
      e.value(x.extents[3]),
      e.value(x.extents[1]),
      e.value(channels),
      movesWhole(k, {channels, x.extents[1]}, x.element, x.pointer),
      e.value(row0),
      e.value(rows),
      e.value(e.mul(extents[2], extents[3])),
      e.value(extents[3])};
  for (const WindowAxis &axis : axes)
    for (int64_t number :
         {forward ? axis.stride : 1, forward ? -axis.pad : axis.pad,
          forward ? axis.dilation : -axis.dilation})
      operands.push_back(e.value(number));
  operands.append(
      {e.value(taps), e.value(w.extents[3]),
       e.at(w.pointer, e.mul(e.mul(group, filters), e.mul(taps, w.extents[1])),
            w.element),
       e.value(column0), e.value(columns),
       movesWhole(k, {forward ? depth : columns}, w.element, w.pointer)});
  emitTensorTile(
      k, tile, "etch_convolve_last", {forward}, {false, !forward},
      {x.element, w.element}, operands,
      [&](Ix r, Ix c, Value sum) {
        finish(after, e.add(row0, r), e.add(column0, c), sum);
      },
      tile.m * kWindowBytes);
  return success();
}

LogicalResult etch::cuda::emitImageTile(Kernel &k, Operation *op,
                                        const ImageForm &form) {
  auto isUnit = [](const WindowAxis &axis) { return axis.stride == 1; };
  if (!form.last || !(isa<Conv2dOp>(op) || (isa<Conv2dInputGradOp>(op) &&
                                            llvm::all_of(axesOf(op), isUnit))))
    return failure();
  int64_t groups = op->getAttrOfType<IntegerAttr>("groups").getInt();
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  // Of an image of the operand, numbers of 32 bits say where places are.
  auto from = cast<RankedTensorType>(op->getOperand(0).getType());
  std::array<Type, 2> types = {form.stored(k, 0), form.stored(k, 1)};
  if (type.isDynamicDim(1) || type.getDimSize(1) / groups < kFewestColumns ||
      from.isDynamicDim(2) || from.isDynamicDim(3) ||
      from.getDimSize(2) > INT32_MAX / 2 ||
      from.getDimSize(3) > INT32_MAX / 2 ||
      !mayUseTensorCores(k, type.getElementType(), types))
    return failure();
  unsigned result = k.resultBuffer(0);
  int64_t columns = type.getDimSize(1) / groups, rows = -1;
  if (type.hasStaticShape())
    rows = type.getDimSize(0) * type.getDimSize(2) * type.getDimSize(3);
  TensorTile tile = TensorTile::choose(k, groups, rows, columns);
  bool forward = isa<Conv2dOp>(op);
  if (sharedBytes(tile, {false, !forward}, types) + tile.m * kWindowBytes >
      kMostShared)
    tile.n = 64;
  auto blocks = [=](Emit &e, ArrayRef<Extents> shapes) {
    return e.mul(
        groups * int64_t(llvm::divideCeil(columns, tile.n)),
        e.ceilDiv(ImageTile::rowsOf(e, form.toOp(shapes[result])), tile.m));
  };
  k.stage(kThreads, blocks, [&] {
    if (failed(ImageTile(k, op, form, groups).emit(tile)))
      k.fail();
  });
  return success();
}
