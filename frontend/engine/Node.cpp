//===- Node.cpp - storage, values, nodes ----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "frontend/engine/Node.h"
#include "etch/memory.h"
#include "frontend/core/Graphics.h"
#include "frontend/core/Pool.h"
#include "frontend/engine/Tape.h"

#include <algorithm>
#include <atomic>
#include <cstring>

using namespace etch;
using namespace etch::detail;

//===----------------------------------------------------------------------===//
// Storage
//===----------------------------------------------------------------------===//

namespace etch::detail {
int64_t cached_bytes(); // Pool.cpp
}

static std::atomic<int64_t> live_bytes, peak_bytes;

/// Storage and its elements are one block; the header takes one cache line.
static constexpr size_t header_bytes = 64;
static_assert(sizeof(Storage) <= header_bytes);

static void count_bytes(int64_t change) {
  if (__libc_single_threaded) {
    int64_t now = live_bytes.load(std::memory_order_relaxed) + change;
    live_bytes.store(now, std::memory_order_relaxed);
    if (now > peak_bytes.load(std::memory_order_relaxed))
      peak_bytes.store(now, std::memory_order_relaxed);
    return;
  }
  int64_t now = live_bytes.fetch_add(change) + change, peak = peak_bytes;
  while (now > peak && !peak_bytes.compare_exchange_weak(peak, now))
    ;
}

StorageRef detail::allocate(size_t bytes) {
  auto *s = new (pool_allocate(header_bytes + bytes)) Storage;
  s->data = reinterpret_cast<char *>(s) + header_bytes;
  s->bytes = bytes;
  count_bytes(int64_t(bytes));
  return StorageRef(s);
}

StorageRef detail::borrow(void *data, size_t bytes, void (*deleter)(void *),
                          void *context) {
  auto *s = new (pool_allocate(header_bytes)) Storage;
  s->data = data;
  s->bytes = bytes;
  s->deleter = deleter;
  s->context = context;
  s->foreign = true;
  return StorageRef(s);
}

void detail::destroy(Storage *s) noexcept {
  if (s->foreign || s->device >= 0) {
    if (s->deleter)
      s->deleter(s->context);
    return pool_free(s, header_bytes);
  }
  count_bytes(-int64_t(s->bytes));
  pool_free(s, header_bytes + s->bytes);
}

MemoryStats etch::memory_stats() {
  return {live_bytes, peak_bytes, cached_bytes()};
}

void etch::reset_peak_memory() { peak_bytes = live_bytes.load(); }

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

void detail::dense_strides(const Shape &shape, int64_t *strides) {
  int64_t stride = 1;
  for (int i = shape.rank(); i-- > 0;) {
    strides[i] = stride;
    stride *= shape[i];
  }
}

bool Value::is_dense() const {
  int64_t stride = 1;
  for (int i = shape.rank(); i-- > 0;) {
    if (shape[i] == 0)
      return true;
    if (shape[i] != 1 && strides[i] != stride)
      return false;
    stride *= shape[i];
  }
  return true;
}

ValueRef detail::make_type_only(DType dtype, const Shape &shape) {
  auto *v = pool_new<Value>();
  v->dtype = dtype;
  v->shape = shape;
  return ValueRef(v);
}

ValueRef detail::make_dense(DType dtype, const Shape &shape) {
  ValueRef v = make_type_only(dtype, shape);
  dense_strides(shape, v->strides);
  v->storage = allocate(size_t(shape.elements() * size_of(dtype)));
  v->data = v->storage->data;
  return v;
}

ValueRef detail::make_view(const Value &of, const Shape &shape,
                           const int64_t *strides, int64_t offset) {
  ValueRef v = make_type_only(of.dtype, shape);
  std::copy_n(strides, shape.rank(), v->strides);
  v->storage = of.storage;
  v->data = static_cast<char *>(of.data) + offset * size_of(of.dtype);
  return v;
}

