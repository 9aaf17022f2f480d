//===- Autograd.cpp - gradients as functions ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "etch/autograd.h"
#include "etch/array.h"
#include "etch/functions.h"
#include "etch/graph.h"
#include "frontend/engine/Engine.h"
#include "frontend/engine/Tape.h"

#include <cmath>
#include <cstring>

using namespace etch;
using namespace etch::detail;

/// An independent leaf with x's contents.
static Variable fresh(const Variable &x) {
  return make_variable(dense_copy(*contents(x, "gradient", {})));
}

Variable etch::numerical_diff(FunctionRef f, const Variable &x, double eps) {
  return (f(x + eps) - f(x - eps)) / (2 * eps);
}

Variable etch::numerical_grad(FunctionRef f, const Variable &x, double eps) {
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
                          double eps) {
  Variable point = fresh(x);
  Variable y = sum(f(point));
  Variable g = grad(y, {point})[0];
  if (!g.defined())
    g = zeros_like(point);
  return allclose(g, numerical_grad(f, x, eps), tolerance);
}

std::pair<Variable, Variable> detail::value_and_grad(FunctionRef f,
                                                     const Variable &x) {
  Variable y = f(x);
  Variable g = grad(y, {x})[0];
  return {y, g.defined() ? g : zeros_like(x)};
}

/// Whether a gradient flows through y, a result of operations.
static bool has_graph(const Variable &y) {
  if (recorder())
    return takes_gradient(*y.node()) && !(y.node()->flags & Node::untracked);
  return bool(y.creator());
}

Variable etch::hvp(FunctionRef f, const Variable &x, const Variable &v) {
  Variable gx = grad(f(x), {x}, {.create_graph = true})[0];
  if (!gx.defined())
    return zeros_like(x);
  Variable product = sum(gx * v.detach());
  Variable result = has_graph(product) ? grad(product, {x})[0] : Variable();
  return result.defined() ? result : zeros_like(x);
}

/// The rows of the Jacobian of y, one reverse sweep each.
static Variable rows(const Variable &y, const Variable &x) {
  int64_t n = y.size(), m = x.size();
  if (recorder()) { // the same as operations
    Variable matrix = zeros({n, m}, {.dtype = x.dtype()});
    for (int64_t i = 0; i < n; ++i) {
      std::vector<double> unit(static_cast<size_t>(n));
      unit[size_t(i)] = 1;
      Variable row = array(unit);
      Variable seed = astype(reshape(row, y.shape()), y.dtype());
      Variable g = grad(y, {x}, {.create_graph = false, .seed = seed})[0];
      if (g.defined())
        matrix = where(reshape(row, {n, 1}) != 0, reshape(g, {1, m}), matrix);
    }
    return matrix;
  }
  Variable matrix = zeros({n, m}, {.dtype = x.dtype()});
  for (int64_t i = 0; i < n; ++i) {
    Variable seed = zeros_like(y);
    std::vector<double> unit(static_cast<size_t>(n));
    unit[size_t(i)] = 1;
    seed.assign(astype(reshape(array(unit), y.shape()), y.dtype()));
    Variable g = grad(y, {x}, {.create_graph = false, .seed = seed})[0];
    if (!g.defined())
      continue;
    size_t row = size_t(i * m) * size_t(size_of(x.dtype()));
    std::memcpy(static_cast<char *>(matrix.node()->value->data) + row,
                dense_value(g)->data, size_t(m * size_of(x.dtype())));
  }
  return matrix;
}

Variable detail::jacobian(FunctionRef f, const Variable &x) {
  return rows(f(x), x);
}

Variable detail::hessian(FunctionRef f, const Variable &x) {
  Variable gx = grad(f(x), {x}, {.create_graph = true})[0];
  return gx.defined() && has_graph(gx)
             ? rows(gx, x)
             : zeros({x.size(), x.size()}, {.dtype = x.dtype()});
}

std::pair<Variable, Variable> etch::jvp(FunctionRef f, const Variable &x,
                                        const Variable &v) {
  // The reverse sweep is linear in its seed u: g(u) = J'u. Its own reverse
  // sweep with seed v gives d(v·J'u)/du = J v.
  Variable y = f(x);
  Variable u = zeros_like(y);
  Variable g = grad(y, {x}, {.create_graph = true, .seed = u})[0];
  Variable result = g.defined() && has_graph(g)
                        ? grad(g, {u}, {.create_graph = false, .seed = v})[0]
                        : Variable();
  return {y, result.defined() ? result : zeros_like(y)};
}
