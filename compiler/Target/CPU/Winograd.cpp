//===- Winograd.cpp - 3x3 convolutions with fewer products ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// For mode `fast`. A tile of m x m outputs of a window of 3 x 3 depends on n x
// n places, n = m + 2, and on as many products of transformed places and
// transformed filters: 36 instead of 144 for m = 4, 16 instead of 36 for m = 2.
// Sums over channels are matrix products of tiles by filters, one for each of
// the n x n numbers. The gradient in the images is the same with filters turned
// and another padding.
//
// A unit of work is a block of tiles (a strip of an image, or some images) for
// some filters. Everything of it stays near: the strip with channels along the
// lanes, its transform, the products, and the outputs of a vector of filters
// until what follows them is done. Filters are transformed when a worker comes
// to them first, or when the program is prepared (see Prepack.h).
//
// Errors, in f32, of which a rounding is 2^-24: at most channels + 20 roundings
// of 2304 (m = 4) or 64 (m = 2) times the sum over channels of the largest
// place of a tile by the largest tap. Of noise, tests see less than 2^-20 of
// the sum of the largest place by the sum of taps, all by magnitude; 2^-21 is
// usual.
//===----------------------------------------------------------------------===//

#include "compiler/Target/CPU/Winograd.h"

#include "compiler/Target/CPU/Convolution.h"
#include "compiler/Target/CPU/TurnedStrip.h"
#include "compiler/Target/Kernel/Evaluator.h"

#include "dialects/Etch/Contraction.h"
#include "dialects/Etch/ScalarExpr.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace etch;
using namespace etch::cpu;

/// Bytes of numbers that stay in the nearer caches beside others, and what a
/// block may take at all beside its filters.
constexpr int64_t kNear = 5 << 18, kLargest = 32 << 20;
/// From so many images on it must pay, if their number is open.
constexpr int64_t kManyImages = 64;
/// Of filters, packed.
constexpr llvm::StringLiteral kForm = "winograd";

//===----------------------------------------------------------------------===//
// How it is cut, and when it pays
//===----------------------------------------------------------------------===//

namespace {

/// All but the batch is known.
struct Job {
  ExtentRef batch;
  bool transposed;
  int64_t channels, filters; ///< summed over, and of the result
  int64_t extent[2], count[2], pad[2];
  int64_t lanes, most;  ///< most: rows of a register tile
  int64_t fewest = 0;   ///< images; of fewer the chains are cheaper
  bool isReady = false; ///< filters are transformed already
  // How it is cut:
  int64_t m;                 ///< outputs of a tile along each axis
  int64_t tiles[2];          ///< of an image
  int64_t each, chunks;      ///< filters of a unit, units for all of them
  int64_t images, stripRows; ///< of a unit: images, rows of tiles
  int64_t rows;              ///< of a register tile

  int64_t n() const { return m + 2; }
  int64_t products() const { return n() * n(); }
  int64_t nr() const { return 2 * lanes; }
  int64_t panels() const { return int64_t(llvm::divideCeil(each, nr())); }
  int64_t strips() const {
    return int64_t(llvm::divideCeil(tiles[0], stripRows));
  }
  int64_t block() const { return images * stripRows * tiles[1]; }
  Ix blocks(Emit &e, Ix batch) const {
    return e.mul(e.ceilDiv(batch, images), strips());
  }
  // Elements, with an odd number of cache lines from plane to plane.
  static int64_t plane(int64_t n) { return int64_t(llvm::alignTo(n, 32)) + 16; }
  /// Numbers of tiles are (products, groups of channels, tiles, lanes), those
  /// of filters (products, panels, channels, nr), sums (products, panels,
  /// tiles, nr): what comes one after the other lies side by side.
  int64_t padded() const { return int64_t(llvm::alignTo(block(), rows)); }
  int64_t groups() const { return int64_t(llvm::divideCeil(channels, lanes)); }
  int64_t imageGroup() const { return (padded() | 1) * lanes; }
  int64_t imagePlane() const { return plane(groups() * imageGroup()); }
  int64_t filterPlane() const { return plane(panels() * nr() * channels); }
  int64_t filterBytes() const { return 4 * products() * filterPlane(); }
  int64_t sumPlane() const { return plane(padded() * panels() * nr()); }
  int64_t stripPitch() const { return m * tiles[1] + 2; }
  int64_t stripElements() const {
    return ((m * stripRows + 2) * stripPitch() + lanes) * lanes;
  }
  int64_t outputPitch() const {
    return int64_t(llvm::alignTo(m * tiles[1], lanes));
  }
  int64_t outputElements() const {
    return m * stripRows * outputPitch() * lanes;
  }
  int64_t scratch() const {
    int64_t filters = isReady ? 0 : filterPlane();
    return 4 * (products() * (imagePlane() + filters + sumPlane()) +
                stripElements() + 2 * outputElements());
  }

