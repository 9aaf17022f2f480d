//===- Storage.cpp - which value lives where
//-------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// 1. Every call gives its results buffers; reshapes alias. A buffer lives until
//    the last launch, or final copy, that reads it or an alias.
// 2. A returned value is computed where it is to end up: in the result, or in
//    the storage of the argument that it updates if nothing reads the old
//    content later. Otherwise a final copy brings it there. What final copies
//    read is saved first if another one overwrites it (states that swap).
// 3. What is left goes to the arena; a result of a pointwise kernel takes the
//    place of an operand that dies there, and so does one that is computed
//    beside sums, element by element.
//===----------------------------------------------------------------------===//

#include "compiler/Buffer/Storage.h"

#include "compiler/Buffer/Extents.h"
#include "compiler/Buffer/Plan.h"

#include "dialects/Etch/EtchDialect.h"
#include "dialects/Etch/Stages.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace etch;

std::optional<unsigned> etch::updatedArgument(func::FuncOp main, unsigned i) {
  auto attr = main.getResultAttrOfType<IntegerAttr>(i, kUpdateAttr);
  return attr ? std::optional<unsigned>(unsigned(attr.getInt())) : std::nullopt;
}

Storage::Storage(func::FuncOp main, Reuse reuse) : main(main), reuse(reuse) {
  findLifetimes();
  placeResults();
  placeOthers();
}

bool Storage::isCheck(Operation *step) {
  auto call = llvm::dyn_cast<func::CallOp>(step);
  if (!call)
    return false;
  auto kernel =
      symbols.lookupNearestSymbolFrom<func::FuncOp>(call, call.getCalleeAttr());
  return llvm::isa<CheckOp>(kernel.getBody().front().front());
}

void Storage::findLifetimes() {
  auto add = [&](Value x, Place place, unsigned number, int64_t begin) {
    bufferOf[x] = unsigned(buffers.size());
    buffers.push_back({x, place, number, begin, begin});
  };
  for (BlockArgument x : main.getArguments())
    add(x, Place::argument, x.getArgNumber(), -1);
  unsigned constants = 0;
  for (Operation &op : main.getBody().front()) {
    if (auto reshape = llvm::dyn_cast<ReshapeOp>(op)) {
      bufferOf[reshape.getY()] = bufferOf.lookup(reshape.getX());
    } else if (auto constant = llvm::dyn_cast<ConstantOp>(op)) {
      add(constant.getY(), Place::constant, constants++, -1);
    } else if (llvm::isa<func::CallOp>(op) || isControl(&op)) {
      for (Value x : op.getOperands())
        if (llvm::isa<RankedTensorType>(x.getType()))
          buffers[bufferOf.lookup(x)].end = numSteps;
      // What a check looks at it also gives.
      if (isCheck(&op))
        bufferOf[op.getResult(0)] = bufferOf.lookup(op.getOperand(0));
      else if (llvm::isa<PrepareOp>(op))
        for (Value y : op.getResults()) {
          add(y, Place::prepared, unsigned(preparedOffsets.size()), numSteps);
          preparedOffsets.push_back(preparedBytes);
          preparedBytes += alignUp(
              llvm::cast<RankedTensorType>(y.getType()).getNumElements() *
              elementBytes(y.getType()));
        }
      else
        for (Value y : op.getResults())
          add(y, Place::arena, 0, numSteps);
      steps.push_back(&op);
      ++numSteps;
    }
  }
}

/// Whether the kernel reads this argument element by element, as it writes its
/// results, so that a result may take its place.
bool Storage::isPointwiseArgument(func::FuncOp kernel, unsigned argument) {
  Block &body = kernel.getBody().front();
  Value x = body.getArgument(argument);
  auto result = llvm::dyn_cast<RankedTensorType>(kernel.getResultTypes()[0]);
  if (llvm::cast<RankedTensorType>(x.getType()).getShape() != result.getShape())
    return false;
  bool maySum = reuse == Reuse::sums && !kernel->hasAttr(kRowsAttr);
  for (Operation &op : body.without_terminator())
    if (auto rule = llvm::dyn_cast<DifferentiableOpInterface>(op))
      if (OpKind kind = rule.getInfo().kind;
          !op.hasAttr(kUpdatesAttr) && kind != OpKind::pointwise &&
          kind != OpKind::view && !(maySum && kind == OpKind::reduction))
        return false;
  // Stored in less, it is widened first.
  if (x.hasOneUse() && llvm::isa<arith::ExtFOp>(*x.user_begin()))
    x = x.user_begin()->getResult(0);
  return llvm::all_of(x.getUsers(), [](Operation *user) {
    return llvm::isa<PointwiseOpInterface, arith::TruncFOp, func::ReturnOp>(
        user);
  });
}

/// Whether a loop's final state is where its initial one is: nothing else of
/// the loop may read that.
bool Storage::isInitOf(Operation *step, unsigned buffer, Value result) {
  auto loop = llvm::dyn_cast<LoopOp>(step);
  unsigned i = llvm::cast<OpResult>(result).getResultNumber();
  return loop && i >= 1 && i <= loop.getInits().size() &&
         bufferOf.lookup(loop.getInits()[i - 1]) == buffer &&
         llvm::count_if(loop.getOperands(), [&](Value x) {
           return bufferOf.lookup(x) == buffer;
         }) == 1;
}

