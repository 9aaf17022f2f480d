//===- ThreadPoolTest.cpp - Every piece once, on any number of workers ----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/host.h"

#include <atomic>
#include <chrono>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace {

struct Loop {
  std::vector<std::atomic<int>> visits;
  std::atomic<int> inUse[ETCH_MAX_THREADS] = {};
  std::atomic<int64_t> pieces{0};
  std::atomic<bool> good{true};
  int64_t grain;

  Loop(int64_t count, int64_t grain) : visits(size_t(count)), grain(grain) {}

  static void task(void *closure, int64_t begin, int64_t end, int32_t worker) {
    Loop &loop = *static_cast<Loop *>(closure);
    ++loop.pieces;
    if (worker < 0 || worker >= ETCH_MAX_THREADS ||
        loop.inUse[size_t(worker)].exchange(1))
      loop.good = false;
    if (begin % loop.grain || begin >= end ||
        (end - begin < loop.grain && end - begin < int64_t(loop.visits.size())))
      loop.good = false;
    for (int64_t i = begin; i < end; ++i)
      ++loop.visits[size_t(i)];
    loop.inUse[size_t(worker)] = 0;
  }
  void run(const etch_host_t *host) {
    host->parallel_for(host->self, task, this, int64_t(visits.size()), grain);
  }
  bool everyOnce() const {
    for (const std::atomic<int> &n : visits)
      if (n != 1)
        return false;
    return good;
  }
};

TEST(ThreadPool, EveryIterationOnce) {
  for (int workers : {1, 2, 3, 8, 64})
    for (int64_t count : {1, 2, 7, 64, 1000, 4099})
      for (int64_t grain : {1, 2, 16, 1000, 100000}) {
        Loop loop(count, grain);
        loop.run(etch_pool_host(workers));
        EXPECT_TRUE(loop.everyOnce())
            << workers << " " << count << " " << grain;
      }
}

TEST(ThreadPool, ManyLoopsInARow) {
  for (int i = 0; i < 20000; ++i) {
    Loop loop(16, 1);
    loop.run(etch_pool_host(2 + i % 3));
    ASSERT_TRUE(loop.everyOnce()) << i;
  }
}

TEST(ThreadPool, EmptyLoopsRunNothing) {
  Loop loop(1, 1);
  const etch_host_t *host = etch_pool_host(2);
  host->parallel_for(host->self, Loop::task, &loop, 0, 1);
  host->parallel_for(host->self, Loop::task, &loop, -5, 1);
  EXPECT_EQ(loop.pieces, 0);
}

TEST(ThreadPool, SerialHostIsOnePiece) {
  Loop loop(1000, 1);
  loop.run(etch_serial_host());
  EXPECT_TRUE(loop.everyOnce());
  EXPECT_EQ(loop.pieces, 1);
  EXPECT_EQ(etch_serial_host()->workers, 1);
}

TEST(ThreadPool, NestedLoopsRunInline) {
  struct Outer {
    std::atomic<int> done{0};
    static void task(void *closure, int64_t begin, int64_t end, int32_t) {
      for (int64_t i = begin; i < end; ++i) {
        Loop inner(100, 1);
        inner.run(etch_pool_host(4));
        static_cast<Outer *>(closure)->done +=
            inner.everyOnce() && inner.pieces == 1;
      }
    }
  } outer;
  const etch_host_t *host = etch_pool_host(4);
  host->parallel_for(host->self, Outer::task, &outer, 50, 1);
  EXPECT_EQ(outer.done, 50);
}

TEST(ThreadPool, ManyCallersAtOnce) {
  std::vector<std::thread> callers;
  std::atomic<int> good{0};
  for (int c = 0; c < 4; ++c)
    callers.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) {
        Loop loop(64, 1);
        loop.run(etch_pool_host(3));
        good += loop.everyOnce();
      }
    });
  for (std::thread &caller : callers)
    caller.join();
  EXPECT_EQ(good, 8000);
}

TEST(ThreadPool, WorksAfterFork) {
  Loop before(1000, 1);
  before.run(etch_pool_host(4));
  pid_t child = fork();
  if (child == 0) {
    bool good = true;
    for (int i = 0; i < 100; ++i) {
      Loop loop(1000, 1);
      loop.run(etch_pool_host(4));
      good &= loop.everyOnce();
    }
    _exit(good ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  Loop after(1000, 1);
  after.run(etch_pool_host(4));
  EXPECT_TRUE(after.everyOnce());
}

TEST(ThreadPool, SleepsAndWakes) {
  for (int i = 0; i < 5; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    Loop loop(100, 1);
    loop.run(etch_pool_host(3));
    EXPECT_TRUE(loop.everyOnce());
  }
}

#if defined(__x86_64__)
TEST(ThreadPool, TasksRunWithDefaultFloatingPoint) {
  struct State {
    std::atomic<bool> good{true};
    static void task(void *closure, int64_t, int64_t, int32_t) {
      if ((_mm_getcsr() & ~0x3fu) != 0x1f80)
        static_cast<State *>(closure)->good = false;
    }
  } state;
  unsigned saved = _mm_getcsr();
  _mm_setcsr(0x9fc0); // flush to zero, as a fast-math library leaves it
  for (const etch_host_t *host : {etch_pool_host(4), etch_serial_host()})
    host->parallel_for(host->self, State::task, &state, 100, 1);
  EXPECT_EQ(_mm_getcsr(), 0x9fc0u);
  _mm_setcsr(saved);
  EXPECT_TRUE(state.good);
}
#endif

TEST(ThreadPool, NumberOfThreads) {
  EXPECT_EQ(etch_set_num_threads(3), ETCH_OK);
  EXPECT_EQ(etch_num_threads(), 3);
  EXPECT_EQ(etch_default_host()->workers, 3);
  const etch_host_t *three = etch_default_host();
  EXPECT_EQ(etch_set_num_threads(65), ETCH_ERROR_ARGUMENT);
  EXPECT_STREQ(etch_last_error(),
               "number of threads: expected 1 to 64 (or 0 for the default), "
               "got 65");
  EXPECT_EQ(etch_set_num_threads(-1), ETCH_ERROR_ARGUMENT);
  EXPECT_EQ(etch_set_num_threads(0), ETCH_OK);
  EXPECT_GE(etch_num_threads(), 1);
  EXPECT_EQ(three->workers, 3) << "a host never changes";
  EXPECT_EQ(etch_pool_host(0)->workers, 1);
  EXPECT_EQ(etch_pool_host(1000)->workers, ETCH_MAX_THREADS);
}

} // namespace
