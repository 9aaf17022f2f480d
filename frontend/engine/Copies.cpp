//===- Copies.cpp - elements that are only moved --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Placing an array in a larger one moves elements and computes none: there is
// nothing to compile.
//===----------------------------------------------------------------------===//

#include "frontend/core/Graphics.h"
#include "frontend/engine/Kernels.h"

#include <algorithm>
#include <cstring>

using namespace etch;
using namespace etch::detail;

namespace {
/// A walk over two arrays of one shape, with as few axes as they allow.
struct Walk {
  int rank = 0;
  int64_t extents[Shape::max_rank], from[Shape::max_rank], to[Shape::max_rank];

  Walk(const Value &x, const Value &y) {
    for (int axis = 0; axis < x.shape.rank(); ++axis) {
      int64_t n = x.shape[axis];
      if (n == 1)
        continue;
      bool joins = rank && from[rank - 1] == x.strides[axis] * n &&
                   to[rank - 1] == y.strides[axis] * n;
      int at = joins ? rank - 1 : rank++;
      extents[at] = joins ? extents[at] * n : n;
      from[at] = x.strides[axis];
      to[at] = y.strides[axis];
    }
  }

  /// Asks a device for copies of rows of elements, at most so many.
  bool copy_there(etch_device_t *device, int64_t size, const char *source,
                  char *target, const Location &where) const;

  template <class T> void copy(int axis, const T *source, T *target) const {
    if (axis == rank) {
      *target = *source;
      return;
    }
    int64_t n = extents[axis], a = from[axis], b = to[axis];
    if (axis + 1 < rank) {
      for (int64_t i = 0; i < n; ++i)
        copy(axis + 1, source + i * a, target + i * b);
    } else if (a == 1 && b == 1) {
      std::memcpy(target, source, size_t(n) * sizeof(T));
    } else {
      for (int64_t i = 0; i < n; ++i)
        target[i * b] = source[i * a];
    }
  }
};
} // namespace

template <class T> static void copy(const Value &x, const Value &y) {
  Walk(x, y).copy(0, static_cast<const T *>(x.data), static_cast<T *>(y.data));
}

void detail::copy_elements(const Value &x, const Value &part) {
  if (x.shape.elements() == 0)
    return;
  switch (size_of(x.dtype)) {
  case 1:
    return copy<uint8_t>(x, part);
  case 4:
    return copy<uint32_t>(x, part);
  default:
    return copy<uint64_t>(x, part);
  }
}

bool Walk::copy_there(etch_device_t *device, int64_t size, const char *source,
                      char *target, const Location &where) const {
  constexpr int64_t most = 256;
  // What is moved in one piece, and how many axes are left.
  int64_t width = size, rows = 1, row_from = 0, row_to = 0;
  int left = rank;
  if (left && from[left - 1] == 1 && to[left - 1] == 1)
    width = extents[--left] * size;
  auto fits = [&](int64_t pitch) {
    return pitch * size >= width && pitch * size <= INT32_MAX;
  };
  if (left && fits(from[left - 1]) && fits(to[left - 1])) {
    rows = extents[--left];
    row_from = from[left] * size;
    row_to = to[left] * size;
  }
  int64_t copies = 1;
  for (int axis = 0; axis < left; ++axis)
    copies *= extents[axis];
  if (copies > most)
    return false;
  for (int64_t i = 0; i < copies; ++i) {
    int64_t a = 0, b = 0, rest = i;
    for (int axis = left; axis-- > 0; rest /= extents[axis]) {
      a += rest % extents[axis] * from[axis] * size;
      b += rest % extents[axis] * to[axis] * size;
    }
    etch_status_t status =
        rows == 1
            ? etch_device_copy(device, target + b, source + a, uint64_t(width))
            : etch_device_copy_rows(device, target + b, uint64_t(row_to),
                                    source + a, uint64_t(row_from),
                                    uint64_t(width), uint64_t(rows));
    if (status != ETCH_OK)
      throw_device_error(where);
  }
  return true;
}

bool detail::copy_elements_there(const Value &x, const Value &part,
                                 const Location &where) {
  if (x.shape.elements() == 0)
    return true;
  const Value *from = &x;
  ValueRef dense;
  if (!x.is_dense()) {
    dense =
        run_kernel(opInfo(OpId::StopGradient), {&from, 1}, {}, x.type(), where);
    from = dense.get();
  }
  Graphics &g = graphics(device_of(x), where);
  std::lock_guard lock(g.mutex);
  return Walk(*from, part)
      .copy_there(g.device, size_of(x.dtype),
                  static_cast<const char *>(from->data),
                  static_cast<char *>(part.data), where);
}

ValueRef detail::place_on_device(const Value &x, const Attrs &attrs,
                                 const TensorType &type,
                                 const Location &where) {
  int device = device_of(x);
  ValueRef y;
  if (x.shape.elements() == type.shape.elements()) {
    y = make_dense_on(device, type.dtype, type.shape, where);
  } else {
    ValueRef fill = splat_to(
        device, *make_splat(std::get<double>(attrs[2]), type.dtype, type.shape),
        where);
    const Value *from = fill.get();
    y = run_kernel(opInfo(OpId::StopGradient), {&from, 1}, {}, type, where);
  }
  return copy_elements_there(x, *view_slice(*y, attrs, x.shape), where)
             ? y
             : ValueRef();
}

ValueRef detail::place(const Value &x, const Attrs &attrs,
                       const TensorType &type) {
  ValueRef y = make_dense(type.dtype, type.shape);
  if (x.shape.elements() != type.shape.elements())
    copy_elements(
        *make_splat(std::get<double>(attrs[2]), type.dtype, type.shape), *y);
  copy_elements(x, *view_slice(*y, attrs, x.shape));
  return y;
}

Attrs detail::attrs_at(const Value &start, const Attrs &attrs, const Shape &a,
                       const Shape &b) {
  auto axis = size_t(std::get<int64_t>(attrs[0]));
  std::vector<int64_t> starts(size_t(a.rank()), 0), steps(size_t(a.rank()), 1);
  int64_t room = std::abs(a[int(axis)] - b[int(axis)]);
  starts[axis] =
      std::clamp<int64_t>(*static_cast<const int64_t *>(start.data), 0, room);
  return {std::move(starts), std::move(steps), 0.0};
}

ValueRef detail::count_up(const Shape &shape) {
  ValueRef y = make_dense(i64, shape);
  auto *values = static_cast<int64_t *>(y->data);
  for (int64_t i = 0, n = shape.elements(); i < n; ++i)
    values[i] = i;
  return y;
}
