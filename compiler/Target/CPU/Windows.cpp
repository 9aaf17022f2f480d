//===- Windows.cpp - im2col, col2im, max_pool_index -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Target/CPU/Convolution.h"

#include "dialects/Etch/ScalarExpr.h"

#include <array>
#include <limits>

using namespace mlir;
using namespace etch;
using namespace etch::cpu;

/// The two axes of the op's windows.
static std::array<WindowAxis, 2> axesOf(Operation *op) {
  std::array<WindowAxis, 2> axes;
  for (size_t i = 0; i < 2; ++i) {
    auto pair = [&](StringRef name) {
      auto attr = op->getAttrOfType<DenseI64ArrayAttr>(name);
      return attr ? attr.asArrayRef()[i] : 1;
    };
    axes[i].stride = pair("stride");
    axes[i].pad = pair("pad");
    axes[i].dilation = pair("dilation");
  }
  return axes;
}

/// y[n, c, kh, kw, oh, ow]: a unit is all but the last two.
static LogicalResult emitIm2col(Kernel &k, Im2colOp op, const Buffer &x) {
  Emit &e = k.e;
  const Buffer &y = k.buffers[k.resultBuffer(0)];
  auto axes = axesOf(op);
  e.loop(Ix(k.begin), Ix(k.end), 1, [&](Ix unit) {
    Ix kw = e.rem(unit, y.extents[3]), rest = e.div(unit, y.extents[3]);
    Ix kh = e.rem(rest, y.extents[2]), image = e.div(rest, y.extents[2]);
    Ix c = e.rem(image, y.extents[1]), n = e.div(image, y.extents[1]);
    Value from =
        e.at(x.pointer, e.add(e.mul(n, x.strides[0]), e.mul(c, x.strides[1])),
             x.element);
    Value to = e.at(y.pointer, e.mul(unit, y.strides[3]), y.element);
    e.loop(0, y.extents[4], 1, [&](Ix oh) {
      Ix h =
          e.sub(e.add(e.mul(oh, axes[0].stride), e.mul(kh, axes[0].dilation)),
                axes[0].pad);
      StagedRow row;
      row.isInside = e.compare(arith::CmpIPredicate::ult, h, x.extents[2]);
      row.source = e.at(from, e.mul(h, x.strides[2]), x.element);
      row.sourceStride = x.strides[3];
      row.origin = e.sub(e.mul(kw, axes[1].dilation), axes[1].pad);
      row.step = axes[1].stride;
      row.extent = x.extents[3];
      row.target = e.at(to, e.mul(oh, y.strides[4]), y.element);
      row.count = y.extents[5];
      row.element = x.element;
      row.exact = true;
      emitStagedRow(e, row, k.lanesOf(x.element));
    });
  });
  unsigned result = k.resultBuffer(0);
  k.work = [=](Emit &e, ArrayRef<Extents> shapes) {
    const Extents &s = shapes[result];
    Work work;
    work.count = e.mul(e.mul(s[0], s[1]), e.mul(s[2], s[3]));
    Ix unit = e.mul(s[4], e.add(s[5], 4));
    work.cost = e.mul(work.count, unit);
    work.grain = e.max(e.div(kGrainCost, e.max(unit, 1)), 1);
    return work;
  };
  return success();
}

