/*===- runtime_only.c - A program that only runs exported libraries -------===*\
|*
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|* Runs ./libconsumer_f.so, which consumer.cpp has exported: one vector of three
|* numbers in, one number out. Links Etch::Runtime, nothing else of Etch.
\*===----------------------------------------------------------------------===*/
#include <etch/host.h>

#include <stdio.h>
#include <stdlib.h>

static int fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, etch_last_error());
  return 1;
}

int main(void) {
  etch_library_t *library = NULL;
  if (etch_module_load("./libconsumer_f.so", "consumer_f_query", &library))
    return fail("load");
  const etch_module_t *module = etch_library_module(library);
  if (module->num_args != 1 || module->num_results != 1)
    return fail("signature");

  double x[3] = {0.0, 0.5, 1.0}, y = 0;
  int64_t extent = 3, stride = 1;
  etch_tensor_t arg = {.data = x,
                       .dtype = ETCH_F64,
                       .rank = 1,
                       .extents = &extent,
                       .strides = &stride};
  etch_tensor_t result = {.data = &y, .dtype = ETCH_F64};
  etch_call_t call = {.args = &arg,
                      .results = &result,
                      .host = etch_default_host(),
                      .num_args = 1,
                      .num_results = 1};
  call.arena_bytes = module->arena_bytes(&call);
  call.arena = aligned_alloc(64, (call.arena_bytes + 127) / 64 * 64);
  if (etch_check_call(module, &call) || module->run(&call))
    return fail("run");
  printf("%.17g\n", y);
  free(call.arena);
  etch_library_release(library);
  return 0;
}
