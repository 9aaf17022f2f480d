//===- Reduction.cpp - Kernels of reductions ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Over axis 1 of (outer, extent, inner), in the order that defines the result:
// blocks of 4096 elements, in each sixteen lanes. A lane of a block and a
// column is a chain of additions in one thread:
//
//   thread = (group, lane, column),  column < width, lane < 16, group < groups
//
// Groups take different sums where an axis is one block, otherwise different
// blocks of one sum. Few long sums go over many blocks of threads: a first
// stage leaves the chains in scratch memory, a second one adds them in order.
//===----------------------------------------------------------------------===//

#include "compiler/Target/CUDA/Kernel.h"
#include "compiler/Target/Kernel/Evaluator.h"

#include "dialects/Etch/ScalarExpr.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace etch;
using namespace etch::cuda;

static constexpr int64_t kBlock = kReductionBlock;
static constexpr int64_t kLanes = kReductionLanes;

namespace {

/// How sums are spread over threads.
struct Layout {
  int64_t width = 1, groups = 1;
  bool oneBlock = false; ///< of 4096
  bool twoStages = false;
  std::array<ExtentRef, 3> refs; ///< outer, extent, inner

  int64_t threads() const { return width * kLanes * groups; }
  Ix strips(Emit &e, Ix inner) const { return e.ceilDiv(inner, width); }
  template <class Operands> Ix units(Emit &e, Operands x) const {
    return e.mul(refs[0].in(x), strips(e, refs[2].in(x)));
  }
  template <class Operands> Ix numBlocks(Emit &e, Operands x) const {
    return e.ceilDiv(refs[1].in(x), kBlock);
  }
};

/// The code of one stage.
class Sums {
public:
  Sums(Kernel &k, const Layout &layout)
      : k(k), e(k.e), layout(layout), outer(layout.refs[0].in(k.buffers)),
        extent(layout.refs[1].in(k.buffers)),
        inner(layout.refs[2].in(k.buffers)),
        along(k, {outer, extent, inner}, {0, 1, 2}),
        after(k, {outer, extent, inner}, {0, 2}) {}

  /// `first`: elements are read, `last`: sums are used.
  LogicalResult collect(bool first, bool last);
  void whole();
  void firstStage();
  void lastStage();

private:
  void locate(Ix unitIndex);
  SmallVector<Value> identities();
  SmallVector<Value> chains(Ix from);
  void finish(SmallVector<Value> totals);
  Value partial(Ix number, unsigned reduction);

  Kernel &k;
  Emit &e;
  const Layout &layout;
  Ix outer, extent, inner;
  Evaluator along, after;
  SmallVector<Combiner> combiners;
  SmallVector<Operation *> reductions;
  SmallVector<Value> alongResults, afterResults;
  SmallVector<Value> memory; ///< shared, one for each reduction
  // Where this thread is.
  Ix thread, column, lane, group, unit, o, i;
  Value active;
};

} // namespace

LogicalResult Sums::collect(bool first, bool last) {
  for (Operation &op : k.source.getBody().front())
    if (isa<SumOp, MaxOp, MinOp>(op)) {
      reductions.push_back(&op);
      combiners.push_back(Combiner::of(&op));
      after.declare(op.getResult(0));
      if (first && failed(along.read(op.getOperand(0))))
        return failure();
    }
  for (auto [n, result] : llvm::enumerate(k.results())) {
    bool full = cast<RankedTensorType>(result.getType()).getRank() == 3;
    if (full ? !first : !last)
      continue;
    (full ? alongResults : afterResults).push_back(result);
    Evaluator &values = full ? along : after;
    if (failed(values.read(result)))
      return failure();
    values.write(k.resultBuffer(unsigned(n)));
  }
  for (const Combiner &combiner : combiners)
    memory.push_back(k.shared(combiner.element, layout.threads()));
  return success();
}

