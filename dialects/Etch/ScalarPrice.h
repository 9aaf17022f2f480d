//===- ScalarPrice.h - what an element of an op costs -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_DIALECTS_ETCH_SCALARPRICE_H
#define ETCH_DIALECTS_ETCH_SCALARPRICE_H

#include "dialects/Etch/EtchDialect.h"

namespace etch {

/// Instructions of an op's scalar body.
int64_t scalarPrice(PointwiseOpInterface op);

} // namespace etch

#endif // ETCH_DIALECTS_ETCH_SCALARPRICE_H
