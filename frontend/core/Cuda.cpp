//===- Cuda.cpp - Graphics processors -------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/cuda.h"

#include "etch/host.h"
#include "frontend/core/Graphics.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <memory>

using namespace etch;
using namespace etch::detail;

//===----------------------------------------------------------------------===//
// Devices
//===----------------------------------------------------------------------===//

static constexpr int most_devices = 64;

[[noreturn]] static void no_device(int index, const Location &where) {
  std::string name = "cuda(" + std::to_string(index) + "): ";
  if (const char *why = etch_device_unavailable(); *why)
    throw DeviceError(name + why, where);
  throw DeviceError(name + "there is no device " + std::to_string(index) +
                        "; there are " + std::to_string(etch_device_count()),
                    where);
}

static void check_index(int index, const Location &where) {
  if (index < 0 || index >= most_devices || index >= etch_device_count())
    no_device(index, where);
}

Graphics &detail::graphics(int index, const Location &where) {
  static std::mutex mutex;
  static auto &all = *new std::array<std::unique_ptr<Graphics>, most_devices>;
  check_index(index, where);
  std::lock_guard lock(mutex);
  std::unique_ptr<Graphics> &found = all[size_t(index)];
  if (found)
    return *found;
  auto opened = std::make_unique<Graphics>();
  opened->index = index;
  etch_device_info_t info = {};
  if (etch_device_open(index, &opened->device) != ETCH_OK ||
      etch_device_describe(opened->device, &info) != ETCH_OK)
    throw DeviceError(
        "cuda(" + std::to_string(index) + "): " + etch_last_error(), where);
  opened->architecture = info.architecture;
  found = std::move(opened);
  return *found;
}

std::shared_ptr<etch_device_program_t>
detail::device_program(Graphics &g, const etch_module_t &module,
                       const Location &where) {
  static auto &all = *new std::map<std::pair<int, const etch_module_t *>,
                                   std::weak_ptr<etch_device_program_t>>;
  static std::mutex mutex;
  std::scoped_lock lock(mutex, g.mutex);
  std::weak_ptr<etch_device_program_t> &known = all[{g.index, &module}];
  if (auto program = known.lock())
    return program;
  etch_device_program_t *loaded = nullptr;
  if (etch_device_program_load(g.device, &module, &loaded) != ETCH_OK)
    throw_device_error(where);
  std::shared_ptr<etch_device_program_t> program(
      loaded, [&g](etch_device_program_t *p) {
        std::lock_guard lock(g.mutex);
        etch_device_program_unload(p);
      });
  known = program;
  return program;
}

void detail::throw_device_error(const Location &where) {
  throw DeviceError(etch_last_error(), where);
}

cuda::cuda(int number, SourceLocation l) : Device{Kind::cuda, uint8_t(number)} {
  check_index(number, l);
}

bool cuda::is_available() noexcept { return etch_device_count() > 0; }

std::string cuda::unavailable_reason() {
  return is_available() ? "" : etch_device_unavailable();
}

std::string cuda::no_products_reason() { return etch_products_unavailable(); }
std::string cuda::no_convolutions_reason() {
  return etch_convolutions_unavailable();
}

int cuda::device_count() noexcept { return etch_device_count(); }

DeviceStatistics cuda::statistics(int index, SourceLocation l) {
  Graphics &g = graphics(index, l);
  std::lock_guard lock(g.mutex);
  etch_device_info_t i = {};
  if (etch_device_describe(g.device, &i) != ETCH_OK)
    throw_device_error(l);
  return {i.name,          i.architecture, i.total,     i.free,
          i.used,          i.cached,       i.copies_in, i.copies_out,
          i.bytes_in,      i.bytes_out,    i.launches,  i.graph_launches,
          i.library_calls, i.staged_bytes};
}

