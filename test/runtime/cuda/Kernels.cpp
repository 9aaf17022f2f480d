//===- Kernels.cpp - "Machine code" for the fake driver ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

using U64 = unsigned long long;

extern "C" {
/// y[i] += a * x[i] for i < n.
__attribute__((visibility("default"))) int axpy_arguments = 4;
__attribute__((visibility("default"))) void axpy(U64 blocks, int threads,
                                                 const U64 *arguments) {
  auto *y = (float *)arguments[0];
  auto *x = (const float *)arguments[1];
  float a;
  __builtin_memcpy(&a, &arguments[2], sizeof a);
  for (U64 i = 0; i < blocks * U64(threads) && i < arguments[3]; ++i)
    y[i] += a * x[i];
}
}
