//===- Gelu.cpp - Products with a gelu, forward and backward --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A gelu is a formula of some products and a tanh, its gradient one of twenty,
// in whatever order simplification has left them. They are recognised by what
// they compute: the kernel's own operations are evaluated for some numbers and
// compared with the function. Where it is the function for all of these it is
// the function: both are the same few operations of z, z^3 and a tanh.
//===----------------------------------------------------------------------===//

#include "compiler/Target/CUDA/Gelu.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include <cmath>

using namespace mlir;
using namespace etch;
using namespace etch::cuda;

namespace {

using Number = std::optional<double>;
/// The number that stands for a value; none: it is computed from others.
using Leaf = function_ref<Number(Value)>;

constexpr double kSlope = 0.7978845608028654, kCube = 0.044715;

double gelu(double z) {
  return 0.5 * z * (1 + std::tanh(kSlope * (z + kCube * z * z * z)));
}
double geluSlope(double z) {
  double t = std::tanh(kSlope * (z + kCube * z * z * z));
  return 0.5 * (1 + t) +
         0.5 * z * (1 - t * t) * kSlope * (1 + 3 * kCube * z * z);
}

/// What a kernel computes of numbers.
class Evaluator {
public:
  explicit Evaluator(Leaf leaf) : leaf(leaf) {}

  Number of(Value v) {
    auto [it, isNew] = known.try_emplace(v, std::nullopt);
    if (!isNew)
      return it->second;
    Number number = leaf(v);
    if (!number)
      if (Operation *op = v.getDefiningOp())
        number = compute(op);
    return known[v] = number;
  }

private:
  Number compute(Operation *op) {
    APFloat constant(0.0);
    if (matchPattern(op, m_ConstantFloat(&constant))) {
      bool loses = false;
      constant.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven,
                       &loses);
      return constant.convertToDouble();
    }
    if (auto repeated = dyn_cast<BroadcastToOp>(op)) {
      auto from = cast<RankedTensorType>(repeated.getX().getType());
      if (!from.hasStaticShape() || from.getNumElements() != 1)
        return std::nullopt;
      return of(repeated.getX());
    }
    if (!isa<AddOp, SubOp, MulOp, DivOp, NegOp, TanhOp, StopGradientOp>(op))
      return std::nullopt;
    Number a = of(op->getOperand(0)),
           b = op->getNumOperands() > 1 ? of(op->getOperand(1)) : a;
    if (!a || !b)
      return std::nullopt;
    return isa<AddOp>(op)    ? *a + *b
           : isa<SubOp>(op)  ? *a - *b
           : isa<MulOp>(op)  ? *a * *b
           : isa<DivOp>(op)  ? *a / *b
           : isa<NegOp>(op)  ? -*a
           : isa<TanhOp>(op) ? std::tanh(*a)
                             : *a;
  }

  Leaf leaf;
  DenseMap<Value, Number> known;
};

/// Whether f is one of the two functions, as exactly as numbers of 32 bits say.
bool agrees(function_ref<Number(double z, double g)> f, bool gradient) {
  for (double z : {-3.7, -1.9, -0.8, -0.3, 0.0, 0.45, 1.1, 2.6})
    for (double g : {1.0, -0.7, 2.3}) {
      Number found = f(z, g);
      double expected = gradient ? g * geluSlope(z) : gelu(z);
      if (!found ||
          !(std::abs(*found - expected) < 2e-6 * (1 + std::abs(expected))))
        return false;
    }
  return true;
}

/// Which launch wrote what a buffer holds, and as which of its results.
struct Maker {
  device::LaunchOp launch;
  unsigned result = 0;

  bool operator==(const Maker &) const = default;
};

Maker makerOf(Value buffer, Operation *reader) {
  for (Operation *op = reader->getPrevNode(); op; op = op->getPrevNode()) {
    if (auto launch = dyn_cast<device::LaunchOp>(op)) {
      for (auto [i, out] : llvm::enumerate(launch.getOuts()))
        if (beginTogether(out, buffer))
          return {launch, unsigned(i)};
    } else if (!isPure(op)) {
      return {};
    }
  }
  return {};
}

class Finder {
public:
  Finder(Block &main,
         function_ref<const LibraryWork *(device::LaunchOp)> workOf)
      : main(main), workOf(workOf) {}