void cuda::synchronize(int index, SourceLocation l) {
  Graphics &g = graphics(index, l);
  std::lock_guard lock(g.mutex);
  if (etch_device_wait(g.device) != ETCH_OK)
    throw_device_error(l);
}

std::string etch::to_string(const Device &device) {
  if (device.kind == Device::Kind::cpu)
    return "cpu";
  return "cuda(" + std::to_string(device.index) + ")";
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

namespace {
/// What a Storage gives back.
struct Lent {
  Graphics *from;
  void *memory;
};
} // namespace

static void give_back(void *context) {
  auto *lent = static_cast<Lent *>(context);
  std::lock_guard lock(lent->from->mutex);
  etch_device_free(lent->from->device, lent->memory);
  delete lent;
}

StorageRef detail::allocate_on(int device, size_t bytes,
                               const Location &where) {
  if (device < 0)
    return allocate(bytes);
  Graphics &g = graphics(device, where);
  std::lock_guard lock(g.mutex);
  void *memory = nullptr;
  if (etch_device_alloc(g.device, bytes, &memory) != ETCH_OK)
    throw_device_error(where);
  StorageRef s = borrow(memory, bytes, give_back, new Lent{&g, memory});
  s->foreign = false;
  s->device = int8_t(device);
  return s;
}

StorageRef
detail::allocate_guarded_on(int device, size_t bytes,
                            std::span<const std::pair<int64_t, int64_t>> parts,
                            const Location &where) {
  // In order; what overlaps is one.
  std::vector<std::pair<int64_t, int64_t>> sorted(parts.begin(), parts.end());
  std::sort(sorted.begin(), sorted.end());
  std::vector<etch_device_part_t> apart;
  for (auto [offset, count] : sorted) {
    auto from = uint64_t(offset), size = uint64_t(count);
    if (!size)
      continue;
    if (apart.empty() || from >= apart.back().offset + apart.back().bytes) {
      apart.push_back({from, size});
      continue;
    }
    etch_device_part_t &last = apart.back();
    last.bytes = std::max(last.bytes, from + size - last.offset);
  }
  Graphics &g = graphics(device, where);
  std::lock_guard lock(g.mutex);
  void *memory = nullptr;
  if (etch_device_alloc_guarded(g.device, bytes, apart.data(),
                                int32_t(apart.size()), &memory) != ETCH_OK)
    throw_device_error(where);
  auto free = [](void *context) {
    auto *lent = static_cast<Lent *>(context);
    std::lock_guard lock(lent->from->mutex);
    etch_device_free_guarded(lent->from->device, lent->memory);
    delete lent;
  };
  StorageRef s = borrow(memory, bytes, free, new Lent{&g, memory});
  s->foreign = false;
  s->device = int8_t(device);
  return s;
}

ValueRef detail::make_dense_on(int device, DType dtype, const Shape &shape,
                               const Location &where) {
  if (device < 0)
    return make_dense(dtype, shape);
  ValueRef v = make_type_only(dtype, shape);
  dense_strides(shape, v->strides);
  v->storage =
      allocate_on(device, size_t(shape.elements() * size_of(dtype)), where);
  v->data = v->storage->data;
  return v;
}

Reach detail::reach_of(const Value &v) {
  int64_t first = 0, last = 0, size = size_of(v.dtype);
  for (int axis = 0; axis < v.shape.rank(); ++axis) {
    if (v.shape[axis] == 0)
      return {};
    int64_t way = (v.shape[axis] - 1) * v.strides[axis] * size;
    (way < 0 ? first : last) += way;
  }
  return {-first, last - first + size};
}

/// From a device, whatever its strides.
static ValueRef fetch(const Value &v, const Location &where) {
  Graphics &g = graphics(device_of(v), where);
  std::lock_guard lock(g.mutex);
  Reach reach = reach_of(v);
  ValueRef copy = make_type_only(v.dtype, v.shape);
  std::copy_n(v.strides, v.shape.rank(), copy->strides);
  copy->storage = allocate(size_t(reach.bytes));
  copy->data = static_cast<char *>(copy->storage->data) + reach.before;
  if (etch_device_copy_out(g.device, copy->storage->data,
                           static_cast<const char *>(v.data) - reach.before,
                           uint64_t(reach.bytes)) != ETCH_OK)
    throw_device_error(where);
  return copy->is_dense() ? copy : dense_copy(*copy);
}

const ValueRef &detail::host_value(const ValueRef &v, const Location &where) {
  if (!v->on_device())
    return v;
  Graphics &g = graphics(device_of(*v), where);
  std::lock_guard lock(g.mutex);
  if (!v->on_host)
    v->on_host = fetch(*v, where);
  return v->on_host;
}

ValueRef detail::splat_to(int device, const Value &v, const Location &where) {
  constexpr size_t most = 4096;
  Graphics &g = graphics(device, where);
  std::lock_guard lock(g.mutex);
  uint64_t bits = 0;
  auto size = size_t(size_of(v.dtype));
  std::memcpy(&bits, v.data, size);
  if (g.numbers.size() >= most)
    g.numbers.clear();
  StorageRef &number = g.numbers[{v.dtype, bits}];
  if (!number) {
    StorageRef fresh = allocate_on(device, size, where);
    if (etch_device_copy_in(g.device, fresh->data, v.data, size) != ETCH_OK)
      throw_device_error(where);
    number = fresh;
  }
  ValueRef copy = make_type_only(v.dtype, v.shape);
  std::copy_n(v.strides, v.shape.rank(), copy->strides);
  copy->storage = number;
  copy->data = number->data;
  return copy;
}

ValueRef detail::copy_to(int device, const Value &v, const Location &where) {
  if (device < 0)
    return v.on_device() ? fetch(v, where) : dense_copy(v);
  Graphics &g = graphics(device, where);
  std::lock_guard lock(g.mutex);
  ValueRef copy = make_dense_on(device, v.dtype, v.shape, where);
  auto bytes = uint64_t(v.shape.elements() * size_of(v.dtype));
  etch_status_t status;
  if (device_of(v) == device && v.is_dense()) {
    status = etch_device_copy(g.device, copy->data, v.data, bytes);
  } else {
    ValueRef from(const_cast<Value *>(&v));
    if (v.on_device())
      from = host_value(from, where);
    if (!from->is_dense())
      from = dense_copy(*from);
    status = etch_device_copy_in(g.device, copy->data, from->data, bytes);
  }
  if (status != ETCH_OK)
    throw_device_error(where);
  return copy;
}

ValueRef detail::send_to(int device, const Value &v, const Location &where) {
  Graphics &g = graphics(device, where);
  auto bytes = uint64_t(v.shape.elements() * size_of(v.dtype));
  if (v.on_device() || bytes == 0)
    return copy_to(device, v, where);
  ValueRef from(const_cast<Value *>(&v));
  if (!from->is_dense())
    from = dense_copy(*from);
  void *pinned = nullptr;
  {
    std::lock_guard lock(g.mutex);
    if (etch_device_pinned(g.device, bytes, &pinned) != ETCH_OK)
      throw_device_error(where);
  }
  if (!pinned)
    return copy_to(device, v, where);
  // Nobody has to wait for this.
  std::memcpy(pinned, from->data, bytes);
  std::lock_guard lock(g.mutex);
  ValueRef copy = make_dense_on(device, v.dtype, v.shape, where);
  if (etch_device_send(g.device, copy->data, pinned, bytes) != ETCH_OK)
    throw_device_error(where);
  return copy;
}

void detail::arrive(const Value &v, const Location &where) {
  if (!v.on_device())
    return;
  Graphics &g = graphics(device_of(v), where);
  std::lock_guard lock(g.mutex);
  if (etch_device_receive(g.device, v.storage->data) != ETCH_OK)
    throw_device_error(where);
}
