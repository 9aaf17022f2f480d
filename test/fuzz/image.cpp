//===- image.cpp - Fuzzes the reader of PNG and JPEG files ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/io/ImageCodec.h"
#include "test/fuzz/fuzz.h"

#include <zlib.h>

using namespace etch;

/// Gives the chunks of a PNG file the right sums: what is behind them shall be
/// reached.
static void set_sums(std::vector<uint8_t> &file) {
  for (size_t at = 8; at + 12 <= file.size();) {
    uint8_t *chunk = file.data() + at;
    size_t length = size_t(chunk[0]) << 24 | size_t(chunk[1]) << 16 |
                    size_t(chunk[2]) << 8 | chunk[3];
    if (length > file.size() - at - 12)
      return;
    auto sum = uint32_t(crc32(0, chunk + 4, uInt(length + 4)));
    for (int i = 0; i < 4; ++i)
      chunk[8 + length + size_t(i)] = uint8_t(sum >> (24 - 8 * i));
    at += 12 + length;
  }
}

ETCH_FUZZ([](std::span<const uint8_t> input) {
  if (input.empty())
    return;
  // The first byte chooses the channels.
  int channels = input[0] % 5;
  std::vector<uint8_t> file(input.begin() + 1, input.end());
  if (!(input[0] & 128))
    set_sums(file);
  detail::Pixels image = detail::decode_image(file, "fuzz", channels);
  if (image.bytes.size() !=
      size_t(image.width) * size_t(image.height) * size_t(image.channels))
    std::abort();
  unsigned sum = 0;
  for (uint8_t byte : image.bytes)
    sum += byte;
  [[maybe_unused]] volatile unsigned read = sum;
})