  bool bind(Kernel &k, Operation *op);
  void cut(int64_t m, int64_t filters, int64_t tiles);
  double cycles(int64_t number) const;
  double filterCycles(double units) const;
  int64_t grain() const;
  double directCycles(int64_t number) const;
  bool choose(int64_t number);
};

} // namespace

bool Job::bind(Kernel &k, Operation *op) {
  const Buffer *source = k.argumentBuffer(op->getOperand(0));
  const Buffer *filter = k.argumentBuffer(op->getOperand(1));
  if (!source || !filter || !source->element.isF32() || !source->dense ||
      k.options.vectorBits < 256)
    return false;
  transposed = isa<Conv2dInputGradOp>(op);
  auto only = [&](StringRef name, int64_t value) {
    return llvm::all_of(op->getAttrOfType<DenseI64ArrayAttr>(name).asArrayRef(),
                        [&](int64_t v) { return v == value; });
  };
  if (op->getAttrOfType<IntegerAttr>("groups").getInt() != 1 ||
      !only("stride", 1) || !only("dilation", 1))
    return false;
  Value images = op->getOperand(0), w = op->getOperand(1);
  batch = k.extentOf(images, 0);
  int64_t known[8];
  for (unsigned i = 0; i < 8; ++i) {
    ExtentRef extent = i < 4   ? k.extentOf(w, i)
                       : i < 6 ? k.extentOf(images, i - 2)
                               : k.extentOf(op->getResult(0), i - 4);
    if (extent.operand >= 0 || extent.known < 1)
      return false;
    known[i] = extent.known;
  }
  if (known[2] != 3 || known[3] != 3)
    return false;
  filters = known[transposed ? 1 : 0];
  channels = known[transposed ? 0 : 1];
  auto padding = op->getAttrOfType<DenseI64ArrayAttr>("pad").asArrayRef();
  for (size_t i = 0; i < 2; ++i) {
    extent[i] = known[4 + i];
    count[i] = known[6 + i];
    pad[i] = transposed ? 2 - padding[i] : padding[i];
    if (pad[i] < 0)
      return false;
  }
  lanes = k.lanesOf(source->element);
  most = k.options.vectorBits >= 512 ? 14 : 6;
  if (batch.operand < 0)
    return choose(batch.known);
  if (!choose(kManyImages))
    return false;
  fewest = 1;
  while (fewest < kManyImages && cycles(fewest) >= directCycles(fewest))
    ++fewest;
  return true;
}

/// The cheapest cut for so many images; false if none is cheap enough.
bool Job::choose(int64_t number) {
  double best = directCycles(number);
  std::optional<Job> chosen;
  for (int64_t size : {4, 2})
    for (int64_t some = nr(); some <= 256; some *= 2)
      for (int64_t block : {16, 32, 48, 64, 96, 128}) {
        cut(size, some, block);
        if (scratch() > kLargest + (isReady ? 0 : filterBytes()) ||
            cycles(number) >= best)
          continue;
        best = cycles(number);
        chosen = *this;
      }
  if (chosen)
    *this = *chosen;
  return chosen.has_value();
}

