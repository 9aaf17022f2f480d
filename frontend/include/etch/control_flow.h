//===- control_flow.h - Branches and loops that depend on data --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An ordinary `if` or `for` in a function that is compiled steers the
// recording: it needs host values. Where the steering values are data, these
// functions become branches and loops of the program. Eagerly they are the
// ordinary ones, on the ordinary tape, with the same bits; gradients of any
// order pass through them in both.
//
// What only a branch that is not taken reads, or an iteration that does not
// happen, has no gradient: eagerly grad() gives an empty Variable for it, and
// an error where nothing has one. A program cannot know before it runs: there
// it has zeros. Nothing comes of these, no NaN either: the gradients of all
// else are those of eager mode.
//
//   Variable root = while_loop(
//       [](const Variable &x) { return abs(x * x - 2) > 1e-12; },
//       [](const Variable &x) { return x - (x * x - 2) / (2 * x); }, 1.0);
//
// While a function is compiled, condition and body run once, on values that
// stand for those of every iteration. So what a body does on the host happens
// once: state updates (assign(), an optimizer's update()), random draws and
// .grad() of arrays outside are TraceErrors there; pass such values as states.
//===----------------------------------------------------------------------===//
#ifndef ETCH_CONTROL_FLOW_H
#define ETCH_CONTROL_FLOW_H

#include "etch/compiled_call.h"
#include "etch/operand.h"

#include <functional>

