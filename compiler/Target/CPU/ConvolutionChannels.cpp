//===- ConvolutionChannels.cpp - conv2d, channels along the lanes ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Neighbouring filters are the columns of a register tile, some output places
// of a row are its rows: of each place of the source one number goes to all
// lanes, so no lane is empty because rows are short. Filters are packed as
// panels, once for many images, or when the program is prepared (see
// Prepack.h). What a tile has computed is turned in registers when its chain is
// complete, and becomes a piece of a row for each channel; where a pool
// follows, the largest of each window alone.
//
// A unit of work is a strip of output rows, or of places of a long one, of an
// image, or some small images, for some channels: for all of them, if filters
// are packed already, so that what a unit copies serves all filters. Tiles read
// images of few places where they lie. Others are copied, for each strip what a
// block of the chain reads: with zeros around it, or, of windows of one place,
// what each tile reads side by side.
//===----------------------------------------------------------------------===//

#include "compiler/Target/CPU/ChannelCut.h"

#include "compiler/Target/Kernel/Evaluator.h"
#include "dialects/Etch/Contraction.h"
#include "dialects/Etch/ScalarExpr.h"

#include <limits>

using namespace mlir;
using namespace etch;
using namespace etch::cpu;

/// Steps that packed filters are fetched ahead of their use.
constexpr int64_t kAhead = 8;
/// Steps of a turn of the innermost loop; they divide blocks. The processor
/// foresees the end of a loop of few turns, and fetches once what a line holds.
constexpr int64_t kSteps = 4;

namespace {

class ChannelLanes {
public:
  ChannelLanes(Kernel &k, Conv2dOp op, MaxPoolIndexOp pool,
               const ChannelCut &cut)
      : k(k), e(k.e), op(op), pool(pool), c(cut) {}
  LogicalResult emit();
  void offerFilters();

private:
  void fillTable();
  void emitUnit(Ix unit);
  void stage(Ix rows, Ix from, Ix block);
  void fetchNext(RegisterTile &t, Ix row, Ix piece, int64_t places, Ix from);
  void fetchStaged(RegisterTile &t, Ix tile, Ix from);
  void stagePanels(Ix rows, Ix lastPiece, Ix from, Ix block);
  void overPieces(Ix last, llvm::function_ref<void(Ix, int64_t)> body);
  /// Of those of a strip.
  Ix tileNumber(Ix row, Ix piece) {
    return e.add(e.mul(row, c.stripPieces), e.sub(piece, firstPiece));
  }
  /// …and of all images of a unit.
  Ix numberOf(Ix row, Ix piece) {
    Ix own = e.mul(e.sub(image, firstImage), c.stripRows * c.stripPieces);
    return e.add(own, tileNumber(row, piece));
  }
  /// Calls `body` for each image of the unit.
  void overImages(llvm::function_ref<void()> body) {
    e.loop(0, images, 1, [&](Ix n) {
      image = e.add(firstImage, n);
      ofImage = e.at(staged, e.mul(n, c.stagedImage()), element);
      body();
    });
  }
  void tile(Ix row, Ix piece, int64_t places, Ix from, Ix block);
  SmallVector<Value> withSums(ValueRange block, Value before, Ix from);
  void finish(ValueRange sums, int64_t places, Ix row, Ix place);
  void turn(ValueRange values, int64_t places,
            llvm::function_ref<void(Ix, int64_t, Lanes, Value)> body);
  void finishPooled(ValueRange sums, int64_t places, Ix row, Ix place);
  Value pooledRow(Ix channel, Ix row);
  Value isLast(Ix from) {
    return e.compare(arith::CmpIPredicate::sge, e.add(from, kGemmBlock),
                     c.chain);
  }

