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
#include <string_view>

namespace etch::driver {

/// `strict` gives the bits of the definition; `fast` may reassociate within a
/// stated bound.
enum class Mode : uint32_t { strict = 0, fast = 1 };

/// How much time the compiler may take. `quick` is for one-op eager programs.
enum class Effort : uint32_t { quick = 0, full = 1 };

/// What a program looks for while it runs. `nan`: values that are not finite
/// although those from which they are computed are. `bounds`: starts of slices
/// that do not fit, loops cut short. Both cost time.
enum class Check : uint32_t { none = 0, nan = 1, bounds = 2, all = 3 };

/// What products and convolutions do to their operands of f32 first. Sums are
/// of f32. Others than `full` are for mode fast. On devices bf16 is also what
/// large arrays are stored as between kernels (see the pass narrow).
enum class Precision : uint32_t { full = 0, tf32 = 1, bf16 = 2 };

/// "none", "nan", "bounds" or "all".
inline bool parseCheck(std::string_view name, Check &check) {
  constexpr std::string_view names[] = {"none", "nan", "bounds", "all"};
  for (uint32_t i = 0; i < 4; ++i)
    if (name == names[i]) {
      check = Check(i);
      return true;
    }
  return false;
}

struct CompileOptions {
  Mode mode = Mode::strict;
  Effort effort = Effort::full;
  /// Run-time checks that are compiled in.
  Check check = Check::none;
  /// Optional passes that are left out, for a search of the one that changes a
  /// result: names, with commas between them (see etch::optionalPasses).
  std::string without;
  /// Each launch is timed; the times lie at the start of the arena (see
  /// driver::ProfileLayout).
  bool profile = false;
  /// Debug information for the lines that the program's locations name.
  bool debug = false;
  /// Every buffer ends at the end of a page of its own, with an unused page
  /// behind it: for tests that protect those.
  bool guard = false;
  /// AddressSanitizer checks the generated code's accesses to memory; the
  /// process must have its run-time library. ETCH_SANITIZE=address in the
  /// environment asks for it, too. Exported libraries are not checked.
  bool sanitize = false;
  /// Bytes that the arena may take; 0 is no limit.
  int64_t memoryBudget = 0;
  /// "native", or a processor's name as in LLVM ("x86-64-v3", "znver4").
  std::string mcpu = "native";
  /// Architectures of graphics processors, with commas between them ("sm_90",
  /// "compute_90": for all that come later); "": the program is for the host.
  std::string device;
  Precision precision = Precision::full;
  /// Of programs for devices: products and convolutions are done by the vendor's
  /// libraries where the machine that runs the program has them. Their bits are
  /// not those of the definition: for mode fast.
  bool libraries = false;
  /// States keep their contents from call to call: what depends on them alone is
  /// computed once (see etch_call_t.prepared).
  bool freeze = false;
  /// Name of the module; exported libraries prefix their symbols with it.
  std::string name = "etch";

  bool operator==(const CompileOptions &) const = default;
};

} // namespace etch::driver

#endif // ETCH_DRIVER_CLIENT_COMPILEOPTIONS_H
