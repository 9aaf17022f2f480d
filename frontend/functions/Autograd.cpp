//===- Autograd.cpp - gradients as functions ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "etch/autograd.h"
#include "etch/array.h"
#include "etch/functions.h"
#include "etch/graph.h"
#include "etch/index.h"
#include "frontend/engine/Engine.h"
#include "frontend/engine/Slices.h"
#include "frontend/engine/Tape.h"

#include <cmath>

using namespace etch;
using namespace etch::detail;

/// An independent leaf with x's contents.
static Variable fresh(const Variable &x) {
  return make_variable(dense_copy(*held_contents(x, "gradient", {})));
}

Variable etch::numerical_diff(FunctionRef f, const Variable &x, double eps,
                              SourceLocation l) {
  LocationScope scope(l);
  return (f(x + eps) - f(x - eps)) / (2 * eps);
}

Variable etch::numerical_grad(FunctionRef f, const Variable &x, double eps,
                              SourceLocation l) {
  LocationScope scope(l);
  Variable point = astype(fresh(x), f64);
  Variable result = zeros(x.shape());
  std::span<double> gradient = result.span<double>();
  auto value_at = [&](size_t i, double shift) {
    Variable moved = fresh(point);
    moved.span<double>()[i] += shift;
    return sum(f(astype(moved, x.dtype()))).item<double>();
  };
  for (size_t i = 0; i < gradient.size(); ++i)
    gradient[i] = (value_at(i, eps) - value_at(i, -eps)) / (2 * eps);
  return astype(result, x.dtype());
}

bool etch::allclose(const Variable &a, const Variable &b, Tolerance tolerance) {
  if (a.shape() != b.shape())
    return false;
  std::vector<double> x = a.to_vector<double>(), y = b.to_vector<double>();
  for (size_t i = 0; i < x.size(); ++i) {
    bool same = x[i] == y[i]; // infinities
    if (!same && !(std::fabs(x[i] - y[i]) <=
                   tolerance.atol + tolerance.rtol * std::fabs(y[i])))
      return false;
  }
  return true;
}

bool etch::gradient_check(FunctionRef f, const Variable &x, Tolerance tolerance,
                          double eps, SourceLocation l) {
  LocationScope scope(l);
  Variable point = fresh(x);
  Variable y = sum(f(point));
  Variable g = grad(y, {point})[0];
  if (!g.defined())
    g = zeros_like(point);
  return allclose(g, numerical_grad(f, x, eps, l), tolerance);
}

//===----------------------------------------------------------------------===//
// Functions of functions
//===----------------------------------------------------------------------===//

/// Whether a gradient flows through y, a result of operations.
static bool has_graph(const Variable &y) {
  if (!is_floating(y.dtype()))
    return false;
  if (recorder())
    return takes_gradient(*y.node()) && !(y.node()->flags & Node::untracked);
  return bool(y.creator());
}

/// x under another identity, so that a gradient with respect to it does not
/// take in what else depends on x.
static Variable identity(const Variable &x, const Location &where) {
  if (Recorder *r = recorder())
    return r->leaf(x, where);
  const ValueRef &value = held_contents(x, "gradient", where);
  Variable from = takes_gradient(*x.node()) ? x : make_variable(value);
  std::vector<int64_t> shape(x.shape().begin(), x.shape().end());
  return detail::apply(OpId::Reshape, {from}, {std::move(shape)}, where);
}

static Variable zeros_of(const Variable &x, const Location &where) {
  return recorder() ? make_literal(0, x.type(), where) : zeros_like(x);
}

