//===- Windows.cpp - im2col, col2im, max_pool_index -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A thread for each element of the result.
//===----------------------------------------------------------------------===//

#include "compiler/Target/CUDA/Windows.h"

#include "dialects/Etch/ScalarExpr.h"

using namespace mlir;
using namespace etch;
using namespace etch::cuda;

std::array<WindowAxis, 2> etch::cuda::axesOf(Operation *op) {
  std::array<WindowAxis, 2> axes;
  for (size_t i = 0; i < 2; ++i) {
    auto pair = [&](StringRef name) {
      auto attr = op->getAttrOfType<DenseI64ArrayAttr>(name);
      return attr ? attr.asArrayRef()[i] : 1;
    };
    axes[i] = {pair("stride"), pair("pad"), pair("dilation")};
  }
  return axes;
}

Ix WindowAxis::source(Emit &e, Ix place, Ix tap) const {
  return e.sub(e.add(e.mul(place, stride), e.mul(tap, dilation)), pad);
}

Ix WindowAxis::place(Emit &e, Ix source, Ix tap, Ix count, Value &meets) const {
  Ix at = e.sub(e.add(source, pad), e.mul(tap, dilation));
  Ix found = e.div(e.max(at, 0), stride);
  meets = e.make<arith::AndIOp>(
      e.compare(arith::CmpIPredicate::eq, e.mul(found, stride), at),
      e.compare(arith::CmpIPredicate::slt, found, count));
  return found;
}

//===----------------------------------------------------------------------===//
// Where channels are
//===----------------------------------------------------------------------===//

/// Axes (n, c, h, w) of an array with channels last, and the reverse.
static constexpr int64_t kToOp[4] = {0, 3, 1, 2}, kFromOp[4] = {0, 2, 3, 1};

static SmallVector<Ix, 4> reordered(ArrayRef<Ix> list, ArrayRef<int64_t> axes) {
  SmallVector<Ix, 4> result;
  for (int64_t axis : axes)
    result.push_back(list[size_t(axis)]);
  return result;
}

std::optional<ImageForm> etch::cuda::imageFormOf(Operation *op) {
  ImageForm form;
  form.y = op->getResult(0);
  if (op->getResult(0).hasOneUse())
    if (auto transpose = dyn_cast<TransposeOp>(*op->getUsers().begin());
        transpose && transpose.getPermutation() == ArrayRef<int64_t>(kFromOp)) {
      form.y = transpose.getY();
      form.last = true;
    }
  for (Value x : op->getOperands()) {
    if (!isa<RankedTensorType>(x.getType()))
      break;
    if (auto transpose = x.getDefiningOp<TransposeOp>();
        transpose && form.last &&
        transpose.getPermutation() == ArrayRef<int64_t>(kToOp))
      x = transpose.getX();
    else if (form.last)
      return std::nullopt;
    auto argument = dyn_cast<BlockArgument>(x);
    if (!argument)
      return std::nullopt;
    form.arguments.push_back(argument.getArgNumber());
  }
  return form;
}

SmallVector<Ix, 4> ImageForm::toOp(ArrayRef<Ix> stored) const {
  return last ? reordered(stored, kToOp) : SmallVector<Ix, 4>(stored);
}

SmallVector<Ix, 4> ImageForm::fromOp(ArrayRef<Ix> list) const {
  return last ? reordered(list, kFromOp) : SmallVector<Ix, 4>(list);
}

Type ImageForm::stored(Kernel &k, unsigned i) const {
  auto attr = k.source.getArgAttrOfType<TypeAttr>(arguments[i], kStoredAttr);
  return attr ? attr.getValue()
              : getElementTypeOrSelf(
                    k.source.getFunctionType().getInput(arguments[i]));
}

Buffer ImageForm::operand(const Kernel &k, unsigned i) const {
  Buffer buffer = k.buffers[arguments[i]];
  buffer.extents = toOp(buffer.extents);
  buffer.strides = toOp(buffer.strides);
  buffer.dense &= !last;
  return buffer;
}

//===----------------------------------------------------------------------===//
// Places
//===----------------------------------------------------------------------===//

SmallVector<Ix, 6> etch::cuda::placeOf(Emit &e, Ix unit, const Buffer &buffer) {
  SmallVector<Ix, 6> place(buffer.extents.size());
  for (size_t axis = place.size(); axis-- > 0;) {
    place[axis] = axis ? e.rem(unit, buffer.extents[axis]) : unit;
    if (axis)
      unit = e.div(unit, buffer.extents[axis]);
  }
  return place;
}

Ix etch::cuda::offsetOf(Emit &e, const Buffer &buffer, ArrayRef<Ix> place) {
  Ix offset = 0;
  for (auto [index, stride] : llvm::zip_equal(place, buffer.strides))
    offset = e.add(offset, e.mul(index, stride));
  return offset;
}

Value etch::cuda::loadInside(Kernel &k, const Buffer &buffer,
                             ArrayRef<Ix> place, Value inside) {
  Emit &e = k.e;
  Type memory = e.storageType(buffer.element);
  Value address = e.at(buffer.pointer, offsetOf(e, buffer, place), memory);
  Value nothing = e.stack(memory, 1);
  return e.widened(
      e.loadRaw(memory, e.make<LLVM::SelectOp>(inside, address, nothing), 0));
}

TilePlace::TilePlace(Kernel &k, Ix tileRows, Ix rowTiles, Ix tileColumns,
                     Ix columnTiles) {
  Emit &e = k.e;
  Ix unit = k.block();
  column = e.mul(e.rem(unit, columnTiles), tileColumns);
  unit = e.div(unit, columnTiles);
  row = e.mul(e.rem(unit, rowTiles), tileRows);
  rest = e.div(unit, rowTiles);
}

