//===- npz_reader.cpp - Arrays in a zip archive, read ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// 1. Find the end record at the file's end, and the zip64 one if it points to
// it.
// 2. Read the central directory; its sizes and offsets are the ones believed,
//    after a check against the file's size.
// 3. Read each member through a stream that counts, inflates and sums.
//
//===----------------------------------------------------------------------===//

#include "runtime/io/stream.h"

#include <algorithm>
#include <zlib.h>

using namespace etch::io;

namespace {

constexpr size_t endRecordBytes = 22, maxCommentBytes = 65535;
constexpr size_t locatorBytes = 20, end64Bytes = 56;
constexpr size_t entryBytes = 46, localBytes = 30;
// Deflate cannot do better than this; a larger claim is a lie.
constexpr uint64_t maxDeflateRatio = 1032;

uint64_t number(const unsigned char *at, int bytes) {
  uint64_t value = 0;
  while (bytes--)
    value = value << 8 | at[bytes];
  return value;
}

struct Member {
  std::string name;
  unsigned flags = 0, method = 0;
  uint32_t crc = 0;
  uint64_t compressed = 0, size = 0, header = 0;
};

/// A member's content. After the last byte, finish() tells whether it was
/// whole.
class MemberStream : public Stream {
public:
  MemberStream(const File &file, const Member &member, uint64_t begin)
      : source(file, begin, begin + member.compressed), member(member) {
    name = file.path() + ":" + member.name;
    if (member.method)
      inflating = inflateInit2(&z, -MAX_WBITS) == Z_OK;
  }
  ~MemberStream() override {
    if (inflating)
      inflateEnd(&z);
  }
  uint64_t remaining() const override { return member.size - given; }

  Error read(void *out, size_t bytes) override {
    if (bytes > remaining())
      return error("the member is truncated");
    if (Error e =
            member.method ? inflateInto(out, bytes) : source.read(out, bytes))
      return e;
    given += bytes;
    crc = uint32_t(crc32_z(crc, static_cast<const Bytef *>(out), bytes));
    return {};
  }

  /// Reads what is left and compares the sum.
  Error finish() {
    char rest[4096];
    while (remaining())
      if (Error e = read(rest, size_t(std::min<uint64_t>(remaining(), 4096))))
        return e;
    if (crc != member.crc)
      return error("the CRC differs: the file is corrupt");
    return {};
  }

private:
  Error inflateInto(void *out, size_t bytes) {
    if (!inflating)
      return error("no memory to decompress", ETCH_ERROR_MEMORY);
    auto *to = static_cast<Bytef *>(out);
    while (bytes) {
      if (!z.avail_in && source.remaining()) {
        size_t n =
            size_t(std::min<uint64_t>(source.remaining(), sizeof(buffer)));
        if (Error e = source.read(buffer, n))
          return e;
        z.next_in = buffer;
        z.avail_in = uInt(n);
      }
      z.next_out = to;
      z.avail_out = uInt(std::min(bytes, size_t(1) << 30));
      uInt before = z.avail_out, inputBefore = z.avail_in;
      int status = inflate(&z, Z_NO_FLUSH);
      size_t produced = before - z.avail_out;
      to += produced;
      bytes -= produced;
      bool stuck = !produced && z.avail_in == inputBefore;
      if ((status != Z_OK && status != Z_STREAM_END) ||
          (bytes && (status == Z_STREAM_END || stuck)))
        return error("the compressed data is corrupt");
    }
    return {};
  }

