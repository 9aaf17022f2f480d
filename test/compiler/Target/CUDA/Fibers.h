//===- Fibers.h - Grids of threads on one ------------------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A block of an emulated grid runs on one thread of the machine; its threads
// are fibers if the kernel has barriers. Each runs up to a barrier, of the
// block or of a part of a warp, in an order that the schedule gives: what a
// missing barrier orders on a device by luck is in the wrong order here.
// Threads hand values to others of their warp between two such barriers.
//===----------------------------------------------------------------------===//
#ifndef ETCH_TEST_COMPILER_TARGET_CUDA_FIBERS_H
#define ETCH_TEST_COMPILER_TARGET_CUDA_FIBERS_H

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/common_interface_defs.h>
#define ETCH_ASAN
#endif
#endif

namespace etch_emulator {

/// How a program launches: set by who loads the kernels.
struct Host {
  void *(*scratch)(unsigned long long bytes);
  void (*launch)(const char *name,
                 void (*grid)(unsigned long long, int,
                              const unsigned long long *),
                 unsigned long long blocks, int threads,
                 const unsigned long long *arguments, int count, int site);
};
extern "C" {
__attribute__((weak, visibility("default"))) const Host *etch_emulator_host;
}

/// Orders in which the threads of a block run: 0 as numbered, 1 backwards, 2
/// odd ones first, 3 warps backwards.
extern "C" {
__attribute__((weak, visibility("default"))) int etch_schedule;
__attribute__((weak, visibility("default"))) char etch_emulator_error[256];
}

inline void report(const char *what, const void *where) {
  if (!etch_emulator_error[0])
    snprintf(etch_emulator_error, sizeof etch_emulator_error, "%s (%p)", what,
             where);
}

struct Fiber {
  void *stack = nullptr; ///< its top of stack while it does not run
  char *memory = nullptr;
  bool done = false;
  int waitsFor = 0; ///< all of so many threads around it
};

/// All threads of a block.
constexpr int kBlock = 1 << 30;

/// Into memory of the block, on its way.
struct Copy {
  void *to;
  const void *from; ///< null: zeros
  int bytes;
};

struct Machine {
  unsigned long long thread = 0, block = 0;
  const std::vector<int> *order = nullptr;
  void *scheduler = nullptr;
  Fiber *current = nullptr;
  void (*body)(void *) = nullptr;
  void *context = nullptr;
  const void *schedulerStack = nullptr;
  size_t schedulerSize = 0;
  /// What threads hand to others of their warp.
  unsigned long long exchanged[2][1024];
  size_t exchanges[1024];         ///< how many each thread has seen
  std::vector<Copy> copies[1024]; ///< of each thread
};
inline Machine machine;
constexpr size_t kStackBytes = 64 << 10;

extern "C" void etch_switch(void **save, void *load);
asm(R"(
.text
.weak etch_switch
etch_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
)");

inline void toScheduler(bool last) {
#ifdef ETCH_ASAN
  void *fake = nullptr;
  __sanitizer_start_switch_fiber(last ? nullptr : &fake, machine.schedulerStack,
                                 machine.schedulerSize);
#endif
  etch_switch(&machine.current->stack, machine.scheduler);
#ifdef ETCH_ASAN
  __sanitizer_finish_switch_fiber(fake, nullptr, nullptr);
#endif
}

/// Waits until all of so many threads around this one wait as well.
inline void wait(int threads) {
  if (!machine.current) // of a kernel that has no barrier, as its text says
    return report("a barrier in a kernel without one", nullptr);
  machine.current->waitsFor = threads;
  toScheduler(false);
}

inline void start() {
#ifdef ETCH_ASAN
  __sanitizer_finish_switch_fiber(nullptr, &machine.schedulerStack,
                                  &machine.schedulerSize);
#endif
  machine.body(machine.context);
  machine.current->done = true;
  toScheduler(true);
}

inline void resume(Fiber &fiber) {
  machine.current = &fiber;
#ifdef ETCH_ASAN
  void *fake = nullptr;
  __sanitizer_start_switch_fiber(&fake, fiber.memory, kStackBytes);
#endif
  etch_switch(&machine.scheduler, fiber.stack);
#ifdef ETCH_ASAN
  __sanitizer_finish_switch_fiber(fake, nullptr, nullptr);
#endif
  machine.current = nullptr;
}

inline std::vector<int> orderOf(int threads) {
  std::vector<int> order;
  for (int i = 0; i < threads; ++i)
    switch (etch_schedule) {
    case 1:
      order.push_back(threads - 1 - i);
      break;
    case 2:
      order.push_back(2 * i + 1 < threads ? 2 * i + 1 : 2 * (i - threads / 2));
      break;
    case 3: {
      int warps = (threads + 31) / 32, warp = warps - 1 - i / 32;
      order.push_back(threads % 32 ? threads - 1 - i : warp * 32 + i % 32);
      break;
    }
    default:
      order.push_back(i);
    }
  return order;
}

/// One block with barriers.
inline void runFibers(const std::vector<int> &order) {
  static std::vector<Fiber> fibers;
  if (fibers.size() < order.size())
    fibers.resize(order.size());
  for (size_t i = 0; i < order.size(); ++i) {
    Fiber &fiber = fibers[i];
    if (!fiber.memory)
      fiber.memory = (char *)aligned_alloc(64, kStackBytes);
    void **top = (void **)(fiber.memory + kStackBytes - 64);
    *--top = nullptr; // as if called: the stack is 16 bytes off
    *--top = (void *)&start;
    for (int r = 0; r < 6; ++r)
      *--top = nullptr;
    fiber.stack = top;
    fiber.done = false;
    fiber.waitsFor = 0;
    machine.exchanges[i] = 0;
    machine.copies[i].clear();
  }
  size_t count = order.size();
  // Whether those around a thread all wait for each other.
  auto meets = [&](size_t thread) {
    size_t size = (size_t)fibers[thread].waitsFor, from = 0, to = count;
    if (size < count) {
      from = thread / size * size;
      to = from + size < count ? from + size : count;
    }
    for (size_t i = from; i < to; ++i)
      if (fibers[i].done || fibers[i].waitsFor != fibers[thread].waitsFor)
        return false;
    for (size_t i = from; i < to; ++i)
      fibers[i].waitsFor = 0;
    return true;
  };
  for (;;) {
    size_t done = 0, ran = 0;
    for (int i : order) {
      Fiber &fiber = fibers[(size_t)i];
      if (!fiber.done && (!fiber.waitsFor || meets((size_t)i))) {
        machine.thread = (unsigned long long)i;
        resume(fiber);
        ++ran;
      }
      done += fiber.done;
    }
    if (done == count)
      return;
    if (!ran)
      return report("threads of a block wait at different barriers", nullptr);
  }
}

/// A grid: `body` in every thread of every block.
template <class Body>
void grid(unsigned long long blocks, int threads, bool barriers, Body body) {
  std::vector<int> order = orderOf(threads);
  machine.body = [](void *context) { (*(Body *)context)(); };
  machine.context = &body;
  for (unsigned long long b = 0; b < blocks; ++b) {
    machine.block = etch_schedule % 2 ? blocks - 1 - b : b;
    if (barriers) {
      runFibers(order);
      continue;
    }
    for (int i : order) {
      machine.thread = (unsigned long long)i;
      body();
    }
  }
}

} // namespace etch_emulator

#endif // ETCH_TEST_COMPILER_TARGET_CUDA_FIBERS_H
