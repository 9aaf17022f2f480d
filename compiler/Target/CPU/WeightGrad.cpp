//===- WeightGrad.cpp - conv2d's gradient in the filters ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A product of outputs' gradients, columns of which are filters, by windows of
// the images, whose rows are taps. K runs over all output places of the batch.
// A unit of work is one tile of the result with all of K: for each block it
// stages the image rows under the block's output rows, once for each row of
// taps, and packs the gradients. Every tap then finds its numbers at an offset
// of its own.
//===----------------------------------------------------------------------===//

#include "compiler/Target/CPU/Convolution.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace etch;
using namespace etch::cpu;

/// About as many filters make a tile of the result.
static constexpr int64_t kFilters = 128;

namespace {

struct Numbers {
  Ix batch, channels, filters; ///< of one group
  WindowAxis axis[2];
};

/// How the work is cut; the bits of the result do not depend on it.
struct Cut {
  Ix classes, place, row, tap, channel; ///< staged: distances in elements
  Ix chain, channelTile, channelTiles, columnTile, columnTiles;
  Ix units, rowBytes, stepBytes, stagedBytes, packedBytes, bytes;
};

/// What the op says and how its registers are used.
struct Job {
  int64_t stride[2], pad[2], dilation[2], groups;
  ExtentRef refs[9]; ///< batch, filters, channels, taps, images, outputs
  RegisterTile tile;
  int64_t channelStep = 1; ///< channels of a tile are a multiple of it
  int64_t bytes;           ///< of an element

  template <class From> Numbers numbers(Emit &e, const From &from) const {
    Numbers n;
    n.batch = refs[0].in(from);
    n.filters = e.div(refs[1].in(from), groups);
    n.channels = refs[2].in(from);
    for (int i = 0; i < 2; ++i)
      n.axis[i] = {refs[5 + i].in(from),
                   refs[7 + i].in(from),
                   refs[3 + i].in(from),
                   pad[i],
                   stride[i],
                   dilation[i]};
    return n;
  }
  Cut cut(Emit &e, const Numbers &x) const;
};

class WeightGrad {
public:
  WeightGrad(Kernel &k, Conv2dWeightGradOp op) : k(k), e(k.e), op(op) {}
  LogicalResult emit();

private:
  LogicalResult bind();
  void chooseTile();
  void emitUnit(Ix unit);
  void fillRows(Ix rows);
  void stage(Ix from, Ix depth, Ix firstChannel, Ix channels);
  void pack(Ix from, Ix depth, Ix firstFilter, Ix filters);
  int64_t lastFilters() const;
  void multiply(Ix rows, Ix filters, Ix depth, Ix from);
  void finish(Ix firstFilter, Ix filters, Ix firstRow, Ix rows);

  Kernel &k;
  Emit &e;
  Conv2dWeightGradOp op;
  Type element;
  Job job;
  const Buffer *images, *outputs;
  Numbers x;
  Cut c;
  Ix taps, places;      ///< of a window, of an output image
  bool regular = false; ///< rows of all register tiles lie alike
  Value rowTable, steps, staged, packed, sums;
};

} // namespace

LogicalResult WeightGrad::bind() {
  images = k.argumentBuffer(op.getX());
  outputs = k.argumentBuffer(op.getW());
  if (!images || !outputs)
    return op.emitError("operands of a convolution in a kernel are its "
                        "arguments");
  element = images->element;
  job.bytes = e.bytesOf(element);
  for (size_t i = 0; i < 2; ++i) {
    job.stride[i] = op.getStride()[i];
    job.pad[i] = op.getPad()[i];
    job.dilation[i] = op.getDilation()[i];
  }
  job.groups = int64_t(op.getGroups());
  job.refs[0] = k.extentOf(op.getX(), 0);
  for (unsigned i = 0; i < 4; ++i)
    job.refs[1 + i] = k.extentOf(op.getY(), i);
  for (unsigned i = 0; i < 2; ++i) {
    job.refs[5 + i] = k.extentOf(op.getX(), 2 + i);
    job.refs[7 + i] = k.extentOf(op.getW(), 2 + i);
  }
  x = job.numbers(e, ArrayRef<Buffer>(k.buffers));
  taps = e.mul(x.axis[0].taps, x.axis[1].taps);
  places = e.mul(x.axis[0].count, x.axis[1].count);
  return success();
}

