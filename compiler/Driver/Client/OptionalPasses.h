//===- OptionalPasses.h - what a compilation can do without -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_DRIVER_CLIENT_OPTIONALPASSES_H
#define ETCH_DRIVER_CLIENT_OPTIONALPASSES_H

#include <string_view>

namespace etch {

/// What can be left out when it is asked which pass changes a result, in the
/// order in which they run. Those without which there is no code do only what
/// they must: simplify removes what matters to gradients alone, fuse gives each
/// op a kernel, bufferize each value a buffer.
inline constexpr std::string_view optionalPasses[] = {
    "etch-reroll",
    "etch-simplify",
    "etch-relax",
    "etch-hoist",
    "etch-recompute-kept",
    "etch-channels-last",
    "etch-rematerialise",
    "etch-recompute",
    "etch-fuse",
    "etch-contract",
    "etch-stage",
    "etch-narrow",
    "etch-pool-convolutions",
    "etch-order",
    "etch-bufferize",
};

} // namespace etch

#endif // ETCH_DRIVER_CLIENT_OPTIONALPASSES_H
