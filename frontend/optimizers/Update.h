//===- Update.h - Formulas of the optimizers --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What an optimizer does to a parameter and its state is a formula over arrays
// of one shape, written once for Variables and for Exprs: eager mode runs it as
// one kernel, a compiled function records its operations.
//===----------------------------------------------------------------------===//
#ifndef ETCH_OPTIMIZERS_UPDATE_H
#define ETCH_OPTIMIZERS_UPDATE_H

#include "etch/functions.h"
#include "frontend/core/Promotion.h"
#include "frontend/engine/Chain.h"
#include "frontend/engine/Rules.h"

#include <array>

namespace etch {

/// As of a Variable; of a RuleRunner's values.
inline Expr astype(Expr x, DType to) {
  auto *runner = static_cast<detail::RuleRunner *>(x.builder());
  return x.type().dtype == to ? x : Expr(runner, runner->cast(x.handle(), to));
}

namespace detail {

/// A number that an array holds, as one for each element of `like`.
inline Variable spread(const Variable &number, const Variable &like) {
  Location where;
  return expand_to(cast_to(number, like.dtype(), where), like.shape(), where);
}

/// Assigns the formula's results to the first of xs, in their order.
template <class Formula, class... Rest>
void update(const Formula &formula, const Variable &x, const Rest &...rest) {
  Variable xs[] = {x, rest...};
  auto assign = [&](auto &results) {
    for (size_t i = 0; i < results.size(); ++i)
      xs[i].assign(results[i]);
  };
  bool fits = may_chain();
  for (const Variable &other : xs)
    fits = fits && other.dtype() == x.dtype() && other.shape() == x.shape() &&
           !other.node()->value->on_device();
  if (!fits) {
    auto results = formula(x, rest...);
    return assign(results);
  }
  RuleRunner runner{Location()};
  auto source = [&](const Variable &v) {
    return Expr(&runner, runner.source(v.type(), v));
  };
  auto exprs = formula(source(x), source(rest)...);
  std::array<GraphBuilder::Handle, exprs.size()> handles;
  for (size_t i = 0; i < exprs.size(); ++i)
    handles[i] = exprs[i].handle();
  std::array<Variable, exprs.size()> results;
  runner.evaluate(handles, results.data());
  assign(results);
}

} // namespace detail
} // namespace etch

#endif // ETCH_OPTIMIZERS_UPDATE_H
