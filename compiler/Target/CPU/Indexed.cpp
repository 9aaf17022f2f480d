//===- Indexed.cpp - gather and scatter_add -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Target/CPU/Kernel.h"

#include "dialects/Etch/ScalarExpr.h"

using namespace mlir;
using namespace etch;
using namespace etch::cpu;

/// Reads index[b, j]; negative ones count from the end. One that is out of
/// range is reported and becomes 0.
static Ix readIndex(Kernel &k, const Buffer &index, Ix b, Ix j, Ix extent) {
  Emit &e = k.e;
  Ix offset =
      e.add(e.mul(b, index.strides[0]), e.mul(j, index.strides[1]));
  Value given = e.loadRaw(e.getI64Type(),
                          e.at(index.pointer, offset, e.getI64Type()), 8);
  Value negative = e.compare(arith::CmpIPredicate::slt, Ix(given), 0);
  Ix wrapped = e.select(negative, e.add(Ix(given), extent), Ix(given));
  Value outside = e.compare(arith::CmpIPredicate::uge, wrapped, extent);
  e.when(outside, [&] { k.reportIndex(given, e.value(extent)); });
  return e.select(outside, 0, wrapped);
}

static Ix offsetOf(Emit &e, const Buffer &buffer, Ix a, Ix b) {
  return e.add(e.mul(a, buffer.strides[0]), e.mul(b, buffer.strides[1]));
}

/// y[b, j, i] = x[b, index[b, j], i]: a unit is one (b, j).
static LogicalResult emitGather(Kernel &k, GatherOp op) {
  Emit &e = k.e;
  const Buffer &x = k.buffers[k.bufferOf(cast<BlockArgument>(op.getX()))];
  const Buffer &index =
      k.buffers[k.bufferOf(cast<BlockArgument>(op.getIndex()))];
  unsigned result = k.resultBuffer(0);
  const Buffer &y = k.buffers[result];
  Ix count = y.extents[1], inner = y.extents[2];
  Type memory = e.storageType(x.element); // copied as it is
  int64_t lanes = inner.is(1) ? 1 : k.lanesOf(memory);
  e.loop(Ix(k.begin), Ix(k.end), 1, [&](Ix unit) {
    Ix b = e.div(unit, count), j = e.rem(unit, count);
    Ix from = readIndex(k, index, b, j, x.extents[1]);
    Value to = e.at(y.pointer, offsetOf(e, y, b, j), memory);
    Value source = e.at(x.pointer, offsetOf(e, x, b, from), memory);
    auto copy = [&] {
      e.vectorLoop(0, inner, lanes, true, [&](Ix i, Lanes covered) {
        Ix stride = x.strides[2];
        Value v = e.load(e.at(source, e.mul(i, stride), memory), stride,
                         memory, covered);
        e.store(v, e.at(to, i, memory), covered);
      });
    };
    if (x.extents[1].isKnown() && x.extents[1].known != 0)
      copy();
    else // nothing to take index 0 from
      e.when(e.compare(arith::CmpIPredicate::ne, x.extents[1], 0), copy);
  });
  k.work = [=](Emit &e, ArrayRef<Extents> shapes) {
    const Extents &shape = shapes[result];
    Work work;
    work.count = e.mul(shape[0], shape[1]);
    Ix unit = e.add(shape[2], 4);
    work.cost = e.mul(work.count, unit);
    work.grain = e.max(e.div(kGrainCost, unit), 1);
    return work;
  };
  return success();
}

/// y[b, index[b, j], i] += x[b, j, i], in ascending j: a unit is a strip of
/// columns of one b.
static LogicalResult emitScatterAdd(Kernel &k, ScatterAddOp op) {
  Emit &e = k.e;
  const Buffer &x = k.buffers[k.bufferOf(cast<BlockArgument>(op.getX()))];
  const Buffer &index =
      k.buffers[k.bufferOf(cast<BlockArgument>(op.getIndex()))];
  unsigned result = k.resultBuffer(0), source = k.bufferOf(
                        cast<BlockArgument>(op.getX()));
  const Buffer &y = k.buffers[result];
  Ix inner = y.extents[2];
  int64_t lanes = inner.is(1) ? 1 : k.lanesOf(y.element);
  int64_t strip = 16 * lanes;
  Ix strips = e.ceilDiv(inner, strip);
  e.loop(Ix(k.begin), Ix(k.end), 1, [&](Ix unit) {
    Ix b = e.div(unit, strips), i0 = e.mul(e.rem(unit, strips), strip);
    Ix i1 = e.min(e.add(i0, strip), inner);
    e.loop(0, y.extents[1], 1, [&](Ix a) {
      Value row = e.at(y.pointer, offsetOf(e, y, b, a), y.element);
      e.vectorLoop(i0, i1, lanes, true, [&](Ix i, Lanes covered) {
        e.store(e.constant(y.element, 0, lanes), e.at(row, i, y.element),
                covered);
      });
    });
    e.loop(0, x.extents[1], 1, [&](Ix j) {
      Ix to = readIndex(k, index, b, j, y.extents[1]);
      Value row = e.at(y.pointer, offsetOf(e, y, b, to), y.element);
      Value from = e.at(x.pointer, offsetOf(e, x, b, j), x.element);
      auto add = [&] {
        e.vectorLoop(i0, i1, lanes, true, [&](Ix i, Lanes covered) {
          Ix stride = x.strides[2];
          Value address = e.at(row, i, y.element);
          ScalarExpr sum(e, e.loc, e.load(address, 1, y.element, covered));
          ScalarExpr v(e, e.loc,
                       e.load(e.at(from, e.mul(i, stride), x.element), stride,
                              x.element, covered));
          e.store(sum + v, address, covered);
        });
      };
      if (y.extents[1].isKnown() && y.extents[1].known != 0)
        add();
      else
        e.when(e.compare(arith::CmpIPredicate::ne, y.extents[1], 0), add);
    });
  });
  k.work = [=](Emit &e, ArrayRef<Extents> shapes) {
    const Extents &shape = shapes[result];
    Work work;
    work.count = e.mul(shape[0], e.ceilDiv(shape[2], strip));
    Ix rows = e.add(shape[1], e.mul(shapes[source][1], 2));
    Ix unit = e.max(e.mul(rows, e.min(shape[2], strip)), 1);
    work.cost = e.mul(work.count, unit);
    work.grain = e.max(e.div(kGrainCost, unit), 1);
    return work;
  };
  return success();
}

LogicalResult etch::cpu::emitIndexed(Kernel &k) {
  Operation *op = k.results()[0].getDefiningOp();
  bool plain = op && op->getNumOperands() >= 2 &&
               isa<BlockArgument>(op->getOperand(0)) &&
               isa<BlockArgument>(op->getOperand(1));
  if (auto gather = dyn_cast_or_null<GatherOp>(op); gather && plain)
    return emitGather(k, gather);
  if (auto scatter = dyn_cast_or_null<ScatterAddOp>(op); scatter && plain)
    return emitScatterAdd(k, scatter);
  return k.source.emitError("an indexed operation is alone in its kernel");
}
