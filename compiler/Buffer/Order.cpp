//===- Order.cpp - what frees memory early, what takes it late ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// In the order of the program, each step is followed by those that can run now
// and free more than they take; once also by those that take next to nothing,
// for which others may wait. The same from the end to the start moves what
// takes memory to where it is needed. Of the orders that come out, and the one
// that was there, the one with the smallest live set is kept.
//===----------------------------------------------------------------------===//

#include "compiler/Buffer/Extents.h"
#include "compiler/Buffer/Layout.h"
#include "compiler/Buffer/Passes.h"
#include "compiler/Buffer/Plan.h"
#include "compiler/Buffer/Storage.h"

#include "dialects/Etch/EtchDialect.h"

#include "llvm/ADT/SetVector.h"

#include <set>

using namespace mlir;
using namespace etch;

namespace etch {
#define GEN_PASS_DEF_ORDER
#include "compiler/Buffer/Passes.h.inc"
} // namespace etch

/// What a few numbers take.
static constexpr int64_t nextToNothing = 4 * arenaAlignment;

static bool isStep(Operation &op) {
  return llvm::isa<func::CallOp>(op) || isControl(&op);
}

namespace {
/// The steps of a program, and which of them must stay in front of which.
class Steps {
public:
  /// `together`: updates wait for all that updates need.
  Steps(func::FuncOp main, bool together, Reuse reuse);

  size_t size() const { return ops.size(); }
  /// From the start; `backward`: from the end to the start. Steps that take
  /// up to `limit` bytes do not wait for their place.
  SmallVector<size_t> order(ArrayRef<size_t> now, bool backward,
                            int64_t limit = -1) const;
  /// Moves the ops.
  void apply(ArrayRef<size_t> order);
  /// The largest live set.
  int64_t peak();

private:
  struct Value_ {
    int64_t bytes = 0; ///< 0: is in no arena
    int writer = -1;   ///< a step
    llvm::SmallSetVector<size_t, 4> readers;
  };
  static Value rootOf(Value x) {
    while (auto reshape = x.getDefiningOp<ReshapeOp>())
      x = reshape.getX();
    return x;
  }
  size_t valueOf(Value x);
  void require(size_t first, size_t then);

  func::FuncOp main;
  const Reuse reuse;
  ExtentGuess guess;
  SmallVector<Operation *> ops;
  std::vector<Value_> values;
  DenseMap<Value, size_t> numbers;
  std::vector<llvm::SmallSetVector<size_t, 4>> reads, writes; ///< values
  std::vector<llvm::SmallSetVector<size_t, 4>> after, before; ///< steps
};
} // namespace

size_t Steps::valueOf(Value x) {
  auto [it, isNew] = numbers.try_emplace(rootOf(x), values.size());
  if (isNew)
    values.emplace_back();
  return it->second;
}

void Steps::require(size_t first, size_t then) {
  if (after[first].insert(then))
    before[then].insert(first);
}

Steps::Steps(func::FuncOp main, bool together, Reuse reuse)
    : main(main), reuse(reuse) {
  Block &body = main.getBody().front();
  for (Operation &op : body)
    if (isStep(op))
      ops.push_back(&op);
  reads.resize(ops.size());
  writes.resize(ops.size());
  after.resize(ops.size());
  before.resize(ops.size());
  for (auto [i, op] : llvm::enumerate(ops)) {
    for (Value y : op->getResults()) {
      size_t v = valueOf(y);
      values[v].bytes =
          llvm::isa<PrepareOp>(op) ? 0 : alignUp(guess.bytesOf(y));
      values[v].writer = int(i);
      writes[i].insert(v);
    }
    for (Value x : op->getOperands()) {
      if (!llvm::isa<RankedTensorType>(x.getType()))
        continue;
      size_t v = valueOf(x);
      values[v].readers.insert(i);
      reads[i].insert(v);
      if (values[v].writer >= 0)
        require(size_t(values[v].writer), i);
    }
  }
  // What is prepared is there before all else.
  if (!ops.empty() && llvm::isa<PrepareOp>(ops.front()))
    for (size_t i = 1; i < ops.size(); ++i)
      require(0, i);
  // What leaves is not in the arena. What replaces an argument comes after all
  // that reads the argument, as long as it does so now.
  SmallVector<size_t> updates;
  auto returned = body.getTerminator()->getOperands();
  for (auto [i, x] : llvm::enumerate(returned)) {
    size_t v = valueOf(x);
    values[v].bytes = 0;
    auto updated = updatedArgument(main, unsigned(i));
    int writer = values[v].writer;
    if (!updated || writer < 0)
      continue;
    updates.push_back(size_t(writer));
    Value argument = main.getArgument(*updated);
    for (size_t reader : values[valueOf(argument)].readers)
      if (reader < size_t(writer))
        require(reader, size_t(writer));
  }
  // Those of an optimizer: forward parts have some, too (running averages).
  for (auto [i, op] : llvm::enumerate(ops))
    if (op->hasAttr(kBackwardAttr))
      llvm::erase_if(updates, [&](size_t update) { return update < i; });
  if (!together || updates.empty())
    return;
  size_t start = *llvm::min_element(updates);
  for (size_t update : updates) {
    if (update != start)
      require(start, update);
    for (size_t needed : SmallVector<size_t>(before[update].getArrayRef()))
      if (needed < start)
        require(needed, start);
  }
}