void Sums::locate(Ix unitIndex) {
  unit = unitIndex;
  Ix strips = layout.strips(e, inner);
  Ix units = layout.units(e, ArrayRef<Buffer>(k.buffers));
  o = e.div(unit, strips);
  i = e.add(e.mul(e.rem(unit, strips), layout.width), column);
  active =
      e.make<arith::AndIOp>(e.compare(arith::CmpIPredicate::ult, unit, units),
                            e.compare(arith::CmpIPredicate::ult, i, inner));
  // Threads without a sum stand at the last one and do nothing.
  o = e.min(o, e.sub(outer, 1));
  i = e.min(i, e.sub(inner, 1));
}

SmallVector<Value> Sums::identities() {
  return llvm::map_to_vector(
      combiners, [&](const Combiner &c) { return c.identity(e, 1); });
}

/// This lane of the block of 4096 that begins at `from`.
SmallVector<Value> Sums::chains(Ix from) {
  Ix end = e.min(e.add(from, kBlock), extent);
  end = e.select(active, end, 0);
  along.enter({o, Ix(0), i}, 1);
  return e.loop(e.add(from, lane), end, kLanes, identities(),
                [&](Ix r, ValueRange carried) {
                  along.point(r, Lanes());
                  SmallVector<Value> next, stored;
                  for (Operation *op : reductions)
                    next.push_back(along.get(op->getOperand(0)));
                  for (Value result : alongResults)
                    stored.push_back(along.get(result));
                  for (auto [n, value] : llvm::enumerate(stored))
                    along.put(unsigned(n), value);
                  for (auto [n, c] : llvm::enumerate(combiners))
                    next[n] = c.combine(e, carried[n], next[n]);
                  return next;
                });
}

/// The lanes combine as halves; lane 0 goes on with the result.
void Sums::finish(SmallVector<Value> totals) {
  for (auto [n, total] : llvm::enumerate(totals))
    k.store(total, memory[n], thread);
  k.barrier();
  for (int64_t half = kLanes / 2; half >= 1; half /= 2) {
    e.when(e.compare(arith::CmpIPredicate::ult, lane, half), [&] {
      for (auto [n, c] : llvm::enumerate(combiners)) {
        Value low = k.load(memory[n], thread, c.element);
        Value high =
            k.load(memory[n], e.add(thread, half * layout.width), c.element);
        k.store(c.combine(e, low, high), memory[n], thread);
      }
    });
    k.barrier();
  }
  Value first = e.compare(arith::CmpIPredicate::eq, lane, 0);
  if (!layout.oneBlock)
    first = e.make<arith::AndIOp>(
        first, e.compare(arith::CmpIPredicate::eq, group, 0));
  e.when(e.make<arith::AndIOp>(first, active), [&] {
    after.enter({o, Ix(0), i}, -1);
    after.point(0, Lanes());
    for (auto [n, op] : llvm::enumerate(reductions)) {
      Value sum = k.load(memory[n], thread, combiners[n].element);
      after.give(op->getResult(0), combiners[n].orEmpty(e, extent, sum));
    }
    SmallVector<Value> stored;
    for (Value result : afterResults)
      stored.push_back(after.get(result));
    for (auto [n, value] : llvm::enumerate(stored))
      after.put(unsigned(n), value);
  });
}

/// One stage: chains, their sums, what follows.
void Sums::whole() {
  thread = k.thread();
  column = e.rem(thread, layout.width);
  lane = e.rem(e.div(thread, layout.width), kLanes);
  group = e.div(thread, layout.width * kLanes);
  if (layout.oneBlock) {
    locate(e.add(e.mul(k.block(), layout.groups), group));
    return finish(chains(0));
  }
  locate(k.block());
  SmallVector<Value> totals = e.loop(
      0, extent, kBlock * layout.groups, identities(),
      [&](Ix base, ValueRange before) {
        SmallVector<Value> next = chains(e.add(base, e.mul(group, kBlock)));
        SmallVector<Value> sums(before);
        if (layout.groups == 1) {
          for (auto [n, c] : llvm::enumerate(combiners))
            sums[n] = c.combine(e, sums[n], next[n]);
          return sums;
        }
        for (auto [n, value] : llvm::enumerate(next))
          k.store(value, memory[n], thread);
        k.barrier();
        Ix inGroup = e.rem(thread, layout.width * kLanes);
        for (auto [n, c] : llvm::enumerate(combiners))
          for (int64_t g = 0; g < layout.groups; ++g)
            sums[n] = c.combine(
                e, sums[n],
                k.load(memory[n], e.add(inGroup, g * layout.width * kLanes),
                       c.element));
        k.barrier();
        return sums;
      });
  finish(totals);
}

