//===- program.cpp - A module's kernels on a device -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The module's own code decides what is launched; here is the queue that it
// launches on. A run with the memory of an earlier one is that one's graph.

#include "etch/device.h"

#include "etch/host.h"
#include "runtime/core/last_error.h"
#include "runtime/cuda/state.h"

#include <cstdlib>
#include <cstring>
#include <new>

using namespace etch::runtime;

namespace {

/// A constant of the module, copied when it was first asked for.
struct Constant {
  const void *data;
  void *memory;
  Constant *next;
};

/// What a run was given, and its graph from the second time on.
struct Recording {
  uint64_t *key;
  size_t count;
  etch_device_graph_t *graph;
  uint64_t used; ///< number of the run
};
constexpr size_t kMostRecordings = 8;

/// A moment in the stream where the work of a launch begins; -1: the end.
struct Mark {
  cuda::Event event;
  int64_t launch;
};
constexpr size_t kMostMarks = 1 << 15;

} // namespace

struct etch_device_program {
  etch_device_t *device = nullptr;
  const etch_module_t *module = nullptr;
  /// As many as there are images for the device.
  etch_device_module_t **code = nullptr;
  int32_t numCode = 0;
  etch_device_function_t **functions = nullptr; ///< by grid
  Constant *constants = nullptr;
  etch_queue_t queue = {};
  Recording recordings[kMostRecordings] = {};
  uint64_t runs = 0;
  bool makesGraphs = true;
  // Of programs that say where their launches begin.
  Mark *marks = nullptr; ///< with events for as many as there ever were
  size_t numMarks = 0, roomForMarks = 0;
  etch_device_span_t *spans = nullptr;
  // Of the run in progress.
  etch_status_t status = ETCH_OK;
  int32_t site = -1;

  void note(etch_status_t result, int32_t where = -1) {
    if (result == ETCH_OK || status != ETCH_OK)
      return;
    status = result;
    site = where;
  }
};

//===----------------------------------------------------------------------===//
// What a module asks for
//===----------------------------------------------------------------------===//

static etch_device_program &programOf(void *self) {
  return *static_cast<etch_device_program *>(self);
}

/// A moment, noted as an event.
static void mark(etch_device_program &p, int64_t launch) {
  const cuda::Driver &driver = cuda::Driver::get();
  if (p.numMarks == kMostMarks || p.status != ETCH_OK)
    return;
  if (p.numMarks == p.roomForMarks) {
    size_t room = p.roomForMarks ? 2 * p.roomForMarks : 64;
    auto *marks = static_cast<Mark *>(realloc(p.marks, room * sizeof(Mark)));
    if (!marks)
      return p.note(fail(ETCH_ERROR_MEMORY, "no memory for times"));
    p.marks = marks;
    for (; p.roomForMarks < room; ++p.roomForMarks)
      p.marks[p.roomForMarks].event = nullptr;
  }
  Mark &m = p.marks[p.numMarks];
  cuda::Result result = 0;
  if (!m.event)
    result = driver.eventCreate(&m.event, cuda::kTiming);
  if (!result)
    result = driver.eventRecord(m.event, p.device->stream);
  if (result)
    return p.note(cuda::failed(result, "a time cannot be taken"));
  m.launch = launch;
  ++p.numMarks;
}

/// A grid; of programs that are profiled, with grid -1, the number of the
/// launch that begins.
static void launch(void *self, int32_t grid, int64_t blocks,
                   const uint64_t *arguments, int32_t count, int32_t site) {
  etch_device_program &p = programOf(self);
  if (grid < 0)
    return mark(p, blocks);
  if (p.status == ETCH_OK)
    p.note(etch_device_launch(p.device, p.functions[grid], blocks,
                              p.module->grids[grid].threads, arguments, count,
                              site),
           site);
}

static void copy(void *self, void *to, const void *from, uint64_t bytes) {
  etch_device_program &p = programOf(self);
  if (p.status == ETCH_OK)
    p.note(etch_device_copy(p.device, to, from, bytes));
}

static void clear(void *self, void *to, uint64_t bytes) {
  etch_device_program &p = programOf(self);
  if (p.status == ETCH_OK)
    p.note(etch_device_clear(p.device, to, bytes));
}