SmallVector<size_t> Steps::order(ArrayRef<size_t> now, bool backward,
                                 int64_t limit) const {
  // Seen from the end, reading a value takes its memory and writing it frees
  // that.
  auto &waits = backward ? after : before;
  auto &wakes = backward ? before : after;
  SmallVector<size_t> open(size()), left(values.size()), place(size());
  for (size_t i = 0; i < size(); ++i)
    open[i] = waits[i].size();
  for (size_t v = 0; v < values.size(); ++v)
    left[v] = values[v].readers.size();
  SmallVector<bool> done(size(), false), alive(values.size(), false);
  for (auto [at, i] : llvm::enumerate(now))
    place[i] = backward ? now.size() - at : at;
  auto change = [&](size_t i) {
    int64_t bytes = 0;
    for (size_t v : writes[i])
      bytes += backward ? (alive[v] ? -values[v].bytes : 0)
                        : (values[v].readers.empty() ? 0 : values[v].bytes);
    for (size_t v : reads[i]) {
      if (values[v].writer < 0)
        continue;
      if (backward)
        bytes += alive[v] ? 0 : values[v].bytes;
      else if (left[v] == 1)
        bytes -= values[v].bytes;
    }
    return bytes;
  };
  SmallVector<size_t> result;
  std::set<std::pair<size_t, size_t>> candidates; // by place
  for (size_t i = 0; i < size() && limit >= 0; ++i)
    if (open[i] == 0)
      candidates.insert({place[i], i});
  auto run = [&](size_t i) {
    done[i] = true;
    result.push_back(i);
    for (size_t v : reads[i]) {
      --left[v];
      alive[v] = true;
      for (size_t reader : values[v].readers)
        if (!done[reader])
          candidates.insert({place[reader], reader});
      if (backward && values[v].writer >= 0)
        candidates.insert(
            {place[size_t(values[v].writer)], size_t(values[v].writer)});
    }
    for (size_t next : wakes[i]) {
      --open[next];
      candidates.insert({place[next], next});
    }
  };
  for (size_t at = 0; at < now.size(); ++at) {
    size_t i = backward ? now[now.size() - 1 - at] : now[at];
    if (done[i])
      continue;
    run(i);
    while (!candidates.empty()) {
      size_t next = candidates.begin()->second;
      candidates.erase(candidates.begin());
      if (!done[next] && open[next] == 0 && change(next) <= limit)
        run(next);
    }
  }
  if (backward)
    std::reverse(result.begin(), result.end());
  return result;
}

void Steps::apply(ArrayRef<size_t> order) {
  Operation *end = main.getBody().front().getTerminator();
  // Reshapes, constants and extents stand in front of who needs them first.
  llvm::DenseSet<Operation *> moved;
  std::function<void(Operation *)> move = [&](Operation *op) {
    if (!moved.insert(op).second)
      return;
    for (Value x : op->getOperands())
      if (Operation *maker = x.getDefiningOp(); maker && !isStep(*maker))
        move(maker);
    op->moveBefore(end);
  };
  for (size_t i : order)
    move(ops[i]);
  // What only the end needs, or nobody.
  for (Operation &op : llvm::make_early_inc_range(*end->getBlock()))
    if (&op != end && !isStep(op))
      move(&op);
}

int64_t Steps::peak() {
  Storage storage(main, reuse);
  SmallVector<Lifetime> lifetimes;
  for (const Storage::Slot &slot : storage.slots)
    if (!slot.control)
      lifetimes.push_back({slot.begin, slot.end, guess.bytesOf(slot.value)});
  // A copy at the end costs time: an order that needs one is no better.
  return liveBytes(lifetimes) + int64_t(storage.copies.size());
}

namespace {
struct Order : etch::impl::OrderBase<Order> {
  using OrderBase::OrderBase;

  void runOnOperation() override {
    for (auto program : getOperation().getOps<func::FuncOp>()) {
      if (!isProgram(program))
        continue;
      Steps steps(program, together, sums ? Reuse::sums : Reuse::elements);
      if (steps.size() < 3)
        continue;
      SmallVector<size_t> first(steps.size());
      for (size_t i = 0; i < first.size(); ++i)
        first[i] = i;
      SmallVector<size_t> best = first;
      int64_t least = steps.peak();
      for (int64_t limit : {int64_t(-1), nextToNothing}) {
        auto early = steps.order(first, /*backward=*/false, limit);
        auto late = steps.order(early, /*backward=*/true);
        auto again = steps.order(late, /*backward=*/false, limit);
        for (const auto *order : {&early, &late, &again}) {
          steps.apply(*order);
          if (int64_t peak = steps.peak(); peak < least) {
            least = peak;
            best = *order;
          }
        }
      }
      steps.apply(best);
    }
  }
};
} // namespace
