//===- ImageCodec.cpp - PNG and JPEG files as bytes -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// libpng and libjpeg read. Both report errors by a long jump: between setjmp
// and the last call of the library stand no objects with destructors.
//===----------------------------------------------------------------------===//

#include "frontend/io/ImageCodec.h"

#include "etch/error.h"
#include "runtime/core/atomic_file.h"

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <png.h>
#include <zlib.h>

#include <jerror.h>
#include <jpeglib.h>

namespace etch::detail {

namespace {

constexpr int64_t max_pixels = 100'000'000;
constexpr uint8_t png_magic[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

/// What both readers share: the file, the image so far, and what went wrong.
struct Job {
  std::span<const uint8_t> file;
  size_t at = 0;
  uint32_t width = 0, height = 0;
  int channels = 0; ///< as stored; the pixels are red, green, blue, opacity
  uint8_t *pixels = nullptr;
  char message[JMSG_LENGTH_MAX + 64] = {};
  jmp_buf failed;

  ~Job() { std::free(pixels); }
  void explain(const char *text) {
    std::snprintf(message, sizeof message, "%s", text);
  }
  /// Room for the pixels; false: too many.
  bool allocate() {
    if (int64_t(width) * int64_t(height) > max_pixels) {
      std::snprintf(message, sizeof message,
                    "%u x %u pixels are more than 100 million", width, height);
      return false;
    }
    pixels =
        static_cast<uint8_t *>(std::malloc(size_t(width) * size_t(height) * 4));
    if (!pixels)
      explain("no memory for the pixels");
    return pixels != nullptr;
  }
  uint8_t *row(size_t y) { return pixels + y * size_t(width) * 4; }
};

void png_fail(png_structp png, png_const_charp text) {
  auto &job = *static_cast<Job *>(png_get_error_ptr(png));
  job.explain(text);
  std::longjmp(job.failed, 1);
}

void png_warn(png_structp, png_const_charp) {}

void png_take(png_structp png, png_bytep to, png_size_t bytes) {
  auto &job = *static_cast<Job *>(png_get_io_ptr(png));
  if (bytes > job.file.size() - job.at)
    png_error(png, "it is truncated");
  std::memcpy(to, job.file.data() + job.at, bytes);
  job.at += bytes;
}

/// True, or `job` says why not.
bool read_png(Job &job) {
  png_structp png =
      png_create_read_struct(PNG_LIBPNG_VER_STRING, &job, png_fail, png_warn);
  png_infop info = png ? png_create_info_struct(png) : nullptr;
  volatile bool good = false;
  if (info && !setjmp(job.failed)) {
    png_set_read_fn(png, &job, png_take);
    // Data of no chunk are kept, and no chunk may take much memory.
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, nullptr, 0);
    png_set_chunk_malloc_max(png, 1 << 24);
    png_read_info(png, info);
    job.width = png_get_image_width(png, info);
    job.height = png_get_image_height(png, info);
    int type = png_get_color_type(png, info);
    bool opacity =
        type & PNG_COLOR_MASK_ALPHA || png_get_valid(png, info, PNG_INFO_tRNS);
    job.channels = (type & PNG_COLOR_MASK_COLOR ? 3 : 1) + opacity;
    png_set_expand(png); // palettes, opacity, fewer than 8 bits
    png_set_strip_16(png);
    png_set_gray_to_rgb(png);
    png_set_add_alpha(png, 255, PNG_FILLER_AFTER);
    int passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);
    if (png_get_rowbytes(png, info) != size_t(job.width) * 4)
      png_error(png, "of a kind that is not supported");
    if (job.allocate()) {
      for (int pass = 0; pass < passes; ++pass)
        for (uint32_t y = 0; y < job.height; ++y)
          png_read_row(png, job.row(y), nullptr);
      png_read_end(png, nullptr);
      good = true;
    }
  }
  png_destroy_read_struct(&png, &info, nullptr);
  return good;
}

struct JpegErrors : jpeg_error_mgr {
  Job *job;
};

void jpeg_fail(j_common_ptr info) {
  Job &job = *static_cast<JpegErrors *>(info->err)->job;
  info->err->format_message(info, job.message);
  std::longjmp(job.failed, 1);
}

/// Warnings by which pixels are lost are errors.
void jpeg_message(j_common_ptr info, int level) {
  if (level >= 0)
    return;
  switch (info->err->msg_code) {
  case JWRN_JPEG_EOF:
  case JWRN_HIT_MARKER:
  case JWRN_HUFF_BAD_CODE:
  case JWRN_MUST_RESYNC:
    jpeg_fail(info);
  }
}

void jpeg_progress(j_common_ptr info) {
  // Small files can ask for thousands of passes over large images.
  if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number > 500) {
    Job &job = *static_cast<JpegErrors *>(info->err)->job;
    job.explain("more than 500 passes");
    std::longjmp(job.failed, 1);
  }
}

