//===- Phases.h - the phases of a compilation ----------------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The one list of phases: flags, dumps, timings and tests come from it.
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_PIPELINES_PHASES_H
#define ETCH_COMPILER_PIPELINES_PHASES_H

#include <optional>
#include <span>
#include <string_view>

namespace etch {

/// In the order in which they run.
enum class Phase {
  trace,
  differentiate,
  simplify,
  fuse,
  bufferize,
  codegen,
  object,
};

struct PhaseInfo {
  Phase phase;
  const char *name;        ///< as in --compile-to=<name>
  const char *description; ///< what the program is when the phase has run
};

/// All phases, in order.
std::span<const PhaseInfo> allPhases();
inline const PhaseInfo &phaseInfo(Phase phase) {
  return allPhases()[size_t(phase)];
}
std::optional<Phase> findPhase(std::string_view name);

/// What can be left out when it is asked which pass changes a result, in the
/// order in which they run. Those without which there is no code do only what
/// they must: simplify removes what matters to gradients alone, fuse gives each
/// op a kernel, bufferize each value a buffer.
inline constexpr std::string_view optionalPasses[] = {
    "etch-reroll",    "etch-simplify",       "etch-relax",
    "etch-hoist",     "etch-recompute-kept", "etch-rematerialise",
    "etch-recompute", "etch-fuse",           "etch-contract",
    "etch-order",     "etch-bufferize",
};

} // namespace etch

#endif // ETCH_COMPILER_PIPELINES_PHASES_H
