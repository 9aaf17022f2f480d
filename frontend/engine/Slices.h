//===- Slices.h - An array and its slices along axis 0 ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What an eager scan reads and writes: as one entry of the tape each, so that a
// gradient with respect to all slices costs one pass over the array.
//===----------------------------------------------------------------------===//
#ifndef ETCH_ENGINE_SLICES_H
#define ETCH_ENGINE_SLICES_H

#include "etch/variable.h"

namespace etch::detail {

/// x[0], x[1], …: views. x has an axis.
Variables unstack(const Variable &x, const Location &where);
/// The array whose slices these are, at least one, of equal types.
Variable stack_slices(const Variables &slices, const Location &where);

} // namespace etch::detail

#endif // ETCH_ENGINE_SLICES_H
