//===- Clusters.cpp - which ops share a kernel ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An op joins the earliest cluster among those that compute its operands such
// that all else it reads is there before: results of earlier clusters, or of
// pointwise clusters that can run as early and merge with the first. If there
// is none it founds a cluster, the latest so far. A reduction joins the cluster
// of what it reduces if all of that can be seen as (outer, extent, inner), or
// one of reductions that read the same array over the same elements.
//
// What does not share a kernel although it could:
// - the backward part and the others: a value that only the former needs would
//   have to be kept from the forward part, and optimizers, which follow, update
//   states in place if they are pointwise kernels of their own;
// - a matrix product and what uses it, if it has other users, they read a state
//   (a pointwise kernel updates that in place) or leave parts of vectors empty;
//   but for updates that are all its use (ProductUpdates.cpp).
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Clusters.h"

#include "compiler/Transforms/Outline.h"

using namespace mlir;
using namespace etch;

static OpKind kindOf(Operation *op) {
  return llvm::cast<DifferentiableOpInterface>(op).getInfo().kind;
}

int Clusters::clusterOf(Operation *op) const {
  auto it = assigned.find(op);
  return it == assigned.end() ? -1 : it->second;
}

Edge Clusters::edgeTo(Value operand) const {
  Edge edge = {operand, -1, true};
  Operation *op = operand.getDefiningOp();
  if (auto reshape = llvm::dyn_cast_or_null<ReshapeOp>(op)) {
    edge.root = reshape.getX();
    op = edge.root.getDefiningOp();
  }
  while (isCloned(op) || llvm::isa_and_nonnull<ReshapeOp>(op)) {
    edge.direct = false;
    if (op->getNumOperands() == 0 || llvm::isa<IotaOp>(op))
      return {Value(), -1, false}; // reads nothing
    edge.root = op->getOperand(0);
    op = edge.root.getDefiningOp();
  }
  if (op)
    edge.cluster = clusterOf(op);
  return edge;
}

void Clusters::place(Operation *op, int cluster, int level) {
  assigned[op] = cluster;
  levels[op] = level;
}

int Clusters::create(Operation *op, ClusterKind kind) {
  int index = int(clusters.size());
  Cluster cluster;
  cluster.kind = kind;
  cluster.isBackward = op->hasAttr(kBackwardAttr);
  for (Value x : tensorOperands(op))
    cluster.latestInput = std::max(cluster.latestInput, edgeTo(x).cluster);
  bool isPointwise = kind == ClusterKind::pointwise;
  (isPointwise ? cluster.pointwise[0] : cluster.cores).push_back(op);
  if (kind != ClusterKind::control)
    cluster.space[isPointwise ? 0 : 1] = spaces.spaceOf(op->getResult(0));
  if (kind == ClusterKind::reduction)
    cluster.space[0] = spaces.spaceOf(op->getOperand(0));
  place(op, index, isPointwise ? 0 : 1);
  clusters.push_back(std::move(cluster));
  return index;
}

void Clusters::add(Operation *op) {
  if (isControl(op)) {
    create(op, ClusterKind::control);
    return;
  }
  if (llvm::isa<CheckOp>(op)) {
    create(op, ClusterKind::single);
    return;
  }
  switch (kindOf(op)) {
  case OpKind::pointwise:
    return addPointwise(op);
  case OpKind::reduction:
    return addReduction(op);
  case OpKind::contraction:
  case OpKind::convolution:
    create(op, llvm::isa<Conv2dWeightGradOp>(op) ? ClusterKind::single
                                                 : ClusterKind::matmul);
    return;
  case OpKind::view:
    // The transpose of a convolution's result.
    if (auto transpose = llvm::dyn_cast<TransposeOp>(op)) {
      int own = clusterOf(transpose.getX().getDefiningOp());
      clusters[size_t(own)].cores.push_back(op);
      clusters[size_t(own)].space[1] = spaces.spaceOf(op->getResult(0));
      return place(op, own, 1);
    }
    [[fallthrough]];
  case OpKind::scan:
  case OpKind::window:
  case OpKind::indexed:
    create(op, ClusterKind::single);
    return;
  }
}

//===----------------------------------------------------------------------===//
// Conditions
//===----------------------------------------------------------------------===//

