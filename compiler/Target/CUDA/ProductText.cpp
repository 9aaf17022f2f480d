//===- ProductText.cpp - Products of matrices by tensor cores -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Written as CUDA C++, for what it is made of are single instructions of the
// device and arrays in registers. Kernels that use it have it in front of them.
// An emulator gives etch_copy and etch_from itself.
//===----------------------------------------------------------------------===//

#include "compiler/Target/CUDA/Prelude.h"

static constexpr llvm::StringLiteral text = R"cuda(
#ifndef ETCH_PRODUCT
#define ETCH_PRODUCT
#ifndef ETCH_EMULATOR
#define ETCH_MEMBER __device__ __forceinline__
/// Copies into shared memory while the thread goes on, which it does not with 2
/// bytes; 0 where nothing is `there`. Both lie at multiples of the size, 2, 4 or
/// 16 bytes.
template <int Bytes>
ETCH_DEVICE void etch_copy(u8 *to, const u8 *from, bool there) {
  if constexpr (Bytes == 2) {
    *(u16 *)to = there ? *(const u16 *)from : u16(0);
    return;
  }
#if __CUDA_ARCH__ >= 800
  u32 place = u32(__cvta_generic_to_shared(to)), size = there ? Bytes : 0;
  if (Bytes == 16)
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
                 : : "r"(place), "l"(from), "r"(size) : "memory");
  else
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;"
                 : : "r"(place), "l"(from), "r"(size) : "memory");
#else
  for (int i = 0; i < Bytes; i += 4)
    *(u32 *)(to + i) = there ? *(const u32 *)(from + i) : 0u;
#endif
}
/// Until the thread's copies are there.
ETCH_DEVICE void etch_copied() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_all;" : : : "memory");
#endif
}
/// What another thread of the warp has.
ETCH_DEVICE u32 etch_from(u32 v, u32 lane) {
  return __shfl_sync(0xffffffffu, v, int(lane));
}
#endif

/// Rounded to the ten bits behind the point that tf32 has, ties away from 0.
ETCH_DEVICE u32 etch_tf32(float x) {
#if !defined(ETCH_EMULATOR) && __CUDA_ARCH__ >= 800
  u32 y;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(y) : "f"(x));
  return y;
#else
  u32 bits = etch_bits<u32>(x);
  return (bits >> 23 & 255u) == 255u ? bits : (bits + 0x1000u) & ~0x1fffu;
#endif
}
/// Two bfloat16, the first in the low half.
ETCH_DEVICE u32 etch_bf16x2(float low, float high) {
#if !defined(ETCH_EMULATOR) && __CUDA_ARCH__ >= 800
  u32 y;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(y) : "f"(high), "f"(low));
  return y;
#else
  float both[2] = {low, high};
  u32 y = 0;
  for (int i = 0; i < 2; ++i) {
    u32 bits = etch_bits<u32>(both[i]);
    bits = both[i] != both[i] ? 0x7fffu << 16
                              : bits + 0x7fffu + (bits >> 16 & 1u);
    y |= bits >> 16 << 16 * i;
  }
  return y;
#endif
}