/// Whether a step that reads a buffer may compute its result there.
bool Storage::readInPlace(Operation *step, unsigned buffer, Value value) {
  auto call = llvm::dyn_cast<func::CallOp>(step);
  if (!call)
    return isInitOf(step, buffer, value);
  if (reuse == Reuse::none)
    return false;
  Type result = value.getType();
  auto kernel =
      symbols.lookupNearestSymbolFrom<func::FuncOp>(call, call.getCalleeAttr());
  auto size = [](Type type) {
    unsigned bits = getElementTypeOrSelf(type).getIntOrFloatBitWidth();
    return (bits + 7) / 8;
  };
  bool reads = false;
  for (auto [i, x] : llvm::enumerate(call.getOperands())) {
    if (!llvm::isa<RankedTensorType>(x.getType()) ||
        bufferOf.lookup(x) != buffer)
      continue;
    reads = true;
    auto shape = [](Type t) {
      return llvm::cast<RankedTensorType>(t).getShape();
    };
    if (!isPointwiseArgument(kernel, unsigned(i)) ||
        size(x.getType()) != size(result) ||
        shape(x.getType()) != shape(result))
      return false;
  }
  return reads;
}

/// Whether `by` can be computed right into the memory of a buffer.
bool Storage::mayOverwrite(unsigned buffer, const Buffer &by) {
  int64_t lastRead = buffers[buffer].end;
  if (lastRead != by.begin)
    return lastRead < by.begin;
  return readInPlace(steps[size_t(by.begin)], buffer, by.value);
}

int64_t Storage::firstBackwardStep() const {
  return llvm::find_if(
             steps,
             [](Operation *step) { return step->hasAttr(kBackwardAttr); }) -
         steps.begin();
}

void Storage::placeResults() {
  auto terminator =
      llvm::cast<func::ReturnOp>(main.getBody().front().getTerminator());
  // A value returned anywhere but in its own place is read at the end.
  SmallVector<unsigned> sources;
  for (auto [i, value] : llvm::enumerate(terminator.getOperands())) {
    unsigned from = bufferOf.lookup(value);
    sources.push_back(from);
    auto updated = updatedArgument(main, unsigned(i));
    if (buffers[from].place == Place::argument &&
        !(updated && buffers[from].number == *updated))
      buffers[from].end = numSteps;
  }
  unsigned results = 0;
  llvm::DenseSet<unsigned> overwritten; // arguments
  for (auto [i, from] : llvm::enumerate(sources)) {
    auto updated = updatedArgument(main, unsigned(i));
    Buffer &buffer = buffers[from];
    Place to = updated ? Place::argument : Place::result;
    unsigned number = updated ? *updated : results++;
    if (buffer.place == to && buffer.number == number)
      continue;
    bool taken = buffer.place != Place::arena;
    if (!taken && (!updated || mayOverwrite(number, buffer))) {
      buffer.place = to;
      buffer.number = number;
      continue;
    }
    copies.push_back({terminator.getOperand(unsigned(i)), from, to, number,
                      terminator.getLoc()});
    buffer.end = numSteps;
    if (updated)
      overwritten.insert(*updated);
  }
  // What results receive is read before any state is written.
  std::stable_partition(
      copies.begin(), copies.end(),
      [](const FinalCopy &copy) { return copy.to == Place::result; });
  for (FinalCopy &copy : copies) {
    const Buffer &from = buffers[copy.from];
    if (copy.to == Place::argument && from.place == Place::argument &&
        from.begin < 0 && overwritten.contains(from.number)) {
      copy.savedIn = unsigned(slots.size());
      slots.push_back({copy.value, numSteps, numSteps});
    }
  }
}

void Storage::placeOthers() {
  llvm::DenseSet<unsigned> taken;
  for (auto [step, op] : llvm::enumerate(steps)) {
    if (isControl(op)) {
      slotOf[op] = unsigned(slots.size());
      slots.push_back({Value(), int64_t(step), int64_t(step), op});
    }
    for (Value y : op->getResults()) {
      unsigned to = bufferOf.lookup(y);
      Buffer &buffer = buffers[to];
      if (buffer.place != Place::arena || buffer.begin != int64_t(step))
        continue;
      std::optional<unsigned> reused;
      for (Value x : op->getOperands()) {
        if (!llvm::isa<RankedTensorType>(x.getType()))
          continue;
        unsigned from = bufferOf.lookup(x);
        const Buffer &old = buffers[from];
        if (old.place == Place::arena && old.end == int64_t(step) &&
            !taken.contains(from) && readInPlace(op, from, y)) {
          reused = old.number;
          taken.insert(from);
          break;
        }
      }
      if (reused) {
        buffer.number = *reused;
        slots[*reused].end = buffer.end;
      } else {
        buffer.number = unsigned(slots.size());
        slots.push_back({y, buffer.begin, buffer.end});
      }
    }
  }
}
