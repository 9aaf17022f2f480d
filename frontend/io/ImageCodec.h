//===- ImageCodec.h - PNG and JPEG files as bytes ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ETCH_IO_IMAGECODEC_H
#define ETCH_IO_IMAGECODEC_H

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace etch::detail {

/// Rows of pixels, the channels of each pixel side by side.
struct Pixels {
  int width = 0, height = 0, channels = 0;
  std::vector<uint8_t> bytes;
};

/// Reads a PNG or JPEG file's content, `name` being the file's. `channels` as
/// ImageOptions. IOError.
Pixels decode_image(std::span<const uint8_t> file, const std::string &name,
                    int channels);

/// The content of a PNG file with these pixels: gray, RGB or RGBA of 8 bits.
std::string encode_png(int width, int height, int channels,
                       const uint8_t *bytes);

/// Writes a file that appears whole or not at all. IOError.
void write_whole(const std::string &path, const std::string &content);

} // namespace etch::detail

#endif // ETCH_IO_IMAGECODEC_H
