//===- Print.cpp - arrays as text -----------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// NumPy's rules: the shortest digits that read back as the same number, at most
// eight behind the point; one width for all elements; exponents where numbers
// are far apart; more than 1000 elements are summarised by the first and last
// three of each axis; lines of 75 characters.
//===----------------------------------------------------------------------===//

#include "frontend/core/Convert.h"
#include "frontend/engine/Engine.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <ostream>

using namespace etch;
using namespace etch::detail;

namespace {

constexpr int precision = 8, edge_items = 3, line_width = 75;
constexpr int64_t threshold = 1000;

/// A number's digits around the point: 3.25e+00 is {"3", "25", '+', "00"}.
struct Digits {
  std::string whole, fraction;
  char sign = '+';
  std::string exponent;
};

class Formatter {
public:
  explicit Formatter(const Value &v) : v(v) {}
  std::string run();

private:
  bool summarised() const { return v.shape.elements() > threshold; }
  template <class F> void for_each_shown(int axis, const char *at, F f) const;
  void measure();
  std::string element(const char *at) const;
  std::string row_text(const char *at) const;
  std::string axis_text(int axis, const char *at) const;
  template <class T> void measure_floats();
  template <class T> std::string float_text(T x) const;

  const Value &v;
  bool scientific = false;
  /// Characters of the parts of a number; of the exponent, the digits.
  size_t whole_width = 0, fraction_width = 0, exponent_width = 0, width = 0;
};

} // namespace

/// The shortest digits that read back as x, with at most `precision` behind the
/// point; the scientific form has one digit before it.
template <class T>
static Digits digits_of(T x, bool scientific, int exactly = -1,
                        bool keep_zeros = false) {
  char text[512];
  auto format =
      scientific ? std::chars_format::scientific : std::chars_format::fixed;
  auto end =
      exactly < 0
          ? std::to_chars(text, text + sizeof text, x, format).ptr
          : std::to_chars(text, text + sizeof text, x, format, exactly).ptr;
  std::string_view s(text, size_t(end - text));
  size_t e = s.find('e'), point = s.find('.');
  size_t mantissa_end = std::min(e, s.size());
  if (point != s.npos && mantissa_end - point - 1 > size_t(precision))
    return digits_of(x, scientific, precision);
  Digits d;
  d.whole = s.substr(0, std::min(point, mantissa_end));
  if (point != s.npos)
    d.fraction = s.substr(point + 1, mantissa_end - point - 1);
  while (!keep_zeros && !d.fraction.empty() && d.fraction.back() == '0')
    d.fraction.pop_back();
  if (e != s.npos) {
    d.sign = s[e + 1];
    d.exponent = s.substr(e + 2);
  }
  return d;
}

template <class F>
void Formatter::for_each_shown(int axis, const char *at, F f) const {
  if (axis == v.shape.rank())
    return f(at);
  int64_t n = v.shape[axis], step = v.strides[axis] * size_of(v.dtype);
  bool gap = summarised() && n > 2 * edge_items;
  for (int64_t i = 0; i < n; ++i) {
    if (gap && i == edge_items)
      i = n - edge_items;
    for_each_shown(axis + 1, at + i * step, f);
  }
}

template <class T> void Formatter::measure_floats() {
  auto *data = static_cast<const char *>(v.data);
  double largest = 0, smallest = INFINITY;
  bool special = false, negative_special = false;
  auto read = [](const char *at) { return *reinterpret_cast<const T *>(at); };
  for_each_shown(0, data, [&](const char *at) {
    T x = read(at);
    if (!std::isfinite(x)) {
      special = true;
      negative_special |= std::isinf(x) && x < 0;
      return;
    }
    double a = std::fabs(double(x));
    if (a != 0) {
      largest = std::max(largest, a);
      smallest = std::min(smallest, a);
    }
  });
  scientific = largest >= 1e8 ||
               (largest > 0 && (smallest < 1e-4 || largest / smallest > 1000));
  for_each_shown(0, data, [&](const char *at) {
    T x = read(at);
    if (!std::isfinite(x))
      return;
    Digits d = digits_of(x, scientific);
    whole_width = std::max(whole_width, d.whole.size());
    fraction_width = std::max(fraction_width, d.fraction.size());
    exponent_width = std::max(exponent_width, d.exponent.size());
  });
  // The point, and "e+" before the digits of the exponent.
  size_t behind = 1 + fraction_width + (scientific ? 2 + exponent_width : 0);
  if (special) {
    size_t longest = negative_special ? 4 : 3;
    if (longest > behind)
      whole_width = std::max(whole_width, longest - behind);
  }
  width = whole_width + behind;
}

template <class T> std::string Formatter::float_text(T x) const {
  std::string s;
  if (!std::isfinite(x)) {
    s = std::isnan(x) ? "nan" : x < 0 ? "-inf" : "inf";
    return std::string(width - s.size(), ' ') + s;
  }
  // With exponents, all have the digits of the longest.
  Digits d = digits_of(x, scientific, scientific ? int(fraction_width) : -1,
                       scientific);
  s = std::string(whole_width - d.whole.size(), ' ') + d.whole + "." +
      d.fraction;
  s += std::string(fraction_width - d.fraction.size(), scientific ? '0' : ' ');
  if (scientific)
    s += std::string("e") + d.sign +
         std::string(exponent_width - d.exponent.size(), '0') + d.exponent;
  return s;
}

