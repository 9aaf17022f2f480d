//===- Gemm.cpp - Kernels of matrix products ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A block of threads computes a tile of the result. Along K it brings slices of
// both operands into shared memory; a thread keeps a few rows by a few columns
// in registers. An element is a chain of multiply-adds for each 256 steps of K,
// and the chains add in order: the definition that the CPU's kernels follow,
// too.
//===----------------------------------------------------------------------===//

#include "compiler/Target/CUDA/Kernel.h"
#include "compiler/Target/Kernel/Evaluator.h"

#include "dialects/Etch/ScalarExpr.h"

using namespace mlir;
using namespace etch;
using namespace etch::cuda;

namespace {

/// A matrix operand: rows run along the result, `depth` along K.
struct Matrix {
  Value pointer;
  Ix batchStride, rowStride, depthStride;
};

/// 16 x 16 threads, each with rows x columns elements, 16 apart.
struct Tile {
  int64_t rows = 4, columns = 4, depth = 16;

  static constexpr int64_t side = 16;
  int64_t m() const { return side * rows; }
  int64_t n() const { return side * columns; }
  /// Of a slice in shared memory: one more, so that columns of it are in
  /// different banks.
  int64_t pitch(int64_t extent) const { return extent + 1; }
};

class Gemm {
public:
  Gemm(Kernel &k, MatmulOp op)
      : k(k), e(k.e), op(op),
        element(getElementTypeOrSelf(op.getY().getType())) {}
  LogicalResult emit();

private:
  LogicalResult bind();
  LogicalResult bindMatrix(Value operand, bool left, Matrix &matrix);
  void emitTile();
  void emitDots();
  void fetch(const Matrix &matrix, Value slice, Ix first, Ix extent, Ix batch,
             Ix from, int64_t size);
  SmallVector<Value> block(Ix from, Ix to);
  void finish(Ix batch, Ix m, Ix n, Value result);
  Value multiplyAdd(Value a, Value b, Value c);
  /// Whether the product is one element: 0 no, 1 yes, -1 known at the launch.
  int isDot();

  Kernel &k;
  Emit &e;
  MatmulOp op;
  Type element;
  std::array<ExtentRef, 4> refs; ///< batch, m, n, k
  Tile tile;
  // In the stage at hand:
  Ix batches, m, n, depth;
  Matrix a, b;
  std::optional<Evaluator> after;
  Value sliceA, sliceB;
  Ix batch, m0, n0, thread, row, column;
};

} // namespace

/// An operand is an argument, possibly transposed.
LogicalResult Gemm::bindMatrix(Value operand, bool left, Matrix &matrix) {
  int64_t rank = cast<RankedTensorType>(operand.getType()).getRank();
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  while (auto transpose = operand.getDefiningOp<TransposeOp>()) {
    ArrayRef<int64_t> permutation = transpose.getPermutation();
    for (int64_t &axis : axes)
      axis = permutation[axis];
    operand = transpose.getX();
  }
  const Buffer *buffer = k.argumentBuffer(operand);
  if (!buffer)
    return op.emitError("operands of matmul in a kernel are its arguments");
  matrix.pointer = buffer->pointer;
  matrix.batchStride = rank == 3 ? buffer->strides[axes[0]] : Ix(0);
  matrix.rowStride = buffer->strides[axes[left ? rank - 2 : rank - 1]];
  matrix.depthStride = buffer->strides[axes[left ? rank - 1 : rank - 2]];
  return success();
}

LogicalResult Gemm::bind() {
  int64_t rank = cast<RankedTensorType>(op.getY().getType()).getRank();
  batches = refs[0].in(k.buffers);
  m = refs[1].in(k.buffers);
  n = refs[2].in(k.buffers);
  depth = refs[3].in(k.buffers);
  if (failed(bindMatrix(op.getX(), true, a)) ||
      failed(bindMatrix(op.getW(), false, b)))
    return failure();
  after.emplace(k, ArrayRef<Ix>{batches, m, n},
                rank == 3 ? ArrayRef<int>{0, 1, 2} : ArrayRef<int>{1, 2});
  after->declare(op.getY());
  for (auto [number, result] : llvm::enumerate(k.results())) {
    if (failed(after->read(result)))
      return failure();
    after->write(k.resultBuffer(unsigned(number)));
  }
  return success();
}

