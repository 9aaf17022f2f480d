//===- Prelude.cpp - What printed kernels rely on -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Target/CUDA/Prelude.h"

static constexpr llvm::StringLiteral text = R"cuda(
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int i32;
typedef long long i64;
typedef unsigned __int128 u128;
typedef __int128 i128;

/// What one access moves: 2, 4, 8 or 16 bytes, at a multiple of its size.
template <class T, int N> struct alignas(sizeof(T) * N) etch_vec { T v[N]; };

#ifndef ETCH_EMULATOR
#define ETCH_DEVICE static __device__ __forceinline__
/// Threads of a block; blocks that a processor is to hold at least.
#define ETCH_KERNEL(...) \
  extern "C" __global__ void __launch_bounds__(__VA_ARGS__)

ETCH_DEVICE float etch_fma(float a, float b, float c) {
  return __fmaf_rn(a, b, c);
}
ETCH_DEVICE double etch_fma(double a, double b, double c) {
  return __fma_rn(a, b, c);
}
ETCH_DEVICE float etch_sqrt(float x) { return __fsqrt_rn(x); }
ETCH_DEVICE double etch_sqrt(double x) { return __dsqrt_rn(x); }
ETCH_DEVICE float etch_abs(float x) { return fabsf(x); }
ETCH_DEVICE double etch_abs(double x) { return fabs(x); }
ETCH_DEVICE float etch_floor(float x) { return floorf(x); }
ETCH_DEVICE double etch_floor(double x) { return floor(x); }
ETCH_DEVICE float etch_rint(float x) { return rintf(x); }
ETCH_DEVICE double etch_rint(double x) { return rint(x); }
ETCH_DEVICE float etch_copysign(float x, float s) { return copysignf(x, s); }
ETCH_DEVICE double etch_copysign(double x, double s) { return copysign(x, s); }

ETCH_DEVICE u64 etch_thread() { return threadIdx.x; }
ETCH_DEVICE u64 etch_block() { return blockIdx.x; }
ETCH_DEVICE void etch_barrier() { __syncthreads(); }
/// The sixteen threads of a warp that this one is of.
ETCH_DEVICE u32 etch_half() { return 0xffffu << (threadIdx.x & 16u); }
ETCH_DEVICE void etch_sync16() { __syncwarp(etch_half()); }
ETCH_DEVICE void etch_sync32() { __syncwarp(); }
template <class T> ETCH_DEVICE T etch_down16(T v, u32 by) {
  return __shfl_down_sync(etch_half(), v, by, 16);
}

template <class T> ETCH_DEVICE T etch_load(const u8 *p) {
  return *(const T *)p;
}
template <class T> ETCH_DEVICE void etch_store(u8 *p, T v) { *(T *)p = v; }

template <int Bytes> struct etch_word;
template <> struct etch_word<2> { typedef unsigned short type; };
template <> struct etch_word<4> { typedef u32 type; };
template <> struct etch_word<8> { typedef uint2 type; };
template <> struct etch_word<16> { typedef uint4 type; };
template <class T, int N> union etch_pun {
  typename etch_word<sizeof(T) * N>::type word;
  etch_vec<T, N> vec;
  __device__ etch_pun() {}
};
template <class T, int N> ETCH_DEVICE etch_vec<T, N> etch_load_vec(const u8 *p) {
  etch_pun<T, N> both;
  both.word = *(const typename etch_word<sizeof(T) * N>::type *)p;
  return both.vec;
}
/// The intrinsic keeps the store whole.
template <class T, int N> ETCH_DEVICE void etch_store_vec(u8 *p, etch_vec<T, N> v) {
  etch_pun<T, N> both;
  both.vec = v;
  __stwb((typename etch_word<sizeof(T) * N>::type *)p, both.word);
}

ETCH_DEVICE bool etch_claim(u8 *p, u32 code) {
  return atomicCAS((u32 *)p, 0u, code) == 0u;
}
ETCH_DEVICE float etch_f32(u32 bits) { return __int_as_float(int(bits)); }
ETCH_DEVICE double etch_f64(u64 bits) {
  return __longlong_as_double((long long)bits);
}
template <class T> ETCH_DEVICE T etch_bits(float x) {
  return T(__float_as_int(x));
}
template <class T> ETCH_DEVICE T etch_bits(double x) {
  return T(__double_as_longlong(x));
}
template <class T> ETCH_DEVICE T etch_bits(u32 x) { return etch_f32(x); }
template <class T> ETCH_DEVICE T etch_bits(u64 x) { return etch_f64(x); }
#endif

/// The bits of the nearest bfloat16, ties to even.
ETCH_DEVICE u16 etch_bf16(float x) {
#if !defined(ETCH_EMULATOR) && __CUDA_ARCH__ >= 800
  u16 y;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(y) : "f"(x));
  return y;
#else
  u32 bits = etch_bits<u32>(x);
  return u16(x != x ? 0x7fffu : (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
#endif
}
template <class... P> ETCH_DEVICE bool etch_aligned(P... pointers) {
  return (((u64)pointers | ...) & 15) == 0;
}
/// 64-bit division is some hundred instructions, that of 32 bits a few.
ETCH_DEVICE u64 etch_div(u64 a, u64 b) {
  return (a | b) >> 32 ? a / b : u64(u32(a) / u32(b));
}
ETCH_DEVICE u64 etch_rem(u64 a, u64 b) {
  return (a | b) >> 32 ? a % b : u64(u32(a) % u32(b));
}
ETCH_DEVICE u32 etch_div(u32 a, u32 b) { return a / b; }
ETCH_DEVICE u32 etch_rem(u32 a, u32 b) { return a % b; }
)cuda";

llvm::StringRef etch::cuda::preludeText() { return text.ltrim(); }
