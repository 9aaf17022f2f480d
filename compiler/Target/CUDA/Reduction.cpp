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
// Of extents that the launch gives, it also chooses: neighbours of a warp lie
// along the axis where `inner` is 1, and long sums go over two stages.
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

/// How sums are spread over threads. What extents of the launch decide is
/// decided there, and again in the kernel.
struct Layout {
  int64_t columns = 1;           ///< width x groups
  int64_t mostWidth = 1;         ///< powers of two, both
  int oneBlock = 0;              ///< of 4096; -1: known at the launch
  int twoStages = 0;             ///< the same
  std::array<ExtentRef, 3> refs; ///< outer, extent, inner

  int64_t threads() const { return columns * kLanes; }
  template <class Operands> Ix width(Emit &e, Operands x) const {
    Ix inner = refs[2].in(x);
    if (inner.isKnown())
      return mostWidth;
    return e.select(e.compare(arith::CmpIPredicate::eq, inner, 1), 1,
                    mostWidth);
  }
  template <class Operands> Ix groups(Emit &e, Operands x) const {
    return e.div(columns, width(e, x));
  }
  template <class Operands> Ix units(Emit &e, Operands x) const {
    return e.mul(refs[0].in(x), roundsOf(e, refs[2].in(x), width(e, x)));
  }
  template <class Operands> Ix numBlocks(Emit &e, Operands x) const {
    return e.ceilDiv(refs[1].in(x), kBlock);
  }
  template <class Operands> Value isOneBlock(Emit &e, Operands x) const {
    return e.compare(arith::CmpIPredicate::ule, refs[1].in(x), kBlock);
  }
  static Ix roundsOf(Emit &e, Ix count, Ix each) {
    return e.div(e.add(count, e.sub(each, 1)), each);
  }
  /// Blocks of threads where groups take different sums.
  template <class Operands> Ix shared(Emit &e, Operands x) const {
    return roundsOf(e, units(e, x), groups(e, x));
  }
  /// Of the stage that does everything.
  template <class Operands> Ix blocks(Emit &e, Operands x) const {
    if (oneBlock == 1)
      return shared(e, x);
    Ix own = units(e, x);
    return oneBlock == 0 ? own : e.select(isOneBlock(e, x), shared(e, x), own);
  }
  /// Of the first one of two.
  template <class Operands> Ix chunks(Emit &e, Operands x) const {
    return e.mul(units(e, x), roundsOf(e, numBlocks(e, x), groups(e, x)));
  }
  /// `count` if the launch goes over two stages, or if not; otherwise 0.
  template <class Operands>
  Ix when(Emit &e, Operands x, bool two, Ix count) const {
    if (twoStages >= 0)
      return count;
    Value few = e.compare(arith::CmpIPredicate::ult, units(e, x), kFewSums);
    Value many =
        e.compare(arith::CmpIPredicate::ugt, numBlocks(e, x), groups(e, x));
    Value both = e.make<arith::AndIOp>(few, many);
    return two ? e.select(both, count, 0) : e.select(both, 0, count);
  }
  /// Fewer blocks of threads leave a device without work.
  static constexpr int64_t kFewSums = 128;
};

/// The code of one stage.
class Sums {
public:
  Sums(Kernel &k, const Layout &layout)
      : k(k), e(k.e), layout(layout), outer(layout.refs[0].in(k.buffers)),
        extent(layout.refs[1].in(k.buffers)),
        inner(layout.refs[2].in(k.buffers)),
        width(layout.width(e, ArrayRef<Buffer>(k.buffers))),
        groups(layout.groups(e, ArrayRef<Buffer>(k.buffers))),
        along(k, {outer, extent, inner}, {0, 1, 2}),
        after(k, {outer, extent, inner}, {0, 2}) {
    thread = k.thread();
    column = e.rem(thread, width);
    lane = e.rem(e.div(thread, width), kLanes);
    group = e.div(thread, e.mul(width, kLanes));
  }

  /// `first`: elements are read, `last`: sums are used.
  LogicalResult collect(bool first, bool last);
  void whole();
  void firstStage();
  void lastStage();

private:
  void locate(Ix unitIndex);
  SmallVector<Value> identities();
  SmallVector<Value> chains(Ix from);
  SmallVector<Value> exchanged(ValueRange before, ValueRange next);
  void finish(SmallVector<Value> totals, Value writes);
  Value partial(Ix number, unsigned reduction);

  Kernel &k;
  Emit &e;
  const Layout &layout;
  Ix outer, extent, inner, width, groups;
  Evaluator along, after;
  SmallVector<Combiner> combiners;
  SmallVector<Operation *> reductions;
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
    if (failed(
            (full ? along : after).write(result, k.resultBuffer(unsigned(n)))))
      return failure();
  }
  for (const Combiner &combiner : combiners)
    memory.push_back(k.shared(combiner.element, layout.threads()));
  return success();
}

