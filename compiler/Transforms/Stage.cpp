//===- Stage.cpp - kernels over the same rows become one ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A row is an index along axis 0. Where a kernel computes rows of its results
// from the same rows of what another made, both can do a few rows before the
// next: what passes between them stays in the nearest cache and needs no memory
// of its own.
//
// 1. Calls are visited in order. Each joins a group that made something it
//    reads, or founds one. A group's place is that of its last call, so nobody
//    else may read its results before.
// 2. A group with a reduction in it becomes one kernel, whose ops carry the
//    number of the call they come from.
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/JoinCalls.h"
#include "compiler/Transforms/Outline.h"
#include "compiler/Transforms/Passes.h"
#include "compiler/Transforms/StageGroup.h"

#include "dialects/Etch/EtchDialect.h"
#include "dialects/Etch/Stages.h"

#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace etch;

namespace etch {
#define GEN_PASS_DEF_STAGE
#include "compiler/Transforms/Passes.h.inc"
} // namespace etch

/// What one row of all that a kernel touches may take, in bytes: it stays in
/// the cache of a core while the stages pass.
static constexpr int64_t maxRowBytes = 256 << 10;
/// Fewer rows leave other cores without work.
static constexpr int64_t minRows = 16;
static constexpr size_t maxStages = 12, maxInputs = 24;
/// Elements of the widest vectors: a loop over all elements at once is cut at
/// multiples of them.
static constexpr int64_t maxLanes = 16;

//===----------------------------------------------------------------------===//
// Kernels that work by rows
//===----------------------------------------------------------------------===//

/// The elements of one row; nothing if that is not known.
static std::optional<int64_t> rowElements(Type type) {
  auto tensor = llvm::dyn_cast<RankedTensorType>(type);
  if (!tensor || tensor.getRank() == 0)
    return std::nullopt;
  int64_t elements = 1;
  for (int64_t extent : tensor.getShape().drop_front()) {
    if (ShapedType::isDynamic(extent))
      return std::nullopt;
    elements *= extent;
  }
  return elements;
}

static int64_t rowBytes(Type type) {
  unsigned bits = getElementTypeOrSelf(type).getIntOrFloatBitWidth();
  return rowElements(type).value_or(0) * ((bits + 7) / 8);
}

namespace {
/// What is known of a kernel.
struct RowForm {
  bool isByRows = false, reduces = false, mayFail = false;
  int64_t rows = 0;               ///< or dynamic
  llvm::SmallVector<bool> byRows; ///< arguments that are read row by row
};
} // namespace

static int64_t rowsOf(Value x) {
  return llvm::cast<RankedTensorType>(x.getType()).getDimSize(0);
}

/// Whether all that is read of x for a row of the results is that row.
static bool isReadByRows(Value x, int64_t rows) {
  auto type = llvm::dyn_cast<RankedTensorType>(x.getType());
  if (!type || !rowElements(type) || type.getDimSize(0) != rows)
    return false;
  return llvm::all_of(x.getUsers(), [&](Operation *user) {
    if (llvm::isa<func::ReturnOp, SumOp, MaxOp, MinOp, GatherOp, ScatterAddOp>(
            user) ||
        llvm::isa<PointwiseOpInterface>(user))
      return true;
    auto broadcast = llvm::dyn_cast<BroadcastToOp>(user);
    return broadcast && broadcast.getType().getRank() == type.getRank() &&
           isReadByRows(broadcast.getY(), rows);
  });
}

static RowForm formOf(func::FuncOp kernel) {
  RowForm form;
  Block &body = kernel.getBody().front();
  if (kernel->hasAttr(kRowsAttr) || kernel.getNumResults() == 0)
    return form;
  bool spreadsRows = false;
  auto results = body.getTerminator()->getOperands();
  if (!rowElements(results[0].getType()))
    return form;
  form.rows = rowsOf(results[0]);
  for (Operation &op : body.without_terminator()) {
    if (llvm::isa<SumOp, MaxOp, MinOp>(op)) {
      form.reduces = true;
      if (!rowElements(op.getOperand(0).getType()) ||
          rowsOf(op.getOperand(0)) != form.rows)
        return form;
    } else if (llvm::isa<GatherOp, ScatterAddOp>(op)) {
      form.mayFail = true;
    } else if (auto broadcast = llvm::dyn_cast<BroadcastToOp>(op)) {
      spreadsRows |=
          rowElements(broadcast.getX().getType()) == 1 &&
          rowsOf(broadcast.getX()) == form.rows &&
          broadcast.getType().getRank() == broadcast.getX().getType().getRank();
    } else if (!llvm::isa<PointwiseOpInterface>(op) && !isCloned(&op)) {
      return form;
    }
  }
  // A loop over all elements as one ends rows where vectors end.
  int64_t elements = *rowElements(results[0].getType());
  if (!form.reduces && !form.mayFail &&
      (elements <= 1 || (!spreadsRows && elements % maxLanes != 0)))
    return form;
  for (Value y : results)
    if (!rowElements(y.getType()) || rowsOf(y) != form.rows)
      return form;
  for (BlockArgument x : body.getArguments())
    form.byRows.push_back(isReadByRows(x, form.rows));
  form.isByRows = ShapedType::isDynamic(form.rows) || form.rows >= minRows;
  return form;
}