std::string Formatter::element(const char *at) const {
  std::string s;
  switch (v.dtype) {
  case boolean:
    s = *at ? "True" : "False";
    break;
  case i32:
    s = std::to_string(*reinterpret_cast<const int32_t *>(at));
    break;
  case i64:
    s = std::to_string(*reinterpret_cast<const int64_t *>(at));
    break;
  case f32:
    return float_text(*reinterpret_cast<const float *>(at));
  case f64:
    return float_text(*reinterpret_cast<const double *>(at));
  }
  return s.size() < width ? std::string(width - s.size(), ' ') + s : s;
}

void Formatter::measure() {
  if (v.dtype == f32)
    return measure_floats<float>();
  if (v.dtype == f64)
    return measure_floats<double>();
  size_t widest = 0;
  for_each_shown(0, static_cast<const char *>(v.data), [&](const char *at) {
    widest = std::max(widest, element(at).size());
  });
  width = widest;
}

/// The innermost axis, broken into lines.
std::string Formatter::row_text(const char *at) const {
  int axis = v.shape.rank() - 1;
  int64_t n = v.shape[axis], step = v.strides[axis] * size_of(v.dtype);
  bool gap = summarised() && n > 2 * edge_items;
  const std::string margin(size_t(axis + 1), ' ');
  std::string text, line = margin;
  auto put = [&](const std::string &word) {
    if (line.size() + word.size() > size_t(line_width - axis - 1) &&
        line.size() > margin.size()) {
      line.erase(line.find_last_not_of(' ') + 1);
      text += line + "\n";
      line = margin;
    }
    line += word;
  };
  for (int64_t i = 0; i < n; ++i) {
    if (gap && i == edge_items) {
      put("...");
      line += ' ';
      i = n - edge_items;
    }
    put(element(at + i * step));
    if (i + 1 < n)
      line += ' ';
  }
  return "[" + (text + line).substr(margin.size()) + "]";
}

std::string Formatter::axis_text(int axis, const char *at) const {
  int left = v.shape.rank() - axis;
  if (left == 0)
    return element(at);
  if (left == 1)
    return row_text(at);
  int64_t n = v.shape[axis], step = v.strides[axis] * size_of(v.dtype);
  bool gap = summarised() && n > 2 * edge_items;
  const std::string between =
      std::string(size_t(left - 1), '\n') + std::string(size_t(axis + 1), ' ');
  std::string text = "[";
  for (int64_t i = 0; i < n; ++i) {
    if (i)
      text += between;
    if (gap && i == edge_items) {
      text += "..." + between;
      i = n - edge_items;
    }
    text += axis_text(axis + 1, at + i * step);
  }
  return text + "]";
}

/// A scalar prints as Python prints the number.
template <class T> static std::string scalar_text(T x) {
  if (!std::isfinite(x))
    return std::isnan(x) ? "nan" : x < 0 ? "-inf" : "inf";
  double a = std::fabs(double(x));
  char text[512];
  if (a != 0 && (a >= 1e16 || a < 1e-4)) {
    auto end = std::to_chars(text, text + sizeof text, x,
                             std::chars_format::scientific)
                   .ptr;
    return {text, end};
  }
  auto end =
      std::to_chars(text, text + sizeof text, x, std::chars_format::fixed).ptr;
  std::string s(text, end);
  return s.find('.') == s.npos ? s + ".0" : s;
}

std::string Formatter::run() {
  if (v.shape.elements() == 0)
    return v.shape.rank() == 1 ? "[]" : "[], shape=" + to_string(v.shape);
  if (v.shape.rank() == 0 && v.dtype == f32)
    return scalar_text(*static_cast<const float *>(v.data));
  if (v.shape.rank() == 0 && v.dtype == f64)
    return scalar_text(*static_cast<const double *>(v.data));
  measure();
  return axis_text(0, static_cast<const char *>(v.data));
}

std::string etch::to_string(const Variable &x) {
  if (!x.defined())
    return "variable(None)";
  const Value &v = *x.node()->value;
  if (!v.storage)
    return std::string("variable(<") + (x.node()->trace ? "traced " : "") +
           to_string(v.type()) + ">)";
  // Lines stand below the first one, behind "variable(".
  std::string text = Formatter(v).run(), indented = "variable(";
  for (char c : text) {
    indented += c;
    if (c == '\n')
      indented += "         ";
  }
  return indented + ")";
}

std::ostream &etch::operator<<(std::ostream &os, const Variable &x) {
  return os << to_string(x);
}

std::ostream &etch::operator<<(std::ostream &os, const Shape &shape) {
  return os << to_string(shape);
}

std::ostream &etch::operator<<(std::ostream &os, DType dtype) {
  return os << name_of(dtype);
}

std::ostream &etch::operator<<(std::ostream &os, const TensorType &type) {
  return os << to_string(type);
}

std::ostream &etch::operator<<(std::ostream &os, const Device &device) {
  return os << to_string(device);
}
