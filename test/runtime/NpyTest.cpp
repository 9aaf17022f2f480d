//===- NpyTest.cpp - NumPy's files, good and bad --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/npy.h"
#include "test/runtime/Arrays.h"
#include "test/runtime/TemporaryFolder.h"

#include <csignal>
#include <cstring>
#include <gmock/gmock.h>
#include <random>
#include <sys/resource.h>
#include <sys/wait.h>
#include <zlib.h>

using namespace etch::io;
using etch::test::arrayOf;
using etch::test::bytesOf;
using etch::test::readBytes;
using etch::test::TemporaryFolder;
using etch::test::valuesOf;
using etch::test::writeBytes;
using testing::HasSubstr;

namespace {

/// A .npy file as NumPy writes it, put together by hand.
std::string npyFile(const std::string &dictionary, const std::string &data) {
  std::string text = dictionary;
  text.append((64 - (10 + text.size() + 1) % 64) % 64, ' ');
  text += '\n';
  return std::string("\x93NUMPY\1\0", 8) + char(text.size() & 255) +
         char(text.size() >> 8) + text + data;
}

std::string fileOf(const std::string &descr, const std::string &shape,
                   const std::string &data, const char *fortran = "False") {
  return npyFile("{'descr': '" + descr + "', 'fortran_order': " + fortran +
                     ", 'shape': " + shape + ", }",
                 data);
}

TEST(Npy, WritesTheBytesThatNumPyWrites) {
  TemporaryFolder folder;
  Array array = arrayOf<double>(ETCH_F64, {3}, {1, 2, 3});
  ASSERT_FALSE(writeNpy(folder / "a.npy", array));
  EXPECT_EQ(readBytes(folder / "a.npy"),
            fileOf("<f8", "(3,)", bytesOf<double>({1, 2, 3})));
}

TEST(Npy, RoundTripsEveryTypeAndRank) {
  TemporaryFolder folder;
  auto check = [&](const Array &array) {
    ASSERT_FALSE(writeNpy(folder / "a.npy", array));
    Array back;
    Error e = readNpy(folder / "a.npy", back);
    ASSERT_FALSE(e) << e.message;
    EXPECT_EQ(back.dtype, array.dtype);
    EXPECT_EQ(back.extents, array.extents);
    EXPECT_EQ(memcmp(back.data.get(), array.data.get(), array.bytes()), 0);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(back.data.get()) % 64, 0u);
  };
  check(arrayOf<float>(ETCH_F32, {}, {2.5f}));
  check(arrayOf<float>(ETCH_F32, {0, 3}, {}));
  check(arrayOf<double>(ETCH_F64, {1, 2, 1}, {-0.0, 1e300}));
  check(arrayOf<int32_t>(ETCH_I32, {2, 2}, {1, -2, 3, INT32_MIN}));
  check(arrayOf<int64_t>(ETCH_I64, {1}, {INT64_MAX}));
  check(arrayOf<uint8_t>(ETCH_BOOL, {3}, {0, 1, 1}));
}

TEST(Npy, FortranOrderBecomesRowMajor) {
  TemporaryFolder folder;
  // [[1, 2, 3], [4, 5, 6]] by columns.
  writeBytes(
      folder / "a.npy",
      fileOf("<i4", "(2, 3)", bytesOf<int32_t>({1, 4, 2, 5, 3, 6}), "True"));
  Array array;
  Error e = readNpy(folder / "a.npy", array);
  ASSERT_FALSE(e) << e.message;
  EXPECT_EQ(valuesOf<int32_t>(array), (std::vector<int32_t>{1, 2, 3, 4, 5, 6}));
}

