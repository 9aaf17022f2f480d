//===- Reduction.cpp - Kernels of reductions ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Over axis 1 of (outer, extent, inner). The order is part of the result: in
// blocks of 4096 elements, element i goes to lane i mod 16; the lanes of the
// blocks add in order, and at the end the 16 lanes combine as halves. When
// inner is 1 the lanes are those of vectors along the axis; otherwise the
// vectors run along inner and each lane is a row of accumulators in memory.
//===----------------------------------------------------------------------===//

#include "compiler/Target/CPU/Kernel.h"
#include "compiler/Target/Kernel/Evaluator.h"

#include "dialects/Etch/ScalarExpr.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace etch;
using namespace etch::cpu;

static constexpr int64_t kBlock = kReductionBlock;
static constexpr int64_t kLanes = kReductionLanes;

namespace {

class Reduction {
public:
  Reduction(Kernel &k, Operation *first)
      : k(k), e(k.e), outerRef(k.extentOf(first->getOperand(0), 0)),
        extentRef(k.extentOf(first->getOperand(0), 1)),
        innerRef(k.extentOf(first->getOperand(0), 2)),
        outer(outerRef.in(k.buffers)), extent(extentRef.in(k.buffers)),
        inner(innerRef.in(k.buffers)),
        along(k, {outer, extent, inner}, {0, 1, 2}),
        after(k, {outer, extent, inner}, {0, 2}) {}

  LogicalResult emit();

private:
  LogicalResult collect();
  void emitRows();
  void emitColumns();
  /// Emits one point of the full space; the elements to reduce.
  SmallVector<Value> elements(Ix i, Lanes lanes);
  /// Emits one point behind the reductions.
  void finish(Ix i, Lanes lanes, ArrayRef<Value> reduced);
  void rowAccumulators(Ix o, Ix from, Ix to, Ix i0, Ix columns, int64_t strip,
                       int64_t rows, ArrayRef<Value> memory);
  bool oneBlock() { return extent.isKnown() && extent.known <= kBlock; }

  Kernel &k;
  Emit &e;
  ExtentRef outerRef, extentRef, innerRef;
  Ix outer, extent, inner;
  Evaluator along, after;
  SmallVector<Operation *> reductions;
  int64_t lanes = 1;
};

} // namespace

LogicalResult Reduction::collect() {
  for (Operation &op : k.source.getBody().front())
    if (isa<SumOp, MaxOp, MinOp>(op)) {
      reductions.push_back(&op);
      after.declare(op.getResult(0));
      if (failed(along.read(op.getOperand(0))))
        return failure();
    }
  for (auto [n, result] : llvm::enumerate(k.results())) {
    bool full = cast<RankedTensorType>(result.getType()).getRank() == 3;
    if (failed(
            (full ? along : after).write(result, k.resultBuffer(unsigned(n)))))
      return failure();
  }
  return success();
}

SmallVector<Value> Reduction::elements(Ix i, Lanes covered) {
  along.point(i, covered);
  SmallVector<Value> found;
  for (Operation *op : reductions)
    found.push_back(along.get(op->getOperand(0)));
  along.store();
  return found;
}

void Reduction::finish(Ix i, Lanes covered, ArrayRef<Value> reduced) {
  after.point(i, covered);
  for (auto [op, value] : llvm::zip(reductions, reduced))
    after.give(op->getResult(0), Combiner::of(op).orEmpty(e, extent, value));
  after.store();
}

//===----------------------------------------------------------------------===//
// Inner extent 1: vectors along the axis
//===----------------------------------------------------------------------===//

