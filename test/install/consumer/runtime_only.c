/*===- runtime_only.c - A program that only runs exported libraries -------===*\
|*
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
\*===----------------------------------------------------------------------===*/
#include <etch/host.h>

#include <stdio.h>

int main(void) {
  etch_library_t *library = NULL;
  if (etch_module_load("./no_such_library.so", "query", &library) == 0)
    return 1;
  printf("runtime: %d threads; %s\n", (int)etch_num_threads(),
         etch_last_error());
  return 0;
}
