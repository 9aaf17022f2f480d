//===- array.h - Making arrays ----------------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef ETCH_ARRAY_H
#define ETCH_ARRAY_H

#include "etch/operand.h"

#include <functional>

namespace etch {

/// Element type of a new array: `{.dtype = f32}`. By default what is said at
/// each function.
struct ArrayOptions {
  DType dtype = DType{};
};

namespace detail {
/// Numbers in nested braces, all in one row with their common shape.
class Nested {
public:
  template <Literal T>
  Nested(T value)
      : kind(std::is_same_v<T, bool>    ? boolean
             : std::is_integral_v<T>    ? i64
             : std::is_same_v<T, float> ? f32
                                        : f64),
        numbers{double(value)} {
    if constexpr (std::is_integral_v<T>)
      integers = {int64_t(value)};
  }
  Nested(std::initializer_list<Nested> list);

  DType kind = f64;
  Shape shape;
  std::vector<double> numbers;
  std::vector<int64_t> integers; ///< the same numbers if none is a float
};
} // namespace detail

/// array({1.0, 2.0}) is (2,) float64, array({{1, 2, 3}, {4, 5, 6}}) (2, 3)
/// int64; one float among integers makes floats. ShapeError if rows differ.
Variable array(const detail::Nested &values, ArrayOptions options = {},
               SourceLocation l = SourceLocation::current());

/// Arrays filled with one number: float64 by default; full() takes the type of
/// the number.
Variable zeros(const Shape &shape, ArrayOptions options = {},
               SourceLocation l = SourceLocation::current());
Variable ones(const Shape &shape, ArrayOptions options = {},
              SourceLocation l = SourceLocation::current());
Variable full(const Shape &shape, Operand value, ArrayOptions options = {});
/// The same with the shape and, by default, the element type of x.
Variable zeros_like(Operand x, ArrayOptions options = {});
Variable ones_like(Operand x, ArrayOptions options = {});
Variable full_like(Operand x, Operand value, ArrayOptions options = {});
/// Ones on the diagonal of an (n, n) matrix; float64 by default.
Variable eye(int64_t n, ArrayOptions options = {},
             SourceLocation l = SourceLocation::current());
/// 0, 1, … below `stop`; start, start + step, … below stop. int64 if all
/// arguments are integers, else float64. ValueError if step is 0.
Variable arange(Operand stop, ArrayOptions options = {});
Variable arange(Operand start, Operand stop, Operand step = 1,
                ArrayOptions options = {});
/// `count` evenly spaced numbers, `stop` included; float64 by default.
Variable linspace(double start, double stop, int64_t count,
                  ArrayOptions options = {},
                  SourceLocation l = SourceLocation::current());

/// A copy of dense row-major elements. ShapeError unless they are as many as
/// the shape says.
Variable from_data(std::span<const float> data, const Shape &shape,
                   SourceLocation l = SourceLocation::current());
Variable from_data(std::span<const double> data, const Shape &shape,
                   SourceLocation l = SourceLocation::current());
Variable from_data(std::span<const int32_t> data, const Shape &shape,
                   SourceLocation l = SourceLocation::current());
Variable from_data(std::span<const int64_t> data, const Shape &shape,
                   SourceLocation l = SourceLocation::current());
Variable from_data(std::span<const bool> data, const Shape &shape,
                   SourceLocation l = SourceLocation::current());
/// A copy of a row of numbers: double, float, int64_t or int32_t. (A template,
/// so that braces are not taken for a vector.)
template <detail::Literal T>
Variable array(const std::vector<T> &values,
               SourceLocation l = SourceLocation::current()) {
  return from_data(std::span<const T>(values), {int64_t(values.size())}, l);
}
/// An array over memory of somebody else, without a copy; `deleter(data)` runs
/// when nothing uses it any more.
Variable view(void *data, const Shape &shape, DType dtype,
              std::function<void(void *)> deleter = {},
              SourceLocation l = SourceLocation::current());

} // namespace etch

#endif // ETCH_ARRAY_H