int Gemm::isDot() {
  bool known = refs[1].operand < 0 && refs[2].operand < 0;
  for (const ExtentRef &ref : {refs[1], refs[2]})
    if (ref.operand < 0 && ref.known != 1)
      return 0;
  return known ? 1 : -1;
}

Value Gemm::multiplyAdd(Value x, Value y, Value z) {
  ScalarExpr l(e, e.loc, x), r(e, e.loc, y), sum(e, e.loc, z);
  return l.isFloat() ? fma(l, r, sum) : sum + l * r;
}

void Gemm::finish(Ix batch, Ix m, Ix n, Value result) {
  after->enter({batch, m, n}, -1);
  after->point(0, Lanes());
  after->give(op.getY(), result);
  SmallVector<Value> stored;
  for (Value v : k.results())
    stored.push_back(after->get(v));
  for (auto [number, value] : llvm::enumerate(stored))
    after->put(unsigned(number), value);
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

/// Rows first.. of a matrix, steps from.. of K, into slice[step][row]; zeros
/// where there is nothing. Neighbouring threads read along the memory.
void Gemm::fetch(const Matrix &matrix, Value slice, Ix first, Ix extent,
                 Ix batch, Ix from, int64_t size) {
  bool alongRows = matrix.rowStride.is(1) && !matrix.depthStride.is(1);
  Value base = e.at(matrix.pointer, e.mul(batch, matrix.batchStride), element);
  int64_t count = size * tile.depth;
  auto one = [&](Ix at) {
    Ix r = alongRows ? e.rem(at, size) : e.div(at, tile.depth);
    Ix step = alongRows ? e.div(at, size) : e.rem(at, tile.depth);
    Ix place = e.add(first, r), depthAt = e.add(from, step);
    Value inside = e.make<arith::AndIOp>(
        e.compare(arith::CmpIPredicate::ult, place, extent),
        e.compare(arith::CmpIPredicate::ult, depthAt, depth));
    Value address = e.at(base,
                         e.add(e.mul(place, matrix.rowStride),
                               e.mul(depthAt, matrix.depthStride)),
                         element);
    Value nothing = e.stack(element, 1);
    Value v =
        e.loadRaw(element, e.make<LLVM::SelectOp>(inside, address, nothing), 0);
    k.store(v, slice, e.add(e.mul(step, tile.pitch(size)), r));
  };
  for (int64_t done = 0; done < count; done += kThreads) {
    Ix at = e.add(thread, done);
    if (done + kThreads <= count)
      one(at);
    else
      e.when(e.compare(arith::CmpIPredicate::ult, at, count), [&] { one(at); });
  }
}

/// The chains of this thread over [from, to), at most 256 steps.
SmallVector<Value> Gemm::block(Ix from, Ix to) {
  SmallVector<Value> zeros(size_t(tile.rows * tile.columns),
                           e.constant(element, 0, 1));
  auto slice = [&](Ix at, Ix steps, ValueRange before) {
    fetch(a, sliceA, m0, m, batch, at, tile.m());
    fetch(b, sliceB, n0, n, batch, at, tile.n());
    k.barrier();
    auto step = [&](Ix s, ValueRange sums) {
      SmallVector<Value> left, right, next;
      for (int64_t r = 0; r < tile.rows; ++r)
        left.push_back(k.load(
            sliceA,
            e.add(e.mul(s, tile.pitch(tile.m())), e.add(row, r * Tile::side)),
            element));
      for (int64_t c = 0; c < tile.columns; ++c)
        right.push_back(k.load(sliceB,
                               e.add(e.mul(s, tile.pitch(tile.n())),
                                     e.add(column, c * Tile::side)),
                               element));
      for (int64_t r = 0; r < tile.rows; ++r)
        for (int64_t c = 0; c < tile.columns; ++c)
          next.push_back(multiplyAdd(left[size_t(r)], right[size_t(c)],
                                     sums[size_t(r * tile.columns + c)]));
      return next;
    };
    SmallVector<Value> sums = e.loop(0, steps, 1, before, step);
    k.barrier();
    return sums;
  };
  // A chain has as many links as K has steps: a slice at the end of K has
  // fewer.
  Ix whole = e.add(from, e.mul(e.div(e.sub(to, from), tile.depth), tile.depth));
  if (depth.isKnown() && depth.known % tile.depth == 0)
    whole = to;
  SmallVector<Value> sums =
      e.loop(from, whole, tile.depth, zeros, [&](Ix at, ValueRange before) {
        return slice(at, tile.depth, before);
      });
  if (whole == to)
    return sums;
  return e.loop(whole, to, tile.depth, sums, [&](Ix at, ValueRange before) {
    return slice(at, e.sub(to, at), before);
  });
}

void Gemm::emitTile() {
  thread = k.thread();
  row = e.div(thread, Tile::side);
  column = e.rem(thread, Tile::side);
  Ix mCount = e.ceilDiv(m, tile.m()), nCount = e.ceilDiv(n, tile.n());
  Ix unit = k.block();
  n0 = e.mul(e.rem(unit, nCount), tile.n());
  unit = e.div(unit, nCount);
  m0 = e.mul(e.rem(unit, mCount), tile.m());
  batch = e.div(unit, mCount);
  sliceA = k.shared(element, tile.pitch(tile.m()) * tile.depth);
  sliceB = k.shared(element, tile.pitch(tile.n()) * tile.depth);

  SmallVector<Value> sums;
  if (depth.isKnown() && depth.known <= kGemmBlock) {
    sums = block(0, depth);
  } else {
    // -0 and the first block are that block, exactly.
    Combiner sum{Combiner::sum, element};
    SmallVector<Value> none(size_t(tile.rows * tile.columns),
                            sum.identity(e, 1));
    sums = e.loop(0, e.max(depth, 1), kGemmBlock, none,
                  [&](Ix from, ValueRange before) {
                    SmallVector<Value> next =
                        block(from, e.min(e.add(from, kGemmBlock), depth));
                    for (auto [number, value] : llvm::enumerate(next))
                      next[number] = sum.combine(e, before[number], value);
                    return next;
                  });
  }
  for (int64_t r = 0; r < tile.rows; ++r)
    for (int64_t c = 0; c < tile.columns; ++c) {
      Ix mAt = e.add(m0, e.add(row, r * Tile::side));
      Ix nAt = e.add(n0, e.add(column, c * Tile::side));
      Value inside =
          e.make<arith::AndIOp>(e.compare(arith::CmpIPredicate::ult, mAt, m),
                                e.compare(arith::CmpIPredicate::ult, nAt, n));
      e.when(inside, [&] {
        finish(batch, mAt, nAt, sums[size_t(r * tile.columns + c)]);
      });
    }
}

//===----------------------------------------------------------------------===//
// One row and one column
//===----------------------------------------------------------------------===//

/// Rounded products, summed as a reduction is: a lane for each of 16 threads.
void Gemm::emitDots() {
  Combiner sum{Combiner::sum, element};
  thread = k.thread();
  Ix lane = e.rem(thread, kReductionLanes);
  Ix perBlock = kThreads / kReductionLanes;
  batch = e.add(e.mul(k.block(), perBlock), e.div(thread, kReductionLanes));
  Value active = e.compare(arith::CmpIPredicate::ult, batch, batches);
  batch = e.min(batch, e.sub(batches, 1));
  Ix end = e.select(active, depth, 0);
  Value sums = k.shared(element, kThreads);
  auto start = [&](const Matrix &matrix) {
    return e.at(matrix.pointer, e.mul(batch, matrix.batchStride), element);
  };
  Value left = start(a), right = start(b), none = sum.identity(e, 1);
  auto chain = [&](Ix from) {
    Ix to = e.min(e.add(from, kReductionBlock), end);
    return e.loop(
        e.add(from, lane), to, kReductionLanes, {none},
        [&](Ix i, ValueRange before) {
          auto part = [&](Value base, const Matrix &matrix) {
            return ScalarExpr(
                e, e.loc, k.load(base, e.mul(i, matrix.depthStride), element));
          };
          Value product = part(left, a) * part(right, b);
          return SmallVector<Value>{sum.combine(e, before[0], product)};
        })[0];
  };
  Value total =
      e.loop(0, end, kReductionBlock, {none}, [&](Ix from, ValueRange before) {
        return SmallVector<Value>{sum.combine(e, before[0], chain(from))};
      })[0];
  k.store(total, sums, thread);
  k.barrier();
  for (int64_t half = kReductionLanes / 2; half >= 1; half /= 2) {
    e.when(e.compare(arith::CmpIPredicate::ult, lane, half), [&] {
      k.store(sum.combine(e, k.load(sums, thread, element),
                          k.load(sums, e.add(thread, half), element)),
              sums, thread);
    });
    k.barrier();
  }
  Value first = e.compare(arith::CmpIPredicate::eq, lane, 0);
  e.when(e.make<arith::AndIOp>(first, active), [&] {
    Value result = sum.orEmpty(e, depth, k.load(sums, thread, element));
    finish(batch, 0, 0, result);
  });
}

LogicalResult Gemm::emit() {
  auto type = cast<RankedTensorType>(op.getY().getType());
  int64_t rank = type.getRank();
  if (rank != 2 && rank != 3)
    return op.emitError("a matmul in a kernel has rank 2 or 3");
  Value x = op.getX(), w = op.getW();
  refs = {rank == 3 ? k.extentOf(x, 0) : ExtentRef{1, -1, 0},
          k.extentOf(x, unsigned(rank - 2)), k.extentOf(w, unsigned(rank - 1)),
          k.extentOf(x, unsigned(rank - 1))};
  // Large tiles where there are enough of them.
  auto atLeast = [&](unsigned axis, int64_t extent) {
    return refs[axis].operand < 0 && refs[axis].known >= extent;
  };
  if (atLeast(1, 512) && atLeast(2, 512) && element.isF32()) {
    tile.rows = tile.columns = 8;
    tile.depth = 8;
  }
  int dot = isDot();
  auto isOne = [](Emit &e, Ix m, Ix n) {
    return Value(
        e.make<arith::AndIOp>(e.compare(arith::CmpIPredicate::eq, m, 1),
                              e.compare(arith::CmpIPredicate::eq, n, 1)));
  };
  // Each stage does nothing where the other one is due.
  if (dot != 1) {
    auto tiles = [refs = refs, tile = tile, dot,
                  isOne](Emit &e, ArrayRef<Extents> shapes) {
      Ix m = refs[1].in(shapes), n = refs[2].in(shapes);
      Ix count = e.mul(refs[0].in(shapes),
                       e.mul(e.ceilDiv(m, tile.m()), e.ceilDiv(n, tile.n())));
      return dot ? e.select(isOne(e, m, n), 0, count) : count;
    };
    k.stage(kThreads, tiles, [&] {
      if (failed(bind()))
        return k.fail();
      emitTile();
    });
  }
  if (dot != 0) {
    auto dots = [refs = refs, dot, isOne](Emit &e, ArrayRef<Extents> shapes) {
      Ix count = e.ceilDiv(refs[0].in(shapes), kThreads / kReductionLanes);
      Ix m = refs[1].in(shapes), n = refs[2].in(shapes);
      return dot < 0 ? e.select(isOne(e, m, n), count, 0) : count;
    };
    k.stage(kThreads, dots, [&] {
      if (failed(bind()))
        return k.fail();
      emitDots();
    });
  }
  return success();
}

LogicalResult etch::cuda::emitMatmul(Kernel &k) {
  for (Operation &op : k.source.getBody().front())
    if (auto matmul = dyn_cast<MatmulOp>(op))
      return Gemm(k, matmul).emit();
  return k.source.emitError("no matmul in this kernel");
}