  std::vector<GeluPair> find();

private:
  func::FuncOp kernelOf(device::LaunchOp op) {
    return op->getParentOfType<ModuleOp>().lookupSymbol<func::FuncOp>(
        op.getKernel());
  }
  Value resultOf(device::LaunchOp op, unsigned i) {
    return kernelOf(op).getBody().front().getTerminator()->getOperand(i);
  }
  /// Result i of a launch behind the product `z`, for a number there.
  Number evaluate(device::LaunchOp rest, unsigned i, device::LaunchOp z,
                  double number, Value bias = {}, double added = 0);
  Number evaluateGradient(GeluPair pair, Value result, double z, double g);
  bool matchForward(GeluPair &pair);
  bool matchBiased(GeluPair &pair);
  bool matchGradient(GeluPair &pair);
  GeluPair *forwardOf(Maker maker);
  bool isReadElsewhere(GeluPair forward);
  bool isRead(Maker maker, Operation *behind);

  Block &main;
  function_ref<const LibraryWork *(device::LaunchOp)> workOf;
  std::vector<GeluPair> pairs;
};

} // namespace

Number Finder::evaluate(device::LaunchOp rest, unsigned i, device::LaunchOp z,
                        double number, Value bias, double added) {
  auto leaf = [&](Value v) -> Number {
    if (bias && v == bias)
      return added;
    auto argument = dyn_cast<BlockArgument>(v);
    if (argument && isa<RankedTensorType>(v.getType()) &&
        makerOf(rest.getIns()[argument.getArgNumber()], rest) == Maker{z, 0})
      return number;
    return std::nullopt;
  };
  return Evaluator(leaf).of(resultOf(rest, i));
}

bool Finder::matchForward(GeluPair &pair) {
  for (unsigned i = 0; i < pair.rest.getOuts().size(); ++i)
    if (agrees([&](double z,
                   double) { return evaluate(pair.rest, i, pair.product, z); },
               false)) {
      pair.result = i;
      return true;
    }
  return matchBiased(pair);
}

/// A bias that the product's kernel has not added. The library leaves the sum
/// in z's place, so z must be nobody else's.
bool Finder::matchBiased(GeluPair &pair) {
  if (workOf(pair.product)->bias >= 0 || pair.rest.getOuts().size() != 1 ||
      !pair.product.getOuts()[0].getDefiningOp<memref::ViewOp>() ||
      isRead({pair.product, 0}, pair.rest))
    return false;
  for (Operation &op : kernelOf(pair.rest).getBody().front()) {
    // Rows of the product may have got more axes.
    auto repeated = dyn_cast<BroadcastToOp>(op);
    if (!repeated)
      continue;
    auto type = cast<RankedTensorType>(repeated.getY().getType());
    auto z = cast<MemRefType>(pair.product.getOuts()[0].getType());
    int64_t last = type.getRank() - 1;
    int bias = last >= 0 && type.getDimSize(last) == z.getDimSize(1)
                   ? biasOf(repeated.getY(), last)
                   : -1;
    if (bias < 0)
      continue;
    auto f = [&](double z, double g) {
      return evaluate(pair.rest, 0, pair.product, z - g, repeated.getY(), g);
    };
    if (agrees(f, false)) {
      pair.bias = bias;
      return true;
    }
  }
  return false;
}

/// The pair whose z, or another value of whose `rest`, that is.
GeluPair *Finder::forwardOf(Maker maker) {
  for (GeluPair &pair : pairs)
    if (!pair.forward &&
        (maker == Maker{pair.product, 0} || maker.launch == pair.rest))
      return &pair;
  return nullptr;
}

Number Finder::evaluateGradient(GeluPair pair, Value result, double z,
                                double g) {
  GeluPair *forward = forwardOf({pair.forward, 0});
  auto leaf = [&](Value v) -> Number {
    auto argument = dyn_cast<BlockArgument>(v);
    if (!argument || !isa<RankedTensorType>(v.getType()))
      return std::nullopt;
    Maker maker =
        makerOf(pair.rest.getIns()[argument.getArgNumber()], pair.rest);
    if (maker == Maker{pair.product, 0})
      return g;
    if (maker == Maker{pair.forward, 0})
      return z;
    if (maker.launch && maker.launch == forward->rest)
      return evaluate(forward->rest, maker.result, pair.forward, z);
    return std::nullopt;
  };
  return Evaluator(leaf).of(result);
}

