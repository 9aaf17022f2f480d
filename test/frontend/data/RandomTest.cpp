//===- RandomTest.cpp - NumPy's stream, number by number ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/random.h"
#include "etch/etch.h"
#include "test/support/Json.h"
#include "test/support/Near.h"

using namespace etch;
using test::Json;

namespace {

const Json &expected() {
  static const Json data = Json::data("random.json");
  return data;
}

std::vector<int64_t> integers(const Json &values) {
  std::vector<int64_t> all;
  for (double v : values.numbers())
    all.push_back(int64_t(v));
  return all;
}

TEST(Random, C164_UniformsAndNormalsOfSeed0) {
  random::seed(0);
  Variable uniform = random::rand({3});
  EXPECT_EQ(uniform.dtype(), f64);
  EXPECT_EQ(uniform.to_vector(), expected()["rand_0"].numbers());
  EXPECT_TRUE(test::near(
      uniform.to_vector(),
      {0.5488135039273248, 0.7151893663724195, 0.6027633760716439}, 0));
  random::seed(0);
  EXPECT_EQ(random::randn({5}).to_vector(), expected()["randn_0"].numbers());
  // The second normal of the last pair waits; uniforms go on behind it.
  EXPECT_EQ(random::rand({2}).to_vector(),
            expected()["rand_after_randn_0"].numbers());
}

TEST(Random, C164_IntegersAndOrders) {
  random::seed(7);
  EXPECT_EQ(random::permutation(20).to_vector<int64_t>(),
            integers(expected()["permutation_7"]));
  EXPECT_EQ(random::randint(-5, 100, {8}).to_vector<int64_t>(),
            integers(expected()["randint_7"]));
  EXPECT_EQ(random::choice(50, 6, {.replace = false}).to_vector<int64_t>(),
            integers(expected()["choice_7"]));
  random::seed(11);
  std::vector<int64_t> wide =
      random::randint(-(int64_t(1) << 62), int64_t(1) << 62, {4})
          .to_vector<int64_t>();
  for (size_t i = 0; i < wide.size(); ++i)
    EXPECT_EQ(std::to_string(wide[i]), expected()["randint_wide_11"][i].text());
}

TEST(Random, C164_LargeSeedAndLongStream) {
  random::seed(4294967295u);
  EXPECT_EQ(random::rand({2}).to_vector(),
            expected()["rand_max_seed"].numbers());
  random::seed(5);
  random::rand({10, 100});
  EXPECT_EQ(random::rand({3}).to_vector(), expected()["rand_1000_5"].numbers());
  EXPECT_EQ(random::uniform(-2, 3, {3}).to_vector(),
            expected()["uniform_5"].numbers());
}

TEST(Random, C164_StateCanBeKeptAndPutBack) {
  random::seed(3);
  random::randn({3});
  random::State state = random::get_state();
  std::vector<double> first = random::randn({9}).to_vector();
  EXPECT_FALSE(random::get_state() == state);
  random::set_state(state);
  EXPECT_EQ(random::randn({9}).to_vector(), first);
  random::Generator own(3);
  own.normal(), own.normal(), own.normal();
  EXPECT_TRUE(own.get_state() == state);
}

TEST(Random, ShapesAndEmptyDraws) {
  EXPECT_EQ(random::rand().shape(), Shape{});
  EXPECT_EQ(random::randn({0, 3}).shape(), (Shape{0, 3}));
  EXPECT_EQ(random::permutation(0).size(), 0);
  EXPECT_EQ(random::randint(4, 5, {3}).to_vector<int64_t>(),
            (std::vector<int64_t>{4, 4, 4}));
}

TEST(Random, RefusesWhatHasNoMeaning) {
  EXPECT_THROW(random::randint(3, 3), ValueError);
  EXPECT_THROW(random::permutation(-1), ValueError);
  EXPECT_THROW(random::choice(3, 4, {.replace = false}), ValueError);
  EXPECT_THROW(random::choice(0, 1), ValueError);
}

} // namespace