  Kernel &k;
  Emit &e;
  Conv2dOp op;
  MaxPoolIndexOp pool; ///< of what follows the sums; or null
  const ChannelCut &c;
  Type element;
  const Buffer *source, *filter;
  const Buffer *ready; ///< filters, packed; null: they are not
  std::optional<Evaluator> after;
  Ix batch, groups;
  Value table, turned, pooled, staged, sums, packed;
  // Of the unit at hand:
  Ix firstImage, images, firstRow, firstPiece, firstChannel, channels;
  // Of the image and the panel at hand:
  Ix image, number;
  Value ofImage; ///< staged
  Value panel, nextPanel;
  Value several; ///< threads; null: it does not matter
};

} // namespace

//===----------------------------------------------------------------------===//
// Units
//===----------------------------------------------------------------------===//

/// Offsets of the taps in what tiles read, in the order of the chain.
void ChannelLanes::fillTable() {
  Type i64 = e.getI64Type();
  e.loop(0, c.channels, 1, [&](Ix channel) {
    e.loop(0, c.taps[0], 1, [&](Ix i) {
      e.loop(0, c.taps[1], 1, [&](Ix j) {
        Ix number =
            e.add(e.mul(channel, c.allTaps()), e.add(e.mul(i, c.taps[1]), j));
        Ix offset = e.add(
            e.mul(channel, c.plane),
            e.add(e.mul(i, c.dilation[0] * c.pitch), e.mul(j, c.dilation[1])));
        e.storeRaw(e.value(offset), e.at(table, number, i64), 8);
      });
    });
  });
}

/// The source under some output rows, with zeros around it: what a block of the
/// chain reads.
void ChannelLanes::stage(Ix rows, Ix from, Ix block) {
  const auto &strides = source->strides;
  Ix top = e.sub(e.mul(firstRow, c.stride[0]), c.pad[0]);
  int64_t reach = (c.taps[0] - 1) * c.dilation[0] + 1;
  rows = e.add(e.mul(e.sub(rows, 1), c.stride[0]), reach);
  Ix first = e.div(from, c.allTaps());
  Value images = e.at(source->pointer, e.mul(image, strides[0]), element);
  e.loop(first, e.ceilDiv(e.add(from, block), c.allTaps()), 1, [&](Ix channel) {
    Value to = e.at(ofImage, e.mul(e.sub(channel, first), c.plane), element);
    Value own = e.at(images, e.mul(channel, strides[1]), element);
    e.loop(0, rows, 1, [&](Ix r) {
      Ix h = e.add(top, r);
      StagedRow row;
      row.isInside = e.compare(arith::CmpIPredicate::ult, h, c.source[0]);
      row.source = e.at(own, e.mul(h, strides[2]), element);
      row.sourceStride = strides[3];
      row.origin = -c.pad[1];
      row.extent = c.source[1];
      row.count = c.pitch;
      row.element = element;
      row.target = e.at(to, e.mul(r, c.pitch), element);
      emitStagedRow(e, row, c.lanes);
    });
  });
}

