//===- Narrow.cpp - what passes between kernels as bfloat16 ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// 1. Large arrays that a kernel makes for other kernels are chosen: neither
//    what is for states alone (gradients of parameters), nor what a result is
//    made of without a product in between (a loss), nor sums.
// 2. Where a product has an operand of these, or makes one, all that it reads
//    for it gets a copy of bfloat16: an array of f32 is rounded once for all
//    products.
// 3. Kernels that read or write any of that become others, which widen
//    arguments first and narrow results last. What they compute is as it was.
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/NarrowForm.h"
#include "compiler/Transforms/Passes.h"

#include "dialects/Etch/EtchDialect.h"
#include "dialects/Etch/Extents.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/SymbolTable.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;
using namespace etch;

namespace etch {
#define GEN_PASS_DEF_NARROW
#include "compiler/Transforms/Passes.h.inc"
} // namespace etch

static Value rootOf(Value v) {
  while (auto reshape = v.getDefiningOp<ReshapeOp>())
    v = reshape.getX();
  return v;
}

static Type narrowed(Type type) {
  return llvm::cast<RankedTensorType>(type).clone(
      BFloat16Type::get(type.getContext()));
}

namespace {
class Narrower {
public:
  explicit Narrower(ModuleOp module) : module(module), symbols(module) {}
  void run(func::FuncOp program);
  /// Kernels that nobody calls any more.
  void clean();

private:
  func::FuncOp kernelOf(func::CallOp call) {
    return symbols.lookup<func::FuncOp>(call.getCallee());
  }
  const NarrowForm &formOf(func::FuncOp kernel) {
    auto [it, isNew] = forms.try_emplace(kernel);
    if (isNew)
      it->second = NarrowForm(kernel, guess);
    return it->second;
  }
  void collect(func::FuncOp program);
  bool isForStates(Value root);
  bool isForResults(Value root);
  bool mayNarrow(OpResult root);
  void addCopies(func::FuncOp program);
  Value copyOf(Value v, Operation *user);
  void rewrite(func::CallOp call);

  /// What reads a value or a reshape of it.
  struct Use {
    Operation *user;
    unsigned number;
  };

  ModuleOp module;
  SymbolTable symbols;
  llvm::DenseMap<Operation *, NarrowForm> forms;
  llvm::DenseMap<Value, SmallVector<Use>> uses; ///< of roots
  llvm::DenseMap<Value, bool> forStates, forResults;
  llvm::DenseSet<Value> narrow;          ///< roots
  llvm::MapVector<Value, Value> copies;  ///< of roots
  llvm::StringMap<func::FuncOp> kernels; ///< by what they were and are
  ExtentGuess guess;
};
} // namespace

void Narrower::collect(func::FuncOp program) {
  uses.clear();
  forStates.clear();
  forResults.clear();
  narrow.clear();
  copies.clear();
  for (Operation &op : program.getBody().front())
    if (!llvm::isa<ReshapeOp, tensor::DimOp>(op))
      for (OpOperand &operand : op.getOpOperands())
        if (llvm::isa<RankedTensorType>(operand.get().getType()))
          uses[rootOf(operand.get())].push_back(
              {&op, operand.getOperandNumber()});
}

/// Whether all that is made of it, without a product, is states' new contents.
bool Narrower::isForStates(Value root) {
  auto [it, isNew] = forStates.try_emplace(root, false);
  if (!isNew)
    return it->second;
  bool all = llvm::all_of(uses[root], [&](const Use &use) {
    if (auto end = llvm::dyn_cast<func::ReturnOp>(use.user))
      return bool(end->getParentOfType<func::FuncOp>().getResultAttr(
          use.number, kUpdateAttr));
    auto call = llvm::dyn_cast<func::CallOp>(use.user);
    return call && !formOf(kernelOf(call)).contracts &&
           llvm::all_of(call.getResults(),
                        [&](Value y) { return isForStates(y); });
  });
  return forStates[root] = all;
}

