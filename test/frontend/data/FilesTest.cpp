//===- FilesTest.cpp - Data sets in files ---------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/etch.h"
#include "frontend/data/Formats.h"
#include "test/runtime/TemporaryFolder.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <zlib.h>

using namespace etch;
using test::TemporaryFolder;
using test::writeBytes;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

namespace {

detail::Bytes bytes_of(const std::string &text) {
  return {reinterpret_cast<const uint8_t *>(text.data()), text.size()};
}

std::string gzip(const std::string &data) {
  z_stream z{};
  deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&z, uLong(data.size())) + 64, '\0');
  z.next_in = reinterpret_cast<Bytef *>(const_cast<char *>(data.data()));
  z.avail_in = uInt(data.size());
  z.next_out = reinterpret_cast<Bytef *>(out.data());
  z.avail_out = uInt(out.size());
  deflate(&z, Z_FINISH);
  out.resize(out.size() - z.avail_out);
  deflateEnd(&z);
  return out;
}

std::string record(std::initializer_list<int> labels, int first) {
  std::string out;
  for (int label : labels)
    out += char(label);
  for (int i = 0; i < 3072; ++i)
    out += char(first + i);
  return out;
}

TEST(Cifar, ReadsTenKinds) {
  TemporaryFolder folder;
  for (int i = 1; i <= 5; ++i)
    writeBytes(folder / ("data_batch_" + std::to_string(i) + ".bin"),
               record({i}, i) + record({9 - i}, 2 * i));
  CIFAR10 data({.directory = folder.path()});
  EXPECT_EQ(data.len(), 10);
  EXPECT_EQ(data.source(), folder.path());
  EXPECT_EQ(data.label().to_vector<int64_t>(),
            (std::vector<int64_t>{1, 8, 2, 7, 3, 6, 4, 5, 5, 4}));
  auto [x, t] = data[3];
  EXPECT_EQ(x.shape(), (Shape{3, 32, 32}));
  EXPECT_EQ(x.dtype(), f32);
  EXPECT_EQ(x.to_vector<float>()[0], 4.0f / 255.0f);
  EXPECT_EQ(x.to_vector<float>()[1024 + 33], float((4 + 1057) % 256) / 255.0f);
  EXPECT_EQ(t.item<int64_t>(), 7);
  EXPECT_EQ(t.shape(), Shape{});
  Sample batch = data.batch(std::vector<int64_t>{0, 9});
  EXPECT_EQ(batch.x.shape(), (Shape{2, 3, 32, 32}));
  EXPECT_EQ(batch.t.to_vector<int64_t>(), (std::vector<int64_t>{1, 4}));
  EXPECT_EQ(CIFAR10::labels()[9], "truck");
  // A transform sees the bytes.
  CIFAR10 raw({.directory = folder.path(), .transform = [](const Variable &v) {
                 EXPECT_EQ(v.dtype(), i32);
                 return v;
               }});
  EXPECT_EQ(raw[0].x.to_vector<int32_t>()[300], (1 + 300) % 256);
}

TEST(Cifar, ReadsAHundredKinds) {
  TemporaryFolder folder;
  std::filesystem::create_directory(folder / "cifar-100-binary");
  writeBytes(folder / "cifar-100-binary/test.bin.gz",
             gzip(record({19, 99}, 0) + record({0, 34}, 1)));
  CIFAR100 fine({.train = false, .directory = folder.path()});
  EXPECT_THAT(fine.label().to_vector<int64_t>(), ElementsAre(99, 34));
  CIFAR100 coarse({.train = false, .coarse = true, .directory = folder.path()});
  EXPECT_THAT(coarse.label().to_vector<int64_t>(), ElementsAre(19, 0));
  EXPECT_EQ(CIFAR100::labels().size(), 100u);
  EXPECT_EQ(CIFAR100::labels()[34], "fox");
  EXPECT_EQ(CIFAR100::coarse_labels().size(), 20u);
  EXPECT_TRUE(
      std::is_sorted(CIFAR100::labels().begin(), CIFAR100::labels().end()));
}

