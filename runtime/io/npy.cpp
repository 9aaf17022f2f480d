//===- npy.cpp - One array in a file --------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/io/stream.h"

#include "runtime/core/message.h"

#include <cctype>
#include <new>

using namespace etch::io;

namespace {

constexpr char magic[] = "\x93NUMPY";
constexpr size_t magicBytes = 6;
constexpr size_t maxHeaderBytes = 1 << 20;
constexpr size_t maxRank = 32; // NumPy's own limit for long

struct NamedType {
  const char *descr; // without byte order
  etch_dtype_t dtype;
};
constexpr NamedType types[] = {{"b1", ETCH_BOOL},
                               {"i4", ETCH_I32},
                               {"i8", ETCH_I64},
                               {"f4", ETCH_F32},
                               {"f8", ETCH_F64}};

struct Header {
  std::string descr;
  bool hasDescr = false, hasOrder = false, hasShape = false;
  bool fortran = false;
  std::vector<int64_t> shape;
};

/// The header is a Python dictionary of literals; this reads the few forms that
/// NumPy writes.
class HeaderParser {
public:
  HeaderParser(const std::string &text, Header &out)
      : at(text.c_str()), end(at + text.size()), out(out) {}

  /// Empty on success, else what is wrong.
  std::string parse() {
    if (!take('{'))
      return "the header is no dictionary";
    while (!take('}')) {
      std::string key;
      if (!string(key) || !take(':'))
        return "the header is malformed";
      std::string wrong = value(key);
      if (!wrong.empty())
        return wrong;
      if (!take(',') && !peek('}'))
        return "the header is malformed";
    }
    if (!out.hasDescr || !out.hasOrder || !out.hasShape)
      return "the header lacks 'descr', 'fortran_order' or 'shape'";
    return {};
  }

private:
  void space() {
    while (at < end && std::isspace(static_cast<unsigned char>(*at)))
      ++at;
  }
  bool peek(char c) {
    space();
    return at < end && *at == c;
  }
  bool take(char c) {
    if (!peek(c))
      return false;
    ++at;
    return true;
  }
  bool word(const char *text) {
    space();
    size_t n = strlen(text);
    if (size_t(end - at) < n || memcmp(at, text, n))
      return false;
    at += n;
    return true;
  }
  bool string(std::string &to) {
    space();
    if (at == end || (*at != '\'' && *at != '"'))
      return false;
    char quote = *at++;
    const char *begin = at;
    while (at < end && *at != quote && *at != '\\')
      ++at;
    if (at == end || *at != quote)
      return false;
    to.assign(begin, at++);
    return true;
  }
  bool extent(int64_t &to) {
    space();
    const char *begin = at;
    to = 0;
    for (; at < end && std::isdigit(static_cast<unsigned char>(*at)); ++at)
      if (__builtin_mul_overflow(to, int64_t(10), &to) ||
          __builtin_add_overflow(to, int64_t(*at - '0'), &to))
        return false;
    if (at == begin)
      return false;
    if (at < end && *at == 'L') // written by Python 2
      ++at;
    return true;
  }
  std::string value(const std::string &key) {
    if (key == "descr") {
      out.hasDescr = true;
      if (peek('['))
        return "structured element types are not supported";
      if (!string(out.descr))
        return "the header is malformed at 'descr'";
      return {};
    }
    if (key == "fortran_order") {
      out.hasOrder = true;
      out.fortran = word("True");
      return out.fortran || word("False")
                 ? ""
                 : "the header is malformed at 'fortran_order'";
    }
    if (key != "shape")
      return "the header has an unknown key '" + key + "'";
    out.hasShape = true;
    if (!take('('))
      return "the header is malformed at 'shape'";
    while (!take(')')) {
      int64_t n;
      if (!extent(n) || (!take(',') && !peek(')')))
        return "the header is malformed at 'shape'";
      if (out.shape.size() == maxRank)
        return "more than 32 axes";
      out.shape.push_back(n);
    }
    return {};
  }

