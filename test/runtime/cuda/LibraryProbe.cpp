//===- LibraryProbe.cpp - What the vendor's libraries take ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Without a device: every function is there, and descriptions of what we ask
// for are accepted. Ends with 77 where there is no library.
//===----------------------------------------------------------------------===//

#include "etch/device.h"
#include "runtime/cuda/cublas.h"

#include <cstdio>
#include <cstring>
#include <initializer_list>

using namespace etch::runtime::cuda;

static int missing(const char *reason) {
  printf("SKIPPED: NO LIBRARY: %s\n", reason);
  return 77;
}

static int products() {
  if (const char *reason = etch_products_unavailable(); *reason)
    return missing(reason);
  int tried = 0, failed = 0;
  for (int dtype : {ETCH_F32, ETCH_F64})
    for (int precision = 0; precision < (dtype == ETCH_F32 ? 3 : 1);
         ++precision)
      for (int activation = 0; activation < 5; ++activation)
        for (int with = 0; with < 16; ++with) {
          static char memory[64];
          bool gradient = activation >= ETCH_RELU_GRAD, transposed = with & 8;
          etch_product_t p = {};
          p.y = memory;
          p.a = p.b = memory;
          p.bias = with & 1 && !gradient ? memory : nullptr;
          p.aux = with & 2 || gradient ? memory : nullptr;
          p.bias_grad = with & 4 ? memory : nullptr;
          p.bias_grad_of = !gradient;
          p.batch = 1;
          p.m = 32, p.n = 128, p.k = 64;
          p.a_strides[1] = transposed ? 1 : p.k;
          p.a_strides[2] = transposed ? p.m : 1;
          p.b_strides[1] = transposed ? 1 : p.n;
          p.b_strides[2] = transposed ? p.k : 1;
          p.dtype = dtype;
          p.precision = precision;
          p.activation = activation;
          int epilogues[4], count = acceptedEpilogues(p, epilogues);
          ++tried;
          if (!count) {
            ++failed;
            printf("refused: dtype %d, precision %d, activation %d, with %d\n",
                   dtype, precision, activation, with);
          }
        }
  printf("cuBLASLt: %d of %d products described\n", tried - failed, tried);
  return failed != 0;
}

int main(int argc, char **argv) {
  if (argc == 2 && !strcmp(argv[1], "products"))
    return products();
  return 2;
}
