//===- Describe.cpp - a planned program in words --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Pipelines/Describe.h"

#include "compiler/Buffer/Extents.h"
#include "compiler/Buffer/Plan.h"
#include "compiler/Transforms/Price.h"

#include "dialects/Device/DeviceDialect.h"
#include "dialects/Etch/EtchDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace etch;

static int64_t siteOf(Location loc) {
  int64_t site = -1;
  loc->walk([&](Location part) {
    auto file = llvm::dyn_cast<FileLineColLoc>(part);
    if (!file || file.getFilename() != "site")
      return WalkResult::advance();
    site = file.getLine();
    return WalkResult::interrupt();
  });
  return site;
}

/// Bytes of a tensor or memref; -1 if an extent is symbolic.
static int64_t bytesOf(Type type) {
  auto shaped = llvm::dyn_cast<ShapedType>(type);
  if (!shaped)
    return 0;
  return shaped.hasStaticShape() ? shaped.getNumElements() * elementBytes(type)
                                 : -1;
}

int64_t etch::bytesOfAllValues(ModuleOp module) {
  int64_t bytes = 0;
  module.walk([&](DifferentiableOpInterface op) {
    if (op.getInfo().kind == OpKind::view || llvm::isa<ReshapeOp>(*op))
      return;
    int64_t times = 1;
    for (auto loop = op->getParentOfType<LoopOp>(); loop;
         loop = loop->getParentOfType<LoopOp>())
      for (ValueRange rows :
           {ValueRange(loop.getXs()), ValueRange(loop.getYs())})
        if (!rows.empty())
          if (auto type = llvm::cast<RankedTensorType>(rows[0].getType());
              !type.isDynamicDim(0)) {
            times *= type.getDimSize(0);
            break;
          }
    for (Type type : op->getResultTypes())
      bytes += times * std::max<int64_t>(0, bytesOf(type));
  });
  return bytes;
}

namespace {
class Describer {
public:
  /// `planned`: what the plan's function says for the extents of a call.
  Describer(ModuleOp module, SmallVector<int64_t> planned, raw_ostream &os)
      : module(module), planned(std::move(planned)), os(os) {
    for (func::FuncOp program : module.getOps<func::FuncOp>())
      program.walk([&](device::LaunchOp launch) {
        numbers[launch] = int64_t(numbers.size());
      });
  }
  void visit(func::FuncOp program, int64_t base, int64_t depth);
  struct Slot {
    int64_t begin, end, offset, bytes; ///< the last two -1 if not known
  };
  SmallVector<Slot> slotsOf(func::FuncOp program);
  int64_t steps() const {
    int64_t n = 0;
    auto main = module.lookupSymbol<func::FuncOp>("main");
    for (Operation &op : main.getBody().front())
      n += llvm::isa<device::LaunchOp, device::LoopOp, device::BranchOp,
                     device::PrepareOp>(op);
    return n;
  }
  int64_t arenaBytes() const { return planned.empty() ? -1 : planned[0]; }

private:
  struct Span {
    int64_t begin, end;
  };
  void buffers(func::FuncOp program, int64_t base, ArrayRef<Slot> slots,
               ArrayRef<Span> spans);
  void launch(device::LaunchOp op, func::FuncOp program, int64_t depth);
  int64_t flops(func::FuncOp kernel);

  mutable ModuleOp module;
  SmallVector<int64_t> planned;
  raw_ostream &os;
  DenseMap<Operation *, int64_t> numbers;
  int64_t clock = 0;
};
} // namespace

static int64_t elements(Type type) {
  auto shaped = llvm::cast<ShapedType>(type);
  return shaped.hasStaticShape() ? shaped.getNumElements() : 0;
}

/// Additions, multiplications and the like: two for each multiply-add, one for
/// each instruction of a scalar body, one for each reduced element.
int64_t Describer::flops(func::FuncOp kernel) {
  int64_t sum = 0;
  for (Operation &op : kernel.getBody().front().without_terminator()) {
    auto rule = llvm::dyn_cast<DifferentiableOpInterface>(op);
    if (!rule)
      continue;
    int64_t results = elements(op.getResult(0).getType());
    auto operand = [&](unsigned i) {
      return llvm::cast<ShapedType>(op.getOperand(i).getType());
    };
    switch (rule.getInfo().kind) {
    case OpKind::pointwise:
      sum += results * scalarPrice(llvm::cast<PointwiseOpInterface>(op));
      break;
    case OpKind::reduction:
      sum += elements(operand(0));
      break;
    case OpKind::contraction:
      if (operand(0).getShape().back() > 0)
        sum += 2 * results * operand(0).getShape().back();
      break;
    case OpKind::convolution: {
      // Whatever is asked for: each output meets the filters of its channel.
      bool toWeights = llvm::isa<Conv2dWeightGradOp>(op);
      Type outputs = llvm::isa<Conv2dOp>(op) ? op.getResult(0).getType()
                     : toWeights             ? Type(operand(1))
                                             : Type(operand(0));
      Type filters = toWeights ? op.getResult(0).getType() : Type(operand(1));
      sum += 2 * elements(outputs) * elements(filters) /
             std::max<int64_t>(
                 1, llvm::cast<ShapedType>(filters).getShape().front());
      break;
    }
    default:
      break;
    }
  }
  return sum;
}

