//===- Convolution.cpp - convolution, pooling, windows --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "etch/convolution.h"
#include "etch/functions.h"
#include "frontend/core/Promotion.h"
#include "frontend/engine/Engine.h"

#include <algorithm>

using namespace etch;
using namespace etch::detail;

//===----------------------------------------------------------------------===//
// Pairs and sizes
//===----------------------------------------------------------------------===//

Pair::Pair(std::span<const int64_t> two) : h(0), w(0) {
  if (two.size() != 2)
    throw ValueError("pair: one number or two are needed, not " +
                         std::to_string(two.size()),
                     Location().in_user_code());
  h = two[0];
  w = two[1];
}

Pair::Pair(std::initializer_list<int64_t> two)
    : Pair(std::span(two.begin(), two.size())) {}

/// The number of places, or 0 where there are none: the operation's own rule
/// says why.
static int64_t places(int64_t input, int64_t kernel, int64_t stride,
                      int64_t pad, int64_t dilation) {
  int64_t room = input + 2 * pad - dilation * (kernel - 1) - 1;
  return stride < 1 || room < 0 ? 0 : room / stride + 1;
}

int64_t etch::get_conv_outsize(int64_t input, int64_t kernel, int64_t stride,
                               int64_t pad, int64_t dilation) {
  int64_t n = places(input, kernel, stride, pad, dilation);
  if (n == 0)
    throw ValueError(
        "get_conv_outsize: no place for a window of " + std::to_string(kernel) +
            " in " + std::to_string(input) + " elements with stride " +
            std::to_string(stride) + ", pad " + std::to_string(pad),
        Location().in_user_code());
  return n;
}

int64_t etch::get_deconv_outsize(int64_t size, int64_t kernel, int64_t stride,
                                 int64_t pad, int64_t dilation) {
  return stride * (size - 1) + dilation * (kernel - 1) + 1 - 2 * pad;
}

static AttrValue attr_of(const Pair &p) { return std::vector{p.h, p.w}; }

static AttrValue attr_of(const Shape &s) {
  return std::vector<int64_t>(s.begin(), s.end());
}

/// x if it is images.
static Variable images(const Operand &x, const Variable &v, const char *what) {
  if (v.ndim() == 4)
    return v;
  throw ShapeError(std::string(what) + ": x is " + to_string(v.shape()) +
                       ", (N, C, H, W) is needed",
                   x.location());
}

//===----------------------------------------------------------------------===//
// Convolution
//===----------------------------------------------------------------------===//

namespace {
/// The operands with their common type.
struct Convolved {
  Variable x, w;

  Convolved(const Operand &images_, const Operand &filters, const char *what) {
    Operand both[] = {images_, filters};
    DType dtype = common_dtype(both);
    if (!is_floating(dtype))
      dtype = f64;
    x = images(images_, cast_to(images_.array(), dtype, images_.location()),
               what);
    w = cast_to(filters.array(), dtype, images_.location());
    if (w.ndim() != 4)
      throw ShapeError(std::string(what) + ": w is " + to_string(w.shape()) +
                           ", four axes are needed",
                       images_.location());
  }
};
} // namespace

static Variable with_bias(Variable y, const Variable &b, const char *what,
                          const Location &where) {
  if (!b.defined())
    return y;
  int64_t channels = y.shape()[1];
  if (b.shape() != Shape{channels})
    throw ShapeError(std::string(what) + ": b is " + to_string(b.shape()) +
                         ", there are " + std::to_string(channels) +
                         " channels",
                     where);
  return y + reshape(b, {1, channels, 1, 1});
}

Variable etch::conv2d(Operand x, Operand w, const Variable &b,
                      const ConvOptions &o) {
  LocationScope scope(x.location());
  Convolved v(x, w, "conv2d");
  const Shape &in = v.x.shape(), &filters = v.w.shape();
  Shape shape = {in[0], filters[0],
                 places(in[2], filters[2], o.stride.h, o.pad.h, o.dilation.h),
                 places(in[3], filters[3], o.stride.w, o.pad.w, o.dilation.w)};
  Variable y = apply(OpId::Conv2d, {v.x, v.w},
                     {attr_of(o.stride), attr_of(o.pad), attr_of(o.dilation),
                      o.groups, attr_of(shape)},
                     x.location());
  return with_bias(y, b, "conv2d", x.location());
}

Variable etch::deconv2d(Operand x, Operand w, const Variable &b,
                        const DeconvOptions &o) {
  LocationScope scope(x.location());
  Convolved v(x, w, "deconv2d");
  const Shape &in = v.x.shape(), &filters = v.w.shape();
  if (in[1] != filters[0])
    throw ShapeError("deconv2d: channels differ: x is " + to_string(in) +
                         ", w is " + to_string(filters),
                     x.location());
  Pair size = o.out_size.value_or(Pair{
      get_deconv_outsize(in[2], filters[2], o.stride.h, o.pad.h, o.dilation.h),
      get_deconv_outsize(in[3], filters[3], o.stride.w, o.pad.w,
                         o.dilation.w)});
  bool fits =
      places(size.h, filters[2], o.stride.h, o.pad.h, o.dilation.h) == in[2] &&
      places(size.w, filters[3], o.stride.w, o.pad.w, o.dilation.w) == in[3];
  if (!fits || size.h < 0 || size.w < 0)
    throw ShapeError("deconv2d: no result of " +
                         to_string(Shape{size.h, size.w}) + ": x is " +
                         to_string(in) + ", w is " + to_string(filters),
                     x.location());
  Shape shape = {in[0], filters[1] * o.groups, size.h, size.w};
  Variable y = apply(OpId::Conv2dInputGrad, {v.x, v.w},
                     {attr_of(o.stride), attr_of(o.pad), attr_of(o.dilation),
                      o.groups, attr_of(shape)},
                     x.location());
  return with_bias(y, b, "deconv2d", x.location());
}