  FileStream source;
  Member member;
  uint64_t given = 0;
  uint32_t crc = 0;
  bool inflating = false;
  z_stream z = {};
  Bytef buffer[1 << 14];
};

struct Directory {
  uint64_t count = 0, bytes = 0, offset = 0;
};

Error corrupt(const File &file, const std::string &what) {
  return {ETCH_ERROR_FORMAT, "'" + file.path() + "': " + what};
}

Error findDirectory(const File &file, Directory &directory) {
  uint64_t size = file.size();
  if (size < endRecordBytes)
    return corrupt(file, "not a .npz file (too short)");
  size_t tail =
      size_t(std::min<uint64_t>(size, endRecordBytes + maxCommentBytes));
  std::vector<unsigned char> bytes(tail);
  if (Error e = file.readAt(size - tail, bytes.data(), tail))
    return e;
  size_t at = tail - endRecordBytes + 1;
  while (at-- > 0)
    if (!memcmp(&bytes[at], "PK\5\6", 4) &&
        at + endRecordBytes + number(&bytes[at + 20], 2) == tail)
      break;
  if (at == size_t(-1)) {
    unsigned char start[4];
    if (Error e = file.readAt(0, start, 4))
      return e;
    return corrupt(file, memcmp(start, "PK\3\4", 4)
                             ? "not a .npz file"
                             : "the archive is truncated");
  }
  uint64_t position = size - tail + at;
  directory.count = number(&bytes[at + 10], 2);
  directory.bytes = number(&bytes[at + 12], 4);
  directory.offset = number(&bytes[at + 16], 4);
  bool wide = directory.count == 0xffff || directory.bytes == 0xffffffff ||
              directory.offset == 0xffffffff;
  if (wide && position >= locatorBytes) {
    unsigned char locator[locatorBytes], end[end64Bytes];
    if (Error e = file.readAt(position - locatorBytes, locator, locatorBytes))
      return e;
    if (!memcmp(locator, "PK\6\7", 4)) {
      uint64_t end64 = number(locator + 8, 8);
      if (end64 > size || size - end64 < end64Bytes)
        return corrupt(file, "the zip64 record lies outside the file");
      if (Error e = file.readAt(end64, end, end64Bytes))
        return e;
      if (memcmp(end, "PK\6\6", 4))
        return corrupt(file, "the zip64 record is corrupt");
      directory.count = number(end + 32, 8);
      directory.bytes = number(end + 40, 8);
      directory.offset = number(end + 48, 8);
    }
  }
  if (directory.offset > position ||
      directory.bytes > position - directory.offset ||
      directory.count > directory.bytes / entryBytes)
    return corrupt(file, "the archive's directory lies outside the file");
  return {};
}

/// Sizes that do not fit 32 bits stand in an extra field, in this order.
bool readWideSizes(const unsigned char *extra, size_t bytes, Member &member) {
  bool wideSize = member.size == 0xffffffff,
       wideCompressed = member.compressed == 0xffffffff,
       wideHeader = member.header == 0xffffffff;
  if (!wideSize && !wideCompressed && !wideHeader)
    return true;
  while (bytes >= 4) {
    size_t kind = size_t(number(extra, 2)), n = size_t(number(extra + 2, 2));
    extra += 4;
    bytes -= 4;
    if (n > bytes)
      return false;
    if (kind == 1) {
      size_t needed = 8 * (size_t(wideSize) + wideCompressed + wideHeader);
      if (n < needed)
        return false;
      if (wideSize)
        member.size = number(extra, 8), extra += 8;
      if (wideCompressed)
        member.compressed = number(extra, 8), extra += 8;
      if (wideHeader)
        member.header = number(extra, 8);
      return true;
    }
    extra += n;
    bytes -= n;
  }
  return true; // exactly 2^32 - 1 bytes
}

Error readDirectory(const File &file, const Directory &directory,
                    std::vector<Member> &members) {
  std::vector<unsigned char> bytes(static_cast<size_t>(directory.bytes));
  if (Error e = file.readAt(directory.offset, bytes.data(), bytes.size()))
    return e;
  size_t at = 0;
  for (uint64_t i = 0; i < directory.count; ++i) {
    if (bytes.size() - at < entryBytes || memcmp(&bytes[at], "PK\1\2", 4))
      return corrupt(file, "the archive's directory is corrupt");
    const unsigned char *entry = &bytes[at];
    size_t name = size_t(number(entry + 28, 2)),
           extra = size_t(number(entry + 30, 2)),
           comment = size_t(number(entry + 32, 2));
    if (bytes.size() - at - entryBytes < name + extra + comment)
      return corrupt(file, "the archive's directory is corrupt");
    Member member;
    member.flags = unsigned(number(entry + 8, 2));
    member.method = unsigned(number(entry + 10, 2));
    member.crc = uint32_t(number(entry + 16, 4));
    member.compressed = number(entry + 20, 4);
    member.size = number(entry + 24, 4);
    member.header = number(entry + 42, 4);
    member.name.assign(reinterpret_cast<const char *>(entry + entryBytes),
                       name);
    if (!readWideSizes(entry + entryBytes + name, extra, member))
      return corrupt(file, "the archive's directory is corrupt");
    at += entryBytes + name + extra + comment;
    members.push_back(std::move(member));
  }
  return {};
}

/// What concerns all members together: names, and how much they claim.
Error checkMembers(const File &file, const std::vector<Member> &members) {
  std::vector<std::string_view> names;
  uint64_t compressed = 0, size = 0;
  for (const Member &member : members) {
    names.push_back(member.name);
    // Members that share their data would unpack to any size.
    if (__builtin_add_overflow(compressed, member.compressed, &compressed) ||
        compressed > file.size())
      return corrupt(file, "the archive's members overlap");
    if (__builtin_add_overflow(size, member.size, &size))
      return corrupt(file, "the archive's sizes are too large");
  }
  std::sort(names.begin(), names.end());
  if (auto twice = std::adjacent_find(names.begin(), names.end());
      twice != names.end())
    return corrupt(file, "the array '" +
                             std::string(twice->substr(0, twice->size() - 4)) +
                             "' appears twice");
  uint64_t memory =
      uint64_t(sysconf(_SC_PHYS_PAGES)) * uint64_t(sysconf(_SC_PAGESIZE));
  if (size > memory)
    return {ETCH_ERROR_MEMORY, "'" + file.path() + "': its arrays take " +
                                   std::to_string(size) +
                                   " bytes, more than this machine has"};
  return {};
}

Error readMember(const File &file, const Member &member, Array &out) {
  auto wrong = [&](const std::string &what) {
    return Error{ETCH_ERROR_FORMAT,
                 "'" + file.path() + ":" + member.name + "': " + what};
  };
  if (member.flags & 1)
    return wrong("encrypted members are not supported");
  if (member.method != 0 && member.method != 8)
    return wrong("compression method " + std::to_string(member.method) +
                 " is not supported");
  unsigned char local[localBytes];
  if (member.header > file.size() || file.size() - member.header < localBytes)
    return wrong("the member lies outside the file");
  if (Error e = file.readAt(member.header, local, localBytes))
    return e;
  if (memcmp(local, "PK\3\4", 4))
    return wrong("the member's header is corrupt");
  uint64_t begin = member.header + localBytes + number(local + 26, 2) +
                   number(local + 28, 2);
  if (begin > file.size() || member.compressed > file.size() - begin)
    return wrong("the member lies outside the file");
  if (member.method == 0 ? member.size != member.compressed
                         : member.size / maxDeflateRatio > member.compressed)
    return wrong("the member's sizes contradict each other");
  MemberStream stream(file, member, begin);
  Array array;
  if (Error e = parseNpy(stream, array))
    return e;
  if (Error e = stream.finish())
    return e;
  out = std::move(array);
  return {};
}

} // namespace

Error etch::io::readNpz(const std::string &path, Arrays &out) {
  File file;
  Directory directory;
  std::vector<Member> members;
  if (Error e = file.open(path))
    return e;
  if (Error e = findDirectory(file, directory))
    return e;
  if (Error e = readDirectory(file, directory, members))
    return e;
  constexpr std::string_view suffix = ".npy";
  std::erase_if(members, [&](const Member &member) {
    return !member.name.ends_with(suffix);
  });
  if (Error e = checkMembers(file, members))
    return e;
  Arrays arrays;
  for (const Member &member : members) {
    Array array;
    if (Error e = readMember(file, member, array))
      return e;
    arrays.emplace_back(
        member.name.substr(0, member.name.size() - suffix.size()),
        std::move(array));
  }
  out = std::move(arrays);
  return {};
}