/// Where a lane of a block of 4096 waits for the second stage.
Value Sums::partial(Ix number, unsigned reduction) {
  Ix numBlocks = layout.numBlocks(e, ArrayRef<Buffer>(k.buffers));
  Ix perSum = kLanes * layout.width;
  Ix inGroup = e.add(e.mul(lane, layout.width), column);
  Ix place =
      e.add(e.mul(e.add(e.mul(unit, numBlocks), number), perSum), inGroup);
  Ix all = e.mul(e.mul(layout.units(e, ArrayRef<Buffer>(k.buffers)), numBlocks),
                 perSum);
  return e.atByte(k.scratch(),
                  e.mul(e.add(e.mul(all, int64_t(reduction)), place), 8));
}

void Sums::firstStage() {
  thread = k.thread();
  column = e.rem(thread, layout.width);
  lane = e.rem(e.div(thread, layout.width), kLanes);
  group = e.div(thread, layout.width * kLanes);
  Ix numBlocks = layout.numBlocks(e, ArrayRef<Buffer>(k.buffers));
  Ix rounds = e.ceilDiv(numBlocks, layout.groups);
  locate(e.div(k.block(), rounds));
  Ix number = e.add(e.mul(e.rem(k.block(), rounds), layout.groups), group);
  SmallVector<Value> next = chains(e.mul(number, kBlock));
  e.when(e.compare(arith::CmpIPredicate::ult, number, numBlocks), [&] {
    for (auto [n, value] : llvm::enumerate(next))
      e.storeRaw(value, partial(number, unsigned(n)), 0);
  });
}

void Sums::lastStage() {
  thread = k.thread();
  column = e.rem(thread, layout.width);
  lane = e.div(thread, layout.width);
  group = 0;
  locate(k.block());
  finish(e.loop(0, layout.numBlocks(e, ArrayRef<Buffer>(k.buffers)), 1,
                identities(), [&](Ix number, ValueRange before) {
                  SmallVector<Value> sums;
                  for (auto [n, c] : llvm::enumerate(combiners))
                    sums.push_back(c.combine(
                        e, before[n],
                        e.loadRaw(c.element, partial(number, unsigned(n)), 0)));
                  return sums;
                }));
}

static Layout chooseLayout(Kernel &k, Operation *first, int64_t numReductions) {
  Layout layout;
  for (unsigned axis = 0; axis < 3; ++axis)
    layout.refs[axis] = k.extentOf(first->getOperand(0), axis);
  auto known = [&](unsigned axis) {
    const ExtentRef &ref = layout.refs[axis];
    return ref.operand < 0 ? ref.known : -1;
  };
  int64_t outer = known(0), extent = known(1), inner = known(2);
  layout.width = inner < 0
                     ? 16
                     : std::min<int64_t>(
                           32, llvm::PowerOf2Ceil(std::max<int64_t>(inner, 1)));
  layout.oneBlock = extent >= 0 && extent <= kBlock;
  int64_t threads = layout.oneBlock ? 256 : 512;
  // What all reductions keep in shared memory is 48 KB at most.
  while (numReductions * threads * 8 > 48 << 10 && threads > kLanes)
    threads /= 2;
  layout.width = std::min(layout.width, std::max<int64_t>(threads / kLanes, 1));
  layout.groups = std::max<int64_t>(1, threads / (kLanes * layout.width));
  if (outer > 0 && inner > 0 && !layout.oneBlock && extent > 0) {
    int64_t units = outer * llvm::divideCeil(inner, layout.width);
    int64_t numBlocks = llvm::divideCeil(extent, kBlock);
    layout.twoStages = units < 128 && numBlocks > layout.groups;
  }
  return layout;
}

