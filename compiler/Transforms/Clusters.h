//===- Clusters.h - which ops share a kernel -----------------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TRANSFORMS_CLUSTERS_H
#define ETCH_COMPILER_TRANSFORMS_CLUSTERS_H

#include "compiler/Transforms/Price.h"
#include "compiler/Transforms/Space.h"

#include "dialects/Etch/EtchDialect.h"

#include "llvm/ADT/SetVector.h"

namespace etch {

/// `control` is no kernel but a loop or branch, which stays an op of main.
enum class ClusterKind { pointwise, reduction, matmul, single, control };

/// Ops that become one kernel. Values live on two levels: those computed over
/// the whole loop space, and those computed after the reductions or the matrix
/// product, over what these leave.
struct Cluster {
  ClusterKind kind = ClusterKind::pointwise;
  llvm::SmallVector<mlir::Operation *> pointwise[2]; ///< by level
  /// The reductions (between the levels), the matmul, the single op.
  llvm::SmallVector<mlir::Operation *> cores;
  Space space[2];
  /// The latest cluster whose results this one reads; -1 for none.
  int latestInput = -1;
  bool isBackward = false;
  bool isDead = false; ///< merged into another

  size_t size() const {
    return pointwise[0].size() + pointwise[1].size() + cores.size();
  }
};

inline auto tensorOperands(mlir::Operation *op) {
  return llvm::make_filter_range(op->getOperands(), [](mlir::Value x) {
    return llvm::isa<mlir::RankedTensorType>(x.getType());
  });
}

/// What an op reads: a value of a cluster or of none (an argument, a constant),
/// as it is or under another shape (direct), or through a view.
struct Edge {
  mlir::Value root;
  int cluster = -1;
  bool direct = false;
};

/// Ops of updates, and products that only these use, by op: the product.
using ProductUpdates = llvm::DenseMap<mlir::Operation *, mlir::Operation *>;

/// Finds them, moves the products to the updates and marks them (kUpdatesAttr).
ProductUpdates findProductUpdates(mlir::func::FuncOp main);

/// Assigns the ops of main, in order, to clusters numbered so that each reads
/// results of lower ones only. Linear: an op looks at its operands' clusters,
/// which are of bounded size.
class Clusters {
public:
  /// `alone`: every op founds a cluster.
  Clusters(mlir::func::FuncOp main, SpaceMap &spaces,
           const ProductUpdates &updates, bool alone = false)
      : main(main), spaces(spaces), updates(updates), alone(alone) {}

  void add(mlir::Operation *op);

  /// In an order in which they can run; skip those that are dead.
  llvm::ArrayRef<Cluster> all() const { return clusters; }
  Edge edgeTo(mlir::Value operand) const;
  int clusterOf(mlir::Operation *op) const;
  /// The level on which a cluster's op leaves its value.
  int levelOf(mlir::Operation *op) const { return levels.lookup(op); }

private:
  /// Bounds on one kernel, for compile time and for registers of addresses.
  static constexpr size_t maxOps = 64, maxInputs = 24;

  void addPointwise(mlir::Operation *op);
  void addReduction(mlir::Operation *op);
  int create(mlir::Operation *op, ClusterKind kind);
  bool join(mlir::Operation *op, llvm::ArrayRef<Edge> edges, int target);
  bool mayMerge(int from, int into, int level, mlir::Operation *by);
  void merge(int from, int into, int level);
  void place(mlir::Operation *op, int cluster, int level);
  bool fits(const Cluster &cluster, int level, const Space &space,
            llvm::ArrayRef<mlir::Operation *> ops);
  bool endsIn(mlir::Value x, mlir::Operation *user,
              llvm::ArrayRef<mlir::Operation *> members);
  size_t countInputs(const Cluster &a, const Cluster *b, mlir::Operation *op);
  int siblingOf(mlir::Operation *op, const Edge &edge, const Space &space);
  void noteReads(int target);
  void eachArray(llvm::ArrayRef<mlir::Operation *> ops, int own,
                 const Space &space,
                 llvm::function_ref<void(mlir::Value)> visit);

  mlir::func::FuncOp main;
  SpaceMap &spaces;
  const ProductUpdates &updates;
  const bool alone;
  std::vector<Cluster> clusters;
  llvm::DenseMap<mlir::Operation *, int> assigned, levels;
  /// The latest reductions that read all of an array.
  llvm::DenseMap<mlir::Value, int> reducedBy;
  int lastScalar = -1; // the latest cluster of ops on one element
};

/// Moves small values that follow from others than a product in front of it,
/// where something is computed from both: that can then share its kernel.
void moveSmallAhead(mlir::func::FuncOp main);

} // namespace etch

#endif // ETCH_COMPILER_TRANSFORMS_CLUSTERS_H