/// The places of each tile side by side, for a block of the chain.
void ChannelLanes::stagePanels(Ix rows, Ix lastPiece, Ix from, Ix block) {
  const auto &strides = source->strides;
  int64_t wide = int64_t(llvm::PowerOf2Ceil(c.places)), step = c.stride[1];
  Value first =
      e.at(source->pointer,
           e.add(e.mul(image, strides[0]), e.mul(from, strides[1])), element);
  auto masked = [&](int64_t count) {
    return Lanes{wide, count < wide ? e.maskBelow(count, wide) : Value()};
  };
  auto places = [&](Value at, int64_t count) {
    // Every other place: those of two vectors, which is faster than to gather.
    if (step != 2 || wide == 1)
      return e.load(at, e.mul(strides[3], step), element, masked(count));
    SmallVector<int32_t> even;
    for (int32_t i = 0; i < wide; ++i)
      even.push_back(2 * i);
    int64_t length = 2 * count - 1, low = std::min(length, wide);
    Value a = e.load(at, strides[3], element, masked(low)), b = a;
    if (length > wide)
      b = e.load(e.at(at, e.mul(strides[3], wide), element), strides[3],
                 element, masked(length - wide));
    return e.shuffle(a, b, even);
  };
  auto copy = [&](Ix channel, Ix row, Ix piece, int64_t count) {
    Ix h = e.mul(e.add(firstRow, row), c.stride[0]);
    Ix place = e.add(e.add(e.mul(channel, strides[1]), e.mul(h, strides[2])),
                     e.mul(e.mul(piece, c.places * step), strides[3]));
    Ix to = e.add(e.mul(tileNumber(row, piece), c.placePanel()),
                  e.mul(channel, wide));
    e.store(places(e.at(first, place, element), count),
            e.at(ofImage, to, element), Lanes{wide, {}});
  };
  e.loop(0, block, 1, [&](Ix channel) {
    e.loop(0, rows, 1, [&](Ix row) {
      overPieces(lastPiece, [&](Ix piece, int64_t count) {
        copy(channel, row, piece, count);
      });
    });
  });
}

/// The pieces of a row: the last one may be shorter.
void ChannelLanes::overPieces(Ix last,
                              llvm::function_ref<void(Ix, int64_t)> body) {
  int64_t whole = c.tail == c.places ? c.pieces : c.pieces - 1;
  if (whole)
    e.loop(firstPiece, e.min(last, whole), 1,
           [&](Ix piece) { body(piece, c.places); });
  if (whole < c.pieces)
    e.loop(e.max(firstPiece, whole), last, 1,
           [&](Ix piece) { body(piece, c.tail); });
}

/// A block of the chains of a panel's filters side by side.
static void packPanel(Emit &e, const ChannelCut &c, const Buffer &filter,
                      Ix channel, Ix from, Value target) {
  Panel p;
  p.source = e.at(filter.pointer, e.add(e.mul(channel, c.chain), from),
                  filter.element);
  p.rowStride = c.chain;
  p.depthStride = 1;
  p.element = filter.element;
  p.width = p.paddedWidth = c.width();
  p.valid = c.filters % c.width() ? e.min(c.width(), e.sub(c.filters, channel))
                                  : Ix(c.width());
  p.depth = e.min(kGemmBlock, e.sub(c.chain, from));
  p.target = target;
  emitPack(e, p, c.lanes, /*masks=*/true);
}

/// All filters may be packed before.
void ChannelLanes::offerFilters() {
  int64_t panels = llvm::divideCeil(c.filters, c.width());
  Packing packing;
  packing.operand = cast<BlockArgument>(op.getW()).getArgNumber();
  packing.bytes = panels * c.blocks() * c.panel() * c.bytes;
  packing.units = panels * c.blocks();
  packing.cost = c.filters * c.chain;
  packing.emit = [c = c](Kernel &k, Ix unit, const Buffer &from, Value to) {
    Emit &e = k.e;
    Ix channel = e.mul(e.div(unit, c.blocks()), c.width());
    Ix step = e.mul(e.rem(unit, c.blocks()), kGemmBlock);
    packPanel(e, c, from, channel, step,
              e.at(to, e.mul(unit, c.panel()), from.element));
  };
  k.offer(std::move(packing));
}

/// A block's sums behind those of the blocks before it.
SmallVector<Value> ChannelLanes::withSums(ValueRange block, Value before,
                                          Ix from) {
  return behindBlocks(e, element, from, block, [&](size_t n) {
    return std::pair(e.at(before, int64_t(n) * c.lanes, element),
                     Lanes{c.lanes, {}});
  });
}

