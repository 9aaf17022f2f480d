//===- ConvolutionCut.cpp - How a convolution's work is cut ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Target/CPU/ConvolutionCut.h"

#include "llvm/Support/MathExtras.h"

using namespace etch::cpu;
using namespace etch::cpu::correlation;

/// Places that a unit packs panels of, about.
constexpr int64_t kPlaces = 512;
/// What a step of a register tile takes beside its multiply-adds, in these.
constexpr int64_t kStep = 1;
/// Rows of filters, times taps, that make staging cheap.
constexpr int64_t kStagingRows = 128;
/// Cycles to copy a piece of a vector; how much longer multiply-adds take with
/// vectors across lines of the cache, or in lines that no other tap has read;
/// bytes that stay in the cache beside others, and that come from behind it in
/// a cycle.
constexpr double kPiece = 3.5, kSplit = 1.07, kFresh = 0.2, kNear = 1 << 20,
                 kFar = 8;

/// Few rows leave registers for more columns.
void Job::choose(Emit &e, const Numbers &x, bool many) {
  int64_t registers = many ? 28 : 12, most = many ? 14 : 6;
  tile.rows = many ? 8 : 6;
  tile.vectors = 2;
  if (!x.rows.isKnown())
    return;
  int64_t rows = std::max<int64_t>(x.rows.known, 1);
  tile.rows = std::min(rows, most);
  for (int64_t r = most; r > most / 2 - 1 && rows % tile.rows; --r)
    if (rows % r == 0)
      tile.rows = r;
  // Else as few rows behind the last one as may be; each needs a register for
  // its address.
  auto covered = [&](int64_t r) { return int64_t(llvm::alignTo(rows, r)); };
  if (many && rows % tile.rows) {
    tile.rows = 9;
    for (int64_t r : {8, 7})
      if (covered(r) < covered(tile.rows))
        tile.rows = r;
  }
  tile.vectors = std::min<int64_t>(registers / tile.rows, 8);
  Cut c = cut(e, x);
  chooseVectors(e.mul(c.stripRows, c.pitch));
  if (many)
    choosePanels(x, c);
}

/// Vectors side by side against a remainder behind the strip. A step takes as
/// long as its multiply-adds, its loads (most of the source's are two) or one
/// multiply-add after the other.
void Job::chooseVectors(Ix places) {
  if (!places.isKnown())
    return;
  int64_t needed =
      llvm::divideCeil(std::max<int64_t>(places.known, 1), tile.lanes);
  auto cost = [&](int64_t vectors) {
    int64_t step = std::max<int64_t>(
        {tile.rows * vectors, 2 * vectors + tile.rows + 1, 8});
    return int64_t(llvm::divideCeil(needed, vectors)) * (step + kStep);
  };
  for (int64_t v = tile.vectors; v >= 1; --v)
    if (cost(v) < cost(tile.vectors))
      tile.vectors = v;
}