/// y[n, c, h, :]: a unit is one row. What falls on it is added tap by tap.
static LogicalResult emitCol2im(Kernel &k, Col2imOp op, const Buffer &x) {
  Emit &e = k.e;
  const Buffer &y = k.buffers[k.resultBuffer(0)];
  auto axes = axesOf(op);
  const WindowAxis &ah = axes[0], &aw = axes[1];
  Type element = y.element;
  int64_t lanes = aw.stride == 1 ? k.lanesOf(element) : 1;
  e.loop(Ix(k.begin), Ix(k.end), 1, [&](Ix unit) {
    Ix h = e.rem(unit, y.extents[2]), image = e.div(unit, y.extents[2]);
    Ix c = e.rem(image, y.extents[1]), n = e.div(image, y.extents[1]);
    Value row = e.at(y.pointer, e.mul(unit, y.strides[2]), element);
    Value from =
        e.at(x.pointer, e.add(e.mul(n, x.strides[0]), e.mul(c, x.strides[1])),
             element);
    int64_t wide = k.lanesOf(element);
    e.vectorLoop(0, y.extents[3], wide, false, [&](Ix w, Lanes covered) {
      e.store(e.constant(element, 0, wide), e.at(row, w, element), covered);
    });
    auto addTap = [&](Value windows, Ix kw) {
      // Places [first, last) of the windows fall on the row.
      Ix shift = e.sub(e.mul(kw, aw.dilation), aw.pad);
      Ix first = e.div(e.max(e.sub(aw.stride - 1, shift), 0), aw.stride);
      Ix last =
          e.div(e.max(e.add(e.sub(y.extents[3], shift), aw.stride - 1), 0),
                aw.stride);
      last = e.min(last, x.extents[5]);
      e.vectorLoop(first, last, lanes, false, [&](Ix ow, Lanes covered) {
        Value address = e.at(row, e.add(e.mul(ow, aw.stride), shift), element);
        ScalarExpr sum(e, e.loc, e.load(address, 1, element, covered));
        ScalarExpr v(e, e.loc,
                     e.load(e.at(windows, e.mul(ow, x.strides[5]), element),
                            x.strides[5], element, covered));
        e.store(sum + v, address, covered);
      });
    };
    e.loop(0, x.extents[2], 1, [&](Ix kh) {
      Ix at = e.sub(e.add(h, ah.pad), e.mul(kh, ah.dilation));
      Ix oh = e.div(e.max(at, 0), ah.stride);
      Value meets = e.make<arith::AndIOp>(
          e.compare(arith::CmpIPredicate::eq, e.mul(oh, ah.stride), at),
          e.compare(arith::CmpIPredicate::slt, oh, x.extents[4]));
      e.when(meets, [&] {
        e.loop(0, x.extents[3], 1, [&](Ix kw) {
          Ix offset =
              e.add(e.add(e.mul(kh, x.strides[2]), e.mul(kw, x.strides[3])),
                    e.mul(oh, x.strides[4]));
          addTap(e.at(from, offset, element), kw);
        });
      });
    });
  });
  unsigned source = k.bufferOf(cast<BlockArgument>(op.getX()));
  unsigned result = k.resultBuffer(0);
  k.work = [=](Emit &e, ArrayRef<Extents> shapes) {
    Work work;
    work.count =
        e.mul(e.mul(shapes[result][0], shapes[result][1]), shapes[result][2]);
    Ix unit = e.mul(e.add(shapes[source][2], 1),
                    e.mul(e.add(shapes[source][3], 1), shapes[result][3]));
    work.cost = e.mul(work.count, unit);
    work.grain = e.max(e.div(kGrainCost, e.max(unit, 1)), 1);
    return work;
  };
  return success();
}

namespace {
/// max_pool_index, or the values that it finds (then `index` is no result of
/// the kernel). A unit is one row of the result. The best value so far, and its
/// index if somebody asks, are carried through the taps in order; index -1 is
/// none.
class MaxPool {
public:
  MaxPool(Kernel &k, MaxPoolIndexOp op, Value images)
      : k(k), e(k.e), x(*k.argumentBuffer(images)), kernel(op.getKernel()),
        values(op.getResult() != k.results()[0]) {
    auto axes = axesOf(op);
    ah = axes[0], aw = axes[1];
    for (unsigned i = 0; i < 2; ++i) {
      refs[i] = k.extentOf(images, i);
      refs[2 + i] = k.extentOf(op.getResult(), 2 + i);
    }
    element = x.element;
    // Numbers as wide as the elements, if they fit.
    Ix plane = e.mul(x.extents[2], x.extents[3]);
    narrow = plane.isKnown() && plane.known <= INT32_MAX;
    number = narrow ? Type(e.getI32Type()) : Type(e.getI64Type());
    lanes = values ? k.lanesOf(element)
                   : std::min(k.lanesOf(number), k.lanesOf(element));
    // Every other place: those of two vectors, which is faster than to gather.
    pairs = aw.stride == 2 && x.strides[3].is(1) && lanes > 1 &&
            k.options.vectorBits >= 512;
  }
  LogicalResult emit();

private:
  SmallVector<Value> meet(Value row, Ix h, Ix kw, Ix ow, ValueRange best,
                          bool inside);
  Value places(Value row, Ix place, Value inside);
  SmallVector<Value> largest(Value from, Ix oh, Ix ow, bool inside);

  Kernel &k;
  Emit &e;
  const Buffer &x;
  ArrayRef<int64_t> kernel;
  bool values, narrow, pairs;
  WindowAxis ah, aw;
  ExtentRef refs[4]; ///< images, channels, rows and places of the result
  Type element, number;
  int64_t lanes;
};
} // namespace

