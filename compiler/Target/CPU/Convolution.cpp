//===- Convolution.cpp - conv2d and its gradient in the images ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Both correlate a source with filters. A unit of work is a strip of output
// rows of one image and group, for some channels. The part of the source under
// the strip is staged, padding included, so that every tap finds the vector of
// neighbouring outputs at an offset of its own: the matrix that the product
// would multiply by is never made. Rows of staged memory follow one another
// without regard to where output rows end; what is computed in between is not
// stored.
//
// Where that would be too much, or where filters are larger than the caches, a
// unit takes some images at once and packs the places that a few vectors of
// outputs need for a block of K: a panel that lives as long as the filters pass
// by.
//
// The gradient in the images of stride s consists of s * s correlations of
// stride 1, one for each residue of the places; each has its own taps. A unit
// does those of a row, if vectors can be made of their results.
//===----------------------------------------------------------------------===//

#include "compiler/Target/CPU/ConvolutionCut.h"
#include "compiler/Target/CPU/Winograd.h"

#include "compiler/Target/Kernel/Evaluator.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace etch;
using namespace etch::cpu;
using namespace etch::cpu::correlation;

namespace {

/// One axis of one unit.
struct UnitAxis {
  Ix pad, count, taps;
  Ix firstTap, tapStep = 1; ///< of the filter
  Ix start;                 ///< result place of output 0
};

class Correlation {
public:
  Correlation(Kernel &k, Operation *op) : k(k), e(k.e), op(op) {}
  LogicalResult emit();

private:
  LogicalResult bind();
  void emitUnit(Ix unit);
  UnitAxis unitAxis(int i, Ix residue);
  void stage(Ix image, Ix images, Ix channel, Ix channels, Ix firstRow);
  void fillTables();
  void multiply(Value filters, Value into, Ix rows, Ix length, Ix offset);
  void fetchMet(RegisterTile &t, Ix offset, Ix column);
  void multiplyRows(const RegisterTile &tile, Value filters, Value into,
                    Ix rows, Ix from, Ix block);
  void multiplyPanels(Value filters, Value into, Ix rows, Ix image, Ix images,
                      Ix firstChannel, Ix firstRow, Ix outputRows);
  void packPanel(Ix column, Ix columns, int64_t nr, Ix outputRows, Ix from,
                 Ix block, Ix skipped);
  void finish(Ix image, Ix images, Ix channel, Ix rows, Ix firstRow,
              Ix outputRows);
  Value interleave(Value from, Ix w, Lanes covered);

  Kernel &k;
  Emit &e;
  Operation *op;
  Type element;
  Job job;
  const Buffer *source, *filter;
  std::optional<Evaluator> after;
  // Of the kernel:
  Numbers x;
  Cut c;
  Ix rowStride, depthStrides[3]; ///< of the filters: depth, taps
  // Of the unit at hand:
  UnitAxis at[2];
  Value sourceSteps, filterSteps, ahead, staged, panel, sums;
  Ix depth;
};

/// Steps of a register tile that leave time to compute what follows; bytes of a
/// result that stay near.
constexpr int64_t kManySteps = 160, kNear = 512 << 10;

} // namespace

