/*===- artifact.c - The convenience API inside an exported library --------===*\
|*
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|* Linked into every exported library; the library's own `<name>_init` and so on
|* are thin functions around these. libc only, no thread-local storage, no
|* globals: the text of an error lives in the instance. Everything is hidden.
\*===----------------------------------------------------------------------===*/
#include "runtime/core/state_reader.h"
/* (It comes first: it chooses what libc declares.) */
#include "runtime/core/processor.h"

#include <stdatomic.h>

#define ETCH_ALIGNMENT 64u

typedef struct etch_artifact {
  const etch_module_t *module;
  etch_host_t host;
  atomic_flag busy;
  void *storage; /* of all states, zero-filled by init */
  void *arena;
  uint64_t arena_bytes;
  void *prepared;  /* what the program keeps between runs */
  int is_prepared; /* with the present states */
  etch_tensor_t *args; /* the module's order; states are filled in */
  etch_tensor_t *states;
  int64_t *strides; /* of the states */
  char error[1024];
} etch_artifact_t;

static etch_message_t message_of(etch_artifact_t *self) {
  etch_message_t message = {self->error, sizeof(self->error)};
  return message;
}

static uint64_t padded(uint64_t bytes) {
  return (bytes + ETCH_ALIGNMENT - 1) & ~(uint64_t)(ETCH_ALIGNMENT - 1);
}

static void run_inline(void *self, etch_task_t task, void *closure,
                       int64_t count, int64_t grain) {
  (void)self;
  (void)grain;
  if (count > 0)
    task(closure, 0, count, 0);
}

static etch_host_t inline_host(void) {
  etch_host_t host = {NULL, run_inline, 1, 0};
  return host;
}

/* Makes the arena at least as large as the call needs. */
static etch_status_t provide_arena(etch_artifact_t *self, etch_call_t *call) {
  uint64_t needed = padded(self->module->arena_bytes(call));
  if (needed > self->arena_bytes) {
    free(self->arena);
    self->arena_bytes = 0;
    self->arena = aligned_alloc(ETCH_ALIGNMENT, needed);
    if (!self->arena)
      return etch_message_set(message_of(self), ETCH_ERROR_MEMORY,
                              "no memory for the arena (%llu bytes)",
                              (unsigned long long)needed);
    self->arena_bytes = needed;
  }
  call->arena = self->arena;
  call->arena_bytes = self->arena_bytes;
  return ETCH_OK;
}

static etch_call_t make_call(etch_artifact_t *self,
                             const etch_tensor_t *results,
                             int32_t num_results) {
  etch_call_t call;
  memset(&call, 0, sizeof(call));
  call.args = self->args;
  call.num_args = self->module->num_args;
  call.results = results;
  call.num_results = num_results;
  call.host = &self->host;
  call.prepared = self->prepared;
  call.prepared_bytes = self->prepared ? self->module->prepared_bytes : 0;
  call.is_prepared = self->is_prepared;
  return call;
}

/* Every extent known at export: the arena can be allocated before any run. */
static int is_static(const etch_module_t *module) {
  for (int32_t i = 0; i < module->num_args; ++i)
    for (int32_t d = 0; d < module->args[i].rank; ++d)
      if (module->args[i].extents[d] < 0)
        return 0;
  return 1;
}

/* Lays the states out one after the other; returns the bytes they take. */
static uint64_t place_states(etch_artifact_t *self, char *storage) {
  const etch_module_t *module = self->module;
  uint64_t bytes = 0;
  int64_t *strides = self->strides;
  etch_tensor_t *state = self->states;
  for (int32_t i = 0; i < module->num_args; ++i) {
    const etch_param_t *param = &module->args[i];
    etch_tensor_t *arg = &self->args[i];
    int64_t stride = 1;
    arg->dtype = param->dtype;
    arg->rank = param->rank;
    arg->extents = param->extents;
    if (param->role != ETCH_STATE)
      continue;
    arg->strides = strides;
    for (int32_t d = param->rank; d-- > 0; stride *= param->extents[d])
      strides[d] = stride;
    strides += param->rank;
    arg->data = storage ? storage + bytes : NULL;
    bytes += padded(etch_state_bytes(arg));
    *state++ = *arg;
  }
  return bytes;
}