/// Turns what a tile has of some places: calls `body` for each channel with a
/// vector of its places from one on.
void ChannelLanes::turn(
    ValueRange values, int64_t places,
    llvm::function_ref<void(Ix, int64_t, Lanes, Value)> body) {
  for (int64_t begin = 0; begin < places; begin += c.lanes) {
    int64_t count = std::min(c.lanes, places - begin);
    int64_t length = int64_t(llvm::PowerOf2Ceil(count));
    for (int64_t v = 0; v < c.vectors; ++v) {
      SmallVector<Value> vectors;
      for (int64_t p = 0; p < length; ++p)
        vectors.push_back(p < count
                              ? values[size_t((begin + p) * c.vectors + v)]
                              : e.constant(element, 0, c.lanes));
      transposeVectors(e, vectors, c.lanes);
      for (auto [n, vector] : llvm::enumerate(vectors))
        e.store(vector,
                e.at(turned, (v * length + int64_t(n)) * c.lanes, element),
                Lanes{c.lanes, {}});
    }
    Lanes covered = {length,
                     count < length ? e.maskBelow(count, length) : Value()};
    Ix first = e.add(firstChannel, e.mul(number, c.width()));
    Ix own = c.width();
    if (c.filters % c.width())
      own = e.min(own, e.sub(c.filters, first));
    e.loop(0, own, 1, [&](Ix n) {
      body(e.add(first, n), begin, covered,
           e.load(e.at(turned, e.mul(n, length), element), 1, element,
                  Lanes{length, {}}));
    });
  }
}

/// Turns complete sums and computes what follows them, channel by channel.
void ChannelLanes::finish(ValueRange values, int64_t places, Ix row, Ix place) {
  if (pool)
    return finishPooled(values, places, row, place);
  turn(values, places,
       [&](Ix channel, int64_t begin, Lanes covered, Value sums) {
         after->enter({image, channel, row, Ix(0)}, 3);
         after->point(e.add(place, begin), covered);
         after->give(op.getY(), sums);
         after->store();
       });
}

/// Computes what follows complete sums, all channels of a place at once, and
/// the largest of each window so far; only what is left is turned.
void ChannelLanes::finishPooled(ValueRange values, int64_t places, Ix row,
                                Ix place) {
  int64_t count = places / c.window[1];
  Ix firstOfPanel = e.add(firstChannel, e.mul(number, c.width()));
  Ix at = e.div(place, c.window[1]), of = e.rem(row, c.window[0]);
  Value begins = e.compare(arith::CmpIPredicate::eq, of, 0);
  Value least =
      e.constant(element, -std::numeric_limits<double>::infinity(), c.lanes);
  SmallVector<Value> best(size_t(count * c.vectors)), memory = best;
  for (int64_t v = 0; v < c.vectors; ++v) {
    Ix channel = e.add(firstOfPanel, v * c.lanes);
    Lanes own = {c.lanes, {}};
    if (c.filters % c.width())
      own.mask = e.maskBelow(e.sub(c.filters, channel), c.lanes);
    for (int64_t q = 0; q < count; ++q) {
      Ix slot = e.add(e.mul(e.add(at, q), c.width()), v * c.lanes);
      size_t n = size_t(q * c.vectors + v);
      memory[n] = e.at(pooled, slot, element);
      Value &sofar = best[n];
      sofar = e.make<arith::SelectOp>(
          begins, least, e.load(memory[n], 1, element, Lanes{c.lanes, {}}));
      for (int64_t j = 0; j < c.window[1]; ++j) {
        int64_t p = q * c.window[1] + j;
        after->enter({image, Ix(0), row, e.add(place, p)}, 1);
        after->point(channel, own);
        after->give(op.getY(), values[size_t(p * c.vectors + v)]);
        sofar = emitLarger(e, after->get(pool.getX()), sofar);
      }
    }
  }
  // Behind all that is read: what places share is computed once.
  for (auto [value, to] : llvm::zip_equal(best, memory))
    e.store(value, to, Lanes{c.lanes, {}});
  e.when(e.compare(arith::CmpIPredicate::eq, of, c.window[0] - 1), [&] {
    turn(best, count,
         [&](Ix channel, int64_t begin, Lanes covered, Value largest) {
           Value to = pooledRow(channel, row);
           e.store(largest, e.at(to, e.add(at, begin), element), covered);
         });
  });
}