/// Whether to pack panels, and of how many places. Per channel and tap and
/// image, in cycles: multiply-adds for whole vectors, two each; a copy for each
/// piece of a row in a vector.
void Job::choosePanels(const Numbers &x, const Cut &c) {
  const WindowAxis &h = c.axis[0], &w = c.axis[1];
  if (!h.count.isKnown() || !w.count.isKnown() || !c.pitch.isKnown() ||
      tile.rows < 6 || h.count.known < 1 || w.count.known < 1)
    return;
  int64_t lanes = tile.lanes, height = h.count.known, width = w.count.known;
  int64_t places = height * width;
  double filters = double(x.rows.known);
  auto vectorsOf = [&](int64_t n) {
    return int64_t(llvm::divideCeil(n, lanes));
  };
  // Some five hundred places: filters are read once for all of them, and the
  // sums stay in the cache.
  int64_t most = std::max<int64_t>(kPlaces / width, 1);
  int64_t images = 1, stripRows = std::min(most, height);
  if (most >= 2 * height) {
    bool one = x.batch.isKnown();
    int64_t limit = std::min(most / height, one ? x.batch.known : most);
    double best = 0;
    for (int64_t n = 1; n <= limit; ++n) {
      double used = double(n * places) / double(vectorsOf(n * places) * lanes);
      // More images for half a percent.
      if (used > best + 0.005 || 2 * n <= limit)
        images = n, best = used;
    }
  } else {
    int64_t strips = int64_t(llvm::divideCeil(height, stripRows));
    stripRows = int64_t(llvm::divideCeil(height, strips));
  }
  int64_t strips = int64_t(llvm::divideCeil(height, stripRows));
  double columns = images > 1
                       ? double(vectorsOf(images * places)) / double(images)
                       : double(strips * vectorsOf(stripRows * width));
  // From row to row vectors of staged places meet the lines of the cache
  // anywhere; filters that do not stay in it are read for each strip.
  double pieces = double(height) * (double(width) / double(lanes) + 1);
  double panels = columns * filters / 2 + kPiece * pieces;
  double direct = double(c.strips.known) * double(tile.vectors) *
                  double(llvm::divideCeil(c.stripRows.known * c.pitch.known,
                                          tile.columns())) *
                  filters / 2 * kSplit;
  // Windows of few places find each vector in another line of the cache.
  if (c.axis[0].taps.isKnown() && c.axis[1].taps.isKnown())
    direct *= 1 + kFresh / double(std::max<int64_t>(
                               c.axis[0].taps.known * c.axis[1].taps.known, 1));
  if (c.chain.isKnown() && c.chain.known * x.rows.known * bytes > kNear)
    direct += double(c.strips.known) * filters * double(bytes) / kFar;
  if (panels >= direct)
    return;
  packed = true;
  this->images = images;
  this->stripRows = stripRows;
  // Three vectors leave registers for nine rows: fewer loads to a multiply-add
  // than of two.
  tile.vectors =
      std::min<int64_t>(vectorsOf(std::max<int64_t>(images, 1) *
                                  (images > 1 ? places : stripRows * width)),
                        3);
  if (tile.vectors < 3)
    return;
  int64_t rows = x.rows.known;
  tile.rows = 9;
  for (int64_t r : {8, 7})
    if (llvm::alignTo(rows, r) < llvm::alignTo(rows, tile.rows))
      tile.rows = r;
}