LogicalResult etch::cuda::emitReduction(Kernel &k) {
  SmallVector<Operation *> reductions;
  for (Operation &op : k.source.getBody().front())
    if (isa<SumOp, MaxOp, MinOp>(op))
      reductions.push_back(&op);
  Operation *first = reductions.front();
  auto type = cast<RankedTensorType>(first->getOperand(0).getType());
  auto axes = first->getAttrOfType<DenseI64ArrayAttr>("axes");
  if (type.getRank() != 3 || axes.asArrayRef() != ArrayRef<int64_t>{1})
    return first->emitError("a reduction in a kernel is over axis 1 of 3");
  Layout layout = chooseLayout(k, first, int64_t(reductions.size()));
  auto units = [layout](Emit &e, ArrayRef<Extents> shapes) {
    Ix count = layout.units(e, shapes);
    return layout.oneBlock ? e.ceilDiv(count, layout.groups) : count;
  };
  auto write = [&](bool firstPart, bool lastPart, auto body) {
    return [&k, &layout, firstPart, lastPart, body] {
      Sums sums(k, layout);
      if (failed(sums.collect(firstPart, lastPart)))
        return k.fail();
      (sums.*body)();
    };
  };
  if (!layout.twoStages) {
    k.stage(layout.threads(), units, write(true, true, &Sums::whole));
    return success();
  }
  auto chunks = [layout](Emit &e, ArrayRef<Extents> shapes) {
    return e.mul(layout.units(e, shapes),
                 e.ceilDiv(layout.numBlocks(e, shapes), layout.groups));
  };
  k.stage(layout.threads(), chunks, write(true, false, &Sums::firstStage));
  Layout last = layout;
  last.groups = 1;
  k.stage(last.threads(), units, [&] {
    Sums sums(k, last);
    if (failed(sums.collect(false, true)))
      return k.fail();
    sums.lastStage();
  });
  int64_t count = int64_t(reductions.size());
  k.scratchBytes = [layout, count](Emit &e, ArrayRef<Extents> shapes) {
    Ix chains = e.mul(layout.units(e, shapes), layout.numBlocks(e, shapes));
    return e.mul(chains, 8 * kLanes * layout.width * count);
  };
  return success();
}

//===----------------------------------------------------------------------===//
// argmax
//===----------------------------------------------------------------------===//

/// A thread for each result.
LogicalResult etch::cuda::emitArgmax(Kernel &k) {
  Emit &e = k.e;
  auto op = k.results()[0].getDefiningOp<ArgmaxOp>();
  if (!op || cast<RankedTensorType>(op.getX().getType()).getRank() != 3 ||
      op.getAxis() != 1)
    return k.source.emitError("argmax in a kernel is alone, over axis 1 of 3");
  std::array<ExtentRef, 3> refs;
  for (unsigned axis = 0; axis < 3; ++axis)
    refs[axis] = k.extentOf(op.getX(), axis);
  k.forEach(Kernel::product({refs[0], refs[2]}), [&](Ix unit) {
    Ix extents[3];
    for (unsigned axis = 0; axis < 3; ++axis)
      extents[axis] = refs[axis].in(k.buffers);
    Evaluator values(k, extents, {0, 1, 2}), out(k, extents, {0, 2});
    if (failed(values.read(op.getX())))
      return k.fail();
    out.write(k.resultBuffer(0));
    Ix o = e.div(unit, extents[2]), i = e.rem(unit, extents[2]);
    bool isFloat = isa<FloatType>(getElementTypeOrSelf(op.getX().getType()));
    values.enter({o, Ix(0), i}, 1);
    auto at = [&](Ix r) {
      values.point(r, Lanes());
      return values.get(op.getX());
    };
    SmallVector<Value> best = e.loop(
        1, extents[1], 1, {at(0), e.value(0)}, [&](Ix r, ValueRange carried) {
          Value v = at(r), larger;
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
          return SmallVector<Value>{
              e.make<arith::SelectOp>(larger, v, carried[0]),
              e.make<arith::SelectOp>(larger, e.value(r), carried[1])};
        });
    out.enter({o, Ix(0), i}, -1);
    out.point(0, Lanes());
    out.put(0, best[1]);
  });
  return success();
}
