//===- FakeDriver.cpp - A CUDA driver without a device ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Stands in the place of libcuda.so.1. Memory of the device is memory of the
// host, kept account of: what reaches outside fails as on a device. A stream is
// a list of work that is done when somebody waits, so that what forgets to wait
// shows; tests have some run ahead instead, as far as the events that they wait
// for let them. Machine code is the path of a shared object, its kernels are
// functions `void name(u64 blocks, int threads, const u64 *arguments)`, next to
// an int `name_arguments`. Tests ask for failures. A hollow one takes any
// machine code and does nothing: programs that run on it are compiled, that is
// all.
//===----------------------------------------------------------------------===//

#include "test/runtime/cuda/FakeDriver.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <dlfcn.h>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <sys/mman.h>
#include <vector>

#ifndef ETCH_FAKE_VERSION
#define ETCH_FAKE_VERSION 13000
#endif
#ifndef ETCH_FAKE_DEVICES
#define ETCH_FAKE_DEVICES 2
#endif
#define EXPORT extern "C" __attribute__((visibility("default")))

using Address = uint64_t;
using Work = std::function<int()>;
using Kernel = void (*)(unsigned long long, int, const unsigned long long *);

namespace {

enum {
  kSuccess,
  kInvalidValue,
  kOutOfMemory,
  kNotFound = 500,
  kIllegalAddress = 700,
  kCaptureInvalid = 901
};
#ifdef ETCH_FAKE_HOLLOW
constexpr size_t kTotal = size_t(80) << 30; // nobody looks at what is there
#else
constexpr size_t kTotal = size_t(256) << 20;
#endif

struct Failure {
  int code = 0, after = 0;
};

struct Function {
  Kernel kernel;
  int numArguments;
};
struct Module {
  void *library;
  std::map<std::string, Function> functions;
};
struct Graph {
  std::vector<Work> work;
};
double now = 0;     ///< milliseconds: a microsecond for each piece of work
bool ahead = false; ///< whether streams that are made now do all at once

struct Stream {
  std::deque<Work> work;
  Graph *capture = nullptr;
  bool runsAhead = ahead;

  int add(Work w) {
    if (capture)
      capture->work.push_back(std::move(w));
    else
      work.push_back(std::move(w));
    return runsAhead && !capture ? wait() : int(kSuccess);
  }
  /// Does what came first.
  int step() {
    if (work.empty())
      return sticky;
    Work w = std::move(work.front());
    work.pop_front();
    now += 1e-3;
    if (!sticky)
      sticky = w();
    return sticky;
  }
  int wait() {
    while (!work.empty())
      step();
    return sticky;
  }
  int sticky = 0; ///< a failed kernel spoils the stream
};

/// A place in a stream, done when the stream has come there.
struct Mark {
  Stream *stream;
  bool done = false;
  double time = 0; ///< when it was
};
struct Event {
  std::shared_ptr<Mark> mark;

  int wait() {
    std::shared_ptr<Mark> m = mark;
    while (m && !m->done)
      if (int code = m->stream->step(); code || m->stream->work.empty())
        return code;
    return kSuccess;
  }
};

std::map<Address, size_t> memory, pinned;
std::map<std::string, Failure> failures;
std::map<std::string, int> calls;
size_t used = 0;
bool current = false;

/// Counts a call; the code that a test asked for, or success.
int enter(const char *name) {
  ++calls[name];
  auto it = failures.find(name);
  if (it == failures.end() || it->second.after-- > 0)
    return kSuccess;
  int code = it->second.code;
  failures.erase(it);
  return code;
}

bool inMemory(Address address, size_t bytes,
              const std::map<Address, size_t> &memory = ::memory) {
  auto it = memory.upper_bound(address);
  if (it == memory.begin())
    return false;
  --it;
  return address + bytes <= it->first + it->second;
}

} // namespace