OfShapes etch::cuda::elementsOf(unsigned operand) {
  return [operand](Emit &e, ArrayRef<Extents> shapes) {
    Ix count = 1;
    for (Ix extent : shapes[operand])
      count = e.mul(count, extent);
    return count;
  };
}

/// y[n, c, kh, kw, oh, ow].
static void im2col(Kernel &k, const Buffer &x, const Buffer &y,
                   ArrayRef<WindowAxis> axes, Ix unit) {
  Emit &e = k.e;
  auto at = placeOf(e, unit, y);
  Ix h = axes[0].source(e, at[4], at[2]), w = axes[1].source(e, at[5], at[3]);
  Value inside = e.make<arith::AndIOp>(
      e.compare(arith::CmpIPredicate::ult, h, x.extents[2]),
      e.compare(arith::CmpIPredicate::ult, w, x.extents[3]));
  k.store(loadInside(k, x, {at[0], at[1], h, w}, inside), y.pointer, unit,
          e.storageType(y.element));
}

/// Adds in the order of kh, kw.
static void col2im(Kernel &k, const Buffer &x, const Buffer &y,
                   ArrayRef<WindowAxis> axes, Ix unit) {
  Emit &e = k.e;
  auto at = placeOf(e, unit, y);
  Value zero = e.constant(e.valueType(y.element), 0, 1);
  Value sum = e.loop(0, x.extents[2], 1, {zero}, [&](Ix kh, ValueRange sums) {
    Value meetsH;
    Ix oh = axes[0].place(e, at[2], kh, x.extents[4], meetsH);
    return e.loop(0, x.extents[3], 1, sums, [&](Ix kw, ValueRange before) {
      Value meetsW;
      Ix ow = axes[1].place(e, at[3], kw, x.extents[5], meetsW);
      Value meets = e.make<arith::AndIOp>(meetsH, meetsW);
      ScalarExpr total(e, e.loc, before[0]);
      ScalarExpr v(e, e.loc,
                   loadInside(k, x, {at[0], at[1], kh, kw, oh, ow}, meets));
      return SmallVector<Value>{
          e.make<arith::SelectOp>(meets, total + v, before[0])};
    });
  })[0];
  k.store(sum, y.pointer, unit, y.element);
}

/// The best value so far and its index go through the taps in order; index -1
/// is none.
static void maxPoolIndex(Kernel &k, const Buffer &x, const Buffer &y,
                         ArrayRef<WindowAxis> axes, ArrayRef<int64_t> taps,
                         const ImageForm &form, Ix unit) {
  Emit &e = k.e;
  auto at = form.toOp(placeOf(e, unit, y));
  auto isLarger = [&](Value v, Value best) -> Value {
    if (!isa<FloatType>(x.element))
      return e.make<arith::CmpIOp>(arith::CmpIPredicate::sgt, v, best);
    // Larger, or the first NaN.
    auto nan = e.make<arith::CmpFOp>(arith::CmpFPredicate::UNO, v, v);
    auto real = e.make<arith::CmpFOp>(arith::CmpFPredicate::ORD, best, best);
    return e.make<arith::OrIOp>(
        e.make<arith::CmpFOp>(arith::CmpFPredicate::OGT, v, best),
        e.make<arith::AndIOp>(nan, real));
  };
  SmallVector<Value> start = {
      e.constant(e.valueType(e.storageType(x.element)), 0, 1),
      e.constant(e.getI64IntegerAttr(-1))};
  SmallVector<Value> found =
      e.loop(0, taps[0], 1, start, [&](Ix kh, ValueRange outer) {
        Ix h = axes[0].source(e, at[2], kh);
        Value insideH = e.compare(arith::CmpIPredicate::ult, h, x.extents[2]);
        return e.loop(0, taps[1], 1, outer, [&](Ix kw, ValueRange best) {
          Ix w = axes[1].source(e, at[3], kw);
          Value inside = e.make<arith::AndIOp>(
              insideH, e.compare(arith::CmpIPredicate::ult, w, x.extents[3]));
          Value v = loadInside(k, x, {at[0], at[1], h, w}, inside);
          Value none = e.compare(arith::CmpIPredicate::slt, Ix(best[1]), 0);
          Value chosen = e.make<arith::AndIOp>(
              inside, e.make<arith::OrIOp>(none, isLarger(v, best[0])));
          Value index = e.value(e.add(e.mul(h, x.extents[3]), w));
          return SmallVector<Value>{
              e.make<arith::SelectOp>(chosen, v, best[0]),
              e.make<arith::SelectOp>(chosen, index, best[1])};
        });
      });
  k.store(found[1], y.pointer, unit);
}

LogicalResult etch::cuda::emitWindow(Kernel &k) {
  Operation *op = k.results()[0].getDefiningOp();
  if (isa_and_nonnull<TransposeOp>(op))
    op = op->getOperand(0).getDefiningOp();
  auto form = isa_and_nonnull<Im2colOp, Col2imOp, MaxPoolIndexOp>(op)
                  ? imageFormOf(op)
                  : std::nullopt;
  if (!form || form->y != k.results()[0])
    return k.source.emitError("an operation on windows is alone in its kernel");
  unsigned result = k.resultBuffer(0);
  k.forEach(elementsOf(result), [&](Ix unit) {
    Buffer x = form->operand(k, 0);
    const Buffer &y = k.buffers[result];
    auto axes = axesOf(op);
    if (isa<Im2colOp>(op))
      im2col(k, x, y, axes, unit);
    else if (isa<Col2imOp>(op))
      col2im(k, x, y, axes, unit);
    else
      maxPoolIndex(k, x, y, axes, cast<MaxPoolIndexOp>(op).getKernel(), *form,
                   unit);
  });
  return success();
}
