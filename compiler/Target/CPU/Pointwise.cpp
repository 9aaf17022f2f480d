//===- Pointwise.cpp - Kernels of pointwise operations --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Target/CPU/Kernel.h"
#include "compiler/Target/Kernel/Evaluator.h"

#include "dialects/Etch/ScalarPrice.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace etch;
using namespace etch::cpu;

namespace {

/// What a point is given rather than loads.
using Given = ArrayRef<std::pair<Value, Value>>;

/// Loops over all dimensions, the last one in vectors, the outermost over the
/// units of the kernel. Where an operand is transposed, a block of its
/// contiguous dimension is the innermost loop, so that its cache lines are used
/// whole: squares of it are turned in registers, the rest is gathered.
class Nest {
public:
  static constexpr int64_t kRows = 32;

  Nest(Kernel &k, Evaluator &values, int64_t lanes,
       function_ref<void(Ix, Lanes, Given)> point)
      : k(k), values(values), lanes(lanes), point(point),
        blocked(values.transposedDim()), indices(size_t(values.rank()), Ix(0)) {
    if (blocked >= 0)
      turned = values.transposedReads(blocked);
  }

  void emit(int dim = 0) {
    Emit &e = k.e;
    if (dim == values.rank() - 1)
      return blocked < 0 ? vectors() : block();
    Ix lower = 0, upper = values.loopExtents()[dim];
    if (dim == 0) {
      lower = Ix(k.begin);
      upper = Ix(k.end);
    }
    if (dim == blocked)
      blockEnd = upper;
    e.loop(lower, upper, dim == blocked ? kRows : 1, [&](Ix i) {
      indices[dim] = i;
      emit(dim + 1);
    });
  }

  /// Whether squares are turned in registers: the body is there for each row.
  bool turns() {
    return !turned.empty() && lanes == kSide && !k.options.quick &&
           k.options.vectorBits == 512 && k.numPointwise() <= 4 &&
           llvm::all_of(turned, [&](Value v) {
             return k.e.bytesOf(getElementTypeOrSelf(v.getType())) == 4;
           });
  }

private:
  static constexpr int64_t kSide = 16;

  void vectors() {
    int last = values.rank() - 1;
    Ix n = values.loopExtents()[last];
    values.enter(indices, last);
    if (k.e.streams && n.known % lanes != 0)
      k.e.lineLoop(values.behindLine(n), 0, n, lanes, {},
                   [&](Ix i, Lanes covered, ValueRange) {
                     point(i, covered, {});
                     return SmallVector<Value>();
                   });
    else
      k.e.vectorLoop(0, n, lanes, k.peels(),
                     [&](Ix i, Lanes covered) { point(i, covered, {}); });
  }
  void block() {
    Emit &e = k.e;
    int last = values.rank() - 1;
    Ix from = indices[blocked], to = e.min(e.add(from, kRows), blockEnd);
    Ix columns = values.loopExtents()[last];
    if (!turns())
      return gathered(from, to, 0);
    auto whole = [&](Ix n) { return e.mul(e.div(n, kSide), kSide); };
    Ix middle = e.add(from, whole(e.sub(to, from)));
    e.loop(0, whole(columns), kSide, [&](Ix i) {
      e.loop(from, middle, kSide, [&](Ix row) { square(row, i); });
    });
    gathered(middle, to, 0);
    if (!columns.isKnown() || columns.known % kSide != 0)
      gathered(from, middle, whole(columns));
  }
  void gathered(Ix from, Ix to, Ix first) {
    Emit &e = k.e;
    int last = values.rank() - 1;
    e.vectorLoop(first, values.loopExtents()[last], lanes,
                 k.options.vectorBits < 512, [&](Ix i, Lanes covered) {
                   e.loop(from, to, 1, [&](Ix row) {
                     indices[blocked] = row;
                     values.enter(indices, last);
                     point(i, covered, {});
                   });
                 });
  }
  /// Rows from `row` on, vectors at i: reads run along the rows' dimension.
  void square(Ix row, Ix i) {
    Emit &e = k.e;
    int last = values.rank() - 1;
    Lanes all{kSide, {}};
    std::vector<SmallVector<Value>> squares(turned.size());
    for (int64_t column = 0; column < kSide; ++column) {
      indices[last] = e.add(i, column);
      values.enter(indices, blocked);
      values.point(row, all);
      for (auto [read, square] : llvm::zip_equal(turned, squares))
        square.push_back(values.get(read));
    }
    for (SmallVector<Value> &square : squares)
      turn(square);
    for (int64_t r = 0; r < kSide; ++r) {
      indices[blocked] = e.add(row, r);
      values.enter(indices, last);
      SmallVector<std::pair<Value, Value>> given;
      for (auto [read, square] : llvm::zip_equal(turned, squares))
        given.push_back({read, square[size_t(r)]});
      point(i, all, given);
    }
  }
  /// Exchanges rows and lanes: in blocks of half the side, of a quarter…
  void turn(SmallVector<Value> &rows) {
    for (int64_t size = kSide / 2; size >= 1; size /= 2) {
      SmallVector<int32_t> upper, lower;
      for (int64_t lane = 0; lane < kSide; ++lane) {
        bool isSecond = lane & size;
        upper.push_back(int32_t(isSecond ? kSide + lane - size : lane));
        lower.push_back(int32_t(isSecond ? kSide + lane : lane + size));
      }
      for (int64_t r = 0; r < kSide; ++r)
        if (!(r & size)) {
          Value a = rows[size_t(r)], b = rows[size_t(r + size)];
          rows[size_t(r)] = k.e.shuffle(a, b, upper);
          rows[size_t(r + size)] = k.e.shuffle(a, b, lower);
        }
    }
  }

