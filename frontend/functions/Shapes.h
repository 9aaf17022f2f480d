//===- Shapes.h - Axes and extents as users give them -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef ETCH_FUNCTIONS_SHAPES_H
#define ETCH_FUNCTIONS_SHAPES_H

#include "etch/operand.h"

namespace etch::detail {

/// An axis in [0, rank) from one that may count from the end: ShapeError.
int normalize_axis(int axis, int rank, const char *what, const Location &where);
/// Ascending axes in [0, rank), all of them if none is given; none twice.
std::vector<int64_t> normalize_axes(const Axes &axes, int rank,
                                    const char *what, const Location &where);
/// ShapeError unless arrays can have so many axes.
void check_rank(int rank, const char *what, const Location &where);

} // namespace etch::detail

#endif // ETCH_FUNCTIONS_SHAPES_H
