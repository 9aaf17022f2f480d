//===- Scan.cpp - Kernels that go along an axis ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Target/CPU/Kernel.h"

#include "dialects/Etch/ScalarExpr.h"

using namespace mlir;
using namespace etch;
using namespace etch::cpu;

/// y[o, k, i] = y[o, k-1, i] + x[o, k, i]: a unit is one vector of columns.
LogicalResult etch::cpu::emitScan(Kernel &k) {
  Emit &e = k.e;
  auto op = k.results()[0].getDefiningOp<CumsumOp>();
  auto argument = op ? dyn_cast<BlockArgument>(op.getX()) : BlockArgument();
  if (!argument || op.getAxis() != 1 || op.getType().getRank() != 3)
    return k.source.emitError("cumsum in a kernel is alone, over axis 1 of 3");
  const Buffer &x = k.buffers[k.bufferOf(argument)];
  unsigned result = k.resultBuffer(0);
  const Buffer &y = k.buffers[result];
  Ix count = y.extents[1], inner = y.extents[2];
  int64_t lanes = inner.is(1) ? 1 : k.lanesOf(y.element);
  Ix strips = e.ceilDiv(inner, lanes);
  e.loop(Ix(k.begin), Ix(k.end), 1, [&](Ix unit) {
    Ix o = e.div(unit, strips), i = e.mul(e.rem(unit, strips), lanes);
    Lanes covered{lanes, {}};
    if (lanes != 1)
      covered.mask = e.maskBelow(e.sub(inner, i), lanes);
    auto at = [&](const Buffer &b, Ix step) {
      Ix offset = e.add(e.mul(o, b.strides[0]), e.mul(i, b.strides[2]));
      return e.at(b.pointer, e.add(offset, e.mul(step, b.strides[1])),
                  b.element);
    };
    // The exact identity of +: the first sum is the first element.
    Value none =
        e.constant(y.element, isa<FloatType>(y.element) ? -0.0 : 0.0, lanes);
    e.loop(0, count, 1, none, [&](Ix step, ValueRange carried) {
      if (op.getReverse())
        step = e.sub(e.sub(count, 1), step);
      ScalarExpr sum(e, e.loc, carried[0]);
      ScalarExpr v(e, e.loc,
                   e.load(at(x, step), x.strides[2], x.element, covered));
      Value next = sum + v;
      e.store(next, at(y, step), covered);
      return SmallVector<Value>{next};
    });
  });
  k.work = [=](Emit &e, ArrayRef<Extents> shapes) {
    const Extents &shape = shapes[result];
    Work work;
    work.count = e.mul(shape[0], e.ceilDiv(shape[2], lanes));
    Ix unit = e.mul(e.max(shape[1], 1), 4); // additions wait for one another
    work.cost = e.mul(work.count, unit);
    work.grain = e.max(e.div(kGrainCost, unit), 1);
    return work;
  };
  return success();
}