TEST(Npy, NamesWhatItDoesNotSupport) {
  TemporaryFolder folder;
  auto message = [&](const std::string &bytes) {
    writeBytes(folder / "a.npy", bytes);
    Array array;
    Error e = readNpy(folder / "a.npy", array);
    EXPECT_TRUE(e);
    EXPECT_THAT(e.message, HasSubstr(folder / "a.npy"));
    return e.message;
  };
  std::string eight(8, '\0');
  EXPECT_THAT(message(fileOf("|u1", "(8,)", eight)), HasSubstr("uint8"));
  EXPECT_THAT(message(fileOf("|i1", "(8,)", eight)), HasSubstr("int8"));
  EXPECT_THAT(message(fileOf("<f2", "(4,)", eight)), HasSubstr("float16"));
  EXPECT_THAT(message(fileOf("<c8", "(1,)", eight)), HasSubstr("complex64"));
  EXPECT_THAT(message(fileOf("|O", "(1,)", eight)), HasSubstr("|O"));
  EXPECT_THAT(message(fileOf("<U2", "(1,)", eight)), HasSubstr("string"));
  EXPECT_THAT(message(fileOf(">f8", "(1,)", eight)), HasSubstr("big-endian"));
  EXPECT_THAT(message(npyFile("{'descr': [('a', '<f8')], 'fortran_order': "
                              "False, 'shape': (1,), }",
                              eight)),
              HasSubstr("structured"));
}

TEST(Npy, EveryTruncationIsAnError) {
  TemporaryFolder folder;
  std::string whole = fileOf("<f4", "(2, 2)", bytesOf<float>({1, 2, 3, 4}));
  for (size_t n = 0; n < whole.size(); ++n) {
    writeBytes(folder / "a.npy", whole.substr(0, n));
    Array array;
    EXPECT_TRUE(readNpy(folder / "a.npy", array)) << n;
  }
}

TEST(Npy, LyingHeadersAreErrors) {
  TemporaryFolder folder;
  for (const char *shape :
       {"(4611686018427387904, 4)", "(99999999999999999999,)", "(-1,)", "(1",
        "(3,)", "1", "(1,,2)",
        "(1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,"
        "1)"}) {
    writeBytes(folder / "a.npy", fileOf("<f8", shape, "12345678"));
    Array array;
    EXPECT_TRUE(readNpy(folder / "a.npy", array)) << shape;
  }
  // An extent of 0 excuses nothing.
  for (const char *shape : {"(0, 4611686018427387904, 4611686018427387904)",
                            "(4611686018427387904, 4611686018427387904, 0)"}) {
    writeBytes(folder / "a.npy", fileOf("<f8", shape, ""));
    Array array;
    EXPECT_THAT(readNpy(folder / "a.npy", array).message,
                HasSubstr("a.npy': the shape is too large"));
  }
  writeBytes(folder / "a.npy", npyFile("{'descr': '<f8'}", "12345678"));
  Array array;
  EXPECT_TRUE(readNpy(folder / "a.npy", array));
}

TEST(Npy, MissingFileFolderAndFullDisk) {
  TemporaryFolder folder;
  Array array;
  EXPECT_EQ(readNpy(folder / "none.npy", array).code, ETCH_ERROR_IO);
  EXPECT_EQ(readNpy(folder.path(), array).code, ETCH_ERROR_IO);
  array = arrayOf<float>(ETCH_F32, {1}, {1});
  EXPECT_EQ(writeNpy(folder / "no/such/a.npy", array).code, ETCH_ERROR_IO);
  Error e = writeNpy("/dev/full", array);
  EXPECT_EQ(e.code, ETCH_ERROR_IO);
  EXPECT_THAT(e.message, HasSubstr("No space left"));
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/full"));
}

Arrays someArrays() {
  return {{"l1/W", arrayOf<float>(ETCH_F32, {2, 3}, {1, 2, 3, 4, 5, 6})},
          {"t", arrayOf<int64_t>(ETCH_I64, {}, {7})},
          {"empty", arrayOf<double>(ETCH_F64, {0}, {})},
          {"big", Array::make(ETCH_F64, {40, 10})}};
}

void expectSame(const Arrays &a, const Arrays &b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].first, b[i].first);
    EXPECT_EQ(a[i].second.dtype, b[i].second.dtype);
    EXPECT_EQ(a[i].second.extents, b[i].second.extents);
    EXPECT_EQ(memcmp(a[i].second.data.get(), b[i].second.data.get(),
                     a[i].second.bytes()),
              0);
  }
}