/// The row of the result that this one is pooled into.
Value ChannelLanes::pooledRow(Ix channel, Ix row) {
  const Buffer &y = k.buffers[k.resultBuffer(0)];
  auto to = cast<RankedTensorType>(pool.getResult().getType());
  Ix plane = e.add(e.mul(image, c.filters), channel);
  Ix at = e.add(e.mul(plane, to.getDimSize(2)), e.div(row, c.window[0]));
  return e.at(y.pointer, e.mul(at, to.getDimSize(3)), element);
}

/// A share of what is staged next: channels of the next block, or the rows of
/// the next strip, or image.
void ChannelLanes::fetchStaged(RegisterTile &t, Ix tile, Ix from) {
  const auto &strides = source->strides;
  int64_t steps = std::min(c.chain, kGemmBlock);
  int64_t channels = c.onePlace ? steps : c.channelsOfBlock();
  int64_t shares = c.panelsOfUnit() * c.tiles() / channels;
  int64_t rows = std::min(c.stagedRows, c.source[0]);
  int64_t bytes = rows * c.source[1] * c.bytes;
  int64_t lines = shares ? llvm::divideCeil(bytes, shares * 64) : 0;
  if (!lines || lines > steps)
    return;
  tile = e.add(e.mul(number, c.tiles()), tile);
  Value last = isLast(from);
  Ix first = e.select(last, 0, e.ceilDiv(e.add(from, kGemmBlock), c.allTaps()));
  Ix top = e.max(e.sub(e.mul(firstRow, c.stride[0]), c.pad[0]), 0);
  Ix next = e.select(last, c.rowStrips > 1 ? 0 : c.images, 0);
  if (c.rowStrips > 1)
    top = e.add(top, e.select(last, c.stripRows * c.stride[0], 0));
  Ix offset = e.add(e.mul(e.add(image, next), strides[0]),
                    e.mul(e.add(first, e.div(tile, shares)), strides[1]));
  Value place =
      e.at(source->pointer, e.add(offset, e.mul(top, strides[2])), element);
  t.fetches.push_back({e.atByte(place, e.mul(e.rem(tile, shares), lines * 64)),
                       int64_t(llvm::bit_floor(uint64_t(steps / lines))), 64});
}

/// Each tile fetches its share of what is used next: panels of filters, a block
/// of the image, and what its sums will meet.
void ChannelLanes::fetchNext(RegisterTile &t, Ix row, Ix piece, int64_t places,
                             Ix from) {
  int64_t steps = std::min(c.chain, kGemmBlock);
  int64_t tiles = c.tiles();
  Ix number = numberOf(row, piece);
  auto share = [&](Value next, int64_t bytes, Ix number, int64_t shares) {
    int64_t each = llvm::divideCeil(bytes, shares * steps);
    t.fetches.push_back({e.atByte(next, e.mul(number, each * steps)), 1, each});
  };
  int64_t bytes = c.panel() * c.bytes;
  share(nextPanel, bytes, number, tiles);
  if (c.direct) {
    int64_t plane = c.source[0] * c.source[1];
    Ix offset = e.add(e.mul(image, c.channels * plane),
                      e.mul(e.add(from, kGemmBlock), plane));
    int64_t panels = c.panelsOfUnit();
    int64_t own = c.stripRows * c.stripPieces;
    share(e.at(source->pointer, offset, element), steps * plane * c.bytes,
          e.add(e.mul(this->number, own), tileNumber(row, piece)),
          panels * own);
  } else {
    fetchStaged(t, number, from);
  }
  // Rows of the result are short: one line for each channel. That before it is
  // the last one of the tile before.
  int64_t plane = c.result[0] * c.result[1];
  Ix channel = e.add(firstChannel, e.mul(this->number, c.width()));
  Ix place = e.add(e.mul(e.add(row, firstRow), c.result[1]),
                   e.add(e.mul(piece, c.places), places - 1));
  Ix offset =
      e.add(e.mul(e.add(e.mul(image, c.filters), channel), plane), place);
  int64_t every = llvm::divideCeil(steps, c.width());
  auto meets = [&](const Buffer &buffer, bool write) {
    t.fetches.push_back({e.at(buffer.pointer, offset, buffer.element), every,
                         plane * e.bytesOf(buffer.element), write});
  };
  for (BlockArgument argument : k.source.getBody().getArguments())
    if (argument.getType() == op.getY().getType() && argument != op.getX())
      if (const Buffer *buffer = k.argumentBuffer(argument);
          buffer && buffer->dense)
        meets(*buffer, false);
  for (unsigned n = 0; n < k.results().size(); ++n)
    if (k.results()[n].getType() == op.getY().getType())
      meets(k.buffers[k.resultBuffer(n)], true);
}

