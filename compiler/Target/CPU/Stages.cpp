//===- Stages.cpp - Kernels that do several things row by row -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each stage becomes a kernel as if it stood alone, over all rows; the kernel
// of them all fills a closure for each and calls one after the other for a few
// rows at a time. What one stage makes for another lies in scratch memory that
// holds those few rows: the address that a stage is given is where row 0 would
// be.
//===----------------------------------------------------------------------===//

#include "compiler/Target/CPU/Kernel.h"
#include "compiler/Target/Kernel/StageParts.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace etch;
using namespace etch::cpu;

/// What a few rows may take: most of the nearest cache.
static constexpr int64_t kNear = 32 << 10;

namespace {

struct StageKernel : StagePart {
  std::unique_ptr<Kernel> kernel;
};

class Stages {
public:
  explicit Stages(Kernel &k)
      : k(k), e(k.e), whole(k, k.function.getSymName()), rows(whole.rows) {}
  LogicalResult emit();

private:
  void place();
  void fetchAhead();
  static Value rootOf(Value v) { return StageParts::rootOf(v); }
  static int64_t rowBytes(Emit &e, Value v) {
    auto type = cast<RankedTensorType>(v.getType());
    return e.bytesOf(type.getElementType()) * StageParts::rowElements(v);
  }
  void emitUnits();

  Kernel &k;
  Emit &e;
  StageParts whole;
  ExtentRef rows; ///< how many there are
  std::vector<StageKernel> stages;
  /// Where a value lies: in an operand of the launch, or so far into scratch.
  DenseMap<Value, unsigned> bufferOf;
  llvm::MapVector<Value, int64_t> stagedAt;
  int64_t together = 1; ///< rows that all stages do before the next
  int64_t scratchBytes = 0;
};

} // namespace

/// Decides where values lie, and how many rows fit into the nearest cache.
void Stages::place() {
  int64_t bytes = 0;
  for (auto [i, argument] : llvm::enumerate(k.source.getArguments()))
    bufferOf[argument] = unsigned(i);
  for (auto [i, result] : llvm::enumerate(k.results())) {
    bufferOf.try_emplace(result, k.resultBuffer(unsigned(i)));
    bytes += rowBytes(e, result);
  }
  for (const StageKernel &stage : stages)
    for (Value v : stage.operands) {
      Value root = rootOf(v);
      auto type = dyn_cast<RankedTensorType>(root.getType());
      if (!type)
        continue;
      if (!bufferOf.contains(root) && stagedAt.insert({root, 0}).second)
        bytes += rowBytes(e, root);
      if (isa<BlockArgument>(root) && whole.isByRows(root))
        bytes += rowBytes(e, root);
    }
  together = std::max<int64_t>(1, kNear / std::max<int64_t>(bytes, 1));
  if (together > 8)
    together = together / 8 * 8;
  if (rows.operand < 0)
    together = std::min(together, std::max<int64_t>(rows.known, 1));
  for (auto &[value, offset] : stagedAt) {
    offset = scratchBytes;
    scratchBytes += int64_t(llvm::alignTo(together * rowBytes(e, value), 64));
  }
}

/// An array of as many rows that a stage reads again lies in the nearest cache
/// by then: meanwhile the next rows of it come from memory.
void Stages::fetchAhead() {
  DenseSet<Value> fetched;
  for (StageKernel &stage : llvm::drop_begin(stages))
    for (unsigned i = 0; i < stage.source.getNumArguments(); ++i) {
      auto argument = dyn_cast<BlockArgument>(rootOf(stage.operands[i]));
      bool isArray = argument && isa<RankedTensorType>(argument.getType()) &&
                     argument.getParentBlock() == &k.source.getBody().front() &&
                     whole.isByRows(argument) && rowBytes(e, argument) >= 64;
      auto &ahead = stage.kernel->fetchAhead;
      ahead.push_back(isArray && fetched.insert(argument).second
                          ? together * rowBytes(e, argument)
                          : 0);
    }
}

