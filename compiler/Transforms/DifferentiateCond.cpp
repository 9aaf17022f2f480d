//===- DifferentiateCond.cpp - the backward branches of a branch ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each branch of the backward part is that of the forward part with the rules
// of its ops behind it: what these do not read is dead. If the gradient is
// differentiated again, what they read becomes a result of the forward branch
// instead (and a number in the other one): a value that is computed twice has
// two sums of cotangents.
//
// The sum of a capture's cotangent goes through the branch; one that does not
// use the capture hands it on. Where there is no sum yet, such a branch leaves
// none: a presence tells which one was taken.
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Presence.h"
#include "compiler/Transforms/Sweep.h"

#include "dialects/Etch/Extents.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace etch;

namespace {
/// A cotangent outside and the numbers of its arguments inside.
struct Passed {
  CotangentSum outside;
  unsigned value = 0, present = 0;
};

/// A value of one branch that its backward branch reads.
struct Kept {
  Block *from;
  Value inside;
  SmallVector<ExtentSource> extents; // those that are not known
  int result = -1;                   // of the forward part, from before
};

class CondGradient {
public:
  CondGradient(Sweep &outer, CondOp cond)
      : outer(outer), cond(cond), loc(cond.getLoc()),
        numForward(unsigned(cond.getCaptures().size())),
        numOwn(unsigned(cond.getYs().size())) {
    if (auto attr = cond->getAttrOfType<IntegerAttr>(kKeptAttr))
      numOwn -= unsigned(attr.getInt());
  }
  LogicalResult run();

private:
  Passed pass(CotangentSum sum);
  LogicalResult write(Region &from, Block &to, SmallVector<CotangentSum> &sums);
  Value standIn(Value x, Block &from, OpBuilder &b);
  Value keep(Value x, Block &from);
  void keepResults();
  void writeBackward(ArrayRef<SmallVector<CotangentSum>> sums);

  Sweep &outer;
  CondOp cond;
  Location loc;
  const unsigned numForward;
  unsigned numOwn;                             // results that are not kept
  SmallVector<std::pair<unsigned, Passed>> ys; // with cotangents
  SmallVector<unsigned> active;                // captures
  SmallVector<Passed> starts;                  // of their sums
  SmallVector<Value> captures;                 // of the backward part
  SmallVector<Kept> kept;
  std::unique_ptr<Block> bodies[2];
  llvm::DenseMap<Value, Value> stands; // for values of the forward branch
  ExtentResolver resolver;
};
} // namespace

Passed CondGradient::pass(CotangentSum sum) {
  Passed passed = {sum};
  for (auto [x, number] : {std::pair(sum.value, &passed.value),
                           std::pair(sum.present, &passed.present)}) {
    if (!x)
      continue;
    *number = unsigned(captures.size());
    captures.push_back(x);
  }
  return passed;
}

/// A result of the forward part for x, and what stands for it in the backward
/// branches; null if the other branch cannot know its extents.
Value CondGradient::keep(Value x, Block &from) {
  Kept k = {&from, x, {}};
  auto type = llvm::cast<RankedTensorType>(x.getType());
  for (int64_t i = 0; i < type.getRank(); ++i) {
    if (!type.isDynamicDim(unsigned(i)))
      continue;
    k.extents.push_back(resolver.resolve(x, i));
    if (k.extents.back().axis < 0 ||
        k.extents.back().value.getParentBlock() != &from ||
        !llvm::isa<BlockArgument>(k.extents.back().value))
      return {};
  }
  ValueRange yielded = from.getTerminator()->getOperands();
  for (unsigned i = numOwn; i < yielded.size() && k.result < 0; ++i)
    if (yielded[i] == x)
      k.result = int(i);
  kept.push_back(k);
  for (auto &body : bodies)
    body->addArgument(type, loc);
  return bodies[&from == &cond.getOtherwise().front()]->getArguments().back();
}

/// What the backward branch has for a value of the forward branch.
Value CondGradient::standIn(Value x, Block &from, OpBuilder &b) {
  Value &known = stands[x];
  if (known)
    return known;
  Operation *op = x.getDefiningOp();
  if (auto dim = llvm::dyn_cast<tensor::DimOp>(op)) {
    auto [value, axis] =
        resolver.resolve(dim.getSource(), *dim.getConstantIndex());
    Value extent = standIn(value, from, b);
    if (axis >= 0)
      extent = tensor::DimOp::create(b, loc, extent, axis);
    return stands[x] = extent;
  }
  bool again = outer.again && !llvm::isa<IndexType>(x.getType()) &&
               !op->hasTrait<OpTrait::ConstantLike>();
  if (Value argument = again ? keep(x, from) : Value())
    return stands[x] = argument;
  IRMapping map;
  auto standFor = [&](Value operand) {
    if (operand.getParentBlock() == &from)
      map.map(operand, standIn(operand, from, b));
  };
  op->walk(
      [&](Operation *part) { llvm::for_each(part->getOperands(), standFor); });
  Operation *clone = b.clone(*op, map);
  for (auto [y, result] :
       llvm::zip_equal(op->getResults(), clone->getResults()))
    stands[y] = result;
  return clone->getResult(llvm::cast<OpResult>(x).getResultNumber());
}

