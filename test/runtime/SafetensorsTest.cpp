//===- SafetensorsTest.cpp - .safetensors files, good and bad -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/safetensors.h"
#include "test/runtime/Arrays.h"
#include "test/runtime/TemporaryFolder.h"

#include <cmath>
#include <csignal>
#include <cstring>
#include <gmock/gmock.h>
#include <random>
#include <sys/resource.h>

using namespace etch::io;
using etch::test::arrayOf;
using etch::test::bytesOf;
using etch::test::readBytes;
using etch::test::TemporaryFolder;
using etch::test::valuesOf;
using etch::test::writeBytes;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

/// A file put together by hand.
std::string fileOf(const std::string &header, const std::string &data = "") {
  std::string start;
  for (size_t i = 0; i < 8; ++i)
    start += char(header.size() >> (8 * i));
  return start + header + data;
}

struct Safetensors : testing::Test {
  TemporaryFolder folder;
  std::string path = folder / "a.safetensors";
  Arrays out;

  /// What reading this file says; "" when it succeeds.
  std::string reading(const std::string &bytes) {
    writeBytes(path, bytes);
    Error e = readSafetensors(path, out);
    if (e) {
      EXPECT_EQ(e.code, ETCH_ERROR_FORMAT) << e.message;
      EXPECT_THAT(e.message, HasSubstr(path));
      return e.message;
    }
    return "";
  }
  std::string readingHeader(const std::string &header,
                            const std::string &data = "") {
    return reading(fileOf(header, data));
  }
};

TEST_F(Safetensors, WritesTheBytesOfTheFormat) {
  Error e = writeSafetensors(
      path, {{"b", arrayOf<float>(ETCH_F32, {2}, {1, -2})},
             {"a\"\\\n/é", arrayOf<int64_t>(ETCH_I64, {}, {7})}});
  ASSERT_FALSE(e) << e.message;
  std::string header =
      "{\"a\\\"\\\\\\u000a/é\":{\"dtype\":\"I64\",\"shape\":[],"
      "\"data_offsets\":[0,8]},\"b\":{\"dtype\":\"F32\",\"shape\":[2],"
      "\"data_offsets\":[8,16]}}";
  header.append((8 - header.size() % 8) % 8, ' ');
  EXPECT_EQ(readBytes(path),
            fileOf(header, bytesOf<int64_t>({7}) + bytesOf<float>({1, -2})));
}

TEST_F(Safetensors, RoundTrip) {
  Arrays arrays = {
      {"bool", arrayOf<char>(ETCH_BOOL, {3}, {1, 0, 1})},
      {"i32", arrayOf<int32_t>(ETCH_I32, {2, 1}, {-5, 1 << 30})},
      {"i64", arrayOf<int64_t>(ETCH_I64, {1}, {INT64_MIN})},
      {"f32", arrayOf<float>(ETCH_F32, {2, 2}, {1, NAN, -0.f, INFINITY})},
      {"f64", arrayOf<double>(ETCH_F64, {}, {0.1})},
      {"none", arrayOf<double>(ETCH_F64, {0, 3}, {})},
      {"l1/W", arrayOf<float>(ETCH_F32, {1}, {3})}};
  ASSERT_FALSE(writeSafetensors(path, arrays));
  ASSERT_FALSE(readSafetensors(path, out));
  ASSERT_EQ(out.size(), arrays.size());
  for (const auto &[name, array] : arrays) {
    bool found = false;
    for (const auto &[other, back] : out)
      if (other == name) {
        found = true;
        EXPECT_EQ(back.dtype, array.dtype) << name;
        EXPECT_EQ(back.extents, array.extents) << name;
        EXPECT_EQ(back.bytes(), array.bytes());
        if (array.bytes()) {
          EXPECT_EQ(memcmp(back.data.get(), array.data.get(), array.bytes()), 0)
              << name;
        }
      }
    EXPECT_TRUE(found) << name;
  }
  // Equal arrays, equal files, in whatever order.
  std::string first = readBytes(path);
  std::reverse(arrays.begin(), arrays.end());
  ASSERT_FALSE(writeSafetensors(path, arrays));
  EXPECT_EQ(readBytes(path), first);
  // Nothing at all is a file, too.
  ASSERT_FALSE(writeSafetensors(path, {}));
  ASSERT_FALSE(readSafetensors(path, out));
  EXPECT_TRUE(out.empty());
}

TEST_F(Safetensors, HeadersOfOthers) {
  EXPECT_EQ(readingHeader(
                "{\"__metadata__\":{\"format\":\"pt\", \"\\u00e9\":\"\"} ,\n"
                " \"x\\u0041\\ud83d\\ude00\" : { \"data_offsets\" : [ 0, 8 ],"
                "\"shape\":[1, 2],\"dtype\":\"F32\"}}   ",
                bytesOf<float>({1, 2})),
            "");
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].first, "xA\xf0\x9f\x98\x80");
  EXPECT_THAT(out[0].second.extents, ElementsAre(1, 2));
}

