//===- ImageTest.cpp - Pictures, good and bad -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/etch.h"
#include "frontend/io/ImageCodec.h"
#include "test/runtime/TemporaryFolder.h"
#include "test/support/Json.h"
#include "test/support/Near.h"

#include <gmock/gmock.h>
#include <zlib.h>

using namespace etch;
using test::Json;
using test::readBytes;
using test::TemporaryFolder;
using test::writeBytes;
using testing::HasSubstr;
using testing::ThrowsMessage;

namespace {

/// A (channels, 3, 5) image with different numbers everywhere.
Variable sample(int channels) {
  std::vector<int32_t> values(size_t(channels) * 15);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = int32_t(i * 53 % 256);
  return from_data(std::span<const int32_t>(values), {channels, 3, 5});
}

TEST(Image, PngRoundTrip) {
  TemporaryFolder folder;
  for (int channels : {1, 3, 4}) {
    Variable image = sample(channels);
    save_image(folder / "i.png", image);
    Variable back = load_image(folder / "i.png", {.channels = 0});
    EXPECT_EQ(back.shape(), image.shape());
    EXPECT_EQ(back.dtype(), i32);
    EXPECT_EQ(back.to_vector(), image.to_vector()) << channels;
  }
  EXPECT_EQ(load_image(folder / "i.png").shape(), (Shape{3, 3, 5}));
  save_image(folder / "i.png", sample(1));
  Variable rgb = load_image(folder / "i.png");
  EXPECT_EQ(rgb.shape(), (Shape{3, 3, 5}));
  EXPECT_EQ(rgb[2].to_vector(), sample(1).reshape(-1).to_vector());
  EXPECT_EQ(folder.count(), 1u);
  // Two axes are gray; floats are 0 to 1.
  save_image(folder / "g.png", array({{0.0, 0.5, 1.0, 7.0, -1.0}}));
  EXPECT_EQ(load_image(folder / "g.png", {.channels = 1}).to_vector<int32_t>(),
            (std::vector<int32_t>{0, 128, 255, 255, 0}));
}

TEST(Image, WhatCannotBeSaved) {
  TemporaryFolder folder;
  std::string path = folder / "i.png";
  EXPECT_THROW(save_image(path, zeros({2, 3, 3})), ShapeError);
  EXPECT_THROW(save_image(path, zeros({3})), ShapeError);
  EXPECT_THROW(save_image(path, zeros({3, 0, 3})), ShapeError);
  EXPECT_THROW(save_image(path, full({1, 2, 2}, 256)), ValueError);
  EXPECT_THROW(save_image(folder / "no/i.png", zeros({1, 2, 2})), IOError);
  EXPECT_THROW(load_image(folder / "no.png"), IOError);
  EXPECT_THROW(load_image(path, {.channels = 5}), ValueError);
  EXPECT_EQ(folder.count(), 0u);
}

/// 2 x 2 pixels of one colour, quality low: what a JPEG encoder has written.
std::string jpeg() {
  std::string out;
  for (double byte : Json::data("datasets.json")["jpeg"]["bytes"].numbers())
    out += char(int(byte));
  return out;
}

TEST(Image, Jpeg) {
  TemporaryFolder folder;
  writeBytes(folder / "i.jpg", jpeg());
  Variable image = load_image(folder / "i.jpg");
  EXPECT_EQ(image.shape(), (Shape{3, 8, 16}));
  // The left half is red, the right one blue; JPEG is not exact.
  std::vector<int32_t> v = image.to_vector<int32_t>();
  auto at = [&](size_t c, size_t y, size_t x) {
    return v[(c * 8 + y) * 16 + x];
  };
  EXPECT_NEAR(at(0, 4, 1), 255, 8);
  EXPECT_NEAR(at(2, 4, 1), 0, 8);
  EXPECT_NEAR(at(0, 4, 14), 0, 8);
  EXPECT_NEAR(at(2, 4, 14), 255, 8);
}

TEST(Image, BrokenFilesAreRefused) {
  TemporaryFolder folder;
  save_image(folder / "i.png", sample(3));
  const std::string png = readBytes(folder / "i.png"), jpg = jpeg();
  auto refuses = [&](const std::string &file, const char *reason) {
    writeBytes(folder / "b", file);
    EXPECT_THAT([&] { load_image(folder / "b"); },
                ThrowsMessage<IOError>(
                    testing::AllOf(HasSubstr(folder / "b"), HasSubstr(reason))))
        << reason;
  };
  refuses("", "neither a PNG nor a JPEG");
  refuses("GIF89a and so on", "neither a PNG nor a JPEG");
  for (size_t n = 8; n < png.size(); ++n)
    refuses(png.substr(0, n), "truncated");
  for (size_t n = 3; n < jpg.size() - 1; n += 7)
    refuses(jpg.substr(0, n), "the JPEG file cannot be read");
  for (size_t i = 8; i < png.size(); i += 3) {
    std::string bad = png;
    bad[i] ^= 4;
    refuses(bad, "PNG");
  }
  // A header that promises more than anybody has.
  std::vector<uint8_t> one(3);
  std::string huge = detail::encode_png(1, 1, 3, one.data());
  auto with_size = [&](const char *extents) {
    std::string file = huge;
    file.replace(16, 8, extents, 8);
    uint32_t sum = uint32_t(
        crc32(0, reinterpret_cast<const Bytef *>(file.data()) + 12, 17));
    for (int i = 0; i < 4; ++i)
      file[size_t(29 + i)] = char(sum >> (24 - 8 * i));
    return file;
  };
  refuses(with_size("\0\x10\0\0\0\x10\0\0"), "");
  refuses(with_size("\0\0\x40\0\0\0\x40\0"), "more than 100 million");
  refuses(with_size("\xff\xff\xff\xff\xff\xff\xff\xff"), "");
  refuses(with_size("\0\0\0\0\0\0\0\0"), "");
  refuses(with_size("\0\0\0\x09\0\0\0\x09"),
          "Not enough image data"); // too few pixels
}

TEST(Image, ResizeIsLinear) {
  Variable x = array({{{0.0, 3.0, 6.0}}});
  EXPECT_EQ(resize_image(x, {1, 3}).to_vector(), x.to_vector());
  EXPECT_TRUE(test::near(resize_image(x, {1, 6}).to_vector(),
                         {0, .75, 2.25, 3.75, 5.25, 6}, 1e-12));
  EXPECT_TRUE(test::near(resize_image(x, {2, 1}).to_vector(), {3, 3}, 1e-12));
  // To a half: weights 1 3 3 1 over the pixels around, fewer at the border.
  Variable y = arange(8.0).reshape(1, 8, 1);
  EXPECT_TRUE(test::near(
      resize_image(y, {4, 1}).to_vector(),
      {(3 * 0 + 3 * 1 + 2) / 7.0, 2.5, 4.5, (5 + 3 * 6 + 3 * 7) / 7.0}, 1e-12));
  EXPECT_EQ(resize_image(x.astype(f32), 2).dtype(), f32);
  Variable ints = array({{{0, 3}}});
  EXPECT_EQ(resize_image(ints, {1, 4}).to_vector<int64_t>(),
            (std::vector<int64_t>{0, 1, 2, 3}));
  EXPECT_EQ(resize_image(ints, {1, 4}).dtype(), i64);
  EXPECT_THROW(resize_image(zeros({2, 2}), 2), ShapeError);
  EXPECT_THROW(resize_image(zeros({1, 2, 2}), 0), ShapeError);
  EXPECT_THROW(resize_image(zeros({1, 0, 2}), 2), ShapeError);
}

TEST(Image, ResizeAsAnIndependentProgram) {
  Json expected = Json::data("datasets.json")["resize"];
  Variable image = sample(1).astype(f64);
  EXPECT_TRUE(test::near(resize_image(image, {7, 4}).to_vector(),
                         expected["7x4"].numbers(), 1e-6));
  EXPECT_TRUE(test::near(resize_image(image, {2, 11}).to_vector(),
                         expected["2x11"].numbers(), 1e-6));
}

TEST(Image, C116_VggPreprocess) {
  Variable image = ones({3, 5, 7}) * array({10.0, 20.0, 30.0}).reshape(3, 1, 1);
  Variable x = vgg16_preprocess(image);
  EXPECT_EQ(x.shape(), (Shape{3, 224, 224}));
  EXPECT_EQ(x.dtype(), f32);
  std::vector<float> v = x.to_vector<float>();
  EXPECT_NEAR(v[0], 30 - 103.939, 1e-4); // blue first
  EXPECT_NEAR(v[224 * 224 + 5], 20 - 116.779, 1e-4);
  EXPECT_NEAR(v[3 * 224 * 224 - 1], 10 - 123.68, 1e-4);
  EXPECT_THROW(vgg16_preprocess(zeros({1, 5, 5})), ShapeError);
}

TEST(Transforms, C099_OnImages) {
  Variable image = sample(3);
  EXPECT_EQ(Resize(4)(image).shape(), (Shape{3, 4, 4}));
  EXPECT_EQ(Resize({2, 6})(image).shape(), (Shape{3, 2, 6}));
  Variable crop = CenterCrop({2, 2})(image);
  EXPECT_EQ(crop.shape(), (Shape{3, 2, 2}));
  // Rows 0 and 1 of 3, columns 1 and 2 of 5: the odd one goes at the end.
  EXPECT_EQ(crop[1].to_vector(),
            (image[{1, slice(0, 2), slice(1, 3)}].to_vector()));
  EXPECT_THROW(CenterCrop(4)(image), ShapeError);
  Variable floats = ToArray()(image);
  EXPECT_EQ(floats.dtype(), f32);
  EXPECT_EQ(floats.to_vector(), image.to_vector());
  EXPECT_EQ(ToArray{f64}(zeros({2, 2})).shape(), (Shape{1, 2, 2}));
  Variable flipped = RandomHorizontalFlip{1.0}(image);
  EXPECT_EQ(flipped.to_vector(),
            (image[{all, all, slice(-1, -6, -1)}].to_vector()));
  EXPECT_EQ(RandomHorizontalFlip{0.0}(image).to_vector(), image.to_vector());
  random::seed(0);
  int flips = 0;
  for (int i = 0; i < 100; ++i)
    flips += RandomHorizontalFlip()(image).to_vector() != image.to_vector();
  EXPECT_GT(flips, 30);
  EXPECT_LT(flips, 70);
  Variable n =
      Normalize{.mean = {1.0, 2.0, 3.0}, .std = {1.0, 2.0, 4.0}}(floats);
  EXPECT_EQ(n.dtype(), f32);
  EXPECT_EQ(n[2].to_vector()[0], (floats[2].to_vector()[0] - 3) / 4);
  EXPECT_EQ((Normalize{.mean = {1.0, 2.0, 3.0}, .std = 2}(image).dtype()), f64);
  EXPECT_THROW((Normalize{.mean = {1.0, 2.0}}(image)), ShapeError);
}

} // namespace
