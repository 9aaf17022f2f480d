//===- Fuse.cpp - groups ops into kernels
//----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// 1. Transposes find their places (Transposes.cpp).
//    What must lie in memory but is a view gets a copy: results of the program,
//    operands of ops that read dense memory, numbers of rows that reductions
//    cannot see otherwise (Spread.cpp).
// 2. Ops are assigned to clusters (Clusters.cpp).
// 3. Cluster after cluster is rewritten over its loop space: what it reads is
//    shown in that space by views, its values that others read become results.
//    The rewritten ops are outlined (Outline.cpp).
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Clusters.h"
#include "compiler/Transforms/Images.h"
#include "compiler/Transforms/Outline.h"
#include "compiler/Transforms/Passes.h"
#include "compiler/Transforms/PoolValues.h"
#include "compiler/Transforms/Spread.h"
#include "compiler/Transforms/Transposes.h"

using namespace mlir;
using namespace etch;

namespace etch {
#define GEN_PASS_DEF_FUSE
#include "compiler/Transforms/Passes.h.inc"
} // namespace etch

static bool isTensor(Value x) {
  return llvm::isa<RankedTensorType>(x.getType());
}

//===----------------------------------------------------------------------===//
// Views that must lie in memory
//===----------------------------------------------------------------------===//

namespace {
class Materialiser {
public:
  Materialiser(func::FuncOp main, SpaceMap &spaces)
      : main(main), spaces(spaces) {}

  void visit(Operation *op) {
    if (auto reshape = llvm::dyn_cast<ReshapeOp>(op))
      return visitReshape(reshape);
    auto rule = llvm::dyn_cast<DifferentiableOpInterface>(op);
    if (!rule && !isControl(op) && !llvm::isa<CheckOp>(op) &&
        !op->hasTrait<OpTrait::IsTerminator>())
      return;
    if (rule && (isCloned(op) || rule.getInfo().kind == OpKind::pointwise ||
                 (rule.getInfo().kind == OpKind::reduction &&
                  !llvm::isa<ArgmaxOp>(op))))
      return;
    for (OpOperand &use : op->getOpOperands())
      if (isTensor(use.get()) && !isReadable(use.get(), rule))
        use.set(copyOf(use.get()));
  }

private:
  /// Whether an op that is not pointwise reads this without a copy.
  bool isReadable(Value x, DifferentiableOpInterface reader) {
    if (spaces.isDense(x))
      return true;
    if (!reader)
      return false;
    // Any strides will do, but there must be some.
    if (reader.getInfo().kind == OpKind::contraction ||
        reader->hasAttr(kChannelsLastAttr))
      while (auto transpose = x.getDefiningOp<TransposeOp>())
        x = transpose.getX();
    return spaces.isDense(x) || llvm::isa<BlockArgument>(x);
  }

  void visitReshape(ReshapeOp reshape) {
    Value x = reshape.getX();
    if (spaces.isDense(x))
      return;
    // Another view may say the same.
    Space space = spaces.spaceOf(reshape.getY());
    if (!spaces.canExpress(x, space))
      return reshape.getXMutable().assign(copyOf(x));
    OpBuilder b(reshape);
    IRMapping same;
    SmallVector<Operation *> views;
    llvm::DenseMap<std::pair<Value, Type>, Value> reshapes;
    SpaceMap::Builder to = {b, reshape.getLoc(), same, views, reshapes};
    reshape.getY().replaceAllUsesWith(spaces.express(x, space, to));
  }

  Value copyOf(Value x) {
    Value &copy = copies[x];
    if (!copy) {
      OpBuilder b(main.getContext());
      b.setInsertionPointAfterValue(x);
      Location loc = x.getDefiningOp() ? x.getLoc() : main.getLoc();
      copy = StopGradientOp::create(b, loc, x.getType(), x);
    }
    return copy;
  }

  func::FuncOp main;
  SpaceMap &spaces;
  llvm::DenseMap<Value, Value> copies;
};
} // namespace

//===----------------------------------------------------------------------===//
// Clusters to kernels
//===----------------------------------------------------------------------===//

namespace {
class Emitter {
public:
  Emitter(func::FuncOp main, SpaceMap &spaces, const Clusters &clusters,
          OpBuilder &b, IRMapping &values, KernelTable &kernels)
      : spaces(spaces), clusters(clusters), b(b), values(values),
        outliner(main, b, values, kernels) {}

  /// Notes which values an op of the old main reads from memory.
  void noteReads(Operation *op);
  void emit(const Cluster &cluster);
  /// What stands for a dense value in the new main.
  Value valueOf(Value x);

private:
  void emitPointwise(const Cluster &cluster, int level);
  void emitCore(const Cluster &cluster, Operation *op);
  void emitControl(Operation *op);
  Value operand(const Cluster &cluster, Value x, int level, Location loc);
  Operation *create(Operation *like, ValueRange operands, Type result);
  bool hasOwnSpace(const Cluster &cluster, Value y);
  bool isInside(const Cluster &cluster, const Edge &edge) {
    return edge.direct && edge.cluster >= 0 &&
           &clusters.all()[size_t(edge.cluster)] == &cluster;
  }