void Sums::locate(Ix unitIndex) {
  unit = unitIndex;
  Ix strips = Layout::roundsOf(e, inner, width);
  Ix units = e.mul(outer, strips);
  o = e.div(unit, strips);
  i = e.add(e.mul(e.rem(unit, strips), width), column);
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
                  SmallVector<Value> next;
                  for (Operation *op : reductions)
                    next.push_back(along.get(op->getOperand(0)));
                  along.store();
                  for (auto [n, c] : llvm::enumerate(combiners))
                    next[n] = c.combine(e, carried[n], next[n]);
                  return next;
                });
}

/// The lanes combine as halves: those of a sum in one thread, which goes on
/// with the result if it `writes`.
void Sums::finish(SmallVector<Value> totals, Value writes) {
  for (auto [n, total] : llvm::enumerate(totals))
    k.store(total, memory[n], thread);
  k.barrier();
  Value first = e.compare(arith::CmpIPredicate::eq, lane, 0);
  first = e.make<arith::AndIOp>(first, active);
  if (writes)
    first = e.make<arith::AndIOp>(first, writes);
  e.when(first, [&] {
    after.enter({o, Ix(0), i}, -1);
    after.point(0, Lanes());
    for (auto [n, op] : llvm::enumerate(reductions)) {
      const Combiner &c = combiners[n];
      SmallVector<Value> lanes;
      for (int64_t l = 0; l < kLanes; ++l)
        lanes.push_back(
            k.load(memory[n], e.add(thread, e.mul(width, l)), c.element));
      for (int64_t half = kLanes / 2; half >= 1; half /= 2)
        for (int64_t l = 0; l < half; ++l)
          lanes[size_t(l)] =
              c.combine(e, lanes[size_t(l)], lanes[size_t(l + half)]);
      after.give(op->getResult(0), c.orEmpty(e, extent, lanes[0]));
    }
    after.store();
  });
}

/// The sums so far and those of the blocks that all groups have next.
SmallVector<Value> Sums::exchanged(ValueRange before, ValueRange next) {
  for (auto [n, value] : llvm::enumerate(next))
    k.store(value, memory[n], thread);
  k.barrier();
  Ix perGroup = e.mul(width, kLanes), inGroup = e.rem(thread, perGroup);
  auto add = [&](Ix g, ValueRange before) {
    SmallVector<Value> sums;
    for (auto [n, c] : llvm::enumerate(combiners))
      sums.push_back(c.combine(
          e, before[n],
          k.load(memory[n], e.add(inGroup, e.mul(g, perGroup)), c.element)));
    return sums;
  };
  SmallVector<Value> sums(before);
  if (groups.isKnown())
    for (int64_t g = 0; g < groups.known; ++g)
      sums = add(g, sums);
  else
    sums = e.loop(0, groups, 1, sums, add);
  k.barrier();
  return sums;
}

/// One stage: chains, their sums, what follows.
void Sums::whole() {
  Ix several = e.add(e.mul(k.block(), groups), group);
  if (layout.oneBlock == 1) {
    locate(several);
    return finish(chains(0), {});
  }
  Value single;
  Ix share = group, step = e.mul(groups, kBlock);
  if (layout.oneBlock < 0) {
    single = layout.isOneBlock(e, ArrayRef<Buffer>(k.buffers));
    locate(e.select(single, several, k.block()));
    share = e.select(single, 0, share);
  } else {
    locate(k.block());
  }
  auto plain = [&](ValueRange before, ValueRange next) {
    SmallVector<Value> sums;
    for (auto [n, c] : llvm::enumerate(combiners))
      sums.push_back(c.combine(e, before[n], next[n]));
    return sums;
  };
  SmallVector<Value> totals = e.loop(
      0, Layout::roundsOf(e, extent, step), 1, identities(),
      [&](Ix round, ValueRange before) {
        Ix from = e.add(e.mul(round, step), e.mul(share, kBlock));
        SmallVector<Value> next = chains(from);
        if (groups.is(1))
          return plain(before, next);
        if (!single)
          return exchanged(before, next);
        auto branch =
            e.make<scf::IfOp>(ValueRange(next).getTypes(), single, true);
        auto fill = [&](Block *block, auto part) {
          OpBuilder::InsertionGuard guard(e);
          e.setInsertionPointToStart(block);
          e.make<scf::YieldOp>(part());
        };
        fill(branch.thenBlock(), [&] { return plain(before, next); });
        fill(branch.elseBlock(), [&] { return exchanged(before, next); });
        return SmallVector<Value>(branch.getResults());
      });
  Value writes = e.compare(arith::CmpIPredicate::eq, share, 0);
  finish(totals, groups.is(1) ? Value() : writes);
}

