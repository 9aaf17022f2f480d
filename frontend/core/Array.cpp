//===- Array.cpp - making arrays ------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "etch/array.h"
#include "frontend/core/Array.h"
#include "frontend/core/Convert.h"
#include "frontend/engine/Engine.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <memory>
#include <new>

using namespace etch;
using namespace etch::detail;

//===----------------------------------------------------------------------===//
// What all of them share
//===----------------------------------------------------------------------===//

void detail::fail_rank(const char *what, const Location &where) {
  throw ShapeError(std::string(what) +
                       ": the shape has too many axes, arrays have at most " +
                       std::to_string(Shape::max_rank),
                   where);
}

void detail::fail_size(const Shape &shape, const char *what,
                       const Location &where) {
  throw ShapeError(
      std::string(what) + ": " + to_string(shape) + " is too large", where);
}

void detail::fail_memory(const char *what, const TensorType &type,
                         const Location &where) {
  throw RuntimeError(
      std::string(what) + ": there is no memory for " + to_string(type), where);
}

/// For shapes that users write down.
static void check_extents(const Shape &shape, const char *what,
                          const Location &where) {
  check_shape(shape, what, where);
  for (int64_t e : shape)
    if (e < 0)
      throw ShapeError(std::string(what) + ": negative extent in " +
                           to_string(shape),
                       where);
  check_size(shape, what, where);
}

ValueRef detail::new_dense(DType dtype, const Shape &shape, const char *what,
                           const Location &where) {
  check_extents(shape, what, where);
  try {
    return make_dense(dtype, shape);
  } catch (const std::bad_alloc &) {
    fail_memory(what, {dtype, shape}, where);
  }
}

Variable detail::new_array(ValueRef value, const Location &where) {
  Variable x = make_variable(std::move(value));
  if (Recorder *r = recorder())
    r->host_array(x, where.in_user_code());
  return x;
}

static DType or_default(ArrayOptions options, DType fallback) {
  return options.dtype == DType{} ? fallback : options.dtype;
}

static Variable filled(const Shape &shape, double value, DType dtype,
                       const char *what, const Location &where) {
  ValueRef v = new_dense(dtype, shape, what, where);
  visit(dtype, [&](auto zero) {
    using T = decltype(zero);
    auto *data = static_cast<T *>(v->data);
    std::fill(data, data + shape.elements(), T(value));
  });
  return new_array(std::move(v), where);
}

/// Elements given as T, stored as dtype.
template <class T>
static Variable converted(const T *data, int64_t count, const Shape &shape,
                          DType dtype, const char *what,
                          const Location &where) {
  ValueRef v = new_dense(dtype, shape, what, where);
  if (shape.elements() != count)
    throw ShapeError(std::string(what) + ": " + std::to_string(count) +
                         " elements do not fill " + to_string(shape),
                     where);
  convert(data, dtype_of<T>, v->data, dtype, count);
  return new_array(std::move(v), where);
}

//===----------------------------------------------------------------------===//
// Scalars and braces
//===----------------------------------------------------------------------===//

Variable Variable::from_scalar(double value, DType dtype) {
  ValueRef v = make_splat(value, dtype, {});
  return new_array(std::move(v), {});
}

Variable Variable::from_scalar(int64_t value) {
  ValueRef v = make_dense(i64, {});
  *static_cast<int64_t *>(v->data) = value;
  return new_array(std::move(v), {});
}

Nested::Nested(std::initializer_list<Nested> list) {
  const Nested *first = list.begin();
  if (list.size() && first->shape.rank() == Shape::max_rank)
    throw ShapeError("array: more than " + std::to_string(Shape::max_rank) +
                     " braces in each other");
  shape.push_back(int64_t(list.size()));
  if (list.size() == 0)
    return;
  bool any_float = false, any_int = false, any_f64 = false;
  for (const Nested &row : list) {
    if (row.shape != first->shape)
      throw ShapeError("array: rows differ: one is " + to_string(first->shape) +
                       ", another " + to_string(row.shape));
    any_float |= is_floating(row.kind);
    any_f64 |= row.kind == f64;
    any_int |= row.kind == i64;
    numbers.insert(numbers.end(), row.numbers.begin(), row.numbers.end());
    integers.insert(integers.end(), row.integers.begin(), row.integers.end());
  }
  kind = any_f64 || (any_float && any_int) ? f64
         : any_float                       ? f32
         : any_int                         ? i64
                                           : boolean;
  if (any_float)
    integers.clear();
  for (int64_t e : first->shape)
    shape.push_back(e);
}

Variable etch::array(const Nested &values, ArrayOptions options,
                     SourceLocation l) {
  DType dtype = or_default(options, values.kind);
  int64_t count = values.shape.elements();
  if (!values.integers.empty() && !is_floating(values.kind))
    return converted(values.integers.data(), count, values.shape, dtype,
                     "array", l);
  return converted(values.numbers.data(), count, values.shape, dtype, "array",
                   l);
}

//===----------------------------------------------------------------------===//
// Filled arrays
//===----------------------------------------------------------------------===//

Variable etch::zeros(const Shape &shape, ArrayOptions options,
                     SourceLocation l) {
  return filled(shape, 0, or_default(options, f64), "zeros", l);
}

Variable etch::ones(const Shape &shape, ArrayOptions options,
                    SourceLocation l) {
  return filled(shape, 1, or_default(options, f64), "ones", l);
}

