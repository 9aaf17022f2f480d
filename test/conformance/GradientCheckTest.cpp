//===- GradientCheckTest.cpp - Every gradient against differences ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The list of operators is generated from their records. What an operator takes
// is found by asking its own type rule: of all combinations of shapes, element
// types and attributes those are run that the rule admits. Where its values are
// real numbers is found by trying.

#include "etch/compile.h"
#include "etch/etch.h"
#include "frontend/engine/Engine.h"
#include "test/support/GradientChecks.h"
#include "test/support/TestedDevice.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <iostream>

using namespace etch;

namespace {

/// How an operand lies in memory.
enum class Layout { dense, transposed, sliced };

/// One application of an operator.
struct Application {
  const OpInfo *op;
  std::vector<TensorType> operands;
  Attrs attrs;
  TensorType result;
  Layout layout = Layout::dense;

  Variable operator()(const Variables &xs) const {
    return detail::apply(op->id, xs, attrs, Location());
  }
  std::string text() const {
    std::string s = op->name;
    for (const TensorType &t : operands)
      s += " " + to_string(t);
    for (const AttrValue &a : attrs)
      std::visit(
          [&]<class T>(const T &v) {
            if constexpr (std::is_same_v<T, std::string>)
              s += " " + v;
            else if constexpr (std::is_same_v<T, std::vector<int64_t>>)
              s += " " + testing::PrintToString(v);
            else
              s += " " + std::to_string(v);
          },
          a);
    return s + (layout == Layout::transposed ? ", transposed"
                : layout == Layout::sliced   ? ", sliced"
                                             : "");
  }
};

//===- What an operator takes
//-----------------------------------------------===//

/// Rank 0, extents 0 and 1, primes, beyond a vector, beyond a tile.
const std::vector<Shape> &shapes() {
  static const std::vector<Shape> all = {
      {},     {0},       {1},       {7},      {37},         {3, 5},
      {5, 2}, {1, 1},    {3, 1},    {0, 3},   {2, 3, 5},    {2, 5, 3},
      {2, 3}, {1, 4, 1}, {2, 0, 3}, {67, 19}, {2, 17, 131}, {2, 5},
      {1, 4}, {2, 17},   {3, 300},  {300, 2}};
  return all;
}

std::vector<AttrValue> candidates(AttrKind kind, const Shape &x) {
  std::vector<AttrValue> all;
  switch (kind) {
  case AttrKind::i64:
    return {int64_t(0), int64_t(1)};
  case AttrKind::f64:
    return {2.0, 3.0, -1.0, 0.5, 0.0, 1.0};
  case AttrKind::boolean:
    return {false, true};
  case AttrKind::string:
    return {std::string("f64")};
  case AttrKind::i64s:
    break;
  }
  std::vector<int64_t> reversed, every, ones, behind, flat{x.elements()},
      turned;
  behind.push_back(2);
  for (int i = 0; i < x.rank(); ++i) {
    reversed.push_back(x.rank() - 1 - i);
    every.push_back(i);
    ones.push_back(1);
    behind.push_back(x[i] == 1 ? 3 : x[i]);
    turned.push_back(x[x.rank() - 1 - i]);
  }
  all = {reversed, every, ones, behind, flat, turned};
  if (x.rank() > 1) {
    all.push_back(std::vector<int64_t>{0});
    all.push_back(std::vector<int64_t>{x.rank() - 1});
    all.push_back(std::vector<int64_t>{x[x.rank() - 1]});
  }
  if (x.rank() == 3) {
    all.push_back(std::vector<int64_t>{0, 2});
    all.push_back(std::vector<int64_t>{x[0], 4, x[2]});
  }
  return all;
}

/// All lists with one element from each of `choices`.
template <class T>
std::vector<std::vector<T>>
product(const std::vector<std::vector<T>> &choices) {
  std::vector<std::vector<T>> all{{}};
  for (const std::vector<T> &own : choices) {
    std::vector<std::vector<T>> longer;
    for (const std::vector<T> &prefix : all)
      for (const T &value : own) {
        longer.push_back(prefix);
        longer.back().push_back(value);
      }
    all = std::move(longer);
  }
  return all;
}

/// Everything that the operator's type rule admits with a float64 result; what
/// its record gives if that is anything.
std::vector<Application> applications(const OpInfo &op) {
  std::vector<Application> all;
  for (const test::Given &given : test::given_of(op.id)) {
    Application a{&op, {}, given.attrs, {}};
    for (const Shape &shape : given.operands)
      a.operands.push_back({f64, shape});
    std::string error;
    auto result = op.infer(a.operands, a.attrs, error);
    EXPECT_TRUE(result) << a.text() << ": " << error;
    if (result)
      a.result = *result;
    all.push_back(a);
  }
  if (!all.empty())
    return all;
  // Operands of a pointwise operator have one shape.
  std::vector<std::vector<Shape>> operand_shapes;
  if (op.kind == OpKind::pointwise)
    for (const Shape &s : shapes())
      operand_shapes.emplace_back(size_t(op.numOperands), s);
  else
    operand_shapes = product(
        std::vector<std::vector<Shape>>(size_t(op.numOperands), shapes()));
  std::vector<std::vector<DType>> dtypes =
      product(std::vector<std::vector<DType>>(size_t(op.numOperands),
                                              {f64, boolean, i64}));
  for (const std::vector<Shape> &in : operand_shapes)
    for (const std::vector<DType> &types : dtypes) {
      std::vector<std::vector<AttrValue>> choices;
      for (AttrKind kind : op.attrKinds)
        choices.push_back(candidates(kind, in[0]));
      bool any_float = false;
      Application a{&op, {}, {}, {}};
      for (size_t i = 0; i < in.size(); ++i) {
        a.operands.push_back({types[i], in[i]});
        any_float |= types[i] == f64;
      }
      if (!any_float)
        continue;
      std::vector<Attrs> seen;
      for (Attrs &attrs : product(choices)) {
        std::string error;
        auto result = op.infer(a.operands, attrs, error);
        if (!result || result->dtype != f64 ||
            std::find(seen.begin(), seen.end(), attrs) != seen.end())
          continue;
        seen.push_back(attrs);
        a.attrs = attrs;
        a.result = *result;
        all.push_back(a);
      }
    }
  return all;
}

//===- Values
//-----------------------------------------------------------------===//

enum class Domain { any, positive, ties, ties_at_zero };

random::Generator &source() {
  static random::Generator g(20);
  return g;
}

/// An array where operators are tested.
Variable placed(std::span<const double> values, const Shape &shape) {
  return from_data(values, shape).to(test::on_tested_device().device);
}

Variable floats(const Shape &shape, Domain domain) {
  std::vector<double> values(size_t(shape.elements()));
  for (double &v : values) {
    random::Generator &g = source();
    if (domain == Domain::ties)
      v = 1.0 + double(g.at_most(1));
    else if (domain == Domain::ties_at_zero)
      v = double(g.at_most(1));
    else // Away from 0, where many have a corner or a pole.
      v = (0.3 + 1.7 * g.uniform()) *
          (domain == Domain::any && g.at_most(1) ? -1 : 1);
  }
  return placed(values, shape);
}

/// Booleans, or indices that are in range of every axis.
Variable indices(const TensorType &type, const Application &a) {
  int64_t limit = 2;
  for (const Shape &s : {a.operands[0].shape, a.result.shape})
    for (int64_t e : s)
      limit = std::min(limit, e);
  if (type.dtype == boolean)
    limit = 2;
  std::vector<int64_t> values(size_t(type.shape.elements()));
  for (int64_t &v : values)
    v = limit > 1 ? int64_t(source().at_most(uint64_t(limit - 1))) : 0;
  Variable x = from_data(std::span<const int64_t>(values), type.shape)
                   .to(test::on_tested_device().device);
  return type.dtype == boolean ? x != 0 : x;
}

bool in_range(const Application &a) {
  // No index fits an axis without elements.
  if (a.op->kind != OpKind::indexed || a.operands[1].shape.elements() == 0)
    return true;
  return a.operands[0].shape.elements() > 0 && a.result.shape.elements() > 0;
}

/// An application with its operands: leaves, for a gradient, and constants.
struct Problem {
  Application a;
  Variables leaves;    ///< of the float operands
  Variables constants; ///< all operands; empty where it is a leaf
  Variable weight;     ///< y is weighted by it
  Variables direction; ///< first-order gradients are weighted by it