/// Whether a result of the program is made of it in one step, or in some over
/// few numbers: a loss, or what is no gradient.
bool Narrower::isForResults(Value root) {
  auto [it, isNew] = forResults.try_emplace(root, false);
  if (!isNew)
    return it->second;
  auto isResult = [&](Value y) {
    if (y.getDefiningOp()->hasAttr(kBackwardAttr) && guess.elementsOf(y) != 1)
      return false;
    return llvm::any_of(uses[y], [&](const Use &use) {
      auto end = llvm::dyn_cast<func::ReturnOp>(use.user);
      return end && !end->getParentOfType<func::FuncOp>().getResultAttr(
                        use.number, kUpdateAttr);
    });
  };
  bool any = llvm::any_of(uses[root], [&](const Use &use) {
    auto call = llvm::dyn_cast<func::CallOp>(use.user);
    return call && !formOf(kernelOf(call)).contracts &&
           llvm::any_of(call.getResults(), [&](Value y) {
             return isResult(y) ||
                    (guess.elementsOf(y) < enough && isForResults(y));
           });
  });
  return forResults[root] = any;
}

bool Narrower::mayNarrow(OpResult root) {
  auto call = llvm::dyn_cast<func::CallOp>(root.getOwner());
  if (!call)
    return false;
  func::FuncOp kernel = kernelOf(call);
  if (!formOf(kernel).mayNarrow[root.getResultNumber()])
    return false;
  bool isMain = call->getParentOfType<func::FuncOp>().getSymName() == "main";
  for (const Use &use : uses[root]) {
    auto reader = llvm::dyn_cast<func::CallOp>(use.user);
    if (!reader || !formOf(kernelOf(reader)).converts)
      return false;
    // Products of regions have captures and states as their other operands.
    if (!isMain &&
        (formOf(kernel).contracts ||
         llvm::is_contained(formOf(kernelOf(reader)).factors, use.number)))
      return false;
  }
  // A library has all of a convolution in one form, its gradients too.
  if (filterGradient(kernel.getBody().front().getTerminator()->getOperand(
          root.getResultNumber())))
    return true;
  return !isForStates(root) && !isForResults(root);
}

/// A copy of bfloat16: of what the program is given, all of them at its start.
Value Narrower::copyOf(Value v, Operation *user) {
  Value root = rootOf(v);
  Value &copy = copies[root];
  if (!copy) {
    auto type = llvm::cast<RankedTensorType>(root.getType());
    std::string key;
    llvm::raw_string_ostream(key) << "copy " << type;
    func::FuncOp program = user->getParentOfType<func::FuncOp>();
    Attribute strided;
    auto argument = llvm::dyn_cast<BlockArgument>(root);
    if (argument)
      strided = program.getArgAttr(argument.getArgNumber(), kStridedAttr);
    if (strided)
      llvm::raw_string_ostream(key) << " " << strided;
    func::FuncOp &kernel = kernels[key];
    OpBuilder b(module.getContext());
    if (!kernel) {
      b.setInsertionPoint(program);
      kernel =
          func::FuncOp::create(b, program.getLoc(), "k0_copy",
                               b.getFunctionType({type}, {narrowed(type)}));
      kernel.setPrivate();
      kernel->setAttr(kKernelAttr, b.getUnitAttr());
      if (strided)
        kernel.setArgAttr(0, kStridedAttr, strided);
      Block *body = kernel.addEntryBlock();
      b.setInsertionPointToEnd(body);
      // As other kernels have it, the same element by element.
      Value y = CastOp::create(b, program.getLoc(), type, body->getArgument(0),
                               "f32");
      y = arith::TruncFOp::create(b, program.getLoc(), narrowed(type), y);
      func::ReturnOp::create(b, program.getLoc(), y);
      symbols.insert(kernel);
    }
    b.setInsertionPointToStart(&program.getBody().front());
    if (Operation *maker = root.getDefiningOp())
      b.setInsertionPointAfter(maker);
    copy = func::CallOp::create(b, user->getLoc(), kernel, root).getResult(0);
  }
  if (v == root)
    return copy;
  // The same reshapes, of the copy.
  auto reshape = v.getDefiningOp<ReshapeOp>();
  Value of = copyOf(reshape.getX(), user);
  OpBuilder b(reshape);
  b.setInsertionPointAfter(reshape);
  if (Operation *maker = of.getDefiningOp();
      maker->getBlock() == reshape->getBlock() &&
      reshape->isBeforeInBlock(maker))
    b.setInsertionPointAfter(maker);
  IRMapping map;
  map.map(reshape.getX(), of);
  Operation *again = b.clone(*reshape, map);
  again->getResult(0).setType(narrowed(reshape.getType()));
  return again->getResult(0);
}