Application detail::apply_function(const char *name, const ListFunction &f,
                                   const Variables &xs, const Location &where) {
  LocationScope scope(where);
  UsingConfig on(&Config::enable_backprop, true);
  Application a{name, where, xs, {}};
  bool any = false;
  for (Variable &x : a.xs) {
    if (!x.defined())
      throw ValueError(std::string(name) + ": an argument is empty", where);
    if (!is_floating(x.dtype()))
      continue;
    any = true;
    x = identity(x, where);
  }
  if (!any)
    throw DTypeError(std::string(name) +
                         (xs.empty()
                              ? ": the function has no arguments"
                              : ": no argument is a float: the first one is " +
                                    to_string(xs[0].type())),
                     where);
  a.ys = f(a.xs);
  for (const Variable &y : a.ys)
    if (!y.defined())
      throw ValueError(std::string(name) + ": the function gave an empty "
                                           "Variable",
                       where);
  if (a.ys.empty())
    throw ValueError(std::string(name) + ": the function gave no result",
                     where);
  return a;
}

Variables detail::results_of(const Application &a) {
  if (config().enable_backprop)
    return a.ys;
  Variables ys;
  for (const Variable &y : a.ys)
    ys.push_back(y.detach());
  return ys;
}

/// Gradients of the float xs, zeros where y does not depend on them.
static Variables gradients_of(const Application &a, const Variable &y,
                              const Variable &seed, bool create_graph) {
  Variables targets, gs;
  for (const Variable &x : a.xs)
    if (is_floating(x.dtype()))
      targets.push_back(x);
  Variables found(targets.size());
  if (has_graph(y))
    found = grad(y, targets, {.create_graph = create_graph, .seed = seed});
  size_t next = 0;
  for (const Variable &x : a.xs) {
    if (!is_floating(x.dtype())) {
      gs.emplace_back();
      continue;
    }
    Variable &g = found[next++];
    gs.push_back(g.defined() ? g : zeros_of(x, a.where));
  }
  return gs;
}

/// The vectors must be like what they multiply.
static void check_like(const Application &a, const Variables &vs,
                       const Variables &like) {
  if (vs.size() != like.size())
    throw ValueError(std::string(a.name) + ": " + std::to_string(vs.size()) +
                         " vectors for " + std::to_string(like.size()),
                     a.where);
  for (size_t i = 0; i < vs.size(); ++i) {
    if (!is_floating(like[i].dtype()))
      continue;
    if (!vs[i].defined())
      throw ValueError(std::string(a.name) + ": a vector is empty", a.where);
    if (vs[i].type() != like[i].type())
      throw ShapeError(std::string(a.name) + ": the vector is " +
                           to_string(vs[i].type()) + ", it must be " +
                           to_string(like[i].type()),
                       a.where);
  }
}

/// The sum of products over those that have a graph; empty without any.
static Variable inner_product(const Variables &xs, const Variables &vs) {
  Variable total;
  for (size_t i = 0; i < xs.size(); ++i)
    if (xs[i].defined() && has_graph(xs[i])) {
      Variable part = sum(xs[i] * vs[i]);
      total = total.defined() ? total + part : part;
    }
  return total;
}

Variables detail::pull_back(const Application &a, const Variables &gys) {
  LocationScope scope(a.where);
  bool create_graph = config().enable_backprop;
  if (gys.empty())
    return gradients_of(a, a.ys[0], {}, create_graph);
  check_like(a, gys, a.ys);
  if (a.ys.size() == 1)
    return gradients_of(a, a.ys[0], gys[0], create_graph);
  UsingConfig on(&Config::enable_backprop, true);
  Variable total = inner_product(a.ys, gys);
  return gradients_of(a, total.defined() ? total : Variable(0.0), {},
                      create_graph);
}