TEST_F(Safetensors, NarrowFloatsBecomeWide) {
  std::vector<uint16_t> half = {0x3c00, 0xc000, 0x0001, 0x03ff, 0x0400,
                                0x7bff, 0x8000, 0x7c00, 0x7e00};
  EXPECT_EQ(readingHeader(
                "{\"h\":{\"dtype\":\"F16\",\"shape\":[9],\"data_offsets\":[0,"
                "18]}}",
                bytesOf(half)),
            "");
  std::vector<float> h = valuesOf<float>(out[0].second);
  EXPECT_EQ(out[0].second.dtype, ETCH_F32);
  EXPECT_THAT(std::vector<float>(h.begin(), h.begin() + 6),
              ElementsAre(1.f, -2.f, std::ldexp(1.f, -24),
                          std::ldexp(1023.f, -24), std::ldexp(1.f, -14),
                          65504.f));
  EXPECT_TRUE(h[6] == 0 && std::signbit(h[6]));
  EXPECT_EQ(h[7], INFINITY);
  EXPECT_TRUE(std::isnan(h[8]));
  EXPECT_EQ(readingHeader(
                "{\"b\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[0,"
                "4]}}",
                bytesOf<uint16_t>({0x3f80, 0xc040})),
            "");
  EXPECT_THAT(valuesOf<float>(out[0].second), ElementsAre(1.f, -3.f));
}

TEST_F(Safetensors, OtherTypesAreNamed) {
  EXPECT_THAT(readingHeader("{\"x\":{\"dtype\":\"F8_E4M3\",\"shape\":[1],"
                            "\"data_offsets\":[0,1]}}",
                            "a"),
              testing::AllOf(HasSubstr("F8_E4M3"), HasSubstr("'x'")));
}

TEST_F(Safetensors, FilesThatAreNone) {
  EXPECT_THAT(reading(""), HasSubstr("too short"));
  EXPECT_THAT(reading("abc"), HasSubstr("too short"));
  EXPECT_THAT(reading(std::string(8, '\xff')), HasSubstr("a header of"));
  EXPECT_THAT(reading(std::string("\0\0\0\0\1\0\0\0", 8)),
              HasSubstr("a header of 4294967296 bytes"));
  EXPECT_THAT(reading(std::string("\x40\0\0\0\0\0\0\0{}", 10)),
              HasSubstr("truncated"));
  // 100 000 001 bytes are too many even where they exist.
  EXPECT_THAT(reading(std::string("\x01\xe1\xf5\x05\0\0\0\0", 8) + "{}"),
              HasSubstr("a header of 100000001 bytes"));
  EXPECT_EQ(readSafetensors(folder / "none", out).code, ETCH_ERROR_IO);
  EXPECT_EQ(readSafetensors(folder.path(), out).code, ETCH_ERROR_IO);
}

TEST_F(Safetensors, HeadersThatAreNone) {
  for (const char *header :
       {"",
        " {}",
        "[]",
        "{",
        "{}x",
        "{\"a\"}",
        "{\"a\":1}",
        "{\"a\":{}}",
        "{\"a\":{\"dtype\":\"F32\"}}",
        "{,}",
        "{\"a\":{},}",
        "nul",
        "{\"a",
        "{\"a\\",
        "{\"a\\u12",
        "{\"\\ud800\":{}}",
        "{\"\\ude00\":{}}",
        "{\"\\ud800\\u0041\":{}}",
        "{\"\\x\":{}}",
        "{\"\x01\":{}}",
        "{\"__metadata__\":1}",
        "{\"__metadata__\":{\"a\":1}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,0]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[01],\"data_offsets\":[0,4]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,8]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],"
        "\"more\":1}}",
        "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],"
        "\"data_offsets\":[0,4]}}"})
    EXPECT_THAT(readingHeader(header, "abcd"), HasSubstr("header")) << header;
  EXPECT_THAT(readingHeader("{\"\xff\":{}}"), HasSubstr("UTF-8"));
  EXPECT_THAT(readingHeader("{\"\xed\xa0\x80\":{}}"), HasSubstr("UTF-8"));
  EXPECT_THAT(readingHeader("{\"\xc0\x80\":{}}"), HasSubstr("UTF-8"));
  std::string entry =
      "\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}";
  EXPECT_THAT(readingHeader("{" + entry + "," + entry + "}", "abcd"),
              HasSubstr("'a' twice"));
}

