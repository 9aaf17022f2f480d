//===- safetensors.cpp - Arrays behind a header of JSON -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Eight bytes that count the header's, little-endian; the header, an object
// {"name": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}, …}, perhaps
// with "__metadata__": {"text": "text", …}, and blanks; the data, to which the
// offsets refer.
//
//===----------------------------------------------------------------------===//

#include "etch/safetensors.h"

#include "runtime/core/message.h"
#include "runtime/io/stream.h"

#include <algorithm>
#include <set>
#include <tuple>

using namespace etch::io;

namespace {

constexpr uint64_t maxHeaderBytes = 100000000; // the format's limit
constexpr size_t maxAxes = 32;
constexpr const char *metadata = "__metadata__";

struct NamedType {
  const char *name;
  etch_dtype_t dtype;
  int width;        // of an element in the file
  int exponentBits; // of a narrow float, else 0
};
constexpr NamedType types[] = {
    {"BOOL", ETCH_BOOL, 1, 0}, {"I32", ETCH_I32, 4, 0}, {"I64", ETCH_I64, 8, 0},
    {"F32", ETCH_F32, 4, 0},   {"F64", ETCH_F64, 8, 0}, {"F16", ETCH_F32, 2, 5},
    {"BF16", ETCH_F32, 2, 8}};

struct Entry {
  std::string name, type;
  std::vector<int64_t> shape;
  uint64_t begin = 0, end = 0;
  bool hasType = false, hasShape = false, hasOffsets = false;
};

/// Length of the UTF-8 sequence at `at`; 0 when there is none.
int utf8Length(const unsigned char *at, const unsigned char *end) {
  if (*at < 0x80)
    return 1;
  int length = *at >= 0xf0 ? 4 : *at >= 0xe0 ? 3 : 2;
  if (*at < 0xc2 || *at > 0xf4 || end - at < length)
    return 0;
  for (int i = 1; i < length; ++i)
    if ((at[i] & 0xc0) != 0x80)
      return 0;
  // Neither longer than need be, nor a surrogate, nor beyond the last one.
  bool bad = (*at == 0xe0 && at[1] < 0xa0) || (*at == 0xed && at[1] > 0x9f) ||
             (*at == 0xf0 && at[1] < 0x90) || (*at == 0xf4 && at[1] > 0x8f);
  return bad ? 0 : length;
}

/// Reads the header. Each function gives false when it has set `wrong`.
class HeaderParser {
public:
  HeaderParser(const std::string &text, std::vector<Entry> &out)
      : at(text.data()), end(at + text.size()), out(out) {}

