//===- ConvolutionTest.cpp - Convolution, pooling, windows ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/etch.h"
#include "test/support/Near.h"

#include <gmock/gmock.h>

#include <cmath>
#include <cstring>
#include <limits>

using namespace etch;
using etch::test::near;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

namespace {

/// Numbers that differ, in float64.
Variable sample(const Shape &shape, double step = 0.37) {
  std::vector<double> values;
  for (int64_t i = 0; i < shape.elements(); ++i)
    values.push_back(std::sin(step * double(i + 1)) + 0.01 * double(i % 7));
  return from_data(std::span<const double>(values), shape);
}

TEST(C106_Outsize, GetConvOutsize) {
  EXPECT_EQ(get_conv_outsize(4, 3, 1, 1), 4);
  EXPECT_EQ(get_conv_outsize(7, 3, 2, 0), 3);
  EXPECT_EQ(get_conv_outsize(4, 3, 1, 0), 2);
  EXPECT_EQ(get_conv_outsize(8, 3, 2, 0), 3); // rounded down
  EXPECT_EQ(get_conv_outsize(7, 3, 1, 0, 2), 3);
  EXPECT_EQ(get_deconv_outsize(4, 3, 2, 1), 7);
  EXPECT_EQ(get_deconv_outsize(get_conv_outsize(7, 3, 2, 0), 3, 2, 0), 7);
  EXPECT_THROW(get_conv_outsize(4, 5, 1, 0), ValueError);
  EXPECT_THROW(get_conv_outsize(4, 3, 0, 0), ValueError);
}

TEST(C107_Pair, OneNumberOrTwo) {
  Pair one = 3, two = {1, 2};
  EXPECT_EQ(one, Pair({3, 3}));
  EXPECT_EQ(two.h, 1);
  EXPECT_EQ(two.w, 2);
  EXPECT_THAT([] { Pair p({1, 2, 3}); },
              ThrowsMessage<ValueError>(
                  HasSubstr("pair: one number or two are needed, not 3")));
  std::vector<int64_t> none;
  EXPECT_THROW(Pair p{std::span<const int64_t>(none)}, ValueError);
  Variable x = sample({1, 1, 5, 6}), w = sample({1, 1, 3, 2});
  EXPECT_EQ(conv2d(x, w, {}, {.stride = {2, 1}, .pad = {0, 1}}).shape(),
            (Shape{1, 1, 2, 7}));
}

TEST(C108_Windows, MatricesOfTheBook) {
  Variable x1 = sample({1, 3, 7, 7}), x2 = sample({10, 3, 7, 7});
  EXPECT_EQ(im2col(x1, 5).shape(), (Shape{9, 75}));
  EXPECT_EQ(im2col(x2, 5).shape(), (Shape{90, 75}));
  EXPECT_EQ(im2col(x2, {5, 3}, {.pad = 1, .to_matrix = false}).shape(),
            (Shape{10, 3, 5, 3, 5, 7}));
  // A row of the matrix is one window: channels, then rows, then columns.
  Variable col = im2col(x1, 5);
  Variable row = col[{4}], window = x1[{0, all, slice(1, 6), slice(1, 6)}];
  EXPECT_EQ(row.to_vector(), window.to_vector());
}

TEST(C108_Windows, AdjointOfEachOther) {
  for (bool matrix : {true, false}) {
    WindowOptions options = {
        .stride = {2, 1}, .pad = {1, 2}, .to_matrix = matrix};
    Variable x = sample({2, 3, 7, 6});
    Variable col = im2col(x, {3, 2}, options);
    Variable y = sample(col.shape(), 0.21);
    Variable back = col2im(y, x.shape(), {3, 2}, options);
    EXPECT_EQ(back.shape(), x.shape());
    double left = sum(col * y).item(), right = sum(x * back).item();
    EXPECT_NEAR(left, right, 1e-12 * std::abs(left));
    // And each is the other's gradient.
    Variable gx = grad(sum(im2col(x, {3, 2}, options) * y), {x})[0];
    EXPECT_EQ(gx.to_vector(), back.to_vector());
  }
}

/// The loops of a textbook.
std::vector<double> naive(const Variable &x, const Variable &w,
                          const Variable &b, const ConvOptions &o) {
  auto at = [](const std::vector<double> &v, const Shape &s, int64_t i,
               int64_t j, int64_t k, int64_t l) {
    return v[size_t(((i * s[1] + j) * s[2] + k) * s[3] + l)];
  };
  std::vector<double> xs = x.to_vector(), ws = w.to_vector(),
                      bs = b.to_vector(), y;
  const Shape &in = x.shape(), &f = w.shape();
  int64_t oh = get_conv_outsize(in[2], f[2], o.stride.h, o.pad.h, o.dilation.h),
          ow = get_conv_outsize(in[3], f[3], o.stride.w, o.pad.w, o.dilation.w);
  for (int64_t n = 0; n < in[0]; ++n)
    for (int64_t oc = 0; oc < f[0]; ++oc)
      for (int64_t i = 0; i < oh; ++i)
        for (int64_t j = 0; j < ow; ++j) {
          double total = bs[size_t(oc)];
          int64_t first = oc / (f[0] / o.groups) * f[1];
          for (int64_t c = 0; c < f[1]; ++c)
            for (int64_t kh = 0; kh < f[2]; ++kh)
              for (int64_t kw = 0; kw < f[3]; ++kw) {
                int64_t h = i * o.stride.h + kh * o.dilation.h - o.pad.h,
                        v = j * o.stride.w + kw * o.dilation.w - o.pad.w;
                if (h >= 0 && v >= 0 && h < in[2] && v < in[3])
                  total +=
                      at(xs, in, n, first + c, h, v) * at(ws, f, oc, c, kh, kw);
              }
          y.push_back(total);
        }
  return y;
}

TEST(C109_Conv2d, EqualsNaiveLoops) {
  Variable b = sample({8}, 1.1);
  for (const ConvOptions &o : {ConvOptions{.pad = 1},
                               {.stride = 2},
                               {.stride = {1, 3}, .pad = {2, 0}},
                               {.pad = 2, .dilation = {2, 1}},
                               {.pad = {0, 1}, .groups = 4}}) {
    Variable x = sample({2, 4, 9, 11}),
             w = sample({8, 4 / o.groups, 3, 3}, 0.53);
    EXPECT_TRUE(
        near(conv2d(x, w, b, o).to_vector(), naive(x, w, b, o), 1e-12, 1e-13));
  }
}

TEST(C109_Conv2d, ShapesOfTheBook) {
  Variable x = sample({1, 5, 15, 15}), w = sample({8, 5, 3, 3});
  Variable y = conv2d(x, w, {}, {.pad = 1});
  EXPECT_EQ(y.shape(), (Shape{1, 8, 15, 15}));
  y.backward();
  EXPECT_EQ(x.grad().shape(), (Shape{1, 5, 15, 15}));
  EXPECT_EQ(w.grad().shape(), (Shape{8, 5, 3, 3}));
  EXPECT_EQ(
      conv2d(sample({1, 1, 4, 4}), sample({1, 1, 3, 3}), Variable(), {.pad = 1})
          .dtype(),
      f64);
}

// As the book's conv2d_simple: windows, a matrix product, axes moved.
TEST(C109_Conv2d, EqualsWindowsTimesMatrix) {
  Variable x = sample({2, 3, 7, 6}), w = sample({4, 3, 3, 3}, 0.7),
           b = sample({4}, 1.3);
  Variable col = im2col(x, 3, {.stride = 2, .pad = 1});
  Variable t = linear(col, reshape(w, {4, -1}).T(), b);
  Variable y = transpose(reshape(t, {2, 4, 3, 4}), {0, 3, 1, 2});
  EXPECT_TRUE(near(conv2d(x, w, b, {.stride = 2, .pad = 1}).to_vector(),
                   y.to_vector(), 1e-13, 1e-14));
}

TEST(C110_Adjoints, DeconvolutionIsTheTransposed) {
  for (Pair stride : {Pair(1), Pair(2), Pair{3, 2}}) {
    Variable x = sample({2, 3, 8, 7}), w = sample({4, 3, 3, 2}, 0.7);
    Variable y = conv2d(x, w, {}, {.stride = stride, .pad = 1});
    Variable gy = sample(y.shape(), 0.9);
    Variable back = deconv2d(
        gy, w, {}, {.stride = stride, .pad = 1, .out_size = Pair{8, 7}});
    EXPECT_EQ(back.shape(), x.shape());
    EXPECT_NEAR(sum(y * gy).item(), sum(x * back).item(), 1e-11);
  }
  // Without a size: the smallest.
  Variable y = deconv2d(sample({1, 2, 4, 4}), sample({2, 5, 3, 3}), sample({5}),
                        {.stride = 2, .pad = 1});
  EXPECT_EQ(y.shape(), (Shape{1, 5, 7, 7}));
}

// Gradients of gradients are convolutions again, so any order is there.
TEST(C110_Adjoints, ThirdOrder) {
  Variable x = sample({1, 2, 5, 5}), w = sample({3, 2, 3, 3}, 0.7);
  auto f = [&](const Variable &x) {
    Variable y = sum(pow(conv2d(x, w, {}, {.stride = 2, .pad = 1}), 3));
    for (int order = 0; order < 2; ++order)
      y = sum(square(grad(y, {x}, {.create_graph = true})[0]));
    return y;
  };
  Variable gx = grad(f(x), {x})[0];
  std::vector<double> base = x.to_vector(), g = gx.to_vector();
  for (size_t i : {size_t(0), size_t(12), size_t(31), size_t(49)}) {
    double h = 1e-6;
    auto at = [&](double d) {
      std::vector<double> moved = base;
      moved[i] += d;
      return f(from_data(std::span<const double>(moved), x.shape())).item();
    };
    double numerical = (at(h) - at(-h)) / (2 * h);
    EXPECT_NEAR(g[i], numerical, 1e-5 * (1 + std::abs(numerical)));
  }
  auto compiled = compile([&](const Variable &x) { return grad(f(x), {x}); });
  EXPECT_EQ(compiled(x)[0].to_vector(), g);
}

TEST(C111_Channels, MismatchIsAnErrorAtTheCall) {
  Variable x = sample({1, 5, 15, 15}), w = sample({8, 3, 3, 3});
  auto message = [](const char *text) {
    return ThrowsMessage<ShapeError>(
        testing::AllOf(HasSubstr(text), HasSubstr("ConvolutionTest.cpp:")));
  };
  EXPECT_THAT([&] { conv2d(x, w); },
              message("conv2d: channels differ: x is (1, 5, 15, 15), w is (8, "
                      "3, 3, 3)"));
  EXPECT_THAT(
      [&] { conv2d(x, sample({8, 5, 17, 3})); },
      message("conv2d: windows of (17, 3) do not fit into x of (15, 15) "
              "with pad (0, 0)"));
  EXPECT_THAT([&] { conv2d(x, sample({8, 5, 3, 3}), sample({3})); },
              message("conv2d: b is (3,), there are 8 channels"));
  EXPECT_THAT([&] { conv2d(sample({5, 5}), w); },
              message("conv2d: x is (5, 5), (N, C, H, W) is needed"));
  EXPECT_THAT(
      [&] { deconv2d(x, w); },
      message("deconv2d: channels differ: x is (1, 5, 15, 15), w is (8, "
              "3, 3, 3)"));
  EXPECT_THAT(
      [&] { pooling(x, 2, {.stride = 0}); },
      message("pooling: no place for windows of (2, 2) in (1, 5, 15, 15) "
              "with stride (0, 0), pad (0, 0)"));
  EXPECT_THAT(
      [&] { deconv2d(sample({1, 8, 3, 3}), w, {}, {.out_size = Pair{6, 5}}); },
      message(
          "deconv2d: no result of (6, 5): x is (1, 8, 3, 3), w is (8, 3, 3, "
          "3)"));
  // When a function is compiled, too: before anything runs.
  auto f = compile([&](const Variable &x) { return conv2d(x, w); });
  EXPECT_THAT([&] { f(x); }, message("conv2d: channels differ"));
}

TEST(C113_Pooling, ChannelsStay) {
  Variable x = sample({2, 5, 8, 9});
  EXPECT_EQ(pooling(x, 3, {.stride = 3}).shape(), (Shape{2, 5, 2, 3}));
  EXPECT_EQ(average_pooling(x, {2, 3}, {.stride = 2}).shape(),
            (Shape{2, 5, 4, 4}));
  EXPECT_EQ(global_average_pooling(x).shape(), (Shape{2, 5}));
  EXPECT_EQ(pooling(array({1, 5, 2, 3}).reshape({1, 1, 2, 2}), 2).to_vector(),
            std::vector<double>{5});
}

// An image moved by one column: most maxima stay.
TEST(C113_Pooling, RobustToShift) {
  Variable x = array({{1, 2, 0, 7, 1, 0},
                      {0, 9, 2, 3, 2, 3},
                      {3, 0, 1, 2, 1, 2},
                      {2, 4, 0, 1, 0, 1},
                      {6, 0, 1, 2, 1, 2},
                      {2, 4, 0, 1, 8, 1}});
  Variable moved = array({{1, 1, 2, 0, 7, 1},
                          {0, 0, 9, 2, 3, 2},
                          {3, 3, 0, 1, 2, 1},
                          {2, 2, 4, 0, 1, 0},
                          {3, 6, 0, 1, 2, 1},
                          {2, 2, 4, 0, 1, 8}});
  auto maxima = [](const Variable &image) {
    return pooling(reshape(image, {1, 1, 6, 6}), 3, {.stride = 3}).to_vector();
  };
  EXPECT_EQ(maxima(x), (std::vector<double>{9, 7, 6, 8}));
  EXPECT_EQ(maxima(x), maxima(moved));
}

TEST(C113_Pooling, GradientGoesToTheFirstMaximum) {
  Variable x = array({{2.0, 2.0, 1.0, 0.0}, {2.0, 1.0, 0.0, 1.0}});
  Variable y = pooling(reshape(x, {1, 1, 2, 4}), 2, {.stride = 2});
  EXPECT_EQ(y.to_vector(), (std::vector<double>{2, 1}));
  y.backward();
  EXPECT_EQ(x.grad().to_vector(),
            (std::vector<double>{1, 0, 1, 0, 0, 0, 0, 0}));
  // Where windows overlap, an element collects from all that chose it.
  Variable z = array({{0.0, 5.0, 0.0}});
  pooling(reshape(z, {1, 1, 1, 3}), {1, 2}).backward();
  EXPECT_EQ(z.grad().to_vector(), (std::vector<double>{0, 2, 0}));
}

TEST(C113_Pooling, PaddingIsNeverTheLargest) {
  Variable x = full({1, 1, 2, 2}, -3.0);
  Variable y = pooling(x, 3, {.stride = 2, .pad = 1});
  EXPECT_EQ(y.to_vector(), std::vector<double>{-3});
  y.backward();
  EXPECT_EQ(x.grad().to_vector(), (std::vector<double>{1, 0, 0, 0}));
  // It counts in the mean.
  EXPECT_EQ(average_pooling(x, 2, {.stride = 2, .pad = 1}).to_vector(),
            (std::vector<double>{-0.75, -0.75, -0.75, -0.75}));
  EXPECT_THROW(pooling(x, 2, {.pad = 2}), ShapeError);
}

TEST(Convolution, EmptyBatches) {
  Variable x = zeros({0, 3, 5, 5}), w = ones({4, 3, 3, 3}), b = ones({4});
  Variable y = conv2d(x, w, b, {.pad = 1});
  EXPECT_EQ(y.shape(), (Shape{0, 4, 5, 5}));
  EXPECT_EQ(pooling(y, 2, {.stride = 2}).shape(), (Shape{0, 4, 2, 2}));
  EXPECT_EQ(average_pooling(y, 2).shape(), (Shape{0, 4, 4, 4}));
  Variables g = grad(sum(y), {w, b});
  EXPECT_EQ(sum(abs(g[0])).item() + sum(abs(g[1])).item(), 0.0);
}

TEST(Convolution, IntegersAreDoubles) {
  Variable x = reshape(arange(16), {1, 1, 4, 4});
  Variable w = array({{1, 0}, {0, -1}}).reshape({1, 1, 2, 2});
  Variable y = conv2d(x, w);
  EXPECT_EQ(y.dtype(), f64);
  EXPECT_EQ(y.to_vector(), std::vector<double>(9, -5.0));
  EXPECT_EQ(conv2d(x.astype(f32), w.astype(f32)).dtype(), f32);
}

TEST(Convolution, StridedViewsAreRead) {
  Variable x = sample({6, 7, 3, 2});
  Variable view = transpose(x, {3, 2, 0, 1}), w = sample({2, 3, 3, 3});
  Variable flipped = w[{all, all, slice(to_end, to_end, -1)}];
  Variable dense = from_data(view.to_vector(), view.shape());
  Variable dense_w = from_data(flipped.to_vector(), flipped.shape());
  EXPECT_EQ(conv2d(view, flipped).to_vector(),
            conv2d(dense, dense_w).to_vector());
  EXPECT_EQ(pooling(view, 2).to_vector(), pooling(dense, 2).to_vector());
}

/// The matrix of windows of the layer: what must not be there.
constexpr int64_t bytes_of_windows(int64_t channels, int64_t size) {
  return channels * 9 * size * size * 4;
}

TEST(C144_ConvolutionMemory, EagerFirstLayersOfVgg) {
  Variable x = zeros({1, 3, 224, 224}, {.dtype = f32}),
           w = zeros({64, 3, 3, 3}, {.dtype = f32});
  conv2d(x, w, {}, {.pad = 1});
  reset_peak_memory();
  int64_t before = memory_stats().live_bytes;
  Variable y = conv2d(x, w, {}, {.pad = 1});
  int64_t result = y.size() * 4;
  EXPECT_LT(memory_stats().peak_bytes - before - result,
            bytes_of_windows(3, 224));
  // What is kept for the gradient: nothing but the operands and the result.
  EXPECT_LE(memory_stats().live_bytes - before, result + 4096);

  Variable w2 = zeros({64, 64, 3, 3}, {.dtype = f32});
  Variable z = conv2d(y, w2, {}, {.pad = 1});
  z.backward();
  EXPECT_LT(memory_stats().peak_bytes - before, bytes_of_windows(64, 224));
}

TEST(C144_ConvolutionMemory, CompiledStepOfVggsFirstLayer) {
  Variable x = zeros({1, 3, 224, 224}, {.dtype = f32}),
           w = zeros({64, 3, 3, 3}, {.dtype = f32});
  auto forward = compile(
      [](const Variable &x, const Variable &w) {
        return relu(conv2d(x, w, {}, {.pad = 1}));
      },
      {.pure = true});
  forward(x, w);
  EXPECT_EQ(forward.num_launches(), 1) << "relu is part of the convolution";
  EXPECT_LT(int64_t(forward.arena_bytes()), bytes_of_windows(3, 224));

  auto step = compile(
      [](const Variable &x, const Variable &w) {
        return grad(sum(square(conv2d(x, w, {}, {.pad = 1}))), {w});
      },
      {.pure = true});
  step(x, w);
  int64_t result = 64 * 224 * 224 * 4;
  EXPECT_LE(int64_t(step.saved_bytes()), result + 4096)
      << "more than the result is kept for the gradient";
  EXPECT_LT(int64_t(step.arena_bytes()), 2 * result + bytes_of_windows(3, 224));
}
TEST(C108_Windows, GradientsOfFoldedWindows) {
  for (bool matrix : {true, false}) {
    WindowOptions options = {.stride = 2, .pad = 1, .to_matrix = matrix};
    Variable col = sample(im2col(sample({2, 1, 5, 4}), 3, options).shape());
    EXPECT_TRUE(gradient_check(
        [&](const Variable &v) {
          return square(col2im(v, {2, 1, 5, 4}, 3, options));
        },
        col, {1e-5, 1e-7}));
  }
}

TEST(C109_Conv2d, OblongWindowsWithoutBias) {
  Variable b = sample({3}, 1.1);
  for (const ConvOptions &o :
       {ConvOptions{.pad = 3}, {.stride = {3, 1}, .pad = {2, 1}}}) {
    Variable x = sample({1, 5, 20, 15}), w = sample({3, 5, 5, 3}, 0.53);
    EXPECT_TRUE(
        near(conv2d(x, w, b, o).to_vector(), naive(x, w, b, o), 1e-12, 1e-13));
    EXPECT_TRUE(near(conv2d(x, w, {}, o).to_vector(),
                     naive(x, w, zeros({3}), o), 1e-12, 1e-13));
  }
}

TEST(C109_Conv2d, GradientsOfWindowsTimesMatrix) {
  auto simple = [](const Variables &v) {
    Variable col = im2col(v[0], 3, {.stride = 2, .pad = 1});
    Variable t = linear(col, reshape(v[1], {4, -1}).T(), v[2]);
    return square(transpose(reshape(t, {2, 4, 3, 4}), {0, 3, 1, 2}));
  };
  Variables xs = {sample({2, 3, 7, 6}), sample({4, 3, 3, 3}, 0.7),
                  sample({4}, 1.3)};
  Variables g = grad(sum(simple(xs)), xs);
  Variables h = grad(
      sum(square(conv2d(xs[0], xs[1], xs[2], {.stride = 2, .pad = 1}))), xs);
  for (size_t i = 0; i < xs.size(); ++i) {
    EXPECT_TRUE(near(g[i].to_vector(), h[i].to_vector(), 1e-12, 1e-12));
    EXPECT_TRUE(gradient_check(
        [&](const Variable &v) {
          Variables moved = xs;
          moved[i] = v;
          return simple(moved);
        },
        xs[i], {1e-5, 1e-6}));
  }
}

TEST(C110_Adjoints, DeconvolutionAddsWindows) {
  Variable x = sample({2, 1, 3, 4}), w = sample({1, 3, 6, 6}, 0.7),
           b = sample({3}, 1.3);
  constexpr int64_t stride = 3, pad = 2, height = 8, width = 11;
  std::vector<double> xs = x.to_vector(), ws = w.to_vector(),
                      y(2 * 3 * height * width), with_bias;
  for (int64_t n = 0; n < 2; ++n)
    for (int64_t c = 0; c < 3; ++c)
      for (int64_t at = 0; at < 3 * 4; ++at)
        for (int64_t k = 0; k < 6 * 6; ++k) {
          int64_t h = at / 4 * stride + k / 6 - pad,
                  v = at % 4 * stride + k % 6 - pad;
          if (h >= 0 && v >= 0 && h < height && v < width)
            y[size_t(((n * 3 + c) * height + h) * width + v)] +=
                xs[size_t(n * 12 + at)] * ws[size_t(c * 36 + k)];
        }
  for (size_t i = 0; i < y.size(); ++i)
    with_bias.push_back(y[i] + b[int64_t(i) / (height * width) % 3].item());
  DeconvOptions o = {.stride = stride, .pad = pad};
  EXPECT_EQ(deconv2d(x, w, {}, o).shape(), (Shape{2, 3, height, width}));
  EXPECT_TRUE(near(deconv2d(x, w, {}, o).to_vector(), y, 1e-12, 1e-13));
  EXPECT_TRUE(near(deconv2d(x, w, b, o).to_vector(), with_bias, 1e-12, 1e-13));
}

// As the book's pooling_simple: the largest of each row of windows.
TEST(C113_Pooling, EqualsTheLargestOfWindows) {
  auto simple = [](const Variable &v) {
    return max(im2col(v, 2, {.stride = 2, .to_matrix = false}),
               {.axis = {2, 3}});
  };
  for (int64_t size : {8, 9}) { // the ninth is in no window
    Variable x = sample({1, 5, size, size});
    Variable y = pooling(x, 2, {.stride = 2});
    EXPECT_EQ(simple(x).to_vector(), y.to_vector());
    Variable weight = sample(y.shape(), 0.9);
    EXPECT_EQ(grad(sum(simple(x) * weight), {x})[0].to_vector(),
              grad(sum(y * weight), {x})[0].to_vector());
    EXPECT_TRUE(gradient_check(simple, x * 100.0));
  }
}

// Without a gradient nobody asks for the places, and compiled programs do not
// look for them: not even NaN, infinities and the zeros' signs tell.
TEST(C113_Pooling, ValuesWithoutPlaces) {
  struct Case {
    int64_t height, width, kernel, stride, pad;
  };
  const double infinity = std::numeric_limits<double>::infinity();
  const double special[] = {-infinity, std::nan(""), -0.0, 0.0, infinity, -1};
  for (Case c :
       {Case{12, 48, 3, 2, 0}, Case{40, 37, 2, 2, 0}, Case{41, 70, 3, 2, 1},
        Case{9, 65, 2, 1, 0}, Case{30, 100, 3, 3, 1}, Case{20, 90, 5, 2, 2}})
    for (DType type : {f32, f64}) {
      std::vector<double> values;
      for (int64_t i = 0; i < 2 * 3 * c.height * c.width; ++i)
        values.push_back(i * 2654435761 % 97 < 60 ? special[i * i % 31 % 6]
                                                  : double(i % 5));
      Variable x = from_data(std::span<const double>(values),
                             Shape{2, 3, c.height, c.width});
      x = astype(x, type);
      NoGrad no_grad;
      auto f = [&](const Variable &x) {
        return pooling(x, c.kernel,
                       {.stride = {c.stride, c.stride}, .pad = {c.pad, c.pad}});
      };
      std::vector<double> y = f(x).to_vector(), z = compile(f)(x).to_vector();
      ASSERT_EQ(y.size(), z.size());
      EXPECT_EQ(std::memcmp(y.data(), z.data(), y.size() * sizeof(double)), 0);
    }
}

} // namespace
