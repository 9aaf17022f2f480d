//===- Indexed.cpp - gather, scatter_add, cumsum --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is added belongs to one thread: no order depends on luck.
//===----------------------------------------------------------------------===//

#include "compiler/Target/CUDA/Pointwise.h"

#include "dialects/Etch/ScalarExpr.h"

using namespace mlir;
using namespace etch;
using namespace etch::cuda;

/// Reads index[b, j], or [b, j, i]; negative ones count from the end. One that
/// is out of range is reported and becomes 0.
static Ix readIndex(Kernel &k, const Buffer &index, Ix b, Ix j, Ix i,
                    Ix extent) {
  Emit &e = k.e;
  Ix offset = e.add(e.mul(b, index.strides[0]), e.mul(j, index.strides[1]));
  if (index.strides.size() == 3)
    offset = e.add(offset, e.mul(i, index.strides[2]));
  Ix given = Ix(k.load(index.pointer, offset, e.getI64Type()));
  Value negative = e.compare(arith::CmpIPredicate::slt, given, 0);
  Ix wrapped = e.select(negative, e.add(given, extent), given);
  Value outside = e.compare(arith::CmpIPredicate::uge, wrapped, extent);
  e.when(outside, [&] { k.reportIndex(e.value(given), e.value(extent)); });
  return e.select(outside, 0, wrapped);
}

static Ix offsetOf(Emit &e, const Buffer &buffer, Ix a, Ix b, Ix c) {
  return e.add(e.add(e.mul(a, buffer.strides[0]), e.mul(b, buffer.strides[1])),
               e.mul(c, buffer.strides[2]));
}

/// Nothing can be taken from, or added to, an axis without elements.
static void whenAny(Emit &e, Ix extent, function_ref<void()> body) {
  if (extent.isKnown() && extent.known != 0)
    return body();
  e.when(e.compare(arith::CmpIPredicate::ne, extent, 0), body);
}

/// y[b, j, i] = x[b, index[b, j], i], or index[b, j, i].
static void gatherAt(Kernel &k, GatherOp op, Ix b, Ix j, Ix i) {
  Emit &e = k.e;
  const Buffer &x = *k.argumentBuffer(op.getX());
  const Buffer &index = *k.argumentBuffer(op.getIndex());
  const Buffer &y = k.buffers[k.resultBuffer(0)];
  Ix from = readIndex(k, index, b, j, i, x.extents[1]);
  whenAny(e, x.extents[1], [&] {
    Type memory = e.storageType(x.element); // copied as it is
    k.store(k.load(x.pointer, offsetOf(e, x, b, from, i), memory), y.pointer,
            offsetOf(e, y, b, j, i), e.storageType(y.element));
  });
}

/// y[b, index[b, j], i] += x[b, j, i], in ascending j, for one (b, i).
static void scatterAt(Kernel &k, ScatterAddOp op, Ix b, Ix i) {
  Emit &e = k.e;
  const Buffer &x = *k.argumentBuffer(op.getX());
  const Buffer &index = *k.argumentBuffer(op.getIndex());
  const Buffer &y = k.buffers[k.resultBuffer(0)];
  e.loop(0, x.extents[1], 1, [&](Ix j) {
    Ix to = readIndex(k, index, b, j, i, y.extents[1]);
    whenAny(e, y.extents[1], [&] {
      Ix place = offsetOf(e, y, b, to, i);
      ScalarExpr sum(e, e.loc, k.load(y.pointer, place, y.element));
      ScalarExpr v(e, e.loc,
                   k.load(x.pointer, offsetOf(e, x, b, j, i), x.element));
      k.store(sum + v, y.pointer, place);
    });
  });
}

/// A thread for each element.
static LogicalResult emitGather(Kernel &k, GatherOp op) {
  Emit &e = k.e;
  unsigned result = k.resultBuffer(0);
  auto count = [result](Emit &e, ArrayRef<Extents> shapes) {
    const Extents &s = shapes[result];
    return e.mul(s[0], e.mul(s[1], s[2]));
  };
  k.forEach(count, [&](Ix unit) {
    const Buffer &y = k.buffers[result];
    Ix i = e.rem(unit, y.extents[2]), rest = e.div(unit, y.extents[2]);
    gatherAt(k, op, e.div(rest, y.extents[1]), e.rem(rest, y.extents[1]), i);
  });
  return success();
}

