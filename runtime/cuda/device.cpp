//===- device.cpp - Memory and kernels of a graphics processor ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/device.h"

#include "runtime/core/last_error.h"
#include "runtime/cuda/state.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

using namespace etch::runtime;
using namespace etch::runtime::cuda;

struct etch_device_function {
  Function handle;
  etch_device_function *next;
  char name[1]; ///< as long as it is
};

struct etch_device_module {
  etch_device *device;
  Module handle;
  etch_device_function *functions;
};

struct etch_device_graph {
  etch_device *device;
  GraphExec handle;
};

static const char *textOf(Result result) {
  const char *text = nullptr;
  if (Driver::get().errorString(result, &text) || !text)
    return "unknown error";
  return text;
}

etch_status_t etch::runtime::cuda::failed(Result result, const char *what) {
  return fail(result == kOutOfMemory ? ETCH_ERROR_MEMORY : ETCH_ERROR_DEVICE,
              "%s: %s (CUDA error %d)", what, textOf(result), result);
}

etch_status_t etch::runtime::cuda::enter(etch_device *device) {
  if (Result result = Driver::get().contextSet(device->context))
    return failed(result, "the device cannot be used");
  return ETCH_OK;
}

etch_status_t etch::runtime::cuda::notWhileCapturing(etch_device *device,
                                                     const char *what) {
  if (device->capturing)
    return fail(ETCH_ERROR_ARGUMENT, "%s while a graph is captured", what);
  return enter(device);
}

//===----------------------------------------------------------------------===//
// Devices
//===----------------------------------------------------------------------===//

etch_status_t etch_device_open(int32_t ordinal, etch_device_t **out) {
  *out = nullptr;
  const Driver &driver = Driver::get();
  if (driver.problem[0])
    return fail(ETCH_ERROR_DEVICE, "%s", driver.problem);
  if (ordinal < 0 || ordinal >= driver.numDevices)
    return fail(ETCH_ERROR_ARGUMENT, "there is no device %d; there are %d",
                ordinal, driver.numDevices);
  void *memory = malloc(sizeof(etch_device));
  if (!memory)
    return fail(ETCH_ERROR_MEMORY, "no memory for a device");
  auto *device = new (memory) etch_device;
  int major = 0, minor = 0;
  Result result = driver.deviceGet(&device->handle, ordinal);
  if (!result)
    result = driver.deviceAttribute(&major, kComputeMajor, device->handle);
  if (!result)
    result = driver.deviceAttribute(&minor, kComputeMinor, device->handle);
  if (!result)
    result = driver.deviceName(device->info.name, int(sizeof device->info.name),
                               device->handle);
  if (!result)
    result = driver.contextRetain(&device->context, device->handle);
  if (result) {
    free(device);
    return failed(result, "the device cannot be opened");
  }
  snprintf(device->info.architecture, sizeof device->info.architecture,
           "sm_%d%d", major, minor);
  result = driver.contextSet(device->context);
  if (!result)
    result = driver.streamCreate(&device->stream, kNonBlocking);
  if (result) {
    driver.contextRelease(device->handle);
    free(device);
    return failed(result, "the device has no stream for us");
  }
  *out = device;
  return ETCH_OK;
}

void etch_device_close(etch_device_t *device) {
  if (!device)
    return;
  const Driver &driver = Driver::get();
  driver.contextSet(device->context);
  driver.streamWait(device->stream);
  release(device->products);
  release(device->convolutions);
  release(device->staging);
  release(device->sending);
  while (Block *block = device->blocks) {
    device->blocks = block->next;
    release(block);
  }
  releaseGuarded(device);
  driver.streamDestroy(device->stream);
  driver.contextRelease(device->handle);
  free(device);
}

etch_status_t etch_device_describe(etch_device_t *device,
                                   etch_device_info_t *out) {
  if (etch_status_t status = enter(device))
    return status;
  size_t available = 0, total = 0;
  if (Result result = Driver::get().memoryInfo(&available, &total))
    return failed(result, "the device's memory cannot be measured");
  *out = device->info;
  out->total = total;
  out->free = available;
  return ETCH_OK;
}

//===----------------------------------------------------------------------===//
// Work
//===----------------------------------------------------------------------===//

