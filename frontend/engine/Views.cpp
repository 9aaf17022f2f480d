//===- Views.cpp - the same elements at other indices ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "frontend/engine/Kernels.h"

using namespace etch;
using namespace etch::detail;

ValueRef detail::view_reshape(const Value &x, const Shape &shape) {
  int64_t strides[Shape::max_rank] = {};
  if (x.shape.elements() == 0) {
    dense_strides(shape, strides);
    return make_view(x, shape, strides);
  }
  // Old axes are taken in groups with as many elements as a group of new axes;
  // within a group the old axes must follow one another in memory.
  int from = 0, to = 0;
  while (from < x.shape.rank() || to < shape.rank()) {
    int first = from, end = to;
    int64_t old_count = from < x.shape.rank() ? x.shape[from++] : 1;
    int64_t new_count = end < shape.rank() ? shape[end++] : 1;
    while (old_count != new_count)
      if (old_count < new_count)
        old_count *= x.shape[from++];
      else
        new_count *= shape[end++];
    int64_t stride = 0, next = 0;
    bool any = false;
    for (int i = from; i-- > first;) {
      if (x.shape[i] == 1)
        continue;
      if (any && x.strides[i] != next)
        return {};
      if (!any)
        stride = x.strides[i];
      any = true;
      next = x.strides[i] * x.shape[i];
    }
    for (int i = end; i-- > to;) {
      strides[i] = stride;
      stride *= shape[i];
    }
    to = end;
  }
  return make_view(x, shape, strides);
}

ValueRef detail::view_transpose(const Value &x,
                                const std::vector<int64_t> &axes) {
  Shape shape;
  int64_t strides[Shape::max_rank];
  for (size_t i = 0; i < axes.size(); ++i) {
    shape.push_back(x.shape[int(axes[i])]);
    strides[i] = x.strides[axes[i]];
  }
  return make_view(x, shape, strides);
}

ValueRef detail::view_broadcast(const Value &x, const Shape &shape) {
  int64_t strides[Shape::max_rank] = {};
  int lead = shape.rank() - x.shape.rank();
  for (int i = lead; i < shape.rank(); ++i)
    strides[i] = x.shape[i - lead] == shape[i] ? x.strides[i - lead] : 0;
  return make_view(x, shape, strides);
}

ValueRef detail::view_slice(const Value &x, const Attrs &attrs,
                            const Shape &shape) {
  const auto &starts = std::get<std::vector<int64_t>>(attrs[0]);
  const auto &steps = std::get<std::vector<int64_t>>(attrs[1]);
  int64_t strides[Shape::max_rank] = {}, offset = 0;
  for (int i = 0; i < shape.rank(); ++i) {
    int64_t start = starts[size_t(i)];
    offset += (start < 0 ? start + x.shape[i] : start) * x.strides[i];
    strides[i] = x.strides[i] * steps[size_t(i)];
  }
  return make_view(x, shape, strides, shape.elements() ? offset : 0);
}