  Problem(const Application &app, Domain domain) : a(app) {
    for (const TensorType &t : a.operands) {
      constants.emplace_back();
      if (t.dtype != f64) {
        constants.back() = indices(t, a);
        continue;
      }
      Shape shape = t.shape;
      // The leaf is larger or turned, the operand a view of it.
      if (a.layout == Layout::transposed && shape.rank() > 1)
        std::swap(shape[0], shape[shape.rank() - 1]);
      else if (a.layout == Layout::sliced && shape.rank() > 0)
        shape[shape.rank() - 1] *= 2;
      leaves.push_back(floats(shape, domain));
      direction.push_back(floats(shape, Domain::any));
    }
    weight = floats(a.result.shape, Domain::any);
  }

  Variable view(const Variable &leaf, const Shape &shape) const {
    if (a.layout == Layout::transposed && shape.rank() > 1) {
      std::vector<int> axes;
      for (int i = 0; i < shape.rank(); ++i)
        axes.push_back(i);
      std::swap(axes.front(), axes.back());
      return transpose(leaf, std::span<const int>(axes));
    }
    if (a.layout == Layout::sliced && shape.rank() > 0) {
      std::vector<Index> index(size_t(shape.rank()), Index(all));
      index.back() = Index(slice(to_end, to_end, 2));
      return get_item(leaf, index);
    }
    return leaf;
  }
  Variable result(const Variables &xs) const {
    Variables operands;
    size_t next = 0;
    for (size_t i = 0; i < constants.size(); ++i)
      operands.push_back(constants[i].defined()
                             ? constants[i]
                             : view(xs[next++], a.operands[i].shape));
    return a(operands);
  }
  Variable loss(const Variables &xs) const { return sum(result(xs) * weight); }
  Variables gradients(const Variables &xs) const {
    Variables g = grad(loss(xs), xs, {.create_graph = true});
    for (size_t i = 0; i < g.size(); ++i)
      if (!g[i].defined())
        g[i] = zeros_like(xs[i]);
    return g;
  }
  /// Its gradients are the second order.
  Variable projection(const Variables &xs) const {
    Variables g = gradients(xs);
    Variable p(0.0);
    for (size_t i = 0; i < g.size(); ++i)
      // A constant gradient has no graph of its own.
      p = p + sum(g[i] * direction[i]) + sum(xs[i] * 0.0);
    return p;
  }
};

bool all_finite(const Variable &x) {
  for (double v : x.to_vector())
    if (!std::isfinite(v))
      return false;
  return true;
}

//===- Differences
//------------------------------------------------------------===//

constexpr double eps = 1e-5;

/// xs with `step` times a direction added to array i.
Variables moved(const Variables &xs, size_t i, const std::vector<double> &by,
                double step) {
  Variables to = xs;
  std::vector<double> values = xs[i].to_vector();
  for (size_t k = 0; k < values.size(); ++k)
    values[k] += step * by[k];
  to[i] = placed(values, xs[i].shape());
  return to;
}

/// Unit directions for small arrays, a few random ones for large.
std::vector<std::vector<double>> directions(size_t n) {
  std::vector<std::vector<double>> all;
  if (n <= 16) {
    for (size_t k = 0; k < n; ++k) {
      all.emplace_back(n, 0.0);
      all.back()[k] = 1;
    }
    return all;
  }
  for (int d = 0; d < 3; ++d) {
    all.emplace_back(n);
    for (double &v : all.back())
      v = source().normal() / std::sqrt(double(n));
  }
  return all;
}

double dot(const Variable &a, const std::vector<double> &b) {
  double s = 0;
  std::vector<double> x = a.to_vector();
  for (size_t k = 0; k < b.size(); ++k)
    s += x[k] * b[k];
  return s;
}

template <class F>
void compare(const Problem &p, F f, const Variables &gradients,
             const char *order) {
  ASSERT_EQ(gradients.size(), p.leaves.size());
  for (size_t i = 0; i < p.leaves.size(); ++i) {
    ASSERT_EQ(gradients[i].type(), p.leaves[i].type())
        << p.a.text() << ", " << order;
    for (const auto &d : directions(size_t(p.leaves[i].size()))) {
      double numerical = (f(moved(p.leaves, i, d, eps)).item() -
                          f(moved(p.leaves, i, d, -eps)).item()) /
                         (2 * eps);
      double ours = dot(gradients[i], d);
      double scale = 1 + std::abs(f(p.leaves).item()) * 1e-2;
      ASSERT_NEAR(ours, numerical, 2e-6 * (scale + std::abs(numerical)))
          << p.a.text() << ", " << order << " order, operand " << i;
    }
  }
}

Variables or_zeros(Variables g, const Variables &xs) {
  for (size_t i = 0; i < g.size(); ++i)
    if (!g[i].defined())
      g[i] = zeros_like(xs[i]);
  return g;
}

void check(const Application &a) {
  Problem p(a, Domain::any);
  if (!all_finite(p.result(p.leaves)))
    p = Problem(a, Domain::positive);
  if (!all_finite(p.result(p.leaves))) {
    // The mean of nothing is NaN; anything else has numbers somewhere.
    ASSERT_EQ(a.operands[0].shape.elements(), 0) << a.text();
    return;
  }
  compare(
      p, [&](const Variables &xs) { return p.loss(xs); }, p.gradients(p.leaves),
      "first");
  if (testing::Test::HasFatalFailure())
    return;
  compare(
      p, [&](const Variables &xs) { return p.projection(xs); },
      or_zeros(grad(p.projection(p.leaves), p.leaves), p.leaves), "second");
}

/// At corners the gradient lies between the two one-sided ones.
void check_ties(const Application &a, Domain domain) {
  constexpr double h = 1e-6, tolerance = 1e-4;
  Problem p(a, domain);
  if (!all_finite(p.result(p.leaves)))
    return;
  double here = p.loss(p.leaves).item();
  Variables g = p.gradients(p.leaves);
  for (size_t i = 0; i < g.size(); ++i)
    for (const auto &d : directions(size_t(p.leaves[i].size()))) {
      double above = (p.loss(moved(p.leaves, i, d, h)).item() - here) / h;
      double below = (here - p.loss(moved(p.leaves, i, d, -h)).item()) / h;
      double ours = dot(g[i], d);
      if (!std::isfinite(above) || !std::isfinite(below) ||
          !std::isfinite(ours))
        continue;
      ASSERT_GE(ours, std::min(above, below) - tolerance) << a.text();
      ASSERT_LE(ours, std::max(above, below) + tolerance) << a.text();
    }
}

class GradientCheck : public testing::TestWithParam<size_t> {
protected:
  const OpInfo &op = opInfo(test::gradient_checks[GetParam()].id);
};

TEST_P(GradientCheck, FirstAndSecondOrder) {
  int count = 0;
  for (Application &a : applications(op)) {
    if (!in_range(a))
      continue;
    ++count;
    check(a);
    if (HasFatalFailure())
      return;
  }
  EXPECT_GT(count, 0) << op.name << ": no application was found";
  RecordProperty("applications", count);
  std::cout << "  " << op.name << ": " << count << " applications\n";
}

TEST_P(GradientCheck, StridedViews) {
  for (Application &a : applications(op)) {
    if (!in_range(a))
      continue;
    for (Layout layout : {Layout::transposed, Layout::sliced}) {
      a.layout = layout;
      check(a);
      if (HasFatalFailure())
        return;
    }
  }
}

TEST_P(GradientCheck, Ties) {
  for (Application &a : applications(op)) {
    // Between the one-sided ones along each axis, that is; not along others.
    if (!in_range(a) || a.operands[0].shape.elements() > 16)
      continue;
    for (Domain domain : {Domain::ties, Domain::ties_at_zero}) {
      check_ties(a, domain);
      if (HasFatalFailure())
        return;
    }
  }
}

TEST_P(GradientCheck, CompiledHasTheSameBits) {
  int count = 0;
  for (Application &a : applications(op)) {
    // One shape stands for the others.
    if (!in_range(a) || a.result.shape.elements() < 4 ||
        a.result.shape.elements() > 700 || ++count > 3)
      continue;
    Problem p(a, Domain::positive);
    auto all_orders = [&](const Variables &xs) {
      Variables results{p.result(xs)};
      for (const Variable &g : p.gradients(xs))
        results.push_back(g);
      for (const Variable &g : or_zeros(grad(p.projection(xs), xs), xs))
        results.push_back(g);
      return results;
    };
    Variables eager = all_orders(p.leaves);
    Variables compiled =
        compile(all_orders, test::on_tested_device())(p.leaves);
    ASSERT_EQ(eager.size(), compiled.size());
    for (size_t i = 0; i < eager.size(); ++i) {
      std::vector<double> e = eager[i].to_vector(), c = compiled[i].to_vector();
      ASSERT_EQ(e.size(), c.size());
      ASSERT_EQ(std::memcmp(e.data(), c.data(), e.size() * 8), 0)
          << a.text() << ", result " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(C047_C067, GradientCheck,
                         testing::Range(size_t(0),
                                        std::size(test::gradient_checks)),
                         [](const testing::TestParamInfo<size_t> &info) {
                           return test::gradient_checks[info.param].name;
                         });

// A wrong rule must be noticed: here one that forgets a factor.
TEST(GradientCheckHarness, AWrongGradientIsFound) {
  const OpInfo &op = *findOp("exp");
  Application a{&op, {{f64, {3}}}, {}, {f64, {3}}};
  Problem p(a, Domain::any);
  Variables wrong = p.gradients(p.leaves);
  wrong[0] = wrong[0] * (1 + 1e-4);
  Variable g = wrong[0];
  auto f = [&](const Variables &xs) { return p.loss(xs); };
  std::vector<double> d = directions(3)[0];
  double numerical = (f(moved(p.leaves, 0, d, eps)).item() -
                      f(moved(p.leaves, 0, d, -eps)).item()) /
                     (2 * eps);
  EXPECT_GT(std::abs(dot(g, d) - numerical), 2e-6 * (1 + std::abs(numerical)));
}

} // namespace