LogicalResult Correlation::bind() {
  source = k.argumentBuffer(op->getOperand(0));
  filter = k.argumentBuffer(op->getOperand(1));
  if (!source || !filter)
    return op->emitError("operands of a convolution in a kernel are its "
                         "arguments");
  element = source->element;
  job.transposed = isa<Conv2dInputGradOp>(op);
  job.bytes = e.bytesOf(element);
  job.tile.element = element;
  job.tile.lanes = k.lanesOf(element);
  for (int i = 0; i < 2; ++i) {
    auto pair = [&](StringRef name) {
      return op->getAttrOfType<DenseI64ArrayAttr>(name).asArrayRef()[size_t(i)];
    };
    job.stride[i] = pair("stride");
    job.pad[i] = pair("pad");
    job.dilation[i] = pair("dilation");
  }
  int64_t lanes = k.commonLanes();
  job.interleaved =
      job.transposed && job.stride[1] != 1 && lanes % job.stride[1] == 0;
  job.groups = op->getAttrOfType<IntegerAttr>("groups").getInt();
  Value images = op->getOperand(0), w = op->getOperand(1);
  job.refs[0] = k.extentOf(images, 0);
  job.refs[1] = k.extentOf(w, 0);
  job.refs[2] = k.extentOf(w, 1);
  for (unsigned i = 0; i < 2; ++i) {
    job.refs[3 + i] = k.extentOf(w, 2 + i);
    job.refs[5 + i] = k.extentOf(images, 2 + i);
    job.refs[7 + i] = k.extentOf(op->getResult(0), 2 + i);
  }
  x = job.numbers(e, ArrayRef<Buffer>(k.buffers));
  SmallVector<Ix> space = {x.batch, e.mul(x.rows, job.groups), x.result[0],
                           x.result[1]};
  after.emplace(k, space, ArrayRef<int>{0, 1, 2, 3});
  if (failed(after->writeResults(op->getResult(0))))
    return failure();
  rowStride = filter->strides[job.transposed ? 1 : 0];
  depthStrides[0] = filter->strides[job.transposed ? 0 : 1];
  depthStrides[1] = filter->strides[2];
  depthStrides[2] = filter->strides[3];
  return success();
}

//===----------------------------------------------------------------------===//
// Units
//===----------------------------------------------------------------------===//

/// a * a' = 1 modulo m.
static int64_t inverse(int64_t a, int64_t m) {
  for (int64_t i = 1; i < m; ++i)
    if (a % m * i % m == 1)
      return i;
  return 0;
}

/// What a unit does along one axis; `residue` is that of h + pad by the stride.
UnitAxis Correlation::unitAxis(int i, Ix residue) {
  const WindowAxis &a = c.axis[i];
  if (!job.transposed)
    return {a.pad, a.count, a.taps, 0, 1, 0};
  int64_t s = job.stride[i], d = job.dilation[i], common = std::gcd(s, d);
  if (s == 1)
    return {a.pad, a.count, a.taps, 0, 1, 0};
  // The taps of this residue: firstTap, firstTap + period, …
  UnitAxis u;
  Ix first =
      e.rem(e.mul(e.div(residue, common), inverse(d / common, job.period(i))),
            job.period(i));
  u.firstTap = first;
  u.tapStep = job.period(i);
  u.taps = e.ceilDiv(e.max(e.sub(x.taps[i], first), 0), job.period(i));
  if (common != 1)
    u.taps =
        e.select(e.compare(arith::CmpIPredicate::eq, e.rem(residue, common), 0),
                 u.taps, 0);
  int64_t up = (job.pad[i] + s - 1) / s * s; // no negative numerator
  u.start = e.rem(e.add(residue, up - job.pad[i]), s);
  u.count = e.ceilDiv(e.max(e.sub(x.result[i], u.start), 0), s);
  // Output 0 meets the first tap at this source place.
  Ix meets = e.sub(
      e.div(e.add(e.sub(u.start, e.mul(first, d)), job.pad[i] + s * d), s), d);
  u.pad = e.sub(e.mul(e.sub(u.taps, 1), a.dilation), meets);
  return u;
}

/// Offsets of the taps in staged memory and in the filters, in the order of the
/// chain. The transposed one runs through its window backwards.
void Correlation::fillTables() {
  Type i64 = e.getI64Type();
  Ix window = e.mul(at[0].taps, at[1].taps);
  auto tapOf = [&](int i, Ix number) {
    return job.transposed ? e.sub(e.sub(at[i].taps, 1), number) : number;
  };
  auto place = [&](int i, Ix tap, Ix size) {
    const WindowAxis &a = c.axis[i];
    return e.add(e.mul(a.classOf(e, tap), size), a.shift(e, tap));
  };
  e.loop(0, x.channels, 1, [&](Ix channel) {
    Ix first = e.mul(channel, window);
    e.loop(0, at[0].taps, 1, [&](Ix i) {
      Ix rowClasses = e.mul(c.classes[1], c.stagedRows);
      Ix row = place(0, tapOf(0, i), rowClasses);
      e.loop(0, at[1].taps, 1, [&](Ix j) {
        // Staged memory is (channels, classes, classes, rows, places).
        Ix tap = tapOf(1, j);
        Ix offset =
            e.add(e.mul(channel, c.channelPitch),
                  e.add(e.mul(e.add(row, e.mul(c.axis[1].classOf(e, tap),
                                               c.stagedRows)),
                              c.pitch),
                        c.axis[1].shift(e, tap)));
        Ix number = e.add(first, e.add(e.mul(i, at[1].taps), j));
        e.storeRaw(e.value(offset), e.at(sourceSteps, number, i64), 8);
        if (!filterSteps)
          return;
        auto along = [&](int axis, Ix n) {
          return e.mul(e.add(at[axis].firstTap, e.mul(n, at[axis].tapStep)),
                       depthStrides[1 + axis]);
        };
        offset = e.add(e.mul(channel, depthStrides[0]),
                       e.add(along(0, i), along(1, j)));
        e.storeRaw(e.value(offset), e.at(filterSteps, number, i64), 8);
      });
    });
  });
}

