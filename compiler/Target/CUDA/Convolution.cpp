//===- Convolution.cpp - Kernels of convolutions --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A thread for each element of the result: a chain of multiply-adds in the
// order that the operators define, in blocks of 256 whose sums add in order.
//
// Where there are many channels it is a matrix product, channels by places, of
// operands that exist in shared memory only, slice by slice (ConvolutionTile).
//===----------------------------------------------------------------------===//

#include "compiler/Target/CUDA/Windows.h"
#include "compiler/Target/Kernel/Evaluator.h"

#include "dialects/Etch/ScalarExpr.h"

using namespace mlir;
using namespace etch;
using namespace etch::cuda;

namespace {

class Convolution {
public:
  Convolution(Kernel &k, Operation *op, const ImageForm &form, Ix unit)
      : k(k), e(k.e), op(op), form(form), axes(axesOf(op)),
        x(form.operand(k, 0)), w(form.operand(k, 1)),
        groups(op->getAttrOfType<IntegerAttr>("groups").getInt()),
        element(e.valueType(x.element)), unit(unit) {}

  /// `shape` gives the extents of the result.
  LogicalResult emit(ArrayRef<Ix> shape);

private:
  using Sums = SmallVector<Value>; ///< of blocks, of this block; its steps

  Value forward();
  Value inputGrad();
  Value weightGrad();
  Sums start();
  Sums step(ValueRange sums, Value a, Value b);
  Value inside(Ix h, Ix w);

  Kernel &k;
  Emit &e;
  Operation *op;
  const ImageForm &form;
  std::array<WindowAxis, 2> axes;
  Buffer x, w;
  int64_t groups;
  Type element;
  Ix unit;
  SmallVector<Ix, 4> at;
};

} // namespace

/// -0 and the first block are that block, exactly.
Convolution::Sums Convolution::start() {
  return {Combiner{Combiner::sum, element}.identity(e, 1),
          e.constant(element, 0, 1), e.value(0)};
}

/// One link of the chain; a full block adds to those before.
Convolution::Sums Convolution::step(ValueRange sums, Value a, Value b) {
  Value full = e.compare(arith::CmpIPredicate::eq, Ix(sums[2]), kGemmBlock);
  ScalarExpr before(e, e.loc, sums[0]), block(e, e.loc, sums[1]);
  Value total = e.make<arith::SelectOp>(full, before + block, sums[0]);
  Value chain =
      e.make<arith::SelectOp>(full, e.constant(element, 0, 1), sums[1]);
  Ix steps = e.add(e.select(full, 0, Ix(sums[2])), 1);
  ScalarExpr l(e, e.loc, a), r(e, e.loc, b), sum(e, e.loc, chain);
  Value next = l.isFloat() ? fma(l, r, sum) : sum + l * r;
  return {total, next, e.value(steps)};
}

/// Whether (h, w) is a place of x.
Value Convolution::inside(Ix h, Ix w) {
  return e.make<arith::AndIOp>(
      e.compare(arith::CmpIPredicate::ult, h, x.extents[2]),
      e.compare(arith::CmpIPredicate::ult, w, x.extents[3]));
}

/// Over c, kh, kw, zeros of the padding included.
Value Convolution::forward() {
  Ix perGroup = e.div(w.extents[0], groups);
  Ix channel0 = e.mul(e.div(at[1], perGroup), w.extents[1]);
  Sums sums = e.loop(0, w.extents[1], 1, start(), [&](Ix c, ValueRange s) {
    return e.loop(0, w.extents[2], 1, s, [&](Ix kh, ValueRange s) {
      Ix h = axes[0].source(e, at[2], kh);
      return e.loop(0, w.extents[3], 1, s, [&](Ix kw, ValueRange s) {
        Ix v = axes[1].source(e, at[3], kw);
        Value image =
            loadInside(k, x, {at[0], e.add(channel0, c), h, v}, inside(h, v));
        Value filter =
            k.load(w.pointer, offsetOf(e, w, {at[1], c, kh, kw}), w.element);
        return step(s, filter, image);
      });
    });
  });
  return ScalarExpr(e, e.loc, sums[0]) + ScalarExpr(e, e.loc, sums[1]);
}