  SpaceMap &spaces;
  const Clusters &clusters;
  OpBuilder &b;
  IRMapping &values;
  Outliner outliner;
  llvm::DenseSet<Value> read; // by another kernel, or returned
  llvm::DenseMap<std::pair<Value, Type>, Value> reshapes;
  // Of the cluster at hand.
  SmallVector<Operation *> members, temporaries;
  llvm::DenseMap<Value, Value> inside;
};
} // namespace

void Emitter::noteReads(Operation *op) {
  int reader = clusters.clusterOf(op);
  for (Value x : llvm::make_filter_range(op->getOperands(), isTensor)) {
    Edge edge = clusters.edgeTo(x);
    if (edge.root && (!edge.direct || edge.cluster != reader || reader < 0))
      read.insert(edge.root);
  }
}

Value Emitter::valueOf(Value x) {
  auto reshape = x.getDefiningOp<ReshapeOp>();
  if (!reshape || values.contains(x))
    return values.lookupOrDefault(x);
  IRMapping map;
  map.map(reshape.getX(), values.lookupOrDefault(reshape.getX()));
  for (Value extent : reshape.getExtents())
    map.map(extent, values.lookupOrDefault(extent));
  Value y;
  bool isStatic = llvm::cast<RankedTensorType>(x.getType()).hasStaticShape();
  if (isStatic)
    y = reshapes.lookup({reshape.getX(), x.getType()});
  if (!y)
    y = b.clone(*reshape, map)->getResult(0);
  if (isStatic)
    reshapes[{reshape.getX(), x.getType()}] = y;
  values.map(x, y);
  return y;
}

/// An operand as the cluster's ops on this level see it.
Value Emitter::operand(const Cluster &cluster, Value x, int level,
                       Location loc) {
  Edge edge = clusters.edgeTo(x);
  if (isInside(cluster, edge))
    return inside.lookup(edge.root);
  SpaceMap::Builder to = {b, loc, values, temporaries, reshapes};
  Value seen = spaces.express(x, cluster.space[level], to);
  if (!seen) // symbolic extents that are equal but not known to be
    seen = x;
  // A view of a reshape: that is a dense value of the new main.
  for (Value y = seen; Operation *op = y.getDefiningOp();
       y = op->getOperand(0)) {
    if (llvm::isa<ReshapeOp>(op))
      valueOf(y);
    if (!isCloned(op) || op->getNumOperands() == 0)
      break;
  }
  return seen;
}

Operation *Emitter::create(Operation *like, ValueRange operands, Type result) {
  OperationState state(like->getLoc(), like->getName());
  state.addOperands(operands);
  state.addTypes(result);
  state.attributes = like->getAttrDictionary();
  // Equal ops come from values that are computed again.
  for (Operation *member : members)
    if (member->getName() == like->getName() &&
        member->getOperands() == operands &&
        member->getResultTypes().front() == result &&
        member->getPropertiesAsAttribute() == like->getPropertiesAsAttribute())
      return member;
  Operation *op = b.create(state);
  members.push_back(op);
  return op;
}

void Emitter::emitPointwise(const Cluster &cluster, int level) {
  SmallVector<Operation *> ops = cluster.pointwise[level];
  llvm::sort(ops,
             [](Operation *x, Operation *y) { return x->isBeforeInBlock(y); });
  for (Operation *op : ops) {
    SmallVector<Value> operands;
    Value y = op->getResult(0);
    // An operand has the result's shape, also where nothing but the op says so:
    // a strided argument whose extents are known at run time only.
    bool isOwnSpace = spaces.spaceOf(y) == cluster.space[level];
    for (Value x : op->getOperands())
      operands.push_back(isOwnSpace && llvm::isa<BlockArgument>(x) &&
                                 !spaces.isDense(x)
                             ? x
                             : operand(cluster, x, level, op->getLoc()));
    inside[y] = create(op, operands, SpaceMap::typeOf(y, cluster.space[level]))
                    ->getResult(0);
  }
}

/// Whether y is computed over its own extents: of one type, symbolic ones may
/// differ.
bool Emitter::hasOwnSpace(const Cluster &cluster, Value y) {
  Operation *op = y.getDefiningOp();
  auto type = llvm::cast<RankedTensorType>(y.getType());
  return type.hasStaticShape() || llvm::is_contained(cluster.cores, op) ||
         spaces.spaceOf(y) == cluster.space[clusters.levelOf(op)];
}