/// One register tile's block of the chains.
void ChannelLanes::tile(Ix row, Ix piece, int64_t places, Ix from, Ix block) {
  RegisterTile t;
  t.rows = places;
  t.vectors = c.vectors;
  t.lanes = c.lanes;
  t.element = element;
  for (int64_t p = 0; p < places; ++p)
    t.rowOffsets.push_back(c.onePlace ? p : p * c.stride[1]);
  if (c.direct) {
    const auto &strides = source->strides;
    Ix place = e.add(e.mul(e.add(row, firstRow), strides[2]),
                     e.add(e.mul(piece, c.places), e.mul(image, strides[0])));
    t.left =
        e.at(source->pointer, e.add(place, e.mul(from, strides[1])), element);
    t.leftStride = strides[1];
  } else if (c.onePlace) {
    int64_t wide = int64_t(llvm::PowerOf2Ceil(c.places));
    t.left =
        e.at(ofImage, e.mul(tileNumber(row, piece), c.placePanel()), element);
    t.leftStride = wide;
  } else { // staged memory begins with the strip, and with the block
    Ix place = e.add(e.mul(row, c.stride[0] * c.pitch),
                     e.mul(piece, c.places * c.stride[1]));
    t.left =
        e.at(ofImage, e.sub(place, e.mul(e.div(from, c.allTaps()), c.plane)),
             element);
    t.leftSteps = e.at(table, from, e.getI64Type());
  }
  t.right = panel;
  t.rightStride = c.width();
  t.fetchAhead = kAhead;
  t.steps = k.options.quick ? 1 : kSteps;
  t.dividesDepth = c.chain % t.steps == 0;
  fetchNext(t, row, piece, places, from);
  Ix h = e.add(row, firstRow), place = e.mul(piece, c.places);
  if (c.chain <= kGemmBlock)
    return finish(t.emit(e, block), places, h, place);
  Ix at = e.add(e.mul(number, c.tiles()), numberOf(row, piece));
  Value own = e.at(sums, e.mul(at, c.places * c.width()), element);
  // What the block is added to: within the shortest block, in longer ones
  // again rather than what lies behind; before one that is too short.
  int64_t rest = c.chain % kGemmBlock ? c.chain % kGemmBlock : kGemmBlock;
  int64_t lines = llvm::divideCeil(places * c.width() * c.bytes, 64);
  bool isShort = rest < lines * t.steps;
  auto every =
      int64_t(llvm::bit_floor(uint64_t((isShort ? kGemmBlock : rest) / lines)));
  t.fetches.push_back(
      {own, every, 64, true, every * int64_t(llvm::PowerOf2Ceil(lines))});
  Value last = isLast(from);
  if (isShort)
    e.when(last, [&] {
      for (int64_t line = 0; line < lines; ++line)
        e.prefetch(e.atByte(own, 64 * line), /*write=*/true);
    });
  SmallVector<Value> block0 = t.emit(e, block);
  SmallVector<Value> all = withSums(block0, own, from);
  e.when(
      last, [&] { finish(all, places, h, place); },
      [&] {
        for (auto [n, value] : llvm::enumerate(all))
          e.store(value, e.at(own, int64_t(n) * c.lanes, element),
                  Lanes{c.lanes, {}});
      });
}