TEST(Npz, RoundTripsStoredAndDeflated) {
  TemporaryFolder folder;
  Arrays arrays = someArrays(), back;
  memset(arrays[3].second.data.get(), 1, arrays[3].second.bytes());
  for (bool compress : {false, true}) {
    ASSERT_FALSE(writeNpz(folder / "a.npz", arrays, compress));
    Error e = readNpz(folder / "a.npz", back);
    ASSERT_FALSE(e) << e.message;
    expectSame(arrays, back);
  }
  EXPECT_EQ(folder.count(), 1u) << "no temporary file is left";
}

TEST(Npz, EmptyArchive) {
  TemporaryFolder folder;
  Arrays back = someArrays();
  ASSERT_FALSE(writeNpz(folder / "a.npz", {}));
  ASSERT_FALSE(readNpz(folder / "a.npz", back));
  EXPECT_TRUE(back.empty());
}

TEST(Npz, EveryTruncationIsAnError) {
  TemporaryFolder folder;
  Arrays arrays = someArrays(), back;
  arrays.pop_back();
  for (bool compress : {false, true}) {
    ASSERT_FALSE(writeNpz(folder / "a.npz", arrays, compress));
    std::string whole = readBytes(folder / "a.npz");
    for (size_t n = 0; n < whole.size(); ++n) {
      writeBytes(folder / "b.npz", whole.substr(0, n));
      EXPECT_TRUE(readNpz(folder / "b.npz", back)) << n;
    }
  }
}

TEST(Npz, FlippedDataNeverPassesAsGood) {
  TemporaryFolder folder;
  Arrays arrays = someArrays(), back;
  memset(arrays[3].second.data.get(), 0, arrays[3].second.bytes());
  std::mt19937 random(1);
  for (bool compress : {false, true}) {
    ASSERT_FALSE(writeNpz(folder / "a.npz", arrays, compress));
    std::string whole = readBytes(folder / "a.npz");
    for (int n = 0; n < 1000; ++n) {
      std::string bad = whole;
      bad[random() % bad.size()] ^= char(1 << random() % 8);
      writeBytes(folder / "b.npz", bad);
      // Dates and names are under no sum; values must be.
      if (!readNpz(folder / "b.npz", back) && back.size() == arrays.size())
        for (size_t i = 0; i < back.size(); ++i) {
          ASSERT_EQ(back[i].second.extents, arrays[i].second.extents);
          ASSERT_EQ(memcmp(back[i].second.data.get(),
                           arrays[i].second.data.get(), back[i].second.bytes()),
                    0);
        }
    }
  }
}

TEST(Npz, DuplicatesAndForeignFiles) {
  TemporaryFolder folder;
  Array a = arrayOf<float>(ETCH_F32, {1}, {1});
  EXPECT_EQ(writeNpz(folder / "a.npz", {{"x", a}, {"x", a}}).code,
            ETCH_ERROR_ARGUMENT);
  EXPECT_EQ(writeNpz(folder / "a.npz", {{"", a}}).code, ETCH_ERROR_ARGUMENT);
  EXPECT_EQ(folder.count(), 0u);
  writeBytes(folder / "b.npz", std::string(1000, 'x'));
  Arrays back;
  Error e = readNpz(folder / "b.npz", back);
  EXPECT_EQ(e.code, ETCH_ERROR_FORMAT);
  EXPECT_THAT(e.message, HasSubstr("not a .npz file"));
}

TEST(Npz, FailureLeavesTheOldFile) {
  TemporaryFolder folder;
  Arrays small = {{"x", arrayOf<float>(ETCH_F32, {1}, {1})}}, back;
  ASSERT_FALSE(writeNpz(folder / "a.npz", small));
  // A file-size limit stands in for a full disk.
  rlimit old;
  getrlimit(RLIMIT_FSIZE, &old);
  auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit = {4096, old.rlim_max};
  setrlimit(RLIMIT_FSIZE, &limit);
  Error e = writeNpz(folder / "a.npz", someArrays());
  setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(e.code, ETCH_ERROR_IO);
  EXPECT_EQ(folder.count(), 1u);
  ASSERT_FALSE(readNpz(folder / "a.npz", back));
  expectSame(small, back);
}

