//===- Chain.h - Pointwise operations that run as one -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Gradient rules and updates of parameters are formulas over arrays of one
// shape. Where nobody records their operations, each formula is one kernel: its
// elements have the bits that its operations give one after the other.
//===----------------------------------------------------------------------===//
#ifndef ETCH_ENGINE_CHAIN_H
#define ETCH_ENGINE_CHAIN_H

#include "dialects/Etch/OpTable.h"
#include "frontend/engine/Node.h"

namespace etch::detail {

struct Chain {
  static constexpr size_t max_sources = 12, max_ops = 20, max_results = 3;

  /// An array of the chain's shape on the host; strides of zero: a number.
  struct Source {
    DType dtype;
    const void *data;
    const int64_t *strides;
  };
  /// Its operands are numbers of sources and, behind them, of operations.
  struct Op {
    const OpInfo *info;
    const Attrs *attrs;
    DType dtype; ///< of its result
    uint8_t operands[3];
  };
  std::span<const Source> sources;
  std::span<const Op> ops;
  std::span<const uint8_t> results; ///< numbers of operations
  const Shape *shape;
};

/// Whether formulas may be chains now: no operation leaves a trace of its own.
bool may_chain();

/// Runs the chain; `results` has as many places as it says.
void run_chain(const Chain &chain, ValueRef *results, const Location &where);

} // namespace etch::detail

#endif // ETCH_ENGINE_CHAIN_H
