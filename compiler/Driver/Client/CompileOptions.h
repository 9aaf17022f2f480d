//===- CompileOptions.h - What a user may ask of the compiler ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One plain struct for front end, tools and cache. Everything in it can change
// the code, therefore everything in it is part of the cache key.
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_DRIVER_CLIENT_COMPILEOPTIONS_H
#define ETCH_DRIVER_CLIENT_COMPILEOPTIONS_H

#include <cstdint>
#include <string>

namespace etch::driver {

/// `strict` gives the bits of the definition; `fast` may reassociate within a
/// stated bound.
enum class Mode : uint32_t { strict = 0, fast = 1 };

/// How much time the compiler may take. `quick` is for one-op eager programs.
enum class Effort : uint32_t { quick = 0, full = 1 };

struct CompileOptions {
  Mode mode = Mode::strict;
  Effort effort = Effort::full;
  /// Adds run-time checks of values (NaN, infinities) that cost time.
  bool check = false;
  /// Bytes that the arena may take; 0 is no limit.
  int64_t memoryBudget = 0;
  /// "native", or a processor's name as in LLVM ("x86-64-v3", "znver4").
  std::string mcpu = "native";
  /// Name of the module; exported libraries prefix their symbols with it.
  std::string name = "etch";

  bool operator==(const CompileOptions &) const = default;
};

} // namespace etch::driver

#endif // ETCH_DRIVER_CLIENT_COMPILEOPTIONS_H
