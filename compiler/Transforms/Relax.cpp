//===- Relax.cpp - fewer operations with nearly the same value ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// For mode `fast`. A tree of sums, differences, negations and multiples is a
// list of terms with coefficients, a tree of products one coefficient and
// powers of factors. Only trees that nobody else reads inside are taken apart,
// and only what has fewer ops is written in their place.
//
// Equal terms become one; terms with a common factor share its product.
// Rounding once more or less, and in another order, moves a sum by a few units
// in the last place of the sum of its terms' absolute values: that is the
// bound.
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Moments.h"
#include "compiler/Transforms/Passes.h"
#include "compiler/Transforms/Simplifier.h"

#include "dialects/Etch/EtchDialect.h"

#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace etch;

namespace etch {
#define GEN_PASS_DEF_RELAX
#include "compiler/Transforms/Passes.h.inc"
} // namespace etch

/// The number that x is everywhere.
static std::optional<double> numberOf(Value x) {
  while (auto broadcast = x.getDefiningOp<BroadcastToOp>())
    x = broadcast.getX();
  auto constant = x.getDefiningOp<ConstantOp>();
  auto splat = constant ? llvm::dyn_cast<SplatElementsAttr>(constant.getValue())
                        : SplatElementsAttr();
  if (!splat || !llvm::isa<FloatType>(splat.getElementType()))
    return std::nullopt;
  double number = splat.getSplatValue<FloatAttr>().getValueAsDouble();
  return std::isfinite(number) ? std::optional(number) : std::nullopt;
}

namespace {
struct Sum;

/// coefficient * factor * (inner); either may be missing.
struct Term {
  double coefficient;
  Value factor;
  std::shared_ptr<Sum> inner;
};

struct Sum {
  SmallVector<Term> terms;
  double constant = 0;
};

class Relaxer {
public:
  explicit Relaxer(Operation *root)
      : root(root), b(root), loc(root->getLoc()), like(root->getResult(0)) {}

  /// What has fewer ops than the root's tree; null if nothing has.
  Value sum();
  Value product();

private:
  void collectTerms(Value x, double coefficient, Sum &sum);
  void collectFactors(Value x);
  void group(Sum &sum);
  void share(Sum &sum);
  static int64_t costOf(const Sum &sum);
  static int64_t costOf(int64_t power);
  Value number(double value) { return buildSplat(b, loc, value, like); }
  Value write(const Sum &sum);
  Value write(const Term &term, bool positive);
  Value power(Value x, int64_t n);
  template <class OpT> Value make(Value x, Value y) {
    return OpT::create(b, loc, like.getType(), x, y);
  }
  /// Whether the op goes if the tree does.
  bool isPart(Value x) {
    Operation *op = x.getDefiningOp();
    return op && op->getBlock() == root->getBlock() &&
           (op == root || op->hasOneUse());
  }

  Operation *root;
  OpBuilder b;
  Location loc;
  Value like;
  int64_t before = 0; ///< ops of the tree
  double coefficient = 1;
  llvm::MapVector<Value, int64_t> factors; ///< with their powers
};
} // namespace

//===----------------------------------------------------------------------===//
// Sums
//===----------------------------------------------------------------------===//

static constexpr size_t maxTerms = 64;

void Relaxer::collectTerms(Value x, double coefficient, Sum &sum) {
  if (auto number = numberOf(x)) {
    sum.constant += coefficient * *number;
    return;
  }
  Operation *op = x.getDefiningOp();
  if (isPart(x) && sum.terms.size() < maxTerms) {
    ++before;
    if (auto add = llvm::dyn_cast<AddOp>(op)) {
      collectTerms(add.getLhs(), coefficient, sum);
      return collectTerms(add.getRhs(), coefficient, sum);
    }
    if (auto sub = llvm::dyn_cast<SubOp>(op)) {
      collectTerms(sub.getLhs(), coefficient, sum);
      return collectTerms(sub.getRhs(), -coefficient, sum);
    }
    if (auto neg = llvm::dyn_cast<NegOp>(op))
      return collectTerms(neg.getX(), -coefficient, sum);
    if (auto mul = llvm::dyn_cast<MulOp>(op)) {
      if (auto number = numberOf(mul.getLhs()))
        return collectTerms(mul.getRhs(), coefficient * *number, sum);
      if (auto number = numberOf(mul.getRhs()))
        return collectTerms(mul.getLhs(), coefficient * *number, sum);
    }
    --before;
  }
  for (Term &term : sum.terms)
    if (term.factor == x) {
      term.coefficient += coefficient;
      return;
    }
  sum.terms.push_back({coefficient, x, nullptr});
}

