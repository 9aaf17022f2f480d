//===- types.h - Element types and shapes ------------------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The types of tensors, as plain C++: shared by the operators' rules, which the
// compiler runs, and by the public front end, which knows nothing of MLIR.
//===----------------------------------------------------------------------===//
#ifndef ETCH_TYPES_H
#define ETCH_TYPES_H

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

namespace etch {

/// The type of a tensor's elements. The numbers are those of the C ABI
/// (etch_dtype_t).
enum class DType : int32_t { boolean = 1, i32 = 2, i64 = 3, f32 = 4, f64 = 5 };

/// The types under their short names: `{.dtype = f32}`.
inline constexpr DType boolean = DType::boolean;
inline constexpr DType i32 = DType::i32;
inline constexpr DType i64 = DType::i64;
inline constexpr DType f32 = DType::f32;
inline constexpr DType f64 = DType::f64;

/// What kind of numbers a type holds; a boolean is neither.
constexpr bool is_floating(DType t) { return t == f32 || t == f64; }
constexpr bool is_integer(DType t) { return t == i32 || t == i64; }

/// Bytes that one element takes in memory; a boolean takes one.
constexpr int64_t size_of(DType t) {
  switch (t) {
  case DType::boolean:
    return 1;
  case DType::i32:
  case DType::f32:
    return 4;
  case DType::i64:
  case DType::f64:
    return 8;
  }
  return 0;
}

/// NumPy's name of the type: "float32".
const char *name_of(DType t);

/// An extent that is known only when the program runs.
inline constexpr int64_t dynamic_extent = INT64_MIN;

/// The extents of a tensor, outermost first; at most max_rank of them. Shape {}
/// is that of a scalar. Of more extents one too many is kept: the rank tells,
/// and is an error wherever a shape is given.
class Shape {
public:
  static constexpr int max_rank = 8;

  Shape() = default;
  Shape(std::initializer_list<int64_t> extents)
      : Shape(std::span<const int64_t>(extents.begin(), extents.size())) {}
  explicit Shape(std::span<const int64_t> extents) {
    for (int64_t e : extents)
      push_back(e);
  }

  int rank() const { return count; }
  int size() const { return count; }
  bool empty() const { return count == 0; }
  int64_t operator[](int i) const { return values[i]; }
  int64_t &operator[](int i) { return values[i]; }
  int64_t back() const { return values[count - 1]; }
  const int64_t *begin() const { return values.data(); }
  const int64_t *end() const { return values.data() + count; }
  const int64_t *data() const { return values.data(); }
  operator std::span<const int64_t>() const {
    return {values.data(), size_t(count)};
  }
  /// Adds an innermost extent.
  void push_back(int64_t e) {
    if (count <= max_rank)
      values[count++] = e;
  }
  /// Inserts an extent before axis i, 0 <= i <= rank().
  void insert(int i, int64_t e) {
    push_back(e);
    for (int k = count - 1; k > i; --k)
      values[k] = values[k - 1];
    values[i] = e;
  }
  /// Product of the extents; meaningless with dynamic ones.
  int64_t elements() const {
    int64_t n = 1;
    for (int64_t e : *this)
      n *= e;
    return n;
  }
  bool is_static() const {
    for (int64_t e : *this)
      if (e == dynamic_extent)
        return false;
    return true;
  }
  friend bool operator==(const Shape &a, const Shape &b) {
    if (a.count != b.count)
      return false;
    for (int i = 0; i < a.count; ++i)
      if (a.values[i] != b.values[i])
        return false;
    return true;
  }

private:
  std::array<int64_t, max_rank + 1> values{};
  int count = 0;
};

/// As NumPy writes it: "(2, 3)", "(3,)", "()"; "?" for dynamic extents.
std::string to_string(const Shape &shape);

/// Element type and shape of one tensor.
struct TensorType {
  DType dtype = DType::f64;
  Shape shape;
  friend bool operator==(const TensorType &, const TensorType &) = default;
};

/// "float32 (2, 3)".
std::string to_string(const TensorType &type);

} // namespace etch

#endif // ETCH_TYPES_H