/// The largest divisor of n up to `most`.
static int64_t divisor(int64_t n, int64_t most) {
  for (int64_t d = std::min(n, most); d > 1; --d)
    if (n % d == 0)
      return d;
  return 1;
}

/// Rows of a register tile: whole windows, or whole rows of one, so that their
/// distances are the same everywhere.
void WeightGrad::chooseTile() {
  bool many = k.options.vectorBits >= 512; // registers
  int64_t most = many ? 14 : 6;
  RegisterTile &tile = job.tile;
  tile.element = element;
  tile.lanes = k.lanesOf(element);
  tile.vectors = 2;
  tile.rows = many ? 8 : 6;
  Ix height = x.axis[0].taps, width = x.axis[1].taps;
  if (taps.isKnown() && taps.known > 0 && x.channels.isKnown()) {
    regular = true;
    if (taps.known <= most) {
      job.channelStep =
          divisor(std::max<int64_t>(x.channels.known, 1), most / taps.known);
      tile.rows = job.channelStep * taps.known;
    } else if (width.known <= most) {
      tile.rows = width.known * divisor(height.known, most / width.known);
    } else {
      tile.rows = divisor(width.known, most);
    }
  }
  if (x.filters.isKnown() && x.filters.known <= tile.lanes) {
    tile.vectors = 1;
    tile.lanes =
        int64_t(llvm::PowerOf2Ceil(std::max<int64_t>(x.filters.known, 1)));
  } else if (tile.rows <= 3) {
    tile.vectors = 4;
  }
}

Cut Job::cut(Emit &e, const Numbers &x) const {
  Cut c;
  const WindowAxis &h = x.axis[0], &w = x.axis[1];
  // Staged memory is (channels, taps along H, output rows, classes, places).
  c.classes = w.classes(e);
  c.place = e.add(w.count, w.largestShift(e));
  c.row = e.mul(c.classes, c.place);
  Ix width = e.max(w.count, 1);
  Ix outputRows = e.add(e.div(e.add(width, kGemmBlock - 2), width), 1);
  c.tap = e.mul(outputRows, c.row);
  c.channel = e.mul(h.taps, c.tap);
  c.chain = e.mul(x.batch, e.mul(h.count, w.count));
  // Filters of a tile: each tile stages the images anew, so that a few too many
  // for one do not make two.
  int64_t nr = tile.columns(), most = std::max<int64_t>(kFilters / nr, 1) * nr;
  Ix tiles = e.max(e.div(e.add(x.filters, most / 2), most), 1);
  c.columnTile = e.max(e.roundUp(ceilDivBy(e, x.filters, tiles), nr), nr);
  c.columnTiles = ceilDivBy(e, x.filters, c.columnTile);
  // Sums stay in the cache, and there is work for several threads.
  Ix taps = e.max(e.mul(h.taps, w.taps), 1);
  Ix wanted = ceilDivBy(e, 4, e.max(e.mul(c.columnTiles, groups), 1));
  Ix fitting = e.div((1 << 19) / bytes, e.mul(taps, c.columnTile));
  c.channelTile =
      e.min(e.roundUp(ceilDivBy(e, x.channels, wanted), channelStep),
            e.mul(e.div(fitting, channelStep), channelStep));
  c.channelTile = e.max(c.channelTile, channelStep);
  c.channelTiles = ceilDivBy(e, x.channels, c.channelTile);
  c.units = e.mul(e.mul(c.channelTiles, c.columnTiles), groups);
  Ix rows = e.roundUp(e.mul(c.channelTile, taps), tile.rows);
  auto aligned = [&](Ix elements, int64_t size) {
    return e.roundUp(e.mul(e.add(elements, 64), size), 64);
  };
  c.rowBytes = aligned(rows, 8);
  c.stepBytes = aligned(kGemmBlock, 8);
  c.stagedBytes = aligned(e.mul(c.channelTile, c.channel), bytes);
  c.packedBytes = aligned(e.mul(c.columnTile, kGemmBlock + 16), bytes);
  c.bytes = e.add(e.add(e.add(c.rowBytes, c.stepBytes),
                        e.add(c.stagedBytes, c.packedBytes)),
                  aligned(e.mul(rows, c.columnTile), bytes));
  return c;
}