/// Whether a value takes the place of the largest so far.
static Value isLarger(Emit &e, Value v, Value best) {
  if (!isa<FloatType>(getElementTypeOrSelf(v)))
    return e.make<arith::CmpIOp>(arith::CmpIPredicate::sgt, v, best);
  // Larger, or the first NaN.
  auto real = e.make<arith::CmpFOp>(arith::CmpFPredicate::ORD, best, best);
  return e.make<arith::AndIOp>(
      e.make<arith::CmpFOp>(arith::CmpFPredicate::UGT, v, best), real);
}

/// The places that one tap meets. Null: all are inside.
Value MaxPool::places(Value row, Ix place, Value inside) {
  if (!pairs)
    return e.load(e.at(row, e.mul(place, x.strides[3]), element),
                  e.mul(x.strides[3], aw.stride), element,
                  Lanes{lanes, inside});
  SmallVector<int32_t> even;
  for (int32_t i = 0; i < lanes; ++i)
    even.push_back(2 * i);
  auto half = [&](Ix from) {
    Value in;
    if (inside) {
      in = e.maskBelow(e.sub(x.extents[3], from), lanes);
      if (aw.pad.known)
        in = e.make<arith::XOrIOp>(in, e.maskBelow(e.sub(0, from), lanes));
    }
    return e.load(e.at(row, from, element), 1, element, Lanes{lanes, in});
  };
  return e.shuffle(half(place), half(e.add(place, lanes)), even);
}

/// One tap for the outputs from ow on, in row h.
SmallVector<Value> MaxPool::meet(Value row, Ix h, Ix kw, Ix ow, ValueRange best,
                                 bool isInside) {
  // Outputs [first, last) have this tap inside.
  Ix shift = e.sub(kw, aw.pad);
  Ix place = e.add(e.mul(ow, aw.stride), shift);
  Value inside;
  if (!isInside) {
    Ix first = e.div(e.max(e.sub(aw.stride - 1, shift), 0), aw.stride);
    Ix last = e.div(e.max(e.add(e.sub(x.extents[3], shift), aw.stride - 1), 0),
                    aw.stride);
    last = e.max(e.min(last, refs[3].in(k.buffers)), first);
    inside = e.maskBelow(e.sub(last, ow), lanes);
    if (!first.is(0))
      inside =
          e.make<arith::XOrIOp>(inside, e.maskBelow(e.sub(first, ow), lanes));
  }
  Value v = places(row, place, inside);
  Value chosen = isLarger(e, v, best[0]);
  if (!values)
    chosen = e.make<arith::OrIOp>(
        chosen, e.make<arith::CmpIOp>(arith::CmpIPredicate::eq, best[1],
                                      e.constant(number, -1, lanes)));
  if (inside)
    chosen = e.make<arith::AndIOp>(chosen, inside);
  SmallVector<Value> next = {e.make<arith::SelectOp>(chosen, v, best[0])};
  if (values)
    return next;
  SmallVector<Attribute> distances;
  for (int64_t i = 0; i < lanes; ++i)
    distances.push_back(e.getIntegerAttr(number, i * aw.stride));
  Value apart = e.constant(
      DenseElementsAttr::get(VectorType::get({lanes}, number), distances));
  Value at = e.value(e.add(e.mul(h, x.extents[3]), place));
  if (narrow)
    at = e.make<arith::TruncIOp>(number, at);
  Value index = e.make<arith::AddIOp>(e.splat(at, lanes), apart);
  next.push_back(e.make<arith::SelectOp>(chosen, index, best[1]));
  return next;
}

/// Of the windows of outputs from ow on in row oh.
SmallVector<Value> MaxPool::largest(Value from, Ix oh, Ix ow, bool inside) {
  Ix top = e.sub(e.mul(oh, ah.stride), ah.pad);
  Ix firstTap = e.max(e.sub(0, top), 0);
  Ix lastTap = e.min(kernel[0], e.sub(x.extents[2], top));
  // Of values alone nothing tells the least of all from none.
  double least = values ? -std::numeric_limits<double>::infinity() : 0;
  SmallVector<Value> start = {e.constant(element, least, lanes)};
  if (!values)
    start.push_back(e.constant(number, -1, lanes));
  return e.loop(firstTap, lastTap, 1, start, [&](Ix kh, ValueRange before) {
    Ix h = e.add(top, kh);
    Value row = e.at(from, e.mul(h, x.strides[2]), element);
    // What depends on kw alone leaves the loop over kh.
    if (kernel[1] > 4)
      return e.loop(0, kernel[1], 1, before, [&](Ix kw, ValueRange best) {
        return meet(row, h, kw, ow, best, inside);
      });
    SmallVector<Value> best(before);
    for (int64_t kw = 0; kw < kernel[1]; ++kw)
      best = meet(row, h, kw, ow, best, inside);
    return best;
  });
}

