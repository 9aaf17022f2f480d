//===- Describe.cpp - which buffer is what --------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Buffer/Describe.h"

#include "compiler/Buffer/Extents.h"

#include "dialects/Etch/EtchDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace etch;

Location etch::placeOf(Value value) {
  auto result = llvm::dyn_cast<OpResult>(value);
  if (!result)
    return value.getLoc();
  if (auto fused = llvm::dyn_cast<FusedLoc>(value.getLoc()))
    if (auto places = llvm::dyn_cast_if_present<ArrayAttr>(fused.getMetadata()))
      return llvm::cast<LocationAttr>(places[result.getResultNumber()]);
  return value.getLoc();
}

std::string etch::makerOf(Value value) {
  auto result = llvm::dyn_cast<OpResult>(value);
  if (!result)
    return "";
  Operation *op = result.getOwner();
  if (auto call = llvm::dyn_cast<func::CallOp>(op)) {
    auto kernel = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
        call, call.getCalleeAttr());
    Value inner = kernel.getBody().front().getTerminator()->getOperand(
        result.getResultNumber());
    if (auto narrowed = inner.getDefiningOp<arith::TruncFOp>())
      inner = narrowed.getIn();
    if (inner.getDefiningOp())
      op = inner.getDefiningOp();
  }
  return op->getName().stripDialect().str();
}

std::pair<Location, std::string> etch::peakOf(const Storage &storage,
                                              ArrayRef<Lifetime> slots) {
  SmallVector<int64_t> change(size_t(storage.numSteps) + 2);
  for (const Lifetime &l : slots) {
    change[size_t(std::max<int64_t>(l.begin, 0))] += l.bytes;
    change[size_t(l.end) + 1] -= l.bytes;
  }
  Value peak;
  int64_t alive = 0, most = 0;
  for (auto [i, step] : llvm::enumerate(storage.steps)) {
    alive += change[i];
    if (alive <= most || step->getNumResults() == 0)
      continue;
    most = alive;
    peak = step->getResult(0);
  }
  if (!peak)
    return {func::FuncOp(storage.main).getLoc(), ""};
  return {placeOf(peak), makerOf(peak)};
}

void etch::describeBuffers(func::FuncOp main, const Storage &storage) {
  func::FuncOp old = storage.main;
  OpBuilder b(main.getContext());
  SmallVector<Attribute> entries;
  constexpr StringLiteral places[] = {"argument", "result", "arena", "constant",
                                      "prepared"};
  auto add = [&](Value value, Place place, int64_t slot, int64_t begin,
                 int64_t end, StringRef maker, StringRef called) {
    auto type = llvm::cast<RankedTensorType>(value.getType());
    std::string text;
    llvm::raw_string_ostream(text) << type;
    NamedAttrList list;
    auto number = [&](StringRef name, int64_t n) {
      list.set(name, b.getI64IntegerAttr(n));
    };
    list.set("place", b.getStringAttr(places[size_t(place)]));
    number("begin", begin);
    number("end", end);
    number("slot", slot);
    number("bytes", type.hasStaticShape()
                        ? type.getNumElements() * elementBytes(type)
                        : -1);
    list.set("loc", LocationAttr(placeOf(value)));
    list.set("type", b.getStringAttr(text));
    list.set("op", b.getStringAttr(maker));
    list.set("name", b.getStringAttr(called));
    entries.push_back(list.getDictionary(b.getContext()));
  };
  for (const Buffer &buffer : storage.buffers) {
    StringRef called;
    if (auto argument = llvm::dyn_cast<BlockArgument>(buffer.value))
      if (auto attr = old.getArgAttrOfType<StringAttr>(argument.getArgNumber(),
                                                       "etch.name"))
        called = attr.getValue();
    bool whole = llvm::isa<BlockArgument>(buffer.value) ||
                 buffer.place == Place::constant ||
                 buffer.place == Place::prepared;
    add(buffer.value, buffer.place,
        buffer.place == Place::arena ? buffer.number : -1, buffer.begin,
        whole ? storage.numSteps : buffer.end, makerOf(buffer.value), called);
  }
  for (const FinalCopy &copy : storage.copies)
    if (copy.savedIn)
      add(copy.value, Place::arena, *copy.savedIn, storage.numSteps,
          storage.numSteps, "copy", "");
  main->setAttr(kPlanAttr, b.getArrayAttr(entries));
}
