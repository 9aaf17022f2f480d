//===- Exclusive.cpp - What a launch does not write -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Buffers of the arena that a launch reads and writes are either one and the
// same, in kernels that are functions of elements, or apart: so they are
// planned. The arena is nobody else's memory, nor is a result; the states of a
// program are apart from each other. Anything else may be passed twice.
//===----------------------------------------------------------------------===//

#include "compiler/Target/CUDA/Exclusive.h"

#include "dialects/Device/DeviceDialect.h"
#include "dialects/Etch/EtchDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace etch;
using namespace etch::cuda;

Place Place::of(Value v) {
  Place place;
  auto type = cast<MemRefType>(v.getType());
  while (Operation *op = v.getDefiningOp()) {
    if (auto view = dyn_cast<memref::ViewOp>(op)) {
      APInt offset;
      if (matchPattern(view.getByteShift(), m_ConstantInt(&offset)) &&
          type.hasStaticShape()) {
        place.begin = offset.getSExtValue();
        unsigned bits = type.getElementType().getIntOrFloatBitWidth();
        place.end =
            place.begin + type.getNumElements() * int64_t((bits + 7) / 8);
      }
      v = view.getSource();
    } else if (auto cast = dyn_cast<memref::ReinterpretCastOp>(op)) {
      v = cast.getSource();
    } else {
      break;
    }
  }
  place.root = v;
  return place;
}

/// Whether results may stand in the place of arguments.
static bool isPointwise(func::FuncOp kernel) {
  return llvm::all_of(kernel.getBody().front(), [](Operation &op) {
    auto rule = dyn_cast<DifferentiableOpInterface>(op);
    return !rule || rule.getInfo().kind == OpKind::pointwise ||
           rule.getInfo().kind == OpKind::view;
  });
}

static bool areApart(const Place &read, const Place &written, bool pointwise) {
  auto has = [](const Place &place, StringRef name) {
    auto argument = dyn_cast<BlockArgument>(place.root);
    auto function =
        argument ? dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp())
                 : func::FuncOp();
    return function && function.getArgAttr(argument.getArgNumber(), name);
  };
  if (read.root == written.root)
    return has(read, kArenaAttr) && (!pointwise || !read.meets(written));
  if (!isa<BlockArgument>(read.root)) // a constant
    return true;
  return has(read, kArenaAttr) || has(written, kArenaAttr) ||
         has(written, kResultAttr) ||
         (has(read, kStateAttr) && has(written, kStateAttr));
}

void etch::cuda::markExclusive(ModuleOp module) {
  DenseMap<Operation *, SmallVector<bool>> exclusive;
  DenseMap<Operation *, bool> pointwise;
  module.walk([&](device::LaunchOp op) {
    auto kernel = module.lookupSymbol<func::FuncOp>(op.getKernel());
    if (!kernel)
      return;
    SmallVector<bool> &all = exclusive[kernel];
    if (all.empty()) {
      all.assign(op.getIns().size(), true);
      pointwise[kernel] = isPointwise(kernel);
    }
    for (auto [i, x] : llvm::enumerate(op.getIns())) {
      if (!isa<MemRefType>(x.getType())) {
        all[i] = false;
        continue;
      }
      Place read = Place::of(x);
      for (Value y : op.getOuts())
        all[i] = all[i] && areApart(read, Place::of(y), pointwise[kernel]);
    }
  });
  for (auto &[kernel, all] : exclusive) {
    SmallVector<int64_t> numbers;
    for (auto [i, is] : llvm::enumerate(all))
      if (is)
        numbers.push_back(int64_t(i));
    kernel->setAttr(kExclusiveAttr,
                    DenseI64ArrayAttr::get(module.getContext(), numbers));
  }
}
