//===- Backward.h - The reverse sweep ---------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef ETCH_ENGINE_BACKWARD_H
#define ETCH_ENGINE_BACKWARD_H

#include "etch/variable.h"

namespace etch::detail {

/// Walks the graph of y from the newest operation to the oldest. With targets
/// null, fills the gradients of the leaves; else returns those of the targets.
Variables sweep(const Variable &y, const Variable &seed,
                const BackwardOptions &options,
                const std::vector<Variable> *targets, const Location &where);

} // namespace etch::detail

#endif // ETCH_ENGINE_BACKWARD_H