  const char *at, *end;
  Header &out;
};

/// Row-major from column-major, element by element.
void transposeInto(const char *from, char *to,
                   const std::vector<int64_t> &shape, size_t element) {
  size_t rank = shape.size();
  std::vector<int64_t> index(rank, 0), stride(rank);
  int64_t total = 1;
  for (size_t i = 0; i < rank; ++i) {
    stride[i] = total;
    total *= shape[i];
  }
  int64_t offset = 0;
  for (int64_t n = 0; n < total; ++n) {
    memcpy(to + size_t(n) * element, from + size_t(offset) * element, element);
    for (size_t i = rank; i-- > 0;) {
      offset += stride[i];
      if (++index[i] < shape[i])
        break;
      offset -= stride[i] * shape[i];
      index[i] = 0;
    }
  }
}

Error readHeader(Stream &stream, Header &header) {
  unsigned char start[12];
  if (stream.remaining() < magicBytes + 4)
    return stream.error("not a .npy file (too short)");
  if (Error e = stream.read(start, magicBytes + 2))
    return e;
  if (memcmp(start, magic, magicBytes))
    return stream.error("not a .npy file");
  int version = start[magicBytes];
  if (version < 1 || version > 3)
    return stream.error("unsupported .npy version " + std::to_string(version));
  size_t width = version == 1 ? 2 : 4, bytes = 0;
  if (Error e = stream.read(start, width))
    return e;
  for (size_t i = width; i-- > 0;)
    bytes = bytes << 8 | start[i];
  if (bytes > stream.remaining())
    return stream.error("the file is truncated");
  if (bytes > maxHeaderBytes)
    return stream.error("the header is too long");
  std::string text(bytes, '\0');
  if (Error e = stream.read(text.data(), bytes))
    return e;
  std::string wrong = HeaderParser(text, header).parse();
  return wrong.empty() ? Error() : stream.error(wrong);
}

} // namespace

std::string etch::io::dtypeName(const std::string &descr) {
  if (descr.size() < 3)
    return descr;
  const char *kind = nullptr;
  switch (descr[1]) {
  case 'b':
    return descr.substr(2) == "1" ? "bool" : descr;
  case 'i':
    kind = "int";
    break;
  case 'u':
    kind = "uint";
    break;
  case 'f':
    kind = "float";
    break;
  case 'c':
    kind = "complex";
    break;
  case 'O':
    return "object";
  case 'U':
  case 'S':
    return "string";
  case 'M':
    return "datetime64";
  case 'm':
    return "timedelta64";
  default:
    return descr;
  }
  int bytes = 0;
  for (char c : descr.substr(2)) {
    if (c < '0' || c > '9' || bytes > 99)
      return descr;
    bytes = bytes * 10 + (c - '0');
  }
  return kind + std::to_string(bytes * 8);
}

Array Array::make(etch_dtype_t dtype, std::vector<int64_t> extents) {
  Array array;
  array.dtype = dtype;
  array.extents = std::move(extents);
  size_t bytes = (array.bytes() + 63) / 64 * 64;
  void *data = aligned_alloc(64, bytes ? bytes : 64);
  if (data)
    array.data = std::shared_ptr<void>(data, [](void *p) { free(p); });
  return array;
}

Array Array::view(etch_dtype_t dtype, std::vector<int64_t> extents,
                  const void *data) {
  Array array;
  array.dtype = dtype;
  array.extents = std::move(extents);
  array.data = std::shared_ptr<void>(const_cast<void *>(data), [](void *) {});
  return array;
}

int64_t Array::size() const {
  int64_t n = 1;
  for (int64_t extent : extents)
    n *= extent;
  return n;
}

size_t Array::bytes() const {
  return size_t(size()) * etch_message_dtype_size(dtype);
}