  bool parse() {
    if (at == end || *at != '{') // not even blanks before it
      return fail("is no JSON object");
    std::set<std::string> names;
    bool fine = members([&](const std::string &name) {
      if (!names.insert(name).second)
        return fail("has '" + name + "' twice");
      return name == metadata ? texts() : entry(name);
    });
    if (!fine)
      return false;
    space();
    return at == end || fail("goes on behind its end");
  }
  std::string wrong;

private:
  bool fail(const std::string &what) {
    if (wrong.empty())
      wrong = "the header " + what;
    return false;
  }
  bool malformed() { return fail("is malformed"); }
  void space() {
    while (at < end &&
           (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
      ++at;
  }
  bool take(char c) {
    space();
    if (at == end || *at != c)
      return false;
    ++at;
    return true;
  }

  /// An object, of whose members `value` reads the values.
  template <class Value> bool members(Value value) {
    if (!take('{'))
      return malformed();
    if (take('}'))
      return true;
    do {
      std::string name;
      if (!string(name))
        return false;
      if (!take(':'))
        return malformed();
      if (!value(name))
        return false;
    } while (take(','));
    return take('}') || malformed();
  }
  bool texts() {
    return members([&](const std::string &) {
      std::string ignored;
      return string(ignored);
    });
  }
  bool hex(uint32_t &code) {
    code = 0;
    for (int i = 0; i < 4; ++i, ++at) {
      if (at == end || !isxdigit(static_cast<unsigned char>(*at)))
        return malformed();
      code = code << 4 |
             uint32_t(*at <= '9' ? *at - '0' : (*at | 0x20) - 'a' + 10);
    }
    return true;
  }
  bool escape(std::string &to) {
    static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
    if (at == end)
      return malformed();
    char c = *at++;
    if (const char *found = c ? strchr(from, c) : nullptr) {
      to += into[found - from];
      return true;
    }
    uint32_t code, low;
    if (c != 'u' || !hex(code))
      return malformed();
    if (code >= 0xd800 && code < 0xdc00) {
      if (end - at < 2 || at[0] != '\\' || at[1] != 'u')
        return malformed();
      at += 2;
      if (!hex(low) || low < 0xdc00 || low > 0xdfff)
        return malformed();
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    } else if (code >= 0xdc00 && code < 0xe000) {
      return malformed();
    }
    int more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    constexpr unsigned char lead[] = {0, 0xc0, 0xe0, 0xf0};
    to += char(lead[more] | (code >> (6 * more)));
    while (more--)
      to += char(0x80 | ((code >> (6 * more)) & 0x3f));
    return true;
  }
  bool string(std::string &to) {
    if (!take('"'))
      return malformed();
    while (at < end && *at != '"') {
      if (*at == '\\') {
        ++at;
        if (!escape(to))
          return false;
        continue;
      }
      int length = utf8Length(reinterpret_cast<const unsigned char *>(at),
                              reinterpret_cast<const unsigned char *>(end));
      if (!length)
        return fail("is not UTF-8");
      if (static_cast<unsigned char>(*at) < 0x20)
        return malformed();
      to.append(at, size_t(length));
      at += length;
    }
    return take('"') || malformed();
  }
  bool number(uint64_t &to) {
    space();
    const char *begin = at;
    to = 0;
    for (; at < end && *at >= '0' && *at <= '9'; ++at)
      if (__builtin_mul_overflow(to, uint64_t(10), &to) ||
          __builtin_add_overflow(to, uint64_t(*at - '0'), &to))
        return fail("has a number that is too large");
    if (at == begin || (*begin == '0' && at != begin + 1))
      return malformed();
    return true;
  }
  bool numbers(std::vector<uint64_t> &to, size_t most) {
    if (!take('['))
      return malformed();
    if (take(']'))
      return true;
    do {
      uint64_t n;
      if (!number(n))
        return false;
      if (to.size() == most)
        return fail("has a list that is too long");
      to.push_back(n);
    } while (take(','));
    return take(']') || malformed();
  }
  bool entry(const std::string &name) {
    Entry e;
    e.name = name;
    bool fine = members([&](const std::string &key) {
      std::vector<uint64_t> list;
      if (key == "dtype" && !e.hasType) {
        e.hasType = true;
        return string(e.type);
      }
      if (key == "shape" && !e.hasShape) {
        e.hasShape = true;
        if (!numbers(list, maxAxes))
          return false;
        for (uint64_t extent : list) {
          if (extent > INT64_MAX)
            return fail("has a number that is too large");
          e.shape.push_back(int64_t(extent));
        }
        return true;
      }
      if (key == "data_offsets" && !e.hasOffsets) {
        e.hasOffsets = true;
        if (!numbers(list, 2))
          return false;
        if (list.size() != 2)
          return malformed();
        e.begin = list[0];
        e.end = list[1];
        return true;
      }
      return fail("has '" + key + "' at '" + name + "'");
    });
    if (!fine)
      return false;
    if (!e.hasType || !e.hasShape || !e.hasOffsets)
      return fail("lacks dtype, shape or data_offsets at '" + name + "'");
    out.push_back(std::move(e));
    return true;
  }

  const char *at, *end;
  std::vector<Entry> &out;
};

const NamedType *findType(const std::string &name) {
  for (const NamedType &type : types)
    if (name == type.name)
      return &type;
  return nullptr;
}

/// A float of 16 bits as one of 32: exact.
uint32_t widened(uint16_t bits, int exponentBits) {
  if (exponentBits == 8)
    return uint32_t(bits) << 16;
  uint32_t sign = uint32_t(bits & 0x8000) << 16, exponent = bits >> 10 & 31,
           fraction = bits & 0x3ff;
  if (exponent == 31)
    return sign | 0x7f800000 | fraction << 13;
  if (exponent == 0) {
    if (!fraction)
      return sign;
    // Below the normal ones: as many bits are lost as it takes to shift the
    // first one out.
    exponent = 1;
    while (!(fraction & 0x400)) {
      fraction <<= 1;
      --exponent; // wraps around, and back below
    }
    fraction &= 0x3ff;
  }
  return sign | (exponent + 112) << 23 | fraction << 13;
}

Error readArray(const File &file, uint64_t data, const Entry &entry,
                const NamedType &type, Array &out) {
  auto failed = [&](const std::string &what, etch_status_t code) {
    return Error{code,
                 "'" + file.path() + "': array '" + entry.name + "' " + what};
  };
  uint64_t bytes = uint64_t(type.width);
  bool empty = false;
  for (int64_t extent : entry.shape) {
    empty |= extent == 0;
    if (extent && (__builtin_mul_overflow(bytes, uint64_t(extent), &bytes) ||
                   bytes > INT64_MAX))
      return failed("is too large", ETCH_ERROR_FORMAT);
  }
  bytes = empty ? 0 : bytes;
  if (entry.end - entry.begin != bytes)
    return failed("has " + std::to_string(entry.end - entry.begin) +
                      " bytes of data; its shape asks for " +
                      std::to_string(bytes),
                  ETCH_ERROR_FORMAT);
  Array array = Array::make(type.dtype, entry.shape);
  if (!array.data)
    return failed("is too large for the memory", ETCH_ERROR_MEMORY);
  char *to = static_cast<char *>(array.data.get());
  // Narrow elements lie in the upper half, and spread from the front.
  char *raw = to + (type.exponentBits ? bytes : 0);
  if (Error e = file.readAt(data + entry.begin, raw, bytes))
    return e;
  if (type.exponentBits)
    for (uint64_t i = 0; i < bytes / 2; ++i) {
      uint16_t bits;
      memcpy(&bits, raw + 2 * i, 2);
      uint32_t wide = widened(bits, type.exponentBits);
      memcpy(to + 4 * i, &wide, 4);
    }
  if (type.dtype == ETCH_BOOL) // other bytes than 0 and 1 are true
    for (uint64_t i = 0; i < bytes; ++i)
      to[i] = to[i] != 0;
  out = std::move(array);
  return {};
}

Error checkArrays(const std::string &path, const Arrays &arrays) {
  std::set<std::string> names;
  for (const auto &[name, array] : arrays) {
    auto wrong = [&, &name = name](const char *what) {
      return Error{ETCH_ERROR_ARGUMENT,
                   "'" + path + "': array '" + name + "' " + what};
    };
    if (name.empty() || name == metadata)
      return wrong("has no usable name");
    auto at = reinterpret_cast<const unsigned char *>(name.data());
    for (auto end = at + name.size(); at < end;) {
      int length = utf8Length(at, end);
      if (!length)
        return wrong("has a name that is not UTF-8");
      at += length;
    }
    if (!etch_message_dtype_size(array.dtype) || (!array.data && array.size()))
      return wrong("has no data");
    if (!names.insert(name).second)
      return wrong("appears twice");
  }
  return {};
}

std::string quoted(const std::string &text) {
  std::string s = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') {
      s += '\\';
      s += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char code[8];
      snprintf(code, sizeof code, "\\u%04x", c);
      s += code;
    } else {
      s += c;
    }
  }
  return s + '"';
}

} // namespace