/// The source's places in some channels of some images that the strip from
/// output row `firstRow` on reads.
void Correlation::stage(Ix image, Ix images, Ix firstChannel, Ix channels,
                        Ix firstRow) {
  int64_t lanes = k.lanesOf(element);
  WindowAxis axes[2] = {c.axis[0], c.axis[1]};
  for (int i = 0; i < 2; ++i)
    axes[i].pad = at[i].pad;
  const auto &strides = source->strides;
  Value first =
      e.at(source->pointer,
           e.add(e.mul(image, strides[0]), e.mul(firstChannel, strides[1])),
           element);
  auto zero = [&](Value from, Ix count) {
    e.loop(0, count, lanes, [&](Ix j) {
      e.store(e.constant(element, 0, lanes), e.at(from, j, element),
              Lanes{lanes, {}});
    });
  };
  auto stagePlane = [&](Ix channel, Ix number) {
    Value from = e.at(
        first, e.add(e.mul(number, strides[0]), e.mul(channel, strides[1])),
        element);
    Value plane = e.at(
        staged, e.add(e.mul(channel, c.channelPitch), e.mul(number, c.plane)),
        element);
    e.loop(0, c.classes[0], 1, [&](Ix rowClass) {
      Ix origin =
          e.add(axes[0].origin(e, rowClass), e.mul(firstRow, axes[0].stride));
      e.loop(0, c.classes[1], 1, [&](Ix placeClass) {
        Ix number = e.mul(e.add(e.mul(rowClass, c.classes[1]), placeClass),
                          c.stagedRows);
        e.loop(0, c.stagedRows, 1, [&](Ix r) {
          Ix h = e.add(origin, e.mul(r, axes[0].stride));
          StagedRow row;
          row.isInside =
              e.compare(arith::CmpIPredicate::ult, h, axes[0].extent);
          row.source = e.at(from, e.mul(h, strides[2]), element);
          row.sourceStride = strides[3];
          row.origin = axes[1].origin(e, placeClass);
          row.step = axes[1].stride;
          row.extent = axes[1].extent;
          row.count = c.pitch;
          row.element = element;
          row.target = e.at(plane, e.mul(e.add(number, r), c.pitch), element);
          emitStagedRow(e, row, lanes);
        });
      });
    });
    Ix end =
        e.mul(e.mul(c.classes[0], c.classes[1]), e.mul(c.stagedRows, c.pitch));
    // Vectors may reach beyond the last place. Nobody looks at what becomes of
    // garbage there, but multiply-adds of denormal numbers take long.
    zero(e.at(plane, end, element), job.packed ? c.tail : e.sub(c.plane, end));
  };
  e.loop(0, channels, 1, [&](Ix channel) {
    e.loop(0, images, 1, [&](Ix number) { stagePlane(channel, number); });
  });
  if (!job.packed)
    zero(e.at(staged, e.mul(channels, c.plane), element),
         job.tile.columns() + lanes);
}

