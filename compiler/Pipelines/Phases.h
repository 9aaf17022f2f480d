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

} // namespace etch

#endif // ETCH_COMPILER_PIPELINES_PHASES_H