Error etch::io::readSafetensors(const std::string &path, Arrays &out) {
  File file;
  if (Error e = file.open(path))
    return e;
  auto failed = [&](const std::string &what) {
    return Error{ETCH_ERROR_FORMAT, "'" + path + "': " + what};
  };
  unsigned char start[8];
  if (file.size() < sizeof start)
    return failed("not a .safetensors file (too short)");
  if (Error e = file.readAt(0, start, sizeof start))
    return e;
  uint64_t bytes = 0;
  for (size_t i = sizeof start; i-- > 0;)
    bytes = bytes << 8 | start[i];
  if (bytes > maxHeaderBytes)
    return failed("not a .safetensors file (a header of " +
                  std::to_string(bytes) + " bytes)");
  uint64_t data = sizeof start + bytes;
  if (data > file.size())
    return failed("the file is truncated: the header has " +
                  std::to_string(bytes) + " bytes");
  std::string text(bytes, '\0');
  if (Error e = file.readAt(sizeof start, text.data(), bytes))
    return e;
  std::vector<Entry> entries;
  HeaderParser parser(text, entries);
  if (!parser.parse())
    return failed(parser.wrong);

  // All types first: a message about one is of more use than one about offsets.
  for (const Entry &e : entries)
    if (!findType(e.type))
      return failed("array '" + e.name + "': element type " + e.type +
                    " is not supported (BOOL, I32, I64, F16, BF16, F32 and F64 "
                    "are)");
  std::sort(entries.begin(), entries.end(), [](const Entry &a, const Entry &b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  uint64_t covered = 0, available = file.size() - data;
  for (const Entry &e : entries) {
    if (e.end < e.begin)
      return failed("the data of '" + e.name + "' ends before it begins");
    if (e.begin < covered)
      return failed("the data of '" + e.name + "' overlaps with others");
    if (e.begin > covered)
      return failed("there is a gap before the data of '" + e.name + "'");
    if (e.end > available)
      return failed("the file is truncated: the data of '" + e.name +
                    "' ends at " + std::to_string(e.end) + ", the file at " +
                    std::to_string(available));
    covered = e.end;
  }
  if (covered != available)
    return failed(std::to_string(available - covered) +
                  " bytes of data belong to no array");
  Arrays arrays;
  for (const Entry &e : entries) {
    Array array;
    if (Error error = readArray(file, data, e, *findType(e.type), array))
      return error;
    arrays.emplace_back(e.name, std::move(array));
  }
  out = std::move(arrays);
  return {};
}

Error etch::io::writeSafetensors(const std::string &path,
                                 const Arrays &arrays) {
  if (Error e = checkArrays(path, arrays))
    return e;
  std::vector<const std::pair<std::string, Array> *> order;
  for (const auto &entry : arrays)
    order.push_back(&entry);
  auto width = [](const auto *e) {
    return etch_message_dtype_size(e->second.dtype);
  };
  std::sort(order.begin(), order.end(), [&](const auto *a, const auto *b) {
    return width(a) != width(b) ? width(a) > width(b) : a->first < b->first;
  });
  std::string header = "{";
  uint64_t offset = 0;
  for (const auto *e : order) {
    const auto &[name, array] = *e;
    header += header.size() > 1 ? "," : "";
    header += quoted(name) + ":{\"dtype\":\"";
    for (const NamedType &type : types)
      if (type.dtype == array.dtype && !type.exponentBits)
        header += type.name;
    header += "\",\"shape\":[";
    for (size_t i = 0; i < array.extents.size(); ++i)
      header += (i ? "," : "") + std::to_string(array.extents[i]);
    header += "],\"data_offsets\":[" + std::to_string(offset) + ",";
    offset += array.bytes();
    header += std::to_string(offset) + "]}";
  }
  header += "}";
  header.append((8 - header.size() % 8) % 8, ' ');
  if (header.size() > maxHeaderBytes)
    return {ETCH_ERROR_ARGUMENT,
            "'" + path + "': too many arrays for one file"};
  unsigned char start[8];
  for (size_t i = 0; i < sizeof start; ++i)
    start[i] = static_cast<unsigned char>(header.size() >> (8 * i));
  etch_atomic_file_t file;
  etch_atomic_open(&file, path.c_str());
  etch_atomic_write(&file, start, sizeof start);
  etch_atomic_write(&file, header.data(), header.size());
  for (const auto *e : order)
    etch_atomic_write(&file, e->second.data.get(), e->second.bytes());
  if (etch_atomic_close(&file, 1))
    return {ETCH_ERROR_IO,
            "cannot write '" + path + "': " + strerror(file.error)};
  return {};
}