/// c += a b, of 16 x 8 elements, by a warp. Of lane 4 g + t, a has rows g and
/// g + 8 (the lower bit of the register's number) of columns t and t + 4 (the
/// upper bit), or, as bfloat16, of 2 t and 2 t + 1, and 8 more; b the same rows
/// as a has columns, of column g; c rows g and g + 8 (upper bit), columns 2 t
/// and 2 t + 1.
template <bool Half> ETCH_DEVICE void etch_mma(float *c, const u32 *a, const u32 *b) {
#if !defined(ETCH_EMULATOR) && __CUDA_ARCH__ >= 800
  if (Half)
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  else
    asm volatile(
        "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
  u32 lane = u32(etch_thread()) % 32u, g = lane / 4u, t = lane % 4u;
  for (u32 k = 0; k < (Half ? 16u : 8u); ++k) {
    u32 part = Half ? k / 2u : k, upper = part / 4u, column = part % 4u;
    auto value = [&](u32 v, u32 owner) {
      u32 bits = etch_from(v, owner);
      return etch_bits<float>(!Half ? bits : k % 2u ? bits >> 16 << 16
                                                    : bits << 16);
    };
    float rows[2], columns[2];
    for (u32 i = 0; i < 2u; ++i) {
      rows[i] = value(a[upper * 2u + i], g * 4u + column);
      columns[i] = value(b[upper], (t * 2u + i) * 4u + column);
    }
    for (u32 i = 0; i < 4u; ++i)
      c[i] = etch_fma(rows[i / 2u], columns[i % 2u], c[i]);
  }
#endif
}

/// Steps of K that lie in shared memory at a time.
static const int etch_steps = 16;

/// How a slice of an operand lies in shared memory, as float or as the bits of
/// bfloat16, u16: Along, a line for each step of K, else for each row. No two
/// threads that read together meet in a bank.
template <bool Along, int Size, bool Half, class T> struct etch_slice {
  static const int each = 16 / sizeof(T); ///< of a vector of 16 bytes
  static const int line = Along ? Size : etch_steps;
  static const int lines = Along ? etch_steps : Size;
  static const int pitch = line + (sizeof(T) == 4 && Along == Half ? 4 : 8);
  static const int bytes = pitch * lines * sizeof(T);
  static ETCH_MEMBER T at(const u8 *slice, u32 r, u32 step) {
    return ((const T *)slice)[Along ? step * pitch + r : r * pitch + step];
  }
  /// What a register holds of it, from an even step on.
  static ETCH_MEMBER u32 part(const u8 *slice, u32 r, u32 step) {
    if constexpr (sizeof(T) == 2)
      return Along ? at(slice, r, step) | u32(at(slice, r, step + 1u)) << 16
                   : *(const u32 *)((const T *)slice + r * pitch + step);
    else
      return Half ? etch_bf16x2(at(slice, r, step), at(slice, r, step + 1u))
                  : etch_tf32(at(slice, r, step));
  }
};

/// Rows first.. of a matrix with one element behind the other along its rows,
/// or (Along) across them; a multiple of `stride` leads to the next line.
/// `whole`: lines are vectors of 16 bytes at multiples of that.
template <bool Along, int Size, bool Half, class T>
struct etch_matrix : etch_slice<Along, Size, Half, T> {
  typedef etch_slice<Along, Size, Half, T> slice_type;
  const u8 *p;
  u64 stride, first, extent, depth;
  bool whole;
  ETCH_MEMBER void fetch(u8 *slice, u64 from) const {
    const u32 each = slice_type::each, size = sizeof(T);
    const u32 perLine = slice_type::line / each;
#pragma unroll
    for (u32 i = u32(etch_thread()); i < u32(Size * etch_steps) / each;
         i += 256u) {
      u32 along = i % perLine * each, line = i / perLine;
      u64 r = first + (Along ? along : line), step = from + (Along ? line : along);
      u8 *to = slice + (line * slice_type::pitch + along) * size;
      const u8 *at = p + (Along ? step * stride + r : r * stride + step) * size;
      if (whole)
        etch_copy<16>(to, at, r < extent && step < depth);
      else
        for (u32 j = 0; j < each; ++j)
          etch_copy<size>(to + size * j, at + size * j,
                          r + (Along ? j : 0u) < extent &&
                              step + (Along ? 0u : j) < depth);
    }
  }
};

/// Columns of a product that are places of an image (n, h, w), steps of K that
/// are a channel and a tap: `tap` steps in each direction from where it is for
/// the first. A thread fetches for one column.
template <int Size, bool Half, class T>
struct etch_image : etch_slice<true, Size, Half, T> {
  typedef etch_slice<true, Size, Half, T> slice_type;
  const u8 *p; // of the group's first channel of the image
  i64 height, width, h, w;
  u64 depth, taps, tapsAlong;
  i64 tapH, tapW;
  bool there;
  ETCH_MEMBER void fetch(u8 *slice, u64 from) const {
    u32 column = u32(etch_thread()) % u32(Size);
    for (u32 i = u32(etch_thread()) / u32(Size); i < u32(etch_steps);
         i += 256u / u32(Size)) {
      u64 step = from + i, channel = etch_div(step, taps);
      u64 tap = step - channel * taps, row = etch_div(tap, tapsAlong);
      i64 y = h + i64(row) * tapH, x = w + i64(tap - row * tapsAlong) * tapW;
      const u8 *at =
          p + ((i64(channel) * height + y) * width + x) * i64(sizeof(T));
      etch_copy<sizeof(T)>(slice + (i * slice_type::pitch + column) * u32(sizeof(T)),
                           at,
                           there && step < depth && u64(y) < u64(height) &&
                               u64(x) < u64(width));
    }
  }
};

/// Rows are channels, steps of K a channel of the other side and a tap: the
/// filter of an image's gradient, whose rows and steps are no lines of memory.
template <int Size, bool Half, class T>
struct etch_filter : etch_slice<false, Size, Half, T> {
  typedef etch_slice<false, Size, Half, T> slice_type;
  const u8 *p;
  // Elements from channel to channel along K, from row to row, tap to tap.
  u64 stride, rowStride, tapH, tapW, first, extent, depth, taps, tapsAlong;
  ETCH_MEMBER void fetch(u8 *slice, u64 from) const {
    u32 line = u32(etch_thread()) / u32(etch_steps);
    u32 along = u32(etch_thread()) % u32(etch_steps);
    u64 step = from + along, channel = etch_div(step, taps);
    u64 tap = step - channel * taps, row = etch_div(tap, tapsAlong);
    const u32 size = sizeof(T);
    const u8 *at = p + (channel * stride + row * tapH +
                        (tap - row * tapsAlong) * tapW) * size;
    for (; line < u32(Size); line += 256u / u32(etch_steps)) {
      u64 r = first + line;
      etch_copy<size>(slice + (line * slice_type::pitch + along) * size,
                      at + r * rowStride * size, r < extent && step < depth);
    }
  }
};

/// Rows are channels, steps of K places (n, h, w): what the gradient of a
/// filter reads of the result's. `whole`: an image is vectors of 16 bytes at
/// multiples of that.
template <int Size, bool Half, class T>
struct etch_places : etch_slice<false, Size, Half, T> {
  typedef etch_slice<false, Size, Half, T> slice_type;
  const u8 *p; // of the group's first channel of the first image
  u64 next;    // from image to image
  u32 first, extent, depth, image;
  bool whole;
  ETCH_MEMBER void fetch(u8 *slice, u32 from) const {
    const u32 each = whole ? slice_type::each : 1, size = sizeof(T);
    const u32 perLine = u32(etch_steps) / each;
    u32 along = u32(etch_thread()) % perLine * each;
    u32 line = u32(etch_thread()) / perLine;
    u32 step = from + along, n = etch_div(step, image);
    const u8 *at = p + (n * next + u64(step - n * image)) * size;
    for (; line < u32(Size); line += 256u / perLine) {
      u32 r = first + line;
      u8 *to = slice + (line * u32(slice_type::pitch) + along) * size;
      bool there = r < extent && step < depth;
      if (whole)
        etch_copy<16>(to, at + u64(r) * image * size, there);
      else
        etch_copy<size>(to, at + u64(r) * image * size, there);
    }
  }
};

/// Columns of a product that are a channel and a tap of a filter, steps of K
/// the places (n, h, w) where the filter is: what its gradient reads of the
/// image. `lines` says for each column where it is from there, and how far down
/// and to the right.
template <int Size, bool Half, class T>
struct etch_taps : etch_slice<false, Size, Half, T> {
  typedef etch_slice<false, Size, Half, T> slice_type;
  struct alignas(16) column { i32 offset, down, right; };
  const u8 *p; // of the group's first channel of the first image
  const column *lines;
  u64 next;    // from image to image
  i32 height, width, strideH, strideW;
  u32 extent, depth, image, alongW; // places: all, of a line
  /// Each thread makes a column of the table.
  ETCH_MEMBER void locate(column *table, u32 first, u32 taps, u32 tapsAlong,
                          i32 dilationH, i32 dilationW, i32 padH, i32 padW) {
    lines = table;
    u32 i = u32(etch_thread()), at = first + i;
    if (i < u32(Size)) {
      u32 channel = etch_div(at, taps), tap = at - channel * taps;
      u32 row = etch_div(tap, tapsAlong);
      column c;
      c.down = i32(row) * dilationH - padH;
      c.right = i32(tap - row * tapsAlong) * dilationW - padW;
      c.offset = (i32(channel) * height + c.down) * width + c.right;
      table[i] = c;
    }
    extent = at - i < extent ? extent - (at - i) : 0; // from the first one on
  }
  ETCH_MEMBER void fetch(u8 *slice, u32 from) const {
    u32 line = u32(etch_thread()) / u32(etch_steps);
    u32 along = u32(etch_thread()) % u32(etch_steps);
    u32 step = from + along, n = etch_div(step, image);
    u32 rest = step - n * image, row = etch_div(rest, alongW);
    i32 h = i32(row) * strideH, w = i32(rest - row * alongW) * strideW;
    const u32 size = sizeof(T);
    const u8 *at = p + i64(n * next + u64(h) * u64(width) + u64(w)) * i64(size);
    for (; line < u32(Size); line += 256u / u32(etch_steps)) {
      column c = lines[line];
      etch_copy<size>(slice + (line * slice_type::pitch + along) * size,
                      at + i64(c.offset) * i64(size),
                      line < extent && step < depth &&
                          u32(h + c.down) < u32(height) &&
                          u32(w + c.right) < u32(width));
    }
  }
};

/// Rows are places (n, h, w) of a result, steps of K a tap and a channel of
/// images with channels last: `lines` says for each row in which image its
/// window is, and where that begins. `whole`: channels are vectors of 16 bytes
/// at multiples of that.
template <int Size, bool Half, class T>
struct etch_windows : etch_slice<false, Size, Half, T> {
  typedef etch_slice<false, Size, Half, T> slice_type;
  struct alignas(16) window { i64 image; i32 h, w; };
  const u8 *p; // of the group's first channel of the first image
  const window *lines;
  u64 channels; // of an image; `each` of them belong to the group
  u32 depth, each, tapsAlong, height, width;
  i32 tapH, tapW;
  bool whole;
  /// Each thread makes a row of the table: of the places of the result.
  ETCH_MEMBER void locate(window *table, u64 first, u64 places, u64 image,
                          u64 alongW, i32 strideH, i32 fromH, i32 strideW,
                          i32 fromW) {
    lines = table;
    u32 i = u32(etch_thread());
    if (i < u32(Size)) {
      u64 at = first + i, n = etch_div(at, image), rest = at - n * image;
      u64 row = etch_div(rest, alongW);
      window v;
      v.image = i64(n * channels) * i64(height) * i64(width);
      v.h = at < places ? i32(row) * strideH + fromH : -(1 << 30);
      v.w = i32(rest - row * alongW) * strideW + fromW;
      table[i] = v;
    }
  }
  ETCH_MEMBER void fetch(u8 *slice, u32 from) const {
    const u32 count = whole ? slice_type::each : 1, size = sizeof(T);
    const u32 perLine = u32(etch_steps) / count;
    u32 along = u32(etch_thread()) % perLine * count;
    u32 line = u32(etch_thread()) / perLine;
    u32 step = from + along, tap = etch_div(step, each);
    u32 row = etch_div(tap, tapsAlong);
    i32 down = i32(row) * tapH, right = i32(tap - row * tapsAlong) * tapW;
    const u8 *at = p + u64(step - tap * each) * size;
    for (; line < u32(Size); line += 256u / perLine) {
      window v = lines[line];
      i32 y = v.h + down, x = v.w + right;
      const u8 *place =
          at + (v.image + (i64(y) * i64(width) + x) * i64(channels)) * i64(size);
      u8 *to = slice + (line * u32(slice_type::pitch) + along) * size;
      bool there = step < depth && u32(y) < height && u32(x) < width;
      if (whole)
        etch_copy<16>(to, place, there);
      else
        etch_copy<size>(to, place, there);
    }
  }
};

/// Columns are channels of an image's gradient, steps of K a tap and a channel
/// of the other side: filters with channels last, across.
template <int Size, bool Half, class T>
struct etch_filter_last : etch_slice<true, Size, Half, T> {
  typedef etch_slice<true, Size, Half, T> slice_type;
  const u8 *p; // of the group's first filter
  u64 first, extent;
  u32 depth, each, taps;
  bool whole;
  ETCH_MEMBER void fetch(u8 *slice, u32 from) const {
    const u32 count = whole ? slice_type::each : 1, size = sizeof(T);
    const u32 perLine = u32(Size) / count;
    for (u32 i = u32(etch_thread()); i < u32(Size * etch_steps) / count;
         i += 256u) {
      u32 along = i % perLine * count, line = i / perLine;
      u32 step = from + line, tap = etch_div(step, each);
      u64 r = first + along, filter = u64(step - tap * each) * taps + tap;
      const u8 *at = p + (filter * extent + r) * size;
      u8 *to = slice + (line * u32(slice_type::pitch) + along) * size;
      if (whole)
        etch_copy<16>(to, at, r < extent && step < depth);
      else
        etch_copy<size>(to, at, r < extent && step < depth);
    }
  }
};

/// Columns are a tap and a channel of an image with channels last, steps of K
/// the places (n, h, w) where the filter is: what its gradient reads of the
/// image. A thread fetches for one column, or some neighbours.
template <int Size, bool Half, class T>
struct etch_taps_last : etch_slice<true, Size, Half, T> {
  typedef etch_slice<true, Size, Half, T> slice_type;
  const u8 *p; // where the filter's first place would be, of this column
  u64 channels;
  i32 height, width, strideH, strideW, down, right;
  u32 depth, image, alongW; // places: all, of a line
  bool there, whole;
  ETCH_MEMBER u32 count() const { return whole ? slice_type::each : 1; }
  ETCH_MEMBER u32 perLine() const { return u32(Size) / count(); }
  ETCH_MEMBER u32 along() const {
    return u32(etch_thread()) % perLine() * count();
  }
  /// Of so many columns, `each` for a tap.
  ETCH_MEMBER void locate(u32 first, u32 columns, u32 each, u32 tapsAlong,
                          i32 dilationH, i32 dilationW, i32 padH, i32 padW) {
    u32 at = first + along(), tap = etch_div(at, each);
    u32 row = etch_div(tap, tapsAlong);
    down = i32(row) * dilationH - padH;
    right = i32(tap - row * tapsAlong) * dilationW - padW;
    p += ((i64(down) * width + right) * i64(channels) + i64(at - tap * each)) *
         i64(sizeof(T));
    there = at < columns;
  }
  ETCH_MEMBER void fetch(u8 *slice, u32 from) const {
    const u32 size = sizeof(T);
    u32 line = u32(etch_thread()) / perLine();
    for (; line < u32(etch_steps); line += 256u / perLine()) {
      u32 step = from + line, n = etch_div(step, image);
      u32 rest = step - n * image, row = etch_div(rest, alongW);
      i32 h = i32(row) * strideH, w = i32(rest - row * alongW) * strideW;
      const u8 *at =
          p + ((i64(n) * height + h) * width + w) * i64(channels) * i64(size);
      u8 *to = slice + (line * u32(slice_type::pitch) + along()) * size;
      bool inside = there && step < depth && u32(h + down) < u32(height) &&
                    u32(w + right) < u32(width);
      if (whole)
        etch_copy<16>(to, at, inside);
      else
        etch_copy<size>(to, at, inside);
    }
  }
};

/// M x N elements by 256 threads, of which each has M N / 256: sums[i][j][4] as
/// etch_mma leaves them, of rows 16 i and columns 8 j of its warp's part, which
/// is one of 2 x 4. Two slices lie in shared memory, one for the copies that are
/// on their way.
template <int M, int N, bool Half, class A, class B>
ETCH_DEVICE void etch_product(u8 *results, u8 *shared, const A &a, const B &b,
                              u64 depth, u64 first = 0) {
  const int rows = M / 32, columns = N / 32;
  const int step = Half ? 16 : 8;
  float sums[rows][columns][4] = {};
  u32 warp = u32(etch_thread()) / 32u, lane = u32(etch_thread()) % 32u;
  u32 g = lane / 4u, t = lane % 4u;
  u32 row = warp % 2u * u32(M / 2) + g, column = warp / 2u * u32(N / 4) + g;
  const u32 both = u32(A::bytes + B::bytes);
  u32 buffer = 0; // 0 or `both`
  a.fetch(shared, first);
  b.fetch(shared + A::bytes, first);
#pragma unroll 1
  for (u64 from = first; from < depth; from += u64(etch_steps)) {
    etch_copied();
    etch_barrier();
    if (from + u64(etch_steps) < depth) {
      a.fetch(shared + (both - buffer), from + u64(etch_steps));
      b.fetch(shared + (both - buffer) + A::bytes, from + u64(etch_steps));
    }
    const u8 *now = shared + buffer;
#pragma unroll
    for (int k = 0; k < etch_steps; k += step) {
      u32 right[columns][2];
#pragma unroll
      for (int j = 0; j < columns; ++j)
#pragma unroll
        for (int q = 0; q < 2; ++q) {
          const u8 *slice = now + A::bytes;
          u32 c = column + 8u * j;
          u32 s = k + (Half ? 2u * t + 8u * q : t + 4u * q);
          right[j][q] = B::part(slice, c, s);
        }
#pragma unroll
      for (int i = 0; i < rows; ++i) {
        u32 left[4];
#pragma unroll
        for (int q = 0; q < 4; ++q) {
          u32 r = row + 16u * i + 8u * (q % 2);
          u32 s = k + (Half ? 2u * t + 8u * (q / 2) : t + 4u * (q / 2));
          left[q] = A::part(now, r, s);
        }
#pragma unroll
        for (int j = 0; j < columns; ++j)
          etch_mma<Half>(sums[i][j], left, right[j]);
      }
    }
    buffer = both - buffer;
  }
#pragma unroll
  for (int i = 0; i < rows * columns * 4; ++i)
    ((float *)results)[i] = sums[i / 4 / columns][i / 4 % columns][i % 4];
}

template <int M, int N, bool AlongA, bool AlongB, bool Half, class TA, class TB>
ETCH_DEVICE void etch_matmul(u8 *results, u8 *shared, u64 depth, u8 *a,
                             u64 strideA, u64 firstA, u64 extentA, bool wholeA,
                             u8 *b, u64 strideB, u64 firstB, u64 extentB,
                             bool wholeB) {
  etch_matrix<AlongA, M, Half, TA> left;
  left.p = a, left.stride = strideA, left.first = firstA;
  left.extent = extentA, left.depth = depth, left.whole = wholeA;
  etch_matrix<AlongB, N, Half, TB> right;
  right.p = b, right.stride = strideB, right.first = firstB;
  right.extent = extentB, right.depth = depth, right.whole = wholeB;
  etch_product<M, N, Half>(results, shared, left, right, depth);
}

/// For gradients, `stride` and what comes last say how the filter lies.
template <int M, int N, bool Forward, bool Half, class TA, class TB>
ETCH_DEVICE void etch_convolve(u8 *results, u8 *shared, u64 depth, u8 *filter,
                               u64 stride, u64 first, u64 extent, bool whole,
                               u8 *image, u64 height, u64 width, u64 h, u64 w,
                               u64 taps, u64 tapsAlong, u64 tapH, u64 tapW,
                               bool there, u64 rowStride, u64 filterH,
                               u64 filterW) {
  etch_image<N, Half, TB> right;
  right.p = image, right.height = i64(height), right.width = i64(width);
  right.h = i64(h), right.w = i64(w), right.depth = depth, right.taps = taps;
  right.tapsAlong = tapsAlong, right.tapH = i64(tapH), right.tapW = i64(tapW);
  right.there = there;
  if constexpr (Forward) {
    etch_matrix<false, M, Half, TA> left;
    left.p = filter, left.stride = depth, left.first = first;
    left.extent = extent, left.depth = depth, left.whole = whole;
    etch_product<M, N, Half>(results, shared, left, right, depth);
  } else {
    etch_filter<M, Half, TA> left;
    left.p = filter, left.stride = stride, left.first = first;
    left.extent = extent, left.depth = depth, left.taps = taps;
    left.tapsAlong = tapsAlong, left.rowStride = rowStride;
    left.tapH = filterH, left.tapW = filterW;
    etch_product<M, N, Half>(results, shared, left, right, depth);
  }
}

/// The gradient of a filter, of some steps of K. `image` and `alongW` count the
/// places of the result, `next` are elements from image to image of both.
template <int M, int N, bool Half, class TA, class TB>
ETCH_DEVICE void etch_correlate(u8 *results, u8 *shared, u64 depth, u64 from,
                                u8 *gradient, u64 next, u64 row, u64 rows,
                                bool whole, u64 image, u64 alongW, u8 *source,
                                u64 nextSource, u64 column, u64 columns,
                                u64 height, u64 width, u64 taps, u64 tapsAlong,
                                u64 strideH, u64 strideW, u64 dilationH,
                                u64 dilationW, u64 padH, u64 padW) {
  etch_places<M, Half, TA> left;
  left.p = gradient, left.next = next, left.first = u32(row);
  left.extent = u32(rows), left.depth = u32(depth), left.image = u32(image);
  left.whole = whole;
  etch_taps<N, Half, TB> right;
  right.p = source, right.next = nextSource;
  right.height = i32(height), right.width = i32(width);
  right.strideH = i32(strideH), right.strideW = i32(strideW);
  right.extent = u32(columns), right.depth = u32(depth);
  right.image = u32(image), right.alongW = u32(alongW);
  typedef typename etch_taps<N, Half, TB>::column place;
  right.locate((place *)(shared + 2 * (left.bytes + right.bytes)), u32(column),
               u32(taps), u32(tapsAlong), i32(dilationH), i32(dilationW),
               i32(padH), i32(padW));
  etch_barrier();
  etch_product<M, N, Half>(results, shared, left, right, depth, from);
}

/// The same with channels last.
template <int M, int N, bool Half, class TA, class TB>
ETCH_DEVICE void
etch_correlate_last(u8 *results, u8 *shared, u64 depth, u64 from, u8 *gradient,
                    u64 stride, u64 row, u64 rows, bool whole, u64 image,
                    u64 alongW, u8 *source, u64 channels, u64 each, u64 column,
                    u64 columns, bool wholeSource, u64 height, u64 width,
                    u64 tapsAlong, u64 strideH, u64 strideW, u64 dilationH,
                    u64 dilationW, u64 padH, u64 padW) {
  etch_matrix<true, M, Half, TA> left;
  left.p = gradient, left.stride = stride, left.first = row;
  left.extent = rows, left.depth = depth, left.whole = whole;
  etch_taps_last<N, Half, TB> right;
  right.p = source, right.channels = channels, right.whole = wholeSource;
  right.height = i32(height), right.width = i32(width);
  right.strideH = i32(strideH), right.strideW = i32(strideW);
  right.depth = u32(depth), right.image = u32(image);
  right.alongW = u32(alongW);
  right.locate(u32(column), u32(columns), u32(each), u32(tapsAlong),
               i32(dilationH), i32(dilationW), i32(padH), i32(padW));
  etch_product<M, N, Half>(results, shared, left, right, depth, from);
}

/// With channels last: rows are places of the result, columns its channels.
template <int M, int N, bool Forward, bool Half, class TA, class TB>
ETCH_DEVICE void
etch_convolve_last(u8 *results, u8 *shared, u64 depth, u8 *source, u64 height,
                   u64 width, u64 channels, u64 each, bool whole, u64 row,
                   u64 rows, u64 image, u64 alongW, u64 strideH, u64 fromH,
                   u64 tapH, u64 strideW, u64 fromW, u64 tapW, u64 taps,
                   u64 tapsAlong, u8 *filter, u64 column, u64 columns,
                   bool wholeFilter) {
  etch_windows<M, Half, TA> left;
  left.p = source, left.channels = channels, left.depth = u32(depth);
  left.each = u32(each), left.tapsAlong = u32(tapsAlong);
  left.height = u32(height), left.width = u32(width);
  left.tapH = i32(tapH), left.tapW = i32(tapW), left.whole = whole;
  typedef typename etch_windows<M, Half, TA>::window window;
  if constexpr (Forward) {
    etch_matrix<false, N, Half, TB> right;
    right.p = filter, right.stride = depth, right.first = column;
    right.extent = columns, right.depth = depth, right.whole = wholeFilter;
    left.locate((window *)(shared + 2 * (left.bytes + right.bytes)), row, rows,
                image, alongW, i32(strideH), i32(fromH), i32(strideW),
                i32(fromW));
    etch_barrier();
    etch_product<M, N, Half>(results, shared, left, right, depth);
  } else {
    etch_filter_last<N, Half, TB> right;
    right.p = filter, right.first = column, right.extent = columns;
    right.depth = u32(depth), right.each = u32(each), right.taps = u32(taps);
    right.whole = wholeFilter;
    left.locate((window *)(shared + 2 * (left.bytes + right.bytes)), row, rows,
                image, alongW, i32(strideH), i32(fromH), i32(strideW),
                i32(fromW));
    etch_barrier();
    etch_product<M, N, Half>(results, shared, left, right, depth);
  }
}
#endif
)cuda";

llvm::StringRef etch::cuda::productText() { return text.ltrim(); }