static void read(void *self, void *to, const void *from, uint64_t bytes) {
  etch_device_program &p = programOf(self);
  if (p.status == ETCH_OK)
    p.note(etch_device_copy_out(p.device, to, from, bytes));
  if (p.status != ETCH_OK)
    memset(to, 0, bytes);
}

static void write(void *self, void *to, const void *from, uint64_t bytes) {
  etch_device_program &p = programOf(self);
  if (p.status == ETCH_OK)
    p.note(etch_device_copy_in(p.device, to, from, bytes));
}

/// What a library has done; after a failure all is done.
template <class Work, class Do>
static int32_t byLibrary(void *self, const Work *work, Do attempt) {
  etch_device_program &p = programOf(self);
  int32_t done = ETCH_DONE;
  if (p.status == ETCH_OK)
    p.note(attempt(p.device, work, &done), work->site);
  return p.status == ETCH_OK ? done : ETCH_DONE;
}
static int32_t product(void *self, const etch_product_t *work) {
  return byLibrary(self, work, etch_device_product);
}
static int32_t convolution(void *self, const etch_convolution_t *work) {
  return byLibrary(self, work, etch_device_convolution);
}

static void *constant(void *self, const void *data, uint64_t bytes) {
  etch_device_program &p = programOf(self);
  for (Constant *c = p.constants; c; c = c->next)
    if (c->data == data)
      return c->memory;
  if (p.status != ETCH_OK)
    return nullptr;
  auto *c = static_cast<Constant *>(malloc(sizeof(Constant)));
  if (!c)
    return p.note(fail(ETCH_ERROR_MEMORY, "no memory for a constant")), nullptr;
  *c = {data, nullptr, p.constants};
  etch_status_t status = etch_device_alloc(p.device, bytes, &c->memory);
  if (status == ETCH_OK)
    status = etch_device_copy_in(p.device, c->memory, data, bytes);
  if (status != ETCH_OK) {
    etch_device_free(p.device, c->memory);
    free(c);
    return p.note(status), nullptr;
  }
  p.constants = c;
  return c->memory;
}

//===----------------------------------------------------------------------===//
// Loading
//===----------------------------------------------------------------------===//

/// The number in "sm_90", if the name begins so; else -1.
static int numberAfter(const char *name, const char *prefix) {
  size_t length = strlen(prefix);
  return strncmp(name, prefix, length) ? -1 : atoi(name + length);
}

/// The best code for an architecture: its own, that of a smaller one of the
/// same generation, or what the driver can compile.
static const etch_image_t *imageFor(const etch_module_t *module,
                                    const char *architecture) {
  const etch_image_t *best = nullptr;
  int number = numberAfter(architecture, "sm_"), bestScore = 0;
  for (int32_t i = 0; i < module->num_images; ++i) {
    const etch_image_t &image = module->images[i];
    int made = numberAfter(image.architecture, "sm_"),
        from = numberAfter(image.architecture, "compute_"), score = 0;
    if (made >= 0 && made / 10 == number / 10 && made <= number)
      score = 10000 + made;
    else if (from >= 0 && from <= number)
      score = from;
    if (score > bestScore) {
      best = &image;
      bestScore = score;
    }
  }
  return best;
}

static etch_status_t noImage(const etch_module_t *module,
                             const char *architecture) {
  char all[256] = "";
  for (int32_t i = 0; i < module->num_images; ++i)
    if (strlen(all) + strlen(module->images[i].architecture) + 3 < sizeof all) {
      strcat(all, i ? ", " : "");
      strcat(all, module->images[i].architecture);
    }
  if (!module->num_images)
    return fail(ETCH_ERROR_DEVICE, "the program is for the host");
  return fail(ETCH_ERROR_DEVICE,
              "the program has no code for a device of architecture %s: it was "
              "compiled for %s",
              architecture, all);
}

