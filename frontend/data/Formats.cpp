//===- Formats.cpp - The files of data sets -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/data/Formats.h"

#include "etch/error.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <zlib.h>

namespace etch::detail {

void fail_file(const std::string &name, const std::string &why) {
  throw IOError(name + ": " + why);
}

std::vector<uint8_t> read_bytes(const std::string &path) {
  struct Descriptor {
    int number;
    ~Descriptor() {
      if (number >= 0)
        close(number);
    }
  };
  // Without O_NONBLOCK the opening of a pipe would wait for its other end.
  Descriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  struct stat status;
  if (file.number < 0 || fstat(file.number, &status) != 0)
    fail_file(path, std::string("cannot be opened: ") + std::strerror(errno));
  if (!S_ISREG(status.st_mode))
    fail_file(path, S_ISDIR(status.st_mode) ? "is a folder"
                                            : "is not a regular file");
  if (uint64_t(status.st_size) > max_file_bytes)
    fail_file(path, "more than a gigabyte of data");
  std::vector<uint8_t> bytes(size_t(status.st_size));
  size_t at = 0;
  while (at < bytes.size()) {
    ssize_t n = read(file.number, bytes.data() + at, bytes.size() - at);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      fail_file(path, std::string("cannot be read: ") + std::strerror(errno));
    if (n == 0)
      fail_file(path, "became shorter while it was read");
    at += size_t(n);
  }
  return bytes;
}

std::vector<uint8_t> unpack(std::vector<uint8_t> file, const std::string &name,
                            size_t limit) {
  if (file.size() < 2 || file[0] != 0x1f || file[1] != 0x8b)
    return file;
  struct Inflater : z_stream {
    Inflater() : z_stream{} {}
    ~Inflater() { inflateEnd(this); }
  } z;
  if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
    fail_file(name, "no memory to unpack it");
  std::vector<uint8_t> out;
  size_t used = 0;
  z.next_in = file.data();
  z.avail_in = uInt(file.size());
  for (;;) {
    if (used == out.size()) {
      if (used > limit)
        fail_file(name,
                  "unpacks to more than " + std::to_string(limit) + " bytes");
      out.resize(std::max<size_t>(size_t(1) << 16, 2 * used));
    }
    z.next_out = out.data() + used;
    z.avail_out = uInt(std::min(out.size() - used, size_t(1) << 30));
    uInt before = z.avail_out, input = z.avail_in;
    int status = inflate(&z, Z_NO_FLUSH);
    used += before - z.avail_out;
    if (status == Z_STREAM_END) {
      // Another member may follow, or the padding of a tape.
      if (z.avail_in >= 2 && z.next_in[0] == 0x1f && z.next_in[1] == 0x8b) {
        inflateReset(&z);
        continue;
      }
      if (std::any_of(z.next_in, z.next_in + z.avail_in,
                      [](uint8_t b) { return b != 0; }))
        fail_file(name, "there is something behind the gzip data");
      break;
    }
    if (status == Z_OK && (before != z.avail_out || input != z.avail_in))
      continue;
    fail_file(name, z.avail_in == 0 && (status == Z_OK || status == Z_BUF_ERROR)
                        ? std::string("the gzip data end too early")
                        : std::string("corrupt gzip data: ") +
                              (z.msg ? z.msg : "unknown"));
  }
  if (used > limit)
    fail_file(name, "unpacks to more than " + std::to_string(limit) + " bytes");
  out.resize(used);
  return out;
}

Idx parse_idx(Bytes file, const std::string &name) {
  if (file.size() < 4 || file[0] != 0 || file[1] != 0)
    fail_file(name, "not an IDX file");
  if (file[2] != 8)
    fail_file(name, "IDX of another type than bytes");
  size_t rank = file[3], at = 4 + 4 * rank;
  if (rank == 0 || file.size() < at)
    fail_file(name, "the IDX header ends too early");
  Idx idx;
  uint64_t expected = 1;
  for (size_t i = 0; i < rank; ++i) {
    const uint8_t *p = file.data() + 4 + 4 * i;
    uint32_t extent = uint32_t(p[0]) << 24 | uint32_t(p[1]) << 16 |
                      uint32_t(p[2]) << 8 | p[3];
    idx.extents.push_back(extent);
    if (__builtin_mul_overflow(expected, uint64_t(extent), &expected))
      fail_file(name, "the extents in the IDX header are too large");
  }
  if (file.size() - at != expected)
    fail_file(name, "the IDX header announces " + std::to_string(expected) +
                        " bytes, there are " +
                        std::to_string(file.size() - at));
  idx.bytes.assign(file.begin() + int64_t(at), file.end());
  return idx;
}

Idx read_idx(const std::string &path) {
  return parse_idx(unpack(read_bytes(path), path), path);
}

void parse_cifar(Bytes file, const std::string &name, bool hundred,
                 Cifar &out) {
  constexpr size_t image = 3 * 32 * 32;
  const size_t head = hundred ? 2 : 1, record = head + image;
  if (file.empty() || file.size() % record)
    fail_file(name,
              std::to_string(file.size()) + " bytes are no number of " +
                  "records of " + std::to_string(record) +
                  (hundred ? ": no CIFAR-100 file" : ": no CIFAR-10 file"));
  size_t count = file.size() / record;
  out.pixels.reserve(out.pixels.size() + count * image);
  for (size_t i = 0; i < count; ++i) {
    const uint8_t *at = file.data() + i * record;
    uint8_t label = at[head - 1];
    if (label >= (hundred ? 100 : 10) || (hundred && at[0] >= 20))
      fail_file(name, "record " + std::to_string(i) + " has the label " +
                          std::to_string(
                              label >= (hundred ? 100 : 10) ? label : at[0]));
    if (hundred)
      out.coarse.push_back(at[0]);
    out.labels.push_back(label);
    out.pixels.insert(out.pixels.end(), at + head, at + record);
  }
  out.count += int64_t(count);
}

std::vector<TarMember> parse_tar(Bytes file, const std::string &name) {
  constexpr size_t block = 512;
  auto octal = [&](const uint8_t *at, size_t width, uint64_t &value) {
    value = 0;
    size_t i = 0;
    while (i < width && at[i] == ' ')
      ++i;
    for (; i < width && at[i] >= '0' && at[i] <= '7'; ++i)
      value = value << 3 | uint64_t(at[i] - '0');
    return i == width || at[i] == 0 || at[i] == ' ';
  };
  std::vector<TarMember> members;
  for (size_t at = 0; at < file.size();) {
    if (file.size() - at < block)
      fail_file(name, "the archive is truncated");
    const uint8_t *head = file.data() + at;
    if (std::all_of(head, head + block, [](uint8_t b) { return b == 0; }))
      return members;
    // The sum of the header takes the sum's own field for blanks.
    uint64_t sum = 0, expected = 0, size = 0;
    for (size_t i = 0; i < block; ++i)
      sum += i >= 148 && i < 156 ? ' ' : head[i];
    if (!octal(head + 148, 8, expected) || sum != expected)
      fail_file(name, at ? "the archive is corrupt" : "not a tar archive");
    if (!octal(head + 124, 12, size))
      fail_file(name, "a file in the archive has no readable size");
    at += block;
    if (size > file.size() - at)
      fail_file(name, "the archive is truncated");
    std::string path(reinterpret_cast<const char *>(head),
                     strnlen(reinterpret_cast<const char *>(head), 100));
    if (head[156] == '0' || head[156] == 0)
      members.push_back(
          {path.substr(path.rfind('/') + 1), file.subspan(at, size_t(size))});
    at += std::min(file.size() - at, size_t(size + block - 1) / block * block);
  }
  return members; // some programs leave the empty blocks at the end away
}

std::vector<char32_t> parse_utf8(std::string_view text,
                                 const std::string &name) {
  std::vector<char32_t> out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    auto byte = [&](size_t i) { return uint8_t(text[i]); };
    uint8_t first = byte(at);
    size_t length = first < 0x80   ? 1
                    : first < 0xc2 ? 0
                    : first < 0xe0 ? 2
                    : first < 0xf0 ? 3
                    : first < 0xf5 ? 4
                                   : 0;
    bool good = length > 0 && length <= text.size() - at;
    char32_t c = length < 2 ? first : first & (0x7f >> length);
    for (size_t i = 1; good && i < length; ++i) {
      good = (byte(at + i) & 0xc0) == 0x80;
      c = c << 6 | (byte(at + i) & 0x3f);
    }
    constexpr char32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (!good || c < smallest[length] || c > 0x10ffff ||
        (c >= 0xd800 && c < 0xe000))
      fail_file(name, "no UTF-8 text: byte " + std::to_string(at));
    out.push_back(c);
    at += length;
  }
  return out;
}

