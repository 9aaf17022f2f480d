//===- Text.cpp - Texts as numbers, and tables of names -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/array.h"
#include "etch/datasets.h"
#include "etch/download.h"
#include "frontend/data/Formats.h"
#include "frontend/engine/Engine.h"

#include <algorithm>
#include <cstring>

namespace etch {

namespace {

std::string read_string(const std::string &path) {
  std::vector<uint8_t> bytes = detail::unpack(detail::read_bytes(path), path);
  return {bytes.begin(), bytes.end()};
}

} // namespace

TextDataset::TextDataset(std::string_view text, const TextOptions &options,
                         const std::string &name)
    : length(options.length), stride(options.stride) {
  if (length < 0 || stride < 1)
    throw ValueError("TextDataset: the length is " + std::to_string(length) +
                     ", the stride " + std::to_string(stride));
  if (!(options.valid_fraction >= 0 && options.valid_fraction <= 1))
    throw ValueError("TextDataset: the fraction is " +
                     std::to_string(options.valid_fraction));
  std::vector<char32_t> all = detail::parse_utf8(text, name);
  std::vector<char32_t> sorted = all;
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  for (size_t i = 0; i < sorted.size(); ++i) {
    names.push_back(detail::to_utf8(sorted[i]));
    numbers[sorted[i]] = int64_t(i);
  }
  auto train = size_t(double(all.size()) * (1 - options.valid_fraction));
  std::span<const char32_t> part(all);
  part = options.train ? part.first(train) : part.subspan(train);
  for (char32_t c : part)
    ids.push_back(numbers[c]);
}

int64_t TextDataset::len() const {
  // A sample takes `length` characters and the one behind them.
  int64_t starts = int64_t(ids.size()) - std::max<int64_t>(length, 1);
  return starts > 0 ? (starts + stride - 1) / stride : 0;
}

Sample TextDataset::get(int64_t i) const {
  auto row = [&](int64_t first) {
    Shape shape;
    if (length > 0)
      shape.push_back(length);
    detail::ValueRef value = detail::make_dense(i64, shape);
    std::copy_n(ids.begin() + first, std::max<int64_t>(length, 1),
                static_cast<int64_t *>(value->data));
    return detail::make_variable(std::move(value), detail::Node::constant);
  };
  return {row(i * stride), row(i * stride + 1)};
}

std::vector<int64_t> TextDataset::encode(std::string_view text) const {
  std::vector<int64_t> out;
  for (char32_t c : detail::parse_utf8(text, "encode")) {
    auto found = numbers.find(c);
    if (found == numbers.end())
      throw ValueError("encode: the text has no '" + detail::to_utf8(c) + "'");
    out.push_back(found->second);
  }
  return out;
}

std::string TextDataset::decode(const Variable &ids) const {
  std::string out;
  for (int64_t id : ids.to_vector<int64_t>()) {
    if (id < 0 || id >= vocabulary())
      throw ValueError("decode: there is no character " + std::to_string(id));
    out += names[size_t(id)];
  }
  return out;
}

TextDataset TextDataset::from_file(const std::string &path,
                                   const TextOptions &options) {
  return TextDataset(read_string(path), options, path);
}

static TextDataset shakespeare(const TextOptions &options) {
  const std::string file = "input.txt";
  std::string folder = detail::find_folder(
      detail::data_folders(options.directory, "tinyshakespeare"), {file});
  std::string path;
  if (!folder.empty()) {
    path = detail::find_file(folder, file);
  } else {
    if (!options.directory.empty() || !options.download)
      throw IOError(
          (options.directory.empty() ? "TinyShakespeare" : options.directory) +
          ": " + file + " is not found: name its folder by $ETCH_DATA_DIR");
    path = detail::cache_folder("tinyshakespeare") + "/" + file;
    detail::download("https://raw.githubusercontent.com/karpathy/char-rnn/"
                     "master/data/tinyshakespeare/input.txt",
                     path, options.progress);
  }
  return TextDataset::from_file(path, options);
}

TinyShakespeare::TinyShakespeare(const TextOptions &options)
    : TextDataset(shakespeare(options)) {}

std::vector<std::string> ImageNet::labels(const std::string &path) {
  const std::string name = "imagenet1000_clsidx_to_labels.txt";
  std::string file = path;
  if (file.empty()) {
    std::string folder =
        detail::find_folder(detail::data_folders("", "imagenet"), {name});
    file = folder.empty()
               ? get_file("https://gist.githubusercontent.com/yrevar/"
                          "942d3a0ac09ec9e5eb3a/raw/"
                          "238f720ff059c1f82f368259d1ca4ffa5dd8f9f5/" +
                          name)
               : detail::find_file(folder, name);
  }
  return detail::parse_labels(read_string(file), file);
}

} // namespace etch