void detail::store_scalar(void *to, DType dtype, double value) {
  switch (dtype) {
  case boolean:
    *static_cast<bool *>(to) = value != 0;
    return;
  case i32:
    *static_cast<int32_t *>(to) = int32_t(value);
    return;
  case i64:
    *static_cast<int64_t *>(to) = int64_t(value);
    return;
  case f32:
    *static_cast<float *>(to) = float(value);
    return;
  case f64:
    *static_cast<double *>(to) = value;
    return;
  }
}

ValueRef detail::make_splat(double value, DType dtype, const Shape &shape) {
  ValueRef v = make_type_only(dtype, shape);
  v->storage = allocate(size_t(size_of(dtype)));
  v->data = v->storage->data;
  store_scalar(v->data, dtype, value);
  return v;
}

void detail::destroy(Value *v) noexcept { pool_delete(v); }

/// Copies a strided array, axis by axis, into dense memory.
static char *copy_axes(const Value &v, int axis, const char *from, char *to) {
  int64_t size = size_of(v.dtype),
          n = axis < v.shape.rank() ? v.shape[axis] : 1;
  if (axis >= v.shape.rank() - 1) {
    int64_t stride = axis < v.shape.rank() ? v.strides[axis] : 1;
    if (stride == 1) {
      std::memcpy(to, from, size_t(n * size));
      return to + n * size;
    }
    for (int64_t i = 0; i < n; ++i, to += size)
      std::memcpy(to, from + i * stride * size, size_t(size));
    return to;
  }
  for (int64_t i = 0; i < n; ++i)
    to = copy_axes(v, axis + 1, from + i * v.strides[axis] * size, to);
  return to;
}

ValueRef detail::dense_copy(const Value &v) {
  if (v.on_device())
    return copy_to(v.storage->device, v, {});
  ValueRef copy = make_dense(v.dtype, v.shape);
  if (v.shape.elements() != 0)
    copy_axes(v, 0, static_cast<const char *>(v.data),
              static_cast<char *>(copy->data));
  return copy;
}

ValueRef detail::dense_value(const Variable &x) {
  const ValueRef &v = host_value(x.node()->value, {});
  return v->is_dense() ? v : dense_copy(*v);
}

void detail::make_writable(Node &n) {
  const ValueRef &v = n.value;
  if (v->refs != 1 || v->storage->refs != 1 || !v->is_dense())
    n.value = dense_copy(*v);
}

//===----------------------------------------------------------------------===//
// Nodes
//===----------------------------------------------------------------------===//

void detail::retain(Node *node) noexcept {
  add_ref(node);
  add_ref(&node->handles);
}

void detail::release(Node *node) noexcept {
  // Nobody can ask for its gradient any more, unless by way of the graph; a
  // gradient that has a graph leads back here: a cycle, which ends now.
  if (drop_ref(&node->handles) && node->grad.defined() &&
      node->grad.node()->creator)
    node->grad = Variable();
  if (drop_ref(node))
    destroy(node);
}

uint64_t detail::next_serial() {
  static std::atomic<uint64_t> serial;
  if (!__libc_single_threaded)
    return serial.fetch_add(1, std::memory_order_relaxed) + 1;
  uint64_t s = serial.load(std::memory_order_relaxed) + 1;
  serial.store(s, std::memory_order_relaxed);
  return s;
}

Variable detail::make_variable(ValueRef value, uint16_t flags) {
  auto *n = pool_new<Node>();
  n->flags = flags;
  n->value = std::move(value);
  n->serial = next_serial();
  retain(n);
  return Variable::adopt(n);
}

Variable detail::make_traced(const TensorType &type, uint64_t trace,
                             int64_t index) {
  Variable x = make_variable(make_type_only(type.dtype, type.shape));
  x.node()->trace = trace;
  x.node()->index = index;
  return x;
}

void detail::destroy(Node *n) noexcept {
  if (n->creator)
    n->creator->forget(n);
  delete n->name;
  pool_delete(n);
}
