//===- Contraction.h - what may be rounded otherwise ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_DIALECTS_ETCH_CONTRACTION_H
#define ETCH_DIALECTS_ETCH_CONTRACTION_H

#include "dialects/Etch/EtchDialect.h"

namespace etch {

/// On a sum or difference: a product that it alone reads may be part of it, as
/// one fused multiply-add. Mode `fast` only.
inline constexpr llvm::StringLiteral kContractAttr = "etch.contract";

/// On a convolution: its sums may be formed in other ways than the chain of the
/// definition. Mode `fast` only.
inline constexpr llvm::StringLiteral kRelaxedAttr = "etch.relaxed";

/// The product that an op so marked takes in; null if there is none.
inline MulOp contractedProduct(mlir::Operation *op) {
  if (op->hasAttr(kContractAttr))
    for (mlir::Value x : op->getOperands())
      if (auto mul = x.getDefiningOp<MulOp>(); mul && x.hasOneUse())
        return mul;
  return {};
}

} // namespace etch

#endif // ETCH_DIALECTS_ETCH_CONTRACTION_H
