//===- DatasetTest.cpp - Samples, transforms, batches ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/datasets.h"
#include "etch/etch.h"
#include "etch/random.h"
#include "test/support/Json.h"
#include "test/support/Near.h"

#include <set>

using namespace etch;
using test::Json;

namespace {

Dataset six() {
  return Dataset(array({{1.0, 2.0}, {3.0, 4.0}, {5.0, 6.0}}), array({0, 1, 2}));
}

TEST(Dataset, C096_IndexAndLength) {
  Dataset data = six();
  EXPECT_EQ(data.len(), 3);
  auto [x, t] = data[1];
  EXPECT_EQ(x.to_vector(), (std::vector<double>{3, 4}));
  EXPECT_EQ(x.shape(), Shape{2});
  EXPECT_EQ(t.shape(), Shape{});
  EXPECT_EQ(t.item<int64_t>(), 1);
  EXPECT_THROW(data[3], ValueError);
  EXPECT_THROW(data[-1], ValueError);
  try {
    data[7];
    FAIL();
  } catch (const ValueError &e) {
    EXPECT_NE(std::string(e.what()).find("index 7 is out of range"),
              std::string::npos);
  }
}

// An index is one integer: slices do not compile.
template <class I>
concept Indexes = requires(const Dataset &d, I i) { d[i]; };
static_assert(Indexes<int>);
static_assert(!Indexes<Slice>);
static_assert(!Indexes<Variable>);

TEST(Dataset, C096_WithoutLabels) {
  Dataset data(array({1.0, 2.0}));
  auto [x, t] = data[0];
  EXPECT_EQ(x.item(), 1.0);
  EXPECT_FALSE(t.defined());
  EXPECT_FALSE(data.batch(std::vector<int64_t>{0, 1}).t.defined());
}

TEST(Dataset, C096_LabelsMustFit) {
  EXPECT_THROW(Dataset(array({1.0, 2.0}), array({1})), ShapeError);
}

struct Squares : Dataset {
  mutable std::multiset<int64_t> reads;
  int64_t len() const override { return 1000000; }
  Sample get(int64_t i) const override {
    reads.insert(i);
    return {full({2}, double(i) * double(i)), full({}, i)};
  }
};

TEST(Dataset, C098_ReadsOnAccess) {
  Squares data;
  DataLoader loader(data, 4, {.shuffle = false});
  EXPECT_EQ(loader.len(), 250000);
  Sample first = *loader.begin();
  EXPECT_EQ(data.reads, (std::multiset<int64_t>{0, 1, 2, 3}));
  EXPECT_EQ(first.x.shape(), (Shape{4, 2}));
  EXPECT_EQ(first.t.to_vector<int64_t>(), (std::vector<int64_t>{0, 1, 2, 3}));
  EXPECT_EQ(first.x.to_vector()[7], 9.0);
}

TEST(Dataset, SamplesOfABatchMustAgree) {
  struct Ragged : Dataset {
    int64_t len() const override { return 3; }
    Sample get(int64_t i) const override {
      return {i == 2 ? zeros({2}, {.dtype = f32}) : zeros({i + 1}), {}};
    }
  } data;
  EXPECT_THROW(data.batch(std::vector<int64_t>{0, 1}), ShapeError);
  EXPECT_THROW(data.batch(std::vector<int64_t>{1, 2}), DTypeError);
}

TEST(Transforms, C099_NormalizeFlattenAsTypeCompose) {
  Variable x = array({{1.0, 2.0}, {3.0, 4.0}});
  EXPECT_EQ(Normalize({.mean = 1, .std = 2})(x).to_vector(),
            (std::vector<double>{0, .5, 1, 1.5}));
  EXPECT_EQ(Normalize({.mean = 0.0, .std = 2.0})(x).to_vector(),
            (std::vector<double>{.5, 1, 1.5, 2}));
  EXPECT_EQ(Flatten()(x).shape(), Shape{4});
  EXPECT_EQ(AsType{f32}(x).dtype(), f32);
  EXPECT_EQ(AsType{f64}(x).dtype(), f64);
  // In this order: (x + 1) * 10, not x * 10 + 1.
  Compose both{[](const Variable &v) { return v + 1; },
               [](const Variable &v) { return v * 10; }, Flatten()};
  EXPECT_EQ(both(x).to_vector(), (std::vector<double>{20, 30, 40, 50}));
}

TEST(Transforms, C099_RunOnEachSampleWithoutAGraph) {
  Dataset data(
      array({1.0, 2.0}), array({3, 4}), [](const Variable &x) { return x / 2; },
      [](const Variable &t) { return t * 10; });
  Sample s = data.batch(std::vector<int64_t>{1, 0});
  EXPECT_EQ(s.x.to_vector(), (std::vector<double>{1, .5}));
  EXPECT_EQ(s.t.to_vector<int64_t>(), (std::vector<int64_t>{40, 30}));
  EXPECT_FALSE(data[0].x.creator());
}

TEST(DataLoader, C100_BatchesInOrder) {
  Dataset data(arange(7.0), arange(7));
  DataLoader loader(data, 3, {.shuffle = false});
  EXPECT_EQ(loader.len(), 3);
  for (int epoch = 0; epoch < 2; ++epoch) {
    std::vector<int64_t> sizes;
    std::vector<double> seen;
    for (auto &[x, t] : loader) {
      sizes.push_back(x.len());
      for (double v : x.to_vector())
        seen.push_back(v);
      EXPECT_EQ(x.to_vector<int64_t>(), t.to_vector<int64_t>());
    }
    EXPECT_EQ(sizes, (std::vector<int64_t>{3, 3, 1}));
    EXPECT_EQ(seen, (std::vector<double>{0, 1, 2, 3, 4, 5, 6}));
  }
}

TEST(DataLoader, C100_ReshufflesEachEpoch) {
  Spiral spiral;
  random::seed(1);
  // The orders are those that the stream gives one after the other.
  std::vector<std::vector<int64_t>> orders;
  for (int i = 0; i < 3; ++i)
    orders.push_back(random::permutation(300).to_vector<int64_t>());
  random::seed(1);
  Dataset numbers(arange(300));
  DataLoader loader(numbers, 30);
  for (int epoch = 0; epoch < 3; ++epoch) {
    std::vector<int64_t> seen;
    int batches = 0;
    for (auto &[x, t] : loader) {
      ++batches;
      for (int64_t v : x.to_vector<int64_t>())
        seen.push_back(v);
    }
    EXPECT_EQ(batches, 10);
    EXPECT_EQ(seen, orders[size_t(epoch)]);
  }
}

TEST(DataLoader, StartsAnewAfterAnEpochThatWasLeft) {
  Dataset data(arange(10));
  DataLoader loader(data, 4, {.shuffle = false});
  for ([[maybe_unused]] auto &[x, t] : loader)
    break;
  EXPECT_EQ((*loader.begin()).x.to_vector<int64_t>()[0], 0);
  EXPECT_THROW(DataLoader(data, 0), ValueError);
  Dataset none(zeros({0, 3}));
  DataLoader empty(none, 4);
  EXPECT_EQ(empty.len(), 0);
  for ([[maybe_unused]] auto &[x, t] : empty)
    FAIL();
}

TEST(Spiral, C097_ExactNumbers) {
  Json expected = Json::data("datasets.json")["spiral"];
  Spiral train;
  EXPECT_EQ(train.len(), 300);
  EXPECT_EQ(train.data().shape(), (Shape{300, 2}));
  EXPECT_EQ(train.label().shape(), (Shape{300}));
  EXPECT_EQ(train.data().dtype(), f32);
  EXPECT_EQ(train.label().dtype(), i64);
  for (int i : {0, 10, 110, 299}) {
    std::string at = std::to_string(i);
    auto [x, t] = train[i];
    EXPECT_TRUE(test::near(x.to_vector(), expected["x" + at].numbers(), 1e-7));
    EXPECT_EQ(t.item<int64_t>(), int64_t(expected["t" + at].number()));
  }
  double sum = 0;
  for (double v : train.data().to_vector())
    sum += v;
  EXPECT_NEAR(sum, expected["sum"].number(), 1e-5);
}

TEST(Spiral, C097_TheStreamGoesOnBehindIt) {
  Spiral train;
  EXPECT_EQ(random::randn().item(),
            Json::data("datasets.json")["spiral"]["randn_after"].number());
  Spiral test({.train = false});
  EXPECT_NE(test[0].x.to_vector(), train[0].x.to_vector());
}

TEST(SinCurve, C103_LengthAndShift) {
  Json expected = Json::data("datasets.json")["sin_curve"];
  random::seed(0);
  SinCurve train;
  ASSERT_EQ(train.len(), 999);
  std::vector<double> x = train.data().to_vector(),
                      t = train.label().to_vector();
  EXPECT_TRUE(std::equal(x.begin() + 1, x.end(), t.begin()));
  EXPECT_TRUE(test::near({x[0], x[500], t[998]},
                         {expected["x0"].number(), expected["x500"].number(),
                          expected["t998"].number()},
                         1e-13));
  SinCurve test({.train = false});
  EXPECT_NEAR(test.data().to_vector()[500], expected["test_x500"].number(),
              1e-15);
}

} // namespace
