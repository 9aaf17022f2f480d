//===- thread_pool.cpp - The process's workers ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One loop at a time. The caller publishes it, opens the gate, and takes pieces
// like everyone else; a worker that comes in time enters through the gate,
// takes pieces until none is left, and leaves. The caller closes the gate when
// the pieces are gone and waits only for workers that are inside. So a worker
// that never gets a processor delays nobody, and an idle worker costs one
// store.
//
// The gate is one word: number of the loop, an open bit, workers inside. A
// worker enters by compare-and-swap, so it cannot enter a loop that is over.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/last_error.h"

#include <atomic>
#include <climits>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace {

constexpr int maxWorkers = ETCH_MAX_THREADS;
// Pieces per worker: the wait for the slowest worker at a loop's end is at most
// one piece.
constexpr int64_t piecesPerWorker = 8;
constexpr uint64_t openBit = uint64_t(1) << 16;
constexpr uint64_t insideMask = openBit - 1;
constexpr uint64_t loopStep = openBit << 1;
// How long an idle worker spins before it sleeps: longer than the gap between
// two kernels of a program, short against a scheduler's time slice.
constexpr int64_t spinNanoseconds = 50'000;

constexpr uint32_t defaultMxcsr = 0x1f80;

inline void relax() {
#if defined(__x86_64__)
  _mm_pause();
#else
  std::atomic_signal_fence(std::memory_order_seq_cst);
#endif
}

/// Sets default floating-point control for a scope.
struct FloatingPointScope {
#if defined(__x86_64__)
  uint32_t saved = _mm_getcsr();
  FloatingPointScope() {
    if (saved != defaultMxcsr)
      _mm_setcsr(defaultMxcsr);
  }
  ~FloatingPointScope() {
    if (saved != defaultMxcsr)
      _mm_setcsr(saved);
  }
#endif
};

int64_t nowNanoseconds() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return int64_t(t.tv_sec) * 1'000'000'000 + t.tv_nsec;
}

struct alignas(64) Worker {
  std::atomic<uint32_t> asleep{0}; // futex word
  int32_t index = 0;
};

struct Pool {
  alignas(64) std::atomic<uint64_t> gate{0};
  // The loop behind the gate; written while it is closed and nobody is inside.
  etch_task_t task = nullptr;
  void *closure = nullptr;
  int64_t count = 0, grain = 1, pieces = 0;
  int32_t width = 0; // workers that may enter
  alignas(64) std::atomic<int64_t> nextPiece{0};
  alignas(64) std::atomic<bool> taken{false}; // some caller has the pool
  int32_t started = 0; // threads that run, without the caller; under `taken`
  Worker workers[maxWorkers];
};

Pool pool;
thread_local bool insideTask = false;

void runPieces(int32_t worker) {
  int64_t units = pool.count / pool.grain, pieces = pool.pieces;
  for (;;) {
    int64_t piece = pool.nextPiece.fetch_add(1, std::memory_order_relaxed);
    if (piece >= pieces)
      return;
    // units/pieces each, the first units%pieces get one more.
    int64_t each = units / pieces, more = units % pieces;
    int64_t first = piece * each + (piece < more ? piece : more);
    int64_t last = first + each + (piece < more);
    int64_t end = piece + 1 == pieces ? pool.count : last * pool.grain;
    pool.task(pool.closure, first * pool.grain, end, worker);
  }
}

/// Sleeps until a caller clears `asleep`; `seen` is the gate that was shut.
void sleepUntilWoken(Worker &self, uint64_t seen) {
  self.asleep.store(1, std::memory_order_seq_cst);
  // A loop published before the store was visible would wake nobody.
  if (pool.gate.load(std::memory_order_seq_cst) / loopStep != seen / loopStep) {
    self.asleep.store(0, std::memory_order_relaxed);
    return;
  }
  while (self.asleep.load(std::memory_order_acquire))
    syscall(SYS_futex, &self.asleep, FUTEX_WAIT_PRIVATE, 1, nullptr, nullptr,
            0);
}

void *workerMain(void *argument) {
  Worker &self = *static_cast<Worker *>(argument);
#if defined(__x86_64__)
  _mm_setcsr(defaultMxcsr);
#endif
  insideTask = true;            // nested loops run inline
  uint64_t done = ~uint64_t(0); // number of the last loop looked at
  for (;;) {
    int64_t deadline = 0;
    uint64_t gate;
    for (int spins = 0;; ++spins) {
      gate = pool.gate.load(std::memory_order_acquire);
      if ((gate & openBit) && gate / loopStep != done)
        break;
      relax();
      if (spins % 32 != 31)
        continue;
      int64_t now = nowNanoseconds();
      if (!deadline)
        deadline = now + spinNanoseconds;
      else if (now > deadline) {
        sleepUntilWoken(self, gate);
        deadline = 0;
      }
    }
    // Enter, unless the loop ends first.
    while ((gate & openBit) && gate / loopStep != done) {
      if (!pool.gate.compare_exchange_weak(gate, gate + 1,
                                           std::memory_order_acq_rel))
        continue;
      if (self.index < pool.width)
        runPieces(self.index);
      done = gate / loopStep;
      pool.gate.fetch_sub(1, std::memory_order_release);
      break;
    }
  }
  return nullptr;
}