  Kernel &k;
  Evaluator &values;
  int64_t lanes;
  function_ref<void(Ix, Lanes, Given)> point;
  int blocked;
  SmallVector<Value> turned;
  SmallVector<Ix> indices;
  Ix blockEnd;
};

} // namespace

/// From so many bytes on a result is stored past the caches: the nearer ones
/// would not hold it, and a line that is stored need not be read before.
static constexpr int64_t kStreamedBytes = 4 << 20;
/// Bodies that are written twice.
static constexpr int64_t kStreamedOps = 16;
/// How far ahead memory is fetched then: with long bodies too few loads are
/// under way at a time.
static constexpr int64_t kAhead = 2 << 10;

void cpu::emitStreamed(Kernel &k, ArrayRef<unsigned> results, Ix n,
                       int64_t lanes, function_ref<void()> loops) {
  Emit &e = k.e;
  int64_t least = 0;
  // Eager kernels shall compile quickly; long ones wait for no memory.
  bool may = k.options.vectorBits == 512 && !results.empty() &&
             k.numPointwise() <= kStreamedOps &&
             !(k.options.quick && k.isLong());
  for (unsigned i : results) {
    int64_t bytes = e.bytesOf(k.buffers[k.resultBuffer(i)].element);
    may &= lanes * bytes % 64 == 0 && (!k.isStage() || k.isLast[i]);
    least = kStreamedBytes / bytes;
  }
  for (unsigned i = 0; i < k.numInputs(); ++i)
    may &= !k.buffers[i].pointer || k.buffers[i].dense;
  if (!may || (n.isKnown() && n.known < least))
    return loops();
  Type i64 = e.getI64Type();
  auto address = [&](const Buffer &buffer) {
    return Ix(e.make<LLVM::PtrToIntOp>(i64, buffer.pointer));
  };
  Value streams = e.compare(arith::CmpIPredicate::sge, n, least);
  auto demand = [&](Value condition) {
    streams = e.make<arith::AndIOp>(streams, condition);
  };
  for (unsigned i : results) {
    Ix at = address(k.buffers[k.resultBuffer(i)]);
    demand(e.compare(arith::CmpIPredicate::eq, e.rem(at, 64), 0));
    for (unsigned j = 0; j < k.numInputs(); ++j)
      if (k.buffers[j].pointer)
        demand(e.compare(arith::CmpIPredicate::ne, at, address(k.buffers[j])));
  }
  k.streams = true;
  auto fetch = [&](int64_t ahead) {
    k.fetches = ahead && !k.isStage();
    for (unsigned i = 0; i < k.numInputs() && !k.isStage(); ++i)
      k.buffers[i].ahead = ahead;
  };
  e.when(
      streams,
      [&] {
        e.streams = true;
        fetch(kAhead);
        loops();
        e.streams = false;
        // Other cores see all before they are told that the work is done.
        if (!k.isStage())
          k.emitFence();
      },
      [&] {
        fetch(n.isKnown() ? kAhead : 0);
        loops();
        fetch(0);
      });
}