void Reduction::emitRows() {
  int64_t width = kLanes;
  if (extent.isKnown())
    width = std::min<int64_t>(
        width, llvm::PowerOf2Ceil(std::max<int64_t>(extent.known, 1)));
  auto identities = [&] {
    SmallVector<Value> result;
    for (Operation *op : reductions)
      result.push_back(Combiner::of(op).identity(e, width));
    return result;
  };
  // A long body is a chain of operations each of which waits for the one
  // before: two vectors are two chains side by side, added one after the other.
  bool inPairs = width == kLanes && !k.options.quick && k.isLong();
  auto add = [&](Ix i, Lanes covered, ValueRange carried) {
    SmallVector<Value> sums(carried), next = elements(i, covered);
    for (auto [n, op] : llvm::enumerate(reductions)) {
      Combiner by = Combiner::of(op);
      if (covered.mask)
        next[n] = e.make<arith::SelectOp>(covered.mask, next[n],
                                          by.identity(e, covered.count));
      for (int64_t from = 0; from < covered.count; from += width) {
        auto part =
            llvm::to_vector(llvm::seq(int32_t(from), int32_t(from + width)));
        sums[n] = by.combine(e, sums[n],
                             width == covered.count
                                 ? next[n]
                                 : e.shuffle(next[n], next[n], part));
      }
    }
    return sums;
  };
  // Vectors that begin at lines of memory where rows do not: the lanes of the
  // sums then are so many places behind their own.
  bool byLines = false;
  Ix behind;
  auto turnBack = [&](Value sums) {
    for (int64_t places = width / 2; places >= 1; places /= 2) {
      SmallVector<int32_t> lanes;
      for (int64_t lane = 0; lane < width; ++lane)
        lanes.push_back(int32_t((lane + places) % width));
      Ix digit = e.rem(e.div(behind, places), 2);
      sums =
          e.make<arith::SelectOp>(e.compare(arith::CmpIPredicate::ne, digit, 0),
                                  e.shuffle(sums, sums, lanes), sums);
    }
    return sums;
  };
  auto block = [&](Ix from, Ix to) {
    SmallVector<Value> initial = identities();
    int64_t pair = 2 * kLanes;
    if (byLines)
      return e.lineLoop(behind, from, to, inPairs ? pair : width, initial, add);
    if (inPairs) {
      Ix pairs = e.mul(e.div(e.sub(to, from), pair), pair);
      initial = e.loop(from, e.add(from, pairs), pair, initial,
                       [&](Ix i, ValueRange carried) {
                         return add(i, Lanes{pair, {}}, carried);
                       });
      from = e.add(from, pairs);
    }
    return e.vectorLoop(from, to, width, k.peels(), initial, add);
  };
  auto row = [&](Ix o) {
    along.enter({o, Ix(0), Ix(0)}, 1);
    byLines = e.streams && extent.known % width != 0;
    if (byLines)
      behind = along.behindLine(extent);
    SmallVector<Value> totals;
    if (oneBlock()) {
      totals = block(0, extent);
    } else {
      // The identity and a first block are that block, exactly.
      SmallVector<Value> initial = identities();
      totals =
          e.loop(0, extent, kBlock, initial, [&](Ix from, ValueRange sums) {
            SmallVector<Value> next =
                block(from, e.min(e.add(from, kBlock), extent));
            for (auto [n, op] : llvm::enumerate(reductions))
              next[n] = Combiner::of(op).combine(e, sums[n], next[n]);
            return next;
          });
    }
    for (auto [n, op] : llvm::enumerate(reductions))
      totals[n] =
          Combiner::of(op).fold(e, byLines ? turnBack(totals[n]) : totals[n]);
    after.enter({o, Ix(0), Ix(0)}, -1);
    finish(0, Lanes(), totals);
  };
  auto rows = [&] { e.loop(Ix(k.begin), Ix(k.end), 1, row); };
  // Where rows are whole vectors, each begins where the first does.
  SmallVector<unsigned> full;
  if (extent.isKnown() &&
      (extent.known % kLanes == 0 || hasLines(k, extent, width)))
    for (unsigned n = 0; n < k.results().size(); ++n)
      if (cast<RankedTensorType>(k.results()[n].getType()).getRank() == 3)
        full.push_back(n);
  emitStreamed(k, full, e.mul(outer, extent), width, rows);
  int64_t ops = k.numPointwise() + 1;
  k.work = [=, outerRef = outerRef,
            extentRef = extentRef](Emit &e, ArrayRef<Extents> shapes) {
    Work work;
    work.count = outerRef.in(shapes);
    Ix unit = e.max(e.mul(extentRef.in(shapes), ops), 1);
    work.cost = e.mul(work.count, unit);
    work.grain = e.max(e.div(kGrainCost, unit), 1);
    return work;
  };
}

//===----------------------------------------------------------------------===//
// Otherwise: vectors along inner
//===----------------------------------------------------------------------===//

void Reduction::rowAccumulators(Ix o, Ix from, Ix to, Ix i0, Ix columns,
                                int64_t strip, int64_t rows,
                                ArrayRef<Value> memory) {
  auto elementOf = [&](Operation *op) {
    return getElementTypeOrSelf(op->getResult(0).getType());
  };
  e.loop(0, rows * strip, lanes, [&](Ix at) {
    for (auto [n, op] : llvm::enumerate(reductions))
      e.store(Combiner::of(op).identity(e, lanes),
              e.at(memory[n], at, elementOf(op)), Lanes{lanes, {}});
  });
  e.loop(from, to, 1, [&](Ix r) {
    along.enter({o, r, Ix(0)}, 2);
    Ix row = e.mul(e.rem(r, kLanes), strip);
    e.vectorLoop(0, columns, lanes, k.peels(), [&](Ix c, Lanes covered) {
      SmallVector<Value> found = elements(e.add(i0, c), covered);
      Ix at = e.add(row, c);
      for (auto [n, op] : llvm::enumerate(reductions)) {
        // Memory of our own, whole vectors: lanes behind the end are unused.
        Value address = e.at(memory[n], at, elementOf(op));
        Value sum = e.load(address, 1, elementOf(op), Lanes{lanes, {}});
        e.store(Combiner::of(op).combine(e, sum, found[n]), address,
                Lanes{lanes, {}});
      }
    });
  });
}

