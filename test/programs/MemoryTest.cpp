//===- MemoryTest.cpp - what programs take, planned and measured ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Measured from outside of Etch: this program's aligned_alloc and madvise note
// what is asked for and give it fresh pages, small ones, and the kernel says
// which of them were touched.
//===----------------------------------------------------------------------===//

#include "test/programs/Programs.h"

#include <algorithm>
#include <fstream>
#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace etch;
using etch::test::Program;
using etch::test::programs;
using etch::test::Step;

namespace {
/// The smallest block of at least so many bytes that is asked for while this is
/// set.
struct Block {
  size_t least;
  void *data = nullptr;
  size_t bytes = 0;
};
Block *watched = nullptr;
constexpr size_t page = 4096;
} // namespace

/// Large blocks are mapped, and then huge pages are asked for.
extern "C" int madvise(void *data, size_t bytes, int advice) noexcept {
  if (watched && advice == MADV_HUGEPAGE) {
    advice = MADV_NOHUGEPAGE;
    if (bytes >= watched->least && (!watched->data || bytes < watched->bytes))
      *watched = {watched->least, data, (bytes + page - 1) / page * page};
  }
  return int(syscall(SYS_madvise, data, bytes, advice));
}

extern "C" void *aligned_alloc(size_t alignment, size_t bytes) {
  if (!watched || bytes < watched->least ||
      (watched->data && bytes >= watched->bytes))
    return memalign(alignment, bytes);
  bytes = (bytes + page - 1) / page * page;
  void *block = memalign(std::max(alignment, page), bytes);
  *watched = {watched->least, block, bytes};
  madvise(block, bytes, MADV_NOHUGEPAGE);
  madvise(block, bytes, MADV_DONTNEED); // what an earlier owner touched
  return block;
}

namespace {
/// Which pages of a block were touched.
std::vector<bool> touched(const Block &block) {
  std::vector<unsigned char> pages(block.bytes / page);
  EXPECT_EQ(mincore(block.data, block.bytes, pages.data()), 0);
  std::vector<bool> result;
  for (unsigned char p : pages)
    result.push_back(p & 1);
  return result;
}

size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  size_t all, resident;
  file >> all >> resident;
  return resident * page;
}

/// Of each step and element: four gates, the cell before, its new value's tanh
/// and the output before. Nothing of the weights, which all steps share.
TEST(ProgramMemory, C141_AWindowKeepsWhatItsRulesRead) {
  for (const Program &p : programs()) {
    if (p.name != "lstm")
      continue;
    std::unique_ptr<Step> step = p.make();
    auto f = compile(
        [&](const Variable &x, const Variable &t) { return (*step)(x, t); });
    int64_t array = 30 * 30 * 100 * int64_t(sizeof(double));
    int64_t saved = f.plan(step->x, step->t).saved;
    EXPECT_GE(saved, 7 * array);
    EXPECT_LT(saved, 8 * array);
  }
}

/// Queries, keys, values and the result; neither scores nor shares nor what
/// these make of the values: two products run again.
TEST(ProgramMemory, AnAttentionKeepsWhatItIsMadeOf) {
  constexpr int64_t heads = 32, steps = 128, size = 64;
  constexpr int64_t array = heads * steps * size * int64_t(sizeof(float));
  Variable x = random::rand({heads * steps, size}).astype(f32);
  Variables w;
  for (int i = 0; i < 4; ++i)
    w.push_back(random::rand({size, size}).astype(f32) - 0.5);
  auto gradient = [&](const Variable &x) {
    Variables parts;
    for (int i = 0; i < 3; ++i)
      parts.push_back(matmul(x, w[size_t(i)]).reshape({heads, steps, size}));
    Variable scores = matmul(parts[0], parts[1].transpose({0, 2, 1}));
    Variable mixed = matmul(softmax(scores * 0.125, {.axis = 2}), parts[2]);
    Variable y = matmul(mixed.reshape({heads * steps, size}), w[3]);
    Variable loss = sum(y * y);
    Variables all = grad(loss, {w[0], w[1], w[2], w[3]});
    all.push_back(loss);
    return all;
  };
  auto f = compile(gradient);
  EXPECT_LT(f.plan(x).saved, 4 * array + array / 4);
  Variables expected = gradient(x), results = f(x);
  for (size_t i = 0; i < results.size(); ++i)
    EXPECT_EQ(results[i].to_vector<float>(), expected[i].to_vector<float>());
}