/// Terms that are products with one factor become its product with a sum.
void Relaxer::group(Sum &sum) {
  llvm::erase_if(sum.terms, [](const Term &t) { return t.coefficient == 0; });
  auto productOf = [&](const Term &term) {
    auto mul = term.factor && !term.inner && isPart(term.factor)
                   ? term.factor.getDefiningOp<MulOp>()
                   : MulOp();
    return mul;
  };
  for (;;) {
    llvm::MapVector<Value, int64_t> counts;
    for (const Term &term : sum.terms)
      if (MulOp mul = productOf(term)) {
        ++counts[mul.getLhs()];
        if (mul.getRhs() != mul.getLhs())
          ++counts[mul.getRhs()];
      }
    auto *best = llvm::max_element(
        counts, [](auto &a, auto &b) { return a.second < b.second; });
    if (best == counts.end() || best->second < 2)
      break;
    Value factor = best->first;
    auto inner = std::make_shared<Sum>();
    SmallVector<Term> others;
    for (const Term &term : sum.terms) {
      MulOp mul = productOf(term);
      if (!mul || (mul.getLhs() != factor && mul.getRhs() != factor)) {
        others.push_back(term);
        continue;
      }
      ++before;
      collectTerms(mul.getLhs() == factor ? mul.getRhs() : mul.getLhs(),
                   term.coefficient, *inner);
    }
    group(*inner);
    others.push_back({1, factor, inner});
    sum.terms = std::move(others);
  }
  share(sum);
}

/// k * a + k * b = k * (a + b)
void Relaxer::share(Sum &sum) {
  for (Term &term : sum.terms) // of an inner sum that is one term
    if (term.inner && term.inner->terms.size() == 1 &&
        term.inner->constant == 0 && !term.inner->terms[0].factor) {
      term.coefficient *= term.inner->terms[0].coefficient;
      term.inner = term.inner->terms[0].inner;
    }
  if (sum.terms.size() < 2 || sum.constant != 0)
    return;
  double size = std::abs(sum.terms[0].coefficient);
  if (size == 1 || llvm::any_of(sum.terms, [&](const Term &term) {
        return std::abs(term.coefficient) != size;
      }))
    return;
  auto inner = std::make_shared<Sum>(std::move(sum));
  for (Term &term : inner->terms)
    term.coefficient /= size;
  sum = Sum();
  sum.terms.push_back({size, Value(), inner});
}

int64_t Relaxer::costOf(const Sum &sum) {
  int64_t cost = int64_t(sum.terms.size()) - (sum.constant == 0);
  bool isNegative = sum.constant == 0;
  for (const Term &term : sum.terms) {
    if (term.inner)
      cost += costOf(*term.inner) + (term.factor ? 1 : 0);
    cost += std::abs(term.coefficient) != 1;
    isNegative &= term.coefficient == -1;
  }
  return cost + isNegative;
}

/// `positive`: the sign is the caller's.
Value Relaxer::write(const Term &term, bool positive) {
  Value x = term.factor;
  if (term.inner) {
    Value y = write(*term.inner);
    x = x ? make<MulOp>(x, y) : y;
  }
  double c = positive ? std::abs(term.coefficient) : term.coefficient;
  return c == 1 ? x : make<MulOp>(x, number(c));
}

Value Relaxer::write(const Sum &sum) {
  if (sum.terms.empty())
    return number(sum.constant);
  // What is positive goes first.
  SmallVector<const Term *> order;
  for (bool sign : {false, true})
    for (const Term &term : sum.terms)
      if ((term.coefficient < 0) == sign)
        order.push_back(&term);
  Value result;
  auto rest = ArrayRef(order);
  if (sum.constant != 0 && order[0]->coefficient < 0) {
    result = number(sum.constant);
  } else {
    const Term &first = *order[0];
    result = write(first, first.coefficient == -1);
    if (first.coefficient == -1)
      result = NegOp::create(b, loc, like.getType(), result);
    rest = rest.drop_front();
  }
  for (const Term *term : rest) {
    Value x = write(*term, true);
    result =
        term->coefficient < 0 ? make<SubOp>(result, x) : make<AddOp>(result, x);
  }
  if (sum.constant != 0 && order[0]->coefficient >= 0)
    result = make<AddOp>(result, number(sum.constant));
  return result;
}

