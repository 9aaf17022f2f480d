//===- ControlFlow.h - What loops and branches must give --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The rules that hold for them eagerly and while they are recorded.
//===----------------------------------------------------------------------===//
#ifndef ETCH_ENGINE_CONTROLFLOW_H
#define ETCH_ENGINE_CONTROLFLOW_H

#include "etch/control_flow.h"

namespace etch::detail {

/// `c` must be one boolean; gives it as a scalar.
Variable checked_predicate(const char *name, const Variable &c,
                           const Location &where);
/// What an iteration gave must be like what it got.
void check_states(const LoopSpec &spec, const Variables &next,
                  const Location &where);
/// A y of a scan, which gets one axis more.
void check_y(const LoopSpec &spec, const Variable &y, const Location &where);
/// The number of slices of xs, -1 without any.
int64_t count_slices(const LoopSpec &spec);

} // namespace etch::detail

#endif // ETCH_ENGINE_CONTROLFLOW_H