TEST(Cifar, CorruptFilesAreRefused) {
  TemporaryFolder folder;
  auto expect = [&](const std::string &file, const char *reason) {
    writeBytes(folder / "test_batch.bin", file);
    EXPECT_THAT(
        [&] { CIFAR10 data({.train = false, .directory = folder.path()}); },
        ThrowsMessage<IOError>(
            testing::AllOf(HasSubstr(reason), HasSubstr("test_batch.bin"))))
        << reason;
  };
  std::string good = record({3}, 0);
  expect("", "0 bytes");
  expect(good.substr(1), "3072 bytes are no number of records");
  expect(good + "x", "no CIFAR-10 file");
  expect(good + record({10}, 0), "record 1 has the label 10");
  expect(gzip(good).substr(0, 100), "end too early");
  EXPECT_THAT([&] { CIFAR10 data({.directory = folder.path()}); },
              ThrowsMessage<IOError>(HasSubstr("data_batch_1.bin")));
}

std::string tar_member(const std::string &path, const std::string &content,
                       char type = '0') {
  std::string head = path;
  head.resize(512);
  char text[16];
  std::snprintf(text, sizeof text, "%011o", unsigned(content.size()));
  head.replace(124, 12, text, 12);
  head[156] = type;
  head.replace(148, 8, 8, ' ');
  unsigned sum = 0;
  for (char c : head)
    sum += uint8_t(c);
  std::snprintf(text, sizeof text, "%06o", sum);
  head.replace(148, 7, text, 7);
  std::string out = head + content;
  out.resize((out.size() + 511) / 512 * 512);
  return out;
}

TEST(Tar, ReadsFilesAndRefusesWhatIsBroken) {
  std::string tar =
      tar_member("folder/", "", '5') + tar_member("folder/a.bin", "hello") +
      tar_member("b.txt", std::string(600, 'b')) + std::string(1024, '\0');
  std::vector<detail::TarMember> members =
      detail::parse_tar(bytes_of(tar), "x.tar");
  ASSERT_EQ(members.size(), 2u);
  EXPECT_EQ(members[0].name, "a.bin");
  EXPECT_EQ(std::string(members[0].content.begin(), members[0].content.end()),
            "hello");
  EXPECT_EQ(members[1].content.size(), 600u);
  auto refuses = [&](const std::string &file, const char *reason) {
    EXPECT_THAT([&] { detail::parse_tar(bytes_of(file), "x.tar"); },
                ThrowsMessage<IOError>(HasSubstr(reason)));
  };
  refuses("no archive at all", "truncated");
  refuses(std::string(2000, 'x'), "not a tar archive");
  refuses(tar.substr(0, 1026), "truncated");
  std::string bad = tar;
  bad[512 + 3] ^= 1;
  refuses(bad, "corrupt");
  // A size of more than there is.
  std::string large = tar_member("a", "x");
  large.replace(124, 11, "77777777777");
  refuses(large, "");
}

TEST(Gzip, BombsAndBrokenStreams) {
  std::string zeros = gzip(std::string(1 << 20, '\0'));
  std::vector<uint8_t> file(zeros.begin(), zeros.end());
  EXPECT_EQ(detail::unpack(file, "f").size(), size_t(1) << 20);
  EXPECT_THAT([&] { detail::unpack(file, "f", 1000); },
              ThrowsMessage<IOError>(HasSubstr("more than 1000 bytes")));
  for (size_t n : {size_t(2), size_t(10), file.size() / 2, file.size() - 1})
    EXPECT_THAT(
        [&] { detail::unpack({file.begin(), file.begin() + int64_t(n)}, "f"); },
        ThrowsMessage<IOError>(HasSubstr("f: the gzip data end too early")))
        << n;
  std::vector<uint8_t> twice = file;
  twice.insert(twice.end(), file.begin(), file.end());
  EXPECT_EQ(detail::unpack(twice, "f").size(), size_t(2) << 20);
  file.push_back(7);
  EXPECT_THROW(detail::unpack(file, "f"), IOError);
  file[20] ^= 0x10;
  EXPECT_THROW(detail::unpack(file, "f"), IOError);
}

