//===- Graphics.h - Memory of graphics processors ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef ETCH_CORE_GRAPHICS_H
#define ETCH_CORE_GRAPHICS_H

#include "etch/device.h"
#include "frontend/engine/Node.h"

#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>

namespace etch::detail {

/// A graphics processor in use. Opened once, never closed.
struct Graphics {
  int index = 0;
  etch_device_t *device = nullptr;
  std::string architecture; ///< "sm_90"
  /// Numbers that were asked for there, by their type and bits.
  std::map<std::pair<DType, uint64_t>, StorageRef> numbers;
  /// Held during each call of the runtime.
  std::recursive_mutex mutex;
};

/// DeviceError where there is none.
Graphics &graphics(int index, const Location &where);
/// Throws the runtime's last failure.
[[noreturn]] void throw_device_error(const Location &where);

/// The module's kernels there, loaded once for all who hold them.
std::shared_ptr<etch_device_program_t>
device_program(Graphics &g, const etch_module_t &module, const Location &where);

/// Where the contents are.
inline int device_of(const Value &v) {
  return v.storage ? v.storage->device : -1;
}

/// Uninitialised memory; DeviceError says how much there is. -1: the host's.
StorageRef allocate_on(int device, size_t bytes, const Location &where);
/// The same, of which only these parts may be touched: offsets, bytes.
StorageRef
allocate_guarded_on(int device, size_t bytes,
                    std::span<const std::pair<int64_t, int64_t>> parts,
                    const Location &where);
/// A dense Value with such memory.
ValueRef make_dense_on(int device, DType dtype, const Shape &shape,
                       const Location &where);
/// The same elements, dense, in fresh memory there.
ValueRef copy_to(int device, const Value &v, const Location &where);
/// copy_to() beside what the device does, for the thread that makes things
/// ready; arrive() must come before anybody uses it.
ValueRef send_to(int device, const Value &v, const Location &where);
/// What comes from here on finds what was sent.
void arrive(const Value &v, const Location &where);
/// One element, repeated: the same on a device, where such numbers are kept.
ValueRef splat_to(int device, const Value &v, const Location &where);
/// Whether v is a number of the host, which operations may have on any device.
inline bool is_number(const Value &v) {
  return v.storage && !v.on_device() &&
         v.storage->bytes <= size_t(size_of(v.dtype));
}
/// v itself, or its elements copied to the host (once for each Value).
const ValueRef &host_value(const ValueRef &v, const Location &where);
/// The number of host bytes behind a Value, and of the first of them before its
/// element (0, 0, …).
struct Reach {
  int64_t before = 0, bytes = 0;
};
Reach reach_of(const Value &v);

} // namespace etch::detail

#endif // ETCH_CORE_GRAPHICS_H