/// So many filters in a unit, and about so many tiles.
void Job::cut(int64_t size, int64_t some, int64_t wanted) {
  m = size;
  auto parts = [](int64_t n, int64_t most) {
    return int64_t(llvm::divideCeil(n, most));
  };
  for (int i = 0; i < 2; ++i)
    tiles[i] = parts(count[i], m);
  chunks = parts(filters, some);
  each = int64_t(llvm::alignTo(parts(filters, chunks), lanes));
  chunks = parts(filters, each);
  int64_t all = tiles[0] * tiles[1];
  images = std::max<int64_t>(wanted / all, 1);
  if (batch.operand < 0)
    images = std::clamp<int64_t>(batch.known, 1, images);
  stripRows = std::clamp<int64_t>(wanted / tiles[1], 1, tiles[0]);
  stripRows = parts(tiles[0], parts(tiles[0], stripRows));
  rows = most;
  auto cost = [&](int64_t r) { return parts(block(), r) * (r + 1); };
  for (int64_t r = most; r > most / 2; --r)
    if (cost(r) < cost(rows))
      rows = r;
}

/// Estimates for so many images, from measurements. A multiply-add takes half a
/// cycle, sums of a block go to memory and back. Transforms take a few cycles
/// for each number, more where numbers go farther than the nearest caches;
/// before and behind them rows are turned. Filters that do not stay near go to
/// memory and come back for each block.
double Job::cycles(int64_t number) const {
  int64_t inUnit = std::min(images, number) * stripRows * tiles[1];
  double units = double(llvm::divideCeil(number, images) * strips());
  double columns = double(each * chunks / lanes), p = double(products());
  double sums = units * double(llvm::alignTo(inUnit, rows)) * columns * p *
                (double(channels) + 8) * (each <= nr() ? 0.7 : 0.55);
  double groupsRead = double(groups() * chunks);
  bool isFar = 4 * products() * (imagePlane() + sumPlane()) > kNear;
  double transforms = units * double(inUnit) *
                      (groupsRead * p * (isFar ? 19 : 9) + columns * p * 5);
  double row = double(llvm::divideCeil(count[1], lanes)) * 110;
  double turned = double(number * strips()) * row *
                  (groupsRead * double(m * stripRows + 2) +
                   columns * double(m * stripRows));
  return sums + transforms + turned + filterCycles(units);
}

/// Those that are there come from memory once: for products, unlike the chains,
/// in less time than that takes.
double Job::filterCycles(double units) const {
  double weights = double(channels) * double(each * chunks);
  double p = double(products()), own = weights * (p + 9) / double(lanes) * 6;
  bool isFar = filterBytes() > kNear;
  if (isReady)
    return weights * p * (0.8 + (isFar ? (units - 1) / 5 : 0));
  if (isFar)
    own += weights * p * (0.8 + units / 5);
  return own;
}

/// Units of a piece of work: filters, which are transformed for each piece, are
/// a seventh of it.
int64_t Job::grain() const {
  double all = cycles(images), own = filterCycles(double(strips()));
  return 1 + int64_t(6 * own * double(strips()) / (all - own));
}

double Job::directCycles(int64_t number) const {
  return double(number * count[0] * count[1]) * double(filters) *
         double(channels) * 9 / double(lanes) * 0.6;
}

//===----------------------------------------------------------------------===//
// Transforms of one axis
//===----------------------------------------------------------------------===//

namespace {

/// Vectors that are added and multiplied.
struct Transform {
  Emit &e;
  int64_t lanes, m;
  using Numbers = SmallVector<Value>;

  Value add(Value a, Value b) const { return e.make<arith::AddFOp>(a, b); }
  Value sub(Value a, Value b) const { return e.make<arith::SubFOp>(a, b); }
  Value number(double c) const { return e.constant(e.getF32Type(), c, lanes); }
  Value times(double c, Value a) const {
    return e.make<arith::MulFOp>(number(c), a);
  }
  /// c * a + b
  Value fma(double c, Value a, Value b) const {
    return etch::fma(ScalarExpr(e, e.loc, number(c)), ScalarExpr(e, e.loc, a),
                     ScalarExpr(e, e.loc, b));
  }

