//===- CanvasTest.cpp - Small pictures ------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/etch.h"
#include "etch/plot.h"
#include "test/runtime/TemporaryFolder.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <zlib.h>

using namespace etch;
using test::TemporaryFolder;

namespace {

uint32_t number(const std::string &bytes, size_t at) {
  uint32_t v = 0;
  for (size_t i = 0; i < 4; ++i)
    v = v << 8 | uint8_t(bytes[at + i]);
  return v;
}

TEST(Canvas, PngHoldsThePixels) {
  TemporaryFolder folder;
  Canvas canvas(5, 3);
  canvas.set(4, 2, {1, 2, 3});
  canvas.save(folder / "c.png");
  EXPECT_EQ(folder.count(), 1u);
  std::string png = test::readBytes(folder / "c.png");
  ASSERT_EQ(png.substr(0, 8), "\x89PNG\r\n\x1a\n");
  std::string data;
  for (size_t at = 8; at < png.size();) {
    uint32_t size = number(png, at);
    std::string body = png.substr(at + 4, size + 4);
    EXPECT_EQ(number(png, at + 8 + size),
              crc32(0, reinterpret_cast<const Bytef *>(body.data()),
                    uInt(body.size())));
    if (body.substr(0, 4) == "IHDR") {
      EXPECT_EQ(number(body, 4), 5u);
      EXPECT_EQ(number(body, 8), 3u);
    }
    if (body.substr(0, 4) == "IDAT")
      data += body.substr(4);
    at += 12 + size;
  }
  std::string raw(3 * 16, 0);
  uLongf size = uLongf(raw.size());
  ASSERT_EQ(uncompress(reinterpret_cast<Bytef *>(raw.data()), &size,
                       reinterpret_cast<const Bytef *>(data.data()),
                       uLong(data.size())),
            Z_OK);
  EXPECT_EQ(size, raw.size());
  EXPECT_EQ(raw.substr(0, 4), std::string("\0\xff\xff\xff", 4));
  EXPECT_EQ(raw.substr(45), "\1\2\3");
}

TEST(Canvas, WhatIsOutsideIsCutOff) {
  Canvas canvas(10, 10);
  canvas.line(-5, -5, 20, 20);
  canvas.rectangle(8, 8, 100, 100, {9, 9, 9});
  canvas.text(-3, 5, "clipped text that is too long");
  canvas.image(7, 7, full({4, 4}, 0.5), 3);
  EXPECT_EQ(canvas.at(3, 3).red, 0);
  EXPECT_EQ(canvas.at(9, 9).red, 128);
  EXPECT_EQ(canvas.at(100, 0).red, 0);
}

TEST(Canvas, CurvesSurviveOddValues) {
  Canvas canvas(200, 100);
  canvas.curves(0, 0, 200, 100, {{1, NAN, INFINITY, 2}, {}, {3}}, "loss");
  canvas.curves(0, 0, 200, 100, {});
  canvas.curves(0, 0, 200, 100, {{5, 5, 5}});
  bool drawn = false;
  for (int x = 60; x < 200; ++x)
    for (int y = 16; y < 80; ++y)
      drawn |= canvas.at(x, y).red != 255;
  EXPECT_TRUE(drawn);
}

TEST(Canvas, RefusesWhatHasNoMeaning) {
  TemporaryFolder folder;
  EXPECT_THROW(Canvas(0, 5), ValueError);
  EXPECT_THROW(Canvas(1 << 20, 1 << 20), ValueError);
  EXPECT_THROW(Canvas(5, 5).image(0, 0, zeros({3}), 1), ShapeError);
  EXPECT_THROW(Canvas(5, 5).save(folder / "no/folder.png"), IOError);
  EXPECT_EQ(folder.count(), 0u);
}

} // namespace