TEST(ProgramMemory, C142_PlansAreNearTheLargestLiveSet) {
  for (const Program &p : programs()) {
    if (!p.small)
      continue;
    std::unique_ptr<Step> step = p.make();
    auto f = compile(
        [&](const Variable &x, const Variable &t) { return (*step)(x, t); });
    MemoryPlan plan = f.plan(step->x, step->t);
    EXPECT_LE(plan.ratio(), 1.05) << p.name;
    EXPECT_GE(plan.planned, plan.bound) << p.name;
    EXPECT_GT(plan.saved, 0) << p.name;
    EXPECT_LT(plan.saved, plan.planned) << p.name;
    EXPECT_LT(plan.planned, plan.everything) << p.name;
    // No two buffers that are alive at once overlap, none leaves the arena.
    for (const BufferLife &a : plan.buffers) {
      if (a.offset < 0)
        continue;
      EXPECT_LE(a.offset + a.bytes, plan.planned) << p.name << " " << a.what;
      for (const BufferLife &b : plan.buffers) {
        // A value may take the place of an operand that dies where it is born,
        // a loop's last state that of its first one.
        if (b.offset < 0 || &a == &b || a.offset == b.offset ||
            a.death < b.birth || b.death < a.birth)
          continue;
        EXPECT_TRUE(a.offset + a.bytes <= b.offset ||
                    b.offset + b.bytes <= a.offset)
            << p.name << ": " << a.what << " and " << b.what;
      }
    }
  }
}

TEST(ProgramMemory, C142_MeasuredIsPlanned) {
  for (const Program &p : programs()) {
    if (!p.small)
      continue;
    std::unique_ptr<Step> step = p.make();
    auto f = compile(
        [&](const Variable &x, const Variable &t) { return (*step)(x, t); });
    f.build(step->x, step->t);
    auto planned = size_t(f.memory().plan().planned), all = f.arena_bytes();
    release_cached_memory();
    Block arena = {all};
    watched = &arena;
    f(step->x, step->t);
    watched = nullptr;
    // The block has a header and is rounded up to a class of sizes.
    ASSERT_GE(arena.bytes, all) << p.name;
    EXPECT_LE(double(arena.bytes), 1.26 * double(all) + (2 << 20)) << p.name;
    // What is planned is touched, page for page; then come the workers' scratch
    // memory and nothing else. The header moves both by less than a page.
    std::vector<bool> pages = touched(arena);
    auto in_use = [&](size_t from, size_t to) {
      return std::count(pages.begin() + ptrdiff_t(from),
                        pages.begin() + ptrdiff_t(to), true);
    };
    size_t whole = planned / page, end = all / page + 2;
    EXPECT_EQ(size_t(in_use(0, whole)), whole) << p.name;
    ASSERT_LE(end, pages.size() + 1) << p.name;
    EXPECT_EQ(in_use(std::min(end, pages.size()), pages.size()), 0) << p.name;
    std::printf("%s: planned %zu bytes, measured %zu; with workers' scratch "
                "memory %zu, measured %zu\n",
                p.name.c_str(), planned, size_t(in_use(0, whole)) * page,
                size_t(all), size_t(in_use(0, pages.size())) * page);
  }
}

// Without matrix products there is next to nothing but the plan: to the page.
TEST(ProgramMemory, C142_MeasuredIsPlannedToThePage) {
  Variable x = random::rand({1000, 77}).astype(f32);
  auto f = compile([](const Variable &x) {
    Variable y = x;
    for (int i = 0; i < 6; ++i)
      y = softmax(tanh(y * 1.5) + exp(transpose(y)).reshape(y.shape()));
    return grad(sum(y * y), {x})[0];
  });
  f.build(x);
  auto planned = size_t(f.memory().plan().planned);
  ASSERT_LT(f.arena_bytes(), planned + page / 4);
  release_cached_memory();
  Block arena = {f.arena_bytes()};
  watched = &arena;
  f(x);
  watched = nullptr;
  std::vector<bool> pages = touched(arena);
  auto measured = size_t(std::count(pages.begin(), pages.end(), true)) * page;
  std::printf("planned %zu bytes, measured %zu\n", planned, measured);
  EXPECT_GE(measured, planned);
  EXPECT_LT(measured, planned + 2 * page); // the header, the last page's rest
}

TEST(ProgramMemory, C142_TenThousandRunsAreFlat) {
  MLP model({16, 4}, tanh);
  Adam optimizer;
  optimizer.setup(model);
  auto f = compile([&](const Variable &x, const Variable &t) {
    Variable loss = mean_squared_error(model(x), t);
    model.clear_grads();
    loss.backward();
    optimizer.update();
    return loss;
  });
  Variable x = ones({8, 4}, {.dtype = f32}), t = ones({8, 4}, {.dtype = f32});
  for (int i = 0; i < 500; ++i)
    f(x, t);
  size_t before = resident_bytes();
  for (int i = 0; i < 10000; ++i)
    f(x, t);
  EXPECT_LE(resident_bytes(), before + 256 * 1024);
  EXPECT_EQ(f.trace_count(), 1);
}
} // namespace