  /// n places.
  Numbers places(const Numbers &d) const {
    if (m == 2)
      return {sub(d[0], d[2]), add(d[1], d[2]), sub(d[2], d[1]),
              sub(d[1], d[3])};
    Value even = fma(-4, d[2], d[4]), odd = fma(-4, d[1], d[3]);
    Value even2 = sub(d[4], d[2]), odd2 = sub(d[3], d[1]);
    return {fma(4, d[0], fma(-5, d[2], d[4])),
            add(even, odd),
            sub(even, odd),
            fma(2, odd2, even2),
            fma(-2, odd2, even2),
            fma(4, d[1], fma(-5, d[3], d[5]))};
  }
  /// Three taps become n numbers.
  Numbers taps(const Numbers &g) const {
    Value ends = add(g[0], g[2]);
    if (m == 2)
      return {g[0], times(0.5, add(ends, g[1])), times(0.5, sub(ends, g[1])),
              g[2]};
    Value even = times(1. / 6, fma(0.25, g[0], g[2]));
    return {times(0.25, g[0]),
            times(-1. / 6, add(ends, g[1])),
            times(-1. / 6, sub(ends, g[1])),
            fma(1. / 12, g[1], even),
            fma(-1. / 12, g[1], even),
            g[2]};
  }
  /// n sums become m outputs.
  Numbers outputs(const Numbers &s) const {
    Value even = add(s[1], s[2]), odd = sub(s[1], s[2]);
    if (m == 2)
      return {add(s[0], even), sub(odd, s[3])};
    Value even2 = add(s[3], s[4]), odd2 = sub(s[3], s[4]);
    return {add(s[0], add(even, even2)), fma(2, odd2, odd), fma(4, even2, even),
            add(fma(8, odd2, odd), s[5])};
  }

  /// Both axes of a square, given row by row: `one` turns a row into another.
  Numbers both(const Numbers &square,
               llvm::function_ref<Numbers(const Numbers &)> one) const {
    size_t side = 1;
    while (side * side < square.size())
      ++side;
    Numbers now = square;
    for (int axis = 0; axis < 2; ++axis) {
      // Columns become rows: twice that, and all is in its place.
      Numbers next;
      size_t width = now.size() / side;
      for (size_t j = 0; j < width; ++j) {
        Numbers column;
        for (size_t i = 0; i < side; ++i)
          column.push_back(now[i * width + j]);
        llvm::append_range(next, one(column));
      }
      now = std::move(next);
    }
    return now;
  }
};

} // namespace

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

namespace {

class Winograd {
public:
  Winograd(Kernel &k, Operation *op, const Job &job)
      : k(k), e(k.e), op(op), job(job), transform{k.e, job.lanes, job.m} {}
  LogicalResult emit();
  /// Those of unit `chunk`, behind those of the units before it.
  static void packFilters(Kernel &k, const Job &job, Ix chunk,
                          const Buffer &from, Value to) {
    Winograd unit(k, nullptr, job);
    unit.element = from.element;
    unit.filter = &from;
    unit.weights = k.e.atByte(to, k.e.mul(chunk, job.filterBytes()));
    unit.transformFilters(k.e.mul(chunk, job.each));
  }

private:
  LogicalResult bind();
  void emitUnit(Ix unit);
  void transformFilters(Ix firstFilter);
  void transformTiles(Ix image, Ix firstTile, Ix firstRow, Ix rows);
  SmallVector<Value> registerTile(Value tiles, Value filters, int64_t vectors);
  void multiply(Ix tiles);
  void transformSums(Ix image, Ix firstTile, Ix firstRow, Ix rows,
                     Ix firstFilter, Ix filters);
  void finish(Ix image, Ix firstFilter, Ix filters, Ix firstPlace, Ix places);

  Value loadVector(Value base, Ix offset) {
    return e.load(e.at(base, offset, element), 1, element,
                  Lanes{job.lanes, {}});
  }
  void storeVector(Value v, Value base, Ix offset) {
    e.store(v, e.at(base, offset, element), Lanes{job.lanes, {}});
  }

  Kernel &k;
  Emit &e;
  Operation *op;
  Job job;
  Transform transform;
  Type element;
  const Buffer *source, *filter;
  const Buffer *ready; ///< filters, transformed; null: they are not
  std::optional<Evaluator> after;
  Value numbers, weights, sums; ///< of tiles, of filters, their products
  Value strip, outputs, turned;
};

} // namespace

LogicalResult Winograd::bind() {
  source = k.argumentBuffer(op->getOperand(0));
  filter = k.argumentBuffer(op->getOperand(1));
  ready =
      k.packed(cast<BlockArgument>(op->getOperand(1)).getArgNumber(), kForm);
  element = source->element;
  SmallVector<Ix> space = {job.batch.in(ArrayRef<Buffer>(k.buffers)),
                           job.filters, job.count[0], job.count[1]};
  after.emplace(k, space, ArrayRef<int>{0, 1, 2, 3});
  return after->writeResults(op->getResult(0));
}