Error etch::io::parseNpy(Stream &stream, Array &out) {
  Header header;
  if (Error e = readHeader(stream, header))
    return e;
  const std::string &descr = header.descr;
  const NamedType *type = nullptr;
  for (const NamedType &candidate : types)
    if (!descr.empty() && descr.substr(1) == candidate.descr)
      type = &candidate;
  if (!type && descr == "?")
    type = &types[0];
  if (!type)
    return stream.error("element type " + dtypeName(descr) +
                        " is not supported (bool, int32, int64, float32 and "
                        "float64 are)");
  if (descr[0] == '>')
    return stream.error("big-endian data ('" + descr + "') is not supported");
  if (!strchr("<|=?", descr[0]))
    return stream.error("unknown element type '" + descr + "'");

  // The product of the extents must fit what the file can hold; as in NumPy
  // that of the extents that are not 0 must be a number.
  bool empty = false;
  uint64_t element = etch_message_dtype_size(type->dtype), bytes = element;
  for (int64_t extent : header.shape) {
    empty |= extent == 0;
    if (extent && (__builtin_mul_overflow(bytes, uint64_t(extent), &bytes) ||
                   bytes > INT64_MAX))
      return stream.error("the shape is too large");
  }
  if (empty)
    bytes = 0;
  if (bytes > stream.remaining())
    return stream.error("the file is truncated: the shape asks for " +
                        std::to_string(bytes) + " bytes of data, there are " +
                        std::to_string(stream.remaining()));
  Array array = Array::make(type->dtype, header.shape);
  if (!array.data)
    return stream.error("no memory for " + std::to_string(bytes) + " bytes",
                        ETCH_ERROR_MEMORY);
  if (Error e = stream.read(array.data.get(), bytes))
    return e;
  if (type->dtype == ETCH_BOOL) // other bytes than 0 and 1 are true
    for (uint64_t i = 0; i < bytes; ++i) {
      unsigned char &value = static_cast<unsigned char *>(array.data.get())[i];
      value = value != 0;
    }
  if (header.fortran && header.shape.size() > 1 && bytes) {
    Array rowMajor = Array::make(type->dtype, header.shape);
    if (!rowMajor.data)
      return stream.error("no memory for " + std::to_string(bytes) + " bytes",
                          ETCH_ERROR_MEMORY);
    transposeInto(static_cast<char *>(array.data.get()),
                  static_cast<char *>(rowMajor.data.get()), header.shape,
                  element);
    array = std::move(rowMajor);
  }
  out = std::move(array);
  return {};
}

std::string etch::io::npyHeader(const Array &array) {
  std::string text = "{'descr': '";
  for (const NamedType &type : types)
    if (type.dtype == array.dtype)
      text += std::string(array.dtype == ETCH_BOOL ? "|" : "<") + type.descr;
  text += "', 'fortran_order': False, 'shape': (";
  for (size_t i = 0; i < array.extents.size(); ++i) {
    text += i ? " " : "";
    text += std::to_string(array.extents[i]);
    text += i + 1 < array.extents.size() || i == 0 ? "," : "";
  }
  text += "), }";
  // The data starts at a multiple of 64.
  size_t used = magicBytes + 4 + text.size() + 1;
  text.append((64 - used % 64) % 64, ' ');
  text += '\n';
  std::string header(magic, magicBytes);
  header += '\1';
  header += '\0';
  header += char(text.size() & 255);
  header += char(text.size() >> 8);
  return header + text;
}

Error etch::io::readNpy(const std::string &path, Array &out) {
  File file;
  if (Error e = file.open(path))
    return e;
  FileStream stream(file, 0, file.size());
  return parseNpy(stream, out);
}

Error etch::io::writeNpy(const std::string &path, const Array &array) {
  if (!etch_message_dtype_size(array.dtype) || (!array.data && array.size()))
    return {ETCH_ERROR_ARGUMENT, "'" + path + "': the array has no data"};
  std::string header = npyHeader(array);
  etch_atomic_file_t file;
  if (!etch_atomic_open(&file, path.c_str())) {
    etch_atomic_write(&file, header.data(), header.size());
    etch_atomic_write(&file, array.data.get(), array.bytes());
  }
  if (etch_atomic_close(&file, 1))
    return {ETCH_ERROR_IO,
            "cannot write '" + path + "': " + strerror(file.error)};
  return {};
}