void Stages::emitUnits() {
  Ix count = rows.in(k.buffers);
  SmallVector<Value> closures;
  SmallVector<Ix> unitsPerRow;
  struct Pointer {
    Value address; ///< of the slot
    Value root;
  };
  SmallVector<Pointer> pointers;
  for (const StageKernel &stage : stages) {
    const Kernel &inner = *stage.kernel;
    Value closure =
        e.stack(e.getI64Type(), kFirstSlot + int64_t(inner.slots.size()));
    closures.push_back(closure);
    auto slot = [&](int64_t n) { return e.atByte(closure, 8 * n); };
    if (inner.canFail) {
      e.storeRaw(e.loadRaw(e.ptrType(),
                           e.atByte(k.closure, int64_t(8 * kErrorSlot)), 8),
                 slot(kErrorSlot), 8);
      // Of the whole: its first place is that of the stage that may fail.
      e.storeRaw(e.loadRaw(e.getI64Type(),
                           e.atByte(k.closure, int64_t(8 * kSiteSlot)), 8),
                 slot(kSiteSlot), 8);
    }
    SmallVector<Extents> extents;
    for (const ShapeRefs &shape : stage.shapes)
      extents.push_back(llvm::map_to_vector<4>(
          shape, [&](const ExtentRef &ref) { return ref.in(k.buffers); }));
    for (auto [n, s] : llvm::enumerate(inner.slots)) {
      Value address = slot(kFirstSlot + int64_t(n));
      Value root = rootOf(stage.operands[s.operand]);
      auto known = bufferOf.find(root);
      switch (s.kind) {
      case Slot::pointer:
        if (known == bufferOf.end())
          pointers.push_back({address, root});
        else
          e.storeRaw(k.buffers[known->second].pointer, address, 8);
        break;
      case Slot::extent:
        e.storeRaw(e.value(extents[s.operand][s.axis]), address, 8);
        break;
      case Slot::stride:
        e.storeRaw(e.value(k.buffers[known->second].strides[s.axis]), address,
                   8);
        break;
      case Slot::index:
        e.storeRaw(e.value(extents[s.operand][0]), address, 8);
        break;
      }
    }
    unitsPerRow.push_back(e.div(inner.work(e, extents).count, e.max(count, 1)));
  }
  Value scratch = scratchBytes ? k.scratch() : Value();
  e.loop(Ix(k.begin), Ix(k.end), together, [&](Ix from) {
    Ix to = e.min(e.add(from, together), Ix(k.end));
    DenseMap<Value, Value> starts;
    for (const Pointer &pointer : pointers) {
      Value &start = starts[pointer.root];
      if (!start)
        start = e.atByte(e.atByte(scratch, stagedAt.lookup(pointer.root)),
                         e.mul(from, -rowBytes(e, pointer.root)));
      e.storeRaw(start, pointer.address, 8);
    }
    for (auto [n, stage] : llvm::enumerate(stages))
      e.make<LLVM::CallOp>(
          stage.kernel->function,
          ValueRange{closures[n], e.value(e.mul(from, unitsPerRow[n])),
                     e.value(e.mul(to, unitsPerRow[n])), k.worker});
  });
  if (llvm::any_of(stages, [](const StageKernel &stage) {
        return stage.kernel->streams;
      }))
    k.emitFence();
}

LogicalResult Stages::emit() {
  for (StagePart &part : whole.parts) {
    StageKernel stage{part, std::make_unique<Kernel>(part.source, k.options)};
    stage.kernel->isLast.assign(part.isLast.begin(), part.isLast.end());
    stage.kernel->rowElements =
        StageParts::rowElements(part.operands[part.source.getNumArguments()]);
    stages.push_back(std::move(stage));
  }
  place();
  fetchAhead();
  for (StageKernel &stage : stages) {
    if (failed(stage.kernel->emit()))
      return failure();
    stage.source.erase();
    k.canFail |= stage.kernel->canFail;
  }
  emitUnits();

  // What outlives the kernel's description.
  struct Part {
    std::function<Work(Emit &, ArrayRef<Extents>)> work;
    SmallVector<ShapeRefs> shapes;
  };
  std::vector<Part> all;
  for (StageKernel &stage : stages)
    all.push_back({stage.kernel->work, stage.shapes});
  k.work = [all, rows = rows](Emit &e, ArrayRef<Extents> shapes) {
    Work work;
    work.count = rows.in(shapes);
    for (const Part &part : all) {
      SmallVector<Extents> own;
      for (const ShapeRefs &shape : part.shapes)
        own.push_back(llvm::map_to_vector<4>(
            shape, [&](const ExtentRef &ref) { return ref.in(shapes); }));
      work.cost = e.add(work.cost, part.work(e, own).cost);
    }
    Ix unit = e.max(e.div(work.cost, e.max(work.count, 1)), 1);
    work.grain = e.max(e.div(kGrainCost, unit), 1);
    return work;
  };
  if (scratchBytes)
    k.scratchBytes = [bytes = scratchBytes](Emit &, ArrayRef<Extents>) {
      return Ix(bytes);
    };
  return success();
}

LogicalResult etch::cpu::emitStages(Kernel &k) { return Stages(k).emit(); }