/// Panels of nr filters side by side, channel after channel.
void Winograd::transformFilters(Ix firstFilter) {
  int64_t lanes = job.lanes, nr = job.nr();
  Ix along = filter->strides[job.transposed ? 1 : 0];
  Ix deep = filter->strides[job.transposed ? 0 : 1];
  Ix left = e.sub(job.filters, firstFilter);
  e.loop(0, job.each, lanes, [&](Ix row) {
    // Behind the last filter: zeros.
    bool whole = job.filters % job.each == 0;
    Lanes covered = {lanes,
                     whole ? Value() : e.maskBelow(e.sub(left, row), lanes)};
    Value from =
        e.at(filter->pointer, e.mul(e.add(firstFilter, row), along), element);
    Ix to = e.add(e.mul(e.div(row, nr), job.channels * nr), e.rem(row, nr));
    e.loop(0, job.channels, 1, [&](Ix channel) {
      Transform::Numbers taps;
      for (int64_t t = 0; t < 9; ++t) {
        int64_t tap = job.transposed ? 8 - t : t;
        Ix offset = e.add(e.mul(filter->strides[2], tap / 3),
                          e.mul(filter->strides[3], tap % 3));
        taps.push_back(
            e.load(e.at(from, e.add(e.mul(channel, deep), offset), element),
                   along, element, covered));
      }
      taps = transform.both(
          taps, [&](const Transform::Numbers &g) { return transform.taps(g); });
      Ix place = e.add(to, e.mul(channel, nr));
      for (auto [p, v] : llvm::enumerate(taps))
        storeVector(v, weights, e.add(place, int64_t(p) * job.filterPlane()));
    });
  });
}

/// Some rows of tiles of an image, all channels.
void Winograd::transformTiles(Ix image, Ix firstTile, Ix firstRow, Ix rows) {
  int64_t lanes = job.lanes, m = job.m, n = job.n(), pitch = job.stripPitch();
  Value base = e.at(source->pointer, e.mul(image, source->strides[0]), element);
  e.loop(0, job.channels, lanes, [&](Ix channel) {
    TurnedStrip turned;
    turned.element = element;
    turned.lanes = lanes;
    for (int64_t l = 0; l < lanes; ++l) {
      // Behind the last channel: that one again. Nobody looks at it.
      Ix plane = e.add(channel, l);
      if (job.channels % lanes)
        plane = e.min(plane, job.channels - 1);
      turned.planes.push_back(
          e.at(base, e.mul(plane, source->strides[1]), element));
    }
    std::copy_n(job.extent, 2, turned.extent);
    turned.origin = e.sub(e.mul(firstRow, m), job.pad[0]);
    turned.rows = e.add(e.mul(rows, m), 2);
    turned.left = job.pad[1];
    turned.pitch = pitch;
    turned.target = strip;
    turned.emit(e);
    e.loop(0, rows, 1, [&](Ix row) {
      Value ofRow = e.at(strip, e.mul(row, m * pitch * lanes), element);
      Ix first = e.add(firstTile, e.mul(row, job.tiles[1]));
      Value toRow = e.at(numbers,
                         e.add(e.mul(e.div(channel, lanes), job.imageGroup()),
                               e.mul(first, lanes)),
                         element);
      e.loop(0, job.tiles[1], 1, [&](Ix tile) {
        Value from = e.at(ofRow, e.mul(tile, m * lanes), element);
        Value to = e.at(toRow, e.mul(tile, lanes), element);
        Transform::Numbers places;
        for (int64_t i = 0; i < n; ++i)
          for (int64_t j = 0; j < n; ++j)
            places.push_back(loadVector(from, (i * pitch + j) * lanes));
        places = transform.both(places, [&](const Transform::Numbers &d) {
          return transform.places(d);
        });
        for (auto [p, v] : llvm::enumerate(places))
          storeVector(v, to, int64_t(p) * job.imagePlane());
      });
    });
  });
}