/// The row in place: from red, green, blue to four bytes a pixel.
void widen(uint8_t *row, size_t width) {
  for (size_t x = width; x-- > 0;) {
    uint8_t rgb[] = {row[3 * x], row[3 * x + 1], row[3 * x + 2], 255};
    std::memcpy(row + 4 * x, rgb, 4);
  }
}

bool read_jpeg(Job &job) {
  jpeg_decompress_struct jpeg{};
  JpegErrors errors;
  jpeg_progress_mgr progress{};
  jpeg.err = jpeg_std_error(&errors);
  errors.job = &job;
  errors.error_exit = jpeg_fail;
  errors.emit_message = jpeg_message;
  progress.progress_monitor = jpeg_progress;
  volatile bool good = false;
  if (!setjmp(job.failed)) {
    jpeg_create_decompress(&jpeg);
    jpeg.progress = &progress;
    jpeg_mem_src(&jpeg, job.file.data(), job.file.size());
    jpeg_read_header(&jpeg, TRUE);
    job.width = jpeg.image_width;
    job.height = jpeg.image_height;
    job.channels = jpeg.num_components == 1 ? 1 : 3;
    // Four inks come as they are; Adobe's programs store how much light they
    // leave.
    bool inks = jpeg.num_components == 4;
    int flip = jpeg.saw_Adobe_marker ? 0 : 255;
    jpeg.out_color_space = inks ? JCS_CMYK : JCS_RGB;
    jpeg.dct_method = JDCT_ISLOW;
    if (job.allocate()) {
      jpeg_start_decompress(&jpeg);
      while (jpeg.output_scanline < jpeg.output_height) {
        uint8_t *row = job.row(jpeg.output_scanline);
        jpeg_read_scanlines(&jpeg, &row, 1);
        if (!inks) {
          widen(row, job.width);
          continue;
        }
        for (size_t x = 0; x < job.width; ++x, row += 4) {
          for (int c = 0; c < 3; ++c)
            row[c] = uint8_t(((row[c] ^ flip) * (row[3] ^ flip) + 127) / 255);
          row[3] = 255;
        }
      }
      jpeg_finish_decompress(&jpeg);
      good = true;
    }
  }
  jpeg_destroy_decompress(&jpeg);
  return good;
}

} // namespace

Pixels decode_image(std::span<const uint8_t> file, const std::string &name,
                    int channels) {
  bool png = file.size() >= 8 && std::memcmp(file.data(), png_magic, 8) == 0,
       jpeg = file.size() >= 3 && file[0] == 0xff && file[1] == 0xd8;
  if (!png && !jpeg)
    throw IOError(name + ": neither a PNG nor a JPEG file");
  auto job = std::make_unique<Job>();
  job->file = file;
  if (!(png ? read_png(*job) : read_jpeg(*job)))
    throw IOError(name + ": the " + (png ? "PNG" : "JPEG") +
                  " file cannot be read: " + job->message);
  Pixels image;
  image.width = int(job->width);
  image.height = int(job->height);
  image.channels = channels ? channels : job->channels;
  size_t count = size_t(image.channels),
         pixels = size_t(job->width) * size_t(job->height);
  image.bytes.resize(pixels * count);
  for (size_t i = 0; i < pixels; ++i) {
    const uint8_t *from = job->pixels + 4 * i;
    uint8_t *to = image.bytes.data() + count * i;
    if (count >= 3) {
      std::memcpy(to, from, count);
      continue;
    }
    // The brightness that television gives the colours.
    bool gray = from[0] == from[1] && from[1] == from[2];
    to[0] =
        gray ? from[0]
             : uint8_t((299 * from[0] + 587 * from[1] + 114 * from[2] + 500) /
                       1000);
    if (count == 2)
      to[1] = from[3];
  }
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