/// The number that fills, and the type it has by itself.
static std::pair<double, DType> number(const Operand &value, const char *what) {
  if (value.is_literal())
    return {value.as_double(), value.literal_kind()};
  contents(value.var(), what, value.location());
  return {value.var().item<double>(), value.var().dtype()};
}

Variable etch::full(const Shape &shape, Operand value, ArrayOptions options) {
  auto [fill, dtype] = number(value, "full");
  return filled(shape, fill, or_default(options, dtype), "full",
                value.location());
}

Variable etch::zeros_like(Operand x, ArrayOptions options) {
  return full_like(x, 0, options);
}

Variable etch::ones_like(Operand x, ArrayOptions options) {
  return full_like(x, 1, options);
}

Variable etch::full_like(Operand x, Operand value, ArrayOptions options) {
  Shape shape = x.is_literal() ? Shape() : x.var().shape();
  DType dtype = x.is_literal() ? x.literal_kind() : x.var().dtype();
  Variable y = filled(shape, number(value, "full_like").first,
                      or_default(options, dtype), "full_like", x.location());
  return x.is_literal() ? y : y.to(x.var().device());
}

Variable etch::eye(int64_t n, ArrayOptions options, SourceLocation l) {
  Shape shape = {n, n};
  DType dtype = or_default(options, f64);
  ValueRef v = new_dense(dtype, shape, "eye", l);
  visit(dtype, [&](auto zero) {
    using T = decltype(zero);
    auto *data = static_cast<T *>(v->data);
    std::fill(data, data + n * n, T(0));
    for (int64_t i = 0; i < n; ++i)
      data[i * n + i] = T(1);
  });
  return new_array(std::move(v), l);
}

/// Room for numbers that the host computes.
static std::vector<double> room_for(int64_t count, const char *what,
                                    const Location &where) {
  check_size({count}, what, where);
  try {
    return std::vector<double>(static_cast<size_t>(count));
  } catch (const std::bad_alloc &) {
    fail_memory(what, {f64, {count}}, where);
  }
}

Variable etch::arange(Operand stop, ArrayOptions options) {
  return arange(Operand(0), stop, 1, options);
}

Variable etch::arange(Operand start, Operand stop, Operand step,
                      ArrayOptions options) {
  const Location &where = stop.location();
  auto [first, type_a] = number(start, "arange");
  auto [limit, type_b] = number(stop, "arange");
  auto [stride, type_c] = number(step, "arange");
  if (stride == 0 || !std::isfinite((limit - first) / stride))
    throw ValueError("arange: the step is 0 or a limit not finite", where);
  double count = std::max(0.0, std::ceil((limit - first) / stride));
  int64_t n = count < 0x1p62 ? int64_t(count) : INT64_MAX;
  bool integers =
      !is_floating(type_a) && !is_floating(type_b) && !is_floating(type_c);
  DType dtype = or_default(options, integers ? i64 : f64);
  std::vector<double> values = room_for(n, "arange", where);
  for (int64_t i = 0; i < n; ++i)
    values[size_t(i)] = first + double(i) * stride;
  return converted(values.data(), n, {n}, dtype, "arange", where);
}

Variable etch::linspace(double start, double stop, int64_t count,
                        ArrayOptions options, SourceLocation l) {
  if (count < 0)
    throw ValueError("linspace: the count is negative", l);
  std::vector<double> values = room_for(count, "linspace", l);
  double step = count > 1 ? (stop - start) / double(count - 1) : 0;
  for (int64_t i = 0; i < count; ++i)
    values[size_t(i)] = double(i) * step + start;
  if (count > 1)
    values.back() = stop;
  return converted(values.data(), count, {count}, or_default(options, f64),
                   "linspace", l);
}

//===----------------------------------------------------------------------===//
// Memory of the host program
//===----------------------------------------------------------------------===//

template <class T>
static Variable copied(std::span<const T> data, const Shape &shape,
                       const Location &where) {
  return converted(data.data(), int64_t(data.size()), shape, dtype_of<T>,
                   "from_data", where);
}
Variable etch::from_data(std::span<const float> data, const Shape &shape,
                         SourceLocation l) {
  return copied(data, shape, l);
}
Variable etch::from_data(std::span<const double> data, const Shape &shape,
                         SourceLocation l) {
  return copied(data, shape, l);
}
Variable etch::from_data(std::span<const int32_t> data, const Shape &shape,
                         SourceLocation l) {
  return copied(data, shape, l);
}
Variable etch::from_data(std::span<const int64_t> data, const Shape &shape,
                         SourceLocation l) {
  return copied(data, shape, l);
}
Variable etch::from_data(std::span<const bool> data, const Shape &shape,
                         SourceLocation l) {
  return copied(data, shape, l);
}

Variable etch::view(void *data, const Shape &shape, DType dtype,
                    std::function<void(void *)> deleter, SourceLocation l) {
  check_extents(shape, "view", l);
  if (!data && shape.elements() != 0)
    throw ValueError("view: the memory is null", l);
  struct Lent {
    std::function<void(void *)> deleter;
    void *data;
  };
  auto give_back = [](void *context) {
    std::unique_ptr<Lent> lent(static_cast<Lent *>(context));
    lent->deleter(lent->data);
  };
  ValueRef v = make_type_only(dtype, shape);
  dense_strides(shape, v->strides);
  auto bytes = size_t(shape.elements() * size_of(dtype));
  v->storage = deleter ? borrow(data, bytes, give_back,
                                new Lent{std::move(deleter), data})
                       : borrow(data, bytes, nullptr, nullptr);
  v->data = data;
  return new_array(std::move(v), l);
}