/// A reduction, a matrix product or an op that stands alone keeps its shape.
void Emitter::emitCore(const Cluster &cluster, Operation *op) {
  SmallVector<Value> operands;
  bool isReduction = cluster.kind == ClusterKind::reduction;
  for (Value x : op->getOperands()) {
    if (llvm::isa<TransposeOp>(op)) { // of the convolution's result
      operands.push_back(inside.lookup(x));
      continue;
    }
    if (isReduction && isTensor(x)) {
      operands.push_back(operand(cluster, x, 0, op->getLoc()));
      continue;
    }
    // Views of reshapes: the reshape belongs to the new main.
    Value root = x;
    while (auto transpose = root.getDefiningOp<TransposeOp>())
      root = transpose.getX();
    valueOf(root);
    operands.push_back(x);
  }
  Value y = op->getResult(0);
  inside[y] = create(op, operands, y.getType())->getResult(0);
}

void Emitter::emitControl(Operation *op) {
  IRMapping map;
  for (Value x : op->getOperands())
    map.map(x, valueOf(x));
  values.map(op->getResults(), b.clone(*op, map)->getResults());
}

void Emitter::emit(const Cluster &cluster) {
  if (cluster.kind == ClusterKind::control)
    return emitControl(cluster.cores.front());
  emitPointwise(cluster, 0);
  for (Operation *core : cluster.cores)
    emitCore(cluster, core);
  emitPointwise(cluster, 1);

  SmallVector<Value> results, outer;
  llvm::SmallDenseMap<Value, Value> returned;
  for (auto &ops : {cluster.pointwise[0], cluster.cores, cluster.pointwise[1]})
    for (Operation *op : ops)
      if (Value y = op->getResult(0); read.contains(y)) {
        Value now = inside.lookup(y);
        outer.push_back(y);
        if (returned.try_emplace(now, Value()).second)
          results.push_back(now);
      }
  if (!results.empty())
    outliner.outline(members, results);
  for (Value y : outer) {
    Value made = values.lookup(inside.lookup(y));
    SpaceMap::Builder to = {b, y.getLoc(), values, temporaries, reshapes};
    if (made.getType() != y.getType() || !hasOwnSpace(cluster, y))
      made = ReshapeOp::create(
          b, y.getLoc(), y.getType(), made,
          spaces.extentValues(spaces.spaceOf(y), to,
                              llvm::cast<RankedTensorType>(y.getType())),
          llvm::cast<RankedTensorType>(y.getType()).getShape());
    values.map(y, made);
  }
  for (Value result : results)
    values.erase(result);
  for (Operation *op : llvm::reverse(members))
    op->erase();
  for (Operation *op : llvm::reverse(temporaries))
    op->erase();
  members.clear();
  temporaries.clear();
  inside.clear();
}

/// Whether an op of main goes to a cluster.
static bool isClustered(Operation *op) {
  return isControl(op) || llvm::isa<CheckOp>(op) ||
         (llvm::isa<DifferentiableOpInterface>(op) && !isCloned(op) &&
          !llvm::isa<ReshapeOp>(op));
}

static void fuse(func::FuncOp main, KernelTable &kernels, bool alone,
                 bool withUpdates) {
  Block &body = main.getBody().front();
  auto listOps = [&] {
    return llvm::map_to_vector(body, [](Operation &op) { return &op; });
  };
  ProductUpdates updates;
  if (withUpdates && !alone)
    updates = findProductUpdates(main);
  if (!alone)
    moveSmallAhead(main);
  absorbTransposes(main);
  if (!alone)
    placeTransposes(main);
  SpaceMap spaces(main);
  for (Operation &op : body)
    if (llvm::isa<PointwiseOpInterface>(op))
      spaces.learnFrom(&op);
  if (!alone)
    spreadOverRows(main, spaces);
  Materialiser materialiser(main, spaces);
  for (Operation *op : listOps())
    materialiser.visit(op);

  SmallVector<Operation *> ops = listOps();
  Operation *terminator = ops.pop_back_val();
  Clusters clusters(main, spaces, updates, alone);
  OpBuilder b(terminator);
  IRMapping values;
  for (Operation *op : ops) {
    if (isClustered(op))
      clusters.add(op);
    // An unused view, left by the above, goes.
    else if (!isCloned(op) && !llvm::isa<ReshapeOp>(op))
      b.clone(*op, values);
  }
  Emitter emitter(main, spaces, clusters, b, values, kernels);
  for (Operation *op : ops)
    if (isClustered(op))
      emitter.noteReads(op);
  emitter.noteReads(terminator);
  for (const Cluster &cluster : clusters.all())
    if (!cluster.isDead)
      emitter.emit(cluster);
  for (OpOperand &use : terminator->getOpOperands())
    use.set(emitter.valueOf(use.get()));
  for (Operation *op : llvm::reverse(ops))
    op->erase();
}

namespace {
struct Fuse : etch::impl::FuseBase<Fuse> {
  using FuseBase::FuseBase;

  void runOnOperation() override {
    auto functions = llvm::to_vector(getOperation().getOps<func::FuncOp>());
    KernelTable kernels;
    for (func::FuncOp function : functions)
      if (isProgram(function))
        fuse(function, kernels, alone, updates);
    if (updates && !alone)
      joinPools(getOperation());
  }
};
} // namespace
