//===- autograd.h - Gradients as functions ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef ETCH_AUTOGRAD_H
#define ETCH_AUTOGRAD_H

#include "etch/control_flow.h"

namespace etch {

struct GradOptions {
  bool create_graph = false; ///< the results can be differentiated again
  Variable seed = {};        ///< d loss/d y; empty: ones
};

/// d y/d x for each x of xs, without touching x.grad(). The seed is ones of y's
/// shape. An empty Variable where y does not depend on x.
Variables grad(const Variable &y, const Variables &xs,
               const GradOptions &options = {},
               SourceLocation l = SourceLocation::current());

/// A reference to anything that is called with a Variable and gives one; valid
/// for the duration of the call it is passed to.
class FunctionRef {
public:
  template <class F>
    requires(!std::same_as<std::remove_cvref_t<F>, FunctionRef> &&
             std::is_invocable_v<F &, const Variable &>)
  FunctionRef(F &&f)
      : object((void *)&f), call([](void *o, const Variable &x) -> Variable {
          return (*(std::remove_reference_t<F> *)o)(x);
        }) {}
  FunctionRef(Variable (*f)(Operand))
      : object((void *)f), call([](void *o, const Variable &x) -> Variable {
          return ((Variable (*)(Operand))o)(x);
        }) {}
  Variable operator()(const Variable &x) const { return call(object, x); }

private:
  void *object;
  Variable (*call)(void *, const Variable &);
};

/// (f(x + eps) - f(x - eps)) / (2 eps), for an f that works element by element.
Variable numerical_diff(FunctionRef f, const Variable &x, double eps = 1e-4,
                        SourceLocation l = SourceLocation::current());
/// The gradient of sum(f(x)) with respect to each element of x by central
/// differences. f is called twice per element.
Variable numerical_grad(FunctionRef f, const Variable &x, double eps = 1e-4,
                        SourceLocation l = SourceLocation::current());

/// How far numbers may be apart to count as equal.
struct Tolerance {
  double rtol = 1e-5;
  double atol = 1e-8;
};
/// Whether |a - b| <= atol + rtol * |b| everywhere; shapes must be equal.
bool allclose(const Variable &a, const Variable &b, Tolerance tolerance = {});
/// Whether the gradient of sum(f(x)) by backward() is close to the numerical
/// one.
bool gradient_check(FunctionRef f, const Variable &x, Tolerance tolerance = {},
                    double eps = 1e-4,
                    SourceLocation l = SourceLocation::current());

//===- Functions of functions ---------------------------------------------===//
//
// They take a function and give one, or its value. All is computed by
// operations: it can be differentiated again, to any order, and recorded in a
// compiled function. In a NoGrad scope results have no graph, which costs less.
//
// A function takes Variables, one by one or as one list, and gives a Variable
// or several (a list, a pair, …). What it captures counts as constant, whatever
// it was computed from. Integers are passed on, their gradients are empty;
// DTypeError where no argument is a float.

namespace detail {
using ListFunction = std::function<Variables(const Variables &)>;
/// A function at a point; the xs are values of their own.
struct Application {
  const char *name;
  Location where;
  Variables xs, ys;
};
Application apply_function(const char *name, const ListFunction &f,
                           const Variables &xs, const Location &where);
/// The ys, without their graph in a NoGrad scope.
Variables results_of(const Application &a);
/// Gradients of the xs from those of the ys; without any, that of the first y.
Variables pull_back(const Application &a, const Variables &gys);
/// What the ys change by when the xs change by `vs`.
Variables push_forward(const Application &a, const Variables &vs);
/// By y, by x.
std::vector<Variables> jacobian_of(const Application &a);
std::vector<Variables> hessian_of(const ListFunction &f, const Variables &xs,
                                  const Location &where);
Variables hessian_times(const ListFunction &f, const Variables &xs,
                        const Variables &vs, const Location &where);

/// Calls the user's f, whose arguments are `X`, with what is in a list.
template <class F, class... X>
decltype(auto) call_with(F &f, const Variables &xs) {
  return [&]<size_t... I>(std::index_sequence<I...>) -> decltype(auto) {
    if constexpr (sizeof...(X) == 1 && (VariableList<X> && ...))
      return f(xs);
    else
      return f(xs[I]...);
  }(std::make_index_sequence<sizeof...(X)>());
}
template <class... X, class F> ListFunction list_function(F &f) {
  return
      [&f](const Variables &xs) { return listed(call_with<F, X...>(f, xs)); };
}
/// Whether the arguments, or results, are one Variable.
template <class... X>
inline constexpr bool is_one = sizeof...(X) == 1 && (!VariableList<X> && ...);
template <class F, class... X>
using ResultOf = decltype(call_with<F, X...>(std::declval<F &>(), {}));
template <class F, class... X>
using HeldResult =
    std::conditional_t<VariableLike<ResultOf<F, X...>>, Variable, Variables>;
template <class... X> Variables list_arguments(const X &...xs) {
  if constexpr (sizeof...(X) == 1)
    return (list_of(xs), ...);
  else
    return {Variable(xs)...};
}
/// One Variable where a list of one is meant.
template <bool one> auto unlisted(const Variables &list) {
  if constexpr (one)
    return list[0];
  else
    return list;
}
} // namespace detail

/// x, … -> (f(x, …), its gradient): a Variable for one x, else a list. The
/// gradient of a result with several elements is that of their sum; of several
/// results it is that of the first one.
template <class F>
auto value_and_grad(F f, SourceLocation l = SourceLocation::current()) {
  return [f, l]<class... X>(const X &...xs) mutable {
    detail::Application a =
        detail::apply_function("value_and_grad", detail::list_function<X...>(f),
                               detail::list_arguments(xs...), l);
    using Y = detail::HeldResult<F, X...>;
    return std::pair(
        detail::unlisted<std::same_as<Y, Variable>>(detail::results_of(a)),
        detail::unlisted<detail::is_one<X...>>(detail::pull_back(a, {})));
  };
}
/// x, … -> the gradient of f alone, as value_and_grad gives it.
template <class F>
  requires(!detail::VariableLike<F>)
auto grad(F f, SourceLocation l = SourceLocation::current()) {
  return [f = value_and_grad(f, l)](const auto &...xs) mutable {
    return f(xs...).second;
  };
}
/// (f(x), v -> v times the Jacobian): v is like f(x), the product like x.
template <class F, class X = Variables>
auto vjp(F f, const X &x, SourceLocation l = SourceLocation::current()) {
  using Y = detail::HeldResult<F, X>;
  detail::Application a = detail::apply_function(
      "vjp", detail::list_function<X>(f), detail::list_of(x), l);
  Y y = detail::unlisted<std::same_as<Y, Variable>>(detail::results_of(a));
  return std::pair(y, [a](const Y &v) {
    return detail::unlisted<detail::is_one<X>>(
        detail::pull_back(a, detail::list_of(v)));
  });
}
/// (f(x), the Jacobian times v): forward-mode values by two reverse sweeps. v
/// is like x, the product like f(x).
template <class F, class X = Variables, class V = X>
auto jvp(F f, const X &x, const V &v,
         SourceLocation l = SourceLocation::current()) {
  constexpr bool one = std::same_as<detail::HeldResult<F, X>, Variable>;
  detail::Application a = detail::apply_function(
      "jvp", detail::list_function<X>(f), detail::list_of(x), l);
  return std::pair(
      detail::unlisted<one>(detail::results_of(a)),
      detail::unlisted<one>(detail::push_forward(a, detail::list_of(v))));
}
/// Hessian of f, whose value is a scalar (ShapeError), at x, times v, which is
/// taken as constant and is like x, as is the product.
template <class F, class X = Variables, class V = X>
detail::Held<X> hvp(F f, const X &x, const V &v,
                    SourceLocation l = SourceLocation::current()) {
  return detail::unlisted<detail::is_one<X>>(detail::hessian_times(
      detail::list_function<X>(f), detail::list_of(x), detail::list_of(v), l));
}
/// x, … -> matrices d f(x)[i] / d x[j], i and j over all elements. One for one
/// x and one result; of several xs or results a list; of both a list, by
/// result, of lists, by x.
template <class F>
auto jacobian(F f, SourceLocation l = SourceLocation::current()) {
  return [f, l]<class... X>(const X &...xs) mutable {
    std::vector<Variables> j = detail::jacobian_of(
        detail::apply_function("jacobian", detail::list_function<X...>(f),
                               detail::list_arguments(xs...), l));
    constexpr bool one_y = std::same_as<detail::HeldResult<F, X...>, Variable>;
    if constexpr (one_y) {
      return detail::unlisted<detail::is_one<X...>>(j[0]);
    } else if constexpr (detail::is_one<X...>) {
      Variables column;
      for (const Variables &row : j)
        column.push_back(row[0]);
      return column;
    } else {
      return j;
    }
  };
}
/// x, … -> matrices of second derivatives of the scalar f(x, …) (else
/// ShapeError): one for one x, else a list of lists.
template <class F>
auto hessian(F f, SourceLocation l = SourceLocation::current()) {
  return [f, l]<class... X>(const X &...xs) mutable {
    std::vector<Variables> h = detail::hessian_of(
        detail::list_function<X...>(f), detail::list_arguments(xs...), l);
    if constexpr (detail::is_one<X...>)
      return h[0][0];
    else
      return h;
  };
}

} // namespace etch

#endif // ETCH_AUTOGRAD_H