/// A block of K of `rows` rows of the filters with the tile's columns.
void Correlation::multiplyRows(const RegisterTile &tile, Value filters,
                               Value into, Ix rows, Ix from, Ix block) {
  bool whole = x.rows.isKnown() && x.rows.known % tile.rows == 0;
  e.loop(0, rows, tile.rows, [&](Ix row) {
    RegisterTile t = tile;
    auto at = [&](Ix row) {
      Value left = e.at(filters, e.mul(row, rowStride), element);
      return filterSteps ? left : e.at(left, from, element);
    };
    t.left = at(row);
    if (filterSteps)
      t.leftSteps = e.at(filterSteps, from, e.getI64Type());
    if (job.packed) {
      t.nextLeft = at(e.add(row, tile.rows));
      t.ahead = ahead;
    }
    // Behind the last row: that one again. Nobody looks at its sums.
    for (int64_t r = 0; r < tile.rows; ++r)
      t.rowOffsets.push_back(e.mul(
          whole ? Ix(r) : e.min(r, e.sub(e.sub(rows, 1), row)), rowStride));
    for (RegisterTile::Fetch &f : t.fetches)
      f.from = e.atByte(f.from, e.mul(row, f.bytes));
    SmallVector<Value> products = t.emit(e, block);
    t.addTo(e, e.at(into, e.mul(row, c.columns), element), c.columns, products,
            from);
  });
}

/// Tiles of few steps fetch the lines of the result that their sums become, a
/// row at a time, the first of which is at `offset`.
void Correlation::fetchMet(RegisterTile &t, Ix offset, Ix column) {
  Ix row = x.result[1], plane = e.mul(x.result[0], row);
  int64_t steps = depth.isKnown() ? depth.known * 3 / 4 : 0;
  if (job.transposed || !plane.isKnown() || !x.rows.isKnown() ||
      steps < t.rows || depth.known > kManySteps ||
      plane.known * x.rows.known * job.bytes < kNear)
    return;
  // Staged rows are longer than those of the result.
  Ix skipped = e.mul(e.div(column, c.pitch), e.sub(c.pitch, row));
  offset = e.add(offset, e.sub(column, skipped));
  for (unsigned n = 0; n < k.results().size(); ++n) {
    if (k.results()[n].getType() != op->getResult(0).getType())
      continue;
    Value from = e.at(k.buffers[k.resultBuffer(n)].pointer, offset, element);
    for (int64_t b = 0; b < t.columns() * job.bytes; b += 64)
      t.fetches.push_back({e.atByte(from, b), steps / t.rows,
                           plane.known * job.bytes, /*write=*/true});
  }
}

/// The sums of `rows` rows of the filters for `length` staged places; the
/// result's first place is at `offset`.
void Correlation::multiply(Value filters, Value into, Ix rows, Ix length,
                           Ix offset) {
  e.loop(0, e.max(depth, 1), kGemmBlock, [&](Ix from) {
    Ix block = e.min(kGemmBlock, e.sub(depth, from));
    e.loop(0, length, job.tile.columns(), [&](Ix column) {
      RegisterTile t = job.tile;
      t.right = e.at(staged, column, element);
      t.rightSteps = e.at(sourceSteps, from, e.getI64Type());
      fetchMet(t, offset, column);
      multiplyRows(t, filters, e.at(into, column, element), rows, from, block);
    });
  });
}

/// `nr` output places from `column` on of the unit, of which there are
/// `columns`, for a block of K, next to each other. Staged memory begins with
/// what K has `skipped`.
void Correlation::packPanel(Ix column, Ix columns, int64_t nr, Ix outputRows,
                            Ix from, Ix block, Ix skipped) {
  int64_t lanes = job.tile.lanes;
  Type i64 = e.getI64Type();
  Ix end = e.min(e.add(column, nr), columns);
  // No garbage behind the last place: multiply-adds of it may be slow.
  e.when(e.compare(arith::CmpIPredicate::slt, end, e.add(column, nr)), [&] {
    e.loop(0, e.mul(block, nr), lanes, [&](Ix i) {
      e.store(e.constant(element, 0, lanes), e.at(panel, i, element),
              Lanes{lanes, {}});
    });
  });
  Value steps = e.at(sourceSteps, from, i64);
  e.loop(e.div(column, c.width), ceilDivBy(e, end, c.width), 1, [&](Ix row) {
    Ix begin = e.mul(row, c.width);
    Ix first = e.sub(e.max(begin, column), column);
    Ix last = e.sub(e.min(e.add(begin, c.width), end), column);
    Ix place = e.add(e.mul(e.div(row, outputRows), c.plane),
                     e.sub(e.mul(e.rem(row, outputRows), c.pitch), begin));
    place = e.sub(e.add(place, column), skipped);
    e.loop(e.div(first, lanes), e.ceilDiv(last, lanes), 1, [&](Ix v) {
      Ix start = e.max(first, e.mul(v, lanes));
      Ix count = e.sub(e.min(last, e.add(e.mul(v, lanes), lanes)), start);
      Value mask = e.maskBelow(count, lanes);
      Value source = e.at(staged, e.add(place, start), element);
      Value target = e.at(panel, start, element);
      e.loop(0, block, 1, [&](Ix step) {
        Ix offset = e.loadRaw(i64, e.at(steps, step, i64), 8);
        Value places =
            e.load(e.at(source, offset, element), 1, element, Lanes{lanes, {}});
        e.store(places, e.at(target, e.mul(step, nr), element),
                Lanes{lanes, mask});
      });
    });
  });
}