namespace etch {

/// Of while_loop and for_loop. -1: no limit.
struct LoopOptions {
  /// The loop ends after so many iterations. In a compiled function a loop
  /// needs this number, or a count that is known, for gradients to pass through
  /// it: the memory for them is planned before the run.
  int64_t max_iterations = -1;
};

/// Of scan.
struct ScanOptions {
  bool reverse = false; ///< from the last slice to the first
};

namespace detail {
/// A loop without the types of its functions.
struct LoopSpec {
  const char *name;
  std::function<Variable(const Variables &states)> condition; ///< null: none
  /// The new states; appends to `ys` what is stacked.
  std::function<Variables(const Variable &i, const Variables &states,
                          const Variables &slices, Variables &ys)>
      body;
  Variables inits = {}, xs = {};
  Variable limit = {}; ///< a count that is data; empty: none
  int64_t bound = -1;  ///< a count that is known; -1: none
  bool reverse = false;
};
/// What a loop leaves: its last states, and the stacked ys.
struct LoopResults {
  Variables states, ys;
};
LoopResults run_loop(LoopSpec spec, const Location &where);
Variables run_while(LoopSpec spec, const LoopOptions &options,
                    const Location &where);
Variables run_for(LoopSpec spec, const Operand &n, const LoopOptions &options);
LoopResults run_scan(LoopSpec spec, const Location &where);
/// What one branch gave; the other one must give the like.
using BranchFunction = std::function<Variables()>;
Variables run_cond(const Operand &pred, const BranchFunction &then,
                   const BranchFunction &otherwise);
/// Of a result of type R, all Variables replaced in their order.
template <class R> R refilled(R r, const Variables &values) {
  size_t next = 0;
  each_variable(r, [&](Variable &y) { y = values[next++]; });
  return r;
}
template <class R> Variables listed(R &&r) {
  Variables list;
  each_variable(r, [&](Variable &y) { list.push_back(y); });
  return list;
}
/// What a function that gives an Outputs or a Data is taken to give.
template <class R>
using Plain =
    std::conditional_t<VariableLike<R>, Variable, std::remove_cvref_t<R>>;
/// How the user holds states: a list, or else one Variable.
template <class T>
using Held = std::conditional_t<VariableList<T>, Variables, Variable>;
template <class T> Variables list_of(const T &value) {
  if constexpr (VariableList<T>)
    return value;
  else
    return {Variable(value)};
}
template <class T> decltype(auto) held(const Variables &list) {
  if constexpr (VariableList<T>)
    return (list);
  else
    return (list[0]);
}
template <class T, class F> auto erase_condition(F &f) {
  using R = std::invoke_result_t<F &, const Held<T> &>;
  static_assert(VariableLike<R>,
                "the condition must give a boolean Variable (s[0] < 1), not a "
                "host value: it is computed anew in every iteration");
  return [&f](const Variables &s) -> Variable { return f(held<T>(s)); };
}
template <class T, class F> auto erase_body(F &f) {
  return [&f](const Variable &i, const Variables &s, const Variables &,
              Variables &) -> Variables {
    (void)i;
    if constexpr (std::is_invocable_v<F &, const Variable &, const Held<T> &>)
      return list_of<Held<T>>(f(i, held<T>(s)));
    else
      return list_of<Held<T>>(f(held<T>(s)));
  };
}
} // namespace detail

/// The result of `then()` where the boolean scalar `pred` holds, else of
/// `otherwise()`: Variables, lists, pairs and tuples of them. In a compiled
/// function both are recorded, must give equal types (DTypeError, ShapeError)
/// and one of them runs; eagerly just that one is called, so that gradients of
/// gradients may differ from compiled ones in their last bit: eager mode does
/// not know what the other one would have added to. What they compute with is
/// captured. DTypeError, ShapeError unless pred is one boolean.
template <class Then, class Else>
auto cond(Operand pred, Then &&then, Else &&otherwise) {
  using R = detail::Plain<std::invoke_result_t<Then &>>;
  static_assert(std::is_same_v<R, detail::Plain<std::invoke_result_t<Else &>>>,
                "the branches of a cond must give the same C++ type");
  R shape;
  Variables ys = detail::run_cond(
      pred,
      [&] {
        R r = then();
        shape = r;
        return detail::listed(std::move(r));
      },
      [&] {
        R r = otherwise();
        shape = r;
        return detail::listed(std::move(r));
      });
  return detail::refilled(std::move(shape), ys);
}

/// Repeats states = body(states) while condition(states), a boolean scalar,
/// holds. States keep their number, types and shapes (DTypeError, ShapeError,
/// ValueError). `init` is one Variable or a list; the functions get the like.
template <class Condition, class Body, class Init = Variables>
detail::Held<Init> while_loop(Condition &&condition, Body &&body,
                              const Init &init, LoopOptions options = {},
                              SourceLocation l = SourceLocation::current()) {
  detail::LoopSpec spec = {.name = "while_loop",
                           .condition =
                               detail::erase_condition<Init>(condition),
                           .body = detail::erase_body<Init>(body),
                           .inits = detail::list_of(init)};
  return detail::held<Init>(detail::run_while(std::move(spec), options, l));
}

/// Repeats states = body(i, states), or body(states), for i from 0 to n - 1. i
/// is an int64 scalar. A host integer n is part of a program (ValueError if it
/// is negative), an int64 scalar is data: none or less is no iteration.
template <class Body, class Init = Variables>
detail::Held<Init> for_loop(Operand n, Body &&body, const Init &init,
                            LoopOptions options = {}) {
  detail::LoopSpec spec = {.name = "for_loop",
                           .condition = nullptr,
                           .body = detail::erase_body<Init>(body),
                           .inits = detail::list_of(init)};
  return detail::held<Init>(detail::run_for(std::move(spec), n, options));
}

/// Repeats (carry, y) = body(carry, x) over the slices x of xs along axis 0,
/// which must be equally long (ShapeError); gives the last carry and the ys,
/// stacked along a new axis 0. carry, x and y are a Variable or a list each.
/// Without slices, the body runs once on zeros to tell what y is like.
template <class Body, class Init = Variables, class Inputs = Variables>
auto scan(Body &&body, const Init &init, const Inputs &xs,
          ScanOptions options = {},
          SourceLocation l = SourceLocation::current()) {
  using C = detail::Held<Init>;
  using R =
      std::invoke_result_t<Body &, const C &, const detail::Held<Inputs> &>;
  static_assert(std::tuple_size_v<std::remove_cvref_t<R>> == 2,
                "the body of a scan must give a pair: (carry, y)");
  using Y = detail::Held<std::tuple_element_t<1, std::remove_cvref_t<R>>>;
  detail::LoopSpec spec = {
      .name = "scan",
      .condition = nullptr,
      .body = [&body](const Variable &, const Variables &s, const Variables &x,
                      Variables &ys) -> Variables {
        auto [carry, y] = body(detail::held<Init>(s), detail::held<Inputs>(x));
        ys = detail::list_of<Y>(y);
        return detail::list_of<C>(carry);
      },
      .inits = detail::list_of(init),
      .xs = detail::list_of(xs),
      .reverse = options.reverse};
  detail::LoopResults r = detail::run_scan(std::move(spec), l);
  return std::pair<C, Y>(detail::held<C>(r.states), detail::held<Y>(r.ys));
}

} // namespace etch

#endif // ETCH_CONTROL_FLOW_H
