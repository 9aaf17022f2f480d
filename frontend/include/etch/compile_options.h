//===- compile_options.h - How functions are compiled -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILE_OPTIONS_H
#define ETCH_COMPILE_OPTIONS_H

#include "etch/variable.h"

namespace etch {

/// `strict` gives the bits of eager mode. `fast` may contract and reassociate
/// within a bound. Its 3x3 convolutions of stride 1 may take fewer products
/// (Winograd): an element's error is below 2^-20 of the sum, over channels, of
/// the largest place times the sum of the filter's magnitudes.
enum class Mode : uint8_t { strict, fast };
/// What a program looks for while it runs; each costs time. `nan`: an operation
/// whose result is NaN or infinite although its operands are not. `bounds`:
/// starts of slices that do not fit, loops that are cut short (indices are
/// looked at always). A call that fails throws ValueError; all arrays are then
/// as they were before it.
enum class Check : uint8_t { none = 0, nan = 1, bounds = 2, all = 3 };

/// What products and convolutions round f32 operands to first: TF32 (10 bits of
/// fraction), bfloat16 (7; devices also keep large arrays so). Sums are of f32.
enum class Precision : uint8_t { full, tf32, bf16 };

struct CompileOptions {
  Device device = cpu();
  Mode mode = Mode::strict;
  /// The function has no effect and depends on nothing but its arguments and
  /// the contents of captured arrays: it is run once per signature only.
  bool pure = false;
  /// Bytes of the arena as MemoryPlan::planned counts them; 0: no limit.
  int64_t memory_budget = 0;
  Check check = Check::none;
  /// Every launch is timed (see CompiledFunction::profile).
  bool profile = false;
  /// gdb and perf know the lines of the function in the compiled code.
  bool debug = false;
  /// Every buffer of the arena lies at the end of pages of its own, in front of
  /// one that may not be touched: for tests.
  bool guard_pages = false;
  /// Leading extents of arguments (batches, lengths of sequences) are left open
  /// where the function allows: report() says which are. False: one program for
  /// each tuple of shapes. A memory_budget or guard_pages fix them, too.
  bool dynamic = true;
  /// Others than `full` are for Mode::fast; tf32 for graphics processors alone.
  /// On a CPU, bf16 is of matrix products of several rows and columns: fast
  /// where the processor has AMX, the same roundings elsewhere.
  Precision precision = Precision::full;
  /// On a graphics processor, in Mode::fast: products and convolutions are
  /// cuBLASLt's and cuDNN's where the machine has those, else our own kernels'.
  /// Programs of Mode::strict have our own alone: their bits are the host's.
  bool libraries = true;
  /// For inference: what depends on captured arrays (parameters) alone is
  /// computed by the first call and kept, weights in the order in which kernels
  /// read them. A captured array that gets new contents through Etch (assign,
  /// load_weights, an optimizer, another compiled function, a span() asked for
  /// since) is noticed, and computed again; who writes through an older span
  /// calls refreeze(). The function must not assign to captured arrays
  /// (UserError at the line that does). In Mode::strict keeps every bit.
  bool freeze = false;
};

} // namespace etch

#endif // ETCH_COMPILE_OPTIONS_H