TEST(Files, OnlyRegularOnesAreRead) {
  TemporaryFolder folder;
  EXPECT_THAT([&] { detail::read_bytes(folder / "none"); },
              ThrowsMessage<IOError>(HasSubstr("none: cannot be opened")));
  EXPECT_THAT([&] { detail::read_bytes(folder.path()); },
              ThrowsMessage<IOError>(HasSubstr("folder")));
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_THAT([&] { detail::read_bytes(folder / "pipe"); },
              ThrowsMessage<IOError>(HasSubstr("not a regular file")));
}

TEST(Text, SplitsAndShifts) {
  TextDataset train("hello world", {.valid_fraction = 0.5});
  TextDataset valid("hello world", {.train = false, .valid_fraction = 0.5});
  EXPECT_EQ(train.vocabulary(), 8);
  EXPECT_THAT(train.characters(),
              ElementsAre(" ", "d", "e", "h", "l", "o", "r", "w"));
  EXPECT_EQ(train.characters(), valid.characters());
  EXPECT_EQ(train.len(), 4); // "hello"
  EXPECT_EQ(valid.len(), 5); // " world"
  EXPECT_EQ(train[0].x.shape(), Shape{});
  EXPECT_EQ(train[0].x.dtype(), i64);
  EXPECT_EQ(train[0].x.item<int64_t>(), 3);
  EXPECT_EQ(train[0].t.item<int64_t>(), 2);
  TextDataset windows("hello world", {.valid_fraction = 0, .length = 4});
  EXPECT_EQ(windows.len(), 7);
  EXPECT_EQ(windows.decode(windows[6].x), "worl");
  EXPECT_EQ(windows.decode(windows[6].t), "orld");
  EXPECT_THROW(windows[7], ValueError);
  TextDataset apart("hello world",
                    {.valid_fraction = 0, .length = 4, .stride = 4});
  EXPECT_EQ(apart.len(), 2);
  EXPECT_EQ(apart.decode(apart[1].x), "o wo");
  EXPECT_EQ(apart.decode(apart[1].t), " wor");
  EXPECT_THAT(train.encode("hold"), ElementsAre(3, 5, 4, 1));
  EXPECT_THROW(train.encode("x"), ValueError);
  EXPECT_THROW(train.decode(array({8})), ValueError);
  EXPECT_EQ(TextDataset("").len(), 0);
  EXPECT_THROW(TextDataset("a", {.stride = 0}), ValueError);
  EXPECT_THROW(TextDataset("a", {.valid_fraction = 2}), ValueError);
}

TEST(Text, CharactersAreCodePoints) {
  TextDataset text("a\u00e9\u3042\U0001F600a", {.valid_fraction = 0});
  EXPECT_THAT(text.characters(),
              ElementsAre("a", "\u00e9", "\u3042", "\U0001F600"));
  EXPECT_EQ(text.len(), 4);
  for (const char *bad : {"\x80", "a\xc3", "\xc0\x80", "\xed\xa0\x80",
                          "\xf4\x90\x80\x80", "\xff", "\xe3\x81"})
    EXPECT_THAT([&] { TextDataset t(bad, {}, "t.txt"); },
                ThrowsMessage<IOError>(HasSubstr("t.txt: no UTF-8 text")));
}