/// Rows of tiles by one or two vectors of filters, in registers: sums over all
/// channels.
SmallVector<Value> Winograd::registerTile(Value tiles, Value filters,
                                          int64_t vectors) {
  int64_t lanes = job.lanes, nr = job.nr();
  Lanes all = {lanes, {}};
  // The channels of one group.
  auto add = [&](ValueRange before, Ix group, int64_t steps) {
    Value left = e.at(tiles, e.mul(group, job.imageGroup()), element);
    Value right = e.at(filters, e.mul(group, lanes * nr), element);
    return e.loop(0, steps, 1, before, [&](Ix k, ValueRange carried) {
      Value atRight = e.at(right, e.mul(k, nr), element);
      SmallVector<Value> columns;
      for (int64_t v = 0; v < vectors; ++v)
        columns.push_back(loadVector(atRight, v * lanes));
      Value atLeft = e.at(left, k, element);
      SmallVector<Value> next;
      for (int64_t r = 0; r < job.rows; ++r) {
        Value number =
            e.load(e.at(atLeft, r * lanes, element), 0, element, all);
        for (int64_t v = 0; v < vectors; ++v)
          next.push_back(
              fma(ScalarExpr(e, e.loc, number),
                  ScalarExpr(e, e.loc, columns[size_t(v)]),
                  ScalarExpr(e, e.loc, carried[size_t(vectors * r + v)])));
      }
      return next;
    });
  };
  SmallVector<Value> sums(size_t(vectors * job.rows),
                          e.constant(element, 0, lanes));
  int64_t whole = job.channels / lanes;
  sums = e.loop(0, whole, 1, sums, [&](Ix group, ValueRange before) {
    return add(before, group, lanes);
  });
  return job.channels % lanes ? add(sums, whole, job.channels % lanes) : sums;
}

void Winograd::multiply(Ix tiles) {
  int64_t nr = job.nr(), lanes = job.lanes;
  e.loop(0, job.products(), 1, [&](Ix p) {
    Value left = e.at(numbers, e.mul(p, job.imagePlane()), element);
    Value right = e.at(weights, e.mul(p, job.filterPlane()), element);
    Value into = e.at(sums, e.mul(p, job.sumPlane()), element);
    // No garbage behind the last tile: multiply-adds of it may be slow.
    e.loop(0, job.groups(), 1, [&](Ix group) {
      Value ofGroup = e.at(left, e.mul(group, job.imageGroup()), element);
      e.loop(tiles, e.roundUp(tiles, job.rows), 1, [&](Ix tile) {
        storeVector(e.constant(element, 0, lanes), ofGroup, e.mul(tile, lanes));
      });
    });
    auto multiplyBy = [&](Ix panel, int64_t vectors) {
      Value filters = e.at(right, e.mul(panel, job.channels * nr), element);
      e.loop(0, tiles, job.rows, [&](Ix tile) {
        SmallVector<Value> block = registerTile(
            e.at(left, e.mul(tile, lanes), element), filters, vectors);
        Ix to = e.add(e.mul(panel, job.padded() * nr), e.mul(tile, nr));
        for (int64_t i = 0; i < int64_t(block.size()); ++i)
          storeVector(block[size_t(i)], into,
                      e.add(to, i / vectors * nr + i % vectors * lanes));
      });
    };
    int64_t whole = job.each / nr;
    e.loop(0, whole, 1, [&](Ix panel) { multiplyBy(panel, 2); });
    if (job.each % nr)
      multiplyBy(whole, 1);
  });
}