void Narrower::addCopies(func::FuncOp program) {
  auto calls =
      llvm::to_vector(program.getBody().front().getOps<func::CallOp>());
  llvm::SetVector<Value> wanted;
  for (bool changed = true; changed;) {
    changed = false;
    for (func::CallOp call : calls) {
      const NarrowForm &form = formOf(kernelOf(call));
      SmallVector<Value> wide;
      for (unsigned i : form.factors) {
        Value root = rootOf(call.getOperand(i));
        if (isWide(root) && !narrow.contains(root) && !wanted.contains(root))
          wide.push_back(root);
      }
      bool makes = llvm::any_of(call.getResults(),
                                [&](Value y) { return narrow.contains(y); });
      if (!form.converts || (wide.size() == form.factors.size() && !makes))
        continue;
      for (Value root : wide)
        changed |= wanted.insert(root);
    }
  }
  for (func::CallOp call : calls) {
    const NarrowForm &form = formOf(kernelOf(call));
    auto take = [&](unsigned i) {
      if (isWide(call.getOperand(i)))
        call.setOperand(i, copyOf(call.getOperand(i), call));
    };
    for (unsigned i : form.factors)
      if (wanted.contains(rootOf(call.getOperand(i))))
        take(i);
    if (llvm::all_of(call.getResults(),
                     [&](Value y) { return narrow.contains(y); }))
      llvm::for_each(form.biases, take);
  }
}

/// Calls the kernel that has this call's types.
void Narrower::rewrite(func::CallOp call) {
  func::FuncOp kernel = kernelOf(call);
  auto differs = [](Value x, Type type) { return x.getType() != type; };
  SmallVector<unsigned> inputs, outputs;
  for (auto [i, x] : llvm::enumerate(call.getOperands()))
    if (differs(x, kernel.getArgumentTypes()[i]))
      inputs.push_back(unsigned(i));
  for (auto [i, y] : llvm::enumerate(call.getResults()))
    if (differs(y, kernel.getResultTypes()[i]))
      outputs.push_back(unsigned(i));
  if (inputs.empty() && outputs.empty())
    return;
  std::string key;
  llvm::raw_string_ostream os(key);
  os << kernel.getSymName();
  for (unsigned i : inputs)
    os << " " << i;
  os << " ->";
  for (unsigned i : outputs)
    os << " " << i;
  func::FuncOp &other = kernels[key];
  if (!other) {
    OpBuilder b(kernel);
    b.setInsertionPointAfter(kernel);
    other = llvm::cast<func::FuncOp>(b.clone(*kernel.getOperation()));
    Block &body = other.getBody().front();
    b.setInsertionPointToStart(&body);
    for (unsigned i : inputs) {
      BlockArgument x = body.getArgument(i);
      Type wide = x.getType();
      x.setType(narrowed(wide));
      auto widened = arith::ExtFOp::create(b, kernel.getLoc(), wide, x);
      x.replaceAllUsesExcept(widened, widened);
    }
    Operation *end = body.getTerminator();
    b.setInsertionPoint(end);
    for (unsigned i : outputs) {
      Value y = end->getOperand(i);
      end->setOperand(i, arith::TruncFOp::create(b, kernel.getLoc(),
                                                 narrowed(y.getType()), y));
    }
    other.setFunctionType(
        b.getFunctionType(body.getArgumentTypes(), end->getOperandTypes()));
    symbols.insert(other);
  }
  call.setCallee(other.getSymName());
}

void Narrower::run(func::FuncOp program) {
  collect(program);
  Block &body = program.getBody().front();
  for (auto call : body.getOps<func::CallOp>())
    for (OpResult y : call->getResults())
      if (mayNarrow(y))
        narrow.insert(y);
  if (program.getSymName() == "main")
    addCopies(program);
  for (Operation &op : body) {
    auto reshape = llvm::dyn_cast<ReshapeOp>(op);
    for (Value y : op.getResults())
      if (isWide(y) && narrow.contains(reshape ? rootOf(y) : y))
        y.setType(narrowed(y.getType()));
  }
  for (auto call : llvm::to_vector(body.getOps<func::CallOp>()))
    rewrite(call);
}

void Narrower::clean() {
  llvm::DenseSet<StringRef> called;
  module.walk([&](func::CallOp call) { called.insert(call.getCallee()); });
  for (auto function :
       llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
    if (function->hasAttr(kKernelAttr) &&
        !called.contains(function.getSymName()))
      function.erase();
}

namespace {
struct Narrow : etch::impl::NarrowBase<Narrow> {
  void runOnOperation() override {
    Narrower narrower(getOperation());
    for (auto function : llvm::to_vector(getOperation().getOps<func::FuncOp>()))
      if (isProgram(function))
        narrower.run(function);
    narrower.clean();
  }
};
} // namespace