void etch_artifact_free(etch_artifact_t *self) {
  if (!self)
    return;
  free(self->storage);
  free(self->arena);
  free(self->prepared);
  free(self->args);
  free(self->states);
  free(self->strides);
  free(self);
}

/* What of the module's needs this processor does not have. */
static const char *lacks(const etch_module_t *module) {
  etch_processor_t processor = etch_this_processor();
  return etch_processor_lacks(&processor, module->target);
}

etch_status_t etch_artifact_init(const etch_module_t *module,
                                 etch_artifact_t **out) {
  size_t ranks = 0, args = (size_t)module->num_args;
  *out = NULL;
  if (lacks(module))
    return ETCH_ERROR_DEVICE;
  for (int32_t i = 0; i < module->num_args; ++i) {
    ranks += (size_t)module->args[i].rank;
    for (int32_t d = 0; etch_state_is(module, i) && d < module->args[i].rank;
         ++d)
      if (module->args[i].extents[d] < 0)
        return ETCH_ERROR_ARGUMENT; /* nobody can tell the state's size */
  }
  etch_artifact_t *self = (etch_artifact_t *)calloc(1, sizeof(*self));
  if (!self)
    return ETCH_ERROR_MEMORY;
  self->module = module;
  self->host = inline_host();
  atomic_flag_clear(&self->busy);
  self->args = (etch_tensor_t *)calloc(args + 1, sizeof(etch_tensor_t));
  self->states = (etch_tensor_t *)calloc(args + 1, sizeof(etch_tensor_t));
  self->strides = (int64_t *)calloc(ranks + 1, sizeof(int64_t));
  if (!self->args || !self->states || !self->strides)
    goto no_memory;
  uint64_t bytes = place_states(self, NULL);
  self->storage = aligned_alloc(ETCH_ALIGNMENT, bytes ? bytes : ETCH_ALIGNMENT);
  if (!self->storage)
    goto no_memory;
  memset(self->storage, 0, bytes);
  place_states(self, (char *)self->storage);
  if (module->prepared_bytes) {
    self->prepared =
        aligned_alloc(ETCH_ALIGNMENT, padded(module->prepared_bytes));
    if (!self->prepared)
      goto no_memory;
  }
  if (is_static(module)) {
    etch_call_t call = make_call(self, NULL, 0);
    if (provide_arena(self, &call) != ETCH_OK)
      goto no_memory;
  }
  *out = self;
  return ETCH_OK;
no_memory:
  etch_artifact_free(self);
  return ETCH_ERROR_MEMORY;
}

const char *etch_artifact_error(const etch_module_t *module,
                                const etch_artifact_t *self) {
  const char *missing = self ? NULL : lacks(module);
  return self      ? self->error
         : missing ? missing
                   : "no instance: init failed or was not called";
}

/* One user at a time. The text of an error belongs to whoever holds the flag,
   so a refusal leaves none. */
static int acquire(etch_artifact_t *self) {
  return !atomic_flag_test_and_set_explicit(&self->busy, memory_order_acquire);
}

static etch_status_t release(etch_artifact_t *self, etch_status_t status) {
  if (status == ETCH_OK)
    self->error[0] = 0;
  atomic_flag_clear_explicit(&self->busy, memory_order_release);
  return status;
}