bool cpu::hasLines(Kernel &k, Ix row, int64_t lanes) {
  constexpr int64_t vectors = 4;
  return row.isKnown() && row.known >= vectors * lanes &&
         (k.options.quick || k.peels());
}

int64_t cpu::chainsOf(Kernel &k, Ix inner, int64_t lanes) {
  constexpr int64_t longer = 40; // operations in one op, for four
  bool isLonger = llvm::any_of(
      k.source.getBody().front().getOps<PointwiseOpInterface>(),
      [](PointwiseOpInterface op) { return scalarPrice(op) >= longer; });
  int64_t registers = std::max<int64_t>(1, lanes / k.commonLanes());
  int64_t chains = isLonger ? 4 : k.isLong() ? 2 : 1;
  chains = std::max<int64_t>(1, chains / registers);
  auto covered = [&](int64_t side) {
    return int64_t(llvm::alignTo(inner.known, lanes * side));
  };
  while (inner.isKnown() && chains > 1 && 4 * covered(chains) > 5 * covered(1))
    chains /= 2;
  return chains;
}

/// At how many places at a time to walk what comes from memory: each has
/// streams that the processor fetches ahead of by itself, and several keep more
/// of memory busy than those of one. Chains side by side become places.
static int64_t placesOf(Kernel &k, int64_t chains) {
  constexpr int64_t most = 4, streams = 8, ops = 24; // measured
  if (chains > 1)
    return chains;
  int64_t arrays = 0;
  for (unsigned i = 0; i < k.numInputs(); ++i)
    arrays += !k.buffers[i].extents.empty();
  int64_t bound = std::min(streams / std::max<int64_t>(arrays, 1),
                           ops / std::max<int64_t>(k.numPointwise(), 1));
  return int64_t(
      llvm::bit_floor(uint64_t(std::clamp<int64_t>(bound, 1, most))));
}

/// Walks as much as is so many vectors at each place; returns where the rest
/// begins. All reads come before the writes: one at the same offset in a page
/// as a write would wait for it.
static Ix emitPlaces(Kernel &k, Evaluator &values, Ix lower, Ix upper,
                     int64_t lanes, int64_t count) {
  Emit &e = k.e;
  Ix steps = e.div(e.max(e.sub(upper, lower), 0), count * lanes);
  Ix length = e.mul(steps, lanes);
  Lanes all{lanes, {}};
  e.loop(lower, e.add(lower, length), lanes, [&](Ix i) {
    SmallVector<Ix> places = {i};
    while (int64_t(places.size()) < count)
      places.push_back(e.add(places.back(), length));
    std::vector<SmallVector<Value>> made;
    for (Ix place : places) {
      values.point(place, all);
      made.push_back(values.made());
    }
    for (auto [place, computed] : llvm::zip_equal(places, made)) {
      values.point(place, all);
      values.store(computed);
    }
  });
  return e.add(lower, e.mul(length, count));
}