/// The sums of `rows` rows of the filters for some images or rows of one, panel
/// after panel.
void Correlation::multiplyPanels(Value filters, Value into, Ix rows, Ix image,
                                 Ix images, Ix firstChannel, Ix firstRow,
                                 Ix outputRows) {
  const RegisterTile &tile = job.tile;
  int64_t nr = tile.columns();
  Ix window = e.max(e.mul(at[0].taps, at[1].taps), 1);
  Ix columns = e.mul(e.mul(images, outputRows), c.width);
  e.loop(0, kGemmBlock, 1, [&](Ix i) {
    e.storeRaw(e.value(e.mul(e.rem(i, tile.rows), rowStride)),
               e.at(ahead, i, e.getI64Type()), 8);
  });
  e.loop(0, e.max(depth, 1), kGemmBlock, [&](Ix from) {
    Ix block = e.min(kGemmBlock, e.sub(depth, from));
    Ix first = e.div(from, window);
    Ix last = ceilDivBy(e, e.add(from, block), window);
    stage(image, images, e.add(firstChannel, first), e.sub(last, first),
          firstRow);
    Ix skipped = e.mul(first, c.channelPitch);
    auto panelsOf = [&](int64_t vectors, Ix begin, Ix end) {
      int64_t width = vectors * tile.lanes;
      e.loop(begin, end, width, [&](Ix column) {
        packPanel(column, columns, width, outputRows, from, block, skipped);
        RegisterTile t = tile;
        t.vectors = vectors;
        t.right = panel;
        t.rightStride = width;
        multiplyRows(t, filters, e.at(into, column, element), rows, from,
                     block);
      });
    };
    // The last panels are one vector narrower, where that leaves none empty.
    Ix vectors = e.ceilDiv(columns, tile.lanes);
    Ix narrow =
        e.rem(e.sub(tile.vectors, e.rem(vectors, tile.vectors)), tile.vectors);
    Ix wide = e.max(e.sub(vectors, e.mul(narrow, tile.vectors - 1)), 0);
    wide = e.mul(e.div(wide, tile.vectors), nr);
    panelsOf(tile.vectors, 0, wide);
    if (tile.vectors > 1 &&
        (!wide.isKnown() || !columns.isKnown() || wide.known < columns.known))
      panelsOf(tile.vectors - 1, wide, columns);
  });
}

/// The sums for the places w, w + 1, …, where w is a multiple of the lanes:
/// that of lane l is number l / stride of its residue, behind those of w.
Value Correlation::interleave(Value from, Ix w, Lanes covered) {
  SmallVector<int64_t> residues, numbers;
  for (int64_t l = 0; l < covered.count; ++l) {
    residues.push_back((l + job.pad[1]) % job.stride[1]);
    numbers.push_back(l / job.stride[1]);
  }
  auto constant = [&](ArrayRef<int64_t> values) {
    return e.constant(cast<TypedAttr>(e.getI64VectorAttr(values)));
  };
  Value offsets = e.make<arith::AddIOp>(
      e.make<arith::MulIOp>(constant(residues),
                            e.splat(e.value(c.sums), covered.count)),
      constant(numbers));
  Value base = e.at(from, e.div(w, job.stride[1]), element);
  Type vector = e.vectorOf(element, covered.count);
  Value addresses =
      e.make<LLVM::GEPOp>(VectorType::get({covered.count}, e.ptrType()),
                          element, base, ArrayRef<LLVM::GEPArg>{offsets});
  Value mask =
      covered.mask ? covered.mask : e.constant(e.getI1Type(), 1, covered.count);
  return e.make<LLVM::masked_gather>(
      vector, addresses, mask,
      ValueRange{e.constant(element, 0, covered.count)},
      unsigned(e.bytesOf(element)));
}

