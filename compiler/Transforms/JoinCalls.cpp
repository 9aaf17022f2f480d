//===- JoinCalls.cpp - calls of kernels that become one -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/JoinCalls.h"

#include "dialects/Etch/EtchDialect.h"

#include "mlir/IR/IRMapping.h"

#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace etch;

func::FuncOp etch::kernelOf(func::CallOp call) {
  auto kernel = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
      call, call.getCalleeAttr());
  return kernel && kernel->hasAttr(kKernelAttr) ? kernel : func::FuncOp();
}

Location etch::joinedLoc(ArrayRef<func::CallOp> calls,
                         ArrayRef<Value> results) {
  SmallVector<Location> places;
  for (func::CallOp call : calls)
    if (auto fused = llvm::dyn_cast<FusedLoc>(call.getLoc()))
      llvm::append_range(places, fused.getLocations());
    else
      places.push_back(call.getLoc());
  auto placeOf = [](Value y) -> Attribute {
    if (auto fused = llvm::dyn_cast<FusedLoc>(y.getLoc()))
      if (auto of = llvm::dyn_cast_if_present<ArrayAttr>(fused.getMetadata()))
        return of[llvm::cast<OpResult>(y).getResultNumber()];
    return LocationAttr(y.getLoc());
  };
  MLIRContext *context = func::CallOp(calls.front()).getContext();
  return FusedLoc::get(
      context, places,
      ArrayAttr::get(context, llvm::map_to_vector(results, placeOf)));
}

void etch::eraseUncalled(ModuleOp module) {
  llvm::StringMap<bool> called;
  module.walk([&](func::CallOp call) { called[call.getCallee()] = true; });
  for (auto kernel : llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
    if (kernel->hasAttr(kKernelAttr) && !called.contains(kernel.getSymName()))
      kernel.erase();
}

/// Clones what a call computes; its operands are mapped.
static void inlineCall(OpBuilder &b, func::CallOp call, IRMapping &map) {
  func::FuncOp kernel = kernelOf(call);
  IRMapping inner;
  for (auto [argument, x] :
       llvm::zip_equal(kernel.getArguments(), call.getOperands()))
    inner.map(argument, map.lookup(x));
  for (Operation &op : kernel.getBody().front().without_terminator())
    if (llvm::isa<StopGradientOp>(op)) // a copy
      inner.map(op.getResult(0), inner.lookup(op.getOperand(0)));
    else
      b.clone(op, inner);
  Operation *end = kernel.getBody().front().getTerminator();
  map.map(call.getResult(0), inner.lookup(end->getOperand(0)));
}

void CallJoiner::join(ArrayRef<Operation *> ops, const Twine &name) {
  // Equal ones call the same kernels with the same operands.
  std::string key;
  llvm::raw_string_ostream os(key);
  llvm::SetVector<Value> operands;
  llvm::DenseMap<Value, size_t> made;
  SmallVector<func::CallOp> calls;
  SmallVector<DictionaryAttr> attributes;
  for (auto [n, op] : llvm::enumerate(ops)) {
    auto call = llvm::dyn_cast<func::CallOp>(op);
    if (call)
      calls.push_back(call);
    os << (call ? call.getCallee() : op->getName().getStringRef());
    for (auto [i, x] : llvm::enumerate(op->getOperands())) {
      if (auto it = made.find(x); it != made.end()) {
        os << " %" << it->second;
        continue;
      }
      if (operands.insert(x))
        attributes.push_back(call ? kernelOf(call).getArgAttrDict(unsigned(i))
                                  : DictionaryAttr());
      os << " " << llvm::find(operands, x) - operands.begin();
    }
    os << " " << op->getResult(0).getType() << ";";
    made[op->getResult(0)] = n;
  }
  Operation *last = ops.back();
  OpBuilder b(last);
  func::FuncOp &kernel = kernels[key];
  if (!kernel) {
    func::FuncOp before = kernelOf(calls.front());
    auto module = before->getParentOfType<ModuleOp>();
    std::string unique = name.str();
    for (unsigned n = 0; module.lookupSymbol(unique); ++n)
      unique = (name + std::to_string(n)).str();
    b.setInsertionPoint(before);
    auto types = llvm::map_to_vector(
        operands, [](Value x) -> Type { return x.getType(); });
    kernel =
        func::FuncOp::create(b, before.getLoc(), unique,
                             b.getFunctionType(types, last->getResultTypes()));
    kernel.setPrivate();
    kernel->setAttr(kKernelAttr, b.getUnitAttr());
    for (auto [i, dictionary] : llvm::enumerate(attributes))
      if (dictionary)
        kernel.setArgAttrs(unsigned(i), dictionary);
    Block *body = kernel.addEntryBlock();
    b.setInsertionPointToEnd(body);
    IRMapping map;
    for (auto [x, argument] : llvm::zip_equal(operands, body->getArguments()))
      map.map(x, argument);
    for (Operation *op : ops)
      if (auto call = llvm::dyn_cast<func::CallOp>(op))
        inlineCall(b, call, map);
      else
        b.clone(*op, map);
    func::ReturnOp::create(b, kernel.getLoc(), map.lookup(last->getResult(0)));
    b.setInsertionPoint(last);
  }
  auto call = func::CallOp::create(b, joinedLoc(calls, last->getResult(0)),
                                   kernel, operands.getArrayRef());
  if (Attribute backward = last->getAttr(kBackwardAttr))
    call->setAttr(kBackwardAttr, backward);
  last->getResult(0).replaceAllUsesWith(call.getResult(0));
  for (Operation *op : llvm::reverse(ops))
    op->erase();
}