/// Where a lane of a block of 4096 waits for the second stage.
Value Sums::partial(Ix number, unsigned reduction) {
  Ix numBlocks = layout.numBlocks(e, ArrayRef<Buffer>(k.buffers));
  Ix perSum = e.mul(width, kLanes);
  Ix inGroup = e.add(e.mul(lane, width), column);
  Ix place =
      e.add(e.mul(e.add(e.mul(unit, numBlocks), number), perSum), inGroup);
  Ix units = e.mul(outer, Layout::roundsOf(e, inner, width));
  Ix all = e.mul(e.mul(units, numBlocks), perSum);
  return e.atByte(k.scratch(),
                  e.mul(e.add(e.mul(all, int64_t(reduction)), place), 8));
}

void Sums::firstStage() {
  Ix numBlocks = layout.numBlocks(e, ArrayRef<Buffer>(k.buffers));
  Ix rounds = Layout::roundsOf(e, numBlocks, groups);
  locate(e.div(k.block(), rounds));
  Ix number = e.add(e.mul(e.rem(k.block(), rounds), groups), group);
  SmallVector<Value> next = chains(e.mul(number, kBlock));
  Value there = e.compare(arith::CmpIPredicate::ult, number, numBlocks);
  e.when(there, [&] {
    for (auto [n, value] : llvm::enumerate(next))
      e.storeRaw(value, partial(number, unsigned(n)), 0);
  });
}

/// Groups take different sums.
void Sums::lastStage() {
  locate(e.add(e.mul(k.block(), groups), group));
  Ix end = layout.numBlocks(e, ArrayRef<Buffer>(k.buffers));
  end = e.select(active, end, 0);
  finish(e.loop(0, end, 1, identities(),
                [&](Ix number, ValueRange before) {
                  SmallVector<Value> sums;
                  for (auto [n, c] : llvm::enumerate(combiners))
                    sums.push_back(c.combine(
                        e, before[n],
                        e.loadRaw(c.element, partial(number, unsigned(n)), 0)));
                  return sums;
                }),
         {});
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
  int64_t width =
      inner < 0 ? 16
                : std::min<int64_t>(
                      32, llvm::PowerOf2Ceil(std::max<int64_t>(inner, 1)));
  layout.oneBlock = extent < 0 ? -1 : extent <= kBlock;
  int64_t threads = layout.oneBlock ? 256 : 512;
  // What all reductions keep in shared memory is 48 KB at most.
  while (numReductions * threads * 8 > 48 << 10 && threads > kLanes)
    threads /= 2;
  layout.columns = std::max<int64_t>(threads / kLanes, 1);
  layout.mostWidth = std::min(width, layout.columns);
  if (layout.oneBlock == 1)
    return layout;
  int64_t groups = layout.columns / layout.mostWidth;
  layout.twoStages = -1;
  if (outer >= 0 && inner >= 0 && extent >= 0)
    layout.twoStages =
        outer > 0 && inner > 0 && extent > 0 &&
        outer * llvm::divideCeil(inner, layout.mostWidth) < Layout::kFewSums &&
        int64_t(llvm::divideCeil(extent, kBlock)) > groups;
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
  auto write = [&](bool firstPart, bool lastPart, auto body) {
    return [&k, &layout, firstPart, lastPart, body] {
      Sums sums(k, layout);
      if (failed(sums.collect(firstPart, lastPart)))
        return k.fail();
      (sums.*body)();
    };
  };
  using Shapes = ArrayRef<Extents>;
  if (layout.twoStages < 1)
    k.stage(
        layout.threads(),
        [layout](Emit &e, Shapes x) {
          return layout.when(e, x, false, layout.blocks(e, x));
        },
        write(true, true, &Sums::whole));
  if (layout.twoStages == 0)
    return success();
  k.stage(
      layout.threads(),
      [layout](Emit &e, Shapes x) {
        return layout.when(e, x, true, layout.chunks(e, x));
      },
      write(true, false, &Sums::firstStage));
  k.stage(
      layout.threads(),
      [layout](Emit &e, Shapes x) {
        return layout.when(e, x, true, layout.shared(e, x));
      },
      write(false, true, &Sums::lastStage));
  int64_t count = int64_t(reductions.size());
  k.scratchBytes = [layout, count](Emit &e, Shapes x) {
    Ix chains = e.mul(layout.units(e, x), layout.numBlocks(e, x));
    Ix bytes = e.mul(e.mul(chains, layout.width(e, x)), 8 * kLanes * count);
    return layout.when(e, x, true, bytes);
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
    if (failed(out.writeResults(op.getResult())))
      return k.fail();
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
    out.storeAt({o, Ix(0), i}, op.getResult(), best[1]);
  });
  return success();
}
