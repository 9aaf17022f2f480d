//===- StageGroup.cpp - several kernels become one ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The calls of a group become one, in the place of the last. The kernel's body
// is those of the group's kernels; what passes between them under another shape
// does so through reshapes.
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/StageGroup.h"
#include "compiler/Transforms/JoinCalls.h"

#include "dialects/Etch/EtchDialect.h"
#include "dialects/Etch/Stages.h"

#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace etch;

/// What x, a group's value under another shape, is inside.
static Value shown(Value x, OpBuilder &b, IRMapping &map) {
  if (Value known = map.lookupOrNull(x))
    return known;
  auto reshape = x.getDefiningOp<ReshapeOp>();
  map.map(reshape.getX(), shown(reshape.getX(), b, map));
  return b.clone(*reshape, map)->getResult(0);
}

void etch::makeOne(ModuleOp module, func::FuncOp program, StageGroup &group,
                   llvm::StringMap<func::FuncOp> &made) {
  func::CallOp last = group.calls.back();
  auto isMember = [&](Operation *op) {
    return llvm::is_contained(group.calls, op);
  };
  auto isInside = [&](Value x) {
    Operation *op = unshaped(x).getDefiningOp();
    return op && isMember(op);
  };
  // Tensors from outside, then extents.
  llvm::SetVector<Value> arguments;
  for (bool indices : {false, true})
    for (func::CallOp call : group.calls)
      for (Value x : call.getOperands()) {
        if (!isInside(x)) {
          if (llvm::isa<IndexType>(x.getType()) == indices)
            arguments.insert(x);
          continue;
        }
        for (; indices && x.getDefiningOp<ReshapeOp>();
             x = x.getDefiningOp<ReshapeOp>().getX())
          arguments.insert_range(x.getDefiningOp<ReshapeOp>().getExtents());
      }
  // Who else reads what, and the views of it that move behind the call.
  SmallVector<Value> outer;
  SmallVector<Operation *> views, shownInside;
  std::function<bool(Value)> isReadOutside = [&](Value x) {
    bool isRead = false;
    for (Operation *user : x.getUsers()) {
      if (llvm::isa<ReshapeOp>(user)) {
        if (isReadOutside(user->getResult(0))) {
          isRead = true;
          views.push_back(user);
        } else {
          shownInside.push_back(user);
        }
      } else {
        isRead |= !isMember(user);
      }
    }
    return isRead;
  };
  for (func::CallOp call : group.calls)
    for (Value y : call.getResults())
      if (isReadOutside(y))
        outer.push_back(y);

  // Equal groups are one kernel: the same kernels, joined in the same way.
  std::string key;
  llvm::DenseMap<Value, size_t> numbers;
  auto note = [&](Value x) {
    key += std::to_string(numbers.try_emplace(x, numbers.size()).first->second);
    key += ' ';
  };
  for (Value x : arguments)
    note(x);
  for (func::CallOp call : group.calls) {
    key += call.getCallee();
    for (Value x : call.getOperands()) {
      llvm::raw_string_ostream(key) << x.getType();
      for (; isInside(x) && x.getDefiningOp<ReshapeOp>();
           x = x.getDefiningOp<ReshapeOp>().getX())
        for (Value extent : x.getDefiningOp<ReshapeOp>().getExtents())
          note(extent);
      note(x);
    }
    for (Value y : call.getResults())
      note(y);
  }
  key += ':';
  for (Value y : outer)
    note(y);

  func::FuncOp &kernel = made[key];
  OpBuilder b(last);
  if (!kernel) {
    b.setInsertionPoint(program);
    auto types = [](auto values) {
      return llvm::map_to_vector(values, [](Value x) { return x.getType(); });
    };
    kernel = func::FuncOp::create(
        b, program.getLoc(), "r" + std::to_string(made.size() - 1),
        b.getFunctionType(types(arguments.getArrayRef()), types(outer)));
    kernel.setPrivate();
    kernel->setAttr(kKernelAttr, b.getUnitAttr());
    kernel->setAttr(kRowsAttr, b.getUnitAttr());
    Block *body = kernel.addEntryBlock();
    b.setInsertionPointToEnd(body);
    IRMapping map;
    for (auto [i, x] : llvm::enumerate(arguments)) {
      map.map(x, body->getArgument(unsigned(i)));
      if (auto argument = llvm::dyn_cast<BlockArgument>(x))
        if (Attribute strided =
                program.getArgAttr(argument.getArgNumber(), kStridedAttr))
          kernel.setArgAttr(unsigned(i), kStridedAttr, strided);
    }
    for (auto [stage, call] : llvm::enumerate(group.calls)) {
      Block &from =
          module.lookupSymbol<func::FuncOp>(call.getCallee()).getBody().front();
      IRMapping inner;
      for (auto [argument, x] :
           llvm::zip_equal(from.getArguments(), call.getOperands()))
        inner.map(argument, shown(x, b, map));
      for (Operation &op : from.without_terminator())
        b.clone(op, inner)->setAttr(kStageAttr,
                                    b.getI64IntegerAttr(int64_t(stage)));
      for (auto [y, x] : llvm::zip_equal(call.getResults(),
                                         from.getTerminator()->getOperands()))
        map.map(y, inner.lookup(x));
    }
    func::ReturnOp::create(
        b, program.getLoc(),
        llvm::map_to_vector(outer, [&](Value y) { return map.lookup(y); }));
    b.setInsertionPoint(last);
  }

  // First the place of what may fail: errors are reported there.
  SmallVector<func::CallOp> places;
  if (group.failing)
    places.push_back(group.failing);
  for (func::CallOp call : group.calls)
    if (call != group.failing)
      places.push_back(call);
  auto call = func::CallOp::create(b, joinedLoc(places, outer), kernel,
                                   arguments.getArrayRef());
  if (Attribute backward = last->getAttr(kBackwardAttr))
    call->setAttr(kBackwardAttr, backward);
  // Views in an order in which each comes before those of it.
  llvm::sort(views,
             [](Operation *x, Operation *y) { return x->isBeforeInBlock(y); });
  Operation *behind = call;
  for (Operation *view : views)
    if (view->isBeforeInBlock(last)) {
      view->moveAfter(behind);
      behind = view;
    }
  for (auto [old, now] : llvm::zip_equal(outer, call.getResults()))
    old.replaceAllUsesWith(now);
  // Calls, and views that only they read.
  llvm::append_range(shownInside, group.calls);
  llvm::sort(shownInside,
             [](Operation *x, Operation *y) { return y->isBeforeInBlock(x); });
  for (Operation *op : shownInside)
    if (op->use_empty())
      op->erase();
}
