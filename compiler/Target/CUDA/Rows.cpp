//===- Rows.cpp - Kernels that do several things row by row ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A group of threads passes over a row, one stage after the other. What one
// stage makes for another lies in memory that they share: the block's, or, of
// rows that it does not hold, scratch memory. A group is a part of a warp, and
// several are a block, or it is a block of its own.
//
// In a stage with reductions the group first computes the elements, each thread
// some vectors; then sixteen threads add a row's in the order that defines the
// result, and hand what they have to the first of them.
//===----------------------------------------------------------------------===//

#include "compiler/Target/CUDA/Pointwise.h"
#include "compiler/Target/Kernel/StageParts.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace etch;
using namespace etch::cuda;

/// What a block may take of the memory that its threads share.
static constexpr int64_t kSharedBytes = 48 << 10;
/// Blocks that have scratch memory: each does some rows one after the other.
static constexpr int64_t kScratchBlocks = 1024;
/// Threads of a block of several rows.
static constexpr int64_t kSeveral = 128;

namespace {

struct Part {
  StagePart &part;
  std::unique_ptr<Kernel> inner;
  SmallVector<Operation *> reductions;
  /// Operands of reductions whose elements lie in temporary memory.
  llvm::SetVector<Value> kept;
  bool indexed = false;
};

class Rows {
public:
  explicit Rows(Kernel &k) : k(k), e(k.e), whole(k, k.source.getName()) {}
  LogicalResult emit();

private:
  void examine();
  void place();
  bool isPlaced(Value root) { return placedAt.contains(root); }
  Value at(int64_t offset);
  void bind(Part &p);
  LogicalResult emitRow(Part &p);
  LogicalResult emitElements(Part &p, ArrayRef<Value> values,
                             ArrayRef<unsigned> buffers);
  LogicalResult emitSums(Part &p);
  Value memoryOf(Part &p, Value operand);
  void sync() { threads > 32 ? k.barrier() : k.syncWarp(threads); }

  Kernel &k;
  Emit &e;
  StageParts whole;
  std::vector<Part> parts;
  int64_t threads = 16; ///< of a row
  int64_t together = 1; ///< rows of a block
  /// Where a row's part of a value lies: below `near` in shared memory, above
  /// that in scratch memory.
  llvm::MapVector<Value, int64_t> placedAt;
  int64_t temporaryAt = 0, near = 0, far = 0;
  // Of a thread.
  Value sharedMemory, scratchMemory;
  Ix row, local;
};

} // namespace

static int64_t bytesOf(Emit &e, Value v) {
  auto type = cast<RankedTensorType>(v.getType());
  return llvm::alignTo(
      e.bytesOf(type.getElementType()) * StageParts::rowElements(v), 16);
}

/// What the stages are, and what must lie in between.
void Rows::examine() {
  DenseSet<Value> given(k.source.getArguments().begin(),
                        k.source.getArguments().end());
  given.insert_range(k.results());
  int64_t most = 1;
  for (StagePart &part : whole.parts) {
    Part p{
        part, std::make_unique<Kernel>(part.source, ModuleOp()), {}, {}, false};
    for (Operation &op : part.source.getBody().front()) {
      if (isa<SumOp, MaxOp, MinOp>(op))
        p.reductions.push_back(&op);
      p.indexed |= isa<GatherOp, ScatterAddOp>(op);
    }
    for (Value v : part.operands) {
      Value root = StageParts::rootOf(v);
      if (isa<RankedTensorType>(root.getType()) && !given.contains(root))
        placedAt.insert({root, 0});
    }
    unsigned numInputs = p.inner->numInputs();
    for (Operation *op : p.reductions) {
      Value x = op->getOperand(0);
      most = std::max(most, StageParts::rowElements(x));
      // Is it there, or will it be?
      Value root;
      if (auto argument = dyn_cast<BlockArgument>(x))
        root = StageParts::rootOf(part.operands[argument.getArgNumber()]);
      for (auto [n, result] : llvm::enumerate(p.inner->results()))
        if (result == x)
          root = part.operands[numInputs + n];
      if (!root || given.contains(root))
        p.kept.insert(x);
    }
    for (Value v : p.inner->results())
      most = std::max(most, StageParts::rowElements(v));
    parts.push_back(std::move(p));
  }
  threads = std::clamp<int64_t>(int64_t(llvm::bit_floor(uint64_t(most / 8))),
                                16, 256);
}

