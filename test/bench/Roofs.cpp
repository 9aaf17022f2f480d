//===- Roofs.cpp - what one core can do at best ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/bench/Bench.h"

#include <immintrin.h>
#include <memory>

#include <sys/syscall.h>
#include <unistd.h>

using namespace etch::bench;

namespace {
constexpr long kRounds = 20000;
constexpr int kAccumulators = 16; // latency 4, two units: 8 would do

/// `rounds` times 16 independent chains of fused multiply-adds.
__attribute__((target("avx512f"))) float fma512(long rounds) {
  __m512 a[kAccumulators], x = _mm512_set1_ps(0.999f),
                           y = _mm512_set1_ps(1e-3f);
  for (__m512 &v : a)
    v = y;
  for (long r = 0; r < rounds; ++r) {
#pragma clang loop unroll(full)
    for (int i = 0; i < kAccumulators; ++i)
      a[i] = _mm512_fmadd_ps(a[i], x, y);
    asm volatile("" ::: "memory");
  }
  __m512 sum = a[0];
  for (int i = 1; i < kAccumulators; ++i)
    sum = _mm512_add_ps(sum, a[i]);
  return _mm512_reduce_add_ps(sum);
}

__attribute__((target("avx2,fma"))) float fma256(long rounds) {
  constexpr int n = 12; // of 16 registers
  __m256 a[n], x = _mm256_set1_ps(0.999f), y = _mm256_set1_ps(1e-3f);
  for (__m256 &v : a)
    v = y;
  for (long r = 0; r < rounds; ++r) {
#pragma clang loop unroll(full)
    for (int i = 0; i < n; ++i)
      a[i] = _mm256_fmadd_ps(a[i], x, y);
    asm volatile("" ::: "memory");
  }
  __m256 sum = a[0];
  for (int i = 1; i < n; ++i)
    sum = _mm256_add_ps(sum, a[i]);
  return _mm256_cvtss_f32(sum);
}

/// z = a*x + y over arrays far larger than the caches, on whole lines that are
/// stored past them: z need not be read first.
__attribute__((target_clones("avx512f", "avx2", "default"))) void
triad(float *z, const float *x, const float *y, long n) {
  typedef float Line __attribute__((vector_size(64)));
  for (long i = 0; i < n; i += 16)
    __builtin_nontemporal_store(0.5f * *(const Line *)(x + i) +
                                    *(const Line *)(y + i),
                                (Line *)(z + i));
}

/// Linux lets programs use tile registers that ask for them.
bool hasTiles() {
  constexpr long requestPermission = 0x1023, tileData = 18;
  return syscall(SYS_arch_prctl, requestPermission, tileData) == 0;
}

/// Four independent sums of products of tiles, twice what latency needs.
__attribute__((target("amx-tile,amx-bf16"))) void products(long rounds) {
  alignas(64) unsigned char config[64] = {1};
  for (int i = 0; i < 8; ++i) {
    config[16 + 2 * i] = 64;
    config[48 + i] = 16;
  }
  _tile_loadconfig(config);
  for (long r = 0; r < rounds; ++r) {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_release();
}

volatile float sink;
} // namespace

std::vector<RoofLoop> etch::bench::roofLoops() {
  std::vector<RoofLoop> loops;
  if (__builtin_cpu_supports("avx512f"))
    loops.push_back({"FMA loop f32", 2.0 * 16 * kAccumulators * kRounds, 0,
                     [] { sink = fma512(kRounds); }});
  else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    loops.push_back({"FMA loop f32", 2.0 * 8 * 12 * kRounds, 0,
                     [] { sink = fma256(kRounds); }});

  if (hasTiles())
    loops.push_back({"products of tiles bf16", 2.0 * 16 * 16 * 32 * 4 * kRounds,
                     0, [] { products(kRounds); }, true});

  constexpr long n = 16 << 20; // 3 x 64 MB
  static std::vector<float> memory(3 * n + 16, 1.0f);
  loops.push_back({"triad f32, 3 x 64 MB", 0, 12.0 * n, [] {
                     void *p0 = memory.data();
                     size_t space = 4 * memory.size();
                     auto *p = static_cast<float *>(
                         std::align(64, 12 * n, p0, space));
                     triad(p, p + n, p + 2 * n, n);
                   }});
  return loops;
}
