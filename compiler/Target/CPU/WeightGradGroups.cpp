//===- WeightGradGroups.cpp - Gradients of many small groups' filters -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where groups are small (each channel a group of its own, say) a product of
// one group's filters by its taps fills few lanes. Here filters of neighbouring
// groups run along the lanes: a strip of images and of outputs' gradients is
// transposed so that what the lanes need for one place is a vector, and a chain
// for each tap stays in a register. The order of each sum is that of
// WeightGrad.cpp.
//===----------------------------------------------------------------------===//

#include "compiler/Target/CPU/Convolution.h"
#include "compiler/Target/CPU/TurnedStrip.h"

#include "dialects/Etch/ScalarExpr.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace etch;
using namespace etch::cpu;

/// What a strip of transposed images may take, in bytes, and what one row of
/// outputs may need at most.
constexpr int64_t kStrip = 96 << 10, kRow = 1 << 20;

namespace {

/// All but the batch is known.
struct Job {
  ExtentRef batch;
  int64_t groups, channels, filters; ///< of a group: channels, filters
  int64_t taps[2], extent[2], count[2], stride[2], pad[2], dilation[2];
  int64_t lanes, bytes;
  int64_t registers; ///< for sums

  int64_t window() const { return taps[0] * taps[1]; }
  int64_t tiles() const {
    return int64_t(llvm::divideCeil(groups * filters, lanes));
  }
  int64_t units() const { return tiles() * channels; }
  /// Source places that `outputs` neighbouring ones read along an axis.
  int64_t span(int axis, int64_t outputs) const {
    return (outputs - 1) * stride[axis] + (taps[axis] - 1) * dilation[axis] + 1;
  }
  int64_t pitch() const { return span(1, count[1]); }
  int64_t rowBytes(int64_t rows) const {
    return span(0, rows) * pitch() * lanes * bytes;
  }
  /// Output rows of a strip.
  int64_t stripRows() const {
    int64_t most = 1;
    while (most < count[0] && rowBytes(most + 1) <= kStrip)
      ++most;
    return int64_t(
        llvm::divideCeil(count[0], llvm::divideCeil(count[0], most)));
  }
  // Scratch memory; a transposed vector may reach behind the end.
  int64_t imageElements() const {
    return (span(0, stripRows()) * pitch() + lanes) * lanes;
  }
  int64_t outputElements() const {
    return (stripRows() * count[1] + lanes) * lanes;
  }
  int64_t sumElements() const { return window() * lanes; }
  int64_t scratch() const {
    return (imageElements() + outputElements() + 2 * sumElements()) * bytes;
  }

  bool bind(Kernel &k, Conv2dWeightGradOp op);
  bool isWorthIt() const;
};

class GroupedWeightGrad {
public:
  GroupedWeightGrad(Kernel &k, Conv2dWeightGradOp op, const Job &job)
      : k(k), e(k.e), op(op), job(job) {}
  void emit();

private:
  void emitUnit(Ix unit);
  SmallVector<Value> planesOf(const Buffer &buffer, Ix image, bool ofOutputs);
  void stage(Ix image, Ix firstRow, Ix rows);
  void addRow(Ix row, Ix firstPlace);
  void addPlaces(Ix row, Ix from, Ix to, int64_t firstTap, int64_t taps);
  void endBlock();
  void fill(Value target, Ix from, Ix to, double value);
  void finish();

  Kernel &k;
  Emit &e;
  Conv2dWeightGradOp op;
  Job job;
  Type element;
  const Buffer *images, *outputs;
  Value staged, gradients, block, total;
  Ix firstFilter, channel;
};

} // namespace

