//===- Parts.h - Slices of arrays, arrays in larger ones --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef ETCH_FUNCTIONS_PARTS_H
#define ETCH_FUNCTIONS_PARTS_H

#include "etch/operand.h"

namespace etch::detail {

/// Elements of x at starts (not negative) and steps along each axis; x itself
/// if that is all of it.
Variable take_part(const Variable &x, std::vector<int64_t> starts,
                   std::vector<int64_t> steps, const Shape &shape,
                   const Location &where);
/// `count` elements from `start` on along one axis.
Variable take_range(const Variable &x, int axis, int64_t start, int64_t count,
                    const Location &where);
/// x in a larger shape, beginning at `starts`, with the fill around it.
Variable place_at(const Variable &x, std::vector<int64_t> starts, double fill,
                  const Shape &shape, const Location &where);
/// Arrays of one type one behind the other along an axis. All else about their
/// shapes agrees.
Variable join(const Variables &xs, int axis, const Location &where);

} // namespace etch::detail

#endif // ETCH_FUNCTIONS_PARTS_H
