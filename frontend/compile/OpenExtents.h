//===- OpenExtents.h - Extents that a program leaves open -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A trace has the extents of one call. Its program shall be good for others,
// too: the leading extent of each argument becomes a symbol, and what follows
// from the operations is found out: which symbols are equal, which must be the
// numbers that they are, and how all other extents are made of them.
//
// Nothing depends on that being right for other calls: each tuple of extents
// has a trace of its own, and shares a program only if the program's extents
// are those of its trace.
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILE_OPENEXTENTS_H
#define ETCH_COMPILE_OPENEXTENTS_H

#include "frontend/compile/Trace.h"

#include <memory>

namespace etch::detail {

/// `times` the product of (symbol + offset).
struct OpenExtent {
  struct Factor {
    int32_t symbol;
    int64_t offset;
    friend auto operator<=>(const Factor &, const Factor &) = default;
  };
  int64_t times = 1;
  std::vector<Factor> factors; ///< none: the extent is the number `times`

  friend bool operator==(const OpenExtent &, const OpenExtent &) = default;
};

struct OpenExtents {
  /// Stands for an extent of an argument: the first one that has it.
  struct Symbol {
    int32_t value;
    int32_t axis;
    int64_t traced; ///< what it was in the call that was traced
  };
  std::vector<Symbol> symbols;
  /// Why axis 0 of an argument is as it is.
  struct Fixed {
    int32_t value;
    int32_t event; ///< -1: none
  };
  std::vector<Fixed> fixed;

  /// An extent of a value; null where it is a number.
  const OpenExtent *of(int32_t value, int axis) const {
    int64_t i = axes[first[size_t(value)] + size_t(axis)];
    return i < 0 ? nullptr : &extents[size_t(i)];
  }
  bool has(int32_t value) const {
    for (size_t i = first[size_t(value)]; i < first[size_t(value) + 1]; ++i)
      if (axes[i] >= 0)
        return true;
    return false;
  }
  /// "n", "2*n", "(n - 1)": with n, m, … for the symbols.
  std::string to_string(const OpenExtent &extent) const;

  /// Of each slice and place, where it begins: negative ones count from the
  /// end, as they do in the operation.
  struct Starts {
    int32_t event;
    std::vector<int64_t> starts;
  };
  std::vector<Starts> starts; ///< ascending events
  const std::vector<int64_t> &starts_of(int32_t event) const;

  std::vector<uint32_t> first; ///< by value, into axes
  std::vector<int64_t> axes;   ///< into extents, or -1 - the number
  std::vector<OpenExtent> extents;
};

/// The arguments' shapes, with names for what is open, and why what is not is
/// not: for reports. `open` may be null.
std::string describe_extents(const Trace &trace, const OpenExtents *open);

/// The name of a symbol: n, m, k, then n3, …
std::string symbol_name(int32_t symbol);

/// Which extents of a trace can be left open. `other` is a trace of the same
/// operations with other extents, or null: what is not clear from one trace is
/// read off both. Null if nothing can.
std::shared_ptr<const OpenExtents> find_open_extents(const Trace &trace,
                                                     const Trace *other);

/// What such a trace is expected to be in a call with arguments of these types;
/// null if it cannot be. Its Nodes are still to be made.
std::unique_ptr<Trace> trace_elsewhere(const OpenExtents &open,
                                       const Trace &trace,
                                       std::span<const TensorType> args);
/// Whether the extents of a trace of the same operations are what `open` says.
bool has_extents(const OpenExtents &open, const Trace &trace);

} // namespace etch::detail

#endif // ETCH_COMPILE_OPENEXTENTS_H
