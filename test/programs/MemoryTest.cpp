//===- MemoryTest.cpp - what programs take, planned and measured ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Measured from outside of Etch: this program's aligned_alloc notes what is
// asked for, and the kernel says which of its pages were touched.
//===----------------------------------------------------------------------===//

#include "test/programs/Programs.h"

#include <fstream>
#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace etch;
using etch::test::Program;
using etch::test::programs;
using etch::test::Step;

namespace {
/// The largest block asked for while this is set.
struct Largest {
  void *data;
  size_t bytes;
};
Largest *watched = nullptr;
constexpr size_t page = 4096;
} // namespace

extern "C" void *aligned_alloc(size_t alignment, size_t bytes) {
  void *block = memalign(alignment, bytes);
  if (watched && bytes > watched->bytes)
    *watched = {block, bytes};
  return block;
}

namespace {
/// Bytes from the start of a block to the end of its last touched page.
size_t touched(const Largest &block) {
  auto first = reinterpret_cast<uintptr_t>(block.data) / page * page,
       end = reinterpret_cast<uintptr_t>(block.data) + block.bytes;
  std::vector<unsigned char> pages((end - first + page - 1) / page);
  EXPECT_EQ(mincore(reinterpret_cast<void *>(first), end - first, pages.data()),
            0);
  size_t last = pages.size();
  while (last && !(pages[last - 1] & 1))
    --last;
  return first + last * page - reinterpret_cast<uintptr_t>(block.data);
}

size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  size_t all, resident;
  file >> all >> resident;
  return resident * page;
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
    if (p.name != "mlp" && p.name != "cnn")
      continue;
    std::unique_ptr<Step> step = p.make();
    auto f = compile(
        [&](const Variable &x, const Variable &t) { return (*step)(x, t); });
    f.build(step->x, step->t);
    auto planned = size_t(f.memory().plan().planned), all = f.arena_bytes();
    release_cached_memory();
    Largest arena = {nullptr, 0};
    watched = &arena;
    f(step->x, step->t);
    watched = nullptr;
    // The block has a header and is rounded up to a class of sizes.
    EXPECT_GE(arena.bytes, all) << p.name;
    EXPECT_LE(double(arena.bytes), 1.26 * double(all) + (2 << 20)) << p.name;
    size_t measured = touched(arena);
    EXPECT_GE(measured + page, planned) << p.name;
    EXPECT_LE(measured, all + (size_t(2) << 20)) << p.name; // a huge page
    std::printf("%s: planned %zu bytes, with workers' scratch %zu, touched "
                "%zu\n",
                p.name.c_str(), planned, size_t(all), measured);
  }
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
