//===- Lbfgs.cpp - L-BFGS with a line search ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/lbfgs.h"

#include "etch/array.h"
#include "etch/functions.h"
#include "frontend/engine/Engine.h"

#include <algorithm>
#include <cmath>

namespace etch {

namespace {

using Vector = std::vector<double>;

constexpr double sufficient_decrease = 1e-4, curvature = 0.9;

double dot(const Vector &a, const Vector &b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i)
    sum += a[i] * b[i];
  return sum;
}

double largest(const Vector &a) {
  double most = 0;
  for (double v : a)
    most = std::max(most, std::abs(v));
  return most;
}

void add(Vector &a, double factor, const Vector &b) {
  for (size_t i = 0; i < a.size(); ++i)
    a[i] += factor * b[i];
}

/// All elements of these arrays in a row.
Vector gather(const Variables &arrays) {
  Vector all;
  for (const Variable &x : arrays) {
    Vector own = x.to_vector();
    all.insert(all.end(), own.begin(), own.end());
  }
  return all;
}

void scatter(const Vector &values, const Variables &arrays) {
  size_t at = 0;
  for (Variable x : arrays) {
    auto n = size_t(x.size());
    x.assign(from_data(std::span(values).subspan(at, n), x.shape())
                 .astype(x.dtype()));
    at += n;
  }
}

/// Where the cubic through two points with these slopes has its minimum; NaN
/// when it has none.
double cubic_minimum(double a, double fa, double ga, double b, double fb,
                     double gb) {
  double d1 = ga + gb - 3 * (fa - fb) / (a - b);
  double root = d1 * d1 - ga * gb;
  if (!(root >= 0))
    return NAN;
  double d2 = std::copysign(std::sqrt(root), b - a);
  return b - (b - a) * (gb + d2 - d1) / (gb - ga + 2 * d2);
}

} // namespace

void LBFGS::update_one(Variable, const Variable &) {
  throw UserError("LBFGS: an update needs the loss at several points: call "
                  "step(closure)",
                  Location().in_user_code());
}

LBFGS::Point LBFGS::evaluate(Line &line, double t) {
  Vector x = line.start;
  if (t != 0) {
    add(x, t, line.direction);
    scatter(x, line.params);
  }
  ++calls;
  Point p;
  p.t = t;
  p.loss = line.closure().item();
  Variables params = with_gradients(), gradients;
  auto differs = [](const Variable &a, const Variable &b) { return !a.is(b); };
  if (line.params.empty())
    line.params = params;
  else if (!std::equal(params.begin(), params.end(), line.params.begin(),
                       line.params.end(), std::not_fn(differs)))
    throw ValueError("LBFGS: the closure gives gradients to other parameters "
                     "than before",
                     Location().in_user_code());
  for (const Variable &w : params)
    gradients.push_back(w.grad());
  p.gradient = gather(gradients);
  if (!line.direction.empty())
    p.slope = dot(p.gradient, line.direction);
  return p;
}

/// The two loops: from the newest pair to the oldest and back.
void LBFGS::find_direction(Line &line, const Vector &gradient) const {
  Vector d = gradient, alpha(pairs.size());
  for (size_t i = pairs.size(); i-- > 0;) {
    alpha[i] = pairs[i].rho * dot(pairs[i].s, d);
    add(d, -alpha[i], pairs[i].y);
  }
  if (!pairs.empty()) {
    const Pair &last = pairs.back();
    double scale = 1 / (last.rho * dot(last.y, last.y));
    for (double &v : d)
      v *= scale;
  }
  for (size_t i = 0; i < pairs.size(); ++i)
    add(d, alpha[i] - pairs[i].rho * dot(pairs[i].y, d), pairs[i].s);
  for (double &v : d)
    v = -v;
  line.direction = std::move(d);
}

void LBFGS::learn(const Line &line, const Point &from, const Point &to) {
  Pair p;
  p.s = line.direction;
  for (double &v : p.s)
    v *= to.t;
  p.y = to.gradient;
  add(p.y, -1, from.gradient);
  double ys = dot(p.y, p.s);
  if (!(ys > 1e-10 * dot(p.y, p.y)))
    return; // no positive curvature: the estimate would not be definite
  p.rho = 1 / ys;
  pairs.push_back(std::move(p));
  if (pairs.size() > size_t(std::max(history, 1)))
    pairs.pop_front();
}

