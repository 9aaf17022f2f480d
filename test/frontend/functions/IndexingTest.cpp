//===- IndexingTest.cpp - parts of arrays as NumPy takes them -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The expected values are NumPy's: x[index] for x = 0, 1, 2, …, and what
// add.at(0, index, (1, 2, 3, …)) gives: the gradient.
//===----------------------------------------------------------------------===//

#include "etch/compile.h"
#include "etch/etch.h"
#include "test/support/Json.h"

#include <gmock/gmock.h>
#include <numeric>

using namespace etch;
using etch::test::Json;

namespace {

Shape shape_of(const Json &list) {
  Shape shape;
  for (double e : list.numbers())
    shape.push_back(int64_t(e));
  return shape;
}

Variable integers(const Json &list, const Shape &shape) {
  std::vector<int64_t> values;
  for (double v : list.numbers())
    values.push_back(int64_t(v));
  return from_data(std::span<const int64_t>(values), shape);
}

Index index_of(const Json &item) {
  auto limit = [](const Json &i) {
    return i.is_null() ? to_end : int64_t(i.number());
  };
  if (item.has("integer"))
    return Index(int64_t(item["integer"].number()));
  if (item.has("slice"))
    return Index(slice(limit(item["slice"][0]), limit(item["slice"][1]),
                       int64_t(item["slice"][2].number())));
  if (item.has("new"))
    return Index(new_axis);
  if (item.has("ellipsis"))
    return Index(ellipsis);
  if (item.has("mask"))
    return Index(integers(item["mask"], shape_of(item["shape"])) > 0);
  return Index(integers(item["array"], shape_of(item["shape"])));
}

/// x = 0, 1, 2, …
Variable counting(const Shape &shape) {
  std::vector<double> values(size_t(shape.elements()));
  std::iota(values.begin(), values.end(), 0);
  return from_data(std::span<const double>(values), shape);
}

const Json &cases() {
  static const Json all = Json::data("indexing.json");
  return all;
}

class Indexing : public testing::TestWithParam<size_t> {
protected:
  const Json &c = cases()[GetParam()];
  std::vector<Index> indices;
  Variable x = counting(shape_of(c["x"]));
  /// Weights 1, 2, 3, … of the elements taken.
  Variable weights = counting(shape_of(c["shape"])) + 1.0;

  void SetUp() override {
    for (const Json &item : c["index"].array())
      indices.push_back(index_of(item));
  }
  Variables results(const Variable &x) const {
    Variable y = get_item(x, indices);
    Variable first = grad(sum(y * weights), {x}, {.create_graph = true})[0];
    // What is linear has a second derivative through something else.
    Variable cubes =
        grad(sum(y * y * y * weights), {x}, {.create_graph = true})[0];
    return {y, first, grad(sum(cubes), {x})[0]};
  }
  void check(const Variables &r) const {
    SCOPED_TRACE(c["name"].text());
    EXPECT_EQ(r[0].shape(), shape_of(c["shape"]));
    EXPECT_EQ(r[0].to_vector(), c["y"].numbers());
    EXPECT_EQ(r[1].to_vector(), c["gx"].numbers());
    std::vector<double> second = c["gx"].numbers();
    for (size_t i = 0; i < second.size(); ++i)
      second[i] *= 6.0 * double(i);
    EXPECT_EQ(r[2].to_vector(), second);
  }
};

TEST_P(Indexing, C065_Eager) { check(results(x)); }

TEST_P(Indexing, C065_Compiled) {
  auto f = compile([&](const Variable &x) { return results(x); });
  check(f(x));
  check(f(x));
  EXPECT_EQ(f.trace_count(), 1);
}

INSTANTIATE_TEST_SUITE_P(NumPy, Indexing,
                         testing::Range(size_t(0), cases().size()),
                         [](const auto &info) {
                           std::string name =
                               cases()[info.param]["name"].text();
                           std::replace(name.begin(), name.end(), ' ', '_');
                           return name;
                         });

TEST(C065_GetItem, WrongIndices) {
  Variable x = counting({3, 4});
  EXPECT_THROW((x[{ellipsis, 0, ellipsis}]), ValueError);
  EXPECT_THROW((x[{0, ellipsis, 0, 0}]), ShapeError);
  EXPECT_THROW((x[{array({0, 1, 2}), array({0, 1})}]), ShapeError);
  EXPECT_THROW(x[array({1, 0}) > 0], ShapeError);
  EXPECT_THROW(x[array({0, 3})], ValueError);
  EXPECT_THROW((x[{0, 4}]), ValueError);
  EXPECT_THROW(x[std::vector<int64_t>({0, -4})], ValueError);
}

TEST(C065_GetItem, ListsOfIntegers) {
  Variable x = counting({3, 2});
  EXPECT_EQ(x[std::vector<int64_t>({2, 0, 2})].to_vector(),
            (std::vector<double>{4, 5, 0, 1, 4, 5}));
}

TEST(C065_GetItem, EagerSlicesAreViews) {
  Variable x = counting({4, 6});
  uint64_t before = eager_kernel_runs();
  Variable y = x[{slice(to_end, to_end, -1), slice(1, 6, 2)}][1];
  EXPECT_EQ(eager_kernel_runs(), before);
  EXPECT_EQ(y.to_vector(), (std::vector<double>{13, 15, 17}));
}

TEST(C065_GetItem, PairsOutOfRangeInAProgram) {
  auto f = compile([](const Variable &x, const Variable &i, const Variable &j) {
    return x[{i, j}];
  });
  Variable x = counting({3, 4});
  EXPECT_EQ(f(x, array({0, -1}), array({3, -4})).to_vector(),
            (std::vector<double>{3, 8}));
  // In range once they are one number, but not each for itself.
  EXPECT_THROW(f(x, array({0, 1}), array({3, 5})), ValueError);
  EXPECT_THROW(f(x, array({0, 1}), array({3, -5})), ValueError);
  EXPECT_THROW(f(x, array({0, 3}), array({3, 0})), ValueError);
}

TEST(C065_GetItem, MasksOfAProgramAreNotKnown) {
  auto f = compile([](const Variable &x) { return x[x > 1.0]; });
  EXPECT_THROW(f(counting({3})), TraceError);
}

} // namespace