void ChannelLanes::emitUnit(Ix unit) {
  Ix perTile = e.mul(groups, c.strips());
  Ix rest = e.rem(unit, perTile);
  // Units of the same channels follow one another: the first one packs.
  Value packs = e.make<arith::OrIOp>(
      e.compare(arith::CmpIPredicate::eq, rest, 0),
      e.compare(arith::CmpIPredicate::eq, unit, Ix(k.begin)));
  Ix tileChannels = c.channelsOfUnit(e, groups, several);
  firstChannel = e.mul(e.div(unit, perTile), tileChannels);
  channels = e.min(tileChannels, e.sub(c.filters, firstChannel));
  firstImage = e.mul(e.div(rest, c.strips()), c.images);
  images = c.images == 1 ? Ix(1) : e.min(c.images, e.sub(batch, firstImage));
  Ix strip = e.rem(rest, c.strips());
  firstRow = c.rowStrips > 1 ? e.mul(strip, c.stripRows) : Ix(0);
  firstPiece = c.pieceStrips > 1 ? e.mul(strip, c.stripPieces) : Ix(0);
  Ix rows = e.min(c.stripRows, e.sub(c.result[0], firstRow));
  Ix lastPiece = e.min(e.add(firstPiece, c.stripPieces), c.pieces);
  Ix kept = c.packedPanels(e, groups);
  e.loop(0, c.chain, kGemmBlock, [&](Ix from) {
    Ix block = e.min(kGemmBlock, e.sub(c.chain, from));
    if (!c.direct)
      overImages([&] {
        c.onePlace ? stagePanels(rows, lastPiece, from, block)
                   : stage(rows, from, block);
      });
    Ix panels = e.ceilDiv(channels, c.width());
    e.loop(0, panels, 1, [&](Ix n) {
      number = n;
      Ix channel = e.add(firstChannel, e.mul(number, c.width()));
      Ix at = ready ? e.div(channel, c.width()) : number;
      Ix slot = e.add(e.mul(at, c.blocks()), e.div(from, kGemmBlock));
      if (!ready)
        slot = e.min(slot, e.sub(kept, 1));
      panel = e.at(packed, e.mul(slot, c.panel()), element);
      // Behind the last one the first one of the next block.
      Ix step =
          e.select(e.compare(arith::CmpIPredicate::slt, e.add(n, 1), panels),
                   c.blocks(), e.sub(1, e.mul(n, c.blocks())));
      if (!ready) // kept for other images?
        step = e.select(
            e.compare(arith::CmpIPredicate::sle, e.mul(groups, c.strips()), 1),
            0, step);
      nextPanel = e.at(panel, e.mul(step, c.panel()), element);
      if (!ready)
        e.when(packs, [&] { packPanel(e, c, *filter, channel, from, panel); });
      overImages([&] {
        e.loop(0, rows, 1, [&](Ix row) {
          overPieces(lastPiece, [&](Ix piece, int64_t places) {
            tile(row, piece, places, from, block);
          });
        });
      });
    });
  });
}