//===----------------------------------------------------------------------===//
// Groups
//===----------------------------------------------------------------------===//

namespace {
class Stager {
public:
  Stager(ModuleOp module, func::FuncOp program,
         llvm::StringMap<func::FuncOp> &made)
      : module(module), program(program), made(made) {}
  void run();

private:
  const RowForm &formOf(func::CallOp call);
  int groupOf(Value x);
  bool mayJoin(func::CallOp call, int group);
  bool isReadBefore(Value x, Operation *place, func::CallOp joining, int group);
  func::FuncOp kernelOf(func::CallOp call) {
    return module.lookupSymbol<func::FuncOp>(call.getCallee());
  }

  ModuleOp module;
  func::FuncOp program;
  llvm::StringMap<func::FuncOp> &made;
  llvm::StringMap<RowForm> forms;
  std::vector<StageGroup> groups;
  llvm::DenseMap<Operation *, int> assigned;
};
} // namespace

const RowForm &Stager::formOf(func::CallOp call) {
  auto [it, isNew] = forms.try_emplace(call.getCallee());
  if (isNew)
    if (func::FuncOp kernel = kernelOf(call);
        kernel && kernel->hasAttr(kKernelAttr))
      it->second = ::formOf(kernel);
  return it->second;
}

int Stager::groupOf(Value x) {
  Operation *op = unshaped(x).getDefiningOp();
  auto it = op ? assigned.find(op) : assigned.end();
  return it == assigned.end() ? -1 : it->second;
}

/// Whether others than the group and the call that joins it read x in front of
/// a place.
bool Stager::isReadBefore(Value x, Operation *place, func::CallOp joining,
                          int group) {
  return llvm::any_of(x.getUsers(), [&](Operation *user) {
    if (llvm::isa<ReshapeOp>(user))
      return isReadBefore(user->getResult(0), place, joining, group);
    auto it = assigned.find(user);
    if (user == joining || (it != assigned.end() && it->second == group))
      return false;
    return user->getBlock() != place->getBlock() ||
           user->isBeforeInBlock(place);
  });
}

bool Stager::mayJoin(func::CallOp call, int number) {
  StageGroup &group = groups[size_t(number)];
  const RowForm &form = formOf(call);
  if (group.calls.size() >= maxStages || (form.mayFail && group.failing) ||
      call->hasAttr(kBackwardAttr) != group.calls[0]->hasAttr(kBackwardAttr))
    return false;
  // What it reads of the group are whole rows, and only those.
  for (auto [i, x] : llvm::enumerate(call.getOperands())) {
    if (!llvm::isa<RankedTensorType>(x.getType()) || groupOf(x) != number)
      continue;
    if (!form.byRows[i] ||
        rowElements(x.getType()) != rowElements(unshaped(x).getType()))
      return false;
  }
  llvm::SetVector<Value> inputs;
  auto addInputs = [&](func::CallOp member) {
    for (Value x : member.getOperands())
      if (llvm::isa<RankedTensorType>(x.getType()) && groupOf(x) != number)
        inputs.insert(unshaped(x));
  };
  for (func::CallOp member : group.calls)
    addInputs(member);
  addInputs(call);
  if (inputs.size() > maxInputs)
    return false;
  for (func::CallOp member : group.calls)
    for (Value y : member.getResults())
      if (isReadBefore(y, call, call, number))
        return false;
  return true;
}

void Stager::run() {
  for (Operation &op : program.getBody().front()) {
    auto call = llvm::dyn_cast<func::CallOp>(op);
    if (!call || !formOf(call).isByRows)
      continue;
    // A state is updated in place by a kernel of its own.
    if (llvm::any_of(call.getOperands(), [&](Value x) {
          auto argument = llvm::dyn_cast<BlockArgument>(unshaped(x));
          return argument &&
                 program.getArgAttr(argument.getArgNumber(), kStateAttr) &&
                 llvm::is_contained(call.getResultTypes(), x.getType());
        }))
      continue;
    const RowForm &form = formOf(call);
    int64_t bytes = 0;
    for (auto [i, x] : llvm::enumerate(call.getOperands()))
      if (form.byRows[i])
        bytes += rowBytes(x.getType());
    for (Type type : call.getResultTypes())
      bytes += rowBytes(type);
    int joined = -1;
    for (Value x : call.getOperands()) {
      int number = groupOf(x);
      if (number > joined &&
          groups[size_t(number)].rowBytes + bytes <= maxRowBytes &&
          mayJoin(call, number))
        joined = number;
    }
    if (joined < 0) {
      joined = int(groups.size());
      groups.emplace_back();
    }
    StageGroup &group = groups[size_t(joined)];
    group.calls.push_back(call);
    group.rowBytes += bytes;
    group.reduces |= form.reduces;
    if (form.mayFail)
      group.failing = call;
    assigned[call] = joined;
  }
  for (StageGroup &group : groups)
    if (group.calls.size() > 1 && group.reduces)
      makeOne(module, program, group, made);
}

namespace {
struct Stage : etch::impl::StageBase<Stage> {
  void runOnOperation() override {
    auto functions = llvm::to_vector(getOperation().getOps<func::FuncOp>());
    llvm::StringMap<func::FuncOp> made;
    for (func::FuncOp function : functions)
      if (isProgram(function))
        Stager(getOperation(), function, made).run();
    eraseUncalled(getOperation());
  }
};
} // namespace
