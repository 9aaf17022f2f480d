//===- Simplify.cpp - equal values once, dead ones not at all
//--------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Passes.h"
#include "compiler/Transforms/Simplifier.h"

#include "dialects/Etch/EtchDialect.h"

using namespace mlir;
using namespace etch;

namespace etch {
#define GEN_PASS_DEF_SIMPLIFY
#include "compiler/Transforms/Passes.h.inc"
} // namespace etch

namespace {
struct Simplify : etch::impl::SimplifyBase<Simplify> {
  using SimplifyBase::SimplifyBase;

  void runOnOperation() override {
    if (auto main = getOperation().lookupSymbol<func::FuncOp>("main"))
      simplify(main, minimal);
  }
};
} // namespace
