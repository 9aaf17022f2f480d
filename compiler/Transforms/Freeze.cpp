//===- Freeze.cpp - what depends on states alone is computed once ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An op is frozen if all that it reads is a state, a literal, a constant or the
// result of another one, of known extents. From the end of main to its start it
// is decided which of those that others read are kept: these, and all that they
// need, become the program `prepare`; what others read stays in main, too.
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Images.h"
#include "compiler/Transforms/Passes.h"
#include "compiler/Transforms/Price.h"

#include "dialects/Etch/EtchDialect.h"

#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace etch;

namespace etch {
#define GEN_PASS_DEF_FREEZE
#include "compiler/Transforms/Passes.h.inc"
} // namespace etch

static int64_t bytesOf(Value x) {
  auto type = llvm::cast<RankedTensorType>(x.getType());
  return type.getNumElements() *
         std::max<int64_t>(8, type.getElementTypeBitWidth()) / 8;
}

static bool isSplat(Operation *op) {
  auto constant = llvm::dyn_cast_or_null<ConstantOp>(op);
  return constant && constant.getValue().isSplat();
}

/// Whether an op only says in which order its operand's elements are read.
static bool isOrder(Operation *op) {
  return llvm::isa_and_nonnull<BroadcastToOp, TransposeOp, ReshapeOp>(op);
}

namespace {
class Freezer {
public:
  explicit Freezer(func::FuncOp main) : main(main), b(main) {}
  void run();

private:
  bool isFrozen(Value x);
  bool isFrozen(Operation *op);
  bool takesMemory(Operation *reader, Value x);
  bool isWorthKeeping(Operation *op);
  struct Cost {
    int64_t bytes = 0, price = 0; ///< read from memory; instructions
    bool isPointwise = true;      ///< views aside
  };
  void addCost(Value x, Cost &cost, llvm::DenseSet<Value> &seen);
  void choose();
  void write();
  Value inside(Value x);

  func::FuncOp main;
  OpBuilder b;
  llvm::DenseSet<Operation *> frozen, inMain;
  SmallVector<Operation *> kept; // the last first
  // The program.
  func::FuncOp program;
  IRMapping copies;
  llvm::SetVector<Value> captures;
};
} // namespace

bool Freezer::isFrozen(Value x) {
  if (auto argument = llvm::dyn_cast<BlockArgument>(x)) {
    unsigned i = argument.getArgNumber();
    auto type = llvm::dyn_cast<RankedTensorType>(x.getType());
    return type && type.hasStaticShape() &&
           (main.getArgAttr(i, kStateAttr) || main.getArgAttr(i, kLiteralAttr));
  }
  return llvm::isa<ConstantOp>(x.getDefiningOp()) ||
         frozen.contains(x.getDefiningOp());
}

bool Freezer::isFrozen(Operation *op) {
  return llvm::isa<DifferentiableOpInterface>(op) &&
         !llvm::isa<ConstantOp>(op) && op->getNumRegions() == 0 &&
         op->getNumResults() == 1 &&
         llvm::cast<RankedTensorType>(op->getResult(0).getType())
             .hasStaticShape() &&
         llvm::all_of(op->getOperands(), [&](Value x) { return isFrozen(x); });
}

/// Whether `reader` needs x, or a view of it, in memory.
bool Freezer::takesMemory(Operation *reader, Value x) {
  if (isControl(reader) || llvm::isa<CheckOp>(reader))
    return true;
  auto rule = llvm::dyn_cast<DifferentiableOpInterface>(reader);
  if (!rule)
    return false;
  if (isOrder(reader))
    return llvm::any_of(reader->getUsers(), [&](Operation *next) {
      return takesMemory(next, reader->getResult(0));
    });
  OpKind kind = rule.getInfo().kind;
  return kind != OpKind::pointwise && kind != OpKind::reduction;
}

/// What it takes to have x where it is read.
void Freezer::addCost(Value x, Cost &cost, llvm::DenseSet<Value> &seen) {
  if (!seen.insert(x).second)
    return;
  Operation *op = x.getDefiningOp();
  if (!op || llvm::isa<ConstantOp>(op)) {
    cost.bytes += isSplat(op) ? 0 : bytesOf(x);
    return;
  }
  if (auto pointwise = llvm::dyn_cast<PointwiseOpInterface>(op))
    cost.price += scalarPrice(pointwise);
  else if (!isOrder(op) && !llvm::isa<IotaOp>(op))
    cost.isPointwise = false;
  for (Value operand : op->getOperands())
    addCost(operand, cost, seen);
}

