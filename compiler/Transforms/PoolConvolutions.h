//===- PoolConvolutions.h - kernels that end in a pool -----------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TRANSFORMS_POOLCONVOLUTIONS_H
#define ETCH_COMPILER_TRANSFORMS_POOLCONVOLUTIONS_H

#include "dialects/Etch/EtchDialect.h"

#include "mlir/Pass/Pass.h"

#include <functional>

namespace etch {

/// Whether the target's kernel of a convolution can end in this pool of what
/// follows it.
using EndsInPool = std::function<bool(Conv2dOp, MaxPoolIndexOp)>;

/// Pass `etch-pool-convolutions` for such a target; null: all of them can.
std::unique_ptr<mlir::Pass> createPoolConvolutions(EndsInPool endsInPool);

} // namespace etch

#endif // ETCH_COMPILER_TRANSFORMS_POOLCONVOLUTIONS_H