//===----------------------------------------------------------------------===//
// Units
//===----------------------------------------------------------------------===//

/// Where the taps (channel, kh, kw) find their numbers in staged memory.
void WeightGrad::fillRows(Ix channels) {
  const WindowAxis &h = x.axis[0], &w = x.axis[1];
  e.loop(0, channels, 1, [&](Ix channel) {
    e.loop(0, h.taps, 1, [&](Ix i) {
      e.loop(0, w.taps, 1, [&](Ix j) {
        Ix offset =
            e.add(e.add(e.mul(channel, c.channel), e.mul(i, c.tap)),
                  e.add(e.mul(w.classOf(e, j), c.place), w.shift(e, j)));
        Ix number = e.add(e.mul(e.add(e.mul(channel, h.taps), i), w.taps), j);
        e.storeRaw(e.value(offset), e.at(rowTable, number, e.getI64Type()), 8);
      });
    });
  });
}

/// The image rows under the output places from, from + 1, … and where each
/// place begins in them.
void WeightGrad::stage(Ix from, Ix depth, Ix firstChannel, Ix channels) {
  const WindowAxis &h = x.axis[0], &w = x.axis[1];
  const auto &strides = images->strides;
  Ix firstRow = e.div(from, w.count), to = e.add(from, depth);
  Ix rows = e.sub(ceilDivBy(e, to, w.count), firstRow);
  e.loop(0, rows, 1, [&](Ix slot) {
    Ix row = e.add(firstRow, slot);
    Ix image = e.div(row, h.count), oh = e.rem(row, h.count);
    Ix begin = e.mul(row, w.count);
    Ix first = e.sub(e.max(begin, from), begin);
    Ix last = e.sub(e.min(e.add(begin, w.count), to), begin);
    Ix entry = e.sub(begin, from), offset = e.mul(slot, c.row);
    e.loop(first, last, 1, [&](Ix ow) {
      e.storeRaw(e.value(e.add(offset, ow)),
                 e.at(steps, e.add(entry, ow), e.getI64Type()), 8);
    });
    Value ofImage =
        e.at(images->pointer,
             e.add(e.mul(image, strides[0]), e.mul(firstChannel, strides[1])),
             element);
    e.loop(0, channels, 1, [&](Ix channel) {
      Value ofChannel = e.at(ofImage, e.mul(channel, strides[1]), element);
      Value target =
          e.at(staged, e.add(e.mul(channel, c.channel), offset), element);
      e.loop(0, h.taps, 1, [&](Ix tap) {
        Ix place =
            e.sub(e.add(e.mul(oh, h.stride), e.mul(tap, h.dilation)), h.pad);
        StagedRow staging;
        staging.isInside =
            e.compare(arith::CmpIPredicate::ult, place, h.extent);
        staging.source = e.at(ofChannel, e.mul(place, strides[2]), element);
        staging.sourceStride = strides[3];
        staging.step = w.stride;
        staging.extent = w.extent;
        staging.count = c.place;
        staging.element = element;
        // A row's end may be the start of one that is there already.
        staging.exact = true;
        Value ofTap = e.at(target, e.mul(tap, c.tap), element);
        e.loop(0, c.classes, 1, [&](Ix number) {
          StagedRow part = staging;
          part.origin = w.origin(e, number);
          part.target = e.at(ofTap, e.mul(number, c.place), element);
          emitStagedRow(e, part, k.lanesOf(element));
        });
      });
    });
  });
}

