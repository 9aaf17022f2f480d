//===- Phases.cpp - the phases of a compilation
//----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Pipelines/Phases.h"

using namespace etch;

static constexpr PhaseInfo phases[] = {
    {Phase::trace, "trace", "what the front end recorded"},
    {Phase::differentiate, "differentiate", "gradients are ops like others"},
    {Phase::simplify, "simplify", "equal values computed once, dead ones not"},
    {Phase::fuse, "fuse", "a list of calls of kernels"},
    {Phase::bufferize, "bufferize", "a list of launches over planned memory"},
    {Phase::codegen, "codegen", "the target's instructions, as LLVM IR"},
    {Phase::object, "object", "an object file"},
};

std::span<const PhaseInfo> etch::allPhases() { return phases; }

std::optional<Phase> etch::findPhase(std::string_view name) {
  for (const PhaseInfo &info : phases)
    if (info.name == name)
      return info.phase;
  return std::nullopt;
}
