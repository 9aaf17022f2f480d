//===- transforms.h - What happens to samples before use --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A transform is anything that makes a Variable of a Variable. Images are
// arrays (channels, height, width), as load_image and the data sets give them.
//===----------------------------------------------------------------------===//
#ifndef ETCH_TRANSFORMS_H
#define ETCH_TRANSFORMS_H

#include "etch/operand.h"

#include <functional>

namespace etch {

/// What happens to each sample's data or label before it is used.
using Transform = std::function<Variable(const Variable &)>;

/// Some transforms, one after the other.
struct Compose {
  std::vector<Transform> steps;
  Compose(std::initializer_list<Transform> steps) : steps(steps) {}
  Variable operator()(const Variable &x) const;
};

/// One number for all elements, or one per channel (position on the first
/// axis): `0.5`, `{0.485, 0.456, 0.406}`.
class PerChannel {
public:
  PerChannel(double value) : numbers{value} {}
  PerChannel(std::initializer_list<double> values) : numbers(values) {}
  const std::vector<double> &values() const { return numbers; }

private:
  std::vector<double> numbers;
};

/// (x - mean) / std; integers become float64. ShapeError when there are several
/// numbers and the first axis has another extent.
struct Normalize {
  PerChannel mean = 0;
  PerChannel std = 1;
  Variable operator()(const Variable &x) const;
};

/// All elements on one axis.
struct Flatten {
  Variable operator()(const Variable &x) const;
};

/// Another element type.
struct AsType {
  DType dtype = f32;
  Variable operator()(const Variable &x) const;
};

/// An image's numbers as floats, as they are: 0 to 255 stay 0 to 255. Images of
/// two axes get a first one of extent 1.
struct ToArray {
  DType dtype = f32;
  Variable operator()(const Variable &image) const;
};

/// Height and width: one number for both, or two.
struct ImageSize {
  int64_t height = 0, width = 0;
  ImageSize(int64_t size) : height(size), width(size) {}
  ImageSize(int64_t height, int64_t width) : height(height), width(width) {}
};

/// resize_image(image, size): `Resize(224)`, `Resize({224, 320})`.
struct Resize {
  ImageSize size;
  explicit Resize(ImageSize size) : size(size) {}
  Variable operator()(const Variable &image) const;
};

/// The middle of an image; if an odd number of rows or columns goes, one more
/// at the end. ShapeError for a smaller image.
struct CenterCrop {
  ImageSize size;
  explicit CenterCrop(ImageSize size) : size(size) {}
  Variable operator()(const Variable &image) const;
};

/// The mirror image, with this probability: one number of the random stream per
/// call decides (in a DataLoader: of the loader's own stream).
struct RandomHorizontalFlip {
  double probability = 0.5;
  Variable operator()(const Variable &image) const;
};

} // namespace etch

#endif // ETCH_TRANSFORMS_H