/// The gradients of the filters' outputs as panels, image after image.
void WeightGrad::pack(Ix from, Ix depth, Ix firstFilter, Ix filters) {
  int64_t nr = job.tile.columns();
  const auto &strides = outputs->strides;
  Ix firstImage = e.div(from, places), to = e.add(from, depth);
  Ix images = ceilDivBy(e, to, places);
  e.loop(0, filters, nr, [&](Ix column) {
    Value target = e.at(packed, e.mul(column, kGemmBlock + 16), element);
    e.loop(firstImage, images, 1, [&](Ix image) {
      Ix begin = e.mul(image, places);
      Ix first = e.max(begin, from), last = e.min(e.add(begin, places), to);
      Panel panel;
      panel.source =
          e.at(outputs->pointer,
               e.add(e.mul(image, strides[0]),
                     e.add(e.mul(e.add(firstFilter, column), strides[1]),
                           e.mul(e.sub(first, begin), strides[3]))),
               element);
      panel.rowStride = strides[1];
      panel.depthStride = strides[3];
      panel.element = element;
      panel.width = panel.paddedWidth = nr;
      panel.valid = x.filters.isKnown() && x.filters.known % nr == 0
                        ? Ix(nr)
                        : e.min(nr, e.sub(filters, column));
      panel.depth = e.sub(last, first);
      panel.target = e.at(target, e.mul(e.sub(first, from), nr), element);
      emitPack(e, panel, k.lanesOf(element), k.options.vectorBits >= 512);
    });
  });
}

/// Filters of the last panel, where they leave a vector of it empty, else 0.
int64_t WeightGrad::lastFilters() const {
  int64_t nr = job.tile.columns();
  int64_t tail = x.filters.isKnown() ? x.filters.known % nr : 0;
  return tail <= nr - job.tile.lanes ? tail : 0;
}

void WeightGrad::multiply(Ix rows, Ix filters, Ix depth, Ix from) {
  const RegisterTile &tile = job.tile;
  int64_t nr = tile.columns(), tail = lastFilters();
  auto panel = [&](Ix column, int64_t vectors) {
    e.loop(0, rows, tile.rows, [&](Ix row) {
      RegisterTile t = tile;
      t.vectors = vectors;
      t.left = staged;
      t.leftSteps = steps;
      t.right = e.at(packed, e.mul(column, kGemmBlock + 16), element);
      t.rightStride = tile.columns();
      auto entry = [&](Ix r) {
        return Ix(
            e.loadRaw(e.getI64Type(), e.at(rowTable, r, e.getI64Type()), 8));
      };
      if (regular)
        t.left = e.at(staged, entry(row), element);
      const WindowAxis &h = x.axis[0], &w = x.axis[1];
      for (int64_t r = 0; r < tile.rows; ++r) {
        if (!regular) {
          t.rowOffsets.push_back(entry(e.min(e.add(row, r), e.sub(rows, 1))));
          continue;
        }
        // As fillRows; a tile begins with a window, or a row of one, or in one
        // row, where taps of all classes must lie alike.
        Ix i = e.rem(e.div(r, w.taps), h.taps), j = e.rem(r, w.taps);
        t.rowOffsets.push_back(
            e.add(e.add(e.mul(e.div(r, taps), c.channel), e.mul(i, c.tap)),
                  e.add(e.mul(w.classOf(e, j), c.place), w.shift(e, j))));
      }
      SmallVector<Value> products = t.emit(e, depth);
      t.addTo(e, e.at(sums, e.add(e.mul(row, c.columnTile), column), element),
              c.columnTile, products, from);
    });
  };
  Ix whole = tail ? e.mul(e.div(filters, nr), nr) : filters;
  e.loop(0, whole, nr, [&](Ix column) { panel(column, tile.vectors); });
  if (tail)
    e.loop(whole, filters, nr, [&](Ix column) {
      panel(column, llvm::divideCeil(tail, tile.lanes));
    });
}

