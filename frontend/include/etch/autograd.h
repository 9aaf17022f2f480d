//===- autograd.h - Gradients as functions ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef ETCH_AUTOGRAD_H
#define ETCH_AUTOGRAD_H

#include "etch/operand.h"

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
           std::is_invocable_v<F &, const Variable &>) FunctionRef(F &&f)
      : object((void *)&f), call([](void *o, const Variable &x) -> Variable {
          return (*(std::remove_reference_t<F> *)o)(x);
        }) {}
  FunctionRef(Variable (*f)(Operand))
      : object((void *)f), call([](void *o, const Variable &x) -> Variable {
          return ((Variable(*)(Operand))o)(x);
        }) {}
  Variable operator()(const Variable &x) const { return call(object, x); }

private:
  void *object;
  Variable (*call)(void *, const Variable &);
};

/// (f(x + eps) - f(x - eps)) / (2 eps), for an f that works element by element.
Variable numerical_diff(FunctionRef f, const Variable &x, double eps = 1e-4);
/// The gradient of sum(f(x)) with respect to each element of x by central
/// differences. f is called twice per element.
Variable numerical_grad(FunctionRef f, const Variable &x, double eps = 1e-4);

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
                    double eps = 1e-4);

/// Hessian of f (whose value is a scalar) at x, times v; v is a constant.
Variable hvp(FunctionRef f, const Variable &x, const Variable &v);

namespace detail {
std::pair<Variable, Variable> value_and_grad(FunctionRef f, const Variable &x);
Variable jacobian(FunctionRef f, const Variable &x);
Variable hessian(FunctionRef f, const Variable &x);
} // namespace detail

/// x -> (f(x), gradient of the scalar f(x)).
template <class F> auto value_and_grad(F f) {
  return
      [f](const Variable &x) mutable { return detail::value_and_grad(f, x); };
}
/// x -> matrix of d f(x)[i] / d x[j], i and j over all elements: (n, m).
template <class F> auto jacobian(F f) {
  return [f](const Variable &x) mutable { return detail::jacobian(f, x); };
}
/// x -> matrix of second derivatives of the scalar f(x): (n, n).
template <class F> auto hessian(F f) {
  return [f](const Variable &x) mutable { return detail::hessian(f, x); };
}
/// (f(x), v -> v times the Jacobian).
template <class F> auto vjp(F f, const Variable &x) {
  Variable y = f(x);
  return std::pair(y, [y, x](const Variable &v) {
    return grad(y, {x}, {.create_graph = false, .seed = v})[0];
  });
}
/// (f(x), the Jacobian times v): forward-mode values by two reverse sweeps.
std::pair<Variable, Variable> jvp(FunctionRef f, const Variable &x,
                                  const Variable &v);

} // namespace etch

#endif // ETCH_AUTOGRAD_H