/// Zeros, a thread for each; then a thread owns (b, i).
static LogicalResult emitScatterAdd(Kernel &k, ScatterAddOp op) {
  Emit &e = k.e;
  unsigned result = k.resultBuffer(0);
  auto all = [result](Emit &e, ArrayRef<Extents> shapes) {
    const Extents &s = shapes[result];
    return e.mul(s[0], e.mul(s[1], s[2]));
  };
  k.forEach(all, [&](Ix unit) {
    const Buffer &y = k.buffers[result];
    k.store(e.constant(y.element, 0, 1), y.pointer, unit);
  });
  auto count = [result](Emit &e, ArrayRef<Extents> shapes) {
    return e.mul(shapes[result][0], shapes[result][2]);
  };
  k.forEach(count, [&](Ix unit) {
    const Buffer &y = k.buffers[result];
    scatterAt(k, op, e.div(unit, y.extents[2]), e.rem(unit, y.extents[2]));
  });
  return success();
}

/// An operation that reads arguments alone; null: there is none.
static Operation *indexedOp(Kernel &k) {
  Operation *op = k.results()[0].getDefiningOp();
  bool plain = op && op->getNumOperands() >= 2 &&
               isa<BlockArgument>(op->getOperand(0)) &&
               isa<BlockArgument>(op->getOperand(1));
  return plain ? op : nullptr;
}

LogicalResult etch::cuda::emitIndexedRow(Kernel &k, Ix row, Ix local,
                                         int64_t threads,
                                         function_ref<void()> sync) {
  Emit &e = k.e;
  const Buffer &y = k.buffers[k.resultBuffer(0)];
  Ix inner = y.extents[2], all = e.mul(y.extents[1], inner);
  Operation *op = indexedOp(k);
  if (auto gather = dyn_cast_or_null<GatherOp>(op)) {
    e.loop(local, all, threads, [&](Ix unit) {
      gatherAt(k, gather, row, e.div(unit, inner), e.rem(unit, inner));
    });
    return success();
  }
  if (auto scatter = dyn_cast_or_null<ScatterAddOp>(op)) {
    e.loop(local, all, threads, [&](Ix unit) {
      k.store(e.constant(y.element, 0, 1), y.pointer,
              offsetOf(e, y, row, e.div(unit, inner), e.rem(unit, inner)));
    });
    sync();
    e.loop(local, inner, threads, [&](Ix i) { scatterAt(k, scatter, row, i); });
    return success();
  }
  return k.source.emitError("an indexed operation is alone in its stage");
}

LogicalResult etch::cuda::emitIndexed(Kernel &k) {
  Operation *op = indexedOp(k);
  if (auto gather = dyn_cast_or_null<GatherOp>(op))
    return emitGather(k, gather);
  if (auto scatter = dyn_cast_or_null<ScatterAddOp>(op))
    return emitScatterAdd(k, scatter);
  return k.source.emitError("an indexed operation is alone in its kernel");
}

/// y[o, n, i] = y[o, n-1, i] + x[o, n, i]: a thread for each (o, i).
LogicalResult etch::cuda::emitScan(Kernel &k) {
  Emit &e = k.e;
  auto op = k.results()[0].getDefiningOp<CumsumOp>();
  if (!op || !isa<BlockArgument>(op.getX()) || op.getAxis() != 1 ||
      op.getType().getRank() != 3)
    return k.source.emitError("cumsum in a kernel is alone, over axis 1 of 3");
  unsigned result = k.resultBuffer(0);
  auto count = [result](Emit &e, ArrayRef<Extents> shapes) {
    return e.mul(shapes[result][0], shapes[result][2]);
  };
  k.forEach(count, [&](Ix unit) {
    const Buffer &x = *k.argumentBuffer(op.getX());
    const Buffer &y = k.buffers[result];
    Ix i = e.rem(unit, y.extents[2]), o = e.div(unit, y.extents[2]);
    // The exact identity of +: the first sum is the first element.
    Value none =
        e.constant(y.element, isa<FloatType>(y.element) ? -0.0 : 0.0, 1);
    e.loop(0, y.extents[1], 1, none, [&](Ix step, ValueRange carried) {
      if (op.getReverse())
        step = e.sub(e.sub(y.extents[1], 1), step);
      ScalarExpr sum(e, e.loc, carried[0]);
      ScalarExpr v(e, e.loc,
                   k.load(x.pointer, offsetOf(e, x, o, step, i), x.element));
      Value next = sum + v;
      k.store(next, y.pointer, offsetOf(e, y, o, step, i));
      return SmallVector<Value>{next};
    });
  });
  return success();
}
