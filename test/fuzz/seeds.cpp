//===- seeds.cpp - What the fuzzers start from ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   etch-fuzz-seeds READER FOLDER    writes FOLDER/seeds/0, 1, …
//===----------------------------------------------------------------------===//

#include "etch/etch.h"
#include "frontend/io/ImageCodec.h"
#include "test/fuzz/state.h"
#include "test/runtime/TemporaryFolder.h"
#include "test/support/Json.h"

#include <cstdio>
#include <zlib.h>

using namespace etch;

namespace {

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

std::string idx() {
  return std::string("\0\0\x08\x03\0\0\0\2\0\0\0\2\0\0\0\3", 16) +
         "abcdefghijkl";
}

std::string tar() {
  std::string head = "folder/a.bin";
  head.resize(512);
  head.replace(124, 12, "00000000005\0", 12);
  head[156] = '0';
  head.replace(257, 5, "ustar");
  head.replace(148, 8, 8, ' ');
  unsigned sum = 0;
  for (char c : head)
    sum += uint8_t(c);
  char text[8];
  std::snprintf(text, sizeof text, "%06o", sum);
  head.replace(148, 7, text, 7);
  return head + "hello" + std::string(507 + 1024, '\0');
}

std::vector<std::string> seeds(const std::string &reader) {
  test::TemporaryFolder folder;
  const std::string file = folder / "file";
  Variable a = arange(6.0).reshape(2, 3), b = array({{1, 2}, {3, 4}});
  if (reader == "npy") {
    save_npy(file + ".npy", a);
    std::string first = test::readBytes(file + ".npy");
    save_npy(file + ".npy", array({true, false, true}));
    return {first, test::readBytes(file + ".npy")};
  }
  if (reader == "npz") {
    save_npz(file, {{"l1/W", a}, {"b", b}});
    return {test::readBytes(file)};
  }
  if (reader == "state") {
    test::States states;
    etch_state_save(&states.module, states.tensors, 3, file.c_str());
    return {test::readBytes(file)};
  }
  if (reader == "gzip")
    return {gzip("hello"), gzip(std::string(5000, 'x')), gzip("a") + gzip("b")};
  if (reader == "idx")
    return {idx()};
  if (reader == "cifar")
    return {std::string(1, '\0') + std::string(3073, '\1'),
            "\1" + std::string(2 * 3074, '\2')};
  if (reader == "tar")
    return {tar(), tar().substr(0, 1024) + tar()};
  if (reader == "text")
    return {"hello world", "a\u00e9\u3042\U0001F600"};
  if (reader == "labels")
    return {"{0: 'tench, Tinca tinca',\n 1: \"goldfish\"}", "one\ntwo\r\n"};
  if (reader == "image") {
    std::vector<std::string> all;
    for (int channels : {1, 3, 4}) {
      std::vector<uint8_t> pixels(size_t(channels) * 12,
                                  uint8_t(40 * channels));
      all.push_back(char(channels) +
                    detail::encode_png(4, 3, channels, pixels.data()));
    }
    std::string jpeg(1, '\3');
    for (double byte :
         test::Json::data("datasets.json")["jpeg"]["bytes"].numbers())
      jpeg += char(int(byte));
    all.push_back(jpeg);
    return all;
  }
  throw ValueError("no reader " + reader);
}

} // namespace

int main(int argc, char **argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: etch-fuzz-seeds READER FOLDER\n");
    return 2;
  }
  std::filesystem::path folder = std::filesystem::path(argv[2]) / "seeds";
  std::filesystem::create_directories(folder);
  int number = 0;
  for (const std::string &seed : seeds(argv[1]))
    test::writeBytes((folder / std::to_string(number++)).string(), seed);
}