LogicalResult etch::cpu::emitPointwise(Kernel &k) {
  Emit &e = k.e;
  const Buffer &out = k.buffers[k.resultBuffer(0)];
  SmallVector<int> level;
  for (size_t axis = 0; axis < out.extents.size(); ++axis)
    level.push_back(int(axis));
  Evaluator values(k, out.extents, level);
  if (failed(values.writeResults()))
    return failure();
  values.collapse();

  auto numbers = llvm::to_vector(llvm::seq(0u, unsigned(k.results().size())));
  ArrayRef<Ix> extents = values.loopExtents();
  int64_t lanes = k.options.quick ? k.commonLanes() : k.memoryLanes();
  int64_t chains = 1;
  if (!k.options.quick)
    chains = chainsOf(k, extents.empty() ? Ix(1) : extents.back(), lanes);
  lanes *= chains;
  if (extents.empty())
    lanes = 1;
  else if (Ix inner = extents.back(); inner.isKnown())
    lanes = std::min<int64_t>(
        lanes, llvm::PowerOf2Ceil(std::max<int64_t>(inner.known, 1)));
  bool flat = extents.size() <= 1;
  // Units of a flat loop end where rows do.
  for (; flat && k.rowElements % lanes != 0; lanes /= 2)
    chains = std::max<int64_t>(1, chains / 2);
  auto point = [&](Ix i, Lanes covered, Given given) {
    values.point(i, covered);
    for (auto [read, value] : given)
      values.give(read, value);
    values.store();
  };

  // A unit is one vector of a flat loop, otherwise a step of the outermost.
  int64_t opsPerElement = k.numPointwise() + 1;
  unsigned resultOperand = k.resultBuffer(0);
  if (flat) {
    values.enter({Ix(0)}, extents.empty() ? -1 : 0);
    if (extents.empty()) {
      point(0, Lanes(), {});
    } else {
      Ix n = extents[0];
      bool whole = n.isKnown() && n.known % lanes == 0;
      Ix lower = e.mul(Ix(k.begin), lanes), upper = e.mul(Ix(k.end), lanes);
      if (!whole)
        upper = e.min(upper, n);
      if (n.isKnown() && n.known < lanes) {
        lower = 0;
        upper = n;
      }
      emitStreamed(k, numbers, n, lanes, [&] {
        Ix from = lower;
        int64_t places = 1, each = lanes / chains;
        if (k.fetches && !k.options.quick)
          places = placesOf(k, chains);
        if (places > 1)
          from = emitPlaces(k, values, lower, upper, each, places);
        if (whole && places > 1 && places * each == lanes)
          return; // there is no rest
        if (whole)
          e.loop(from, upper, lanes,
                 [&](Ix i) { point(i, Lanes{lanes, {}}, {}); });
        else
          e.vectorLoop(from, upper, lanes, k.peels() || e.streams,
                       [&](Ix i, Lanes covered) { point(i, covered, {}); });
      });
    }
  } else {
    Ix elements = 1;
    for (Ix extent : extents)
      elements = e.mul(elements, extent);
    Nest loops(k, values, lanes, point);
    auto nest = [&] { loops.emit(); };
    // Where rows are whole vectors, each begins where the first does.
    Ix row = extents.back();
    bool whole = row.isKnown() && row.known % lanes == 0;
    if (values.transposedDim() < 0 ? whole || hasLines(k, row, lanes)
                                   : whole && loops.turns())
      emitStreamed(k, numbers, elements, lanes, nest);
    else
      nest();
  }

  // The launch merges dimensions as the kernel did: the outermost loop is made
  // of the first `merged` axes of the result.
  int64_t step = values.transposedDim() == 0 ? Nest::kRows : 1;
  size_t merged = flat ? out.extents.size() : size_t(values.outermostAxes());
  k.work = [=](Emit &e, ArrayRef<Extents> shapes) {
    Ix outer = 1, inner = 1;
    for (auto [axis, extent] : llvm::enumerate(shapes[resultOperand]))
      (axis < merged ? outer : inner) =
          e.mul(axis < merged ? outer : inner, extent);
    Work work;
    work.cost = e.mul(e.mul(outer, inner), opsPerElement);
    if (flat) {
      work.count = e.ceilDiv(outer, lanes);
      work.grain = std::max<int64_t>(1, kGrainCost / opsPerElement / lanes);
    } else {
      work.count = outer;
      Ix unit = e.max(e.mul(inner, opsPerElement), 1);
      work.grain = e.roundUp(e.max(e.div(kGrainCost, unit), 1), step);
    }
    return work;
  };
  return success();
}
