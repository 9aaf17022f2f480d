//===- Convolution.cpp - layers of filters --------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/convolution.h"
#include "etch/array.h"
#include "frontend/engine/Engine.h"
#include "frontend/layers/Draw.h"

#include <cmath>

namespace etch {

/// What both layers demand of their options.
template <class Options>
static void check(const char *what, int64_t out_channels, const Pair &kernel,
                  const Options &o) {
  if (out_channels < 1 || kernel.h < 1 || kernel.w < 1 || o.in_channels < 0)
    throw ValueError(std::string(what) + ": sizes must be positive: " +
                     std::to_string(out_channels) + " channels from " +
                     std::to_string(o.in_channels) + ", windows of " +
                     to_string(Shape{kernel.h, kernel.w}));
  if (o.groups < 1 || out_channels % o.groups || o.in_channels % o.groups)
    throw ValueError(std::string(what) + ": " + std::to_string(out_channels) +
                     " channels from " + std::to_string(o.in_channels) +
                     " in " + std::to_string(o.groups) + " groups");
  if (!is_floating(o.dtype))
    throw DTypeError(std::string(what) + ": weights are floating-point, not " +
                     name_of(o.dtype));
}

/// The channels of the first input.
static int64_t channels_of(const Variable &x, const char *what,
                           int64_t groups) {
  if (x.ndim() != 4 || x.shape()[1] % groups)
    throw ShapeError(std::string(what) + ": x is " + to_string(x.shape()) +
                         ", (N, C, H, W) is needed" +
                         (groups == 1 ? ""
                                      : " with channels for " +
                                            std::to_string(groups) + " groups"),
                     Location().in_user_code());
  return x.shape()[1];
}

static double scale_of(int64_t channels, const Pair &kernel) {
  return std::sqrt(1.0 / double(channels * kernel.h * kernel.w));
}

//===----------------------------------------------------------------------===//
// Conv2d
//===----------------------------------------------------------------------===//

Conv2d::Conv2d(int64_t out_channels, Pair kernel_size,
               const Conv2dOptions &options)
    : out_channels(out_channels), kernel(kernel_size), options(options) {
  setup();
}

Conv2d::Conv2d(Layer &owner, std::string name, int64_t out_channels,
               Pair kernel_size, const Conv2dOptions &options)
    : Layer(owner, std::move(name)), out_channels(out_channels),
      kernel(kernel_size), options(options) {
  setup();
}

void Conv2d::setup() {
  check("Conv2d", out_channels, kernel, options);
  add_param("W", W);
  if (!options.nobias) {
    add_param("b", b);
    detail::RecordingScope suspended(nullptr);
    init_param(b, zeros({out_channels}, {.dtype = options.dtype}));
  }
  if (options.in_channels)
    draw(options.in_channels);
}

void Conv2d::draw(int64_t in_channels) {
  int64_t channels = in_channels / options.groups;
  init_param(W,
             detail::draw_normal({out_channels, channels, kernel.h, kernel.w},
                                 scale_of(channels, kernel), options.dtype));
}

Variable Conv2d::forward(const Variable &x) {
  if (!W.defined())
    draw(channels_of(x, "Conv2d", options.groups));
  return conv2d(
      x, W, b, {options.stride, options.pad, options.dilation, options.groups});
}

//===----------------------------------------------------------------------===//
// Deconv2d
//===----------------------------------------------------------------------===//

Deconv2d::Deconv2d(int64_t out_channels, Pair kernel_size,
                   const Deconv2dOptions &options)
    : out_channels(out_channels), kernel(kernel_size), options(options) {
  setup();
}

Deconv2d::Deconv2d(Layer &owner, std::string name, int64_t out_channels,
                   Pair kernel_size, const Deconv2dOptions &options)
    : Layer(owner, std::move(name)), out_channels(out_channels),
      kernel(kernel_size), options(options) {
  setup();
}

void Deconv2d::setup() {
  check("Deconv2d", out_channels, kernel, options);
  add_param("W", W);
  if (!options.nobias) {
    add_param("b", b);
    detail::RecordingScope suspended(nullptr);
    init_param(b, zeros({out_channels}, {.dtype = options.dtype}));
  }
  if (options.in_channels)
    draw(options.in_channels);
}

void Deconv2d::draw(int64_t in_channels) {
  Shape shape = {in_channels, out_channels / options.groups, kernel.h,
                 kernel.w};
  init_param(W, detail::draw_normal(shape, scale_of(in_channels, kernel),
                                    options.dtype));
}

Variable Deconv2d::forward(const Variable &x) {
  if (!W.defined())
    draw(channels_of(x, "Deconv2d", options.groups));
  return deconv2d(x, W, b,
                  {options.stride, options.pad, options.dilation,
                   options.groups, options.out_size});
}

} // namespace etch
