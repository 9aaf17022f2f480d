//===- module_loader.cpp - Shared objects with a module in them -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/core/last_error.h"
#include "runtime/core/processor.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <new>

using etch::runtime::fail;

struct etch_library {
  void *handle;
  const etch_module_t *module;
  std::atomic<int32_t> references;
};

static etch_status_t openLibrary(const char *path, const char *querySymbol,
                                 void *handle, etch_library_t **out) {
  auto query = reinterpret_cast<etch_query_fn>(dlsym(handle, querySymbol));
  if (!query)
    return fail(ETCH_ERROR_FORMAT,
                "'%s' is not an Etch library: no symbol '%s'", path,
                querySymbol);
  const etch_module_t *module = query(ETCH_ABI_VERSION);
  if (!module)
    return fail(ETCH_ERROR_ABI,
                "'%s' was built for another ABI version than %u; export it "
                "again",
                path, ETCH_ABI_VERSION);
  if (module->abi_version != ETCH_ABI_VERSION ||
      module->struct_size < sizeof(etch_module_t))
    return fail(ETCH_ERROR_ABI,
                "'%s' was built for ABI version %u, this runtime has %u", path,
                module->abi_version, ETCH_ABI_VERSION);
  auto *library = static_cast<etch_library_t *>(malloc(sizeof(etch_library_t)));
  if (!library)
    return fail(ETCH_ERROR_MEMORY, "no memory to load '%s'", path);
  *out = new (library) etch_library_t{handle, module, {1}};
  return ETCH_OK;
}

etch_status_t etch_module_load(const char *path, const char *query_symbol,
                               etch_library_t **out) {
  etch_status_t status = etch_module_read(path, query_symbol, out);
  if (status != ETCH_OK)
    return status;
  etch_processor_t processor = etch_this_processor();
  const char *lacks = etch_processor_lacks(&processor, (*out)->module->target);
  if (!lacks)
    return ETCH_OK;
  etch_library_release(*out);
  *out = nullptr;
  return fail(ETCH_ERROR_DEVICE, "'%s' cannot run here: %s", path, lacks);
}

etch_status_t etch_module_read(const char *path, const char *query_symbol,
                               etch_library_t **out) {
  *out = nullptr;
  if (!path || !*path || !query_symbol)
    return fail(ETCH_ERROR_ARGUMENT, "no path of a library given");
  // dlopen searches for names without a slash; a path is a path.
  char *local = nullptr;
  if (!strchr(path, '/')) {
    size_t length = strlen(path) + 3;
    local = static_cast<char *>(malloc(length));
    if (!local)
      return fail(ETCH_ERROR_MEMORY, "no memory to load '%s'", path);
    strcpy(local, "./");
    strcat(local, path);
  }
  void *handle = dlopen(local ? local : path, RTLD_NOW | RTLD_LOCAL);
  free(local);
  if (!handle) {
    const char *why = dlerror();
    return fail(ETCH_ERROR_IO, "cannot load '%s': %s", path,
                why ? why : "unknown reason");
  }
  etch_status_t status = openLibrary(path, query_symbol, handle, out);
  if (status != ETCH_OK)
    dlclose(handle);
  return status;
}

etch_library_t *etch_library_retain(etch_library_t *library) {
  if (library)
    library->references.fetch_add(1, std::memory_order_relaxed);
  return library;
}

void etch_library_release(etch_library_t *library) {
  if (!library ||
      library->references.fetch_sub(1, std::memory_order_acq_rel) != 1)
    return;
  dlclose(library->handle);
  free(library);
}

const etch_module_t *etch_library_module(const etch_library_t *library) {
  return library->module;
}