/// Whether everything that the ops read from outside the cluster can be seen in
/// this space.
bool Clusters::fits(const Cluster &cluster, int level, const Space &space,
                    ArrayRef<Operation *> ops) {
  for (Operation *op : ops)
    for (Value x : tensorOperands(op)) {
      Edge edge = edgeTo(x);
      bool inside = edge.cluster >= 0 && edge.direct &&
                    &clusters[size_t(edge.cluster)] == &cluster;
      if (!inside && !spaces.canExpress(x, space))
        return false;
    }
  return true;
}

/// Whether only `user` and `members` use x, if need be under another shape.
bool Clusters::endsIn(Value x, Operation *user, ArrayRef<Operation *> members) {
  for (Operation *other : x.getUsers()) {
    if (llvm::isa<ReshapeOp>(other)) {
      if (!endsIn(other->getResult(0), user, members))
        return false;
    } else if (other != user && !llvm::isa<tensor::DimOp>(other) &&
               !llvm::is_contained(members, other)) {
      return false;
    }
  }
  return true;
}

size_t Clusters::countInputs(const Cluster &a, const Cluster *b,
                             Operation *op) {
  llvm::SmallDenseSet<Value, 32> inputs;
  auto count = [&](Operation *op) {
    for (Value x : tensorOperands(op)) {
      Edge edge = edgeTo(x);
      if (!edge.root)
        continue;
      const Cluster *from =
          edge.cluster < 0 ? nullptr : &clusters[size_t(edge.cluster)];
      if (!from || (from != &a && from != b))
        inputs.insert(edge.root);
    }
  };
  for (const Cluster *cluster : {&a, b})
    if (cluster)
      for (auto &ops :
           {cluster->pointwise[0], cluster->pointwise[1], cluster->cores})
        llvm::for_each(ops, count);
  count(op);
  return inputs.size();
}

/// Whether pointwise ops of one cluster can run as part of an earlier one,
/// where `by` uses both.
bool Clusters::mayMerge(int from, int into, int level, Operation *by) {
  const Cluster &late = clusters[size_t(from)], &early = clusters[size_t(into)];
  if (late.kind != ClusterKind::pointwise || late.latestInput >= into ||
      late.isBackward != early.isBackward)
    return false;
  if (early.kind == ClusterKind::matmul)
    for (Operation *op : late.pointwise[0])
      if (updates.lookup(op) != early.cores[0] &&
          !endsIn(op->getResult(0), by, late.pointwise[0]))
        return false;
  return fits(late, 0, early.space[level], late.pointwise[0]);
}

//===----------------------------------------------------------------------===//
// Pointwise ops
//===----------------------------------------------------------------------===//

void Clusters::merge(int from, int into, int level) {
  Cluster &late = clusters[size_t(from)], &early = clusters[size_t(into)];
  for (Operation *op : late.pointwise[0]) {
    early.pointwise[level].push_back(op);
    place(op, into, level);
  }
  early.latestInput = std::max(early.latestInput, late.latestInput);
  late = Cluster();
  late.isDead = true;
}

/// Adds an op to a cluster that computes one of its operands, if that may be.
bool Clusters::join(Operation *op, ArrayRef<Edge> edges, int target) {
  Cluster &cluster = clusters[size_t(target)];
  bool isMatmul = cluster.kind == ClusterKind::matmul;
  bool isUpdate = isMatmul && updates.lookup(op) == cluster.cores[0];
  if (cluster.kind == ClusterKind::single ||
      cluster.kind == ClusterKind::control ||
      op->hasAttr(kBackwardAttr) != cluster.isBackward ||
      (isMatmul && !isUpdate && endsWithinVectors(cluster.cores[0], op)))
    return false;
  int level = -1;
  SmallVector<int> merged;
  for (const Edge &edge : edges) {
    if (edge.cluster == target) {
      int here = levelOf(edge.root.getDefiningOp());
      if (!edge.direct || (level >= 0 && level != here))
        return false;
      level = here;
    }
  }
  size_t size = cluster.size() + 1;
  for (const Edge &edge : edges) {
    if (isMatmul && !isUpdate && edge.cluster == target &&
        !endsIn(edge.root, op, {}))
      return false;
    if (isMatmul && !isUpdate && edge.direct && edge.cluster < 0)
      if (auto argument = llvm::dyn_cast<BlockArgument>(edge.root))
        if (main.getArgAttr(argument.getArgNumber(), kStateAttr))
          return false;
    if (edge.cluster > target && !llvm::is_contained(merged, edge.cluster)) {
      if (!edge.direct || !mayMerge(edge.cluster, target, level, op))
        return false;
      merged.push_back(edge.cluster);
      size += clusters[size_t(edge.cluster)].size();
    }
  }
  for (Value x : tensorOperands(op)) {
    int from = edgeTo(x).cluster;
    if (from != target && !llvm::is_contained(merged, from) &&
        !spaces.canExpress(x, cluster.space[level]))
      return false;
  }
  const Cluster *other =
      merged.empty() ? nullptr : &clusters[size_t(merged.front())];
  if (size > maxOps || merged.size() > 1 ||
      countInputs(cluster, other, op) > maxInputs)
    return false;
  for (int from : merged)
    merge(from, target, level);
  cluster.pointwise[level].push_back(op);
  for (const Edge &edge : edges)
    if (edge.cluster != target && !llvm::is_contained(merged, edge.cluster))
      cluster.latestInput = std::max(cluster.latestInput, edge.cluster);
  place(op, target, level);
  return true;
}