/// Over oc, kh, kw, the taps of the element's residue only.
Value Convolution::inputGrad() {
  Ix perGroup = e.div(w.extents[0], groups);
  Ix group = e.div(at[1], w.extents[1]), c = e.rem(at[1], w.extents[1]);
  auto tap = [&](int axis, Ix number, Ix &place) {
    // Below 0 a place is far above, as unsigned numbers go.
    const WindowAxis &a = axes[size_t(axis)];
    Ix from =
        e.sub(e.add(at[2 + size_t(axis)], a.pad), e.mul(number, a.dilation));
    if (a.stride == 1) {
      place = from;
      return Value();
    }
    Value negative = e.compare(arith::CmpIPredicate::slt, from, 0);
    Ix size = e.select(negative, e.sub(0, from), from);
    place = e.div(size, a.stride);
    Value meets =
        e.compare(arith::CmpIPredicate::eq, e.mul(place, a.stride), size);
    place = e.select(negative, e.sub(0, place), place);
    return meets;
  };
  Sums sums = e.loop(0, perGroup, 1, start(), [&](Ix n, ValueRange s) {
    Ix oc = e.add(e.mul(group, perGroup), n);
    return e.loop(0, w.extents[2], 1, s, [&](Ix kh, ValueRange s) {
      Ix oh;
      Value meetsH = tap(0, kh, oh);
      return e.loop(0, w.extents[3], 1, s, [&](Ix kw, ValueRange s) {
        Ix ow;
        Value meets = tap(1, kw, ow);
        if (meetsH)
          meets = meets ? Value(e.make<arith::AndIOp>(meets, meetsH)) : meetsH;
        Value v = loadInside(k, x, {at[0], oc, oh, ow}, inside(oh, ow));
        Value filter =
            k.load(w.pointer, offsetOf(e, w, {oc, c, kh, kw}), w.element);
        Sums next = step(s, filter, v);
        if (meets)
          for (auto [i, value] : llvm::enumerate(next))
            next[i] = e.make<arith::SelectOp>(meets, value, s[i]);
        return next;
      });
    });
  });
  return ScalarExpr(e, e.loc, sums[0]) + ScalarExpr(e, e.loc, sums[1]);
}

/// Over n, oh, ow, zeros of the padding included.
Value Convolution::weightGrad() {
  auto filters = form.toOp(k.buffers[k.resultBuffer(0)].extents);
  Ix perGroup = e.div(w.extents[1], groups);
  Ix channel = e.add(e.mul(e.div(at[0], perGroup), filters[1]), at[1]);
  Sums sums = e.loop(0, x.extents[0], 1, start(), [&](Ix n, ValueRange s) {
    return e.loop(0, w.extents[2], 1, s, [&](Ix oh, ValueRange s) {
      Ix h = axes[0].source(e, oh, at[2]);
      return e.loop(0, w.extents[3], 1, s, [&](Ix ow, ValueRange s) {
        Ix v = axes[1].source(e, ow, at[3]);
        Value image = loadInside(k, x, {n, channel, h, v}, inside(h, v));
        Value gradient =
            k.load(w.pointer, offsetOf(e, w, {n, at[0], oh, ow}), w.element);
        return step(s, gradient, image);
      });
    });
  });
  return ScalarExpr(e, e.loc, sums[0]) + ScalarExpr(e, e.loc, sums[1]);
}

LogicalResult Convolution::emit(ArrayRef<Ix> shape) {
  Evaluator after(k, shape, {0, 1, 2, 3});
  if (failed(after.writeResults(form.y)))
    return failure();
  Buffer place;
  place.extents.assign(shape.begin(), shape.end());
  auto stored = placeOf(e, unit, place);
  at = form.toOp(stored);
  Value result = isa<Conv2dOp>(op)            ? forward()
                 : isa<Conv2dInputGradOp>(op) ? inputGrad()
                                              : weightGrad();
  after.storeAt(stored, form.y, result);
  return success();
}

LogicalResult etch::cuda::emitConvolution(Kernel &k) {
  Operation *op = nullptr;
  for (Operation &candidate : k.source.getBody().front())
    if (isa<Conv2dOp, Conv2dInputGradOp, Conv2dWeightGradOp>(candidate))
      op = &candidate;
  auto form = op ? imageFormOf(op) : std::nullopt;
  if (!form)
    return k.source.emitError("operands of a convolution in a kernel are its "
                              "arguments");
  if (succeeded(emitImageTile(k, op, *form)) ||
      succeeded(emitConvolutionTile(k, op, *form)) ||
      succeeded(emitFilterGradient(k, op, *form)))
    return success();
  // Extents that the result takes from others: those of the first result, which
  // is as large.
  unsigned result = k.resultBuffer(0);
  k.forEach(elementsOf(result), [&](Ix unit) {
    SmallVector<Ix> shape(k.buffers[result].extents.begin(),
                          k.buffers[result].extents.end());
    if (failed(Convolution(k, op, *form, unit).emit(shape)))
      k.fail();
  });
  return success();
}
