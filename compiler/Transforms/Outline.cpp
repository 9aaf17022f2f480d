//===- Outline.cpp - groups of ops become kernels
//--------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// 1. A group's ops are listed together with the views and splats they use.
//    Operands of an op that commutes come in one order.
// 2. A key is written: for each op its name, attributes, result types and where
//    its operands come from. Locations and discardable attributes are no part
//    of it. Two groups with one key are one kernel.
// 3. For a new key the ops are cloned into a function; in either case main gets
//    a call, at the location of the group's first op.
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Outline.h"

#include "compiler/Transforms/Images.h"

#include "dialects/Etch/EtchDialect.h"
#include "dialects/Etch/Stages.h"

#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace etch;

bool etch::isCloned(Operation *op) {
  if (!op)
    return false;
  if (auto constant = llvm::dyn_cast<ConstantOp>(op))
    return constant.getValue().isSplat();
  // A start that is data is an argument of the kernel; it must be there before.
  if (llvm::isa<SliceAtOp, PlaceAtOp>(op))
    return llvm::isa<BlockArgument>(op->getOperand(1));
  // That of a convolution's result is part of its kernel.
  if (llvm::isa<TransposeOp>(op))
    return !op->hasAttr(kChannelsLastAttr);
  return llvm::isa<BroadcastToOp, IotaOp, SliceOp, PlaceOp>(op);
}

namespace {
/// A group as a kernel will hold it.
struct Group {
  SmallVector<Operation *> ops;     // with views and splats, in order
  llvm::SetVector<Value> arguments; // tensors, then indices
};
} // namespace

/// Adds what `value` needs in front of its user: iterative, chains of views are
/// as long as the program makes them.
static void addClones(Value value, llvm::SetVector<Operation *> &ops) {
  SmallVector<Operation *> chain;
  for (Operation *op = value.getDefiningOp(); isCloned(op) && !ops.contains(op);
       op = op->getNumOperands() ? op->getOperand(0).getDefiningOp() : nullptr)
    chain.push_back(op);
  ops.insert(chain.rbegin(), chain.rend());
}

/// What is added in either order is one kernel: views come second.
static void orderOperands(Operation *op) {
  auto rule = llvm::dyn_cast<DifferentiableOpInterface>(op);
  if (!rule || !rule.getInfo().commutative)
    return;
  Value a = op->getOperand(0), b = op->getOperand(1);
  if (a.getType() == b.getType() && isCloned(a.getDefiningOp()) &&
      !isCloned(b.getDefiningOp()))
    op->setOperands({b, a});
}

static Group collect(ArrayRef<Operation *> members) {
  llvm::SetVector<Operation *> ops;
  for (Operation *op : members) {
    orderOperands(op);
    for (Value x : op->getOperands())
      addClones(x, ops);
    ops.insert(op);
  }
  Group group;
  group.ops = ops.takeVector();
  for (bool indices : {false, true})
    for (Operation *op : group.ops)
      for (Value x : op->getOperands())
        if (llvm::isa<IndexType>(x.getType()) == indices &&
            !llvm::is_contained(group.ops, x.getDefiningOp()))
          group.arguments.insert(x);
  return group;
}

/// The attribute that says how a main's argument is laid out, or null.
static Attribute stridedAttr(func::FuncOp main, Value x) {
  auto argument = llvm::dyn_cast<BlockArgument>(x);
  return argument ? main.getArgAttr(argument.getArgNumber(), kStridedAttr)
                  : Attribute();
}

static std::string keyOf(func::FuncOp main, const Group &group,
                         ArrayRef<Value> results) {
  std::string key;
  auto word = [&](const void *p) {
    key.append(reinterpret_cast<const char *>(&p), sizeof(p));
  };
  auto number = [&](size_t n) {
    key.append(reinterpret_cast<const char *>(&n), sizeof(n));
  };
  llvm::DenseMap<Value, size_t> numbers;
  for (Value x : group.arguments) {
    numbers[x] = numbers.size();
    word(x.getType().getAsOpaquePointer());
    word(stridedAttr(main, x).getAsOpaquePointer());
  }
  for (Operation *op : group.ops) {
    word(op->getName().getAsOpaquePointer());
    word(op->getPropertiesAsAttribute().getAsOpaquePointer());
    number(op->hasAttr(kUpdatesAttr));
    number(op->getNumOperands());
    for (Value x : op->getOperands())
      number(numbers.lookup(x));
    for (Value y : op->getResults()) {
      numbers[y] = numbers.size();
      word(y.getType().getAsOpaquePointer());
    }
  }
  for (Value y : results)
    number(numbers.lookup(y));
  return key;
}

static func::FuncOp buildKernel(func::FuncOp main, const Group &group,
                                ArrayRef<Value> results, size_t number) {
  OpBuilder b(main);
  SmallVector<Type> inputs =
      llvm::map_to_vector(group.arguments, [](Value x) { return x.getType(); });
  SmallVector<Type> outputs =
      llvm::map_to_vector(results, [](Value y) { return y.getType(); });
  auto kernel =
      func::FuncOp::create(b, main.getLoc(), "k" + std::to_string(number),
                           b.getFunctionType(inputs, outputs));
  kernel.setPrivate();
  kernel->setAttr(kKernelAttr, b.getUnitAttr());
  Block *body = kernel.addEntryBlock();
  IRMapping map;
  for (auto [i, x] : llvm::enumerate(group.arguments)) {
    map.map(x, body->getArgument(unsigned(i)));
    if (Attribute strided = stridedAttr(main, x))
      kernel.setArgAttr(unsigned(i), kStridedAttr, strided);
  }
  b.setInsertionPointToEnd(body);
  for (Operation *op : group.ops) {
    Operation *clone = b.clone(*op, map);
    clone->setDiscardableAttrs(ArrayRef<NamedAttribute>());
    if (Attribute updates = op->getAttr(kUpdatesAttr))
      clone->setAttr(kUpdatesAttr, updates);
  }
  func::ReturnOp::create(
      b, main.getLoc(),
      llvm::map_to_vector(results, [&](Value y) { return map.lookup(y); }));
  return kernel;
}

void Outliner::outline(ArrayRef<Operation *> ops, ArrayRef<Value> results) {
  Group group = collect(ops);
  func::FuncOp &kernel = kernels[keyOf(main, group, results)];
  if (!kernel)
    kernel = buildKernel(main, group, results, kernels.size() - 1);
  auto arguments = llvm::map_to_vector(
      group.arguments, [&](Value x) { return values.lookupOrDefault(x); });
  // All places that the kernel's code comes from; apart, those of its results.
  auto placeOf = [](auto of) -> Attribute { return LocationAttr(of.getLoc()); };
  auto places = llvm::map_to_vector(
      ops, [](Operation *op) { return Location(op->getLoc()); });
  auto call = func::CallOp::create(
      b,
      FusedLoc::get(b.getContext(), places,
                    b.getArrayAttr(llvm::map_to_vector(results, placeOf))),
      kernel, arguments);
  if (llvm::any_of(ops,
                   [](Operation *op) { return op->hasAttr(kBackwardAttr); }))
    call->setAttr(kBackwardAttr, b.getUnitAttr());
  for (auto [old, now] : llvm::zip_equal(results, call.getResults()))
    values.map(old, now);
}