void Correlation::finish(Ix image, Ix images, Ix channel, Ix rows, Ix firstRow,
                         Ix outputRows) {
  bool peel = k.options.vectorBits < 512;
  int64_t step[2] = {1, 1};
  if (job.transposed)
    std::copy_n(job.stride, 2, step);
  bool dense = step[1] == 1 || job.interleaved;
  int64_t lanes = dense ? k.commonLanes() : 1;
  Ix count = job.interleaved ? x.result[1] : at[1].count;
  e.loop(0, rows, 1, [&](Ix row) {
    Value ofRow = e.at(sums, e.mul(row, c.columns), element);
    auto emitRow = [&](Ix number, Ix r) {
      Ix place = e.mul(e.add(e.mul(number, outputRows), r), c.width);
      Value from = e.at(ofRow, place, element);
      Ix h = e.add(at[0].start, e.mul(e.add(firstRow, r), step[0]));
      after->enter({e.add(image, number), e.add(channel, row), h, Ix(0)}, 3);
      e.vectorLoop(0, count, lanes, peel, [&](Ix j, Lanes covered) {
        after->point(dense ? j : e.add(at[1].start, e.mul(j, step[1])),
                     covered);
        after->give(op->getResult(0), job.interleaved
                                          ? interleave(from, j, covered)
                                          : e.load(e.at(from, j, element), 1,
                                                   element, Lanes{lanes, {}}));
        after->store();
      });
    };
    e.loop(0, images, 1, [&](Ix number) {
      e.loop(0, outputRows, 1, [&](Ix r) { emitRow(number, r); });
    });
  });
}

void Correlation::emitUnit(Ix unit) {
  auto next = [&](Ix count) {
    count = e.max(count, 1);
    Ix own = e.rem(unit, count);
    unit = e.div(unit, count);
    return own;
  };
  Ix rowTile = next(c.rowTiles), strip = next(c.strips);
  Ix residue = next(c.residues), group = next(job.groups);
  Ix image = e.mul(unit, c.images);
  Ix images = c.images.is(1) ? Ix(1) : e.min(c.images, e.sub(x.batch, image));
  int64_t along = job.interleaved ? 1 : job.stride[1];
  at[0] = unitAxis(0, job.transposed ? e.div(residue, along) : Ix(0));
  Ix firstRow = e.mul(strip, c.stripRows);
  Ix outputRows = e.min(c.stripRows, e.sub(at[0].count, firstRow));
  Ix row = e.mul(rowTile, c.rowTile);
  Ix rows = e.min(c.rowTile, e.sub(x.rows, row));
  Ix filterOffset =
      e.add(e.mul(row, rowStride),
            e.mul(e.mul(group, job.transposed ? x.channels : x.rows),
                  filter->strides[0]));
  Value filters = e.at(filter->pointer, filterOffset, element);
  auto correlate = [&](Ix residueAlong, Value into) {
    at[1] = unitAxis(1, residueAlong);
    depth = e.mul(x.channels, e.mul(at[0].taps, at[1].taps));
    auto sumUp = [&] {
      fillTables();
      Ix channel = e.mul(group, x.channels);
      if (job.packed)
        return multiplyPanels(filters, into, rows, image, images, channel,
                              firstRow, outputRows);
      stage(image, 1, channel, x.channels, firstRow);
      Ix first =
          e.add(e.mul(e.add(e.mul(image, job.groups), group), x.rows), row);
      Ix offset =
          e.mul(e.add(e.mul(first, x.result[0]), firstRow), x.result[1]);
      multiply(filters, into, rows, e.mul(outputRows, c.pitch), offset);
    };
    if (depth.isKnown() || !job.transposed)
      return sumUp();
    // No tap of a short filter may meet these places.
    e.when(e.compare(arith::CmpIPredicate::sgt, depth, 0), sumUp, [&] {
      int64_t lanes = job.tile.lanes;
      e.loop(0, e.mul(rows, c.columns), lanes, [&](Ix i) {
        e.store(e.constant(element, 0, lanes), e.at(into, i, element),
                Lanes{lanes, {}});
      });
    });
  };
  if (job.interleaved)
    e.loop(0, job.stride[1], 1, [&](Ix number) {
      correlate(number, e.at(sums, e.mul(number, c.sums), element));
    });
  else
    correlate(job.transposed ? e.rem(residue, along) : Ix(0), sums);
  finish(image, images, e.add(e.mul(group, x.rows), row), rows, firstRow,
         outputRows);
}

