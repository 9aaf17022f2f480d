//===- ImageCodec.cpp - PNG and JPEG files as bytes -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// stb_image decodes. It forgives more than it should: sums of PNG files, the
// end of JPEG files and the memory that a file may make it take are checked
// here.
//===----------------------------------------------------------------------===//

#include "frontend/io/ImageCodec.h"

#include "etch/error.h"
#include "runtime/core/atomic_file.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <zlib.h>

namespace {

/// No single block may be larger than the image that the header announces can
/// make need of.
thread_local size_t largest_block = 0;

void *take(size_t bytes) {
  return bytes <= largest_block ? std::malloc(bytes) : nullptr;
}
void *retake(void *block, size_t bytes) {
  return bytes <= largest_block ? std::realloc(block, bytes) : nullptr;
}

} // namespace

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_MALLOC(bytes) take(bytes)
#define STBI_REALLOC(block, bytes) retake(block, bytes)
#define STBI_FREE(block) std::free(block)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wunused-function"
#pragma clang diagnostic ignored "-Wsign-compare"
#include <stb/stb_image.h>
#pragma clang diagnostic pop

namespace etch::detail {

namespace {

constexpr int64_t max_pixels = 100'000'000;
constexpr uint8_t png_magic[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

[[noreturn]] void fail(const std::string &name, const std::string &why) {
  throw IOError(name + ": " + why);
}

uint32_t big_endian(const uint8_t *p) {
  return uint32_t(p[0]) << 24 | uint32_t(p[1]) << 16 | uint32_t(p[2]) << 8 |
         p[3];
}

bool is_png(std::span<const uint8_t> file) {
  return file.size() >= 8 && std::memcmp(file.data(), png_magic, 8) == 0;
}

/// Every chunk whole and with the right sum, up to the last one.
void check_png(std::span<const uint8_t> file, const std::string &name) {
  for (size_t at = 8; at < file.size();) {
    if (file.size() - at < 12)
      break;
    const uint8_t *chunk = file.data() + at;
    size_t length = big_endian(chunk);
    if (length > file.size() - at - 12)
      break;
    if (crc32(crc32(0, chunk + 4, 4), chunk + 8, uInt(length)) !=
        big_endian(chunk + 8 + length))
      fail(name, "the PNG file is corrupt: a sum differs");
    if (std::memcmp(chunk + 4, "IEND", 4) == 0)
      return;
    at += 12 + length;
  }
  fail(name, "the PNG file is truncated");
}

/// The mark of the end, behind the last mark of a scan.
void check_jpeg(std::span<const uint8_t> file, const std::string &name) {
  for (size_t at = file.size(); at-- > 1;) {
    if (file[at - 1] != 0xff)
      continue;
    if (file[at] == 0xd9)
      return;
    if (file[at] == 0xda)
      break;
  }
  fail(name, "the JPEG file is truncated");
}

} // namespace

Pixels decode_image(std::span<const uint8_t> file, const std::string &name,
                    int channels) {
  bool png = is_png(file),
       jpeg = file.size() >= 3 && file[0] == 0xff && file[1] == 0xd8;
  if (!png && !jpeg)
    fail(name, "neither a PNG nor a JPEG file");
  if (file.size() > size_t(1) << 30)
    fail(name, "the file is larger than a gigabyte");
  if (png)
    check_png(file, name);
  else
    check_jpeg(file, name);
  const char *kind = png ? "PNG" : "JPEG";
  auto why = [&] {
    const char *reason = stbi_failure_reason();
    return std::string("the ") + kind +
           " file is corrupt or of a kind that is "
           "not supported" +
           (reason ? std::string(": ") + reason : "");
  };

  largest_block = 1 << 20;
  Pixels image;
  int stored = 0;
  if (!stbi_info_from_memory(file.data(), int(file.size()), &image.width,
                             &image.height, &stored))
    fail(name, why());
  if (int64_t(image.width) * image.height > max_pixels)
    fail(name, std::to_string(image.width) + " x " +
                   std::to_string(image.height) +
                   " pixels are more than 100 million");
  // Four channels of 16 bits, padded to whole blocks, in a buffer that doubles.
  largest_block +=
      size_t(image.width + 64) * size_t(image.height + 64) * 16 + file.size();
  uint8_t *pixels =
      stbi_load_from_memory(file.data(), int(file.size()), &image.width,
                            &image.height, &stored, channels);
  if (!pixels)
    fail(name, why());
  image.channels = channels ? channels : stored;
  image.bytes.assign(pixels, pixels + size_t(image.width) *
                                          size_t(image.height) *
                                          size_t(image.channels));
  stbi_image_free(pixels);
  return image;
}

namespace {

void append_u32(std::string &out, uint32_t v) {
  for (int shift = 24; shift >= 0; shift -= 8)
    out += char(v >> shift);
}

/// One chunk of a PNG file: length, type, data, CRC of the latter two.
void append_chunk(std::string &out, const char *type, const std::string &data) {
  append_u32(out, uint32_t(data.size()));
  std::string body = type + data;
  out += body;
  append_u32(out,
             uint32_t(crc32(0, reinterpret_cast<const Bytef *>(body.data()),
                            uInt(body.size()))));
}

} // namespace

std::string encode_png(int width, int height, int channels,
                       const uint8_t *bytes) {
  // Each row of 8-bit samples begins with the number of its filter: none.
  std::string raw;
  size_t row_bytes = size_t(width) * size_t(channels);
  raw.reserve((row_bytes + 1) * size_t(height));
  for (int y = 0; y < height; ++y) {
    raw += '\0';
    raw.append(reinterpret_cast<const char *>(bytes) + size_t(y) * row_bytes,
               row_bytes);
  }
  uLongf size = compressBound(uLong(raw.size()));
  std::string packed(size, '\0');
  compress2(reinterpret_cast<Bytef *>(packed.data()), &size,
            reinterpret_cast<const Bytef *>(raw.data()), uLong(raw.size()), 9);
  packed.resize(size);

  std::string header;
  append_u32(header, uint32_t(width));
  append_u32(header, uint32_t(height));
  header += char(8);
  header += char(channels == 1 ? 0 : channels == 3 ? 2 : 6);
  header += std::string(3, '\0');
  std::string png(reinterpret_cast<const char *>(png_magic), 8);
  append_chunk(png, "IHDR", header);
  append_chunk(png, "IDAT", packed);
  append_chunk(png, "IEND", "");
  return png;
}

void write_whole(const std::string &path, const std::string &content) {
  etch_atomic_file_t file;
  if (!etch_atomic_open(&file, path.c_str()))
    etch_atomic_write(&file, content.data(), content.size());
  if (etch_atomic_close(&file, 0))
    throw IOError(path + ": cannot be written: " + std::strerror(file.error));
}

} // namespace etch::detail