void Reduction::emitColumns() {
  lanes = k.commonLanes();
  int64_t strip = 8 * lanes, rows = kLanes;
  if (inner.isKnown())
    lanes = std::min<int64_t>(
        lanes, llvm::PowerOf2Ceil(std::max<int64_t>(inner.known, 1)));
  int64_t single = lanes;
  if (!k.options.quick)
    lanes *= chainsOf(k, inner.isKnown() ? e.min(inner, strip) : inner, lanes);
  if (inner.isKnown())
    strip = std::min<int64_t>(
        strip, llvm::alignTo(std::max<int64_t>(inner.known, 1), lanes));
  if (extent.isKnown())
    rows = std::min<int64_t>(
        rows, llvm::PowerOf2Ceil(std::max<int64_t>(extent.known, 1)));
  // The next rows of a strip are a few lines each, far from one another: memory
  // does not see them coming.
  constexpr int64_t rowsAhead = 4;
  for (unsigned i = 0; i < k.numInputs(); ++i) {
    Buffer &x = k.buffers[i];
    if (inner.isKnown() && x.pointer && x.dense && x.extents.size() == 3 &&
        x.extents.back() == inner && !x.extents[1].is(1))
      x.ahead = rowsAhead * inner.known * e.bytesOf(x.element);
  }
  SmallVector<Type> types;
  SmallVector<Value> sums, totals;
  for (Operation *op : reductions) {
    types.push_back(getElementTypeOrSelf(op->getResult(0).getType()));
    sums.push_back(e.stack(types.back(), rows * strip));
    totals.push_back(oneBlock() ? sums.back()
                                : e.stack(types.back(), rows * strip));
  }
  Ix strips = e.ceilDiv(inner, strip);
  e.loop(Ix(k.begin), Ix(k.end), 1, [&](Ix unit) {
    Ix o = e.div(unit, strips);
    Ix i0 = e.mul(e.rem(unit, strips), strip);
    bool whole = inner.isKnown() && inner.known % strip == 0;
    Ix columns = whole ? Ix(strip) : e.min(strip, e.sub(inner, i0));
    if (oneBlock()) {
      rowAccumulators(o, 0, extent, i0, columns, strip, rows, sums);
    } else {
      e.loop(0, extent, kBlock, [&](Ix from) {
        // The first block is the total so far.
        Value isLater = e.compare(arith::CmpIPredicate::ne, from, 0);
        SmallVector<Value> memory;
        for (auto [total, sum] : llvm::zip_equal(totals, sums))
          memory.push_back(e.make<arith::SelectOp>(isLater, sum, total));
        rowAccumulators(o, from, e.min(e.add(from, kBlock), extent), i0,
                        columns, strip, rows, memory);
        e.when(isLater, [&] {
          e.loop(0, rows * strip, lanes, [&](Ix at) {
            for (auto [n, op] : llvm::enumerate(reductions)) {
              Value address = e.at(totals[n], at, types[n]);
              Value total = e.load(address, 1, types[n], Lanes{lanes, {}});
              Value block = e.load(e.at(sums[n], at, types[n]), 1, types[n],
                                   Lanes{lanes, {}});
              e.store(Combiner::of(op).combine(e, total, block), address,
                      Lanes{lanes, {}});
            }
          });
        });
      });
    }
    after.enter({o, Ix(0), Ix(0)}, 2);
    e.vectorLoop(0, columns, single, k.peels(), [&](Ix c, Lanes covered) {
      SmallVector<Value> reduced;
      for (auto [n, op] : llvm::enumerate(reductions)) {
        SmallVector<Value> tree;
        for (int64_t row = 0; row < rows; ++row)
          tree.push_back(
              e.load(e.at(totals[n], e.add(row * strip, c), types[n]), 1,
                     types[n], Lanes{single, {}}));
        for (int64_t half = rows / 2; half >= 1; half /= 2)
          for (int64_t row = 0; row < half; ++row)
            tree[row] =
                Combiner::of(op).combine(e, tree[row], tree[row + half]);
        reduced.push_back(tree[0]);
      }
      finish(e.add(i0, c), covered, reduced);
    });
  });
  int64_t ops = k.numPointwise() + 1;
  k.work = [=, outerRef = outerRef, extentRef = extentRef,
            innerRef = innerRef](Emit &e, ArrayRef<Extents> shapes) {
    Ix inner = innerRef.in(shapes), outer = outerRef.in(shapes);
    Work work;
    work.count = e.mul(outer, e.ceilDiv(inner, strip));
    Ix perColumn = e.max(e.mul(extentRef.in(shapes), ops), 1);
    work.cost = e.mul(e.mul(outer, inner), perColumn);
    Ix unit = e.mul(perColumn, e.max(e.min(inner, strip), 1));
    work.grain = e.max(e.div(kGrainCost, unit), 1);
    return work;
  };
}