bool Job::bind(Kernel &k, Conv2dWeightGradOp op) {
  const Buffer *images = k.argumentBuffer(op.getX());
  const Buffer *outputs = k.argumentBuffer(op.getW());
  if (!images || !outputs || !images->dense || !outputs->dense)
    return false;
  Type element = images->element;
  batch = k.extentOf(op.getX(), 0);
  lanes = k.lanesOf(element);
  bytes = k.e.bytesOf(element);
  registers = k.options.vectorBits >= 512 ? 28 : 12;
  groups = int64_t(op.getGroups());
  ExtentRef known[] = {k.extentOf(op.getY(), 0), k.extentOf(op.getY(), 1),
                       k.extentOf(op.getY(), 2), k.extentOf(op.getY(), 3),
                       k.extentOf(op.getX(), 2), k.extentOf(op.getX(), 3),
                       k.extentOf(op.getW(), 2), k.extentOf(op.getW(), 3)};
  for (const ExtentRef &extent : known)
    if (extent.operand >= 0 || extent.known < 1)
      return false;
  filters = known[0].known / groups;
  channels = known[1].known;
  for (size_t i = 0; i < 2; ++i) {
    taps[i] = known[2 + i].known;
    extent[i] = known[4 + i].known;
    count[i] = known[6 + i].known;
    stride[i] = op.getStride()[i];
    pad[i] = op.getPad()[i];
    dilation[i] = op.getDilation()[i];
  }
  return true;
}

/// Cycles for a place of all groups. Here: a multiply-add for each tap, which
/// reads its number, and as many shuffles as vectors and stages of a
/// transposition. There: a multiply-add for each tap and channel, one after the
/// other where there are few, and rows to stage.
bool Job::isWorthIt() const {
  if (2 * filters > lanes || window() > 4 * registers || rowBytes(1) > kRow)
    return false;
  double shuffles = 1.5 * double(llvm::Log2_64(uint64_t(lanes)));
  double moved = 1 + double(stride[0] * stride[1]);
  double here = double(units()) *
                (std::max(4.0, double(window() + 1) / 2) + shuffles * moved);
  double rows = double(channels * window());
  double there = double(groups) *
                 (std::max(4.0, rows / 2) + double(channels * taps[0]) / 4);
  return here < there;
}

//===----------------------------------------------------------------------===//
// Strips
//===----------------------------------------------------------------------===//

/// Where the lanes' planes of an image begin. Behind the last filter: that one
/// again. Nobody looks at its sums.
SmallVector<Value> GroupedWeightGrad::planesOf(const Buffer &buffer, Ix image,
                                               bool ofOutputs) {
  Value base = e.at(buffer.pointer, e.mul(image, buffer.strides[0]), element);
  bool whole = job.groups * job.filters % job.lanes == 0;
  auto planeOf = [&](Ix filter) {
    if (ofOutputs)
      return filter;
    return e.add(e.mul(e.div(filter, job.filters), job.channels), channel);
  };
  SmallVector<Value> rows;
  if (whole && job.filters == 1) { // distances are known
    Value first =
        e.at(base, e.mul(planeOf(firstFilter), buffer.strides[1]), element);
    Ix step =
        ofOutputs ? buffer.strides[1] : e.mul(buffer.strides[1], job.channels);
    for (int64_t l = 0; l < job.lanes; ++l)
      rows.push_back(e.at(first, e.mul(step, l), element));
    return rows;
  }
  for (int64_t l = 0; l < job.lanes; ++l) {
    Ix filter = e.add(firstFilter, l);
    if (!whole)
      filter = e.min(filter, job.groups * job.filters - 1);
    rows.push_back(
        e.at(base, e.mul(planeOf(filter), buffer.strides[1]), element));
  }
  return rows;
}

void GroupedWeightGrad::fill(Value target, Ix from, Ix to, double value) {
  Value v = e.constant(element, value, job.lanes);
  e.loop(from, to, 1, [&](Ix i) {
    e.store(v, e.at(target, e.mul(i, job.lanes), element),
            Lanes{job.lanes, {}});
  });
}

