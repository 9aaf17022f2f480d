//===- Join.cpp - Launches of one body over other arrays ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A launch has its price, and a small array leaves most of a device idle. The
// joined kernel has the operands of all; a block of threads finds its array by
// its number, in a tree of comparisons.
//===----------------------------------------------------------------------===//

#include "compiler/Target/CUDA/Join.h"

#include "compiler/Target/CUDA/Exclusive.h"
#include "compiler/Target/CUDA/Pointwise.h"
#include "compiler/Target/Kernel/StageParts.h"

#include "dialects/Device/DeviceDialect.h"
#include "dialects/Etch/EtchDialect.h"
#include "dialects/Etch/Stages.h"

#include "mlir/IR/IRMapping.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace etch;
using namespace etch::cuda;

/// Arguments of a kernel take 4 KB at most, 8 bytes each; the last three are
/// not operands.
static constexpr size_t kMostOperands = 4096 / 8 - 3;

//===----------------------------------------------------------------------===//
// Bodies
//===----------------------------------------------------------------------===//

/// What a kernel does to each element, as a text that is the same for arrays of
/// other shapes; "" if it is no plain function of elements.
static std::string bodyOf(func::FuncOp kernel) {
  if (kernel->hasAttr(kRowsAttr) || kernel->hasAttr(kJoinedAttr) ||
      kernel.getNumResults() == 0)
    return "";
  auto whole = dyn_cast<RankedTensorType>(kernel.getResultTypes()[0]);
  if (!whole || !whole.hasStaticShape() || whole.getRank() == 0 ||
      whole.getNumElements() == 0)
    return "";
  std::string text;
  llvm::raw_string_ostream os(text);
  DenseMap<Value, size_t> numbers;
  auto note = [&](Value v) {
    auto type = dyn_cast<RankedTensorType>(v.getType());
    if (!type || (type.getRank() && type.getShape() != whole.getShape()))
      return false;
    os << (type.getRank() ? 'a' : 'n') << type.getElementType();
    numbers.try_emplace(v, numbers.size());
    return true;
  };
  for (BlockArgument argument : kernel.getArguments()) {
    if (kernel.getArgAttr(argument.getArgNumber(), kStridedAttr) ||
        !note(argument))
      return "";
    os << kernel.getArgAttr(argument.getArgNumber(), kStoredAttr);
  }
  for (unsigned i = 0; i < kernel.getNumResults(); ++i)
    os << '>' << kernel.getResultAttr(i, kStoredAttr);
  for (Operation &op : kernel.getBody().front()) {
    bool isView = false;
    if (auto constant = dyn_cast<ConstantOp>(op)) {
      auto elements = dyn_cast<DenseElementsAttr>(constant.getValue());
      if (!elements || !elements.isSplat())
        return "";
      os << elements.getSplatValue<Attribute>();
    } else if (auto broadcast = dyn_cast<BroadcastToOp>(op)) {
      if (cast<RankedTensorType>(broadcast.getX().getType()).getRank() ||
          op.getNumOperands() != 1)
        return "";
      isView = true;
    } else if (!isa<PointwiseOpInterface, func::ReturnOp>(op)) {
      return "";
    }
    os << ';' << op.getName();
    for (NamedAttribute attr : op.getAttrs())
      if (!isView && !isa<ConstantOp>(op))
        os << attr.getName() << attr.getValue();
    for (Value x : op.getOperands())
      os << ',' << numbers.lookup(x);
    for (Value y : op.getResults())
      if (!note(y))
        return "";
  }
  // Each result is an array of its own.
  DenseSet<Value> results;
  for (Value y : kernel.getBody().front().getTerminator()->getOperands())
    if (isa<BlockArgument>(y) ||
        cast<RankedTensorType>(y.getType()).getRank() == 0 ||
        !results.insert(y).second)
      return "";
  return text;
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

namespace {

class Joiner {
public:
  explicit Joiner(ModuleOp module) : module(module) {}
  void run(Block &block);

private:
  struct Launch {
    device::LaunchOp op;
    func::FuncOp kernel;
    SmallVector<Place> reads, writes;
    SmallVector<unsigned>
        equal; ///< of each operand: the first that is the same
  };

  const std::string &bodyOf(func::FuncOp kernel) {
    auto [it, isNew] = bodies.try_emplace(kernel);
    if (isNew)
      it->second = ::bodyOf(kernel);
    return it->second;
  }
  bool mayJoin(const Launch &launch);
  void finish();

  ModuleOp module;
  DenseMap<Operation *, std::string> bodies;
  std::vector<Launch> group;
  size_t numOperands = 0;
  llvm::StringMap<func::FuncOp> made;
};

} // namespace

bool Joiner::mayJoin(const Launch &launch) {
  if (group.empty())
    return true;
  if (bodyOf(launch.kernel) != bodyOf(group.front().kernel) ||
      launch.equal != group.front().equal ||
      numOperands + launch.reads.size() + launch.writes.size() > kMostOperands)
    return false;
  auto meet = [](ArrayRef<Place> xs, ArrayRef<Place> ys) {
    return llvm::any_of(xs, [&](const Place &x) {
      return llvm::any_of(ys, [&](const Place &y) { return x.meets(y); });
    });
  };
  return llvm::none_of(group, [&](const Launch &other) {
    return meet(launch.writes, other.reads) ||
           meet(launch.writes, other.writes) ||
           meet(launch.reads, other.writes);
  });
}

/// The group's launches become one, in the place of the last.
void Joiner::finish() {
  std::vector<Launch> all = std::move(group);
  group.clear();
  numOperands = 0;
  if (all.size() < 2)
    return;
  // What several read is one operand.
  llvm::MapVector<Value, unsigned> ins;
  SmallVector<Value> outs;
  std::string key;
  llvm::raw_string_ostream os(key);
  for (Launch &launch : all) {
    os << launch.kernel.getName();
    for (Value x : launch.op.getIns())
      os << ' ' << ins.try_emplace(x, unsigned(ins.size())).first->second;
    os << ';';
    llvm::append_range(outs, launch.op.getOuts());
  }
  OpBuilder b(all.back().op);
  func::FuncOp &kernel = made[key];
  if (!kernel) {
    b.setInsertionPoint(all.back().kernel);
    SmallVector<Type> inputs(ins.size()), results;
    SmallVector<Attribute> storedIn(ins.size()), storedOut;
    for (Launch &launch : all) {
      for (auto [i, x] : llvm::enumerate(launch.op.getIns())) {
        inputs[ins.lookup(x)] = launch.kernel.getArgumentTypes()[i];
        storedIn[ins.lookup(x)] =
            launch.kernel.getArgAttr(unsigned(i), kStoredAttr);
      }
      llvm::append_range(results, launch.kernel.getResultTypes());
      for (unsigned i = 0; i < launch.kernel.getNumResults(); ++i)
        storedOut.push_back(launch.kernel.getResultAttr(i, kStoredAttr));
    }
    // Not j0, which is a function of C.
    kernel = func::FuncOp::create(b, module.getLoc(),
                                  "g" + std::to_string(made.size() - 1),
                                  b.getFunctionType(inputs, results));
    kernel.setPrivate();
    for (StringRef attr : {StringRef(kKernelAttr), StringRef(kJoinedAttr)})
      kernel->setAttr(attr, b.getUnitAttr());
    for (auto [i, stored] : llvm::enumerate(storedIn))
      if (stored)
        kernel.setArgAttr(unsigned(i), kStoredAttr, stored);
    for (auto [i, stored] : llvm::enumerate(storedOut))
      if (stored)
        kernel.setResultAttr(unsigned(i), kStoredAttr, stored);
    Block *body = kernel.addEntryBlock();
    b.setInsertionPointToEnd(body);
    SmallVector<Value> returned;
    for (auto [number, launch] : llvm::enumerate(all)) {
      IRMapping map;
      Block &from = launch.kernel.getBody().front();
      for (auto [argument, x] :
           llvm::zip_equal(from.getArguments(), launch.op.getIns()))
        map.map(argument, body->getArgument(ins.lookup(x)));
      for (Operation &op : from.without_terminator())
        b.clone(op, map)->setAttr(kStageAttr,
                                  b.getI64IntegerAttr(int64_t(number)));
      for (Value x : from.getTerminator()->getOperands())
        returned.push_back(map.lookup(x));
    }
    func::ReturnOp::create(b, module.getLoc(), returned);
    b.setInsertionPoint(all.back().op);
  }
  SmallVector<Value> operands;
  for (auto &[x, number] : ins)
    operands.push_back(x);
  device::LaunchOp::create(b, all.front().op.getLoc(), kernel.getName(),
                           operands, outs);
  for (Launch &launch : all)
    launch.op.erase();
}

void Joiner::run(Block &block) {
  for (Operation &op : llvm::make_early_inc_range(block)) {
    auto launch = dyn_cast<device::LaunchOp>(op);
    if (!launch) {
      if (!isPure(&op))
        finish();
      continue;
    }
    auto kernel = module.lookupSymbol<func::FuncOp>(launch.getKernel());
    if (!kernel || bodyOf(kernel).empty()) {
      finish();
      continue;
    }
    Launch next{launch, kernel, {}, {}, {}};
    for (Value x : launch.getIns()) {
      next.reads.push_back(Place::of(x));
      next.equal.push_back(
          unsigned(llvm::find(launch.getIns(), x) - launch.getIns().begin()));
    }
    for (Value y : launch.getOuts())
      next.writes.push_back(Place::of(y));
    if (!mayJoin(next))
      finish();
    numOperands += next.reads.size() + next.writes.size();
    group.push_back(std::move(next));
  }
  finish();
}

void etch::cuda::joinLaunches(ModuleOp module) {
  auto functions = llvm::to_vector(module.getOps<func::FuncOp>());
  Joiner joiner(module);
  for (func::FuncOp function : functions)
    if (!function->hasAttr(kKernelAttr) && !function.isExternal())
      joiner.run(function.getBody().front());
  // Kernels that nobody launches any more.
  llvm::StringSet<llvm::MallocAllocator> launched;
  module.walk([&](device::LaunchOp op) { launched.insert(op.getKernel()); });
  for (func::FuncOp function : functions)
    if (function->hasAttr(kKernelAttr) &&
        !launched.contains(function.getName()))
      function.erase();
}

//===----------------------------------------------------------------------===//
// Code
//===----------------------------------------------------------------------===//

LogicalResult etch::cuda::emitJoined(Kernel &k) {
  Emit &e = k.e;
  StageParts whole(k, k.source.getName());
  std::vector<StagePart> &parts = whole.parts;
  Kernel inner(parts[0].source, ModuleOp());
  // Of each part: which operands of the launch, elements, blocks before it.
  std::vector<SmallVector<unsigned>> operands;
  SmallVector<int64_t> counts, first = {0};
  int64_t bytes = 4;
  for (Type type : inner.source.getArgumentTypes())
    bytes = std::max(bytes, e.bytesOf(getElementTypeOrSelf(type)));
  for (Operation &op : inner.source.getBody().front())
    for (Type type : op.getResultTypes())
      bytes = std::max(bytes, e.bytesOf(getElementTypeOrSelf(type)));
  const int64_t lanes = 16 / bytes;
  for (StagePart &part : parts) {
    operands.emplace_back();
    for (Value v : part.operands) {
      if (auto argument = dyn_cast<BlockArgument>(v))
        operands.back().push_back(k.bufferOf(argument));
      else
        operands.back().push_back(k.resultBuffer(
            unsigned(llvm::find(k.results(), v) - k.results().begin())));
    }
    auto type = cast<RankedTensorType>(part.operands.back().getType());
    counts.push_back(type.getNumElements());
    first.push_back(first.back() +
                    int64_t(llvm::divideCeil(counts.back(), kThreads * lanes)));
  }
  auto isOne = [&](size_t operand) {
    return llvm::all_of(operands, [&](const auto &of) {
      return of[operand] == operands[0][operand];
    });
  };
  auto blocks = [all = first.back()](Emit &, ArrayRef<Extents>) {
    return Ix(all);
  };
  bool ok = true;
  k.stage(kThreads, blocks, [&] {
    // Pointers that differ, elements, the first block.
    SmallVector<Type> types;
    for (size_t i = 0; i < operands[0].size(); ++i)
      if (!isOne(i))
        types.push_back(e.ptrType());
    types.append(2, e.getI64Type());
    Ix block = k.block();
    std::function<SmallVector<Value>(size_t, size_t)> choose =
        [&](size_t from, size_t to) -> SmallVector<Value> {
      if (to - from == 1) {
        SmallVector<Value> values;
        for (size_t i = 0; i < operands[0].size(); ++i)
          if (!isOne(i))
            values.push_back(k.buffers[operands[from][i]].pointer);
        values.push_back(e.value(counts[from]));
        values.push_back(e.value(first[from]));
        return values;
      }
      size_t middle = (from + to) / 2;
      Value before = e.compare(arith::CmpIPredicate::ult, block, first[middle]);
      auto branch = e.make<scf::IfOp>(types, before, true);
      OpBuilder::InsertionGuard guard(e);
      e.setInsertionPointToStart(branch.thenBlock());
      e.make<scf::YieldOp>(choose(from, middle));
      e.setInsertionPointToStart(branch.elseBlock());
      e.make<scf::YieldOp>(choose(middle, to));
      return SmallVector<Value>(branch.getResults());
    };
    SmallVector<Value> chosen = choose(0, parts.size());
    Ix start = Ix(chosen.pop_back_val()), count = Ix(chosen.pop_back_val());
    inner.writeWithin(k);
    inner.e.loc = parts[0].loc;
    size_t next = 0;
    for (auto [i, v] : llvm::enumerate(parts[0].operands)) {
      Buffer buffer;
      auto type = cast<RankedTensorType>(v.getType());
      buffer.element = k.buffers[operands[0][i]].element;
      buffer.pointer =
          isOne(i) ? k.buffers[operands[0][i]].pointer : chosen[next++];
      if (type.getRank()) {
        buffer.extents = {count};
        buffer.strides = {Ix(1)};
      }
      inner.buffers.push_back(std::move(buffer));
    }
    Emit &e = inner.e;
    Ix i =
        e.mul(e.add(e.mul(e.sub(block, start), kThreads), k.thread()), lanes);
    inner.writeWithin(k);
    Evaluator values(inner, {count}, {0});
    ok &= succeeded(values.writeResults());
    e.when(e.compare(arith::CmpIPredicate::ult, i, count), [&] {
      emitVector(inner, values, lanes, {Ix(0)}, i, [&](Ix at, Lanes covered) {
        values.point(at, covered);
        values.store();
      });
    });
    k.e.restoreInsertionPoint(e.saveInsertionPoint());
  });
  for (StagePart &part : parts)
    part.source.erase();
  return success(ok);
}
