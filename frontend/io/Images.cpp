//===- Images.cpp - Pictures as arrays ------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/image.h"

#include "etch/array.h"
#include "frontend/data/Formats.h"
#include "frontend/engine/Engine.h"
#include "frontend/io/ImageCodec.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace etch {

namespace {

/// The numbers of an image, and its extents.
struct Planes {
  int64_t channels, height, width;
  std::vector<double> values;
};

Planes planes_of(const Variable &image, const char *what,
                 const Location &where) {
  if (image.ndim() != 3)
    throw ShapeError(std::string(what) +
                         ": an image is (channels, height, width), not " +
                         to_string(image.shape()),
                     where);
  return {image.shape(0), image.shape(1), image.shape(2),
          image.to_vector<double>()};
}

template <class T>
Variable rounded(const std::vector<double> &values, const Shape &shape) {
  std::vector<T> numbers(values.size());
  for (size_t i = 0; i < values.size(); ++i)
    numbers[i] =
        std::is_integral_v<T> ? T(std::lround(values[i])) : T(values[i]);
  return from_data(std::span<const T>(numbers), shape);
}

/// For each new position the old ones that it covers, with their weights.
struct Taps {
  std::vector<int64_t> first;
  std::vector<std::vector<double>> weights;
  Taps(int64_t from, int64_t to) {
    double scale = double(from) / double(to), reach = std::max(scale, 1.0);
    for (int64_t i = 0; i < to; ++i) {
      double center = (double(i) + 0.5) * scale;
      int64_t low = std::max<int64_t>(0, int64_t(center - reach + 0.5)),
              high = std::min(from, int64_t(center + reach + 0.5));
      std::vector<double> w;
      double total = 0;
      for (int64_t k = low; k < high; ++k) {
        double distance = std::abs((double(k) + 0.5 - center) / reach);
        w.push_back(std::max(0.0, 1 - distance));
        total += w.back();
      }
      for (double &v : w)
        v /= total;
      first.push_back(low);
      weights.push_back(std::move(w));
    }
  }
};

} // namespace

Variable load_image(const std::string &path, const ImageOptions &options,
                    SourceLocation l) {
  LocationScope frame{Location(l)};
  if (options.channels < 0 || options.channels > 4)
    throw ValueError("load_image: " + std::to_string(options.channels) +
                     " channels");
  detail::Pixels image =
      detail::decode_image(detail::read_bytes(path), path, options.channels);
  size_t plane = size_t(image.width) * size_t(image.height),
         count = size_t(image.channels);
  std::vector<int32_t> values(plane * count);
  for (size_t c = 0; c < count; ++c)
    for (size_t i = 0; i < plane; ++i)
      values[c * plane + i] = image.bytes[i * count + c];
  return from_data(std::span<const int32_t>(values),
                   {image.channels, image.height, image.width});
}

void save_image(const std::string &path, const Variable &image,
                SourceLocation l) {
  LocationScope frame{Location(l)};
  Variable with_channels = image;
  if (image.ndim() == 2)
    with_channels = image.reshape({1, image.shape(0), image.shape(1)});
  Planes p = planes_of(with_channels, "save_image", l);
  if ((p.channels != 1 && p.channels != 3 && p.channels != 4) || p.height < 1 ||
      p.width < 1 || p.height * p.width > (1 << 28))
    throw ShapeError("save_image: cannot write " + to_string(image.shape()));
  bool is_float = image.dtype() == f32 || image.dtype() == f64;
  std::vector<uint8_t> bytes(p.values.size());
  size_t plane = size_t(p.height * p.width), count = size_t(p.channels);
  for (size_t c = 0; c < count; ++c)
    for (size_t i = 0; i < plane; ++i) {
      double v = p.values[c * plane + i];
      if (is_float)
        v = std::isnan(v) ? 0 : 255 * std::clamp(v, 0.0, 1.0);
      else if (v < 0 || v > 255)
        throw ValueError("save_image: " + std::to_string(int64_t(v)) +
                         " is not in 0 to 255");
      bytes[i * count + c] = uint8_t(std::lround(v));
    }
  detail::write_whole(path, detail::encode_png(int(p.width), int(p.height),
                                               int(p.channels), bytes.data()));
}

Variable resize_image(const Variable &image, ImageSize size, SourceLocation l) {
  LocationScope frame{Location(l)};
  Planes p = planes_of(image, "resize_image", l);
  if (p.height < 1 || p.width < 1 || size.height < 1 || size.width < 1 ||
      size.height > (1 << 16) || size.width > (1 << 16))
    throw ShapeError("resize_image: from " + to_string(image.shape()) +
                     " to height " + std::to_string(size.height) + ", width " +
                     std::to_string(size.width));
  Taps across(p.width, size.width), down(p.height, size.height);
  Shape shape{p.channels, size.height, size.width};
  std::vector<double> out(size_t(shape.elements()));
  std::vector<double> wide(size_t(p.height * size.width));
  for (int64_t c = 0; c < p.channels; ++c) {
    const double *in = p.values.data() + c * p.height * p.width;
    for (int64_t y = 0; y < p.height; ++y)
      for (int64_t x = 0; x < size.width; ++x) {
        double sum = 0;
        const std::vector<double> &w = across.weights[size_t(x)];
        const double *row = in + y * p.width + across.first[size_t(x)];
        for (size_t k = 0; k < w.size(); ++k)
          sum += w[k] * row[k];
        wide[size_t(y * size.width + x)] = sum;
      }
    double *to = out.data() + c * size.height * size.width;
    for (int64_t y = 0; y < size.height; ++y) {
      const std::vector<double> &w = down.weights[size_t(y)];
      for (size_t k = 0; k < w.size(); ++k) {
        const double *row =
            wide.data() + (down.first[size_t(y)] + int64_t(k)) * size.width;
        for (int64_t x = 0; x < size.width; ++x)
          to[y * size.width + x] += w[k] * row[x];
      }
    }
  }
  switch (image.dtype()) {
  case f32:
    return rounded<float>(out, shape);
  case f64:
    return rounded<double>(out, shape);
  case i64:
    return rounded<int64_t>(out, shape);
  default:
    return rounded<int32_t>(out, shape);
  }
}

Variable vgg16_preprocess(const Variable &image, SourceLocation l) {
  LocationScope frame{Location(l)};
  if (image.ndim() != 3 || image.shape(0) != 3)
    throw ShapeError("vgg16_preprocess: an image of three channels is "
                     "(3, height, width), not " +
                     to_string(image.shape()));
  constexpr float mean[] = {103.939f, 116.779f, 123.68f};
  constexpr int64_t side = 224, plane = side * side;
  std::vector<float> rgb = resize_image(image, side, l).to_vector<float>();
  std::vector<float> bgr(rgb.size());
  for (size_t c = 0; c < 3; ++c)
    for (size_t i = 0; i < plane; ++i)
      bgr[c * plane + i] = rgb[(2 - c) * plane + i] - mean[c];
  return from_data(std::span<const float>(bgr), {3, side, side});
}

Variable Resize::operator()(const Variable &image) const {
  return resize_image(image, size);
}

} // namespace etch