/// The code for an architecture is in several images, its grids in the order of
/// these.
static etch_status_t loadCode(etch_device_program &p,
                              const char *architecture) {
  const etch_module_t *module = p.module;
  auto list = [](int32_t count) {
    return calloc(size_t(count), sizeof(void *));
  };
  p.functions = static_cast<etch_device_function_t **>(list(module->num_grids));
  p.code = static_cast<etch_device_module_t **>(list(module->num_images));
  if (!p.functions || !p.code)
    return fail(ETCH_ERROR_MEMORY, "no memory for a program");
  for (int32_t i = 0; i < module->num_images; ++i) {
    const etch_image_t &image = module->images[i];
    if (strcmp(image.architecture, architecture))
      continue;
    if (etch_status_t status = etch_device_load(
            p.device, image.code, image.bytes, &p.code[p.numCode]))
      return status;
    ++p.numCode;
  }
  for (int32_t i = 0, at = 0; i < module->num_grids; ++i)
    while (etch_status_t status = etch_device_find(
               p.code[at], module->grids[i].function, &p.functions[i]))
      if (++at == p.numCode)
        return status;
  return ETCH_OK;
}

etch_status_t etch_device_program_load(etch_device_t *device,
                                       const etch_module_t *module,
                                       etch_device_program_t **out) {
  *out = nullptr;
  etch_device_info_t info = {};
  if (etch_status_t status = etch_device_describe(device, &info))
    return status;
  // A program of nothing but copies has no code.
  const etch_image_t *image = imageFor(module, info.architecture);
  if (!image && module->num_grids)
    return noImage(module, info.architecture);
  void *memory = malloc(sizeof(etch_device_program));
  if (!memory)
    return fail(ETCH_ERROR_MEMORY, "no memory for a program");
  auto *program = new (memory) etch_device_program;
  program->device = device;
  program->module = module;
  program->queue = {program, launch,   copy,    clear,   read,
                    write,   constant, nullptr, product, convolution};
  etch_status_t status = ETCH_OK;
  if (module->num_grids)
    status = loadCode(*program, image->architecture);
  if (status == ETCH_OK && module->flags & ETCH_MODULE_CAN_FAIL)
    status =
        etch_device_alloc(device, sizeof(etch_error_t), &program->queue.error);
  if (status != ETCH_OK) {
    etch_device_program_unload(program);
    return status;
  }
  *out = program;
  return ETCH_OK;
}

static void forget(Recording &recording) {
  etch_device_graph_destroy(recording.graph);
  free(recording.key);
  recording = {};
}

