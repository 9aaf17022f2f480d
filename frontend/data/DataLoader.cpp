//===- DataLoader.cpp - Batches, in order or ahead of time ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An epoch's plan is fixed when the epoch is set up: the order, and the seed of
// the transforms' random numbers. A batch depends on the plan and its number
// only, so that it does not matter which thread makes it, or when.
//===----------------------------------------------------------------------===//

#include "etch/dataset.h"

#include "etch/config.h"
#include "frontend/core/Graphics.h"
#include "frontend/core/ThreadState.h"
#include "frontend/data/Stream.h"
#include "frontend/engine/Engine.h"

#include <condition_variable>
#include <csignal>
#include <deque>
#include <mutex>
#include <numeric>
#include <thread>

namespace etch {

struct DataLoader::Plan {
  const Dataset *dataset;
  int64_t batch_size;
  int64_t samples;
  std::vector<int64_t> order; ///< empty: streams
  uint32_t seed;
  Device device;

  int64_t batches() const { return (samples + batch_size - 1) / batch_size; }
  std::vector<int64_t> indices(int64_t batch) const {
    std::vector<int64_t> rows;
    if (!order.empty()) {
      auto first = order.begin() + batch * batch_size;
      rows.assign(first,
                  first + std::min(batch_size, samples - batch * batch_size));
      return rows;
    }
    int64_t jump = samples / batch_size;
    for (int64_t i = 0; i < batch_size; ++i)
      rows.push_back((i * jump + batch) % samples);
    return rows;
  }
  /// On the host.
  Sample make(int64_t batch, const Location &where) const {
    LocationScope frame(where);
    detail::StreamScope stream(seed + uint32_t(batch) * 0x9e3779b9u);
    return dataset->batch(indices(batch));
  }
  template <class F> void each_on_device(Sample &sample, F f) const {
    if (device.kind == Device::Kind::cpu)
      return;
    for (Variable *v : {&sample.x, &sample.t})
      if (v->defined())
        f(*v);
  }
};

/// Makes an epoch's batches on a thread, at most `ahead` of them in advance.
class DataLoader::Worker {
public:
  Worker(std::shared_ptr<const Plan> plan, int64_t first, int64_t ahead,
         const Location &where)
      : plan(std::move(plan)), first(first), ahead(size_t(ahead)), where(where),
        config(detail::thread_state().config) {
    // Signals are for the threads of the program.
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    try {
      thread = std::thread([this] { run(); });
    } catch (...) {
      pthread_sigmask(SIG_SETMASK, &old, nullptr);
      throw;
    }
    pthread_sigmask(SIG_SETMASK, &old, nullptr);
  }
  ~Worker() {
    {
      std::lock_guard lock(mutex);
      stop = true;
    }
    changed.notify_all();
    thread.join();
  }

  /// The next batch, or the exception that there was instead; after that there
  /// is nothing more.
  Sample take() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return !ready.empty() || error; });
    if (ready.empty())
      std::rethrow_exception(error);
    Sample sample = std::move(ready.front());
    ready.pop_front();
    changed.notify_all();
    lock.unlock();
    plan->each_on_device(
        sample, [&](Variable &v) { detail::arrive(*v.node()->value, where); });
    return sample;
  }

private:
  void run() {
    detail::thread_state().config = config;
    for (int64_t i = first; i < plan->batches(); ++i) {
      {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return stop || ready.size() < ahead; });
        if (stop)
          return;
      }
      Sample sample;
      std::exception_ptr failed;
      try {
        sample = plan->make(i, where);
        // Copied while the device is busy with an earlier batch.
        plan->each_on_device(sample, [&](Variable &v) {
          if (v.node()->value->on_device())
            v = v.to(plan->device);
          else
            v = detail::make_variable(
                detail::send_to(plan->device.index, *v.node()->value, where));
        });
      } catch (...) {
        failed = std::current_exception();
      }
      std::lock_guard lock(mutex);
      if (failed)
        error = failed;
      else
        ready.push_back(std::move(sample));
      changed.notify_all();
      if (failed)
        return;
    }
  }

  const std::shared_ptr<const Plan> plan;
  const int64_t first;
  const size_t ahead;
  const Location where;
  const Config config; ///< the modes of the thread that asks
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Sample> ready;
  std::exception_ptr error;
  bool stop = false;
  std::thread thread;
};

