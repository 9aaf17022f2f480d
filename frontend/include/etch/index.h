//===- index.h - Parts of arrays --------------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// x[1], x[{1, all}], x[{all, slice(1, 5, 2)}], x[index_array]
//===----------------------------------------------------------------------===//
#ifndef ETCH_INDEX_H
#define ETCH_INDEX_H

#include "etch/variable.h"

#include <vector>

namespace etch {

/// A whole axis.
struct All {};
inline constexpr All all{};

/// A limit of a slice that is left open.
inline constexpr int64_t to_end = INT64_MIN;

/// Elements start, start + step, … before stop, clipped to the axis as in
/// NumPy; negative numbers count from the end.
struct Slice {
  int64_t start = to_end, stop = to_end, step = 1;
};
constexpr Slice slice(int64_t stop) { return {to_end, stop, 1}; }
constexpr Slice slice(int64_t start, int64_t stop, int64_t step = 1) {
  return {start, stop, step};
}

/// A new axis of extent 1: `x[{all, new_axis}]`.
struct NewAxis {};
inline constexpr NewAxis new_axis{};

/// As many whole axes as are left: `x[{ellipsis, 0}]`.
struct Ellipsis {};
inline constexpr Ellipsis ellipsis{};

/// What selects along one axis.
class Index {
public:
  enum class Kind : uint8_t { integer, slice, array, new_axis, ellipsis };

  template <std::integral T>
  Index(T i, SourceLocation l = SourceLocation::current())
      : kind(Kind::integer), range{int64_t(i), 0, 1}, location(l) {}
  Index(All, SourceLocation l = SourceLocation::current())
      : kind(Kind::slice), location(l) {}
  Index(Slice s, SourceLocation l = SourceLocation::current())
      : kind(Kind::slice), range(s), location(l) {}
  Index(NewAxis, SourceLocation l = SourceLocation::current())
      : kind(Kind::new_axis), location(l) {}
  Index(Ellipsis, SourceLocation l = SourceLocation::current())
      : kind(Kind::ellipsis), location(l) {}
  /// Integers of any shape; an element may be taken several times. Booleans are
  /// a mask over as many axes as they have: its contents must be known, so not
  /// computed by a function that is being compiled.
  Index(const Variable &indices, SourceLocation l = SourceLocation::current())
      : kind(Kind::array), array(indices), location(l) {}
  /// A list of integers.
  Index(const std::vector<int64_t> &indices,
        SourceLocation l = SourceLocation::current());

  Kind kind;
  Slice range; ///< of an integer: its start
  Variable array;
  Location location;
};

/// The selected part. Integers drop their axis, axes not named are kept whole.
/// Index arrays (and integers beside them) are paired; their axes are replaced
/// where they stand or, with others in between, come first, as in NumPy.
/// Differentiable: the gradients of elements taken several times add up.
/// ValueError when an index is out of range.
Variable get_item(const Variable &x, std::span<const Index> indices);

} // namespace etch

#endif // ETCH_INDEX_H