void GroupedWeightGrad::stage(Ix image, Ix firstRow, Ix rows) {
  TurnedStrip strip;
  strip.element = element;
  strip.lanes = job.lanes;
  strip.planes = planesOf(*images, image, false);
  std::copy_n(job.extent, 2, strip.extent);
  strip.origin = e.sub(e.mul(firstRow, job.stride[0]), job.pad[0]);
  strip.rows = e.add(e.mul(e.sub(rows, 1), job.stride[0]), job.span(0, 1));
  strip.left = job.pad[1];
  strip.pitch = job.pitch();
  strip.target = staged;
  strip.emit(e);
  strip.planes = planesOf(*outputs, image, true);
  strip.turn(e, e.mul(firstRow, job.count[1]), e.mul(rows, job.count[1]),
             gradients);
}

//===----------------------------------------------------------------------===//
// Sums
//===----------------------------------------------------------------------===//

/// Continues the chains of some taps with places [from, to) of an output row.
void GroupedWeightGrad::addPlaces(Ix row, Ix from, Ix to, int64_t firstTap,
                                  int64_t taps) {
  int64_t lanes = job.lanes, pitch = job.pitch();
  Lanes all = {lanes, {}};
  auto sumOf = [&](int64_t n) {
    return e.at(block, (firstTap + n) * lanes, element);
  };
  SmallVector<Value> sums;
  for (int64_t n = 0; n < taps; ++n)
    sums.push_back(e.load(sumOf(n), 1, element, all));
  Value image =
      e.at(staged, e.mul(row, job.stride[0] * pitch * lanes), element);
  Value gradient = e.at(gradients, e.mul(row, job.count[1] * lanes), element);
  sums = e.loop(from, to, 1, sums, [&](Ix ow, ValueRange carried) {
    Value g =
        e.load(e.at(gradient, e.mul(ow, lanes), element), 1, element, all);
    Value place = e.at(image, e.mul(ow, job.stride[1] * lanes), element);
    SmallVector<Value> next;
    for (int64_t n = 0; n < taps; ++n) {
      int64_t tap = firstTap + n;
      int64_t at = tap / job.taps[1] * job.dilation[0] * pitch +
                   tap % job.taps[1] * job.dilation[1];
      Value x = e.load(e.at(place, at * lanes, element), 1, element, all);
      next.push_back(fma(ScalarExpr(e, e.loc, x), ScalarExpr(e, e.loc, g),
                         ScalarExpr(e, e.loc, carried[size_t(n)])));
    }
    return next;
  });
  for (int64_t n = 0; n < taps; ++n)
    e.store(sums[size_t(n)], sumOf(n), all);
}

/// An output row, cut where blocks of the chain end.
void GroupedWeightGrad::addRow(Ix row, Ix firstPlace) {
  int64_t width = job.count[1], window = job.window();
  int64_t parts = int64_t(llvm::divideCeil(window, job.registers));
  int64_t each = int64_t(llvm::divideCeil(window, parts));
  Ix first = e.div(firstPlace, kGemmBlock);
  Ix last = e.div(e.add(firstPlace, width - 1), kGemmBlock);
  e.loop(first, e.add(last, 1), 1, [&](Ix number) {
    Ix begin = e.mul(number, kGemmBlock);
    Ix end = e.add(begin, kGemmBlock);
    Ix from = e.max(e.sub(begin, firstPlace), 0);
    Ix to = e.min(e.sub(end, firstPlace), width);
    for (int64_t tap = 0; tap < window; tap += each)
      addPlaces(row, from, to, tap, std::min(each, window - tap));
    e.when(e.compare(arith::CmpIPredicate::eq, e.add(firstPlace, to), end),
           [&] { endBlock(); });
  });
}

/// Adds the block's chains to the sums of those before.
void GroupedWeightGrad::endBlock() {
  Lanes all = {job.lanes, {}};
  e.loop(0, job.window(), 1, [&](Ix tap) {
    Ix offset = e.mul(tap, job.lanes);
    Value into = e.at(total, offset, element);
    Value from = e.at(block, offset, element);
    ScalarExpr before(e, e.loc, e.load(into, 1, element, all));
    ScalarExpr own(e, e.loc, e.load(from, 1, element, all));
    e.store(before + own, into, all);
    e.store(e.constant(element, 0, job.lanes), from, all);
  });
}

