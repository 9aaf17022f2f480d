//===- WinogradTest.cpp - Convolution in mode fast, within its bound ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/compiler/Target/CPU/Program.h"

#include <cmath>

using namespace etch::test;

namespace {

struct Sizes {
  int64_t n, c, oc, h, w, padH, padW;
  bool gradient = false; ///< in the images, of which h and w are the extents
  bool open = false;     ///< the batch is known at run time only

  int64_t outH() const { return h + 2 * padH - 2; }
  int64_t outW() const { return w + 2 * padW - 2; }
  Extents images() const { return {n, c, h, w}; }
  Extents outputs() const { return {n, oc, outH(), outW()}; }
  std::string text() const {
    std::string s;
    for (int64_t v : {n, c, oc, h, w, padH, padW, int64_t(gradient)})
      s += std::to_string(v) + " ";
    return s;
  }
};

// Tiles of four and of two places, partial ones, blocks of several images and
// strips of one, filters and channels that no vector divides, several units of
// filters.
const Sizes all[] = {
    {2, 64, 64, 56, 56, 1, 1},
    {2, 64, 64, 56, 56, 1, 1, true},
    {3, 67, 61, 53, 29, 1, 1},
    {3, 67, 61, 53, 29, 1, 1, true},
    {37, 72, 144, 7, 7, 1, 1},
    {37, 72, 144, 7, 7, 1, 1, true},
    {5, 80, 300, 14, 13, 1, 1},
    {2, 40, 96, 19, 301, 0, 2},
    {2, 40, 96, 19, 301, 0, 2, true},
    {1, 200, 64, 5, 11, 2, 1},
    {9, 96, 96, 13, 14, 1, 1, false, true},
    {9, 96, 96, 13, 14, 1, 1, true, true},
    // Chains for few images, fewer products for many.
    {1, 192, 160, 4, 5, 1, 1, false, true},
    {66, 192, 160, 4, 5, 1, 1, false, true},
};

std::string program(const Sizes &s, bool epilogue) {
  auto type = [&](const Extents &e) {
    std::string text = typeText<float>(e);
    return s.open ? "tensor<?" + text.substr(text.find('x')) : text;
  };
  Extents result = s.gradient ? s.images() : s.outputs();
  std::string images = type(s.gradient ? s.outputs() : s.images()),
              filters = typeText<float>({s.oc, s.c, 3, 3}), y = type(result),
              b = typeText<float>({1, result[1], 1, 1});
  std::string shape =
      "shape = array<i64: " +
      std::string(s.open ? "-9223372036854775808" : std::to_string(s.n));
  for (size_t i = 1; i < 4; ++i)
    shape += ", " + std::to_string(result[i]);
  shape += ">";
  std::string text = "func.func @main(%x: " + images + ", %w: " + filters +
                     ", %b: " + b + ") -> " + y + " {\n";
  std::string n, nType;
  if (s.open) {
    text += "  %c0 = arith.constant 0 : index\n  %n = tensor.dim %x, %c0 : " +
            images + "\n";
    n = ", %n";
    nType = ", index";
  }
  text += std::string("  %0 = etch.conv2d") +
          (s.gradient ? "_input_grad" : "") + " %x, %w" + n +
          " {stride = array<i64: 1, 1>, pad = array<i64: " +
          std::to_string(s.padH) + ", " + std::to_string(s.padW) +
          ">, dilation = array<i64: 1, 1>, groups = 1 : i64, " + shape +
          "} : (" + images + ", " + filters + nType + ") -> " + y + "\n";
  if (!epilogue)
    return text + "  return %0 : " + y + "\n}\n";
  return text + "  %1 = etch.broadcast_to %b" + n + " {" + shape + "} : (" + b +
         nType + ") -> " + y + "\n  %2 = etch.add %0, %1 : (" + y + ", " + y +
         ") -> " + y + "\n  %3 = etch.relu %2 : (" + y + ") -> " + y +
         "\n  return %3 : " + y + "\n}\n";
}

/// What a convolution gives in f64, and, for the bound, the sum over channels
/// of the largest number near a window by the sum of its taps' magnitudes.
struct Expected {
  double value, bound;
};
Expected expected(const Sizes &s, const Array<float> &x, const Array<float> &w,
                  int64_t image, int64_t filter, int64_t row, int64_t column) {
  const Extents &from = x.extents;
  int64_t pads[2] = {s.gradient ? 2 - s.padH : s.padH,
                     s.gradient ? 2 - s.padW : s.padW};
  Expected sum = {0, 0};
  for (int64_t c = 0; c < from[1]; ++c) {
    double largest = 0, taps = 0;
    // A tile's places reach three to each side of a window's first.
    for (int64_t i = -3; i < 6; ++i)
      for (int64_t j = -3; j < 6; ++j) {
        int64_t h = row + i - pads[0], v = column + j - pads[1];
        double place =
            h < 0 || v < 0 || h >= from[2] || v >= from[3]
                ? 0
                : x[((image * from[1] + c) * from[2] + h) * from[3] + v];
        largest = std::max(largest, std::fabs(place));
        if (i < 0 || j < 0 || i > 2 || j > 2)
          continue;
        int64_t tap = s.gradient
                          ? (c * w.extents[1] + filter) * 9 + 8 - (i * 3 + j)
                          : (filter * w.extents[1] + c) * 9 + i * 3 + j;
        sum.value += place * double(w[tap]);
        taps += std::fabs(double(w[tap]));
      }
    sum.bound += largest * taps;
  }
  return sum;
}

void check(const Sizes &s, const std::string &mcpu, bool epilogue) {
  etch::driver::CompileOptions options;
  options.mode = etch::driver::Mode::fast;
  options.mcpu = mcpu;
  Program compiled(program(s, epilogue), options);
  ASSERT_TRUE(compiled);
  auto x = randomArray<float>(s.gradient ? s.outputs() : s.images(), 1),
       w = randomArray<float>({s.oc, s.c, 3, 3}, 2);
  Array<float> y(s.gradient ? s.images() : s.outputs(), 77);
  auto b = randomArray<float>({1, y.extents[1], 1, 1}, 3);
  ASSERT_EQ(compiled.in(x).in(w).in(b).out(y).run(), ETCH_OK);
  double worst = 0;
  int64_t step = 1 + countOf(y.extents) / 20000;
  for (int64_t at = 0; at < countOf(y.extents); at += step) {
    int64_t column = at % y.extents[3], row = at / y.extents[3] % y.extents[2],
            filter = at / (y.extents[3] * y.extents[2]) % y.extents[1],
            image = at / (y.extents[3] * y.extents[2] * y.extents[1]);
    Expected e = expected(s, x, w, image, filter, row, column);
    if (epilogue)
      e.value = std::max(e.value + b[filter], 0.);
    double error = std::fabs(y[at] - e.value) / e.bound;
    if (!(error <= worst))
      worst = error;
  }
  // The bound that Winograd.cpp states.
  EXPECT_LE(worst, 0x1p-20) << s.text();
  printf("%s%s: %.2f * 2^-24\n", s.text().c_str(), mcpu.c_str(),
         worst * 0x1p24);
}

TEST(Winograd, WithinItsBound) {
  int turn = 0;
  for (const Sizes &s : all)
    check(s, "native", ++turn % 2);
}

TEST(Winograd, NarrowerVectors) {
  for (const Sizes &s : {all[2], all[5], all[8]})
    check(s, "x86-64-v3", true);
}

} // namespace