LogicalResult ChannelLanes::emit() {
  source = k.argumentBuffer(op.getX());
  filter = k.argumentBuffer(op.getW());
  ready = k.packed(cast<BlockArgument>(op.getW()).getArgNumber());
  element = source->element;
  batch = c.batch.in(ArrayRef<Buffer>(k.buffers));
  groups = c.groups(e, batch);
  if (c.isReady && c.sharedTile != c.channelTile) {
    k.asksWorkers = true;
    Value slot = e.loadRaw(e.getI64Type(),
                           e.atByte(k.closure, int64_t(8 * kSeveralSlot)), 8);
    several = e.compare(arith::CmpIPredicate::ne, Ix(slot), 0);
  }
  after.emplace(k, SmallVector<Ix>{batch, c.filters, c.result[0], c.result[1]},
                ArrayRef<int>{0, 1, 2, 3});
  after->declare(op.getY());
  if (failed(pool ? after->read(pool.getX()) : after->writeResults(op.getY())))
    return failure();
  table = k.scratch();
  turned = e.atByte(table, c.tableBytes());
  pooled = e.atByte(turned, c.turnedBytes());
  staged = e.atByte(pooled, c.pooledBytes());
  sums = e.atByte(staged, c.stagedBytes());
  packed = ready ? ready->pointer : e.atByte(sums, c.sumsBytes(e, groups));
  if (!c.onePlace)
    fillTable();
  e.loop(Ix(k.begin), Ix(k.end), 1, [&](Ix unit) { emitUnit(unit); });
  offerFilters();

  k.work = [c = c, kernel = &k](Emit &e, ArrayRef<Extents> shapes) {
    Ix images = c.batch.in(shapes), groups = c.groups(e, images);
    Ix unitChannels = c.channelsOfUnit(
        e, groups, c.sharedTile == c.channelTile ? Value() : kernel->several);
    Ix tiles = ceilDivBy(e, c.filters, unitChannels);
    Work work;
    work.count = e.mul(e.mul(groups, c.strips()), tiles);
    // A multiply-add on vectors: some sixteen to a simple operation.
    int64_t places = c.result[0] * c.result[1];
    work.cost = e.mul(images, c.filters * places * (c.chain + 4) / 4);
    // Whoever takes over packs again.
    Ix unit =
        e.mul(unitChannels, c.images * places / c.strips() * c.chain / 16);
    work.grain = e.max(e.div(kGrainCost, e.max(unit, 1)), 1);
    return work;
  };
  bool isReady = ready;
  k.scratchBytes = [c = c, isReady](Emit &e, ArrayRef<Extents> shapes) {
    Ix groups = c.groups(e, c.batch.in(shapes));
    int64_t known = c.tableBytes() + c.turnedBytes() + c.pooledBytes() +
                    c.stagedBytes() + 64;
    Ix bytes = e.add(known, c.sumsBytes(e, groups));
    return isReady ? bytes : e.add(bytes, c.packedBytes(e, groups));
  };
  return success();
}

std::optional<LogicalResult> etch::cpu::emitChannelLanes(Kernel &k,
                                                         Conv2dOp op) {
  const Buffer *x = k.argumentBuffer(op.getX()),
               *w = k.argumentBuffer(op.getW());
  if (!x || !w || !x->dense || !w->dense)
    return {};
  auto filter = cast<BlockArgument>(op.getW());
  MaxPoolIndexOp pool = pooledBy(k.results()[0].getDefiningOp());
  ChannelCut cut;
  if (!cut.choose(op, pool, k.options.vectorBits,
                  k.hasPacked(filter.getArgNumber())))
    return {};
  cut.batch = k.extentOf(op.getX(), 0);
  ChannelLanes lanes(k, op, pool, cut);
  if (!k.packed(filter.getArgNumber()) && cut.isSmall()) {
    lanes.offerFilters();
    return {};
  }
  return lanes.emit();
}

bool etch::cpu::endsInPool(Conv2dOp op, MaxPoolIndexOp pool,
                           unsigned vectorBits) {
  ChannelCut cut;
  return !op->hasAttr(kRelaxedAttr) &&
         cut.choose(op, pool, vectorBits, /*isReady=*/false) && !cut.isSmall();
}
