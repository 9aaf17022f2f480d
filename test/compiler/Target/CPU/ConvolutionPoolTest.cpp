//===- ConvolutionPoolTest.cpp - Convolutions that end in a pool ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The oracle is the same program with a kernel for the pool.
//===----------------------------------------------------------------------===//

#include "test/compiler/Target/CPU/Program.h"

#include <limits>

using namespace etch::test;

namespace {

/// Images (n, c, h, w), filters (oc, c, taps, taps), padded by `pad`, and a
/// pool of windows with that stride.
struct Sizes {
  int64_t n, c, oc, h, w, taps, pad, window[2], stride[2];

  int64_t rows() const { return h + 2 * pad - taps + 1; }
  int64_t places() const { return w + 2 * pad - taps + 1; }
  int64_t pooled(int i) const {
    return ((i ? places() : rows()) - window[i]) / stride[i] + 1;
  }
  Extents images() const { return {n, c, h, w}; }
  Extents filters() const { return {oc, c, taps, taps}; }
  Extents result() const { return {n * oc, pooled(0) * pooled(1), 1}; }
};

/// Rows and places that no window reads; filters that fill no panel; strips;
/// several blocks of a chain, several small images.
const Sizes all[] = {
    {2, 32, 32, 28, 28, 3, 1, {2, 2}, {2, 2}},
    {3, 24, 63, 27, 56, 3, 1, {3, 2}, {3, 2}},
    {1, 20, 64, 29, 31, 3, 1, {2, 2}, {2, 2}},
    {3, 16, 61, 13, 29, 3, 1, {3, 3}, {3, 3}},
    {2, 35, 48, 50, 42, 3, 0, {2, 3}, {2, 3}},
    {9, 64, 48, 10, 14, 3, 1, {2, 2}, {2, 2}},
    {2, 33, 96, 60, 56, 3, 1, {4, 2}, {4, 2}},
    {5, 300, 32, 15, 15, 2, 0, {2, 2}, {2, 2}},
    {0, 32, 32, 28, 28, 3, 1, {2, 2}, {2, 2}},
};

std::string numbers(const Extents &e) {
  std::string text = "array<i64: ";
  for (size_t i = 0; i < e.size(); ++i)
    text += (i ? ", " : "") + std::to_string(e[i]);
  return text + ">";
}

/// relu(conv2d(x, w) + b), and perhaps + r, which keeps the pool apart, pooled;
/// the number of images is open or not.
template <class T> std::string program(const Sizes &s, bool open, bool adds) {
  constexpr int64_t dynamic = std::numeric_limits<int64_t>::min();
  auto type = [&](Extents e, const char *element) {
    std::string text = "tensor<";
    for (int64_t extent : e)
      text += (extent == dynamic ? "?" : std::to_string(extent)) + "x";
    return text + element + ">";
  };
  const char *t = TypeName<T>::text;
  int64_t n = open ? dynamic : s.n, planes = open ? dynamic : s.n * s.oc;
  int64_t rows = s.rows(), places = s.places(),
          pooled = s.pooled(0) * s.pooled(1);
  Extents sums = {n, s.oc, rows, places},
          windows = {n, s.oc, s.pooled(0), s.pooled(1)};
  std::string x = type({n, s.c, s.h, s.w}, t), w = type(s.filters(), t),
              b = type({1, s.oc, 1, 1}, t), y = type(sums, t),
              result = type({planes, pooled, 1}, t);
  // An op of these operands; open extents come behind them.
  auto op = [&](const char *name, const char *operands, std::string attributes,
                const Extents &shape, std::string types, std::string made,
                const char *extent = "%n") {
    bool more = open && shape[0] == dynamic;
    return std::string("etch.") + name + " " + operands +
           (more ? std::string(", ") + extent : "") + " {" + attributes +
           "shape = " + numbers(shape) + "} : (" + types +
           (more ? ", index" : "") + ") -> " + made + "\n";
  };
  std::string pad = numbers({s.pad, s.pad});
  return "func.func @main(%x: " + x + ", %w: " + w + ", %b: " + b +
         ", %r: " + y + ") -> " + result + " {\n" +
         "  %c0 = arith.constant 0 : index\n  %co = arith.constant " +
         std::to_string(s.oc) + " : index\n  %n = tensor.dim %x, %c0 : " + x +
         "\n  %p = arith.muli %n, %co : index\n" + "  %0 = " +
         op("conv2d", "%x, %w",
            "stride = array<i64: 1, 1>, pad = " + pad +
                ", dilation = array<i64: 1, 1>, groups = 1 : i64, ",
            sums, x + ", " + w, y) +
         "  %1 = " + op("broadcast_to", "%b", "", sums, b, y) +
         "  %2 = etch.add %0, %1 : (" + y + ", " + y + ") -> " + y +
         "\n  %3 = etch.relu %2 : (" + y + ") -> " + y +
         (adds ? "\n  %4 = etch.add %3, %r : (" + y + ", " + y + ") -> " + y
               : "\n  %4 = etch.relu %3 : (" + y + ") -> " + y) +
         "\n  %5 = " +
         op("max_pool_index", "%4",
            "kernel = " + numbers({s.window[0], s.window[1]}) +
                ", pad = array<i64: 0, 0>, stride = " +
                numbers({s.stride[0], s.stride[1]}) + ", ",
            windows, y, type(windows, "i64")) +
         "  %6 = " +
         op("reshape", "%4", "", {planes, rows * places, 1}, y,
            type({planes, rows * places, 1}, t), "%p") +
         "  %7 = " +
         op("reshape", "%5", "", {planes, pooled}, type(windows, "i64"),
            type({planes, pooled}, "i64"), "%p") +
         "  %8 = etch.gather %6, %7 : (" + type({planes, rows * places, 1}, t) +
         ", " + type({planes, pooled}, "i64") + ") -> " + result +
         "\n  return %8 : " + result + "\n}\n";
}

template <class T>
void check(const Sizes &s, bool open, bool adds, const char *mcpu,
           bool isJoined) {
  std::string text = program<T>(s, open, adds);
  Program joined(text, mcpu),
      apart(text, mcpu, etch::driver::Effort::full, "etch-pool-convolutions");
  ASSERT_TRUE(joined && apart);
  auto x = randomArray<T>(s.images(), 1), w = randomArray<T>(s.filters(), 2),
       b = randomArray<T>({1, s.oc, 1, 1}, 3),
       r = randomArray<T>({s.n, s.oc, s.rows(), s.places()}, 4);
  constexpr T infinity = std::numeric_limits<T>::infinity();
  b[1] = -infinity;
  if (s.n) {
    x[5] = std::numeric_limits<T>::quiet_NaN();
    w[s.c * s.taps * s.taps * 2] = infinity;
  }
  for (int64_t i = 0; i < countOf(r.extents); i += 7)
    r[i] = i % 5 ? -infinity : std::numeric_limits<T>::quiet_NaN();
  Array<T> expected(s.result(), T(77));
  ASSERT_EQ(apart.in(x).in(w).in(b).in(r).out(expected).run(), ETCH_OK);
  for (const etch_host_t *host : {(const etch_host_t *)0, backwardsHost()}) {
    Array<T> y(s.result(), T(88));
    ASSERT_EQ(joined.in(x).in(w).in(b).in(r).out(y).run(host), ETCH_OK);
    EXPECT_TRUE(y.same(expected)) << text;
  }
  // Nothing of the larger array is in memory.
  if (isJoined && s.n)
    EXPECT_LT(joined.call.arena_bytes, apart.call.arena_bytes) << text;
  if (!isJoined)
    EXPECT_EQ(joined.call.arena_bytes, apart.call.arena_bytes) << text;
}

bool isWide() { return __builtin_cpu_supports("avx512f"); }

TEST(ConvolutionPools, SameBits) {
  for (const Sizes &s : all)
    for (bool open : {false, true})
      for (bool adds : {false, true}) {
        check<float>(s, open, adds, "native", isWide() && !adds);
        check<double>(s, open, adds, "native", isWide() && !adds);
      }
}

TEST(ConvolutionPools, OtherVectorWidths) {
  for (const char *mcpu : {"x86-64-v3", "x86-64-v2"})
    check<float>(all[0], false, false, mcpu, false);
}

/// Windows that share places, windows of one row, images of few places:
/// apart as ever.
TEST(ConvolutionPools, NotAtTheEnd) {
  for (bool adds : {false, true}) {
    check<float>({2, 32, 32, 28, 28, 3, 1, {3, 3}, {2, 2}}, false, adds,
                 "native", false);
    check<float>({2, 32, 32, 28, 28, 3, 1, {1, 2}, {1, 2}}, false, adds,
                 "native", false);
    check<float>({4, 32, 32, 8, 8, 3, 1, {2, 2}, {2, 2}}, true, adds, "native",
                 false);
  }
}

} // namespace
