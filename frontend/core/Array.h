//===- Array.h - Arrays that user code makes --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef ETCH_CORE_ARRAY_H
#define ETCH_CORE_ARRAY_H

#include "frontend/engine/Node.h"

namespace etch::detail {

/// make_dense() after a check of the shape: ShapeError names `what`.
ValueRef new_dense(DType dtype, const Shape &shape, const char *what,
                   const Location &where);
/// A leaf that user code has made; a recorder is told.
Variable new_array(ValueRef value, const Location &where);

} // namespace etch::detail

#endif // ETCH_CORE_ARRAY_H