void Rows::place() {
  int64_t temporary = 0;
  for (Part &p : parts) {
    int64_t bytes = 0;
    for (Value x : p.kept)
      bytes += bytesOf(e, x);
    temporary = std::max(temporary, bytes);
  }
  // The small ones first.
  SmallVector<std::tuple<int64_t, size_t, Value>> all = {{temporary, 0, {}}};
  for (auto &[value, offset] : placedAt)
    all.push_back({bytesOf(e, value), all.size(), value});
  llvm::sort(all, [](const auto &a, const auto &b) {
    return std::tie(std::get<0>(a), std::get<1>(a)) <
           std::tie(std::get<0>(b), std::get<1>(b));
  });
  for (auto [bytes, order, value] : all) {
    bool fits = far == 0 && near + bytes <= kSharedBytes;
    int64_t &end = fits ? near : far;
    int64_t offset = end + (fits ? 0 : kSharedBytes);
    (value ? placedAt[value] : temporaryAt) = offset;
    end += bytes;
  }
  if (threads <= 32) {
    together = kSeveral / threads;
    while (together > 1 && together * near > kSharedBytes)
      together /= 2;
    if (far)
      together = 1;
  }
}

Value Rows::at(int64_t offset) {
  return offset < kSharedBytes ? e.atByte(sharedMemory, offset)
                               : e.atByte(scratchMemory, offset - kSharedBytes);
}

/// The stage's operands as they lie for this thread.
void Rows::bind(Part &p) {
  Kernel &inner = *p.inner;
  inner.writeWithin(k);
  inner.e.loc = p.part.loc;
  auto add = [&](Buffer buffer, Value pointer) {
    // A row lies there, whichever it is.
    Ix dense = 1;
    buffer.strides.assign(buffer.extents.size(), Ix(0));
    for (size_t axis = buffer.extents.size(); axis-- > 1;) {
      buffer.strides[axis] = dense;
      dense = e.mul(dense, buffer.extents[axis]);
    }
    buffer.pointer = pointer;
    buffer.dense = false;
    inner.buffers.push_back(std::move(buffer));
  };
  for (auto [v, shape] : llvm::zip_equal(p.part.operands, p.part.shapes)) {
    Buffer buffer;
    for (const ExtentRef &ref : shape)
      buffer.extents.push_back(ref.in(k.buffers));
    auto type = dyn_cast<RankedTensorType>(v.getType());
    if (!type) {
      inner.buffers.push_back(std::move(buffer));
      continue;
    }
    buffer.element = type.getElementType();
    Value root = StageParts::rootOf(v);
    if (auto found = placedAt.find(root); found != placedAt.end()) {
      add(std::move(buffer), at(found->second));
      continue;
    }
    const Buffer *from = k.argumentBuffer(root);
    for (auto [n, result] : llvm::enumerate(k.results()))
      if (!from && result == root)
        from = &k.buffers[k.resultBuffer(unsigned(n))];
    buffer.pointer = from->pointer;
    buffer.element = from->element;
    if (v == root) {
      buffer.strides = from->strides;
      buffer.dense = from->dense;
    } else {
      Ix dense = 1;
      buffer.strides.resize(buffer.extents.size());
      for (size_t axis = buffer.extents.size(); axis-- > 0;) {
        buffer.strides[axis] = dense;
        if (axis)
          dense = e.mul(dense, buffer.extents[axis]);
      }
    }
    inner.buffers.push_back(std::move(buffer));
  }
  int64_t offset = temporaryAt;
  for (Value x : p.kept) {
    Buffer buffer;
    auto type = cast<RankedTensorType>(x.getType());
    buffer.element = type.getElementType();
    buffer.extents.push_back(whole.rows.in(k.buffers));
    for (int64_t extent : type.getShape().drop_front())
      buffer.extents.push_back(extent);
    add(std::move(buffer), at(offset));
    offset += bytesOf(e, x);
  }
}