void etch_device_program_unload(etch_device_program_t *program) {
  if (!program)
    return;
  for (Recording &recording : program->recordings)
    forget(recording);
  while (Constant *c = program->constants) {
    program->constants = c->next;
    etch_device_free(program->device, c->memory);
    free(c);
  }
  etch_device_free(program->device, program->queue.error);
  for (int32_t i = 0; i < program->numCode; ++i)
    etch_device_unload(program->code[i]);
  for (size_t i = 0; i < program->roomForMarks; ++i)
    if (program->marks[i].event)
      cuda::Driver::get().eventDestroy(program->marks[i].event);
  free(program->marks);
  free(program->spans);
  free(program->code);
  free(program->functions);
  free(program);
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

/// Writes what a run depends on; returns how many numbers there are.
static size_t writeKey(const etch_call_t *call, uint64_t *key) {
  size_t count = 0;
  auto put = [&](uint64_t number) {
    if (key)
      key[count] = number;
    ++count;
  };
  auto tensors = [&](const etch_tensor_t *list, int32_t n) {
    for (int32_t i = 0; i < n; ++i) {
      put(reinterpret_cast<uint64_t>(list[i].data));
      for (int32_t axis = 0; axis < list[i].rank; ++axis) {
        put(uint64_t(list[i].extents[axis]));
        put(uint64_t(list[i].strides[axis]));
      }
    }
  };
  put(reinterpret_cast<uint64_t>(call->arena));
  put(reinterpret_cast<uint64_t>(call->prepared));
  put(uint64_t(call->is_prepared));
  tensors(call->args, call->num_args);
  tensors(call->results, call->num_results);
  return count;
}

/// The recording of this call; a new one takes the place of the oldest. Null
/// when there is no memory.
static Recording *recordingOf(etch_device_program &p, const etch_call_t *call,
                              bool &isNew) {
  size_t count = writeKey(call, nullptr);
  auto *key = static_cast<uint64_t *>(malloc(count * sizeof(uint64_t)));
  if (!key)
    return nullptr;
  writeKey(call, key);
  Recording *oldest = &p.recordings[0];
  for (Recording &recording : p.recordings) {
    if (recording.count == count &&
        !memcmp(recording.key, key, count * sizeof(uint64_t))) {
      free(key);
      isNew = false;
      return &recording;
    }
    if (recording.used < oldest->used)
      oldest = &recording;
  }
  forget(*oldest);
  oldest->key = key;
  oldest->count = count;
  isNew = true;
  return oldest;
}

/// Launches everything, one after the other.
static void launchAll(etch_device_program &p, etch_call_t *call) {
  p.numMarks = 0;
  if (p.queue.error)
    clear(&p, p.queue.error, sizeof(etch_error_t));
  if (p.status == ETCH_OK)
    p.note(p.module->run(call));
  if (p.numMarks)
    mark(p, -1);
}

/// As a graph if that is possible; false: nothing has been done.
static bool launchGraph(etch_device_program &p, etch_call_t *call) {
  // What has marks cannot be a graph: events in it have no times.
  if (!p.makesGraphs || p.numMarks || p.module->flags & ETCH_MODULE_READS)
    return false;
  bool isNew = false;
  Recording *recording = recordingOf(p, call, isNew);
  if (!recording)
    return false;
  recording->used = ++p.runs;
  if (isNew)
    return false;
  if (!recording->graph) {
    bool made = etch_device_capture_begin(p.device) == ETCH_OK;
    if (made) {
      launchAll(p, call);
      made = etch_device_capture_end(p.device, &recording->graph) == ETCH_OK &&
             p.status == ETCH_OK;
    }
    p.status = ETCH_OK;
    if (!made) {
      p.makesGraphs = false; // a device that has none works without
      forget(*recording);
      return false;
    }
  }
  p.note(etch_device_graph_launch(p.device, recording->graph));
  return true;
}

/// What a kernel has checked: it knows the number of its grid, from 1 on, and
/// the grid's function has a name that ends so.
static const char *checkedBy(const etch_module_t *module, const char *number) {
  auto grid = reinterpret_cast<uintptr_t>(number);
  if (grid < 1 || grid > uintptr_t(module->num_grids))
    return nullptr;
  constexpr char mark[] = "_check_";
  const char *found = strstr(module->grids[grid - 1].function, mark);
  return found ? found + sizeof mark - 1 : nullptr;
}

etch_status_t etch_device_program_run(etch_device_program_t *program,
                                      etch_call_t *call) {
  etch_device_program &p = *program;
  p.status = ETCH_OK;
  p.site = -1;
  call->queue = &p.queue;
  call->error.code = ETCH_OK;
  call->error.site = -1;
  if (!launchGraph(p, call))
    launchAll(p, call);
  if (p.status == ETCH_OK && p.queue.error) {
    etch_error_t error = {};
    read(&p, &error, p.queue.error, sizeof error);
    if (error.code) {
      call->error = error;
      call->error.op = checkedBy(p.module, error.op);
    }
    p.note(etch_status_t(error.code), error.site);
  }
  if (p.status != ETCH_OK) {
    call->error.code = p.status;
    call->error.site = p.site;
  }
  return p.status;
}

etch_status_t etch_device_program_spans(etch_device_program_t *program,
                                        const etch_device_span_t **out,
                                        int64_t *count, double *seconds) {
  etch_device_program &p = *program;
  *out = nullptr;
  *count = 0;
  *seconds = 0;
  if (etch_status_t status = etch_device_wait(p.device))
    return status;
  free(p.spans);
  p.spans = static_cast<etch_device_span_t *>(
      calloc(p.numMarks + 1, sizeof(etch_device_span_t)));
  if (!p.spans)
    return fail(ETCH_ERROR_MEMORY, "no memory for times");
  double before = 0;
  for (size_t i = 0; i + 1 < p.numMarks; ++i) {
    float milliseconds = 0;
    if (cuda::Result result = cuda::Driver::get().eventElapsed(
            &milliseconds, p.marks[0].event, p.marks[i + 1].event))
      return cuda::failed(result, "a time cannot be read");
    *seconds = double(milliseconds) * 1e-3;
    p.spans[i] = {p.marks[i].launch, before, *seconds};
    before = *seconds;
    ++*count;
  }
  *out = p.spans;
  return ETCH_OK;
}
