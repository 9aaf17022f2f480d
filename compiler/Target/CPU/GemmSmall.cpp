//===- GemmSmall.cpp - Products that are done before panels are packed ----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Eager kernels learn at run time how much there is to do. Where that is little
// they read the matrices where they lie, a few rows by a vector of columns at a
// time: K is one block, so each element is the same chain as elsewhere.
//===----------------------------------------------------------------------===//

#include "compiler/Target/CPU/GemmEmitter.h"

using namespace mlir;
using namespace etch;
using namespace etch::cpu;

/// Rows whose sums grow side by side, unless there is one.
static constexpr int64_t kRowsAtOnce = 8;
/// Products of numbers that are not worth a panel.
static constexpr int64_t kFewProducts = 1 << 15;

namespace {
struct SmallProduct {
  Kernel &k;
  MatmulOp op;
  ExtentRefs refs;

  SmallProduct(Kernel &k, MatmulOp op) : k(k), op(op) {
    refs.m = k.extentOf(op->getOperand(0), 0);
    refs.k = k.extentOf(op->getOperand(0), 1);
    refs.n = k.extentOf(op->getOperand(1), 1);
  }
  void emit(int64_t rowsAtOnce);
};
} // namespace

/// Not one row by one column: those are a sum of another order.
static Value isSmall(Emit &e, const Extent4 &x) {
  auto all = [&](std::initializer_list<Value> conditions) {
    Value result;
    for (Value condition : conditions)
      result = result ? e.make<arith::AndIOp>(result, condition) : condition;
    return result;
  };
  Ix elements = e.mul(x.m, x.n);
  auto atMost = [&](Ix i, int64_t bound) {
    return e.compare(arith::CmpIPredicate::sle, i, bound);
  };
  return all({e.compare(arith::CmpIPredicate::sgt, elements, 1),
              atMost(x.k, kGemmBlock), atMost(elements, kFewProducts),
              atMost(e.mul(elements, x.k), kFewProducts)});
}

void SmallProduct::emit(int64_t rowsAtOnce) {
  Emit &e = k.e;
  const Buffer &x = *k.argumentBuffer(op->getOperand(0)),
               &w = *k.argumentBuffer(op->getOperand(1)),
               &y = k.buffers[k.resultBuffer(0)];
  Type element = y.element;
  int64_t lanes = k.lanesOf(element);
  Extent4 extents = refs.in(e, ArrayRef<Buffer>(k.buffers));
  e.loop(0, extents.m, rowsAtOnce, [&](Ix first) {
    // Behind the last row: that one again.
    SmallVector<Value> rows, places;
    for (int64_t r = 0; r < rowsAtOnce; ++r) {
      Ix row = e.min(e.add(first, r), e.sub(extents.m, 1));
      rows.push_back(e.at(x.pointer, e.mul(row, x.strides[0]), element));
      places.push_back(e.at(y.pointer, e.mul(row, y.strides[0]), element));
    }
    e.vectorLoop(0, extents.n, lanes, /*peel=*/false, [&](Ix j, Lanes covered) {
      SmallVector<Value> sums(rowsAtOnce, e.constant(element, 0, lanes));
      Value columns = e.at(w.pointer, j, element);
      sums = e.loop(0, extents.k, 1, sums, [&](Ix step, ValueRange carried) {
        Value right = e.load(e.at(columns, e.mul(step, w.strides[0]), element),
                             1, element, covered);
        SmallVector<Value> next;
        for (auto [row, sum] : llvm::zip_equal(rows, carried)) {
          Value left = e.load(e.at(row, e.mul(step, x.strides[1]), element), 0,
                              element, Lanes{lanes, {}});
          next.push_back(fma(ScalarExpr(e, e.loc, left),
                             ScalarExpr(e, e.loc, right),
                             ScalarExpr(e, e.loc, sum)));
        }
        return next;
      });
      for (auto [place, sum] : llvm::zip_equal(places, sums))
        e.store(sum, e.at(place, j, element), covered);
    });
  });
}

bool etch::cpu::mayBeSmall(Kernel &k, MatmulOp op) {
  auto type = cast<RankedTensorType>(op.getResult().getType());
  const Buffer *x = k.argumentBuffer(op->getOperand(0)),
               *w = k.argumentBuffer(op->getOperand(1));
  return k.options.quick && !k.options.bf16 && x && w && type.getRank() == 2 &&
         !type.hasStaticShape() && isa<FloatType>(type.getElementType()) &&
         w->strides[1].is(1) && k.numPointwise() == 0 &&
         k.results().size() == 1 && k.results()[0] == op.getResult();
}

LogicalResult etch::cpu::emitMaybeSmall(Kernel &k, MatmulOp op) {
  SmallProduct small(k, op);
  bool good = true;
  k.e.when(
      isSmall(k.e, small.refs.in(k.e, ArrayRef<Buffer>(k.buffers))),
      [&] {
        Ix rows = small.refs.m.in(ArrayRef<Buffer>(k.buffers));
        k.e.when(
            k.e.compare(arith::CmpIPredicate::eq, rows, 1),
            [&] { small.emit(1); }, [&] { small.emit(kRowsAtOnce); });
      },
      [&] { good = succeeded(Gemm(k, op).emit()); });
  // Done by one thread, without scratch memory.
  k.work = [large = k.work, refs = small.refs](Emit &e,
                                               ArrayRef<Extents> shapes) {
    Value few = isSmall(e, refs.in(e, shapes));
    Work work = large(e, shapes);
    work.count = e.select(few, 1, work.count);
    work.cost = e.select(few, 0, work.cost);
    return work;
  };
  k.scratchBytes = [large = k.scratchBytes,
                    refs = small.refs](Emit &e, ArrayRef<Extents> shapes) {
    return e.select(isSmall(e, refs.in(e, shapes)), 0, large(e, shapes));
  };
  return success(good);
}
