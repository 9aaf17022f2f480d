//===- OperatorTest.cpp - the gradient of every operator ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The list of operators is generated from their records: one that is added
// there is checked here, in first and second order, on shapes with extents 0
// and 1, primes, more than a vector, and strided views.
//===----------------------------------------------------------------------===//

#include "etch/etch.h"
#include "frontend/engine/Engine.h"
#include "test/support/GradientChecks.h"

#include <cmath>
#include <functional>
#include <gtest/gtest.h>

using namespace etch;
using test::CheckedOp;
using test::Given;
using test::List;

namespace {

/// Numbers in (0.3, 1.7), all different, none near a tie or a kink.
Variable sample(const Shape &shape, int seed) {
  std::vector<double> values(size_t(shape.elements()));
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = 0.3 + 1.4 * std::fmod(0.618033988749 * double(i + 1) +
                                          0.414213562 * seed,
                                      1.0);
  return from_data(values, shape);
}

/// One way to use an operator: its operands and how it is applied to them.
struct Use {
  Variables xs;
  Attrs attrs;
};

std::vector<Use> uses_of(const CheckedOp &op) {
  const OpInfo &info = opInfo(op.id);
  std::vector<Use> uses;
  for (const Given &given : op.given) {
    Use use{{}, given.attrs};
    for (size_t i = 0; i < given.operands.size(); ++i)
      use.xs.push_back(sample(given.operands[i], int(i)));
    uses.push_back(use);
  }
  if (!uses.empty())
    return uses;
  if (op.kind == OpKind::pointwise) {
    for (Shape shape : {Shape{}, Shape{1}, Shape{7}, Shape{2, 13}, Shape{0, 3},
                        Shape{3, 1, 5}}) {
      Use use;
      for (int i = 0; i < info.numOperands; ++i)
        use.xs.push_back(sample(shape, i));
      if (info.numOperands == 3)
        use.xs[0] = use.xs[0] > 1.0;
      for (AttrKind kind : info.attrKinds)
        use.attrs.push_back(kind == AttrKind::f64
                                ? AttrValue(3.0)
                                : AttrValue(std::string("f64")));
      uses.push_back(use);
    }
    // Views: transposed, repeated, every second one backwards.
    Use views;
    for (int i = 0; i < info.numOperands; ++i)
      views.xs.push_back(
          i % 2 ? broadcast_to(sample({5, 1}, i), {5, 4})
                : transpose(sample({4, 9}, i)[{all, slice(8, to_end, -2)}]));
    if (info.numOperands == 3)
      views.xs[0] = views.xs[0] > 1.0;
    views.attrs = uses[0].attrs;
    uses.push_back(views);
    return uses;
  }
  auto add = [&](Variables xs, Attrs attrs) {
    uses.push_back({std::move(xs), std::move(attrs)});
  };
  Variable x = sample({2, 3, 5}, 0), strided = sample({5, 3, 2}, 0).T();
  switch (op.kind) {
  case OpKind::view:
  case OpKind::reduction:
    if (op.id == OpId::Reshape)
      for (auto &v : {x, strided})
        add({v}, {List{5, 6}});
    else if (op.id == OpId::Transpose)
      for (auto &v : {x, strided})
        add({v}, {List{1, 2, 0}});
    else if (op.id == OpId::BroadcastTo)
      add({sample({3, 1}, 0)}, {List{2, 3, 4}});
    else if (op.id == OpId::SumTo)
      for (auto &v : {x, strided})
        add({v}, {List{3, 1}});
    else if (op.id == OpId::SliceAt || op.id == OpId::PlaceAt)
      // Starts beyond the ends, too.
      for (int64_t start : {-3, 0, 1, 9})
        for (auto &v : {x, strided})
          add({v, Variable(start)},
              {int64_t(2),
               op.id == OpId::SliceAt ? List{2, 3, 2} : List{2, 3, 11}});
    else
      for (auto &v : {x, strided, sample({17, 3, 41}, 1)})
        for (List axes : {List{0}, List{1}, List{2}, List{0, 2}, List{0, 1, 2}})
          add({v}, {axes, axes.size() == 2});
    break;
  case OpKind::scan:
    for (auto &v : {x, strided, sample({17, 3, 41}, 1)})
      for (int64_t axis : {0, 1, 2})
        for (bool reverse : {false, true})
          add({v}, {axis, reverse});
    break;
  case OpKind::contraction:
    add({sample({2, 3}, 0), sample({3, 4}, 1)}, {});
    add({sample({3, 2}, 0).T(), sample({4, 3}, 1).T()}, {});
    add({sample({1, 5}, 0), sample({5, 1}, 1)}, {});
    add({sample({2, 2, 3}, 0), sample({2, 3, 5}, 1)}, {});
    add({sample({2, 1, 2, 3}, 0), sample({2, 1, 3, 2}, 1)}, {});
    break;
  default: {
    Variable index = array({{0, 2, -1, 2}, {1, 1, 1, 0}});
    bool scatter = info.shaped;
    add({sample({2, scatter ? 4 : 3, 5}, 0), index},
        scatter ? Attrs{List{2, 3, 5}} : Attrs{});
  }
  }
  return uses;
}

/// d sum(f(x) * weights)/dx, for a weighting that tells all elements apart.
Variable weighted(const Variable &y) { return sum(y * sample(y.shape(), 3)); }

class Operator : public testing::TestWithParam<CheckedOp> {};

} // namespace

TEST_P(Operator, C036_C047_GradientsOfFirstAndSecondOrder) {
  const CheckedOp &op = GetParam();
  std::vector<Use> uses = uses_of(op);
  ASSERT_FALSE(uses.empty());
  for (const Use &use : uses)
    for (size_t i = 0; i < use.xs.size(); ++i) {
      if (!is_floating(use.xs[i].dtype()))
        continue;
      SCOPED_TRACE("operand " + std::to_string(i) + ": " +
                   to_string(use.xs[i].shape()));
      auto f = [&](const Variable &x) {
        Variables xs = use.xs;
        // The layout of the operand is part of the case.
        xs[i] = x;
        return weighted(detail::apply(op.id, xs, use.attrs, {}));
      };
      auto slope = [&](const Variable &x) {
        Variable g = grad(f(x), {x}, {.create_graph = true})[0];
        return g.defined() ? weighted(g) : sum(x) * 0;
      };
      EXPECT_TRUE(gradient_check(f, use.xs[i], {1e-6, 1e-7})) << "first order";
      if (use.xs[i].size() < 100)
        EXPECT_TRUE(gradient_check(slope, use.xs[i], {1e-5, 1e-6}))
            << "second order";
    }
}

INSTANTIATE_TEST_SUITE_P(Table, Operator,
                         testing::ValuesIn(test::gradient_checks),
                         [](const testing::TestParamInfo<CheckedOp> &p) {
                           return std::string(p.param.name);
                         });