/// In the child of a fork only the forking thread exists.
void forgetThreads() {
  pool.started = 0;
  pool.gate.store(pool.gate.load() / loopStep * loopStep + loopStep);
  pool.taken.store(false);
  for (Worker &worker : pool.workers)
    worker.asleep.store(0);
}

/// Starts threads up to `wanted` workers. A machine that gives no more threads
/// is no error: the caller does the work.
void startThreads(int32_t wanted) {
  static std::atomic<bool> registered{false};
  if (!registered.exchange(true))
    pthread_atfork(nullptr, nullptr, forgetThreads);
  // Signals are for the user's threads.
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  while (pool.started + 1 < wanted) {
    Worker &worker = pool.workers[pool.started + 1];
    worker.index = pool.started + 1;
    pthread_t thread;
    if (pthread_create(&thread, &attributes, workerMain, &worker))
      break;
    ++pool.started;
  }
  pthread_attr_destroy(&attributes);
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
}

void wake(int32_t workers) {
  for (int32_t i = 1; i < workers; ++i) {
    Worker &worker = pool.workers[i];
    if (!worker.asleep.load(std::memory_order_seq_cst))
      continue;
    if (worker.asleep.exchange(0, std::memory_order_acq_rel))
      syscall(SYS_futex, &worker.asleep, FUTEX_WAKE_PRIVATE, 1, nullptr,
              nullptr, 0);
  }
}

void waitForWorkersInside() {
  for (int spins = 0; pool.gate.load(std::memory_order_acquire) & insideMask;
       ++spins) {
    relax();
    // The worker may wait for this very processor.
    if (spins > 2000)
      sched_yield();
  }
}

void runSerially(etch_task_t task, void *closure, int64_t count) {
  FloatingPointScope scope;
  task(closure, 0, count, 0);
}

void parallelFor(void *self, etch_task_t task, void *closure, int64_t count,
                 int64_t grain) {
  if (count <= 0)
    return;
  int32_t width = static_cast<const etch_host_t *>(self)->workers;
  if (grain < 1)
    grain = 1;
  int64_t units = count / grain;
  if (width < 2 || units < 2 || insideTask ||
      pool.taken.exchange(true, std::memory_order_acquire))
    return runSerially(task, closure, count);

  if (pool.started + 1 < width)
    startThreads(width);
  if (width > pool.started + 1)
    width = pool.started + 1;
  pool.task = task;
  pool.closure = closure;
  pool.count = count;
  pool.grain = grain;
  pool.pieces =
      units < width * piecesPerWorker ? units : width * piecesPerWorker;
  pool.width = width;
  pool.nextPiece.store(0, std::memory_order_relaxed);
  uint64_t loop = pool.gate.load(std::memory_order_relaxed) / loopStep + 1;
  pool.gate.store(loop * loopStep | openBit, std::memory_order_seq_cst);
  wake(pool.pieces < width ? int32_t(pool.pieces) : width);

  insideTask = true;
  {
    FloatingPointScope scope;
    runPieces(0);
  }
  insideTask = false;
  pool.gate.fetch_and(~openBit, std::memory_order_acq_rel);
  waitForWorkersInside();
  pool.taken.store(false, std::memory_order_release);
}

void serialFor(void *, etch_task_t task, void *closure, int64_t count,
               int64_t) {
  if (count > 0)
    runSerially(task, closure, count);
}

/// One host per width, so that a host never changes under its user.
struct Hosts {
  etch_host_t byWidth[maxWorkers + 1];
  constexpr Hosts() : byWidth() {
    for (int i = 0; i <= maxWorkers; ++i)
      byWidth[i] = {&byWidth[i], parallelFor, i ? i : 1, 0};
  }
};
constinit Hosts hosts;
constinit etch_host_t serialHost = {nullptr, serialFor, 1, 0};
constinit std::atomic<int32_t> chosenWidth{0}; // 0: not chosen

int32_t processorsOfThisProcess() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set))
    return 1;
  int count = CPU_COUNT(&set);
  return count < 1 ? 1 : count > maxWorkers ? maxWorkers : count;
}

} // namespace

int32_t etch_num_threads(void) {
  int32_t width = chosenWidth.load(std::memory_order_relaxed);
  if (width)
    return width;
  width = processorsOfThisProcess();
  int32_t none = 0;
  return chosenWidth.compare_exchange_strong(none, width) ? width : none;
}

etch_status_t etch_set_num_threads(int32_t count) {
  if (count < 0 || count > maxWorkers)
    return etch::runtime::fail(
        ETCH_ERROR_ARGUMENT,
        "number of threads: expected 1 to %d (or 0 for the default), got %d",
        maxWorkers, count);
  chosenWidth.store(count, std::memory_order_relaxed);
  return ETCH_OK;
}

const etch_host_t *etch_pool_host(int32_t workers) {
  return &hosts.byWidth[workers < 1            ? 1
                        : workers > maxWorkers ? maxWorkers
                                               : workers];
}

const etch_host_t *etch_default_host(void) {
  return &hosts.byWidth[etch_num_threads()];
}

const etch_host_t *etch_serial_host(void) { return &serialHost; }