TEST_F(Safetensors, ShapesAndOffsetsThatDoNotFit) {
  auto entry = [](const char *name, const char *shape, const char *offsets) {
    return std::string("\"") + name + "\":{\"dtype\":\"F32\",\"shape\":[" +
           shape + "],\"data_offsets\":[" + offsets + "]}";
  };
  auto one = [&](const char *shape, const char *offsets) {
    return readingHeader("{" + entry("a", shape, offsets) + "}",
                         std::string(8, 'x'));
  };
  EXPECT_EQ(one("2", "0,8"), "");
  EXPECT_THAT(one("3", "0,8"), HasSubstr("its shape asks for 12"));
  EXPECT_THAT(one("1", "0,8"), HasSubstr("its shape asks for 4"));
  EXPECT_THAT(one("2", "0,4"), HasSubstr("belong to no array"));
  EXPECT_THAT(one("1", "4,8"), HasSubstr("gap"));
  EXPECT_THAT(one("2", "8,0"), HasSubstr("ends before"));
  EXPECT_THAT(one("4", "0,16"), HasSubstr("truncated"));
  EXPECT_THAT(one("2", "0,18446744073709551615"), HasSubstr("truncated"));
  EXPECT_THAT(one("2", "0,18446744073709551616"), HasSubstr("too large"));
  EXPECT_THAT(one("9223372036854775808", "0,8"), HasSubstr("too large"));
  // Products that wrap around to what is there.
  EXPECT_THAT(one("4611686018427387904,4,2", "0,8"), HasSubstr("too large"));
  EXPECT_THAT(one("2,9223372036854775807", "0,8"), HasSubstr("too large"));
  EXPECT_THAT(one("0,4611686018427387904,4", "0,8"), HasSubstr("too large"));
  std::string axes;
  for (int i = 0; i < 33; ++i)
    axes += i ? ",1" : "1";
  EXPECT_THAT(one(axes.c_str(), "0,8"), HasSubstr("too long"));
  EXPECT_THAT(readingHeader("{" + entry("a", "2", "0,8") + "," +
                                entry("b", "1", "4,8") + "}",
                            std::string(8, 'x')),
              HasSubstr("'b' overlaps"));
  EXPECT_EQ(readingHeader("{" + entry("a", "2", "0,8") + "," +
                              entry("b", "0", "8,8") + "," +
                              entry("c", "0,5", "0,0") + "}",
                          std::string(8, 'x')),
            "");
}

TEST_F(Safetensors, EveryDamageIsAnErrorOrAnArray) {
  ASSERT_FALSE(writeSafetensors(
      path, {{"weights", arrayOf<float>(ETCH_F32, {2, 3}, {1, 2, 3, 4, 5, 6})},
             {"bias", arrayOf<double>(ETCH_F64, {2}, {1, 2})}}));
  const std::string good = readBytes(path);
  for (size_t n = 0; n < good.size(); ++n)
    EXPECT_NE(reading(good.substr(0, n)), "") << n;
  EXPECT_NE(reading(good + "x"), "");
  std::mt19937 random(1);
  for (int i = 0; i < 5000; ++i) {
    std::string bad = good;
    for (int k = 0; k < 3; ++k)
      bad[random() % bad.size()] = char(random());
    reading(bad); // must end, within the file
  }
}

TEST_F(Safetensors, WhatIsNotWritten) {
  Array x = arrayOf<float>(ETCH_F32, {1}, {1});
  EXPECT_EQ(writeSafetensors(path, {{"", x}}).code, ETCH_ERROR_ARGUMENT);
  EXPECT_EQ(writeSafetensors(path, {{"__metadata__", x}}).code,
            ETCH_ERROR_ARGUMENT);
  EXPECT_EQ(writeSafetensors(path, {{"\xff", x}}).code, ETCH_ERROR_ARGUMENT);
  EXPECT_EQ(writeSafetensors(path, {{"a", x}, {"a", x}}).code,
            ETCH_ERROR_ARGUMENT);
  EXPECT_EQ(writeSafetensors(folder / "no/such.safetensors", {{"a", x}}).code,
            ETCH_ERROR_IO);
  EXPECT_EQ(folder.count(), 0u);
}

TEST_F(Safetensors, C124_AFailureLeavesTheOldFile) {
  ASSERT_FALSE(
      writeSafetensors(path, {{"a", arrayOf<float>(ETCH_F32, {1}, {1})}}));
  std::string before = readBytes(path);
  Array large = Array::make(ETCH_F32, {1 << 18});
  memset(large.data.get(), 0, large.bytes());
  signal(SIGXFSZ, SIG_IGN);
  rlimit old{}, tight{};
  getrlimit(RLIMIT_FSIZE, &old);
  tight = {100000, old.rlim_max};
  setrlimit(RLIMIT_FSIZE, &tight);
  EXPECT_EQ(writeSafetensors(path, {{"a", large}}).code, ETCH_ERROR_IO);
  setrlimit(RLIMIT_FSIZE, &old);
  EXPECT_EQ(readBytes(path), before);
  EXPECT_EQ(folder.count(), 1u);
}

} // namespace
