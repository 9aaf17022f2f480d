//===- KernelText.h - The program of one operation --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef ETCH_ENGINE_KERNELTEXT_H
#define ETCH_ENGINE_KERNELTEXT_H

#include "dialects/Etch/OpTable.h"
#include "frontend/engine/Chain.h"

namespace etch::detail {

/// What is known of an operand's innermost stride.
enum class Inner : uint8_t { dense, contiguous, repeated, unknown };

/// Identifies a kernel.
struct KernelKey {
  uint64_t shape = 0;
  uint64_t attribute = 0;
  friend bool operator==(const KernelKey &, const KernelKey &) = default;
};

/// What the program's text depends on.
struct KernelSpec {
  struct Tensor {
    DType dtype;
    int rank;
    Inner inner;
    /// Null: all are read at run time, as are dynamic ones.
    const Shape *extents = nullptr;
  };
  const OpInfo *op;
  const Attrs *attrs;
  int num_args = 0;
  bool unit_inner = false; ///< the innermost extent is 1
  Tensor args[4] = {};
  Tensor result = {};

  KernelKey key(uint64_t attribute) const {
    uint64_t k = uint64_t(op->id) << 1 | unit_inner;
    auto add = [&](const Tensor &t) {
      k = k << 9 | uint64_t(t.dtype) << 6 | uint64_t(t.rank) << 2 |
          uint64_t(t.inner);
    };
    for (int i = 0; i < num_args; ++i)
      add(args[i]);
    add(result);
    return {k, attribute};
  }
};

/// The program: `main` with this one operation at site 0, for all extents that
/// are not given.
std::string kernel_text(const KernelSpec &spec);

/// The same of a chain, after merging axes.
struct ChainSpec {
  const Chain *chain;
  int rank;
  Inner inner[Chain::max_sources]; ///< of the sources
};
std::string chain_text(const ChainSpec &spec);

} // namespace etch::detail

#endif // ETCH_ENGINE_KERNELTEXT_H