Value Relaxer::sum() {
  Sum all;
  collectTerms(root->getResult(0), 1, all);
  group(all);
  return costOf(all) < before ? write(all) : Value();
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

void Relaxer::collectFactors(Value x) {
  if (auto number = numberOf(x)) {
    coefficient *= *number;
    return;
  }
  Operation *op = x.getDefiningOp();
  if (isPart(x) && factors.size() < maxTerms) {
    ++before;
    if (auto mul = llvm::dyn_cast<MulOp>(op)) {
      collectFactors(mul.getLhs());
      return collectFactors(mul.getRhs());
    }
    if (auto neg = llvm::dyn_cast<NegOp>(op)) {
      coefficient = -coefficient;
      return collectFactors(neg.getX());
    }
    if (auto div = llvm::dyn_cast<DivOp>(op))
      if (auto number = numberOf(div.getRhs()); number && *number != 0) {
        coefficient /= *number;
        return collectFactors(div.getLhs());
      }
    --before;
  }
  ++factors[x];
}

int64_t Relaxer::costOf(int64_t power) {
  return int64_t(llvm::Log2_64(uint64_t(power))) +
         llvm::popcount(uint64_t(power)) - 1;
}

Value Relaxer::power(Value x, int64_t n) {
  Value result;
  for (;; x = make<MulOp>(x, x)) {
    if (n & 1)
      result = result ? make<MulOp>(result, x) : x;
    if ((n >>= 1) == 0)
      return result;
  }
}

Value Relaxer::product() {
  collectFactors(root->getResult(0));
  if (factors.empty())
    return number(coefficient);
  int64_t cost = int64_t(factors.size()) - 1 + (coefficient != 1);
  for (auto &[x, n] : factors)
    cost += costOf(n);
  // A product with a number is quicker than a quotient.
  if (cost > before || (cost == before && !llvm::isa<DivOp>(root)))
    return {};
  Value result;
  for (auto &[x, n] : factors) {
    Value y = power(x, n);
    result = result ? make<MulOp>(result, y) : y;
  }
  if (coefficient == -1)
    return NegOp::create(b, loc, like.getType(), result);
  return coefficient == 1 ? result : make<MulOp>(result, number(coefficient));
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

/// Relaxes the trees that end in a block's ops; says whether any has changed.
static bool relax(Block &block) {
  bool changed = false;
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block))) {
    for (Region &region : op.getRegions())
      if (!region.empty())
        changed |= relax(region.front());
    if (op.use_empty() || op.getNumResults() != 1 ||
        !llvm::isa<FloatType>(getElementTypeOrSelf(op.getResult(0).getType())))
      continue;
    Operation *user = op.hasOneUse() ? *op.user_begin() : nullptr;
    Value result;
    if (llvm::isa<AddOp, SubOp>(op) &&
        !llvm::isa_and_nonnull<AddOp, SubOp, NegOp>(user))
      result = Relaxer(&op).sum();
    else if (llvm::isa<MulOp, DivOp>(op) &&
             !llvm::isa_and_nonnull<MulOp, NegOp>(user))
      result = Relaxer(&op).product();
    else if (llvm::isa<NegOp>(op) &&
             !llvm::isa_and_nonnull<AddOp, SubOp, NegOp, MulOp>(user))
      if (!(result = Relaxer(&op).sum()))
        result = Relaxer(&op).product();
    if (!result || result == op.getResult(0))
      continue;
    op.getResult(0).replaceAllUsesWith(result);
    changed = true;
  }
  return changed;
}

/// Trees grow together when equal ops have become one.
static constexpr int maxRounds = 4;

namespace {
struct Relax : etch::impl::RelaxBase<Relax> {
  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!main)
      return;
    // Trees of terms are looked at as they were written.
    Block &body = main.getBody().front();
    bool changed = relaxSums(body);
    if (relaxMoments(body) || changed)
      simplify(main);
    for (int i = 0; i < maxRounds; ++i) {
      if (!relax(main.getBody().front()))
        break;
      simplify(main);
    }
  }
};
} // namespace
