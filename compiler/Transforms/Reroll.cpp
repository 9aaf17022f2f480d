//===- Reroll.cpp - what was written again and again becomes a loop -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Comes before differentiation, so that gradients are loops, too. Nothing is
// reordered: the loop stands where its ops stood, and its backward loop adds up
// cotangents in the order of the ops one behind the other.
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Passes.h"
#include "compiler/Transforms/Roller.h"

using namespace mlir;
using namespace etch;

namespace etch {
#define GEN_PASS_DEF_REROLL
#include "compiler/Transforms/Passes.h.inc"
} // namespace etch

/// Fewer rounds, or fewer ops than this that need not be written, are no gain.
static constexpr size_t minRounds = 4, minSaved = 24;
/// Rounds of ops that one kernel computes element by element become rounds of
/// about so many ops, which one kernel can take, and many of them.
static constexpr size_t kernelOps = 48, minKernels = 16;

/// Ops of which a kernel takes any number.
static bool isElementwise(Operation *op) {
  auto rule = llvm::dyn_cast<DifferentiableOpInterface>(op);
  return !rule || rule.getInfo().kind == OpKind::pointwise ||
         rule.getInfo().kind == OpKind::view;
}

/// Bytes that go from one round to the next if the first one begins with op
/// `first` + i, for each i.
static SmallVector<int64_t> bytesAcross(const OpSequence &ops, size_t first,
                                        size_t period) {
  SmallVector<int64_t> change(period * 2 + 1, 0), bytes(period, 0);
  for (size_t i = 0; i < period; ++i) {
    Value x = ops[first + i]->getResult(0);
    int64_t last = int64_t(first + i);
    for (Operation *user : x.getUsers())
      if (user->getNumResults())
        if (int64_t n = ops.definition(user->getResult(0));
            n < int64_t(first + i + period))
          last = std::max(last, n);
    auto type = llvm::dyn_cast<RankedTensorType>(x.getType());
    int64_t size = !type                   ? 1
                   : type.hasStaticShape() ? type.getNumElements() * 8
                                           : int64_t(1) << 20;
    change[i + 1] += size;
    change[size_t(last) - first + 1] -= size;
  }
  int64_t now = 0;
  for (size_t i = 0; i < 2 * period; ++i) {
    now += change[i];
    bytes[i % period] += now;
  }
  return bytes;
}

namespace {
class Rerolling {
public:
  explicit Rerolling(Block &block) : ops(block), flow(block), extents(block) {}
  void run();

private:
  bool tryAll(Repetition r);

  OpSequence ops;
  GradientFlow flow;
  EqualExtents extents;
  llvm::BitVector gone;
};
} // namespace

/// Tries where a round may begin, the states' sizes ascending.
bool Rerolling::tryAll(Repetition r) {
  size_t rounds = r.rounds(), rest = r.last - r.from - rounds * r.period;
  SmallVector<int64_t> bytes = bytesAcross(ops, r.from + r.period, r.period);
  SmallVector<std::pair<int64_t, size_t>> begins;
  for (size_t i = 0; i <= rest; ++i)
    begins.push_back({bytes[i % r.period], i});
  llvm::sort(begins);
  for (auto [size, i] : ArrayRef(begins).take_front(4)) {
    Roller roller(ops, flow, extents, r.from + i, r.period, rounds);
    if (!roller.check())
      continue;
    roller.write();
    gone.set(unsigned(r.from + i), unsigned(r.from + i + rounds * r.period));
    return true;
  }
  return false;
}

void Rerolling::run() {
  // A second order through a loop adds in another order than through its
  // iterations.
  if (flow.hasSecondOrder)
    return;
  gone.resize(unsigned(ops.size()));
  for (Repetition r : findRepetitions(ops, minRounds)) {
    if (gone.find_first_in(unsigned(r.from), unsigned(r.last)) >= 0)
      continue;
    bool isElementary = true;
    for (size_t i = r.first; i < r.first + r.period; ++i)
      isElementary &= isElementwise(ops[i]);
    if (isElementary) {
      r.period *= std::max<size_t>(1, kernelOps / r.period);
      if (r.rounds() < minKernels)
        continue;
    }
    if ((r.rounds() - 1) * r.period >= minSaved)
      tryAll(r);
  }
  for (size_t i = ops.size(); i-- > 0;)
    if (gone[unsigned(i)])
      ops[i]->erase();
}

namespace {
struct Reroll : etch::impl::RerollBase<Reroll> {
  void runOnOperation() override {
    if (auto main = getOperation().lookupSymbol<func::FuncOp>("main"))
      Rerolling(main.getBody().front()).run();
  }
};
} // namespace
