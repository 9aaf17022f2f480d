//===- Rematerialise.cpp - forward values computed again for backward -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Outline.h"
#include "compiler/Transforms/Passes.h"
#include "compiler/Transforms/Price.h"

#include "dialects/Etch/EtchDialect.h"
#include "dialects/Etch/Extents.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"

#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace etch;

namespace etch {
#define GEN_PASS_DEF_REMATERIALISE
#include "compiler/Transforms/Passes.h.inc"
} // namespace etch

namespace {
class Rematerialiser {
public:
  Rematerialiser(func::FuncOp main, bool products)
      : main(main), products(products) {}

  void run(int64_t segments, int64_t share);

private:
  bool isView(Operation *op) {
    return isCloned(op) || llvm::isa<ReshapeOp>(op);
  }
  bool mayRepeat(Operation *op);
  int64_t workOf(Operation *op);
  void collect();
  void cut(int64_t segments);
  void choose(int64_t share);
  Value again(Value x, Operation *reader);

  func::FuncOp main;
  const bool products;
  ExtentGuess guess;
  SmallVector<Operation *> forward, backward; ///< in order
  DenseMap<Operation *, size_t> place;        ///< in `forward`
  SmallVector<Operation *> candidates;        ///< backward reads them
  llvm::DenseSet<Operation *> kept;
  IRMapping copies;
};
} // namespace

bool Rematerialiser::mayRepeat(Operation *op) {
  auto rule = llvm::dyn_cast<DifferentiableOpInterface>(op);
  if (!rule || op->getNumResults() != 1 || op->getNumRegions())
    return false;
  OpKind kind = rule.getInfo().kind;
  return products ||
         (kind != OpKind::contraction && kind != OpKind::convolution);
}

/// Roughly: what matters is that products are dear.
int64_t Rematerialiser::workOf(Operation *op) {
  int64_t n = guess.elementsOf(op->getResult(0));
  OpKind kind = llvm::cast<DifferentiableOpInterface>(op).getInfo().kind;
  if (auto pointwise = llvm::dyn_cast<PointwiseOpInterface>(op))
    return n * scalarPrice(pointwise);
  int64_t inputs = 0;
  for (Value x : op->getOperands())
    if (llvm::isa<RankedTensorType>(x.getType()))
      inputs = std::max(inputs, guess.elementsOf(x));
  if (kind == OpKind::contraction || kind == OpKind::convolution)
    return 64 * (n + inputs);
  return n + inputs;
}

void Rematerialiser::collect() {
  llvm::DenseSet<Value> returned;
  for (Operation &op : main.getBody().front()) {
    if (op.hasTrait<OpTrait::IsTerminator>()) {
      for (Value x : op.getOperands())
        returned.insert(x);
    } else if (op.hasAttr(kBackwardAttr)) {
      backward.push_back(&op);
    } else {
      place[&op] = forward.size();
      forward.push_back(&op);
    }
  }
  // Seen through views.
  std::function<bool(Value)> isReadBackward = [&](Value x) {
    return llvm::any_of(x.getUsers(), [&](Operation *user) {
      return user->hasAttr(kBackwardAttr) ||
             (place.contains(user) && isView(user) &&
              isReadBackward(user->getResult(0)));
    });
  };
  for (Operation *op : forward) {
    // What leaves the program is there in any case.
    if (llvm::any_of(op->getResults(),
                     [&](Value y) { return returned.contains(y); }))
      kept.insert(op);
    else if (mayRepeat(op) && !isView(op) && isReadBackward(op->getResult(0)))
      candidates.push_back(op);
  }
}