/// The rules of a branch's ops are written behind them, then moved.
LogicalResult CondGradient::write(Region &region, Block &to,
                                  SmallVector<CotangentSum> &sums) {
  Block &from = region.front();
  SmallVector<Operation *> ops;
  for (Operation &op : from.without_terminator())
    ops.push_back(&op);
  OpBuilder b(from.getTerminator());
  Operation *border = buildBool(b, loc, true).getDefiningOp();
  SmallVector<Value> arguments(from.getArguments());
  for (Value x : ArrayRef(captures).drop_front(numForward))
    arguments.push_back(from.addArgument(x.getType(), loc));
  Sweep sweep(b);
  sweep.again = outer.again;
  auto add = [&](Value x, const Passed &passed) {
    if (passed.outside.value)
      sweep.add(x, arguments[passed.value], loc,
                passed.outside.present ? arguments[passed.present] : Value());
  };
  for (auto [i, start] : llvm::zip_equal(active, starts)) {
    sweep.active.insert(arguments[i]);
    add(arguments[i], start);
  }
  sweep.activate(from);
  for (bool isKept : {true, false}) // the newest readers first
    for (auto &[i, passed] : ys)
      if ((i >= numOwn) == isKept)
        add(from.getTerminator()->getOperand(i), passed);
  LogicalResult ok = sweep.visitAll(ops);
  for (unsigned i : active)
    sums.push_back(sweep.sumOf(arguments[i]));

  stands.clear();
  for (auto [x, argument] : llvm::zip_equal(
           arguments, to.getArguments().take_front(arguments.size())))
    stands[x] = argument;
  OpBuilder forward(cond.getContext());
  forward.setInsertionPointToEnd(&to);
  SmallVector<Operation *> rules;
  for (Operation *op = border->getNextNode(); op != from.getTerminator();
       op = op->getNextNode())
    rules.push_back(op);
  llvm::DenseSet<Operation *> own(rules.begin(), rules.end());
  auto standFor = [&](Value x) {
    bool outside = !x || x.getParentBlock() != &from ||
                   (x.getDefiningOp() && own.contains(x.getDefiningOp()));
    return outside ? x : standIn(x, from, forward);
  };
  // Dead ones ask for nothing.
  llvm::DenseSet<Value> results;
  for (CotangentSum &sum : sums)
    results.insert_range(ArrayRef<Value>{sum.value, sum.present});
  for (Operation *&op : llvm::reverse(rules))
    if (isOpTriviallyDead(op) && llvm::none_of(op->getResults(), [&](Value y) {
          return results.contains(y);
        })) {
      op->erase();
      op = nullptr;
    }
  for (Operation *op : rules) {
    if (!op)
      continue;
    op->walk([&](Operation *part) { // a user's rule sees what is around it
      for (OpOperand &use : part->getOpOperands())
        use.set(standFor(use.get()));
    });
    op->moveBefore(&to, to.end());
  }
  for (CotangentSum &sum : sums)
    sum = {standFor(sum.value), standFor(sum.present)};
  border->erase();
  from.eraseArguments(numForward, from.getNumArguments() - numForward);
  return ok;
}

/// Puts a branch with further results into the place of this one.
void CondGradient::keepResults() {
  SmallVector<Type> types(cond.getYs().getTypes());
  unsigned first = unsigned(types.size());
  for (const Kept &k : kept)
    if (k.result < 0)
      types.push_back(k.inside.getType());
  for (Region *region : {&cond.getThen(), &cond.getOtherwise()}) {
    Block &block = region->front();
    OpBuilder b(block.getTerminator());
    SmallVector<Value> values;
    for (const Kept &k : kept) {
      if (k.result >= 0)
        continue;
      if (k.from == &block) {
        values.push_back(k.inside);
        continue;
      }
      auto type = llvm::cast<RankedTensorType>(k.inside.getType());
      auto scalar = RankedTensorType::get({}, type.getElementType());
      Value none = ConstantOp::create(
          b, loc, scalar,
          DenseElementsAttr::get(scalar, b.getZeroAttr(type.getElementType())));
      SmallVector<Value> extents;
      for (const ExtentSource &e : k.extents) {
        auto argument = llvm::cast<BlockArgument>(e.value);
        extents.push_back(tensor::DimOp::create(
            b, loc, block.getArgument(argument.getArgNumber()), e.axis));
      }
      values.push_back(
          BroadcastToOp::create(b, loc, type, none, extents, type.getShape()));
    }
    block.getTerminator()->insertOperands(first, values);
  }
  if (types.size() > first) {
    OpBuilder b(cond);
    auto now =
        CondOp::create(b, loc, types, cond.getPredicate(), cond.getCaptures());
    now->setDiscardableAttrs(cond->getDiscardableAttrDictionary());
    now->setAttr(kKeptAttr,
                 b.getI64IntegerAttr(int64_t(types.size() - numOwn)));
    now.getThen().takeBody(cond.getThen());
    now.getOtherwise().takeBody(cond.getOtherwise());
    for (Value &x : captures)
      if (x.getDefiningOp() == cond)
        x = now->getResult(llvm::cast<OpResult>(x).getResultNumber());
    outer.replace(cond, now);
    cond = now;
  }
  for (const Kept &k : kept)
    captures.push_back(
        cond->getResult(k.result >= 0 ? unsigned(k.result) : first++));
}