/// Some rows of tiles of an image: outputs, and what follows them.
void Winograd::transformSums(Ix image, Ix firstTile, Ix firstRow, Ix rows,
                             Ix firstFilter, Ix filters) {
  int64_t lanes = job.lanes, m = job.m, pitch = job.outputPitch();
  Ix firstPlace = e.mul(firstRow, m);
  Ix places = e.min(e.mul(rows, m), e.sub(job.count[0], firstPlace));
  e.loop(0, filters, lanes, [&](Ix number) {
    e.loop(0, rows, 1, [&](Ix row) {
      Ix panel = e.mul(e.div(number, job.nr()), job.padded() * job.nr());
      Ix first = e.add(firstTile, e.mul(row, job.tiles[1]));
      Value ofRow = e.at(
          sums,
          e.add(e.add(panel, e.rem(number, job.nr())), e.mul(first, job.nr())),
          element);
      Value toRow = e.at(outputs, e.mul(row, m * pitch * lanes), element);
      e.loop(0, job.tiles[1], 1, [&](Ix tile) {
        Value from = e.at(ofRow, e.mul(tile, job.nr()), element);
        Value to = e.at(toRow, e.mul(tile, m * lanes), element);
        Transform::Numbers square;
        for (int64_t p = 0; p < job.products(); ++p)
          square.push_back(loadVector(from, p * job.sumPlane()));
        square = transform.both(square, [&](const Transform::Numbers &s) {
          return transform.outputs(s);
        });
        for (int64_t i = 0; i < m; ++i)
          for (int64_t j = 0; j < m; ++j)
            storeVector(square[size_t(i * m + j)], to, (i * pitch + j) * lanes);
      });
    });
    // From filters along the lanes to places.
    Ix plane = m * job.stripRows * pitch;
    e.loop(0, e.mul(places, pitch), lanes, [&](Ix place) {
      SmallVector<Value> vectors;
      for (int64_t l = 0; l < lanes; ++l)
        vectors.push_back(loadVector(outputs, e.mul(e.add(place, l), lanes)));
      transposeVectors(e, vectors, lanes);
      for (int64_t l = 0; l < lanes; ++l)
        storeVector(vectors[size_t(l)], turned, e.add(e.mul(plane, l), place));
    });
    finish(image, e.add(firstFilter, number),
           e.min(lanes, e.sub(filters, number)), firstPlace, places);
  });
}

void Winograd::finish(Ix image, Ix firstFilter, Ix filters, Ix firstPlace,
                      Ix places) {
  int64_t pitch = job.outputPitch(), lanes = k.commonLanes();
  bool peel = k.options.vectorBits < 512;
  e.loop(0, filters, 1, [&](Ix number) {
    Value ofFilter =
        e.at(turned, e.mul(number, job.m * job.stripRows * pitch), element);
    e.loop(0, places, 1, [&](Ix row) {
      Value from = e.at(ofFilter, e.mul(row, pitch), element);
      after->enter(
          {image, e.add(firstFilter, number), e.add(firstPlace, row), Ix(0)},
          3);
      e.vectorLoop(0, job.count[1], lanes, peel, [&](Ix j, Lanes covered) {
        after->point(j, covered);
        after->give(op->getResult(0), e.load(e.at(from, j, element), 1, element,
                                             Lanes{covered.count, {}}));
        after->store();
      });
    });
  });
}

void Winograd::emitUnit(Ix unit) {
  Ix batch = job.batch.in(ArrayRef<Buffer>(k.buffers));
  Ix blocks = e.max(job.blocks(e, batch), 1);
  Ix block = e.rem(unit, blocks);
  Ix firstFilter = e.mul(e.div(unit, blocks), job.each);
  Ix filters = job.filters % job.each
                   ? e.min(job.each, e.sub(job.filters, firstFilter))
                   : Ix(job.each);
  Value arrives =
      e.make<arith::OrIOp>(e.compare(arith::CmpIPredicate::eq, block, 0),
                           e.compare(arith::CmpIPredicate::eq, unit, k.begin));
  if (ready)
    weights =
        e.atByte(ready->pointer, e.mul(e.div(unit, blocks), job.filterBytes()));
  else
    e.when(arrives, [&] { transformFilters(firstFilter); });
  int64_t strips = job.strips();
  Ix firstRow = e.mul(e.rem(block, strips), job.stripRows);
  Ix rows = job.tiles[0] % job.stripRows
                ? e.min(job.stripRows, e.sub(job.tiles[0], firstRow))
                : Ix(job.stripRows);
  Ix image = e.mul(e.div(block, strips), job.images);
  Ix images = 1;
  if (job.images > 1)
    images = batch.isKnown() && batch.known % job.images == 0
                 ? Ix(job.images)
                 : e.min(job.images, e.sub(batch, image));
  Ix each = e.mul(rows, job.tiles[1]);
  e.loop(0, images, 1, [&](Ix n) {
    transformTiles(e.add(image, n), e.mul(n, each), firstRow, rows);
  });
  multiply(e.mul(images, each));
  e.loop(0, images, 1, [&](Ix n) {
    transformSums(e.add(image, n), e.mul(n, each), firstRow, rows, firstFilter,
                  filters);
  });
}