/// Keeps what goes from one segment into the next.
void Rematerialiser::cut(int64_t segments) {
  int64_t all = 0;
  for (Operation *op : candidates)
    all += guess.bytesOf(op->getResult(0));
  // The bytes that cross the border in front of each op.
  SmallVector<int64_t> crossing(forward.size() + 1, 0), passed(forward.size());
  DenseMap<Operation *, size_t> last;
  llvm::DenseSet<Operation *> isCandidate(candidates.begin(), candidates.end());
  int64_t sum = 0;
  for (auto [i, op] : llvm::enumerate(forward)) {
    if (isCandidate.contains(op))
      sum += guess.bytesOf(op->getResult(0));
    passed[i] = sum;
    last[op] = i;
    for (Value x : op->getOperands())
      for (Operation *from = x.getDefiningOp(); from && place.contains(from);) {
        last[from] = i;
        from = isView(from) && from->getNumOperands()
                   ? from->getOperand(0).getDefiningOp()
                   : nullptr;
      }
  }
  auto crosses = [&](Operation *op, size_t border) {
    return !isView(op) && place[op] < border && border <= last[op];
  };
  SmallVector<int64_t> change(forward.size() + 2, 0);
  for (Operation *op : forward)
    if (!isView(op) && op->getNumResults() == 1 &&
        llvm::isa<RankedTensorType>(op->getResult(0).getType())) {
      change[place[op] + 1] += guess.bytesOf(op->getResult(0));
      change[last[op] + 1] -= guess.bytesOf(op->getResult(0));
    }
  for (size_t i = 0; i < crossing.size(); ++i)
    crossing[i] = change[i] + (i ? crossing[i - 1] : 0);
  for (int64_t s = 1; s < segments; ++s) {
    // Where little crosses, around the place that cuts bytes evenly.
    int64_t from = all * (4 * s - 1) / (4 * segments),
            to = all * (4 * s + 1) / (4 * segments);
    std::optional<size_t> best;
    for (size_t i = 1; i < forward.size(); ++i)
      if ((!best || crossing[i] < crossing[*best]) && passed[i - 1] >= from &&
          (passed[i - 1] <= to || !best))
        best = i;
    if (!best)
      continue;
    for (Operation *op : forward)
      if (crosses(op, *best))
        kept.insert(op);
  }
}

/// Keeps the dearest of the rest.
void Rematerialiser::choose(int64_t share) {
  SmallVector<std::pair<double, Operation *>> rest;
  int64_t all = 0, chosen = 0;
  for (Operation *op : candidates)
    if (!kept.contains(op)) {
      int64_t bytes = guess.bytesOf(op->getResult(0));
      rest.push_back(
          {double(workOf(op)) / double(std::max<int64_t>(1, bytes)), op});
      all += bytes;
    }
  llvm::sort(rest, [&](const auto &a, const auto &b) {
    return std::pair(a.first, place[a.second]) <
           std::pair(b.first, place[b.second]);
  });
  for (auto [price, op] : rest) {
    if (chosen * 100 >= all * share)
      kept.insert(op);
    chosen += guess.bytesOf(op->getResult(0));
  }
}

Value Rematerialiser::again(Value x, Operation *reader) {
  Operation *op = x.getDefiningOp();
  if (!op || !place.contains(op) || kept.contains(op) ||
      (!isView(op) && !mayRepeat(op)))
    return x;
  if (Value copy = copies.lookupOrNull(x))
    return copy;
  // Iterative: chains are as long as the program makes them.
  SmallVector<Operation *> needed = {op};
  llvm::SetVector<Operation *> ops;
  while (!needed.empty()) {
    Operation *part = needed.pop_back_val();
    if (!ops.insert(part))
      continue;
    for (Value y : part->getOperands()) {
      Operation *from = y.getDefiningOp();
      if (from && place.contains(from) && !kept.contains(from) &&
          !copies.contains(y) && (isView(from) || mayRepeat(from)))
        needed.push_back(from);
    }
  }
  SmallVector<Operation *> order = ops.takeVector();
  llvm::sort(order,
             [&](Operation *a, Operation *b) { return place[a] < place[b]; });
  OpBuilder b(reader);
  for (Operation *part : order)
    b.clone(*part, copies)->setAttr(kBackwardAttr, b.getUnitAttr());
  return copies.lookup(x);
}

void Rematerialiser::run(int64_t segments, int64_t share) {
  collect();
  if (candidates.empty())
    return;
  cut(segments);
  choose(share);
  for (Operation *reader : backward)
    for (OpOperand &use : reader->getOpOperands())
      if (llvm::isa<RankedTensorType>(use.get().getType()))
        use.set(again(use.get(), reader));
}

namespace {
struct Rematerialise : etch::impl::RematerialiseBase<Rematerialise> {
  using RematerialiseBase::RematerialiseBase;

  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (main && segments > 0)
      Rematerialiser(main, products).run(segments, share);
  }
};
} // namespace
