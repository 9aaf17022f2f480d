//===- LoaderTest.cpp - Batches in order, ahead of time, in streams -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/etch.h"

#include <atomic>
#include <chrono>
#include <gmock/gmock.h>
#include <set>
#include <thread>

using namespace etch;
using testing::HasSubstr;

namespace {

/// All epochs' batches as numbers, with draws by the user between batches.
std::vector<double> run(int64_t prefetch, bool shuffle, int epochs) {
  random::seed(7);
  Dataset data(arange(10.0), arange(10), [](const Variable &x) {
    return x + random::rand().item(); // an augmentation
  });
  DataLoader loader(data, 4, {.shuffle = shuffle, .prefetch = prefetch});
  std::vector<double> seen;
  for (int epoch = 0; epoch < epochs; ++epoch)
    for (auto &[x, t] : loader) {
      for (double v : x.to_vector())
        seen.push_back(v);
      for (double v : t.to_vector())
        seen.push_back(v);
      seen.push_back(random::rand().item());
    }
  seen.push_back(random::randn().item());
  return seen;
}

TEST(DataLoader, C100_PrefetchChangesNothing) {
  for (bool shuffle : {false, true}) {
    std::vector<double> plain = run(0, shuffle, 3);
    EXPECT_EQ(plain.size(), 3 * (10 + 10 + 3) + 1u);
    for (int64_t ahead : {1, 2, 100})
      EXPECT_EQ(run(ahead, shuffle, 3), plain) << ahead;
  }
}

TEST(DataLoader, C100_TransformsDrawAnewInEachEpoch) {
  std::vector<double> seen = run(0, false, 2);
  std::vector<double> first(seen.begin(), seen.begin() + 4),
      second(seen.begin() + 23, seen.begin() + 27);
  EXPECT_NE(first, second);
  // The user's stream sees nothing of it: only its own draws, in order.
  random::seed(7);
  EXPECT_EQ(seen[8], random::rand().item());
  EXPECT_EQ(seen[17], random::rand().item());
}

TEST(DataLoader, C100_NextEndsLikeAnIterator) {
  Dataset data(arange(5));
  for (int64_t ahead : {0, 2}) {
    DataLoader loader(data, 2, {.shuffle = false, .prefetch = ahead});
    for (int epoch = 0; epoch < 3; ++epoch) {
      EXPECT_EQ(loader.next()->x.to_vector<int64_t>(),
                (std::vector<int64_t>{0, 1}));
      EXPECT_TRUE(loader.next());
      EXPECT_EQ(loader.next()->x.shape(), Shape{1});
      EXPECT_FALSE(loader.next());
    }
    // A range-for starts over, also in the middle of an epoch.
    loader.next();
    int64_t sum = 0;
    for (auto &[x, t] : loader)
      for (int64_t v : x.to_vector<int64_t>())
        sum += v;
    EXPECT_EQ(sum, 10);
  }
}

TEST(DataLoader, C100_NothingIsBehindTheEnd) {
  Dataset data(arange(2));
  DataLoader loader(data, 2, {.shuffle = false});
  auto it = loader.begin();
  EXPECT_FALSE(it == loader.end());
  EXPECT_EQ(it->x.len(), 2);
  ++it;
  EXPECT_TRUE(it == loader.end());
  ++it; // stays there
  EXPECT_TRUE(it == loader.end());
  EXPECT_THROW(*it, ValueError);
  EXPECT_THROW(DataLoader(data, 2, {.prefetch = -1}), ValueError);
}

struct Slow : Dataset {
  mutable std::atomic<int> reads{0};
  int64_t len() const override { return 1000; }
  Sample get(int64_t i) const override {
    ++reads;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return {full({2}, double(i)), {}};
  }
};

TEST(DataLoader, C100_PrefetchStopsWhenItIsLeft) {
  Slow data;
  {
    DataLoader loader(data, 10, {.shuffle = false, .prefetch = 3});
    for (auto &[x, t] : loader) {
      EXPECT_EQ(x.to_vector()[0], 0);
      break;
    }
    DataLoader moved = std::move(loader);
    EXPECT_EQ(moved.next()->x.to_vector()[0], 10);
  }
  int reads = data.reads;
  EXPECT_LT(reads, 100) << "no more than is asked for";
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(data.reads, reads);
}

TEST(DataLoader, C098_MemoryOfAFewBatches) {
  struct Big : Dataset {
    int64_t len() const override { return 400; }
    Sample get(int64_t i) const override { return {zeros({8192}), {}}; }
  } data;
  constexpr int64_t batch_bytes = 10 * 8192 * 8;
  for (int64_t ahead : {0, 2}) {
    int64_t before = memory_stats().live_bytes;
    reset_peak_memory();
    DataLoader loader(data, 10, {.prefetch = ahead});
    int64_t samples = 0;
    for (auto &[x, t] : loader)
      samples += x.len();
    EXPECT_EQ(samples, 400);
    // The batch in use, those that wait, and one in the making: its samples
    // and their copies.
    EXPECT_LE(memory_stats().peak_bytes - before,
              (ahead + 3) * batch_bytes + 4096);
  }
}

TEST(DataLoader, PrefetchRunsAhead) {
  Slow data;
  DataLoader loader(data, 1, {.shuffle = false, .prefetch = 2});
  loader.next();
  for (int i = 0; i < 1000 && data.reads < 3; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  // The first, two that wait; a further one may be finished only later.
  EXPECT_GE(data.reads, 3);
  EXPECT_LE(data.reads, 4);
}

struct Faulty : Dataset {
  mutable std::atomic<bool> repaired{false};
  int64_t len() const override { return 6; }
  Sample get(int64_t i) const override {
    if (i == 3 && !repaired)
      throw IOError("sample 3 is unreadable");
    return {full({}, i), {}};
  }
};

TEST(DataLoader, C100_ExceptionsComeOutAtTheUsersLine) {
  for (int64_t ahead : {0, 1, 4}) {
    Faulty data;
    DataLoader loader(data, 2, {.shuffle = false, .prefetch = ahead});
    int batches = 0;
    uint32_t line = 0;
    try {
      line = __LINE__ + 1;
      for ([[maybe_unused]] auto &[x, t] : loader)
        ++batches;
      FAIL();
    } catch (const IOError &e) {
      EXPECT_THAT(e.what(), HasSubstr("sample 3 is unreadable"));
      EXPECT_THAT(e.what(),
                  HasSubstr("LoaderTest.cpp:" + std::to_string(line)));
    }
    EXPECT_EQ(batches, 1);
    // The batch is tried again, nothing is skipped.
    EXPECT_THROW(loader.next(), IOError);
    data.repaired = true;
    EXPECT_EQ(loader.next()->x.to_vector<int64_t>(),
              (std::vector<int64_t>{2, 3}));
    EXPECT_TRUE(loader.next());
    EXPECT_FALSE(loader.next());
  }
}

TEST(DataLoader, PrefetchHasTheModesOfTheUser) {
  Dataset data(arange(4.0), {}, [](const Variable &x) {
    return full({}, config().train ? 1.0 : 0.0);
  });
  for (int64_t ahead : {0, 2}) {
    DataLoader loader(data, 4, {.prefetch = ahead});
    EXPECT_EQ(sum(loader.next()->x).item(), 4);
    EXPECT_FALSE(loader.next());
    TestMode scope;
    EXPECT_EQ(sum(loader.next()->x).item(), 0);
  }
}

TEST(DataLoader, PrefetchFeedsTraining) {
  // Operations on both threads at a time.
  auto train = [](int64_t ahead) {
    random::seed(0);
    Dataset data(random::rand({64, 3}), random::rand({64, 1}),
                 [](const Variable &x) { return tanh(x) * 2 + exp(x); });
    DataLoader loader(data, 8, {.prefetch = ahead});
    MLP model({5, 1});
    SGD optimizer({.lr = 0.1});
    optimizer.setup(model);
    double last = 0;
    for (int epoch = 0; epoch < 3; ++epoch)
      for (auto &[x, t] : loader) {
        Variable loss = mean_squared_error(model(x), t);
        model.clear_grads();
        loss.backward();
        optimizer.update();
        last = loss.item();
      }
    return last;
  };
  EXPECT_EQ(train(0), train(3));
}

TEST(DataLoader, C100_KeepsATemporaryDataset) {
  static int alive;
  struct Counted : Dataset {
    Counted() : Dataset(arange(6)) { ++alive; }
    Counted(const Counted &other) : Dataset(other) { ++alive; }
    ~Counted() override { --alive; }
  };
  alive = 0;
  {
    DataLoader loader(Counted(), 4, {.shuffle = false, .prefetch = 1});
    DataLoader moved = std::move(loader);
    SeqDataLoader streams(Counted(), 3);
    EXPECT_EQ(alive, 2);
    moved.next();
    EXPECT_EQ(moved.next()->x.to_vector<int64_t>(),
              (std::vector<int64_t>{4, 5}));
    EXPECT_EQ(streams.next()->x.to_vector<int64_t>(),
              (std::vector<int64_t>{0, 2, 4}));
  }
  EXPECT_EQ(alive, 0);
  Counted own;
  DataLoader refers(own, 4);
  EXPECT_EQ(alive, 1) << "the user's own is not copied";
}

TEST(SeqDataLoader, C101_StreamsThroughTheData) {
  Dataset data(arange(1000));
  SeqDataLoader loader(data, 2);
  EXPECT_EQ(loader.len(), 500);
  std::vector<int64_t> first = loader.next()->x.to_vector<int64_t>();
  EXPECT_EQ(first, (std::vector<int64_t>{0, 500}));
  EXPECT_EQ(loader.next()->x.to_vector<int64_t>(),
            (std::vector<int64_t>{1, 501}));
}

TEST(SeqDataLoader, C101_WrapsAround) {
  random::seed(0);
  random::State before = random::get_state();
  Dataset data(arange(999));
  for (int64_t ahead : {0, 3}) {
    SeqDataLoader loader(data, 30, {.prefetch = ahead});
    EXPECT_EQ(loader.len(), 34);
    for (int epoch = 0; epoch < 2; ++epoch) {
      int64_t step = 0;
      for (auto &[x, t] : loader) {
        std::vector<int64_t> row = x.to_vector<int64_t>();
        ASSERT_EQ(row.size(), 30u);
        for (int64_t i = 0; i < 30; ++i)
          EXPECT_EQ(row[size_t(i)], (i * 33 + step) % 999);
        ++step;
      }
      EXPECT_EQ(step, 34);
    }
  }
  EXPECT_EQ(random::get_state(), before) << "nothing is drawn";
  // 10 rows of 15 numbers: jumps of 1; the last rows go on at the start.
  SeqDataLoader wraps(data, 500);
  wraps.next();
  EXPECT_EQ(wraps.next()->x.to_vector<int64_t>()[499], 500);
  Dataset few(arange(3));
  SeqDataLoader short_one(few, 2);
  EXPECT_EQ(short_one.next()->x.to_vector<int64_t>(),
            (std::vector<int64_t>{0, 1}));
  EXPECT_EQ(short_one.next()->x.to_vector<int64_t>(),
            (std::vector<int64_t>{1, 2}));
  EXPECT_FALSE(short_one.next());
}

} // namespace
