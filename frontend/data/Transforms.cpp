//===- Transforms.cpp - What happens to samples before use ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/transforms.h"

#include "etch/array.h"
#include "etch/operators.h"
#include "etch/random.h"
#include "frontend/engine/Engine.h"

#include <cstring>

namespace etch {

namespace {

/// The numbers as an array of the type of `like` that broadcasts over it: (),
/// or (channels, 1, 1, …).
Variable spread(const PerChannel &numbers, const Variable &like) {
  const std::vector<double> &values = numbers.values();
  Shape shape{int64_t(values.size())};
  for (int i = 1; i < like.ndim(); ++i)
    shape.push_back(1);
  if (like.ndim() < 1 || like.shape(0) != int64_t(values.size()))
    throw ShapeError("Normalize: " + std::to_string(values.size()) +
                     " channels, but the array is " + to_string(like.shape()));
  bool is_float = like.dtype() == f32 || like.dtype() == f64;
  return array(values).reshape(shape).astype(is_float ? like.dtype() : f64);
}

void check_image(const Variable &image, const char *what) {
  if (image.ndim() != 3)
    throw ShapeError(std::string(what) +
                     ": an image is (channels, height, width), not " +
                     to_string(image.shape()));
}

/// A new image whose rows `row(from, to, channel, y)` fills.
template <class Row>
Variable by_rows(const Variable &image, int64_t height, int64_t width,
                 Row row) {
  detail::ValueRef from = detail::dense_value(image),
                   to = detail::make_dense(image.dtype(),
                                           {image.shape(0), height, width});
  size_t element = size_t(size_of(image.dtype()));
  auto *out = static_cast<char *>(to->data);
  for (int64_t c = 0; c < image.shape(0); ++c)
    for (int64_t y = 0; y < height; ++y, out += size_t(width) * element)
      row(static_cast<const char *>(from->data), out, c, y, element);
  return detail::make_variable(std::move(to), detail::Node::constant);
}

} // namespace

Variable Compose::operator()(const Variable &x) const {
  Variable y = x;
  for (const Transform &step : steps)
    y = step(y);
  return y;
}

Variable Normalize::operator()(const Variable &x) const {
  if (mean.values().size() == 1 && std.values().size() == 1)
    return (x - mean.values()[0]) / std.values()[0];
  Variable y =
      mean.values().size() == 1 ? x - mean.values()[0] : x - spread(mean, x);
  return std.values().size() == 1 ? y / std.values()[0] : y / spread(std, y);
}

Variable Flatten::operator()(const Variable &x) const { return x.reshape(-1); }

Variable AsType::operator()(const Variable &x) const { return x.astype(dtype); }

Variable ToArray::operator()(const Variable &image) const {
  if (image.ndim() == 2)
    return image.reshape({1, image.shape(0), image.shape(1)}).astype(dtype);
  check_image(image, "ToArray");
  return image.astype(dtype);
}

Variable CenterCrop::operator()(const Variable &image) const {
  check_image(image, "CenterCrop");
  detail::contents(image, "CenterCrop", {});
  int64_t height = image.shape(1), width = image.shape(2);
  if (size.height < 0 || size.width < 0 || size.height > height ||
      size.width > width)
    throw ShapeError("CenterCrop: " + std::to_string(size.height) + " x " +
                     std::to_string(size.width) + " of " +
                     to_string(image.shape()));
  int64_t top = (height - size.height) / 2, left = (width - size.width) / 2;
  int64_t columns = size.width;
  return by_rows(
      image, size.height, columns,
      [=](const char *from, char *to, int64_t c, int64_t y, size_t element) {
        size_t at = size_t((c * height + top + y) * width + left) * element;
        std::memcpy(to, from + at, size_t(columns) * element);
      });
}

Variable RandomHorizontalFlip::operator()(const Variable &image) const {
  check_image(image, "RandomHorizontalFlip");
  detail::contents(image, "RandomHorizontalFlip", {});
  if (!(random::rand().item() < probability))
    return image;
  int64_t height = image.shape(1), width = image.shape(2);
  return by_rows(
      image, height, width,
      [=](const char *from, char *to, int64_t c, int64_t y, size_t element) {
        const char *row = from + size_t((c * height + y) * width) * element;
        for (int64_t x = 0; x < width; ++x)
          std::memcpy(to + size_t(x) * element,
                      row + size_t(width - 1 - x) * element, element);
      });
}

} // namespace etch