LogicalResult Correlation::emit() {
  if (failed(bind()))
    return failure();
  job.choose(e, x, k.options.vectorBits >= 512);
  c = job.cut(e, x);
  Value scratch = k.scratch();
  sourceSteps = scratch;
  // The chain of conv2d runs through dense filters as they lie.
  if (job.transposed || !filter->dense)
    filterSteps = e.atByte(scratch, c.tableBytes);
  ahead = e.atByte(scratch, e.mul(c.tableBytes, 2));
  panel = e.atByte(ahead, c.aheadBytes);
  staged = e.atByte(panel, c.panelBytes);
  sums = e.atByte(staged, c.stagedBytes);
  e.loop(Ix(k.begin), Ix(k.end), 1, [&](Ix unit) { emitUnit(unit); });

  k.work = [job = job](Emit &e, ArrayRef<Extents> shapes) {
    Numbers x = job.numbers(e, shapes);
    Cut c = job.cut(e, x);
    Work work;
    work.count = c.units;
    // A multiply-add on vectors: some sixteen to a simple operation.
    Ix places = e.mul(e.mul(x.batch, c.axis[0].count), c.axis[1].count);
    int64_t along = job.interleaved ? job.stride[1] : 1;
    Ix each = e.mul(e.mul(x.rows, job.groups), e.add(c.chain, 4));
    work.cost = e.div(e.mul(e.mul(places, c.residues), e.mul(each, along)), 4);
    Ix unit = e.div(e.mul(e.mul(c.rowTile, c.columns), c.chain), 16);
    work.grain = e.max(e.div(kGrainCost, e.max(unit, 1)), 1);
    return work;
  };
  k.scratchBytes = [job = job](Emit &e, ArrayRef<Extents> shapes) {
    return job.cut(e, job.numbers(e, shapes)).bytes;
  };
  return success();
}

/// A product of filters by images of few places: panels take places of several
/// images side by side, and the filters are read once for all of them.
static bool suitsPanels(Kernel &k, Operation *op) {
  constexpr int64_t kFewPlaces = 128;
  auto images = cast<RankedTensorType>(op->getOperand(0).getType());
  return isa<Conv2dOp, Conv2dInputGradOp>(op) && k.options.vectorBits >= 512 &&
         !images.isDynamicDim(3) && images.getDimSize(3) > 1 &&
         images.getDimSize(3) <= kFewPlaces && images.getDimSize(0) != 1;
}

LogicalResult etch::cpu::emitConvolution(Kernel &k) {
  for (Operation &op : k.source.getBody().front()) {
    auto channels = [&]() -> std::optional<LogicalResult> {
      auto conv = dyn_cast<Conv2dOp>(op);
      return conv ? emitChannelLanes(k, conv) : std::nullopt;
    };
    if (isa<Conv2dOp, Conv2dInputGradOp, Conv2dWeightGradOp>(op) &&
        isProduct(&op) && !suitsPanels(k, &op)) {
      std::optional<LogicalResult> emitted = channels();
      return emitted ? *emitted : emitProduct(k, &op);
    }
    if (isa<Conv2dOp, Conv2dInputGradOp>(op)) {
      auto direct = [&] {
        std::optional<LogicalResult> emitted = channels();
        return emitted ? *emitted : Correlation(k, &op).emit();
      };
      std::optional<LogicalResult> emitted = emitWinograd(k, &op, direct);
      return emitted ? *emitted : direct();
    }
    if (auto weights = dyn_cast<Conv2dWeightGradOp>(op))
      return emitWeightGrad(k, weights);
  }
  return k.source.emitError("no convolution in this kernel");
}
