/*===- library.h - Loading an exported library by hand --------------------===*\
|*
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|* What the header that comes with each library does for programs that are
|* compiled after the export; this one finds everything by name at run time.
\*===----------------------------------------------------------------------===*/
#ifndef ETCH_EXAMPLES_MNIST_LIBRARY_H
#define ETCH_EXAMPLES_MNIST_LIBRARY_H

#include <etch/host.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct instance instance_t;

typedef struct {
  void *handle;
  instance_t *self;
  const etch_module_t *module;
  etch_tensor_t *inputs, *results;
  int32_t num_inputs;
  etch_status_t (*init)(instance_t **);
  void (*free)(instance_t *);
  etch_status_t (*run)(instance_t *, const etch_tensor_t *, int32_t,
                       const etch_tensor_t *, int32_t);
  etch_status_t (*save)(instance_t *, const char *);
  etch_status_t (*load)(instance_t *, const char *);
  etch_status_t (*set_host)(instance_t *, const etch_host_t *);
  const char *(*error)(const instance_t *);
} library_t;

static inline void fail(const char *what, const char *name) {
  fprintf(stderr, "etch-demo-continue: %s %s\n", what, name);
  exit(1);
}

/* Valid until the fourth next call. */
static inline const char *path_in(const char *folder, const char *name) {
  static char buffers[4][4096];
  static int next;
  char *path = buffers[next++ % 4];
  snprintf(path, sizeof buffers[0], "%s/%s", folder, name);
  return path;
}

static inline void *function_of(void *handle, const char *library,
                                const char *function) {
  char name[256];
  snprintf(name, sizeof name, "%s_%s", library, function);
  void *found = dlsym(handle, name);
  if (!found)
    fail("there is no function", name);
  return found;
}

static inline size_t bytes_of(const etch_tensor_t *t) {
  size_t bytes = etch_dtype_size(t->dtype);
  for (int32_t d = 0; d < t->rank; ++d)
    bytes *= (size_t)t->extents[d];
  return bytes;
}

/* How many digits a batch has. The libraries take any number. */
enum { batch_size = 100 };

/* A dense tensor of the parameter's type. */
static inline etch_tensor_t make_tensor(const etch_param_t *p) {
  int64_t *extents = malloc(((size_t)p->rank + 1) * sizeof(int64_t));
  int64_t *strides = malloc(((size_t)p->rank + 1) * sizeof(int64_t));
  if (!extents || !strides)
    fail("no memory for", p->name);
  int64_t stride = 1;
  for (int32_t d = p->rank; d-- > 0; stride *= extents[d]) {
    extents[d] = p->extents[d] < 0 ? batch_size : p->extents[d];
    strides[d] = stride;
  }
  etch_tensor_t t = {NULL, extents, strides, p->dtype, p->rank};
  t.data = malloc(bytes_of(&t) + 1);
  if (!t.data)
    fail("no memory for", p->name);
  return t;
}

static inline void load_library(library_t *l, const char *folder,
                                const char *name) {
  char file[256];
  snprintf(file, sizeof file, "lib%s.so", name);
  l->handle = dlopen(path_in(folder, file), RTLD_NOW | RTLD_LOCAL);
  if (!l->handle)
    fail("cannot load", dlerror());
  etch_query_fn query;
  *(void **)&query = function_of(l->handle, name, "query");
  *(void **)&l->init = function_of(l->handle, name, "init");
  *(void **)&l->free = function_of(l->handle, name, "free");
  *(void **)&l->run = function_of(l->handle, name, "run");
  *(void **)&l->save = function_of(l->handle, name, "save");
  *(void **)&l->load = function_of(l->handle, name, "load");
  *(void **)&l->set_host = function_of(l->handle, name, "set_host");
  *(void **)&l->error = function_of(l->handle, name, "error");
  l->module = query(ETCH_ABI_VERSION);
  if (!l->module || l->init(&l->self) != ETCH_OK)
    fail("cannot start", file);
  /* A library has no threads of its own: it borrows ours. */
  l->set_host(l->self, etch_default_host());
  l->inputs = malloc((size_t)l->module->num_args * sizeof(etch_tensor_t));
  l->results = malloc((size_t)l->module->num_results * sizeof(etch_tensor_t));
  if (!l->inputs || !l->results)
    fail("no memory for", file);
  l->num_inputs = 0;
  for (int32_t i = 0; i < l->module->num_args; ++i)
    if (l->module->args[i].role != ETCH_STATE)
      l->inputs[l->num_inputs++] = make_tensor(&l->module->args[i]);
  for (int32_t i = 0; i < l->module->num_results; ++i)
    l->results[i] = make_tensor(&l->module->results[i]);
}

static inline void check(const library_t *l, etch_status_t status) {
  if (status != ETCH_OK)
    fail(etch_status_name(status), l->error(l->self));
}

static inline void run_library(library_t *l) {
  check(l, l->run(l->self, l->inputs, l->num_inputs, l->results,
                  l->module->num_results));
}

static inline void load_state(library_t *l, const char *path) {
  check(l, l->load(l->self, path));
}

static inline void save_state(library_t *l, const char *path) {
  check(l, l->save(l->self, path));
}

static inline void free_tensor(etch_tensor_t *t) {
  free(t->data);
  free((void *)t->strides);
}

static inline void free_library(library_t *l) {
  for (int32_t i = 0; i < l->num_inputs; ++i)
    free_tensor(&l->inputs[i]);
  for (int32_t i = 0; i < l->module->num_results; ++i)
    free_tensor(&l->results[i]);
  free(l->inputs);
  free(l->results);
  l->free(l->self);
  dlclose(l->handle);
}

#endif /* ETCH_EXAMPLES_MNIST_LIBRARY_H */