TEST(Text, TinyShakespeare) {
  try {
    TinyShakespeare train({.length = 8, .download = false});
    TinyShakespeare valid({.train = false, .length = 8, .download = false});
    EXPECT_EQ(train.vocabulary(), 65);
    EXPECT_EQ(train.decode(train[0].x), "First Ci");
    EXPECT_EQ(train.decode(train[0].t), "irst Cit");
    EXPECT_EQ(train.len() + valid.len(), 1115394 - 16);
  } catch (const IOError &e) {
    GTEST_SKIP() << "no text: " << e.what();
  }
}

TEST(ImageNet, C105_Labels) {
  std::string table = "{";
  for (int i = 0; i < 1000; ++i)
    table += (i ? ",\n " : "") + std::to_string(i) + ": " +
             (i == 340   ? "'zebra'"
              : i == 341 ? "\"pig's tail, \\\"hog\\\"\""
                         : "'kind " + std::to_string(i) + "'");
  TemporaryFolder folder;
  writeBytes(folder / "labels.txt", table + "}\n");
  std::vector<std::string> labels = ImageNet::labels(folder / "labels.txt");
  ASSERT_EQ(labels.size(), 1000u);
  EXPECT_EQ(labels[340], "zebra");
  EXPECT_EQ(labels[341], "pig's tail, \"hog\"");
  EXPECT_EQ(labels[999], "kind 999");
  // Found without a path.
  writeBytes(folder / "imagenet1000_clsidx_to_labels.txt", table + "}");
  setenv("ETCH_DATA_DIR", folder.path().c_str(), 1);
  EXPECT_EQ(ImageNet::labels()[340], "zebra");
  unsetenv("ETCH_DATA_DIR");
  writeBytes(folder / "lines", "tench\r\ngoldfish\n");
  EXPECT_THAT(ImageNet::labels(folder / "lines"),
              ElementsAre("tench", "goldfish"));
}

TEST(ImageNet, C105_BrokenTablesAreRefused) {
  for (const char *bad :
       {"", " \n", "{", "{0: 'a'", "{0 'a'}", "{0: a}", "{0: 'a}", "{1: 'a'}",
        "{0: 'a', 0: 'b'}", "{0: 'a'} x", "{-1: 'a'}", "{99999999: 'a'}",
        "{0: 'a' 1: 'b'}", "{18446744073709551616: 'a'}", "{0: 'a\n'}"})
    EXPECT_THAT([&] { detail::parse_labels(bad, "l.txt"); },
                ThrowsMessage<IOError>(HasSubstr("l.txt: no table of labels")))
        << bad;
  EXPECT_TRUE(detail::parse_labels("{}", "l.txt").empty());
}

TEST(FileDataset, C098_OneFilePerSample) {
  TemporaryFolder folder;
  for (int i = 0; i < 5; ++i)
    save_npy(folder / ("s" + std::to_string(i) + ".npy"),
             full({2, 2}, double(i)));
  writeBytes(folder / "other.txt", "");
  std::vector<std::string> files = FileDataset::list(folder.path(), ".npy");
  ASSERT_EQ(files.size(), 5u);
  FileDataset data(files, arange(5));
  EXPECT_EQ(data.len(), 5);
  std::filesystem::remove(folder / "s4.npy"); // read when it is asked for
  EXPECT_EQ(data[3].x.to_vector()[0], 3);
  EXPECT_EQ(data[3].t.item<int64_t>(), 3);
  EXPECT_THROW(data[4], IOError);
  DataLoader loader(data, 2, {.shuffle = false, .prefetch = 1});
  EXPECT_EQ(loader.next()->x.shape(), (Shape{2, 2, 2}));
  FileDataset own(files, {}, [](const std::string &path) {
    return full({}, int64_t(path.size()));
  });
  EXPECT_EQ(own[0].x.item<int64_t>(), int64_t(files[0].size()));
  EXPECT_FALSE(own[0].t.defined());
  EXPECT_THROW(FileDataset(files, arange(3)), ShapeError);
  EXPECT_THROW(FileDataset::list(folder / "none", ""), IOError);
}

} // namespace