bool Finder::matchGradient(GeluPair &pair) {
  for (Value in : pair.rest.getIns())
    if (isa<MemRefType>(in.getType()))
      if (GeluPair *forward = forwardOf(makerOf(in, pair.rest)))
        pair.forward = forward->product;
  size_t results = pair.rest.getOuts().size();
  if (!pair.forward || results > 2)
    return false;
  for (unsigned i = 0; i < results; ++i) {
    Value v = resultOf(pair.rest, i);
    if (!agrees(
            [&](double z, double g) { return evaluateGradient(pair, v, z, g); },
            true))
      continue;
    pair.result = i;
    if (results == 1)
      return true;
    // The other one is its sum.
    auto sum = resultOf(pair.rest, 1 - i).getDefiningOp<SumOp>();
    if (!sum || sum->getOperand(0) != v ||
        sum.getAxes() != ArrayRef<int64_t>{1})
      return false;
    auto type = cast<RankedTensorType>(v.getType());
    auto z = cast<MemRefType>(pair.product.getOuts()[0].getType());
    if (type.getRank() != 3 || type.getDimSize(0) != 1 ||
        type.isDynamicDim(2) || type.getDimSize(2) != z.getDimSize(1))
      return false;
    pair.sum = int(1 - i);
    return true;
  }
  return false;
}

/// Whether something behind an operation reads a result of a launch.
bool Finder::isRead(Maker maker, Operation *behind) {
  for (Operation *op = behind->getNextNode(); op; op = op->getNextNode()) {
    if (auto launch = dyn_cast<device::LaunchOp>(op)) {
      for (Value in : launch.getIns())
        if (isa<MemRefType>(in.getType()) &&
            beginTogether(in, maker.launch.getOuts()[maker.result]) &&
            makerOf(in, launch) == maker)
          return true;
    } else if (!isPure(op) && !op->hasTrait<OpTrait::IsTerminator>()) {
      return true; // who knows
    }
  }
  return false;
}

/// Whether anything but gradients that are found reads what `rest` makes beside
/// the gelu.
bool Finder::isReadElsewhere(GeluPair forward) {
  device::LaunchOp rest = forward.rest;
  for (auto [i, out] : llvm::enumerate(rest.getOuts())) {
    if (i == forward.result)
      continue;
    if (!out.getDefiningOp<memref::ViewOp>())
      return true; // the caller reads it
    for (Operation *op = rest->getNextNode(); op; op = op->getNextNode()) {
      auto launch = dyn_cast<device::LaunchOp>(op);
      if (!launch && !isPure(op) && !op->hasTrait<OpTrait::IsTerminator>())
        return true;
      if (!launch || llvm::any_of(pairs, [&](const GeluPair &pair) {
            return pair.rest == launch && pair.forward == forward.product;
          }))
        continue;
      for (Value in : launch.getIns())
        if (isa<MemRefType>(in.getType()) && beginTogether(in, out) &&
            makerOf(in, launch) == Maker{rest, unsigned(i)})
          return true;
    }
  }
  return false;
}

std::vector<GeluPair> Finder::find() {
  for (auto op : main.getOps<device::LaunchOp>()) {
    const LibraryWork *work = workOf(op);
    device::LaunchOp rest = beside(op, true);
    if (!work || !work->whole || !work->isProduct() || !rest || workOf(rest) ||
        work->activation != ETCH_NO_ACTIVATION ||
        cast<MemRefType>(op.getOuts()[0].getType()).getRank() != 2 ||
        work->op->getResult(0).getType() != kernelOf(op).getResultTypes()[0] ||
        !getElementTypeOrSelf(work->op->getResult(0).getType()).isF32())
      continue;
    GeluPair pair = {op, rest, 0, -1, -1, {}};
    if (!matchForward(pair) && (work->bias >= 0 || !matchGradient(pair) ||
                                isRead({op, 0}, rest.getOperation())))
      continue;
    // The library has z as it has the result.
    device::LaunchOp z = pair.forward ? pair.forward : op;
    if (getElementTypeOrSelf(rest.getOuts()[pair.result].getType()) ==
        getElementTypeOrSelf(z.getOuts()[0].getType()))
      pairs.push_back(pair);
  }
  // Without all of its values a forward pair is none, and its gradients are
  // not.
  for (bool changed = true; changed;) {
    auto bad = llvm::find_if(pairs, [&](const GeluPair &pair) {
      return pair.forward ? !forwardOf({pair.forward, 0})
                          : isReadElsewhere(pair);
    });
    changed = bad != pairs.end();
    if (changed)
      pairs.erase(bad);
  }
  for (GeluPair &pair : pairs)
    for (Operation &op : llvm::make_early_inc_range(llvm::make_range(
             std::next(pair.product->getIterator()), pair.rest->getIterator())))
      op.moveBefore(pair.product);
  return std::move(pairs);
}

std::vector<GeluPair> etch::cuda::findGelus(
    Block &main, function_ref<const LibraryWork *(device::LaunchOp)> workOf) {
  return Finder(main, workOf).find();
}