LogicalResult MaxPool::emit() {
  const Buffer &y = k.buffers[k.resultBuffer(0)];
  Ix rows = refs[2].in(k.buffers), width = refs[3].in(k.buffers);
  Type stored = values ? element : Type(e.getI64Type());
  // Vectors of outputs whose windows, and what is read beside them, lie inside.
  Ix whole = 0;
  if (values && aw.pad.is(0) && width.isKnown() && x.extents[3].isKnown()) {
    int64_t reach = kernel[1] - 1 + (lanes - 1) * aw.stride + (pairs ? 2 : 1);
    for (int64_t w = 0; w + lanes <= width.known &&
                        w * aw.stride + reach <= x.extents[3].known;
         w += lanes)
      whole = w + lanes;
  }
  e.loop(Ix(k.begin), Ix(k.end), 1, [&](Ix unit) {
    Ix oh = e.rem(unit, rows), image = e.div(unit, rows);
    Ix channels = refs[1].in(k.buffers);
    Ix c = e.rem(image, channels), n = e.div(image, channels);
    Value from =
        e.at(x.pointer, e.add(e.mul(n, x.strides[0]), e.mul(c, x.strides[1])),
             element);
    Value to = e.at(y.pointer, e.mul(unit, width), stored);
    auto outputs = [&](Ix ow, Lanes covered, bool inside) {
      Value found = largest(from, oh, ow, inside).back();
      if (!values && narrow)
        found = e.make<arith::ExtSIOp>(e.vectorOf(stored, lanes), found);
      e.store(found, e.at(to, ow, stored), covered);
    };
    e.loop(0, whole, lanes,
           [&](Ix ow) { outputs(ow, Lanes{lanes, {}}, true); });
    e.vectorLoop(whole, width, lanes, false,
                 [&](Ix ow, Lanes covered) { outputs(ow, covered, false); });
  });
  int64_t taps = kernel[0] * kernel[1];
  k.work = [refs = std::to_array(refs), taps](Emit &e,
                                              ArrayRef<Extents> shapes) {
    Work work;
    work.count = e.mul(e.mul(refs[0].in(shapes), refs[1].in(shapes)),
                       refs[2].in(shapes));
    Ix unit = e.mul(refs[3].in(shapes), taps);
    work.cost = e.mul(work.count, unit);
    work.grain = e.max(e.div(kGrainCost, e.max(unit, 1)), 1);
    return work;
  };
  return success();
}

/// What the windows of a pool look at: not what is placed behind it, which is
/// below everything.
static Value imagesOf(MaxPoolIndexOp op) {
  Value x = op.getX();
  while (Operation *view = x.getDefiningOp())
    x = view->getOperand(0);
  return x;
}

MaxPoolIndexOp cpu::pooledBy(Operation *op) {
  auto gather = dyn_cast_or_null<GatherOp>(op);
  auto index =
      gather ? gather.getIndex().getDefiningOp<ReshapeOp>() : ReshapeOp();
  return index ? index.getX().getDefiningOp<MaxPoolIndexOp>()
               : MaxPoolIndexOp();
}

Value cpu::emitLarger(Emit &e, Value v, Value best) {
  return e.make<arith::SelectOp>(isLarger(e, v, best), v, best);
}

LogicalResult etch::cpu::emitWindow(Kernel &k) {
  Operation *op = k.results()[0].getDefiningOp();
  const Buffer *x = op ? k.argumentBuffer(op->getOperand(0)) : nullptr;
  if (auto im2col = dyn_cast_or_null<Im2colOp>(op); im2col && x)
    return emitIm2col(k, im2col, *x);
  if (auto col2im = dyn_cast_or_null<Col2imOp>(op); col2im && x)
    return emitCol2im(k, col2im, *x);
  if (auto index = dyn_cast_or_null<MaxPoolIndexOp>(op); index && x)
    return MaxPool(k, index, index.getX()).emit();
  if (MaxPoolIndexOp values = pooledBy(op))
    return MaxPool(k, values, imagesOf(values)).emit();
  return k.source.emitError("an operation on windows is alone in its kernel");
}
