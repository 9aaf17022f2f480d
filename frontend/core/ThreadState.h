//===- ThreadState.h - What is in force on a thread -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef ETCH_CORE_THREADSTATE_H
#define ETCH_CORE_THREADSTATE_H

#include "etch/config.h"
#include "etch/location.h"

namespace etch::detail {

class Recorder;

struct ThreadState {
  Config config;
  Recorder *recorder = nullptr;
  LocationScope *frames = nullptr; ///< the innermost
  uint64_t kernel_runs = 0;        ///< of eager operations
  uint32_t sweep_order = 0;        ///< see Merging.h; 0 outside of sweeps
};

/// One lookup per operation: a thread-local variable costs a call in a shared
/// library.
inline ThreadState &thread_state() noexcept {
  static constinit thread_local ThreadState state;
  return state;
}

} // namespace etch::detail

#endif // ETCH_CORE_THREADSTATE_H