void Describer::launch(device::LaunchOp op, func::FuncOp program,
                       int64_t depth) {
  auto kernel = module.lookupSymbol<func::FuncOp>(op.getKernel());
  int64_t bytes = 0;
  for (Value x : op.getOperands())
    bytes = bytes < 0 || bytesOf(x.getType()) < 0
                ? -1
                : bytes + bytesOf(x.getType());
  os << "launch\t" << numbers.lookup(op) << "\t" << clock << "\t"
     << program.getSymName() << "\t" << op.getKernel() << "\t" << depth << "\t"
     << bytes << "\t" << flops(kernel) << "\t";
  SmallVector<int64_t> sites;
  auto add = [&](Location loc) {
    if (int64_t site = siteOf(loc);
        site >= 0 && !llvm::is_contained(sites, site))
      sites.push_back(site);
  };
  if (auto fused = llvm::dyn_cast<FusedLoc>(op.getLoc()))
    llvm::for_each(fused.getLocations(), add);
  else
    add(op.getLoc());
  llvm::interleave(sites, os, ",");
  os << "\t";
  llvm::interleave(
      llvm::make_filter_range(
          kernel.getBody().front().without_terminator(),
          [](Operation &inner) { return !llvm::isa<ConstantOp>(inner); }),
      os, [&](Operation &inner) { os << inner.getName().stripDialect(); }, ",");
  os << "\t" << op->hasAttr(kBackwardAttr) << "\n";
}

/// What lives in a program whose steps have these spans on the common axis.
void Describer::buffers(func::FuncOp program, int64_t base,
                        ArrayRef<Slot> slots, ArrayRef<Span> spans) {
  auto plan = program->getAttrOfType<ArrayAttr>(kPlanAttr);
  if (!plan)
    return;
  for (auto entry : plan.getAsRange<DictionaryAttr>()) {
    auto number = [&](StringRef name) {
      return entry.getAs<IntegerAttr>(name).getInt();
    };
    auto word = [&](StringRef name) {
      auto text = entry.getAs<StringAttr>(name);
      return text && !text.empty() ? text.getValue() : StringRef("-");
    };
    // What is copied behind a region's last launch is still in its loop.
    int64_t n = int64_t(spans.size()),
            last = program.getSymName() == "main" ? clock : clock - 1;
    int64_t begin = number("begin"), end = number("end"), slot = number("slot"),
            bytes = number("bytes"), offset = -1;
    if (slot >= 0 && size_t(slot) < slots.size() &&
        slots[size_t(slot)].offset >= 0 && slots[size_t(slot)].bytes > 0) {
      offset = base + slots[size_t(slot)].offset;
      bytes = bytes < 0 ? slots[size_t(slot)].bytes : bytes;
    }
    begin = begin < 0   ? (n ? spans[0].begin : 0)
            : begin < n ? spans[begin].begin
                        : last;
    end = end < 0 ? begin : end < n ? spans[end].end : last;
    Location loc = entry.getAs<LocationAttr>("loc");
    os << "buffer\t" << word("place") << "\t" << program.getSymName() << "\t"
       << offset << "\t" << bytes << "\t" << begin << "\t" << end << "\t"
       << siteOf(loc) << "\t" << word("type") << "\t" << word("op") << "\t"
       << word("name") << "\n";
  }
}

/// The slots of a program; those of main for the extents of a call.
SmallVector<Describer::Slot> Describer::slotsOf(func::FuncOp program) {
  SmallVector<Slot> slots;
  auto attr = program->getAttrOfType<DenseI64ArrayAttr>(kSlotsAttr);
  if (!attr)
    return slots;
  ArrayRef<int64_t> n = attr.asArrayRef();
  for (size_t i = 0; i < n.size(); i += 4)
    slots.push_back({n[i], n[i + 1], n[i + 2], n[i + 3]});
  if (program.getSymName() == "main" && !planned.empty())
    for (auto [i, slot] : llvm::enumerate(slots)) {
      slot.offset = planned[1 + 2 * i];
      slot.bytes = planned[2 + 2 * i];
    }
  return slots;
}

