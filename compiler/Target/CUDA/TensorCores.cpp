//===- TensorCores.cpp - Tiles of products by tensor cores ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Target/CUDA/TensorCores.h"

#include "compiler/Target/CUDA/Printer.h"

#include "etch/operations.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace etch;
using namespace etch::cuda;

/// Fewer large tiles leave a device without work.
static constexpr int64_t kEnoughTiles = 96;
/// Steps of K in shared memory: etch_steps.
static constexpr int64_t kSteps = 16;

bool etch::cuda::mayUseTensorCores(const Kernel &k, Type element) {
  return k.precision != ETCH_PRECISION_FULL && element.isF32();
}

TensorTile TensorTile::small(const Kernel &k) {
  TensorTile tile;
  tile.half = k.precision == ETCH_PRECISION_BF16;
  return tile;
}

TensorTile TensorTile::choose(const Kernel &k, int64_t batches, int64_t rows,
                              int64_t columns) {
  TensorTile tile = small(k);
  if (batches <= 0 || rows <= 0 || columns <= 0)
    return tile;
  int64_t m = rows > 64 ? 128 : 64, n = columns > 64 ? 128 : 64;
  if (batches * int64_t(llvm::divideCeil(rows, m)) *
          int64_t(llvm::divideCeil(columns, n)) >=
      kEnoughTiles) {
    tile.m = m;
    tile.n = n;
  }
  return tile;
}

/// As etch_slice has it.
static int64_t sliceBytes(bool along, int64_t size, bool half, Type stored) {
  int64_t bytes = stored.isBF16() ? 2 : 4;
  int64_t pitch =
      (along ? size : kSteps) + (bytes == 4 && along == half ? 4 : 8);
  return bytes * pitch * (along ? kSteps : size);
}

bool etch::cuda::mayUseTensorCores(const Kernel &k, Type element,
                                   std::array<Type, 2> stored) {
  return mayUseTensorCores(k, element) &&
         (k.precision == ETCH_PRECISION_BF16 ||
          llvm::none_of(stored, [](Type type) { return type.isBF16(); }));
}

Value etch::cuda::movesWhole(Kernel &k, ArrayRef<Ix> extents, Type stored,
                             Value pointer) {
  Emit &e = k.e;
  int64_t each = 16 / e.bytesOf(stored);
  if (!llvm::all_of(extents, [&](Ix extent) {
        return extent.isKnown() && extent.known % each == 0;
      }))
    return e.constant(e.getI1Type(), 0, 1);
  return e
      .make<LLVM::CallOp>(TypeRange{e.getI1Type()}, "etch_aligned",
                          ValueRange{pointer})
      .getResult();
}

int64_t etch::cuda::sharedBytes(const TensorTile &tile,
                                std::array<bool, 2> along,
                                std::array<Type, 2> stored) {
  return 2 * (sliceBytes(along[0], tile.m, tile.half, stored[0]) +
              sliceBytes(along[1], tile.n, tile.half, stored[1]));
}

void etch::cuda::emitTensorTile(Kernel &k, const TensorTile &tile,
                                StringRef function, ArrayRef<bool> flags,
                                std::array<bool, 2> along,
                                std::array<Type, 2> stored,
                                ArrayRef<Value> operands,
                                function_ref<void(Ix, Ix, Value)> use,
                                int64_t further) {
  Emit &e = k.e;
  k.usesTensorCores = true;
  k.stages.back().function->setAttr(kBlocksPerProcessorAttr,
                                    e.getI64IntegerAttr(2));
  int64_t bytes = sharedBytes(tile, along, stored) + further;
  int64_t count = tile.m * tile.n / kThreads;
  Type f32 = e.getF32Type();
  Value results = e.stack(f32, count, 16);
  SmallVector<Value> all = {results, k.shared(e.getI8Type(), bytes)};
  llvm::append_range(all, operands);
  std::string name;
  llvm::raw_string_ostream os(name);
  auto text = [](bool flag) { return flag ? "true" : "false"; };
  os << function << "<" << tile.m << ", " << tile.n << ", ";
  for (bool flag : flags)
    os << text(flag) << ", ";
  os << text(tile.half);
  for (Type type : stored)
    os << (type.isBF16() ? ", u16" : ", float");
  os << ">";
  e.make<LLVM::CallOp>(TypeRange(), name, all);

  Ix thread = k.thread(), warp = e.div(thread, 32), lane = e.rem(thread, 32);
  Ix row = e.add(e.mul(e.rem(warp, 2), tile.m / 2), e.div(lane, 4));
  Ix column =
      e.add(e.mul(e.div(warp, 2), tile.n / 4), e.mul(e.rem(lane, 4), 2));
  auto loop = e.make<scf::ForOp>(e.value(0), e.value(count), e.value(1));
  loop->setAttr("etch.unroll", e.getI64IntegerAttr(count));
  OpBuilder::InsertionGuard guard(e);
  e.setInsertionPointToStart(loop.getBody());
  Ix i = Ix(loop.getInductionVar()), part = e.div(i, 4);
  Ix r = e.add(e.mul(e.div(part, tile.n / 32), 16),
               e.mul(e.rem(e.div(i, 2), 2), 8));
  Ix c = e.add(e.mul(e.rem(part, tile.n / 32), 8), e.rem(i, 2));
  use(e.add(row, r), e.add(column, c), k.load(results, i, f32));
}
