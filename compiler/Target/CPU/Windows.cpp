//===- Windows.cpp - im2col, col2im, max_pool_index -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Target/CPU/Convolution.h"

#include "dialects/Etch/ScalarExpr.h"

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

/// A unit is one row of the result. The best value so far and its index are
/// carried through the taps in order; index -1 is none.
static LogicalResult emitMaxPoolIndex(Kernel &k, MaxPoolIndexOp op,
                                      const Buffer &x) {
  Emit &e = k.e;
  const Buffer &y = k.buffers[k.resultBuffer(0)];
  auto axes = axesOf(op);
  ArrayRef<int64_t> kernel = op.getKernel();
  const WindowAxis &ah = axes[0], &aw = axes[1];
  Type element = x.element, i64 = e.getI64Type();
  // Numbers as wide as the elements, if they fit.
  Ix plane = e.mul(x.extents[2], x.extents[3]);
  bool narrow = plane.isKnown() && plane.known <= INT32_MAX;
  Type number = narrow ? Type(e.getI32Type()) : i64;
  int64_t lanes = std::min(k.lanesOf(number), k.lanesOf(element));
  SmallVector<Attribute> distances;
  for (int64_t i = 0; i < lanes; ++i)
    distances.push_back(e.getIntegerAttr(number, i * aw.stride));
  auto vector = VectorType::get({lanes}, number);
  // Every other place: those of two vectors, which is faster than to gather.
  bool pairs = aw.stride == 2 && x.strides[3].is(1) && lanes > 1 &&
               k.options.vectorBits >= 512;
  SmallVector<int32_t> even;
  for (int32_t i = 0; i < lanes; ++i)
    even.push_back(2 * i);
  Value apart = e.constant(DenseElementsAttr::get(vector, distances));
  Value none = e.constant(number, -1, lanes);
  auto isLarger = [&](Value v, Value best) -> Value {
    if (!isa<FloatType>(element))
      return e.make<arith::CmpIOp>(arith::CmpIPredicate::sgt, v, best);
    // Larger, or the first NaN.
    auto nan = e.make<arith::CmpFOp>(arith::CmpFPredicate::UNO, v, v);
    auto real = e.make<arith::CmpFOp>(arith::CmpFPredicate::ORD, best, best);
    return e.make<arith::OrIOp>(
        e.make<arith::CmpFOp>(arith::CmpFPredicate::OGT, v, best),
        e.make<arith::AndIOp>(nan, real));
  };
  /// One tap for the outputs from ow on, in row h.
  auto meet = [&](Value row, Ix h, Ix kw, Ix ow, ValueRange best) {
    // Outputs [first, last) have this tap inside.
    Ix shift = e.sub(kw, aw.pad);
    Ix first = e.div(e.max(e.sub(aw.stride - 1, shift), 0), aw.stride);
    Ix last = e.div(e.max(e.add(e.sub(x.extents[3], shift), aw.stride - 1), 0),
                    aw.stride);
    last = e.max(e.min(last, y.extents[3]), first);
    Value inside = e.maskBelow(e.sub(last, ow), lanes);
    if (!first.is(0))
      inside =
          e.make<arith::XOrIOp>(inside, e.maskBelow(e.sub(first, ow), lanes));
    Ix place = e.add(e.mul(ow, aw.stride), shift);
    Ix stride = e.mul(x.strides[3], aw.stride);
    Value v;
    if (pairs) {
      auto half = [&](Ix from) {
        Value in = e.maskBelow(e.sub(x.extents[3], from), lanes);
        if (aw.pad.known)
          in = e.make<arith::XOrIOp>(in, e.maskBelow(e.sub(0, from), lanes));
        return e.load(e.at(row, from, element), 1, element, Lanes{lanes, in});
      };
      v = e.shuffle(half(place), half(e.add(place, lanes)), even);
    } else {
      v = e.load(e.at(row, e.mul(place, x.strides[3]), element), stride,
                 element, Lanes{lanes, inside});
    }
    Value chosen = e.make<arith::OrIOp>(
        isLarger(v, best[0]),
        e.make<arith::CmpIOp>(arith::CmpIPredicate::eq, best[1], none));
    chosen = e.make<arith::AndIOp>(chosen, inside);
    Value at = e.value(e.add(e.mul(h, x.extents[3]), place));
    if (narrow)
      at = e.make<arith::TruncIOp>(number, at);
    Value index = e.make<arith::AddIOp>(e.splat(at, lanes), apart);
    return SmallVector<Value>{e.make<arith::SelectOp>(chosen, v, best[0]),
                              e.make<arith::SelectOp>(chosen, index, best[1])};
  };
  e.loop(Ix(k.begin), Ix(k.end), 1, [&](Ix unit) {
    Ix oh = e.rem(unit, y.extents[2]), image = e.div(unit, y.extents[2]);
    Ix c = e.rem(image, y.extents[1]), n = e.div(image, y.extents[1]);
    Value from =
        e.at(x.pointer, e.add(e.mul(n, x.strides[0]), e.mul(c, x.strides[1])),
             element);
    Value to = e.at(y.pointer, e.mul(unit, y.strides[2]), i64);
    Ix top = e.sub(e.mul(oh, ah.stride), ah.pad);
    Ix firstTap = e.max(e.sub(0, top), 0);
    Ix lastTap = e.min(kernel[0], e.sub(x.extents[2], top));
    e.vectorLoop(0, y.extents[3], lanes, false, [&](Ix ow, Lanes covered) {
      SmallVector<Value> start = {e.constant(element, 0, lanes), none};
      SmallVector<Value> found =
          e.loop(firstTap, lastTap, 1, start, [&](Ix kh, ValueRange before) {
            Ix h = e.add(top, kh);
            Value row = e.at(from, e.mul(h, x.strides[2]), element);
            // What depends on kw alone leaves the loop over kh.
            if (kernel[1] > 4)
              return e.loop(0, kernel[1], 1, before,
                            [&](Ix kw, ValueRange best) {
                              return meet(row, h, kw, ow, best);
                            });
            SmallVector<Value> best(before);
            for (int64_t kw = 0; kw < kernel[1]; ++kw)
              best = meet(row, h, kw, ow, best);
            return best;
          });
      Value index = found[1];
      if (narrow)
        index = e.make<arith::ExtSIOp>(e.vectorOf(i64, lanes), index);
      e.store(index, e.at(to, ow, i64), covered);
    });
  });
  unsigned result = k.resultBuffer(0);
  int64_t taps = kernel[0] * kernel[1];
  k.work = [=](Emit &e, ArrayRef<Extents> shapes) {
    Work work;
    work.count =
        e.mul(e.mul(shapes[result][0], shapes[result][1]), shapes[result][2]);
    Ix unit = e.mul(shapes[result][3], taps);
    work.cost = e.mul(work.count, unit);
    work.grain = e.max(e.div(kGrainCost, e.max(unit, 1)), 1);
    return work;
  };
  return success();
}

LogicalResult etch::cpu::emitWindow(Kernel &k) {
  Operation *op = k.results()[0].getDefiningOp();
  const Buffer *x = op ? k.argumentBuffer(op->getOperand(0)) : nullptr;
  if (auto im2col = dyn_cast_or_null<Im2colOp>(op); im2col && x)
    return emitIm2col(k, im2col, *x);
  if (auto col2im = dyn_cast_or_null<Col2imOp>(op); col2im && x)
    return emitCol2im(k, col2im, *x);
  if (auto index = dyn_cast_or_null<MaxPoolIndexOp>(op); index && x)
    return emitMaxPoolIndex(k, index, *x);
  return k.source.emitError("an operation on windows is alone in its kernel");
}