/// Between `low`, the best point so far, and `high`, there are good ones.
LBFGS::Point LBFGS::narrow(Line &line, const Point &origin, Point low,
                           Point high, int budget) {
  double size = largest(line.direction);
  while (budget-- > 0 && std::abs(high.t - low.t) * size > tolerance_change) {
    double t = cubic_minimum(low.t, low.loss, low.slope, high.t, high.loss,
                             high.slope);
    double margin = 0.1 * std::abs(high.t - low.t);
    double left = std::min(low.t, high.t), right = std::max(low.t, high.t);
    if (!std::isfinite(t))
      t = (left + right) / 2;
    Point p = evaluate(line, std::clamp(t, left + margin, right - margin));
    if (!(p.loss <= origin.loss + sufficient_decrease * p.t * origin.slope) ||
        p.loss >= low.loss) {
      high = std::move(p);
      continue;
    }
    if (std::abs(p.slope) <= -curvature * origin.slope)
      return p;
    if (p.slope * (high.t - low.t) >= 0)
      high = std::move(low);
    low = std::move(p);
  }
  return low;
}

LBFGS::Point LBFGS::search(Line &line, const Point &origin, double t,
                           int budget) {
  Point last = origin;
  for (bool first = true; budget-- > 0; first = false) {
    Point p = evaluate(line, t);
    if (!(p.loss <= origin.loss + sufficient_decrease * t * origin.slope) ||
        (!first && p.loss >= last.loss))
      return narrow(line, origin, std::move(last), std::move(p), budget);
    if (std::abs(p.slope) <= -curvature * origin.slope)
      return p;
    if (p.slope >= 0)
      return narrow(line, origin, std::move(p), std::move(last), budget);
    double next =
        cubic_minimum(last.t, last.loss, last.slope, t, p.loss, p.slope);
    double least = t + 0.01 * (t - last.t), most = 10 * t;
    last = std::move(p);
    t = std::isfinite(next) ? std::clamp(next, least, most) : most;
  }
  return last;
}

double LBFGS::step(const std::function<Variable()> &closure, SourceLocation l) {
  if (detail::recorder())
    throw TraceError("LBFGS: step() decides by the values of losses, which a "
                     "function being compiled does not have; compile the "
                     "closure instead",
                     Location(l));
  LocationScope scope(l);
  int end = calls + std::max(max_eval, 2);
  Line line{closure, {}, {}, {}};
  Point here = evaluate(line, 0);
  if (!std::isfinite(here.loss))
    throw ValueError("LBFGS: the loss is " + std::to_string(here.loss) +
                         " at the start",
                     Location(l));
  for (int i = 0; i < max_iter && calls < end; ++i) {
    if (largest(here.gradient) <= tolerance_grad)
      break;
    // Another set of parameters has another history.
    if (!pairs.empty() && pairs.back().s.size() != here.gradient.size())
      pairs.clear();
    find_direction(line, here.gradient);
    here.slope = dot(here.gradient, line.direction);
    if (!(here.slope < 0)) {
      pairs.clear();
      find_direction(line, here.gradient);
      here.slope = dot(here.gradient, line.direction);
    }
    // Nothing is known of the scale before the first step.
    double length = 0;
    for (double g : here.gradient)
      length += std::abs(g);
    double t = pairs.empty() ? lr * std::min(1.0, 1 / length) : lr;
    line.start = gather(line.params);
    here.t = 0;
    double before = here.loss;
    Point next = search(line, here, t, end - calls);
    // The last point that was tried need not be the one that was chosen.
    Vector x = line.start;
    add(x, next.t, line.direction);
    scatter(x, line.params);
    learn(line, here, next);
    here = std::move(next);
    if (here.t * largest(line.direction) <= tolerance_change ||
        std::abs(here.loss - before) < tolerance_change * std::abs(before))
      break;
  }
  return here.loss;
}

} // namespace etch
