//===- config.h - Modes, per thread and per scope ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// { NoGrad scope; … }  computes without leaving a graph behind.
//===----------------------------------------------------------------------===//
#ifndef ETCH_CONFIG_H
#define ETCH_CONFIG_H

#include <cstdint>

namespace etch {

/// This thread's modes.
struct Config {
  bool enable_backprop = true; ///< operations leave a graph behind
  bool train = true;           ///< dropout drops, batch_norm takes statistics
};
const Config &config() noexcept;

/// Kernels that this thread has run for eager operations. Views run none;
/// neither does recording, nor a compiled call.
uint64_t eager_kernel_runs() noexcept;

/// Sets one mode while it lives, also when the scope is left by an exception:
/// `UsingConfig scope(&Config::train, false);`
class UsingConfig {
public:
  UsingConfig(bool Config::*mode, bool value) noexcept;
  ~UsingConfig();
  UsingConfig(const UsingConfig &) = delete;
  UsingConfig &operator=(const UsingConfig &) = delete;

private:
  bool Config::*mode;
  bool outer;
};

/// No graph in this scope.
class NoGrad : UsingConfig {
public:
  NoGrad() noexcept : UsingConfig(&Config::enable_backprop, false) {}
};

/// Inference in this scope: nothing is dropped, statistics are frozen.
class TestMode : UsingConfig {
public:
  TestMode() noexcept : UsingConfig(&Config::train, false) {}
};

} // namespace etch

#endif // ETCH_CONFIG_H
