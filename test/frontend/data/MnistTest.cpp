//===- MnistTest.cpp - IDX files, good and bad ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/datasets.h"
#include "etch/etch.h"
#include "test/runtime/TemporaryFolder.h"

#include <algorithm>
#include <gmock/gmock.h>
#include <zlib.h>

using namespace etch;
using test::TemporaryFolder;
using test::writeBytes;
using testing::HasSubstr;
using testing::ThrowsMessage;

namespace {

std::string idx(std::vector<uint32_t> extents, const std::string &data,
                char type = 8) {
  std::string file{0, 0, type, char(extents.size())};
  for (uint32_t e : extents)
    for (int shift = 24; shift >= 0; shift -= 8)
      file += char(e >> shift);
  return file + data;
}

std::string gzip(const std::string &data, const std::string &scratch) {
  gzFile file = gzopen(scratch.c_str(), "wb");
  gzwrite(file, data.data(), unsigned(data.size()));
  gzclose(file);
  return test::readBytes(scratch);
}

/// Three images: all 0, all 51, all 255.
struct Files {
  TemporaryFolder folder;
  std::string images =
      std::string(784, 0) + std::string(784, 51) + std::string(784, char(255));
  std::string labels{7, 0, 9};
  Files() { write(idx({3, 28, 28}, images), idx({3}, labels)); }
  void write(const std::string &image_file, const std::string &label_file,
             const std::string &suffix = "") {
    writeBytes(folder / ("train-images-idx3-ubyte" + suffix), image_file);
    writeBytes(folder / ("train-labels-idx1-ubyte" + suffix), label_file);
  }
  MNIST load(Transform transform = {}) const {
    return MNIST({.directory = folder.path(), .transform = transform});
  }
};

TEST(Mnist, C102_ReadsIdxFiles) {
  Files files;
  MNIST data = files.load();
  EXPECT_EQ(data.len(), 3);
  EXPECT_EQ(data.source(), files.folder.path());
  auto [x, t] = data[1];
  EXPECT_EQ(x.shape(), Shape{784});
  EXPECT_EQ(x.dtype(), f32);
  EXPECT_EQ(x.to_vector<float>()[5], 51.0f / 255.0f);
  EXPECT_EQ(data[2].x.to_vector<float>()[783], 1.0f);
  EXPECT_EQ(data.label().to_vector<int64_t>(), (std::vector<int64_t>{7, 0, 9}));
}

TEST(Mnist, C102_ReadsGzippedFiles) {
  Files files;
  std::string images = gzip(idx({3, 28, 28}, files.images), files.folder / "z");
  std::string labels = gzip(idx({3}, files.labels), files.folder / "z");
  Files gzipped;
  std::filesystem::remove(gzipped.folder / "train-images-idx3-ubyte");
  std::filesystem::remove(gzipped.folder / "train-labels-idx1-ubyte");
  gzipped.write(images, labels, ".gz");
  EXPECT_EQ(gzipped.load().data().to_vector<float>(),
            files.load().data().to_vector<float>());
}

TEST(Mnist, C102_OwnTransformSeesTheRawImage) {
  Files files;
  MNIST data = files.load([](const Variable &x) {
    EXPECT_EQ(x.shape(), (Shape{1, 28, 28}));
    EXPECT_EQ(x.dtype(), i32);
    return x;
  });
  EXPECT_EQ(data[1].x.to_vector<int32_t>()[0], 51);
}

TEST(Mnist, CorruptFilesAreRefused) {
  Files files;
  auto expect = [&](const std::string &images, const std::string &labels,
                    const char *reason) {
    files.write(images, labels);
    EXPECT_THAT([&] { files.load(); },
                ThrowsMessage<IOError>(HasSubstr(reason)))
        << reason;
  };
  std::string good = idx({3, 28, 28}, files.images),
              labels = idx({3}, files.labels);
  expect("", labels, "not an IDX file");
  expect("hello, world", labels, "not an IDX file");
  expect(good.substr(0, 9), labels, "header ends too early");
  expect(good.substr(0, 2000), labels, "announces 2352 bytes, there are 1984");
  expect(good + "x", labels, "there are 2353");
  expect(idx({3, 28, 28}, files.images, 13), labels, "another type than bytes");
  expect(idx({3, 28, 27}, std::string(3 * 28 * 27, 0)), labels, "28 x 28");
  expect(idx({0xffffffff, 0xffffffff, 0xffffffff}, ""), labels, "too large");
  expect(good, idx({2}, "ab"), "one label per image");
  expect(good, idx({3}, "\x01\x02\x0a"), "a label is 10");
  std::string packed = gzip(good, files.folder / "z");
  expect(packed.substr(0, packed.size() / 2), labels, "");
  packed[packed.size() / 2] ^= 0x55;
  expect(packed, labels, "");
  files.write(good, labels);
  EXPECT_EQ(files.load().len(), 3);
}

TEST(Mnist, MissingFilesAreNamed) {
  TemporaryFolder empty;
  EXPECT_THAT([&] { MNIST data({.directory = empty.path()}); },
              ThrowsMessage<IOError>(HasSubstr("train-images-idx3-ubyte")));
}

TEST(Mnist, C102_RealDigits) {
  // The folders that are looked at without a directory; nothing is fetched.
  try {
    MNIST train({.train = true, .download = false});
    MNIST test({.train = false, .download = false});
    EXPECT_EQ(train.len() % 10000, 0);
    EXPECT_EQ(test.len(), 10000);
    EXPECT_EQ(train.data().shape(1), 784);
    std::vector<float> pixels = test.data().to_vector<float>();
    auto [low, high] = std::minmax_element(pixels.begin(), pixels.end());
    EXPECT_EQ(*low, 0.0f);
    EXPECT_EQ(*high, 1.0f);
  } catch (const IOError &e) {
    GTEST_SKIP() << "no MNIST files: " << e.what();
  }
}

TEST(Mnist, SyntheticDigitsAreLabelledAndRepeat) {
  MNIST a = MNIST::synthetic({}, 50), b = MNIST::synthetic({}, 50);
  EXPECT_EQ(a.source(), "synthetic");
  EXPECT_EQ(a.len(), 50);
  EXPECT_EQ(a.data().to_vector<float>(), b.data().to_vector<float>());
  MNIST other = MNIST::synthetic({.train = false}, 50);
  EXPECT_NE(a.data().to_vector<float>(), other.data().to_vector<float>());
  for (int64_t i = 0; i < a.len(); ++i) {
    auto [x, t] = a[i];
    double ink = 0;
    for (double v : x.to_vector())
      ink += v;
    EXPECT_GT(ink, 15) << i;
    EXPECT_LT(ink, 300) << i;
    EXPECT_LE(t.item<int64_t>(), 9);
  }
}

} // namespace