std::string to_utf8(char32_t c) {
  auto tail = [&](int shift) { return char(0x80 | (c >> shift & 0x3f)); };
  if (c < 0x80)
    return {char(c)};
  if (c < 0x800)
    return {char(0xc0 | c >> 6), tail(0)};
  if (c < 0x10000)
    return {char(0xe0 | c >> 12), tail(6), tail(0)};
  return {char(0xf0 | c >> 18), tail(12), tail(6), tail(0)};
}

namespace {

/// Reads "{0: 'tench', 1: "goldfish"}".
class LabelParser {
public:
  LabelParser(std::string_view text, const std::string &name)
      : text(text), name(name) {}

  std::vector<std::string> parse() {
    std::vector<std::pair<bool, std::string>> labels;
    take('{');
    while (!peek('}')) {
      uint64_t key = number();
      if (key >= max_labels)
        fail("a key of " + std::to_string(key));
      take(':');
      if (key >= labels.size())
        labels.resize(size_t(key) + 1);
      if (std::exchange(labels[size_t(key)].first, true))
        fail("the key " + std::to_string(key) + " twice");
      labels[size_t(key)].second = string();
      if (!peek('}'))
        take(',');
    }
    take('}');
    space();
    if (at != text.size())
      fail("something behind the end");
    std::vector<std::string> out;
    for (auto &[known, label] : labels) {
      if (!known)
        fail("no key " + std::to_string(out.size()));
      out.push_back(std::move(label));
    }
    return out;
  }

private:
  [[noreturn]] void fail(const std::string &what) {
    fail_file(name, "no table of labels: " + what + " (at byte " +
                        std::to_string(at) + ")");
  }
  void space() {
    while (at < text.size() && std::strchr(" \t\r\n", text[at]) && text[at])
      ++at;
  }
  bool peek(char c) {
    space();
    return at < text.size() && text[at] == c;
  }
  void take(char c) {
    if (!peek(c))
      fail(std::string("'") + c + "' is missing");
    ++at;
  }
  uint64_t number() {
    space();
    size_t first = at;
    uint64_t value = 0;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at)
      if (at - first < 10)
        value = value * 10 + uint64_t(text[at] - '0');
    if (at == first || at - first > 9)
      fail("a number is missing");
    return value;
  }
  std::string string() {
    space();
    if (at == text.size() || (text[at] != '\'' && text[at] != '"'))
      fail("a quoted name is missing");
    char quote = text[at++];
    std::string out;
    for (; at < text.size() && text[at] != quote; ++at) {
      if (text[at] == '\\' && at + 1 < text.size())
        ++at;
      if (text[at] == '\n')
        break;
      out += text[at];
    }
    if (at == text.size() || text[at] != quote)
      fail("a name without an end");
    ++at;
    return out;
  }

  static constexpr uint64_t max_labels = 1'000'000;
  std::string_view text;
  const std::string &name;
  size_t at = 0;
};

} // namespace

std::vector<std::string> parse_labels(std::string_view text,
                                      const std::string &name) {
  if (text.size() > (size_t(64) << 20))
    fail_file(name, "no table of labels: it is too large");
  size_t first = text.find_first_not_of(" \t\r\n");
  if (first == text.npos)
    fail_file(name, "no table of labels: it is empty");
  if (text[first] == '{')
    return LabelParser(text, name).parse();
  std::vector<std::string> labels;
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = text.substr(at, end - at);
    if (line.ends_with('\r'))
      line.remove_suffix(1);
    if (line.find('\0') != line.npos)
      fail_file(name, "no table of labels: it is no text");
    labels.emplace_back(line);
    at = end + 1;
  }
  return labels;
}

} // namespace etch::detail
