//===- Merging.h - What gradients make twice is one ---------------*-
// C++-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A gradient of a gradient needs much that the first one has computed already.
// If each made its own, the graph of the n-th derivative would grow by a
// constant factor with every order. So an operation of such a sweep that equals
// one of an earlier sweep (or of this one) is that one: the same operator with
// the same attributes of the same operands. What the user's own code computes,
// and sweeps over it, is never merged.
//
// This is part of what a gradient means, not only thrift: a sum over two equal
// operations and a sum over one differ in the last bits. Compiled programs
// always follow the rule (compiler/Transforms/Differentiate.cpp), eager mode
// does where Config::merge_gradients asks for it.
//===----------------------------------------------------------------------===//
#ifndef ETCH_ENGINE_MERGING_H
#define ETCH_ENGINE_MERGING_H

#include "dialects/Etch/OpTable.h"
#include "frontend/core/ThreadState.h"
#include "frontend/engine/Node.h"

namespace etch::detail {

struct Made; // what is known of an operation of a sweep

/// While it lives, what this thread computes belongs to a sweep whose results
/// are differentiated again. `order`: 1 for a gradient, 2 for a gradient of
/// gradients, …
class MergeScope {
public:
  explicit MergeScope(uint32_t order);
  ~MergeScope();
  MergeScope(const MergeScope &) = delete;
  MergeScope &operator=(const MergeScope &) = delete;

private:
  const uint32_t outer;
};

/// Whether results are to come from apply_merged().
inline bool merges(const ThreadState &state) {
  return state.sweep_order && state.config.enable_backprop;
}

/// apply_typed() in a sweep, or apply_view() if there is a view.
Variable apply_merged(const OpInfo &op, std::span<const Variable> xs,
                      Attrs &&attrs, const TensorType &type, ValueRef view,
                      const Location &where);

/// The entry of a result is being destroyed.
void forget_made(Made *made) noexcept;
/// The same of the result's Node; `place` is where the entry points to it.
void forget_result(Made *made, Node *n, Node *&place) noexcept;

} // namespace etch::detail

#endif // ETCH_ENGINE_MERGING_H
