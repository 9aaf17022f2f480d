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
  /// What gradients of gradients compute again is one operation, as in compiled
  /// programs. Derivatives from the third on then have the bits of compiled
  /// ones, and graphs that do not grow with every order by a factor; without, a
  /// graph is what was run (the book's step 35).
  bool merge_gradients = false;
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

/// Gradients of gradients in this scope are those of compiled programs, bit for
/// bit at any order: see Config::merge_gradients.
class MergeGradients : UsingConfig {
public:
  MergeGradients() noexcept : UsingConfig(&Config::merge_gradients, true) {}
};

/// Inference in this scope: nothing is dropped, statistics are frozen.
class TestMode : UsingConfig {
public:
  TestMode() noexcept : UsingConfig(&Config::train, false) {}
};

} // namespace etch

#endif // ETCH_CONFIG_H
