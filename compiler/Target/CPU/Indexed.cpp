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

/// Reads index[b, j], or index[b, j, i]; negative ones count from the end. One
/// that is out of range is reported and becomes 0.
static Ix readIndex(Kernel &k, const Buffer &index, Ix b, Ix j, Ix extent,
                    Ix i = 0) {
  Emit &e = k.e;
  Ix offset = e.add(e.mul(b, index.strides[0]), e.mul(j, index.strides[1]));
  if (index.strides.size() > 2)
    offset = e.add(offset, e.mul(i, index.strides[2]));
  Value given =
      e.loadRaw(e.getI64Type(), e.at(index.pointer, offset, e.getI64Type()), 8);
  Value negative = e.compare(arith::CmpIPredicate::slt, Ix(given), 0);
  Ix wrapped = e.select(negative, e.add(Ix(given), extent), Ix(given));
  Value outside = e.compare(arith::CmpIPredicate::uge, wrapped, extent);
  e.when(outside, [&] { k.reportIndex(given, e.value(extent)); });
  return e.select(outside, 0, wrapped);
}

static Ix offsetOf(Emit &e, const Buffer &buffer, Ix a, Ix b) {
  return e.add(e.mul(a, buffer.strides[0]), e.mul(b, buffer.strides[1]));
}

/// Whether each i has an index of its own.
static bool isOfEach(const Buffer &index) { return index.strides.size() > 2; }

/// Where there is something for index 0 to name.
static void unlessEmpty(Emit &e, Ix extent, function_ref<void()> body) {
  if (extent.isKnown() && extent.known != 0)
    return body();
  e.when(e.compare(arith::CmpIPredicate::ne, extent, 0), body);
}

/// One path or the other for an inner extent of 1.
static void whenSingle(Emit &e, Ix inner, function_ref<void()> single,
                       function_ref<void()> block) {
  if (inner.isKnown())
    return inner.known == 1 ? single() : block();
  e.when(e.compare(arith::CmpIPredicate::eq, inner, 1), single, block);
}

/// Gathers single elements: vectors of indices from `first` to `last` of row b.
static void gatherElements(Kernel &k, const Buffer &x, const Buffer &index,
                           const Buffer &y, Ix b, Ix first, Ix last) {
  Emit &e = k.e;
  Type memory = e.storageType(x.element), i64 = e.getI64Type();
  int64_t lanes = std::min(k.lanesOf(i64), k.lanesOf(memory));
  Value from = e.at(x.pointer, e.mul(b, x.strides[0]), memory);
  Value at = e.at(index.pointer, e.mul(b, index.strides[0]), i64);
  Value to = e.at(y.pointer, e.mul(b, y.strides[0]), memory);
  Value extent = e.splat(e.value(x.extents[1]), lanes);
  Value stride = e.splat(e.value(x.strides[1]), lanes);
  Value zero = e.constant(i64, 0, lanes);
  e.vectorLoop(first, last, lanes, /*peel=*/false, [&](Ix j, Lanes covered) {
    Value given = e.load(e.at(at, e.mul(j, index.strides[1]), i64),
                         index.strides[1], i64, covered);
    Value negative =
        e.make<arith::CmpIOp>(arith::CmpIPredicate::slt, given, zero);
    Value wrapped = e.make<arith::AddIOp>(
        given, e.make<arith::SelectOp>(negative, extent, zero));
    Value outside =
        e.make<arith::CmpIOp>(arith::CmpIPredicate::uge, wrapped, extent);
    // Lanes behind the end hold index 0, which only an empty x lacks.
    Value any =
        e.make<LLVM::BitcastOp>(e.getIntegerType(unsigned(lanes)), outside);
    Value none = e.constant(e.getIntegerAttr(any.getType(), 0));
    e.when(e.make<arith::CmpIOp>(arith::CmpIPredicate::ne, any, none), [&] {
      e.loop(j, e.min(e.add(j, lanes), last), 1,
             [&](Ix one) { readIndex(k, index, b, one, x.extents[1]); });
    });
    Value offsets = e.make<arith::MulIOp>(
        e.make<arith::SelectOp>(outside, zero, wrapped), stride);
    Value addresses =
        e.make<LLVM::GEPOp>(VectorType::get({lanes}, e.ptrType()), memory, from,
                            ArrayRef<LLVM::GEPArg>{offsets});
    Value mask =
        covered.mask ? covered.mask : e.constant(e.getI1Type(), 1, lanes);
    Type vector = e.vectorOf(memory, lanes);
    Value v = e.make<LLVM::masked_gather>(
        vector, addresses, mask,
        ValueRange{e.constant(cast<TypedAttr>(e.getZeroAttr(vector)))},
        unsigned(e.bytesOf(memory)));
    e.store(v, e.at(to, j, memory), covered);
  });
}