void GroupedWeightGrad::finish() {
  const Buffer &result = k.buffers[k.resultBuffer(0)];
  int64_t lanes = job.lanes;
  Ix valid = e.min(lanes, e.sub(job.groups * job.filters, firstFilter));
  e.loop(0, valid, 1, [&](Ix lane) {
    Value from = e.at(total, lane, element);
    Ix row = e.add(e.mul(e.add(firstFilter, lane), result.strides[0]),
                   e.mul(channel, result.strides[1]));
    Value to = e.at(result.pointer, row, element);
    e.vectorLoop(0, job.window(), lanes, false, [&](Ix tap, Lanes covered) {
      Value v = e.load(e.at(from, e.mul(tap, lanes), element), lanes, element,
                       covered);
      e.store(v, e.at(to, tap, element), covered);
    });
  });
}

void GroupedWeightGrad::emitUnit(Ix unit) {
  channel = e.rem(unit, job.channels);
  firstFilter = e.mul(e.div(unit, job.channels), job.lanes);
  int64_t window = job.window();
  int64_t places = job.count[0] * job.count[1], strip = job.stripRows();
  // -0 and the first block are that block, exactly.
  fill(total, 0, window, -0.0);
  fill(block, 0, window, 0);
  Ix batch = job.batch.in(ArrayRef<Buffer>(k.buffers));
  e.loop(0, batch, 1, [&](Ix image) {
    e.loop(0, job.count[0], strip, [&](Ix firstRow) {
      Ix rows = job.count[0] % strip
                    ? e.min(strip, e.sub(job.count[0], firstRow))
                    : Ix(strip);
      stage(image, firstRow, rows);
      e.loop(0, rows, 1, [&](Ix row) {
        addRow(row, e.add(e.mul(image, places),
                          e.mul(e.add(firstRow, row), job.count[1])));
      });
    });
  });
  // The last, partial block; the only one of an empty batch.
  Ix chain = e.mul(batch, places);
  Value partial =
      e.compare(arith::CmpIPredicate::ne, e.rem(chain, kGemmBlock), 0);
  Value empty = e.compare(arith::CmpIPredicate::eq, chain, 0);
  e.when(e.make<arith::OrIOp>(partial, empty), [&] { endBlock(); });
  finish();
}

void GroupedWeightGrad::emit() {
  images = k.argumentBuffer(op.getX());
  outputs = k.argumentBuffer(op.getW());
  element = images->element;
  staged = k.scratch();
  gradients = e.atByte(staged, job.imageElements() * job.bytes);
  block = e.atByte(gradients, job.outputElements() * job.bytes);
  total = e.atByte(block, job.sumElements() * job.bytes);
  e.loop(Ix(k.begin), Ix(k.end), 1, [&](Ix unit) { emitUnit(unit); });

  k.work = [job = job](Emit &e, ArrayRef<Extents> shapes) {
    Ix places = e.mul(job.batch.in(shapes), job.count[0] * job.count[1]);
    Work work;
    work.count = job.units();
    // A multiply-add on vectors is about a simple operation.
    Ix unit = e.mul(places, job.window() + 16);
    work.cost = e.mul(unit, job.units());
    work.grain = e.max(e.div(kGrainCost, e.max(unit, 1)), 1);
    return work;
  };
  k.scratchBytes = [job = job](Emit &, ArrayRef<Extents>) {
    return Ix(job.scratch());
  };
}

bool etch::cpu::emitGroupedWeightGrad(Kernel &k, Conv2dWeightGradOp op) {
  Job job;
  if (!job.bind(k, op) || !job.isWorthIt())
    return false;
  GroupedWeightGrad(k, op, job).emit();
  return true;
}