/// Values of one shape, for all elements of the row, into buffers.
LogicalResult Rows::emitElements(Part &p, ArrayRef<Value> made,
                                 ArrayRef<unsigned> buffers) {
  Kernel &inner = *p.inner;
  Emit &e = inner.e;
  const Extents extents = inner.buffers[buffers[0]].extents;
  SmallVector<int> level;
  for (size_t axis = 0; axis < extents.size(); ++axis)
    level.push_back(int(axis));
  Evaluator values(inner, extents, level);
  for (auto [v, buffer] : llvm::zip_equal(made, buffers))
    if (failed(values.write(v, buffer)))
      return failure();
  values.collapse(1);
  auto point = [&](Ix i, Lanes covered) {
    values.point(i, covered);
    values.store();
  };
  ArrayRef<Ix> loops = values.loopExtents();
  int last = values.rank() - 1;
  if (last == 0) {
    e.when(e.compare(arith::CmpIPredicate::eq, local, 0), [&] {
      values.enter({row}, -1);
      point(0, Lanes());
    });
    return success();
  }
  int64_t lanes = chooseLanes(inner, loops.back());
  if (loops.back().known % lanes)
    lanes = 1;
  int64_t units = 1;
  for (Ix extent : loops.drop_front())
    units *= extent.known;
  e.loop(local, units / lanes, threads, [&](Ix unit) {
    SmallVector<Ix> indices(loops.size(), Ix(0));
    indices[0] = row;
    Ix perRow = loops.back().known / lanes, rest = unit, i = unit;
    if (last > 1) {
      i = e.rem(rest, perRow);
      rest = e.div(rest, perRow);
    }
    for (int dim = last; dim-- > 1;) {
      indices[dim] = dim == 1 ? rest : e.rem(rest, loops[dim]);
      if (dim > 1)
        rest = e.div(rest, loops[dim]);
    }
    emitVector(inner, values, lanes, indices, e.mul(i, lanes), point);
  });
  return success();
}

/// Where the elements of a row lie that a reduction reads.
Value Rows::memoryOf(Part &p, Value operand) {
  Kernel &inner = *p.inner;
  auto results = inner.results();
  if (const auto *kept = llvm::find(p.kept, operand); kept != p.kept.end())
    return inner
        .buffers[inner.resultBuffer(unsigned(results.size())) +
                 unsigned(kept - p.kept.begin())]
        .pointer;
  if (const Buffer *buffer = inner.argumentBuffer(operand))
    return buffer->pointer;
  auto n = unsigned(llvm::find(results, operand) - results.begin());
  return inner.buffers[inner.resultBuffer(n)].pointer;
}

LogicalResult Rows::emitSums(Part &p) {
  Kernel &inner = *p.inner;
  Emit &e = inner.e;
  auto type = cast<RankedTensorType>(p.reductions[0]->getOperand(0).getType());
  auto axes = p.reductions[0]->getAttrOfType<DenseI64ArrayAttr>("axes");
  if (type.getRank() != 3 || axes.asArrayRef() != ArrayRef<int64_t>{1})
    return p.reductions[0]->emitError(
        "a reduction in a kernel is over axis 1 of 3");
  int64_t extent = type.getDimSize(1), width = type.getDimSize(2);
  // What has all elements.
  SmallVector<Value> made;
  SmallVector<unsigned> madeIn;
  Evaluator sums(inner, {whole.rows.in(k.buffers), Ix(extent), Ix(width)},
                 {0, 2});
  for (Operation *op : p.reductions)
    sums.declare(op->getResult(0));
  for (auto [n, result] : llvm::enumerate(inner.results())) {
    unsigned buffer = inner.resultBuffer(unsigned(n));
    if (cast<RankedTensorType>(result.getType()).getRank() == 3) {
      made.push_back(result);
      madeIn.push_back(buffer);
      continue;
    }
    if (failed(sums.write(result, buffer)))
      return failure();
  }
  unsigned keptIn = inner.resultBuffer(unsigned(inner.results().size()));
  for (Value x : p.kept) {
    made.push_back(x);
    madeIn.push_back(keptIn++);
  }
  if (!made.empty()) {
    if (failed(emitElements(p, made, madeIn)))
      return failure();
    k.e.restoreInsertionPoint(e.saveInsertionPoint());
    sync();
    e.restoreInsertionPoint(k.e.saveInsertionPoint());
  }
  SmallVector<Combiner> combiners;
  SmallVector<Value> identities, memory;
  for (Operation *op : p.reductions) {
    combiners.push_back(Combiner::of(op));
    identities.push_back(combiners.back().identity(e, 1));
    memory.push_back(memoryOf(p, op->getOperand(0)));
  }
  auto combine = [&](ValueRange a, ValueRange b) {
    SmallVector<Value> both;
    for (auto [n, c] : llvm::enumerate(combiners))
      both.push_back(c.combine(e, a[n], b[n]));
    return both;
  };
  e.loop(local, kReductionLanes * width, threads, [&](Ix unit) {
    Ix lane = e.rem(unit, kReductionLanes), i = e.div(unit, kReductionLanes);
    auto chain = [&](Ix from, Ix end) {
      return e.loop(e.add(from, lane), end, kReductionLanes, identities,
                    [&](Ix r, ValueRange before) {
                      SmallVector<Value> next;
                      Ix place = e.add(e.mul(r, width), i);
                      for (auto [n, c] : llvm::enumerate(combiners))
                        next.push_back(inner.load(memory[n], place, c.element));
                      return combine(before, next);
                    });
    };
    SmallVector<Value> totals;
    if (extent <= kReductionBlock)
      totals = chain(0, extent);
    else
      totals = e.loop(0, extent, kReductionBlock, identities,
                      [&](Ix from, ValueRange before) {
                        Ix end = e.min(e.add(from, kReductionBlock), extent);
                        return combine(before, chain(from, end));
                      });
    for (int64_t half = kReductionLanes / 2; half >= 1; half /= 2)
      for (auto [n, c] : llvm::enumerate(combiners))
        totals[n] =
            c.combine(e, totals[n], inner.fromLaneBehind(totals[n], half));
    e.when(e.compare(arith::CmpIPredicate::eq, lane, 0), [&] {
      sums.enter({row, Ix(0), i}, -1);
      sums.point(0, Lanes());
      for (auto [n, op] : llvm::enumerate(p.reductions))
        sums.give(op->getResult(0), combiners[n].orEmpty(e, extent, totals[n]));
      sums.store();
    });
  });
  return success();
}

