//===- Emulator.h - CUDA kernels on a CPU ------------------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Stands in front of printed kernels when they are compiled as C++. A block
// runs on one thread of the machine; its threads are fibers if the kernel has
// barriers. Each runs up to a barrier, in an order that the schedule gives:
// what a missing barrier orders on a device by luck is in the wrong order here.
// The rest of the device is as exact as IEEE arithmetic.
//===----------------------------------------------------------------------===//
#ifndef ETCH_TEST_COMPILER_TARGET_CUDA_EMULATOR_H
#define ETCH_TEST_COMPILER_TARGET_CUDA_EMULATOR_H

#define ETCH_EMULATOR
#define ETCH_DEVICE static inline
#define ETCH_KERNEL(...) static void
#define __device__
#define __shared__ static

#include "Fibers.h"

namespace etch_emulator {

template <class... Args, size_t... I>
void callWith(void (*kernel)(Args...), const unsigned long long *slots,
              std::index_sequence<I...>) {
  kernel(Args(slots[I])...);
}
/// A kernel with arguments of 8 bytes each.
template <class... Args>
void call(void (*kernel)(Args...), const unsigned long long *slots) {
  callWith(kernel, slots, std::index_sequence_for<Args...>());
}

} // namespace etch_emulator

static inline float etch_fma(float a, float b, float c) {
  return __builtin_fmaf(a, b, c);
}
static inline double etch_fma(double a, double b, double c) {
  return __builtin_fma(a, b, c);
}
static inline float etch_sqrt(float x) { return __builtin_sqrtf(x); }
static inline double etch_sqrt(double x) { return __builtin_sqrt(x); }
static inline float etch_abs(float x) { return __builtin_fabsf(x); }
static inline double etch_abs(double x) { return __builtin_fabs(x); }
static inline float etch_floor(float x) { return __builtin_floorf(x); }
static inline double etch_floor(double x) { return __builtin_floor(x); }
static inline float etch_rint(float x) { return __builtin_rintf(x); }
static inline double etch_rint(double x) { return __builtin_rint(x); }
static inline float etch_copysign(float x, float s) {
  return __builtin_copysignf(x, s);
}
static inline double etch_copysign(double x, double s) {
  return __builtin_copysign(x, s);
}

static inline unsigned long long etch_thread() {
  return etch_emulator::machine.thread;
}
static inline unsigned long long etch_block() {
  return etch_emulator::machine.block;
}
static inline void etch_barrier() {
  etch_emulator::wait(etch_emulator::kBlock);
}
static inline void etch_sync16() { etch_emulator::wait(16); }
static inline void etch_sync32() { etch_emulator::wait(32); }
/// What thread `from` of the warp has: one barrier, for the next exchange is in
/// other places.
template <class T> T etch_exchange(T v, size_t from, void (*sync)()) {
  auto &machine = etch_emulator::machine;
  size_t thread = machine.thread;
  auto *all = machine.exchanged[machine.exchanges[thread]++ % 2];
  memcpy(&all[thread], &v, sizeof v);
  sync();
  memcpy(&v, &all[from], sizeof v);
  return v;
}
template <class T> T etch_down16(T v, unsigned by) {
  size_t thread = etch_emulator::machine.thread;
  return etch_exchange(v, thread % 16 + by < 16 ? thread + by : thread,
                       etch_sync16);
}
#define ETCH_MEMBER inline
static inline unsigned etch_from(unsigned v, unsigned lane) {
  return etch_exchange(v, etch_emulator::machine.thread / 32 * 32 + lane,
                       etch_sync32);
}
/// Copies are made when they are waited for: before, nothing is there.
template <int Bytes>
void etch_copy(unsigned char *to, const unsigned char *from, bool there) {
  if (((unsigned long long)to | (there ? (unsigned long long)from : 0)) % Bytes)
    etch_emulator::report("misaligned copy", to);
  etch_emulator::machine.copies[etch_emulator::machine.thread].push_back(
      {to, there ? from : nullptr, Bytes});
}
static inline void etch_copied() {
  auto &copies = etch_emulator::machine.copies[etch_emulator::machine.thread];
  for (const auto &copy : copies)
    if (copy.from)
      memcpy(copy.to, copy.from, (size_t)copy.bytes);
    else
      memset(copy.to, 0, (size_t)copy.bytes);
  copies.clear();
}

/// A fault: in the place of what another thread has.
template <class T> T etch_own(T v, unsigned) { return v; }

/// The device faults on what is not aligned.
template <class T, size_t Bytes = sizeof(T)> T *etch_checked(const void *p) {
  if ((unsigned long long)p % Bytes)
    etch_emulator::report("misaligned access", p);
  return (T *)p;
}
template <class T> T etch_load(const unsigned char *p) {
  T v;
  memcpy(&v, etch_checked<T>(p), sizeof(T));
  return v;
}
template <class T> void etch_store(unsigned char *p, T v) {
  memcpy(etch_checked<T>(p), &v, sizeof(T));
}
template <class T, int N> struct etch_vec;
template <class T, int N> etch_vec<T, N> etch_load_vec(const unsigned char *p) {
  etch_vec<T, N> v;
  memcpy(&v, (etch_checked<char, sizeof(T) * N>(p)), sizeof v);
  return v;
}
template <class T, int N>
void etch_store_vec(unsigned char *p, etch_vec<T, N> v) {
  memcpy((etch_checked<char, sizeof(T) * N>(p)), &v, sizeof v);
}
static inline bool etch_claim(unsigned char *p, unsigned code) {
  unsigned none = 0;
  return __atomic_compare_exchange_n((unsigned *)p, &none, code, false,
                                     __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}
template <class To, class From> To etch_bits(From x) {
  static_assert(sizeof(To) == sizeof(From));
  To y;
  memcpy(&y, &x, sizeof y);
  return y;
}
static inline float etch_f32(unsigned bits) { return etch_bits<float>(bits); }
static inline double etch_f64(unsigned long long bits) {
  return etch_bits<double>(bits);
}

#endif // ETCH_TEST_COMPILER_TARGET_CUDA_EMULATOR_H