bool Freezer::isWorthKeeping(Operation *op) {
  // Those of few elements cost a launch at most, and no memory to speak of.
  constexpr int64_t fewBytes = 1 << 12;
  Value y = op->getResult(0);
  bool inMemory = llvm::any_of(y.getUsers(), [&](Operation *reader) {
    return !frozen.contains(reader) || inMain.contains(reader)
               ? takesMemory(reader, y)
               : false;
  });
  if (llvm::isa<BroadcastToOp, IotaOp>(op))
    return false;
  if (isOrder(op)) {
    // A view of what lies in memory is free for products, in one order for all,
    // and part of a kernel that takes it in.
    Operation *from = op->getOperand(0).getDefiningOp();
    if (llvm::isa<ReshapeOp>(op) && !isOrder(from))
      return false;
    return inMemory && llvm::any_of(y.getUsers(), [&](Operation *reader) {
             auto rule = llvm::dyn_cast<DifferentiableOpInterface>(reader);
             return !rule || (rule.getInfo().kind != OpKind::contraction &&
                              !reader->hasAttr(kChannelsLastAttr) &&
                              takesMemory(reader, y));
           });
  }
  Cost cost;
  llvm::DenseSet<Value> seen;
  addCost(y, cost, seen);
  return inMemory || !cost.isPointwise || cost.price > maxPriceFar ||
         bytesOf(y) <= std::max(cost.bytes, fewBytes);
}

/// Who stays in main, and whose results are kept.
void Freezer::choose() {
  Block &body = main.getBody().front();
  for (Operation &op : body)
    if (isFrozen(&op))
      frozen.insert(&op);
  for (Operation &op : llvm::reverse(body)) {
    if (!frozen.contains(&op))
      continue;
    bool isRead = llvm::any_of(op.getUsers(), [&](Operation *reader) {
      return !frozen.contains(reader) || inMain.contains(reader);
    });
    if (!isRead)
      continue;
    if (isWorthKeeping(&op))
      kept.push_back(&op);
    else
      inMain.insert(&op);
  }
}

/// What stands for a value of main in the program.
Value Freezer::inside(Value x) {
  if (Value known = copies.lookupOrNull(x))
    return known;
  Operation *op = x.getDefiningOp();
  if (!op || (llvm::isa<ConstantOp>(op) && !isSplat(op))) {
    captures.insert(x);
    Block &body = program.getBody().front();
    Value argument = body.addArgument(x.getType(), x.getLoc());
    copies.map(x, argument);
    return argument;
  }
  for (Value operand : op->getOperands())
    inside(operand);
  b.setInsertionPointToEnd(&program.getBody().front());
  return b.clone(*op, copies)->getResult(0);
}

void Freezer::write() {
  Location loc = main.getLoc();
  b.setInsertionPoint(main);
  program = func::FuncOp::create(b, loc, "prepare", b.getFunctionType({}, {}));
  program.setPrivate();
  program->setAttr(kProgramAttr, b.getUnitAttr());
  program.addEntryBlock();
  SmallVector<Value> results, inner;
  for (Operation *op : llvm::reverse(kept)) {
    results.push_back(op->getResult(0));
    inner.push_back(inside(op->getResult(0)));
  }
  Block &code = program.getBody().front();
  b.setInsertionPointToEnd(&code);
  func::ReturnOp::create(b, loc, inner);
  program.setFunctionType(
      b.getFunctionType(code.getArgumentTypes(), ValueRange(inner).getTypes()));

  Block &body = main.getBody().front();
  for (Value x : captures) {
    if (Operation *constant = x.getDefiningOp()) {
      constant->moveBefore(&body, body.begin());
      continue;
    }
    unsigned i = llvm::cast<BlockArgument>(x).getArgNumber();
    if (main.getArgAttr(i, kLiteralAttr))
      main.setArgAttr(i, kPreparesAttr, b.getUnitAttr());
  }
  Operation *first = &body.front();
  while (llvm::isa<ConstantOp>(first))
    first = first->getNextNode();
  b.setInsertionPoint(first);
  auto prepare = PrepareOp::create(b, loc, ValueRange(results).getTypes(),
                                   captures.getArrayRef());
  SmallVector<Location> locs(captures.size(), loc);
  Block *region =
      b.createBlock(&prepare.getBody(), {}, code.getArgumentTypes(), locs);
  auto call = func::CallOp::create(b, loc, program, region->getArguments());
  YieldOp::create(b, loc, call.getResults());
  for (auto [old, now] : llvm::zip_equal(results, prepare.getYs()))
    old.replaceAllUsesWith(now);
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(body)))
    if (frozen.contains(&op) && op.use_empty())
      op.erase();
}

void Freezer::run() {
  choose();
  write();
}

namespace {
struct Freeze : etch::impl::FreezeBase<Freeze> {
  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!main)
      return;
    Operation *end = main.getBody().front().getTerminator();
    for (unsigned i = 0; i < main.getNumResults(); ++i)
      if (main.getResultAttr(i, kUpdateAttr)) {
        emitError(end->getOperand(i).getLoc())
            << "a frozen program updates a state";
        return signalPassFailure();
      }
    Freezer(main).run();
  }
};
} // namespace
