//===- ClustersShared.cpp - reductions that read the same array -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// They share a pass over it, and so a kernel.
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Clusters.h"

#include <numeric>

using namespace mlir;
using namespace etch;

/// Calls `visit` with the arrays outside of which ops of a cluster read all.
void Clusters::eachArray(ArrayRef<Operation *> ops, int own, const Space &space,
                         function_ref<void(Value)> visit) {
  auto elements = [](const Space &space) {
    return std::accumulate(space.begin(), space.end(), Product(),
                           [](Product a, const Product &e) { return a *= e; });
  };
  for (Operation *op : ops)
    for (Value x : tensorOperands(op))
      if (Edge edge = edgeTo(x);
          edge.root && (edge.cluster < 0 || edge.cluster != own) &&
          elements(spaces.spaceOf(edge.root)) == elements(space))
        visit(edge.root);
}

void Clusters::noteReads(int target) {
  Cluster &cluster = clusters[size_t(target)];
  for (auto &ops : {cluster.pointwise[0], cluster.cores})
    eachArray(ops, target, cluster.space[0],
              [&](Value x) { reducedBy[x] = target; });
}

/// An earlier cluster of reductions over the same elements that reads an array
/// which op, or what is made for it, reads as well; -1 if there is none to
/// join.
int Clusters::siblingOf(Operation *op, const Edge &edge, const Space &space) {
  bool isMade = edge.direct && edge.cluster >= 0 &&
                clusters[size_t(edge.cluster)].kind == ClusterKind::pointwise;
  SmallVector<Operation *> ops = {op};
  if (isMade)
    llvm::append_range(ops, clusters[size_t(edge.cluster)].pointwise[0]);
  llvm::SmallSetVector<int, 4> candidates;
  eachArray(ops, isMade ? edge.cluster : -1, space, [&](Value x) {
    if (reducedBy.contains(x))
      candidates.insert(reducedBy[x]);
  });
  for (int candidate : candidates) {
    const Cluster &early = clusters[size_t(candidate)];
    const Cluster *late = isMade ? &clusters[size_t(edge.cluster)] : nullptr;
    if (early.isDead || early.kind != ClusterKind::reduction ||
        early.isBackward != op->hasAttr(kBackwardAttr) ||
        early.space[0] != space ||
        early.space[1] != spaces.spaceOf(op->getResult(0)) ||
        early.size() + (late ? late->size() : 0) >= maxOps ||
        countInputs(early, late, op) > maxInputs)
      continue;
    bool isEarlier = edge.cluster < candidate;
    if (isMade ? !isEarlier && mayMerge(edge.cluster, candidate, 0, op)
               : isEarlier)
      return candidate;
  }
  return -1;
}
