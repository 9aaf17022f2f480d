//===- Draw.h - First contents of weights -----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef ETCH_LAYERS_DRAW_H
#define ETCH_LAYERS_DRAW_H

#include "etch/variable.h"

namespace etch::detail {

/// Normally distributed numbers from the random stream, times `scale`: not part
/// of a graph, nor of a program that is being recorded. The product is taken in
/// the weights' own precision, as NumPy does for an array and a number.
Variable draw_normal(const Shape &shape, double scale, DType dtype);

} // namespace etch::detail

#endif // ETCH_LAYERS_DRAW_H