Cut Job::cut(Emit &e, const Numbers &x) const {
  Cut c;
  for (int i = 0; i < 2; ++i) {
    WindowAxis &a = c.axis[i];
    a.extent = x.source[i];
    if (!transposed) {
      a.count = x.result[i];
      a.taps = x.taps[i];
      a.pad = pad[i];
      a.stride = stride[i];
      a.dilation = dilation[i];
    } else {
      a.count = e.ceilDiv(x.result[i], stride[i]);
      a.taps = e.ceilDiv(x.taps[i], period(i));
      a.dilation = dilation[i] / std::gcd(stride[i], dilation[i]);
      a.pad = e.sub(e.mul(e.sub(x.taps[i], 1), dilation[i]), pad[i]);
    }
    c.classes[i] = a.classes(e);
  }
  // A row's padding on the right may be that of the next row on the left.
  const WindowAxis &w = c.axis[1];
  Ix reach = e.add(w.count, w.largestShift(e));
  c.pitch = reach;
  if (stride[1] == 1) {
    Ix left = e.max(w.pad, 0);
    c.pitch = e.max(w.count, e.max(e.add(w.extent, left), e.sub(reach, left)));
  }
  c.tail = e.sub(reach, e.min(reach, c.pitch));
  int64_t nr = tile.columns(), line = 64 / bytes;
  Ix rows = e.max(c.axis[0].count, 1);
  Ix most = e.max(e.min(e.div(4096 / bytes, e.max(c.pitch, 1)), rows), 1);
  c.strips = ceilDivBy(e, rows, most);
  c.stripRows = ceilDivBy(e, rows, c.strips);
  c.images = 1;
  c.imageTiles = x.batch;
  c.width = c.pitch;
  if (packed) {
    c.stripRows = stripRows;
    c.strips = e.ceilDiv(rows, stripRows);
    if (images > 1)
      c.images = e.min(images, e.max(x.batch, 1));
    c.imageTiles = ceilDivBy(e, x.batch, c.images);
    c.width = c.axis[1].count;
  }
  c.columns = e.roundUp(e.mul(e.mul(c.images, c.stripRows), c.width), nr);
  if (packed) // an odd number of cache lines from row to row
    c.columns = e.add(c.columns, line);
  int64_t together = interleaved ? stride[1] : 1;
  c.residues = transposed ? Ix(stride[0] * stride[1] / together) : Ix(1);
  // Rows of a tile: their sums stay in the cache, and there is work for several
  // threads.
  Ix others = e.mul(e.mul(c.imageTiles, groups), e.mul(c.residues, c.strips));
  others = e.max(others, 1);
  Ix wanted = ceilDivBy(e, packed ? 2 : 8, others);
  // Each of them stages all that it reads. More than two should not spend much
  // of their time with that.
  Ix window = e.max(e.mul(c.axis[0].taps, c.axis[1].taps), 1);
  wanted = e.min(wanted, e.max(e.div(e.mul(x.rows, window), kStagingRows), 2));
  Ix fitting = e.div(e.div((1 << 20) / bytes / together, e.max(c.columns, 1)),
                     tile.rows);
  wanted =
      e.max(wanted,
            ceilDivBy(e, x.rows, e.max(e.mul(fitting, tile.rows), tile.rows)));
  c.rowTile = e.roundUp(ceilDivBy(e, x.rows, wanted), tile.rows);
  c.rowTile = e.max(c.rowTile, tile.rows);
  c.rowTiles = ceilDivBy(e, x.rows, c.rowTile);
  c.units = e.mul(e.mul(c.imageTiles, groups),
                  e.mul(c.residues, e.mul(c.strips, c.rowTiles)));
  // An odd number of cache lines from channel to channel.
  c.stagedRows = e.add(c.stripRows, c.axis[0].largestShift(e));
  c.plane =
      e.mul(e.mul(c.classes[0], c.classes[1]), e.mul(c.stagedRows, c.pitch));
  c.plane = e.add(e.roundUp(e.add(c.plane, c.tail), 2 * line), line);
  c.chain = e.mul(x.channels, e.mul(c.axis[0].taps, c.axis[1].taps));
  c.tableBytes = e.roundUp(e.mul(c.chain, 8), 64);
  c.channels = x.channels;
  c.channelPitch = c.plane;
  if (packed) {
    // Those that meet in one block of K.
    Ix window = e.mul(c.axis[0].taps, c.axis[1].taps);
    bool whole = !transposed || (stride[0] == 1 && stride[1] == 1);
    Ix met = whole ? e.add(e.div(e.add(window, kGemmBlock - 2), window), 1)
                   : Ix(kGemmBlock);
    c.channels = e.min(x.channels, met);
    c.channelPitch = e.add(e.roundUp(e.mul(c.images, c.plane), 2 * line), line);
  }
  Ix staged =
      e.add(e.mul(c.channels, c.channelPitch), e.add(c.columns, c.pitch));
  c.stagedBytes = e.roundUp(e.mul(e.add(staged, 64), bytes), 64);
  c.sums = e.mul(c.columns, c.rowTile);
  c.aheadBytes = packed ? kGemmBlock * 8 : 0;
  c.panelBytes = packed ? kGemmBlock * nr * bytes : 0;
  c.bytes = e.add(e.add(e.mul(c.tableBytes, 2), c.stagedBytes),
                  e.add(e.mul(c.sums, bytes * together), 64));
  c.bytes = e.add(c.bytes, e.add(c.aheadBytes, c.panelBytes));
  return c;
}
