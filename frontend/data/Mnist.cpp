//===- Mnist.cpp - Handwritten digits -------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/array.h"
#include "etch/datasets.h"
#include "frontend/data/Digits.h"
#include "frontend/data/Formats.h"

namespace etch {

namespace {

constexpr int64_t pixels_of_image = 28 * 28;

std::string file_name(bool train, bool labels) {
  return std::string(train ? "train" : "t10k") +
         (labels ? "-labels-idx1-ubyte" : "-images-idx3-ubyte");
}

/// The folder that holds both files of the set.
std::string locate(const MNISTOptions &options) {
  std::string images = file_name(options.train, false),
              labels = file_name(options.train, true);
  std::string found = detail::find_folder(
      detail::data_folders(options.directory, "mnist"), {images, labels});
  if (!found.empty())
    return found;
  if (!options.directory.empty())
    throw IOError(options.directory + ": no " + images + " and " + labels +
                  " here, gzipped or not");
  if (!options.download)
    throw IOError("MNIST: " + images +
                  " is found nowhere: name its folder by $ETCH_DATA_DIR");
  std::string cache = detail::cache_folder("mnist");
  for (const std::string &name : {images, labels})
    if (detail::find_file(cache, name).empty())
      detail::download("https://ossci-datasets.s3.amazonaws.com/mnist/" + name +
                           ".gz",
                       cache + "/" + name + ".gz", options.progress);
  return cache;
}

Variable labels_of(const std::vector<uint8_t> &labels) {
  std::vector<int64_t> values(labels.begin(), labels.end());
  return from_data(std::span<const int64_t>(values), {int64_t(values.size())});
}

Variable images_of(const std::vector<uint8_t> &pixels, int64_t count,
                   bool as_float) {
  if (!as_float) {
    std::vector<int32_t> values(pixels.begin(), pixels.end());
    return from_data(std::span<const int32_t>(values), {count, 1, 28, 28});
  }
  std::vector<float> values(pixels.size());
  for (size_t i = 0; i < pixels.size(); ++i)
    values[i] = float(pixels[i]) / 255.0f;
  return from_data(std::span<const float>(values), {count, pixels_of_image});
}

} // namespace

MNIST::Raw MNIST::read(const MNISTOptions &options) {
  Raw raw;
  raw.origin = locate(options);
  std::string image_path = detail::find_file(raw.origin,
                                             file_name(options.train, false)),
              label_path =
                  detail::find_file(raw.origin, file_name(options.train, true));
  detail::Idx images = detail::read_idx(image_path),
              labels = detail::read_idx(label_path);
  if (images.extents.size() != 3 || images.extents[1] != 28 ||
      images.extents[2] != 28)
    throw IOError(image_path + ": these are no images of 28 x 28");
  if (labels.extents.size() != 1 || labels.extents[0] != images.extents[0])
    throw IOError(label_path + ": one label per image was expected");
  for (uint8_t label : labels.bytes)
    if (label > 9)
      throw IOError(label_path + ": a label is " + std::to_string(label));
  raw.count = images.extents[0];
  raw.pixels = std::move(images.bytes);
  raw.labels = std::move(labels.bytes);
  return raw;
}

MNIST::Raw MNIST::draw(bool train, int64_t count) {
  if (count < 0)
    throw ValueError("MNIST: " + std::to_string(count) + " digits");
  Raw raw;
  raw.count = count;
  raw.origin = "synthetic";
  detail::draw_digits(train ? 1 : 2, count, raw.pixels, raw.labels);
  return raw;
}

MNIST::MNIST(const MNISTOptions &options, const Raw &raw)
    : Dataset(images_of(raw.pixels, raw.count, !options.transform),
              labels_of(raw.labels), options.transform,
              options.target_transform),
      origin(raw.origin) {}

MNIST::MNIST(const MNISTOptions &options) : MNIST(options, read(options)) {}

MNIST MNIST::synthetic(const MNISTOptions &options, int64_t count) {
  return MNIST(options, draw(options.train, count));
}

} // namespace etch