LogicalResult Rows::emitRow(Part &p) {
  bind(p);
  Kernel &inner = *p.inner;
  auto follow = [&] {
    k.e.restoreInsertionPoint(inner.e.saveInsertionPoint());
  };
  LogicalResult done = success();
  if (p.indexed) {
    done = emitIndexedRow(inner, row, local, threads, [&] {
      follow();
      sync();
      inner.e.restoreInsertionPoint(k.e.saveInsertionPoint());
    });
  } else if (!p.reductions.empty()) {
    done = emitSums(p);
  } else {
    SmallVector<Value> made(inner.results());
    SmallVector<unsigned> buffers;
    for (unsigned n = 0; n < made.size(); ++n)
      buffers.push_back(inner.resultBuffer(n));
    done = emitElements(p, made, buffers);
  }
  follow();
  k.canFail |= inner.canFail;
  return success(succeeded(done) && !inner.hasFailed());
}

LogicalResult Rows::emit() {
  examine();
  place();
  const ExtentRef rows = whole.rows;
  int64_t each = together;
  bool loops = far != 0;
  auto blocks = [rows, each, loops](Emit &e, ArrayRef<Extents> shapes) {
    Ix count = e.ceilDiv(rows.in(shapes), each);
    return loops ? e.min(count, kScratchBlocks) : count;
  };
  bool ok = true;
  k.stage(threads * together, blocks, [&] {
    Ix thread = k.thread(), count = rows.in(k.buffers);
    local = together == 1 ? thread : e.rem(thread, threads);
    if (near) {
      sharedMemory = k.shared(e.getI8Type(), near * together);
      if (together > 1)
        sharedMemory =
            e.atByte(sharedMemory, e.mul(e.div(thread, threads), near));
    }
    if (far)
      scratchMemory = e.atByte(k.scratch(), e.mul(k.block(), far));
    auto stages = [&](Ix which) {
      row = which;
      for (Part &p : parts) {
        ok &= succeeded(emitRow(p));
        if (loops || &p != &parts.back())
          sync();
      }
    };
    if (loops) {
      e.loop(k.block(), count, kScratchBlocks, stages);
      return;
    }
    Ix first = k.block();
    if (together == 1)
      return stages(first);
    first = e.add(e.mul(first, together), e.div(thread, threads));
    e.when(e.compare(arith::CmpIPredicate::ult, first, count),
           [&] { stages(first); });
  });
  for (Part &p : parts)
    p.part.source.erase();
  if (far)
    k.scratchBytes = [rows, bytes = far](Emit &e, ArrayRef<Extents> shapes) {
      return e.mul(e.min(rows.in(shapes), kScratchBlocks), bytes);
    };
  return success(ok);
}

LogicalResult etch::cuda::emitRows(Kernel &k) { return Rows(k).emit(); }