/// The number of `bytes` bytes at a place of a zip archive.
uint64_t numberAt(const std::string &file, size_t at, int bytes) {
  uint64_t value = 0;
  while (bytes--)
    value = value << 8 | uint8_t(file[at + size_t(bytes)]);
  return value;
}
void setNumber(std::string &file, size_t at, int bytes, uint64_t value) {
  for (int i = 0; i < bytes; ++i)
    file[at + size_t(i)] = char(value >> 8 * i);
}

TEST(Npz, Bombs) {
  TemporaryFolder folder;
  Array zeros = Array::make(ETCH_F64, {1 << 17});
  memset(zeros.data.get(), 0, zeros.bytes());
  ASSERT_FALSE(writeNpz(folder / "a.npz", {{"a", zeros}}, true));
  std::string whole = readBytes(folder / "a.npz");
  size_t entry = whole.find("PK\1\2"), end = whole.find("PK\5\6");
  auto message = [&](const std::string &file) {
    writeBytes(folder / "b.npz", file);
    Arrays back;
    Error e = readNpz(folder / "b.npz", back);
    EXPECT_TRUE(e);
    EXPECT_THAT(e.message, HasSubstr(folder / "b.npz"));
    return e.message;
  };
  // Many names of the same data.
  std::string shared = whole.substr(0, entry);
  for (char c : std::string("abcdefghijklmnopqrstuvwxyz")) {
    std::string copy = whole.substr(entry, end - entry);
    copy[46] = c;
    shared += copy;
  }
  std::string tail = whole.substr(end);
  setNumber(tail, 8, 2, 26);
  setNumber(tail, 10, 2, 26);
  setNumber(tail, 12, 4, shared.size() - entry);
  EXPECT_THAT(message(shared + tail), HasSubstr("overlap"));
  // A size that cannot have been packed like that; one that is too small.
  std::string lie = whole;
  setNumber(lie, entry + 24, 4, 0xfffffff0);
  EXPECT_THAT(message(lie), HasSubstr("contradict"));
  lie = whole;
  setNumber(lie, entry + 24, 4, numberAt(whole, entry + 24, 4) - 8);
  EXPECT_THAT(message(lie), HasSubstr("truncated"));
  // The directory's length, offset and count beyond the file.
  for (size_t field : {12, 16}) {
    lie = whole;
    setNumber(lie, end + field, 4, 0x7fffffff);
    EXPECT_THAT(message(lie), HasSubstr("outside the file"));
  }
  lie = whole;
  setNumber(lie, end + 10, 2, 0xfffe);
  EXPECT_THAT(message(lie), HasSubstr("outside the file"));
  lie = whole;
  setNumber(lie, entry + 42, 4, 0x7fffffff);
  EXPECT_THAT(message(lie), HasSubstr("outside the file"));
}

TEST(Npz, ManyNamesTakeNoTime) {
  TemporaryFolder folder;
  Array one = arrayOf<float>(ETCH_F32, {}, {1});
  Arrays arrays, back;
  for (int i = 0; i < 3000; ++i)
    arrays.emplace_back("n" + std::to_string(i), one);
  ASSERT_FALSE(writeNpz(folder / "a.npz", arrays));
  ASSERT_FALSE(readNpz(folder / "a.npz", back));
  EXPECT_EQ(back.size(), 3000u);
}

TEST(Npz, C124_AProcessKilledInASaveLeavesTheOldFile) {
  TemporaryFolder folder;
  std::string path = folder / "a.npz";
  Array array = Array::make(ETCH_F64, {1 << 16});
  auto fill = [&](double value) {
    std::fill_n(static_cast<double *>(array.data.get()), 1 << 16, value);
  };
  fill(0);
  ASSERT_FALSE(writeNpz(path, {{"x", array}}));
  for (int round = 0; round < 20; ++round) {
    pid_t child = fork();
    if (child == 0) {
      for (double value = 1;; ++value) {
        fill(value);
        writeNpz(path, {{"x", array}});
      }
    }
    usleep(useconds_t(1000 + 700 * round));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    Arrays back;
    Error e = readNpz(path, back);
    ASSERT_FALSE(e) << e.message;
    std::vector<double> values = valuesOf<double>(back.at(0).second);
    EXPECT_EQ(std::count(values.begin(), values.end(), values[0]), 1 << 16);
  }
}

} // namespace