/// The sums that a branch may change are results, and what tells whether they
/// are there, where no constant does.
void CondGradient::writeBackward(ArrayRef<SmallVector<CotangentSum>> sums) {
  OpBuilder &b = outer.b;
  SmallVector<Value> yields[2];
  struct Result {
    unsigned capture, sum;
    int present;
    Value known;
  };
  SmallVector<Result> results;
  SmallVector<Type> types;
  auto append = [&](Value then, Value otherwise) {
    types.push_back(then.getType());
    yields[0].push_back(then);
    yields[1].push_back(otherwise);
    return unsigned(types.size() - 1);
  };
  auto atEnd = [&](int side) {
    OpBuilder end(cond.getContext()); // the block is in no region yet
    end.setInsertionPointToEnd(bodies[side].get());
    return end;
  };
  for (auto [n, i] : llvm::enumerate(active)) {
    Value values[2], present[2];
    bool there[2];
    for (int side : {0, 1}) {
      OpBuilder end = atEnd(side);
      values[side] = sums[side][n].value;
      present[side] = sums[side][n].present;
      there[side] = bool(values[side]);
      if (!values[side]) {
        values[side] = buildSplat(end, loc, -0.0, bodies[side]->getArgument(i));
        present[side] = buildBool(end, loc, false);
      }
    }
    if (!there[0] && !there[1])
      continue;
    Result r = {i, append(values[0], values[1]), -1, {}};
    if (!present[0] && !there[1]) {
      r.known = cond.getPredicate();
    } else if (!there[0] && !present[1]) {
      r.known = buildNot(b, loc, cond.getPredicate());
    } else if (present[0] || present[1]) {
      int64_t rank = 0;
      for (int side : {0, 1}) {
        OpBuilder end = atEnd(side);
        if (!present[side])
          present[side] = buildBool(end, loc, true);
        rank = std::max(rank, rankOf(present[side]));
      }
      for (int side : {0, 1}) {
        OpBuilder end = atEnd(side);
        present[side] =
            spreadPresence(end, loc, present[side], values[side], rank);
      }
      r.present = int(append(present[0], present[1]));
    }
    results.push_back(r);
  }
  auto backward = CondOp::create(b, loc, types, cond.getPredicate(), captures);
  for (int side : {0, 1}) {
    OpBuilder end = atEnd(side);
    YieldOp::create(end, loc, yields[side]);
    for (Operation *op = bodies[side]->getTerminator(); op;) {
      Operation *before = op->getPrevNode();
      if (isOpTriviallyDead(op))
        op->erase();
      op = before;
    }
    backward->getRegion(unsigned(side)).push_back(bodies[side].release());
  }
  for (const Result &r : results)
    outer.add(cond.getCaptures()[r.capture], backward.getYs()[r.sum], loc,
              r.present >= 0 ? Value(backward.getYs()[unsigned(r.present)])
                             : r.known);
}

LogicalResult CondGradient::run() {
  captures.assign(cond.getCaptures().begin(), cond.getCaptures().end());
  for (auto [i, x] : llvm::enumerate(cond.getCaptures())) {
    if (!outer.active.contains(x))
      continue;
    active.push_back(unsigned(i));
    starts.push_back(pass(outer.take(x)));
  }
  for (unsigned i = unsigned(cond.getYs().size()); i-- > 0;)
    if (CotangentSum sum = outer.sumOf(cond.getYs()[i]); sum.value)
      ys.push_back({i, pass(sum)});
  std::reverse(ys.begin(), ys.end());
  for (auto &body : bodies) {
    body = std::make_unique<Block>();
    for (Value x : captures)
      body->addArgument(x.getType(), loc);
  }
  SmallVector<CotangentSum> sums[2];
  LogicalResult then = write(cond.getThen(), *bodies[0], sums[0]),
                otherwise = write(cond.getOtherwise(), *bodies[1], sums[1]);
  if (failed(then) || failed(otherwise))
    return failure();
  keepResults();
  writeBackward(sums);
  return success();
}

LogicalResult etch::visitCond(Sweep &sweep, CondOp cond) {
  return CondGradient(sweep, cond).run();
}
