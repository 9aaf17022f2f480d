//===- PlanTest.cpp - plans are sound, and near the lower bound -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Buffer/Plan.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

using namespace etch;

namespace {

/// Lifetimes of a forward and a backward sweep: values die in reverse order.
std::vector<Lifetime> trainingStep(int layers) {
  std::vector<Lifetime> all;
  for (int i = 0; i < layers; ++i) {
    all.push_back({i, 2 * layers - i, 1000 + 64 * (i % 7)});
    all.push_back({2 * layers - i - 1, 2 * layers - i, 5000});
  }
  return all;
}

std::vector<Lifetime> randomLifetimes(int count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<Lifetime> all;
  for (int i = 0; i < count; ++i) {
    int64_t begin = random() % 200;
    all.push_back(
        {begin, begin + int64_t(random() % 20), int64_t(random() % 10000)});
  }
  return all;
}

void expectSound(const std::vector<Lifetime> &all, int64_t total) {
  for (size_t i = 0; i < all.size(); ++i) {
    const Lifetime &a = all[i];
    EXPECT_EQ(a.offset % arenaAlignment, 0);
    if (a.bytes == 0)
      continue;
    EXPECT_GE(a.offset, 0);
    EXPECT_LE(a.offset + a.bytes, total);
    for (size_t j = 0; j < i; ++j) {
      const Lifetime &b = all[j];
      bool inTime = a.begin <= b.end && b.begin <= a.end;
      bool inSpace =
          a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
      EXPECT_FALSE(inTime && inSpace && b.bytes != 0) << i << " and " << j;
    }
  }
}

TEST(PlanTest, NothingTakesNothing) {
  std::vector<Lifetime> none;
  EXPECT_EQ(planArena(none), 0);
  EXPECT_EQ(liveBytes(none), 0);
}

TEST(PlanTest, TheDeadMakeRoom) {
  std::vector<Lifetime> all = {{0, 1, 100}, {1, 2, 100}, {2, 3, 100}};
  EXPECT_EQ(planArena(all), 256);
  EXPECT_EQ(liveBytes(all), 256);
  expectSound(all, 256);
}

TEST(PlanTest, TrainingStepsReachTheLowerBound) {
  for (int layers : {1, 2, 10, 100}) {
    std::vector<Lifetime> all = trainingStep(layers);
    int64_t total = planArena(all);
    expectSound(all, total);
    EXPECT_EQ(total, liveBytes(all)) << layers;
  }
}

TEST(PlanTest, RandomLifetimesComeNear) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    std::vector<Lifetime> all = randomLifetimes(300, seed);
    int64_t total = planArena(all);
    expectSound(all, total);
    EXPECT_GE(total, liveBytes(all));
    EXPECT_LE(total, liveBytes(all) * 1.2) << seed;
  }
}

TEST(PlanTest, ManyLifetimesArePlannedQuickly) {
  std::vector<Lifetime> all;
  for (int64_t i = 0; i < 200000; ++i)
    all.push_back({i, i + 3, 64 * (1 + i % 5)});
  int64_t total = planArena(all);
  EXPECT_LE(total, liveBytes(all) * 2);
}

} // namespace