#define ENTER(name)                                                            \
  if (int code = enter(#name))                                                 \
  return code

EXPORT void etch_fake_fail(const char *function, int code, int after) {
  failures[function] = {code, after};
}
EXPORT void etch_fake_enqueue(void *stream, void (*work)(void *), void *data) {
  ((Stream *)stream)->add([=] {
    work(data);
    return kSuccess;
  });
}
EXPORT bool etch_fake_in_memory(const void *from, unsigned long long bytes) {
  return inMemory(Address(from), bytes);
}
EXPORT int etch_fake_enter(const char *function) { return enter(function); }
EXPORT bool etch_fake_refuses(const char *what) {
  auto it = failures.find(what);
  return it != failures.end() && it->second.code;
}
EXPORT int etch_fake_calls(const char *function) { return calls[function]; }
EXPORT unsigned long long etch_fake_used() { return used; }
EXPORT void etch_fake_run_ahead(bool on) { ahead = on; }

EXPORT int cuInit(unsigned) {
  ENTER(cuInit);
  return kSuccess;
}
EXPORT int cuDriverGetVersion(int *version) {
  *version = ETCH_FAKE_VERSION;
  return kSuccess;
}
EXPORT int cuGetErrorName(int, const char **text) {
  *text = "CUDA_ERROR";
  return kSuccess;
}
EXPORT int cuGetErrorString(int code, const char **text) {
  *text = code == kOutOfMemory      ? "out of memory"
          : code == kInvalidValue   ? "invalid argument"
          : code == kIllegalAddress ? "an illegal memory access was encountered"
          : code == kNotFound       ? "named symbol not found"
                                    : "some failure";
  return kSuccess;
}
EXPORT int cuDeviceGetCount(int *count) {
  *count = ETCH_FAKE_DEVICES;
  return kSuccess;
}
EXPORT int cuDeviceGet(int *device, int ordinal) {
  ENTER(cuDeviceGet);
  *device = ordinal;
  return kSuccess;
}
EXPORT int cuDeviceGetName(char *name, int size, int) {
  strncpy(name, "Emulated device", size_t(size));
  return kSuccess;
}
EXPORT int cuDeviceGetAttribute(int *value, int attribute, int) {
  *value = attribute == 75 ? 9 : 0;
  return kSuccess;
}
EXPORT int cuDevicePrimaryCtxRetain(void **context, int) {
  ENTER(cuDevicePrimaryCtxRetain);
  *context = &memory;
  return kSuccess;
}
EXPORT int cuDevicePrimaryCtxRelease_v2(int) { return kSuccess; }
EXPORT int cuCtxSetCurrent(void *context) {
  current = context != nullptr;
  return kSuccess;
}
EXPORT int cuMemGetInfo_v2(size_t *available, size_t *total) {
  *available = kTotal - used;
  *total = kTotal;
  return kSuccess;
}
EXPORT int cuMemAlloc_v2(Address *out, size_t bytes) {
  ENTER(cuMemAlloc_v2);
  if (!bytes || !current)
    return kInvalidValue;
  if (bytes > kTotal - used)
    return kOutOfMemory;
  void *p = aligned_alloc(256, (bytes + 255) / 256 * 256);
#ifndef ETCH_FAKE_HOLLOW
  memset(p, 0xa5, bytes); // nobody may rely on what is there
#endif
  *out = Address(p);
  memory[*out] = bytes;
  used += bytes;
  return kSuccess;
}
EXPORT int cuMemFree_v2(Address address) {
  auto it = memory.find(address);
  if (it == memory.end())
    return kInvalidValue;
  used -= it->second;
  free((void *)address);
  memory.erase(it);
  return kSuccess;
}

//===----------------------------------------------------------------------===//
// Addresses and what is there
//===----------------------------------------------------------------------===//

EXPORT int cuMemGetAllocationGranularity(size_t *size, const void *, int) {
  ENTER(cuMemGetAllocationGranularity);
  *size = 4096;
  return kSuccess;
}
EXPORT int cuMemAddressReserve(Address *out, size_t bytes, size_t, Address,
                               unsigned long long) {
  ENTER(cuMemAddressReserve);
  void *p = mmap(nullptr, bytes, PROT_NONE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED)
    return kOutOfMemory;
  *out = Address(p);
  return kSuccess;
}
EXPORT int cuMemAddressFree(Address address, size_t bytes) {
  return munmap((void *)address, bytes) ? kInvalidValue : kSuccess;
}
EXPORT int cuMemCreate(unsigned long long *handle, size_t bytes, const void *,
                       unsigned long long) {
  ENTER(cuMemCreate);
  if (bytes % 4096)
    return kInvalidValue;
  if (bytes > kTotal - used)
    return kOutOfMemory;
  used += bytes;
  *handle = bytes;
  return kSuccess;
}
EXPORT int cuMemRelease(unsigned long long handle) {
  used -= handle;
  return kSuccess;
}
EXPORT int cuMemMap(Address address, size_t bytes, size_t,
                    unsigned long long handle, unsigned long long) {
  ENTER(cuMemMap);
  if (bytes > handle || address % 4096)
    return kInvalidValue;
  memory[address] = bytes;
  return kSuccess;
}
EXPORT int cuMemSetAccess(Address address, size_t bytes, const void *, size_t) {
  ENTER(cuMemSetAccess);
  return mprotect((void *)address, bytes, PROT_READ | PROT_WRITE)
             ? kInvalidValue
             : kSuccess;
}
EXPORT int cuMemUnmap(Address address, size_t bytes) {
  memory.erase(address);
  return mprotect((void *)address, bytes, PROT_NONE) ? kInvalidValue : kSuccess;
}

EXPORT int cuMemHostAlloc(void **out, size_t bytes, unsigned) {
  ENTER(cuMemHostAlloc);
  *out = aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
  pinned[Address(*out)] = bytes;
  return kSuccess;
}
EXPORT int cuMemFreeHost(void *at) {
  free(at);
  return pinned.erase(Address(at)) ? kSuccess : kInvalidValue;
}

EXPORT int cuEventCreate(Event **event, unsigned) {
  ENTER(cuEventCreate);
  *event = new Event;
  return kSuccess;
}
EXPORT int cuEventDestroy_v2(Event *event) {
  delete event;
  return kSuccess;
}
EXPORT int cuEventRecord(Event *event, Stream *stream) {
  ENTER(cuEventRecord);
  auto mark = event->mark = std::make_shared<Mark>(stream);
  return stream->add([=] {
    mark->done = true;
    mark->time = now;
    return kSuccess;
  });
}
EXPORT int cuEventElapsedTime(float *milliseconds, Event *from, Event *to) {
  ENTER(cuEventElapsedTime);
  if (!from->mark || !to->mark || !from->mark->done || !to->mark->done)
    return 600; // not ready
  *milliseconds = float(to->mark->time - from->mark->time);
  return kSuccess;
}
EXPORT int cuEventSynchronize(Event *event) { return event->wait(); }
EXPORT int cuStreamWaitEvent(Stream *stream, Event *event, unsigned) {
  ENTER(cuStreamWaitEvent);
  return stream->add([now = *event]() mutable { return now.wait(); });
}

EXPORT int cuMemcpyHtoDAsync_v2(Address to, const void *from, size_t bytes,
                                Stream *stream) {
  ENTER(cuMemcpyHtoDAsync_v2);
  if (!inMemory(to, bytes))
    return kInvalidValue;
  // From pinned memory when its turn comes; else the driver takes a copy.
  if (inMemory(Address(from), bytes, pinned))
    return stream->add([=] {
      memcpy((void *)to, from, bytes);
      return kSuccess;
    });
  std::string copy((const char *)from, bytes);
  return stream->add([=] {
    memcpy((void *)to, copy.data(), copy.size());
    return kSuccess;
  });
}
EXPORT int cuMemcpyDtoHAsync_v2(void *to, Address from, size_t bytes,
                                Stream *stream) {
  ENTER(cuMemcpyDtoHAsync_v2);
  if (!inMemory(from, bytes))
    return kInvalidValue;
  return stream->add([=] {
    memcpy(to, (void *)from, bytes);
    return kSuccess;
  });
}
EXPORT int cuMemcpyDtoDAsync_v2(Address to, Address from, size_t bytes,
                                Stream *stream) {
  if (!inMemory(to, bytes) || !inMemory(from, bytes))
    return kInvalidValue;
  return stream->add([=] {
    memmove((void *)to, (void *)from, bytes);
    return kSuccess;
  });
}
namespace {
/// CUDA_MEMCPY2D.
struct RowCopy {
  struct Side {
    size_t x, y;
    int type;
    const void *host;
    Address device;
    void *array;
    size_t pitch;
  } from, to;
  size_t width, rows;
};
} // namespace

EXPORT int cuMemcpy2DAsync_v2(const RowCopy *asked, Stream *stream) {
  ENTER(cuMemcpy2DAsync_v2);
  for (const RowCopy::Side &side : {asked->from, asked->to})
    if (side.type != 2 || side.x || side.y || side.pitch < asked->width ||
        !inMemory(side.device, (asked->rows - 1) * side.pitch + asked->width))
      return kInvalidValue;
  return stream->add([c = *asked] {
    for (size_t i = 0; i < c.rows; ++i)
      memcpy((void *)(c.to.device + i * c.to.pitch),
             (void *)(c.from.device + i * c.from.pitch), c.width);
    return kSuccess;
  });
}
EXPORT int cuMemsetD8Async(Address to, unsigned char value, size_t bytes,
                           Stream *stream) {
  if (!inMemory(to, bytes))
    return kInvalidValue;
  return stream->add([=] {
    memset((void *)to, value, bytes);
    return kSuccess;
  });
}

EXPORT int cuStreamCreate(Stream **stream, unsigned) {
  ENTER(cuStreamCreate);
  *stream = new Stream;
  return kSuccess;
}
EXPORT int cuStreamDestroy_v2(Stream *stream) {
  stream->wait();
  delete stream;
  return kSuccess;
}
EXPORT int cuStreamSynchronize(Stream *stream) {
  ENTER(cuStreamSynchronize);
  return stream->wait();
}

EXPORT int cuModuleLoadData(Module **out, const void *image) {
  ENTER(cuModuleLoadData);
#ifdef ETCH_FAKE_HOLLOW
  *out = new Module{nullptr, {}};
  return kSuccess;
#endif
  void *library = dlopen((const char *)image, RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return 209; // no binary for this device
  *out = new Module{library, {}};
  return kSuccess;
}
EXPORT int cuModuleUnload(Module *module) {
  if (module->library)
    dlclose(module->library);
  delete module;
  return kSuccess;
}
EXPORT int cuModuleGetFunction(Function **out, Module *module,
                               const char *name) {
  ENTER(cuModuleGetFunction);
#ifdef ETCH_FAKE_HOLLOW
  *out = &(module->functions[name] = {
               [](unsigned long long, int, const unsigned long long *) {}, 0});
  return kSuccess;
#endif
  auto kernel = Kernel(dlsym(module->library, name));
  auto *number =
      (int *)dlsym(module->library, (std::string(name) + "_arguments").c_str());
  if (!kernel || !number)
    return kNotFound;
  *out = &(module->functions[name] = {kernel, *number});
  return kSuccess;
}
EXPORT int cuLaunchKernel(Function *function, unsigned blocks, unsigned,
                          unsigned, unsigned threads, unsigned, unsigned,
                          unsigned, Stream *stream, void **arguments, void **) {
  ENTER(cuLaunchKernel);
  if (!blocks || !threads || threads > 1024)
    return kInvalidValue;
  std::vector<unsigned long long> values;
  for (int i = 0; i < function->numArguments; ++i)
    values.push_back(*(unsigned long long *)arguments[i]);
  int later = enter("kernel");
  return stream->add([=] {
    if (!later)
      function->kernel(blocks, int(threads), values.data());
    return later;
  });
}

EXPORT int cuStreamBeginCapture_v2(Stream *stream, int) {
  ENTER(cuStreamBeginCapture_v2);
  if (stream->capture)
    return kCaptureInvalid;
  stream->capture = new Graph;
  return kSuccess;
}
EXPORT int cuStreamEndCapture(Stream *stream, Graph **graph) {
  *graph = stream->capture;
  stream->capture = nullptr;
  if (int code = enter("cuStreamEndCapture")) {
    delete *graph;
    return code;
  }
  return kSuccess;
}
EXPORT int cuGraphInstantiateWithFlags(Graph **out, Graph *graph,
                                       unsigned long long) {
  ENTER(cuGraphInstantiateWithFlags);
  *out = new Graph(*graph);
  return kSuccess;
}
EXPORT int cuGraphLaunch(Graph *graph, Stream *stream) {
  ENTER(cuGraphLaunch);
  for (Work &w : graph->work)
    stream->add(w);
  return kSuccess;
}
EXPORT int cuGraphExecDestroy(Graph *graph) {
  delete graph;
  return kSuccess;
}
#ifndef ETCH_FAKE_INCOMPLETE
EXPORT int cuGraphDestroy(Graph *graph) {
  delete graph;
  return kSuccess;
}
#endif
