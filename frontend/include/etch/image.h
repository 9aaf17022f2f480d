//===- image.h - Pictures as arrays -----------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An image is an array (channels, height, width): red, green, blue; or gray.
//===----------------------------------------------------------------------===//
#ifndef ETCH_IMAGE_H
#define ETCH_IMAGE_H

#include "etch/transforms.h"

namespace etch {

struct ImageOptions {
  int channels =
      3; ///< 1: gray, 3: red, green, blue, 4: and opacity; 0: as stored
};

/// The image in a PNG or JPEG file: (channels, height, width), int32, 0 to 255
/// (16-bit files lose their lower half). IOError for an unreadable or corrupt
/// file, and for one of more than 100 million pixels.
Variable load_image(const std::string &path, const ImageOptions &options = {},
                    SourceLocation l = SourceLocation::current());

/// Writes an image of 1, 3 or 4 channels, or one of shape (height, width), to a
/// PNG file, whole or not at all. Integers are 0 to 255, floats 0 to 1 (what is
/// outside is clamped). ShapeError, ValueError, IOError.
void save_image(const std::string &path, const Variable &image,
                SourceLocation l = SourceLocation::current());

/// An image of another size, by linear interpolation; where it gets smaller,
/// over all the pixels that a new one covers. The element type stays: integers
/// are rounded. ShapeError unless it has three axes and at least one pixel.
Variable resize_image(const Variable &image, ImageSize size,
                      SourceLocation l = SourceLocation::current());

/// What VGG16 expects of an image with red, green and blue from 0 to 255:
/// (3, 224, 224) float32; blue, green, red, less their means 103.939, 116.779
/// and 123.68. ShapeError for other than three channels.
Variable vgg16_preprocess(const Variable &image,
                          SourceLocation l = SourceLocation::current());

} // namespace etch

#endif // ETCH_IMAGE_H