void Describer::visit(func::FuncOp program, int64_t base, int64_t depth) {
  SmallVector<Span> spans;
  SmallVector<Slot> slots = slotsOf(program);
  auto pieces = program->getAttrOfType<DenseI64ArrayAttr>(kPiecesAttr);
  size_t control = 0;
  for (Operation &op : program.getBody().front()) {
    int64_t begin = clock, piece = -1;
    if (llvm::isa<device::LoopOp, device::BranchOp, device::PrepareOp>(op) &&
        pieces)
      piece = slots[size_t(pieces[control++])].offset;
    auto run = [&](StringRef name) {
      visit(module.lookupSymbol<func::FuncOp>(name),
            piece < 0 ? 0 : base + piece, depth + 1);
    };
    if (auto l = llvm::dyn_cast<device::LaunchOp>(op)) {
      launch(l, program, depth);
      ++clock;
    } else if (auto loop = llvm::dyn_cast<device::LoopOp>(op)) {
      if (auto condition = loop.getCondition())
        run(*condition);
      run(loop.getBody());
    } else if (auto branch = llvm::dyn_cast<device::BranchOp>(op)) {
      run(branch.getThen());
      run(branch.getOtherwise());
    } else if (auto prepare = llvm::dyn_cast<device::PrepareOp>(op)) {
      run(prepare.getProgram());
    } else {
      continue;
    }
    if (clock == begin)
      ++clock; // a loop of nothing
    spans.push_back({begin, clock - 1});
  }
  buffers(program, base, slots, spans);
}

/// Runs a function of index arithmetic on the extents of its arguments, one
/// after the other. Empty if that cannot be done.
static SmallVector<int64_t> evaluate(func::FuncOp function,
                                     ArrayRef<int64_t> extents) {
  DenseMap<Value, Attribute> known;
  SmallVector<size_t> first;
  size_t all = 0;
  for (Type type : function.getArgumentTypes()) {
    first.push_back(all);
    all += size_t(llvm::cast<MemRefType>(type).getRank());
  }
  OpBuilder b(function.getContext());
  for (Operation &op : function.getBody().front().without_terminator()) {
    Attribute value;
    SmallVector<Attribute> operands;
    for (Value x : op.getOperands())
      operands.push_back(known.lookup(x));
    SmallVector<OpFoldResult> folded;
    if (auto dim = llvm::dyn_cast<memref::DimOp>(op)) {
      auto argument = llvm::dyn_cast<BlockArgument>(dim.getSource());
      auto axis = llvm::dyn_cast_if_present<IntegerAttr>(operands[1]);
      if (argument && axis && all == extents.size())
        value = b.getIndexAttr(
            extents[first[argument.getArgNumber()] + size_t(axis.getInt())]);
    } else if (succeeded(op.fold(operands, folded)) && folded.size() == 1) {
      value = llvm::dyn_cast<Attribute>(folded[0]);
      if (!value)
        value = known.lookup(llvm::cast<Value>(folded[0]));
    }
    if (!value)
      return {};
    known[op.getResult(0)] = value;
  }
  SmallVector<int64_t> results;
  for (Value x : function.getBody().front().getTerminator()->getOperands()) {
    auto value = llvm::dyn_cast_if_present<IntegerAttr>(known.lookup(x));
    if (!value)
      return {};
    results.push_back(value.getInt());
  }
  return results;
}

void etch::describePlan(ModuleOp module, int64_t everything,
                        ArrayRef<int64_t> extents, raw_ostream &os) {
  auto main = module.lookupSymbol<func::FuncOp>("main");
  auto function = module.lookupSymbol<func::FuncOp>(kPlanFunction);
  if (!main || !function)
    return;
  Describer describer(module, evaluate(function, extents), os);
  SmallVector<Lifetime> lifetimes;
  int64_t saved = 0,
          border = main->getAttrOfType<IntegerAttr>(kBorderAttr).getInt();
  for (auto slot : describer.slotsOf(main)) {
    lifetimes.push_back({slot.begin, slot.end, slot.bytes});
    if (slot.begin < border && border <= slot.end && border < describer.steps())
      saved += slot.bytes;
  }
  os << "arena\t" << describer.arenaBytes() << "\t" << liveBytes(lifetimes)
     << "\t" << saved << "\t" << everything << "\n";
  describer.visit(main, 0, 0);
}