void WeightGrad::finish(Ix firstFilter, Ix filters, Ix firstRow, Ix rows) {
  const Buffer &result = k.buffers[k.resultBuffer(0)];
  e.loop(0, filters, 1, [&](Ix filter) {
    Value from = e.at(sums, filter, element);
    Value to = e.at(
        result.pointer,
        e.add(e.mul(e.add(firstFilter, filter), result.strides[0]), firstRow),
        element);
    int64_t lanes = k.lanesOf(element);
    e.vectorLoop(0, rows, lanes, false, [&](Ix row, Lanes covered) {
      Value v = e.load(e.at(from, e.mul(row, c.columnTile), element),
                       c.columnTile, element, covered);
      e.store(v, e.at(to, row, element), covered);
    });
  });
}

void WeightGrad::emitUnit(Ix unit) {
  auto next = [&](Ix count) {
    count = e.max(count, 1);
    Ix own = e.rem(unit, count);
    unit = e.div(unit, count);
    return own;
  };
  Ix channelTile = next(c.channelTiles), columnTile = next(c.columnTiles);
  Ix group = unit;
  Ix channel = e.mul(channelTile, c.channelTile);
  Ix channels = e.min(c.channelTile, e.sub(x.channels, channel));
  Ix filter = e.mul(columnTile, c.columnTile);
  Ix filters = e.min(c.columnTile, e.sub(x.filters, filter));
  Ix firstFilter = e.add(e.mul(group, x.filters), filter);
  Ix rows = e.mul(channels, taps);
  fillRows(channels);
  e.loop(0, e.max(c.chain, 1), kGemmBlock, [&](Ix from) {
    Ix depth = e.min(kGemmBlock, e.sub(c.chain, from));
    auto block = [&] {
      stage(from, depth, e.add(e.mul(group, x.channels), channel), channels);
      pack(from, depth, firstFilter, filters);
    };
    if (c.chain.isKnown())
      c.chain.known ? block() : void();
    else // an empty batch has no places to divide by
      e.when(e.compare(arith::CmpIPredicate::sgt, depth, 0), block);
    multiply(rows, filters, depth, from);
  });
  finish(firstFilter, filters, e.mul(channel, taps), rows);
}

LogicalResult WeightGrad::emit() {
  if (failed(bind()))
    return failure();
  chooseTile();
  c = job.cut(e, x);
  // Tiles within one row of taps: its classes lie apart.
  if (x.axis[1].taps.isKnown() && job.tile.rows < x.axis[1].taps.known &&
      !c.classes.is(1))
    regular = false;
  Value scratch = k.scratch();
  rowTable = scratch;
  steps = e.atByte(rowTable, c.rowBytes);
  staged = e.atByte(steps, c.stepBytes);
  packed = e.atByte(staged, c.stagedBytes);
  sums = e.atByte(packed, c.packedBytes);
  e.loop(Ix(k.begin), Ix(k.end), 1, [&](Ix unit) { emitUnit(unit); });

  k.work = [job = job](Emit &e, ArrayRef<Extents> shapes) {
    Numbers x = job.numbers(e, shapes);
    Cut c = job.cut(e, x);
    Ix taps = e.mul(x.axis[0].taps, x.axis[1].taps);
    Ix each = e.mul(e.mul(c.channelTile, taps), c.columnTile);
    Ix unit = e.div(e.mul(each, e.add(c.chain, 4)), 16);
    Work work;
    work.count = c.units;
    work.cost = e.mul(e.mul(unit, c.units), 4);
    work.grain = e.max(e.div(kGrainCost, e.max(unit, 1)), 1);
    return work;
  };
  k.scratchBytes = [job = job](Emit &e, ArrayRef<Extents> shapes) {
    return job.cut(e, job.numbers(e, shapes)).bytes;
  };
  return success();
}

LogicalResult etch::cpu::emitWeightGrad(Kernel &k, Conv2dWeightGradOp op) {
  if (emitGroupedWeightGrad(k, op))
    return success();
  return WeightGrad(k, op).emit();
}