etch_status_t etch_device_wait(etch_device_t *device) {
  if (etch_status_t status = notWhileCapturing(device, "work is waited for"))
    return status;
  Result result = Driver::get().streamWait(device->stream);
  if (!result)
    return ETCH_OK;
  if (!device->lastFunction)
    return failed(result, "work on the device failed");
  return fail(ETCH_ERROR_DEVICE,
              "work on the device failed: %s (CUDA error %d); the last kernel "
              "was '%s' of operation %d",
              textOf(result), result, device->lastFunction, device->lastSite);
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

etch_status_t etch_device_load(etch_device_t *device, const void *image,
                               uint64_t bytes, etch_device_module_t **out) {
  *out = nullptr;
  if (!image || !bytes)
    return fail(ETCH_ERROR_ARGUMENT, "no machine code given");
  if (etch_status_t status = notWhileCapturing(device, "code is loaded"))
    return status;
  auto *module =
      static_cast<etch_device_module *>(malloc(sizeof(etch_device_module)));
  if (!module)
    return fail(ETCH_ERROR_MEMORY, "no memory to load machine code");
  *module = {device, nullptr, nullptr};
  if (Result result = Driver::get().moduleLoad(&module->handle, image)) {
    free(module);
    return fail(ETCH_ERROR_DEVICE,
                "machine code cannot be loaded on a device of architecture %s: "
                "%s (CUDA error %d)",
                device->info.architecture, textOf(result), result);
  }
  *out = module;
  return ETCH_OK;
}

void etch_device_unload(etch_device_module_t *module) {
  if (!module)
    return;
  // What has been launched may not have begun.
  if (enter(module->device) == ETCH_OK)
    Driver::get().streamWait(module->device->stream);
  while (etch_device_function *function = module->functions) {
    module->functions = function->next;
    if (module->device->lastFunction == function->name)
      module->device->lastFunction = nullptr;
    free(function);
  }
  if (enter(module->device) == ETCH_OK)
    Driver::get().moduleUnload(module->handle);
  free(module);
}

etch_status_t etch_device_find(etch_device_module_t *module, const char *name,
                               etch_device_function_t **out) {
  *out = nullptr;
  for (etch_device_function *f = module->functions; f; f = f->next)
    if (!strcmp(f->name, name)) {
      *out = f;
      return ETCH_OK;
    }
  if (etch_status_t status = enter(module->device))
    return status;
  Function handle = nullptr;
  if (Result result =
          Driver::get().moduleFunction(&handle, module->handle, name))
    return fail(ETCH_ERROR_DEVICE, "no kernel '%s': %s (CUDA error %d)", name,
                textOf(result), result);
  size_t length = strlen(name);
  auto *function = static_cast<etch_device_function *>(
      malloc(sizeof(etch_device_function) + length));
  if (!function)
    return fail(ETCH_ERROR_MEMORY, "no memory for a kernel");
  function->handle = handle;
  function->next = module->functions;
  memcpy(function->name, name, length + 1);
  module->functions = function;
  *out = function;
  return ETCH_OK;
}

etch_status_t etch_device_launch(etch_device_t *device,
                                 etch_device_function_t *function,
                                 int64_t blocks, int32_t threads,
                                 const uint64_t *arguments,
                                 int32_t num_arguments, int32_t site) {
  if (blocks <= 0)
    return ETCH_OK;
  constexpr int32_t most = 512;
  if (blocks > INT32_MAX || num_arguments > most)
    return fail(ETCH_ERROR_ARGUMENT,
                "kernel '%s' of operation %d: %lld blocks and %d arguments are "
                "more than a launch can have",
                function->name, site, (long long)blocks, num_arguments);
  if (etch_status_t status = enter(device))
    return status;
  void *pointers[most];
  for (int32_t i = 0; i < num_arguments; ++i)
    pointers[i] = const_cast<uint64_t *>(&arguments[i]);
  Result result = Driver::get().launch(function->handle, unsigned(blocks), 1, 1,
                                       unsigned(threads), 1, 1, 0,
                                       device->stream, pointers, nullptr);
  if (result)
    return fail(
        result == kOutOfMemory ? ETCH_ERROR_MEMORY : ETCH_ERROR_DEVICE,
        "kernel '%s' of operation %d cannot be launched: %s (CUDA error "
        "%d)",
        function->name, site, textOf(result), result);
  device->lastFunction = function->name;
  device->lastSite = site;
  ++device->info.launches;
  return ETCH_OK;
}

//===----------------------------------------------------------------------===//
// Graphs
//===----------------------------------------------------------------------===//

etch_status_t etch_device_capture_begin(etch_device_t *device) {
  if (etch_status_t status = notWhileCapturing(device, "a graph is begun"))
    return status;
  if (Result result =
          Driver::get().captureBegin(device->stream, kCaptureThreadLocal))
    return failed(result, "no graph can be captured");
  device->capturing = true;
  return ETCH_OK;
}

etch_status_t etch_device_capture_end(etch_device_t *device,
                                      etch_device_graph_t **out) {
  *out = nullptr;
  if (!device->capturing)
    return fail(ETCH_ERROR_ARGUMENT, "no graph is being captured");
  device->capturing = false;
  if (etch_status_t status = enter(device))
    return status;
  const Driver &driver = Driver::get();
  Graph graph = nullptr;
  if (Result result = driver.captureEnd(device->stream, &graph))
    return failed(result, "the graph cannot be captured");
  GraphExec handle = nullptr;
  Result result = driver.graphInstantiate(&handle, graph, 0);
  driver.graphDestroy(graph);
  if (result)
    return failed(result, "the graph cannot be made");
  auto *made =
      static_cast<etch_device_graph *>(malloc(sizeof(etch_device_graph)));
  if (!made) {
    driver.graphExecDestroy(handle);
    return fail(ETCH_ERROR_MEMORY, "no memory for a graph");
  }
  *made = {device, handle};
  *out = made;
  return ETCH_OK;
}

etch_status_t etch_device_graph_launch(etch_device_t *device,
                                       etch_device_graph_t *graph) {
  if (etch_status_t status = notWhileCapturing(device, "a graph is launched"))
    return status;
  if (Result result = Driver::get().graphLaunch(graph->handle, device->stream))
    return failed(result, "the graph cannot be launched");
  ++device->info.graph_launches;
  return ETCH_OK;
}

void etch_device_graph_destroy(etch_device_graph_t *graph) {
  if (!graph)
    return;
  if (enter(graph->device) == ETCH_OK)
    Driver::get().graphExecDestroy(graph->handle);
  free(graph);
}