/// All filters may be transformed before.
static void offerFilters(Kernel &k, Operation *op, const Job &job) {
  Packing packing;
  packing.operand = cast<BlockArgument>(op->getOperand(1)).getArgNumber();
  packing.form = kForm;
  packing.bytes = job.chunks * job.filterBytes();
  packing.units = job.chunks;
  packing.cost = job.channels * job.each * job.chunks * job.products();
  packing.emit = [job](Kernel &k, Ix unit, const Buffer &from, Value to) {
    Winograd::packFilters(k, job, unit, from, to);
  };
  k.offer(std::move(packing));
}

LogicalResult Winograd::emit() {
  if (failed(bind()))
    return failure();
  numbers = k.scratch();
  auto behind = [&](Value start, int64_t elements) {
    return e.atByte(start, 4 * elements);
  };
  weights = behind(numbers, job.products() * job.imagePlane());
  sums = behind(weights, job.isReady ? 0 : job.products() * job.filterPlane());
  strip = behind(sums, job.products() * job.sumPlane());
  outputs = behind(strip, job.stripElements());
  turned = behind(outputs, job.outputElements());
  e.loop(Ix(k.begin), Ix(k.end), 1, [&](Ix unit) { emitUnit(unit); });
  offerFilters(k, op, job);

  bool isReady = ready;
  k.work = [job = job, isReady](Emit &e, ArrayRef<Extents> shapes) {
    Ix blocks = job.blocks(e, job.batch.in(shapes));
    Work work;
    work.count = e.mul(blocks, job.chunks);
    int64_t unit =
        job.block() * job.products() * job.each * (job.channels + 8) / 16;
    work.cost = e.mul(work.count, 4 * unit);
    work.grain = isReady ? 1 : job.grain();
    return work;
  };
  k.scratchBytes = [job = job](Emit &, ArrayRef<Extents>) {
    return Ix(job.scratch());
  };
  return success();
}

std::optional<LogicalResult>
etch::cpu::emitWinograd(Kernel &k, Operation *op,
                        llvm::function_ref<LogicalResult()> direct) {
  if (!op->hasAttr(kRelaxedAttr) || !k.argumentBuffer(op->getOperand(1)))
    return {};
  Job job, ready;
  unsigned filters = cast<BlockArgument>(op->getOperand(1)).getArgNumber();
  job.isReady = k.hasPacked(filters, kForm);
  ready.isReady = true;
  if (!job.bind(k, op)) {
    if (!job.isReady && ready.bind(k, op))
      offerFilters(k, op, ready);
    return {};
  }
  if (job.fewest <= 1)
    return Winograd(k, op, job).emit();
  // Few images by the chains of the definition, many by fewer products.
  auto isMany = [job](Emit &e, const auto &from) {
    return e.compare(arith::CmpIPredicate::sge, job.batch.in(from), job.fewest);
  };
  struct Way {
    LogicalResult emitted = success();
    decltype(k.work) work;
    decltype(k.scratchBytes) scratch;
  } many, few;
  auto emit = [&](Way &way, llvm::function_ref<LogicalResult()> emitOne) {
    way.emitted = emitOne();
    way.work = std::move(k.work);
    way.scratch = std::move(k.scratchBytes);
  };
  k.e.when(
      isMany(k.e, ArrayRef<Buffer>(k.buffers)),
      [&] { emit(many, [&] { return Winograd(k, op, job).emit(); }); },
      [&] { emit(few, direct); });
  k.work = [=](Emit &e, ArrayRef<Extents> shapes) {
    Value which = isMany(e, shapes);
    Work a = many.work(e, shapes), b = few.work(e, shapes);
    return Work{e.select(which, a.count, b.count),
                e.select(which, a.grain, b.grain),
                e.select(which, a.cost, b.cost)};
  };
  k.scratchBytes = [=](Emit &e, ArrayRef<Extents> shapes) {
    return e.select(isMany(e, shapes), many.scratch(e, shapes),
                    few.scratch(e, shapes));
  };
  return success(succeeded(many.emitted) && succeeded(few.emitted));
}