static etch_status_t run_held(etch_artifact_t *self,
                              const etch_tensor_t *inputs, int32_t num_inputs,
                              const etch_tensor_t *results,
                              int32_t num_results) {
  const etch_module_t *module = self->module;
  etch_message_t message = message_of(self);
  int32_t expected = module->num_args - etch_state_count(module);
  if (module->num_images)
    return etch_message_set(message, ETCH_ERROR_DEVICE,
                            "the program is for a graphics processor: "
                            "etch_device_program_run() of etch/device.h runs "
                            "it");
  if (num_inputs != expected || (expected && !inputs))
    return etch_message_set(message, ETCH_ERROR_ARGUMENT,
                            "expected %d input%s, got %d", (int)expected,
                            expected == 1 ? "" : "s", (int)num_inputs);
  for (int32_t i = 0, input = 0; i < module->num_args; ++i)
    if (!etch_state_is(module, i))
      self->args[i] = inputs[input++];
  etch_call_t call = make_call(self, results, num_results);
  etch_status_t status = etch_check_signature(module, &call, message);
  if (status == ETCH_OK)
    status = provide_arena(self, &call);
  if (status != ETCH_OK)
    return status;
  status = module->run(&call);
  self->is_prepared = status == ETCH_OK;
  if (status == ETCH_ERROR_INDEX)
    etch_message_set(message, status,
                     "index %lld is out of range for extent %lld (operation "
                     "%d of the program)",
                     (long long)call.error.value, (long long)call.error.extent,
                     (int)call.error.site);
  else if (status == ETCH_ERROR_VALUE)
    etch_message_set(message, status,
                     "%s%s gives %s for element %lld of %lld (operation %d of "
                     "the program)",
                     call.error.backward ? "in a gradient, " : "",
                     call.error.op,
                     call.error.values[0] != call.error.values[0]
                         ? "NaN"
                         : "an infinite value",
                     (long long)call.error.value, (long long)call.error.extent,
                     (int)call.error.site);
  else if (status != ETCH_OK)
    etch_message_set(message, status,
                     "the program failed with status %d (operation %d, value "
                     "%lld, expected %lld)",
                     (int)status, (int)call.error.site,
                     (long long)call.error.value, (long long)call.error.extent);
  return status;
}

etch_status_t etch_artifact_run(etch_artifact_t *self,
                                const etch_tensor_t *inputs, int32_t num_inputs,
                                const etch_tensor_t *results,
                                int32_t num_results) {
  if (!acquire(self))
    return ETCH_ERROR_BUSY;
  return release(self,
                 run_held(self, inputs, num_inputs, results, num_results));
}

etch_status_t etch_artifact_save(etch_artifact_t *self, const char *path) {
  if (!acquire(self))
    return ETCH_ERROR_BUSY;
  return release(self, etch_state_write(self->module, self->states, path,
                                        message_of(self)));
}

etch_status_t etch_artifact_load(etch_artifact_t *self, const char *path) {
  if (!acquire(self))
    return ETCH_ERROR_BUSY;
  self->is_prepared = 0;
  return release(self, etch_state_read(self->module, self->states, path,
                                       message_of(self)));
}

etch_status_t etch_artifact_state(etch_artifact_t *self, const char *name,
                                  etch_tensor_t *out) {
  if (!acquire(self))
    return ETCH_ERROR_BUSY;
  for (int32_t i = 0, state = 0; i < self->module->num_args; ++i) {
    if (!etch_state_is(self->module, i))
      continue;
    if (!strcmp(self->module->args[i].name, name)) {
      *out = self->states[state];
      self->is_prepared = 0; /* it may be written to */
      return release(self, ETCH_OK);
    }
    ++state;
  }
  return release(self, etch_message_set(message_of(self), ETCH_ERROR_ARGUMENT,
                                        "no state is called '%s'", name));
}

etch_status_t etch_artifact_set_host(etch_artifact_t *self,
                                     const etch_host_t *host) {
  if (!acquire(self))
    return ETCH_ERROR_BUSY;
  if (host && (!host->parallel_for || host->workers < 1))
    return release(self, etch_message_set(message_of(self), ETCH_ERROR_ARGUMENT,
                                          "the host has no parallel_for or no "
                                          "workers"));
  self->host = host ? *host : inline_host();
  /* The arena may depend on the number of workers. */
  etch_status_t status = ETCH_OK;
  if (is_static(self->module)) {
    etch_call_t call = make_call(self, NULL, 0);
    /* Extents of inputs are the parameters' own again. */
    for (int32_t i = 0; i < self->module->num_args; ++i)
      self->args[i].extents = self->module->args[i].extents;
    status = provide_arena(self, &call);
  }
  return release(self, status);
}