void Clusters::addPointwise(Operation *op) {
  if (alone) {
    create(op, ClusterKind::pointwise);
    return;
  }
  SmallVector<Edge> edges;
  SmallVector<int> targets;
  for (Value x : tensorOperands(op)) {
    edges.push_back(edgeTo(x));
    if (edges.back().cluster >= 0 && edges.back().direct)
      targets.push_back(edges.back().cluster);
  }
  llvm::sort(targets);
  targets.erase(llvm::unique(targets), targets.end());
  for (int target : targets)
    if (join(op, edges, target))
      return;
  // Ops on one element each would be a launch for next to nothing: they gather.
  Space space = spaces.spaceOf(op->getResult(0));
  bool isScalar =
      llvm::all_of(space, [](const Product &e) { return e.isOne(); });
  if (isScalar && lastScalar >= 0) {
    Cluster &cluster = clusters[size_t(lastScalar)];
    bool mayJoin =
        !cluster.isDead && cluster.size() < maxOps &&
        cluster.kind == ClusterKind::pointwise &&
        cluster.isBackward == op->hasAttr(kBackwardAttr) &&
        llvm::all_of(
            edges,
            [&](const Edge &edge) { return edge.cluster < lastScalar; }) &&
        fits(cluster, 0, cluster.space[0], {op}) &&
        countInputs(cluster, nullptr, op) <= maxInputs;
    if (mayJoin) {
      cluster.pointwise[0].push_back(op);
      for (const Edge &edge : edges)
        cluster.latestInput = std::max(cluster.latestInput, edge.cluster);
      return place(op, lastScalar, 0);
    }
  }
  int created = create(op, ClusterKind::pointwise);
  if (isScalar)
    lastScalar = created;
}

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

void Clusters::addReduction(Operation *op) {
  if (llvm::isa<ArgmaxOp>(op)) {
    create(op, ClusterKind::single);
    return;
  }
  Edge edge = edgeTo(op->getOperand(0));
  Space space = spaces.spaceOf(op->getOperand(0));
  auto mayJoin = [&] {
    if (alone || edge.cluster < 0 || !edge.direct ||
        levelOf(edge.root.getDefiningOp()) != 0)
      return false;
    Cluster &cluster = clusters[size_t(edge.cluster)];
    if (cluster.isBackward != op->hasAttr(kBackwardAttr) ||
        cluster.size() >= maxOps)
      return false;
    if (cluster.kind == ClusterKind::reduction)
      return cluster.space[0] == space;
    return cluster.kind == ClusterKind::pointwise &&
           fits(cluster, 0, space, cluster.pointwise[0]);
  };
  int target = edge.cluster, sibling = -1;
  bool joins = mayJoin();
  if (!alone &&
      !(joins && clusters[size_t(target)].kind == ClusterKind::reduction))
    sibling = siblingOf(op, edge, space);
  if (sibling >= 0) {
    if (edge.direct && target > sibling)
      merge(target, sibling, 0);
    target = sibling;
  } else if (!joins) {
    return noteReads(create(op, ClusterKind::reduction));
  }
  Cluster &cluster = clusters[size_t(target)];
  if (edge.cluster < target)
    cluster.latestInput = std::max(cluster.latestInput, edge.cluster);
  cluster.kind = ClusterKind::reduction;
  cluster.cores.push_back(op);
  cluster.space[0] = space;
  cluster.space[1] = spaces.spaceOf(op->getResult(0));
  place(op, target, 1);
  noteReads(target);
}