/// y[b, j, i] = x[b, index[b, j], i], or of index[b, j, i]: a unit is one (b,
/// j).
static LogicalResult emitGather(Kernel &k, GatherOp op) {
  Emit &e = k.e;
  const Buffer &x = k.buffers[k.bufferOf(cast<BlockArgument>(op.getX()))];
  const Buffer &index =
      k.buffers[k.bufferOf(cast<BlockArgument>(op.getIndex()))];
  unsigned result = k.resultBuffer(0);
  const Buffer &y = k.buffers[result];
  Ix count = y.extents[1], inner = y.extents[2];
  Type memory = e.storageType(x.element); // copied as it is
  int64_t lanes = k.lanesOf(memory);
  auto elements = [&] {
    Ix begin = Ix(k.begin), end = Ix(k.end);
    e.loop(e.div(begin, count), e.div(e.add(end, e.sub(count, 1)), count), 1,
           [&](Ix b) {
             Ix row = e.mul(b, count);
             Ix first = e.sub(e.max(begin, row), row);
             Ix last = e.sub(e.min(end, e.add(row, count)), row);
             auto all = [&] { gatherElements(k, x, index, y, b, first, last); };
             if (x.extents[1].isKnown() && x.extents[1].known != 0)
               return all();
             // Nothing to take index 0 from: all are out of range.
             e.when(e.compare(arith::CmpIPredicate::ne, x.extents[1], 0), all,
                    [&] {
                      e.loop(first, last, 1, [&](Ix j) {
                        readIndex(k, index, b, j, x.extents[1]);
                      });
                    });
           });
  };
  auto blocks = [&] {
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
      unlessEmpty(e, x.extents[1], copy);
    });
  };
  auto each = [&] {
    e.loop(Ix(k.begin), Ix(k.end), 1, [&](Ix unit) {
      Ix b = e.div(unit, count), j = e.rem(unit, count);
      e.loop(0, inner, 1, [&](Ix i) {
        Ix from = readIndex(k, index, b, j, x.extents[1], i);
        Ix source = e.add(offsetOf(e, x, b, from), e.mul(i, x.strides[2]));
        unlessEmpty(e, x.extents[1], [&] {
          e.store(e.load(e.at(x.pointer, source, memory), 1, memory, Lanes()),
                  e.at(y.pointer, e.add(offsetOf(e, y, b, j), i), memory),
                  Lanes());
        });
      });
    });
  };
  isOfEach(index) ? each() : whenSingle(e, inner, elements, blocks);
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
  unsigned result = k.resultBuffer(0),
           source = k.bufferOf(cast<BlockArgument>(op.getX()));
  const Buffer &y = k.buffers[result];
  Ix inner = y.extents[2];
  int64_t lanes = inner.is(1) ? 1 : k.lanesOf(y.element);
  int64_t strip = 16 * lanes;
  // Indices are looked at where nothing is added, too.
  auto numStrips = [=](Emit &e, Ix inner) {
    return e.max(e.ceilDiv(inner, strip), 1);
  };
  Ix strips = numStrips(e, inner);
  e.loop(Ix(k.begin), Ix(k.end), 1, [&](Ix unit) {
    Ix b = e.div(unit, strips), i0 = e.mul(e.rem(unit, strips), strip);
    Ix i1 = e.min(e.add(i0, strip), inner);
    auto clear = [&](Value row, Ix from, Ix to) {
      int64_t wide = k.lanesOf(y.element);
      e.vectorLoop(from, to, wide, true, [&](Ix i, Lanes covered) {
        e.store(e.constant(y.element, 0, wide), e.at(row, i, y.element),
                covered);
      });
    };
    auto single = [&] { // all elements of b are this unit's
      clear(e.at(y.pointer, offsetOf(e, y, b, 0), y.element), 0, y.extents[1]);
    };
    whenSingle(e, inner, single, [&] {
      e.loop(0, y.extents[1], 1, [&](Ix a) {
        clear(e.at(y.pointer, offsetOf(e, y, b, a), y.element), i0, i1);
      });
    });
    if (isOfEach(index)) {
      e.loop(0, x.extents[1], 1, [&](Ix j) {
        e.loop(i0, i1, 1, [&](Ix i) {
          Ix to = readIndex(k, index, b, j, y.extents[1], i);
          Ix offset = e.add(offsetOf(e, x, b, j), e.mul(i, x.strides[2]));
          unlessEmpty(e, y.extents[1], [&] {
            Value place =
                e.at(y.pointer, e.add(offsetOf(e, y, b, to), i), y.element);
            ScalarExpr sum(e, e.loc, e.load(place, 1, y.element, Lanes()));
            ScalarExpr v(e, e.loc,
                         e.load(e.at(x.pointer, offset, x.element), 1,
                                x.element, Lanes()));
            e.store(sum + v, place, Lanes());
          });
        });
      });
      return;
    }
    e.loop(0, x.extents[1], 1, [&](Ix j) {
      Ix to = readIndex(k, index, b, j, y.extents[1]);
      Value row = e.at(y.pointer, offsetOf(e, y, b, to), y.element);
      Value from = e.at(x.pointer, offsetOf(e, x, b, j), x.element);
      auto addVector = [&](Ix i, Lanes covered) {
        Ix stride = x.strides[2];
        Value address = e.at(row, i, y.element);
        ScalarExpr sum(e, e.loc, e.load(address, 1, y.element, covered));
        ScalarExpr v(e, e.loc,
                     e.load(e.at(from, e.mul(i, stride), x.element), stride,
                            x.element, covered));
        e.store(sum + v, address, covered);
      };
      auto add = [&] {
        whenSingle(
            e, inner, [&] { addVector(0, Lanes()); },
            [&] { e.vectorLoop(i0, i1, lanes, true, addVector); });
      };
      unlessEmpty(e, y.extents[1], add);
    });
  });
  k.work = [=](Emit &e, ArrayRef<Extents> shapes) {
    const Extents &shape = shapes[result];
    Work work;
    work.count = e.mul(shape[0], numStrips(e, shape[2]));
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
