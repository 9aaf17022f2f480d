//===- GemmEmitter.h - A matrix product under construction -------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TARGET_CPU_GEMMEMITTER_H
#define ETCH_COMPILER_TARGET_CPU_GEMMEMITTER_H

#include "compiler/Target/CPU/Gemm.h"
#include "compiler/Target/CPU/GemmTiling.h"
#include "compiler/Target/Kernel/Evaluator.h"

namespace etch::cpu {

/// Emits one kernel: Gemm.cpp says what is multiplied and how it is cut,
/// GemmTile.cpp is about one register tile.
class Gemm {
public:
  Gemm(Kernel &k, mlir::Operation *op) : k(k), e(k.e), op(op) {}
  llvm::LogicalResult emit();

private:
  llvm::LogicalResult bind();
  llvm::LogicalResult bindMatmul();
  llvm::LogicalResult bindConvolution();
  llvm::LogicalResult bindMatrix(mlir::Value operand, bool left,
                                 Matrix &matrix);
  void pack(const Matrix &matrix, mlir::Value target, Ix length, Ix total,
            int64_t width, int64_t paddedWidth, Ix from, Ix depth);
  void packPart(const Matrix &matrix, mlir::Value target, Ix length, Ix total,
                int64_t width, int64_t paddedWidth, Ix depth, Ix pitch);
  void enterRow(Ix batch, Ix row);
  void chooseTiling();
  bool mayBeReady() const;
  void findReadyColumns();
  mlir::Value readyColumns(Ix batch, Ix n0, Ix from, Ix depth);
  void chooseAmxTiling();
  void chooseRegisters(int64_t registers);
  void maybeTurn();
  bool isSmall(const Matrix &matrix, Ix rows);
  int64_t narrowTail();
  bool startsWithPanel();
  void emitUnits();
  void enterTile(Ix batch, Ix &m0, Ix n0);
  /// A panel of rows: its number in the tile, its first row there.
  struct RowPanel {
    Ix number, row;
    bool mayBeFirst = true;
  };
  void forRows(llvm::function_ref<void(RowPanel)> body);
  llvm::SmallVector<mlir::Value> packingTile(RowPanel i, Ix j, Ix depth,
                                             Ix from, Ix columns,
                                             bool mayPackRows);
  void packRows(Ix from, Ix depth);
  void emitTile(Ix batch, Ix m0, Ix n0);
  void emitWithTiles(llvm::function_ref<void()> units,
                     llvm::function_ref<void()> otherwise);
  void emitAmxTile(Ix batch, Ix m0, Ix n0);
  void offerAmxColumns();
  void packAmx(const Matrix &matrix, mlir::Value target, Ix length, Ix depth,
               bool left);
  void multiplyAmx(mlir::Value left, mlir::Value right, Ix steps);
  void packAmxTile(const Matrix &matrix, Ix row, Ix step, Ix valid, Ix depth,
                   bool left, mlir::Value target);
  llvm::SmallVector<mlir::Value> registerTile(RowPanel i, Ix j, Ix depth,
                                              Ix from, Ix columns);
  using Left = std::function<mlir::Value(Ix step, int64_t r)>;
  Left leftOf(RowPanel i, Ix depth, Ix from);
  llvm::SmallVector<mlir::Value> tileAlong(const Left &left, Ix j, Ix depth,
                                           Ix from, Ix columns);
  using Fetch = std::function<void(Ix step)>;
  Fetch fetchNext(RowPanel i, Ix j, Ix from);
  Fetch fetchUpdated(RowPanel i, Ix j, Ix from);
  Fetch fetchBatch(RowPanel i, Ix j);
  void fetchMet(Ix row);
  bool fetchesRowByRow();
  void meetRows(Ix offset, Ix resultRow, Ix from);
  bool mayKeepSums();
  bool mayReadRows(int64_t mr);
  mlir::Value placeTile(Ix batch, Ix m0, RowPanel i, Ix n0, Ix j, Ix rows,
                        Ix from);
  Ix strideAlong(int axis);
  llvm::SmallVector<mlir::Value>
  withSums(mlir::Value sums, mlir::ValueRange registers, Ix from, Ix columns);
  void storeSums(mlir::Value sums, mlir::ValueRange values, Ix columns);
  std::pair<mlir::Value, Lanes> placeOf(mlir::Value sums, size_t vector,
                                        Ix columns);
  void finish(mlir::Value sums, Ix pitch, Ix batch, Ix m, Ix n, Ix rows,
              Ix columns);
  void finishRegisters(mlir::ValueRange values, Ix batch, Ix m, Ix n,
                       Ix columns);
  void endTile(mlir::Value sums, mlir::ValueRange registers, Ix from, Ix batch,
               Ix m, Ix n, Ix rows, Ix columns);
  void emitDot(Ix batch);
  mlir::Value multiplyAdd(mlir::Value a, mlir::Value b, mlir::Value c);

  Kernel &k;
  Emit &e;
  mlir::Operation *op;
  mlir::Type element;
  /// The result's axes, and which of them batch, rows and columns run along;
  /// -1: none.
  llvm::SmallVector<Ix> space;
  llvm::SmallVector<int> levels;
  int batchAxis = -1, rowAxis = -1, columnAxis = -1;
  bool mayBeDot = true; ///< one row by one column is a sum of products
  bool rounds = false;  ///< operands, to bfloat16 (see GemmAmx.cpp)…
  bool amx = false;     ///< …on tile registers where they may be used
  bool turned = false;  ///< tiles are of the result's transpose
  ExtentRefs refs;
  Extent4 extents;
  Ix part; ///< steps in one part of K
  Matrix a, b;
  Tiling tiling;
  Tiling::Tiles tiles;
  std::optional<Evaluator> after;
  // Of the tile at hand:
  mlir::Value packedA, packedB, sumsBase;
  /// All columns, packed before, for tile registers or not; null: they are not.
  mlir::Value readyB, readyTiles;
  Matrix tileA, tileB;
  Ix firstRow, firstColumn; ///< in the result
  mlir::Value nextB;        ///< what the next tile begins with
  Ix mLength, nLength;
  Ix firstPanel, endPanel; ///< of rows, where some have one less
  int64_t used = 0;        ///< vectors of the register tile that hold columns
  /// The register tile at hand packs its columns, its rows.
  bool packsColumns = false, packsRows = false;
  /// Rows that a register tile's sums meet at its end, `pitch` apart.
  struct MetRows {
    mlir::Value start;
    Ix pitch;
    bool write = false;
  };
  llvm::SmallVector<MetRows, 4> met; ///< of the tile at hand
  Ix sumsRow; ///< from row to row of the register tile's sums
};

} // namespace etch::cpu

#endif // ETCH_COMPILER_TARGET_CPU_GEMMEMITTER_H