LogicalResult Reduction::emit() {
  if (failed(collect()))
    return failure();
  if (inner.is(1))
    emitRows();
  else
    emitColumns();
  return success();
}

LogicalResult etch::cpu::emitReduction(Kernel &k) {
  for (Operation &op : k.source.getBody().front())
    if (isa<SumOp, MaxOp, MinOp>(op)) {
      auto type = cast<RankedTensorType>(op.getOperand(0).getType());
      auto axes = op.getAttrOfType<DenseI64ArrayAttr>("axes");
      if (type.getRank() != 3 || axes.asArrayRef() != ArrayRef<int64_t>{1})
        return op.emitError("a reduction in a kernel is over axis 1 of 3");
      return Reduction(k, &op).emit();
    }
  return k.source.emitError("a reduction that is not in canonical form");
}

//===----------------------------------------------------------------------===//
// argmax
//===----------------------------------------------------------------------===//

LogicalResult etch::cpu::emitArgmax(Kernel &k) {
  Emit &e = k.e;
  Value result = k.results()[0];
  auto op = result.getDefiningOp<ArgmaxOp>();
  if (!op || cast<RankedTensorType>(op.getX().getType()).getRank() != 3 ||
      op.getAxis() != 1)
    return k.source.emitError("argmax in a kernel is alone, over axis 1 of 3");
  ExtentRef refs[3];
  Ix extents[3];
  for (unsigned axis = 0; axis < 3; ++axis) {
    refs[axis] = k.extentOf(op.getX(), axis);
    extents[axis] = refs[axis].in(k.buffers);
  }
  Evaluator values(k, extents, {0, 1, 2}), out(k, extents, {0, 2});
  if (failed(values.read(op.getX())))
    return failure();
  if (failed(out.writeResults(result)))
    return failure();

  Ix inner = extents[2];
  int64_t lanes = inner.is(1) ? 1 : k.lanesOf(e.getI64Type());
  Ix strips = e.ceilDiv(inner, lanes);
  Type element = getElementTypeOrSelf(op.getX().getType());
  bool isFloat = isa<FloatType>(element);
  e.loop(Ix(k.begin), Ix(k.end), 1, [&](Ix unit) {
    Ix o = e.div(unit, strips), i0 = e.mul(e.rem(unit, strips), lanes);
    Lanes covered{lanes, {}};
    if (lanes != 1)
      covered.mask = e.maskBelow(e.sub(inner, i0), lanes);
    auto at = [&](Ix r) {
      values.enter({o, r, Ix(0)}, 2);
      values.point(i0, covered);
      return values.get(op.getX());
    };
    Value first = at(0);
    Value zero = e.constant(e.getI64Type(), 0, lanes);
    SmallVector<Value> best =
        e.loop(1, extents[1], 1, {first, zero}, [&](Ix r, ValueRange carried) {
          Value v = at(r);
          Value larger;
          if (isFloat) {
            // A NaN counts as the largest; the first one stays.
            Value greater =
                e.make<arith::CmpFOp>(arith::CmpFPredicate::UGT, v, carried[0]);
            Value known = e.make<arith::CmpFOp>(arith::CmpFPredicate::ORD,
                                                carried[0], carried[0]);
            larger = e.make<arith::AndIOp>(greater, known);
          } else {
            larger =
                e.make<arith::CmpIOp>(arith::CmpIPredicate::sgt, v, carried[0]);
          }
          Value here = e.splat(e.value(r), lanes);
          return SmallVector<Value>{
              e.make<arith::SelectOp>(larger, v, carried[0]),
              e.make<arith::SelectOp>(larger, here, carried[1])};
        });
    out.enter({o, Ix(0), Ix(0)}, 2);
    out.point(i0, covered);
    out.give(result, best[1]);
    out.store();
  });
  ExtentRef outerRef = refs[0], extentRef = refs[1], innerRef = refs[2];
  k.work = [=](Emit &e, ArrayRef<Extents> shapes) {
    Ix inner = innerRef.in(shapes);
    Work work;
    work.count = e.mul(outerRef.in(shapes), e.ceilDiv(inner, lanes));
    Ix unit = e.mul(e.max(extentRef.in(shapes), 1), 4);
    work.cost = e.mul(work.count, unit);
    work.grain = e.max(e.div(kGrainCost, unit), 1);
    return work;
  };
  return success();
}