/// The user keeps it.
static std::shared_ptr<const Dataset> refer_to(const Dataset &dataset) {
  return {std::shared_ptr<void>(), &dataset};
}

DataLoader::DataLoader(std::shared_ptr<const Dataset> dataset,
                       int64_t batch_size, const LoaderOptions &options,
                       bool streams)
    : dataset(std::move(dataset)), batch_size(batch_size), options(options),
      streams(streams) {
  if (batch_size < 1)
    throw ValueError("DataLoader: the batch size is " +
                     std::to_string(batch_size));
  if (options.prefetch < 0)
    throw ValueError("DataLoader: prefetch is " +
                     std::to_string(options.prefetch));
  reset();
}

DataLoader::DataLoader(const Dataset &dataset, int64_t batch_size,
                       const LoaderOptions &options)
    : DataLoader(refer_to(dataset), batch_size, options, false) {}

DataLoader::DataLoader(DataLoader &&) noexcept = default;
DataLoader &DataLoader::operator=(DataLoader &&) noexcept = default;
DataLoader::~DataLoader() = default;

SeqDataLoader::SeqDataLoader(const Dataset &dataset, int64_t batch_size,
                             const SeqLoaderOptions &options)
    : SeqDataLoader(refer_to(dataset), batch_size, options) {}

SeqDataLoader::SeqDataLoader(std::shared_ptr<const Dataset> dataset,
                             int64_t batch_size,
                             const SeqLoaderOptions &options)
    : DataLoader(std::move(dataset), batch_size,
                 {.shuffle = false,
                  .prefetch = options.prefetch,
                  .device = options.device},
                 true) {}

int64_t DataLoader::len() const {
  return (dataset->len() + batch_size - 1) / batch_size;
}

void DataLoader::reset() {
  worker.reset();
  position = 0;
  auto next = std::make_shared<Plan>();
  next->dataset = dataset.get();
  next->batch_size = batch_size;
  next->device = options.device;
  next->samples = dataset->len();
  // Transforms draw from a stream of their own, another one in each epoch.
  next->seed = detail::peek_stream() ^ (epoch++ * 0x85ebca6bu);
  if (options.shuffle && !streams) {
    NoGrad no_grad;
    detail::RecordingScope suspended(nullptr);
    next->order = random::permutation(next->samples).to_vector<int64_t>();
  } else if (!streams) {
    next->order.resize(size_t(next->samples));
    std::iota(next->order.begin(), next->order.end(), 0);
  }
  plan = std::move(next);
}

bool DataLoader::fetch() {
  if (position >= plan->batches()) {
    current = {};
    reset();
    return false;
  }
  current = {}; // its memory may serve the next batch
  if (options.prefetch > 0 && !worker) {
    try {
      worker = std::make_unique<Worker>(plan, position, options.prefetch,
                                        where.in_user_code());
    } catch (const std::system_error &) {
      // No thread to be had: the batches are made here.
    }
  }
  if (!worker) {
    current = plan->make(position, where);
    plan->each_on_device(current, [&](Variable &v) { v = v.to(plan->device); });
  } else {
    try {
      current = worker->take();
    } catch (...) {
      worker.reset(); // the next call starts at this batch again
      throw;
    }
  }
  ++position;
  return true;
}

std::optional<Sample> DataLoader::next(SourceLocation l) {
  where = Location(l);
  if (!fetch())
    return std::nullopt;
  return std::move(current);
}

DataLoader::Iterator DataLoader::begin(SourceLocation l) {
  where = Location(l);
  if (position > 0)
    reset();
  finished = false;
  step();
  return Iterator(this);
}

void DataLoader::step() {
  if (!finished)
    finished = !fetch();
}

Sample &DataLoader::batch() {
  if (finished)
    throw ValueError("DataLoader: there is no batch behind the last one",
                     where);
  return current;
}

} // namespace etch
