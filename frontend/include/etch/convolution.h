//===- convolution.h - Convolution and pooling of images --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Images are (N, C, H, W). What has a value for H and one for W is a Pair: one
// number stands for both.
//
//   Variable y = conv2d(x, w, b, {.stride = 2, .pad = {1, 0}});
//
// Errors are ShapeError, DTypeError and ValueError with the line of the call.
//===----------------------------------------------------------------------===//
#ifndef ETCH_CONVOLUTION_H
#define ETCH_CONVOLUTION_H

#include "etch/layers.h"

#include <optional>

namespace etch {

/// A number for H and one for W: `3` or `{3, 5}`. ValueError for a list of any
/// other length.
struct Pair {
  int64_t h, w;

  template <std::integral T> Pair(T both) : h(both), w(both) {}
  Pair(std::initializer_list<int64_t> two);
  explicit Pair(std::span<const int64_t> two);
  friend bool operator==(const Pair &, const Pair &) = default;
};

/// Places of a window in `input` elements: (input + 2 pad - kernel) / stride +
/// 1 rounded down, where a dilated kernel is as long as it reaches. ValueError
/// if the window does not fit or the stride is not positive.
int64_t get_conv_outsize(int64_t input, int64_t kernel, int64_t stride,
                         int64_t pad, int64_t dilation = 1);
/// The smallest input that gives as many places: stride (size - 1) + kernel -
/// 2 pad.
int64_t get_deconv_outsize(int64_t size, int64_t kernel, int64_t stride,
                           int64_t pad, int64_t dilation = 1);

//===- Convolution --------------------------------------------------------===//

/// How windows lie in an image.
struct ConvOptions {
  Pair stride = 1;
  Pair pad = 0;       ///< zeros around the image
  Pair dilation = 1;  ///< from one tap to the next
  int64_t groups = 1; ///< channels convolved separately
};

/// Correlation of x (N, C, H, W) with filters w (OC, C / groups, KH, KW), plus
/// b (OC,) if it is not empty: (N, OC, OH, OW).
Variable conv2d(Operand x, Operand w, const Variable &b = {},
                const ConvOptions &options = {});

struct DeconvOptions {
  Pair stride = 1;
  Pair pad = 0;
  Pair dilation = 1;
  int64_t groups = 1;
  /// Of the result; by default as get_deconv_outsize says.
  std::optional<Pair> out_size = {};
};

/// The transposed convolution, conv2d's adjoint in its images: x (N, C, H, W),
/// w (C, OC / groups, KH, KW), b (OC,) or empty; the result is (N, OC, OH, OW),
/// where conv2d with these options makes H and W of OH and OW.
Variable deconv2d(Operand x, Operand w, const Variable &b = {},
                  const DeconvOptions &options = {});

//===- Pooling ------------------------------------------------------------===//

struct PoolOptions {
  Pair stride = 1; ///< from one window to the next, down and across
  Pair pad = 0;    ///< rows and columns added on each side
};

/// The largest element of each window, per channel. The padding is never the
/// largest; the gradient goes to the first of equal ones.
Variable pooling(Operand x, Pair kernel_size, const PoolOptions &options = {});
/// The mean of each window, zeros of the padding included.
Variable average_pooling(Operand x, Pair kernel_size,
                         const PoolOptions &options = {});
/// The mean of each channel: (N, C).
Variable global_average_pooling(Operand x);

//===- Windows as an array ------------------------------------------------===//

struct WindowOptions {
  Pair stride = 1;
  Pair pad = 0;
  bool to_matrix = true; ///< (N OH OW, C KH KW), else (N, C, KH, KW, OH, OW)
};

/// The windows of x (N, C, H, W).
Variable im2col(Operand x, Pair kernel_size, const WindowOptions &options = {});
/// Its adjoint: adds windows into images of this shape.
Variable col2im(Operand col, const Shape &shape, Pair kernel_size,
                const WindowOptions &options = {});

//===- Layers -------------------------------------------------------------===//

struct Conv2dOptions {
  Pair stride = 1;
  Pair pad = 0;
  Pair dilation = 1;
  int64_t groups = 1;
  bool nobias = false;
  DType dtype = f32;       ///< of W and b
  int64_t in_channels = 0; ///< 0: taken from the first input
};

/// conv2d with W (out_channels, in_channels / groups, KH, KW), drawn from the
/// random stream with standard deviation sqrt(1 / (in_channels / groups KH
/// KW)), and b (out_channels,), zeros.
class Conv2d : public Layer {
public:
  Conv2d(int64_t out_channels, Pair kernel_size,
         const Conv2dOptions &options = {});
  Conv2d(Layer &owner, std::string name, int64_t out_channels, Pair kernel_size,
         const Conv2dOptions &options = {});
  Variable forward(const Variable &x) override;

  Parameter W; ///< empty until the input's channels are known
  Parameter b; ///< empty with nobias

private:
  void setup();
  void draw(int64_t in_channels);

  int64_t out_channels;
  Pair kernel;
  Conv2dOptions options;
};

struct Deconv2dOptions {
  Pair stride = 1; ///< as DeconvOptions
  Pair pad = 0;
  Pair dilation = 1;
  int64_t groups = 1;
  std::optional<Pair> out_size = {};
  bool nobias = false;
  DType dtype = f32;
  int64_t in_channels = 0;
};

/// deconv2d with W (in_channels, out_channels / groups, KH, KW), drawn like
/// that of Conv2d, and b (out_channels,), zeros.
class Deconv2d : public Layer {
public:
  Deconv2d(int64_t out_channels, Pair kernel_size,
           const Deconv2dOptions &options = {});
  Deconv2d(Layer &owner, std::string name, int64_t out_channels,
           Pair kernel_size, const Deconv2dOptions &options = {});
  Variable forward(const Variable &x) override;

  Parameter W; ///< empty until the input's channels are known
  Parameter b; ///< empty with nobias

private:
  void setup();
  void draw(int64_t in_channels);

  int64_t out_channels;
  Pair kernel;
  Deconv2dOptions options;
};

} // namespace etch

#endif // ETCH_CONVOLUTION_H
