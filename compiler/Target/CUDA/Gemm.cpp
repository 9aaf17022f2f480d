//===- Gemm.cpp - Kernels of matrix products ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A block of threads computes a tile of the result. Along K it brings slices of
// both operands into shared memory; a thread keeps a few rows by a few columns
// in registers. An element is a chain of multiply-adds for each 256 steps of K,
// and the chains add in order: the definition that the CPU's kernels follow,
// too. Where extents allow, all that moves are vectors of four, and the next
// slice is on its way from memory while this one is used.
//===----------------------------------------------------------------------===//

#include "compiler/Target/CUDA/Kernel.h"
#include "compiler/Target/CUDA/Printer.h"
#include "compiler/Target/CUDA/TensorCores.h"
#include "compiler/Target/Kernel/Evaluator.h"

#include "dialects/Etch/ScalarExpr.h"

using namespace mlir;
using namespace etch;
using namespace etch::cuda;

namespace {

/// A matrix operand: rows run along the result, `depth` along K.
struct Matrix {
  Value pointer;
  Type element; ///< as it is stored
  Ix batchStride, rowStride, depthStride;
};

/// 16 x 16 threads, each with rows x columns elements: 16 apart, or four
/// neighbours every 64.
struct Tile {
  int64_t rows = 4, columns = 4, depth = 16;
  bool vectors = false;