Variables detail::push_forward(const Application &a, const Variables &vs) {
  // The reverse sweep is linear in its seed u: g(u) = J'u. Its own reverse
  // sweep gives d(v·J'u)/du = J v.
  LocationScope scope(a.where);
  bool create_graph = config().enable_backprop;
  UsingConfig on(&Config::enable_backprop, true);
  check_like(a, vs, a.xs);
  Variables products;
  for (const Variable &y : a.ys) {
    Variable product;
    if (has_graph(y)) {
      Variable u = identity(y, a.where);
      Variables gs = gradients_of(a, y, u, true);
      if (gs.size() == 1 && has_graph(gs[0]))
        product =
            grad(gs[0], {u}, {.create_graph = create_graph, .seed = vs[0]})[0];
      else if (Variable total = inner_product(gs, vs); total.defined())
        product = grad(total, {u}, {.create_graph = create_graph})[0];
    }
    products.push_back(product.defined() ? product : zeros_of(y, a.where));
  }
  return products;
}

std::vector<Variables> detail::jacobian_of(const Application &a) {
  LocationScope scope(a.where);
  bool create_graph = config().enable_backprop;
  std::vector<Variables> matrices;
  for (const Variable &y : a.ys) {
    int64_t n = is_floating(y.dtype()) ? y.size() : 0;
    std::vector<Variables> rows(a.xs.size()); // by x
    Variable units = recorder() ? eye(n, {.dtype = y.dtype()}) : Variable();
    for (int64_t i = 0; i < n; ++i) {
      Variable unit;
      if (recorder()) {
        unit = units[i];
      } else {
        std::vector<double> numbers(static_cast<size_t>(n));
        numbers[size_t(i)] = 1;
        unit = astype(array(numbers), y.dtype());
      }
      NoGrad none;
      Variable seed = reshape(unit, y.shape());
      UsingConfig mode(&Config::enable_backprop, create_graph);
      Variables gs = gradients_of(a, y, seed, create_graph);
      for (size_t k = 0; k < gs.size(); ++k)
        if (gs[k].defined())
          rows[k].push_back(reshape(gs[k], {gs[k].size()}));
    }
    Variables &row = matrices.emplace_back();
    for (size_t k = 0; k < rows.size(); ++k) {
      const Variable &x = a.xs[k];
      if (!is_floating(x.dtype()))
        row.emplace_back();
      else if (n == 0)
        row.push_back(zeros({0, x.size()}, {.dtype = x.dtype()}));
      else
        row.push_back(recorder() ? stack(rows[k])
                                 : stack_slices(rows[k], a.where));
    }
  }
  return matrices;
}

/// f must give one number.
static void check_scalar(const Application &a) {
  const Variable &y = a.ys[0];
  if (a.ys.size() != 1 || y.size() != 1 || !is_floating(y.dtype()))
    throw ShapeError(std::string(a.name) + ": the function gives " +
                         (a.ys.size() == 1
                              ? to_string(y.type())
                              : std::to_string(a.ys.size()) + " results") +
                         ", not one float",
                     a.where);
}

std::vector<Variables> detail::hessian_of(const ListFunction &f,
                                          const Variables &xs,
                                          const Location &where) {
  auto gradient = [&](const Variables &us) {
    Application inner = apply_function("hessian", f, us, where);
    check_scalar(inner);
    Variables gs = pull_back(inner, {});
    for (size_t i = 0; i < gs.size(); ++i)
      if (!gs[i].defined())
        gs[i] = us[i]; // an integer
    return gs;
  };
  return jacobian_of(apply_function("hessian", gradient, xs, where));
}

Variables detail::hessian_times(const ListFunction &f, const Variables &xs,
                                const Variables &vs, const Location &where) {
  LocationScope scope(where);
  bool create_graph = config().enable_backprop;
  Application a = apply_function("hvp", f, xs, where);
  check_scalar(a);
  check_like(a, vs, a.xs);
  UsingConfig on(&Config::enable_backprop, true);
  Variables gs = gradients_of(a, a.ys[0], {}, true), constant;
  for (const Variable &v : vs)
    constant.push_back(v.detach());
  if (gs.size() == 1)
    return gradients_of(a, gs[0], constant[0], create_graph);
  Variable total = inner_product(gs, constant);
  return gradients_of(a, total.defined() ? total : Variable(0.0), {},
                      create_graph);
}
