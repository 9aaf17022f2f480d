//===- cuda.h - Graphics processors -----------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   model.to(cuda(0));
//   auto step = compile(train, {.device = cuda(0)});
//
// A machine without a graphics processor is a state, not an error: ask first.
//===----------------------------------------------------------------------===//
#ifndef ETCH_CUDA_H
#define ETCH_CUDA_H

#include "etch/variable.h"

#include <string>

namespace etch {

/// What a graphics processor has done for this program, and its memory in
/// bytes.
struct DeviceStatistics {
  std::string name, architecture; ///< "NVIDIA H200", "sm_90"
  uint64_t memory = 0, free = 0;  ///< free: what no program has
  uint64_t used = 0, cached = 0;  ///< of this program: in arrays, kept for more
  // From the host and to it, since the program began.
  uint64_t copies_in = 0, copies_out = 0, bytes_in = 0, bytes_out = 0;
  uint64_t launches = 0, graph_launches = 0;
  uint64_t library_calls = 0; ///< products and convolutions of cuBLASLt, cuDNN
  uint64_t staged_bytes = 0;  ///< of bytes_in and bytes_out, by pinned memory
};

/// Graphics processor number `index`. DeviceError at the caller's line where
/// there is none, with the reason.
struct cuda : Device {
  explicit cuda(int index = 0, SourceLocation l = SourceLocation::current());

  /// Whether programs can run on a graphics processor of this machine.
  static bool is_available() noexcept;
  /// Why not; "" when they can.
  static std::string unavailable_reason();
  static int device_count() noexcept;
  /// Why products are not cuBLASLt's, convolutions not cuDNN's, whatever the
  /// options of a program; "" where the libraries can be loaded.
  static std::string no_products_reason();
  static std::string no_convolutions_reason();
  /// DeviceError as above.
  static DeviceStatistics
  statistics(int index = 0, SourceLocation l = SourceLocation::current());
  /// Waits for all work of the device. DeviceError when some of it failed.
  static void synchronize(int index = 0,
                          SourceLocation l = SourceLocation::current());
};

} // namespace etch

#endif // ETCH_CUDA_H