  static constexpr int64_t side = 16;
  int64_t m() const { return side * rows; }
  int64_t n() const { return side * columns; }
  /// Of a slice in shared memory: a bit more, so that columns of it are in
  /// different banks.
  int64_t pitch(int64_t extent) const { return extent + (vectors ? 4 : 1); }
  /// The place in the tile of element r of the thread at `thread` of a side.
  Ix place(Emit &e, Ix thread, int64_t r) const {
    if (!vectors)
      return e.add(thread, r * side);
    return e.add(e.mul(thread, 4), r / 4 * 64 + r % 4);
  }
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
  bool fitsTensorCores();
  void emitByTensorCores();
  void fetch(const Matrix &matrix, Value slice, Ix first, Ix extent, Ix batch,
             Ix from, int64_t size);
  SmallVector<Value> block(Ix from, Ix to);
  bool movesVectors();
  Value fetchVector(const Matrix &matrix, Ix first, Ix extent, Ix from,
                    int64_t size);
  void keepVector(const Matrix &matrix, Value vector, Value slice, Ix buffer,
                  int64_t size);
  void fetchVectors(Ix from, Ix buffer);
  SmallVector<Value> blockOfVectors(Ix from, Ix to);
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
  Value sliceA, sliceB, aligned;
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
  matrix.element = buffer->element;
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
  return after->writeResults(op.getY());
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
  after->storeAt({batch, m, n}, op.getY(), result);
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

/// Rows first.. of a matrix, steps from.. of K, into slice[step][row]; zeros
/// where there is nothing. Neighbouring threads read along the memory.
void Gemm::fetch(const Matrix &matrix, Value slice, Ix first, Ix extent,
                 Ix batch, Ix from, int64_t size) {
  bool alongRows = matrix.rowStride.is(1) && !matrix.depthStride.is(1);
  Type stored = matrix.element;
  Value base = e.at(matrix.pointer, e.mul(batch, matrix.batchStride), stored);
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
                         stored);
    Value nothing = e.stack(stored, 1);
    Value v = e.widened(
        e.loadRaw(stored, e.make<LLVM::SelectOp>(inside, address, nothing), 0));
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

/// Steps that are known are written out by the device's compiler.
static void unrolled(Emit &e, ArrayRef<Value> sums, Ix steps) {
  if (auto loop = sums[0].getDefiningOp<scf::ForOp>(); loop && steps.isKnown())
    loop->setAttr("etch.unroll", e.getI64IntegerAttr(steps.known));
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
    unrolled(e, sums, steps);
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

//===----------------------------------------------------------------------===//
// Tiles that move as vectors
//===----------------------------------------------------------------------===//

/// Whether both operands consist of whole vectors of four, and K of whole
/// slices.
bool Gemm::movesVectors() {
  auto isWhole = [](Ix extent, int64_t by) {
    return extent.isKnown() && extent.known % by == 0;
  };
  auto fits = [&](const Matrix &matrix, Ix extent) {
    if (!isWhole(matrix.batchStride, 4))
      return false;
    if (matrix.depthStride.is(1))
      return isWhole(matrix.rowStride, 4);
    return matrix.rowStride.is(1) && isWhole(matrix.depthStride, 4) &&
           isWhole(extent, 4);
  };
  return element.isF32() && depth.isKnown() && depth.known > 0 &&
         isWhole(depth, tile.depth) && fits(a, m) && fits(b, n);
}

/// Where a thread's vector of a slice lies: its row and step of K.
static std::pair<Ix, Ix> vectorPlace(Emit &e, Ix thread, bool alongRows,
                                     int64_t size, int64_t depth) {
  int64_t perLine = (alongRows ? size : depth) / 4;
  Ix along = e.mul(e.rem(thread, perLine), 4), line = e.div(thread, perLine);
  return alongRows ? std::pair(along, line) : std::pair(line, along);
}

/// One vector for each thread makes the slice at `from`; zeros where there are
/// no rows.
Value Gemm::fetchVector(const Matrix &matrix, Ix first, Ix extent, Ix from,
                        int64_t size) {
  bool alongRows = !matrix.depthStride.is(1);
  auto [r, step] = vectorPlace(e, thread, alongRows, size, tile.depth);
  Ix at = e.add(first, r);
  Ix offset = e.add(e.mul(batch, matrix.batchStride),
                    e.add(e.mul(at, matrix.rowStride),
                          e.mul(e.add(from, step), matrix.depthStride)));
  Type stored = matrix.element;
  Value address = e.at(matrix.pointer, offset, stored);
  Type type = e.vectorOf(element, 4);
  auto either = [&](Value condition, auto then, auto otherwise) -> Value {
    auto branch = e.make<scf::IfOp>(TypeRange{type}, condition, true);
    auto fill = [&](Block *block, auto part) {
      OpBuilder::InsertionGuard guard(e);
      e.setInsertionPointToStart(block);
      e.make<scf::YieldOp>(ValueRange{part()});
    };
    fill(branch.thenBlock(), then);
    fill(branch.elseBlock(), otherwise);
    return branch.getResult(0);
  };
  // Memory nearly always begins at a multiple of 16 bytes.
  auto load = [&] {
    return either(
        aligned, [&] { return e.load(address, 1, stored, {4, {}, true}); },
        [&] { return e.load(address, 1, stored, {4, {}, false}); });
  };
  if (extent.isKnown() && extent.known % size == 0)
    return load();
  return either(e.compare(arith::CmpIPredicate::ult, at, extent), load,
                [&] { return e.constant(element, 0, 4); });
}

/// Into slice[step][row] of one of two buffers.
void Gemm::keepVector(const Matrix &matrix, Value vector, Value slice,
                      Ix buffer, int64_t size) {
  bool alongRows = !matrix.depthStride.is(1);
  auto [r, step] = vectorPlace(e, thread, alongRows, size, tile.depth);
  int64_t pitch = tile.pitch(size);
  Ix place =
      e.add(e.mul(buffer, pitch * tile.depth), e.add(e.mul(step, pitch), r));
  if (alongRows)
    return e.store(vector, e.at(slice, place, element), {4, {}, true});
  for (int64_t i = 0; i < 4; ++i)
    k.store(e.extract(vector, i), slice, e.add(place, i * pitch));
}

void Gemm::fetchVectors(Ix from, Ix buffer) {
  keepVector(a, fetchVector(a, m0, m, from, tile.m()), sliceA, buffer,
             tile.m());
  keepVector(b, fetchVector(b, n0, n, from, tile.n()), sliceB, buffer,
             tile.n());
}

/// The same as block(). One barrier for each slice: while all read one buffer,
/// the other one is filled.
SmallVector<Value> Gemm::blockOfVectors(Ix from, Ix to) {
  SmallVector<Value> zeros(size_t(tile.rows * tile.columns),
                           e.constant(element, 0, 1));
  auto slice = [&](Ix at, ValueRange before) {
    Ix buffer = e.rem(e.div(at, tile.depth), 2);
    Ix next = e.add(at, tile.depth);
    // The last slice has no next one: any other will do.
    next = e.min(next, e.sub(depth, tile.depth));
    Value nextA = fetchVector(a, m0, m, next, tile.m()),
          nextB = fetchVector(b, n0, n, next, tile.n());
    auto read = [&](Value slice, int64_t size, Ix s, Ix thread, int64_t count) {
      int64_t pitch = tile.pitch(size);
      Ix line = e.add(e.mul(buffer, pitch * tile.depth), e.mul(s, pitch));
      SmallVector<Value> values;
      for (int64_t r = 0; r < count; r += 4) {
        Ix place = e.add(line, tile.place(e, thread, r));
        Value four =
            e.load(e.at(slice, place, element), 1, element, {4, {}, true});
        for (int64_t i = 0; i < 4; ++i)
          values.push_back(e.extract(four, i));
      }
      return values;
    };
    SmallVector<Value> sums =
        e.loop(0, tile.depth, 1, before, [&](Ix s, ValueRange sums) {
          SmallVector<Value> left = read(sliceA, tile.m(), s, row, tile.rows),
                             right = read(sliceB, tile.n(), s, column,
                                          tile.columns),
                             next;
          for (int64_t r = 0; r < tile.rows; ++r)
            for (int64_t c = 0; c < tile.columns; ++c)
              next.push_back(multiplyAdd(left[size_t(r)], right[size_t(c)],
                                         sums[size_t(r * tile.columns + c)]));
          return next;
        });
    unrolled(e, sums, tile.depth);
    Ix other = e.sub(1, buffer);
    keepVector(a, nextA, sliceA, other, tile.m());
    keepVector(b, nextB, sliceB, other, tile.n());
    k.barrier();
    return sums;
  };
  return e.loop(from, to, tile.depth, zeros, slice);
}

void Gemm::emitTile() {
  thread = k.thread();
  tile.vectors = movesVectors();
  if (tile.vectors) {
    // A warp has 4 x 8 threads of the 16 x 16.
    Ix warp = e.div(thread, 32), lane = e.rem(thread, 32);
    row = e.add(e.mul(e.div(warp, 2), 4), e.div(lane, 8));
    column = e.add(e.mul(e.rem(warp, 2), 8), e.rem(lane, 8));
  } else {
    row = e.div(thread, Tile::side);
    column = e.rem(thread, Tile::side);
  }
  Ix mCount = e.ceilDiv(m, tile.m()), nCount = e.ceilDiv(n, tile.n());
  Ix unit = k.block();
  n0 = e.mul(e.rem(unit, nCount), tile.n());
  unit = e.div(unit, nCount);
  m0 = e.mul(e.rem(unit, mCount), tile.m());
  batch = e.div(unit, mCount);
  int64_t buffers = tile.vectors ? 2 : 1;
  sliceA = k.shared(element, buffers * tile.pitch(tile.m()) * tile.depth);
  sliceB = k.shared(element, buffers * tile.pitch(tile.n()) * tile.depth);
  if (tile.vectors) {
    aligned = e.make<LLVM::CallOp>(TypeRange{e.getI1Type()}, "etch_aligned",
                                   ValueRange{a.pointer, b.pointer})
                  .getResult();
    fetchVectors(0, 0);
    k.barrier();
  }
  auto block = [&](Ix from, Ix to) {
    return tile.vectors ? blockOfVectors(from, to) : this->block(from, to);
  };

  // `use` gets each element of this thread that there is, and its value.
  auto forEach = [&](ValueRange sums, auto use) {
    for (int64_t r = 0; r < tile.rows; ++r)
      for (int64_t c = 0; c < tile.columns; ++c) {
        Ix mAt = e.add(m0, tile.place(e, row, r));
        Ix nAt = e.add(n0, tile.place(e, column, c));
        Value inside =
            e.make<arith::AndIOp>(e.compare(arith::CmpIPredicate::ult, mAt, m),
                                  e.compare(arith::CmpIPredicate::ult, nAt, n));
        e.when(inside,
               [&] { use(mAt, nAt, sums[size_t(r * tile.columns + c)]); });
      }
  };
  auto write = [&](Ix m, Ix n, Value v) { finish(batch, m, n, v); };
  if (depth.isKnown() && depth.known <= kGemmBlock)
    return forEach(block(0, depth), write);
  // -0 and the first block are that block, exactly.
  Combiner sum{Combiner::sum, element};
  auto end = [&](Ix from) { return e.min(e.add(from, kGemmBlock), depth); };
  bool isResult = k.results().size() == 1 && k.results()[0] == op.getY() &&
                  k.buffers[k.resultBuffer(0)].element == element;
  if (tile.rows == 8 && isResult) {
    // Sums wait in the result: registers hold the chains only, and those of
    // two blocks fit.
    k.stages.back().function->setAttr(kBlocksPerProcessorAttr,
                                      e.getI64IntegerAttr(2));
    e.loop(0, e.max(depth, 1), kGemmBlock, [&](Ix from) {
      Value later = e.compare(arith::CmpIPredicate::ne, from, 0);
      forEach(block(from, end(from)), [&](Ix m, Ix n, Value v) {
        const Buffer &y = k.buffers[k.resultBuffer(0)];
        Ix at = e.mul(batch, y.strides.size() == 3 ? y.strides[0] : Ix(0));
        at = e.add(at, e.mul(m, y.strides[y.strides.size() - 2]));
        at = e.add(at, e.mul(n, y.strides.back()));
        Value address = e.at(y.pointer, at, element);
        Value nothing = e.stack(element, 1);
        Value before = e.loadRaw(
            element, e.make<LLVM::SelectOp>(later, address, nothing), 0);
        before = e.make<arith::SelectOp>(later, before, sum.identity(e, 1));
        finish(batch, m, n, sum.combine(e, before, v));
      });
    });
    return;
  }
  SmallVector<Value> none(size_t(tile.rows * tile.columns), sum.identity(e, 1));
  forEach(e.loop(0, e.max(depth, 1), kGemmBlock, none,
                 [&](Ix from, ValueRange before) {
                   SmallVector<Value> next = block(from, end(from));
                   for (auto [number, value] : llvm::enumerate(next))
                     next[number] = sum.combine(e, before[number], value);
                   return next;
                 }),
          write);
}

//===----------------------------------------------------------------------===//
// Tensor cores
//===----------------------------------------------------------------------===//

/// Whether the program agrees to their precision, and tiles would not be empty
/// for the most part.
bool Gemm::fitsTensorCores() {
  auto isFew = [](Ix extent) { return extent.isKnown() && extent.known < 16; };
  auto isLine = [](const Matrix &matrix) {
    return matrix.rowStride.is(1) || matrix.depthStride.is(1);
  };
  return mayUseTensorCores(k, element, {a.element, b.element}) &&
         isDot() == 0 && !isFew(m) && !isFew(n) && !isFew(depth) && isLine(a) &&
         isLine(b);
}

void Gemm::emitByTensorCores() {
  auto known = [](Ix extent) { return extent.isKnown() ? extent.known : -1; };
  TensorTile tensors =
      TensorTile::choose(k, known(batches), known(m), known(n));
  Ix nCount = e.ceilDiv(n, tensors.n), mCount = e.ceilDiv(m, tensors.m);
  Ix unit = k.block();
  n0 = e.mul(e.rem(unit, nCount), tensors.n);
  unit = e.div(unit, nCount);
  m0 = e.mul(e.rem(unit, mCount), tensors.m);
  batch = e.div(unit, mCount);
  k.stages.back().blocks = [refs = refs, tensors](Emit &e,
                                                  ArrayRef<Extents> shapes) {
    return e.mul(refs[0].in(shapes),
                 e.mul(e.ceilDiv(refs[1].in(shapes), tensors.m),
                       e.ceilDiv(refs[2].in(shapes), tensors.n)));
  };
  SmallVector<Value> operands = {e.value(depth)};
  std::array<bool, 2> along;
  auto add = [&](const Matrix &matrix, Ix first, Ix extent, bool &along) {
    along = !matrix.depthStride.is(1);
    Ix stride = along ? matrix.depthStride : matrix.rowStride;
    Value whole =
        movesWhole(k, {stride, matrix.batchStride, along ? extent : depth},
                   matrix.element, matrix.pointer);
    operands.append(
        {e.at(matrix.pointer, e.mul(batch, matrix.batchStride), matrix.element),
         e.value(stride), e.value(first), e.value(extent), whole});
  };
  add(a, m0, m, along[0]);
  add(b, n0, n, along[1]);
  emitTensorTile(k, tensors, "etch_matmul", {along[0], along[1]}, along,
                 {a.element, b.element}, operands, [&](Ix r, Ix c, Value v) {
                   Ix mAt = e.add(m0, r), nAt = e.add(n0, c);
                   Value inside = e.make<arith::AndIOp>(
                       e.compare(arith::CmpIPredicate::ult, mAt, m),
                       e.compare(arith::CmpIPredicate::ult, nAt, n));
                   e.when(inside, [&] { finish(batch, mAt, nAt, v); });
                 });
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
    return e.at(matrix.pointer, e.mul(batch, matrix.batchStride),
                matrix.element);
  };
  Value left = start(a), right = start(b), none = sum.identity(e, 1);
  auto chain = [&](Ix from) {
    Ix to = e.min(e.add(from, kReductionBlock), end);
    return e.loop(
        e.add(from, lane), to, kReductionLanes, {none},
        [&](Ix i, ValueRange before) {
          auto part = [&](Value base, const Matrix &matrix) {
            return ScalarExpr(
                e, e.loc,
                k.load(base, e.mul(i, matrix.depthStride), matrix.element));
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
      if (fitsTensorCores())
        return emitByTensorCores();
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