//===----------------------------------------------------------------------===//
// Pooling
//===----------------------------------------------------------------------===//

/// (N, C, OH, OW), or ShapeError.
static Shape pooled(const char *what, const Shape &in, const Pair &kernel,
                    const Pair &stride, const Pair &pad,
                    const Location &where) {
  auto text = [](const Pair &p) { return to_string(Shape{p.h, p.w}); };
  Shape shape = {in[0], in[1], places(in[2], kernel.h, stride.h, pad.h, 1),
                 places(in[3], kernel.w, stride.w, pad.w, 1)};
  bool valid = std::min({kernel.h, kernel.w, stride.h, stride.w}) > 0 &&
               std::min(pad.h, pad.w) >= 0;
  if (!valid || shape[2] == 0 || shape[3] == 0)
    throw ShapeError(std::string(what) + ": no place for windows of " +
                         text(kernel) + " in " + to_string(in) +
                         " with stride " + text(stride) + ", pad " + text(pad),
                     where);
  return shape;
}

Variable etch::pooling(Operand x, Pair kernel, const PoolOptions &o) {
  LocationScope scope(x.location());
  Variable v = images(x, x.array(), "pooling");
  const Shape &in = v.shape();
  Shape shape = pooled("pooling", in, kernel, o.stride, o.pad, x.location());
  if (o.pad.h >= kernel.h || o.pad.w >= kernel.w)
    throw ShapeError("pooling: windows of " +
                         to_string(Shape{kernel.h, kernel.w}) +
                         " may lie in the padding of " +
                         to_string(Shape{o.pad.h, o.pad.w}) + " alone",
                     x.location());
  Variable index = apply(
      OpId::MaxPoolIndex, {v},
      {attr_of(kernel), attr_of(o.stride), attr_of(o.pad), attr_of(shape)},
      x.location());
  int64_t planes = in[0] * in[1];
  Variable y = apply(OpId::Gather,
                     {reshape(v, {planes, in[2] * in[3], 1}),
                      reshape(index, {planes, shape[2] * shape[3]})},
                     {}, x.location());
  return reshape(y, shape);
}

Variable etch::average_pooling(Operand x, Pair kernel, const PoolOptions &o) {
  LocationScope scope(x.location());
  Variable v = images(x, floating(x), "average_pooling");
  const Shape &in = v.shape();
  Shape shape =
      pooled("average_pooling", in, kernel, o.stride, o.pad, x.location());
  int64_t planes = in[0] * in[1];
  // Sums are products with ones, exactly; every channel is an image.
  Variable ones =
      make_literal(1, {v.dtype(), {1, 1, kernel.h, kernel.w}}, x.location());
  Variable sums = conv2d(reshape(v, {planes, 1, in[2], in[3]}), ones, {},
                         {.stride = o.stride, .pad = o.pad});
  return reshape(sums, shape) / double(kernel.h * kernel.w);
}

Variable etch::global_average_pooling(Operand x) {
  LocationScope scope(x.location());
  return mean(images(x, x.array(), "global_average_pooling"), {.axis = {2, 3}});
}

//===----------------------------------------------------------------------===//
// Windows as an array
//===----------------------------------------------------------------------===//

Variable etch::im2col(Operand x, Pair kernel, const WindowOptions &o) {
  LocationScope scope(x.location());
  Variable v = images(x, x.array(), "im2col");
  Shape out =
      pooled("im2col", v.shape(), kernel, o.stride, o.pad, x.location());
  Shape shape = {out[0], out[1], kernel.h, kernel.w, out[2], out[3]};
  Variable col = apply(
      OpId::Im2col, {v},
      {attr_of(o.stride), attr_of(o.pad), attr_of(Pair(1)), attr_of(shape)},
      x.location());
  if (!o.to_matrix)
    return col;
  return reshape(transpose(col, {0, 4, 5, 1, 2, 3}),
                 {out[0] * out[2] * out[3], out[1] * kernel.h * kernel.w});
}

Variable etch::col2im(Operand x, const Shape &shape, Pair kernel,
                      const WindowOptions &o) {
  LocationScope scope(x.location());
  Variable col = x.array();
  if (shape.rank() != 4)
    throw ShapeError("col2im: (N, C, H, W) is needed, not " + to_string(shape),
                     x.location());
  Shape out = pooled("col2im", shape, kernel, o.stride, o.pad, x.location());
  if (o.to_matrix) {
    int64_t rows = out[0] * out[2] * out[3],
            columns = out[1] * kernel.h * kernel.w;
    if (col.shape() != Shape{rows, columns})
      throw ShapeError("col2im: the windows are " + to_string(col.shape()) +
                           ", " + to_string(Shape{rows, columns}) +
                           " are needed for " + to_string(shape),
                       x.location());
    col = transpose(
        reshape(col, {out[0], out[2], out[3], out[1], kernel.h, kernel.w}),
        {0, 3, 4, 5, 1, 2});
  }
  return apply(
      OpId::Col2im, {col},
      {attr_of(o.stride), attr_of(o.pad), attr_of(Pair(1)), attr_of(shape)},
      x.location());
}
