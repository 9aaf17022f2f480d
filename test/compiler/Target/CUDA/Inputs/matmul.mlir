//===- matmul.mlir - Kernels of matrix products --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Small.
func.func @main(%x: tensor<5x7xf32>,
                %w: tensor<7x3xf32>)
    -> tensor<5x3xf32> {
  %y = etch.matmul %x, %w : (tensor<5x7xf32>, tensor<7x3xf32>) -> tensor<5x3xf32>
  return %y : tensor<5x3xf32>
}

// -----
// Whole tiles.
func.func @main(%x: tensor<64x64xf32>,
                %w: tensor<64x64xf32>)
    -> tensor<64x64xf32> {
  %y = etch.matmul %x, %w : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %y : tensor<64x64xf32>
}

// -----
// Ends in all directions; two blocks of K and a part.
func.func @main(%x: tensor<70x529xf32>,
                %w: tensor<529x67xf32>)
    -> tensor<70x67xf32> {
  %y = etch.matmul %x, %w : (tensor<70x529xf32>, tensor<529x67xf32>) -> tensor<70x67xf32>
  return %y : tensor<70x67xf32>
}

// -----
// Both transposed.
func.func @main(%x: tensor<65x33xf32>,
                %w: tensor<40x65xf32>)
    -> tensor<33x40xf32> {
  %xt = etch.transpose %x {permutation = array<i64: 1, 0>} : (tensor<65x33xf32>) -> tensor<33x65xf32>
  %wt = etch.transpose %w {permutation = array<i64: 1, 0>} : (tensor<40x65xf32>) -> tensor<65x40xf32>
  %y = etch.matmul %xt, %wt : (tensor<33x65xf32>, tensor<65x40xf32>) -> tensor<33x40xf32>
  return %y : tensor<33x40xf32>
}

// -----
// In f64.
func.func @main(%x: tensor<20x300xf64>,
                %w: tensor<300x24xf64>)
    -> tensor<20x24xf64> {
  %y = etch.matmul %x, %w : (tensor<20x300xf64>, tensor<300x24xf64>) -> tensor<20x24xf64>
  return %y : tensor<20x24xf64>
}

// -----
// Integers.
func.func @main(%x: tensor<9x20xi32>,
                %w: tensor<20x11xi32>)
    -> tensor<9x11xi32> {
  %y = etch.matmul %x, %w : (tensor<9x20xi32>, tensor<20x11xi32>) -> tensor<9x11xi32>
  return %y : tensor<9x11xi32>
}

// -----
// Batches, a bias and relu.
func.func @main(%x: tensor<3x17x40xf32>,
                %w: tensor<3x40x30xf32>,
                %b: tensor<30xf32>)
    -> tensor<3x17x30xf32> {
  %y = etch.matmul %x, %w : (tensor<3x17x40xf32>, tensor<3x40x30xf32>) -> tensor<3x17x30xf32>
  %bb = etch.broadcast_to %b {shape = array<i64: 3, 17, 30>} : (tensor<30xf32>) -> tensor<3x17x30xf32>
  %z = etch.add %y, %bb : (tensor<3x17x30xf32>, tensor<3x17x30xf32>) -> tensor<3x17x30xf32>
  %o = etch.relu %z : (tensor<3x17x30xf32>) -> tensor<3x17x30xf32>
  return %o : tensor<3x17x30xf32>
}

// -----
// A dot product.
func.func @main(%x: tensor<1x5000xf32>,
                %w: tensor<5000x1xf32>)
    -> tensor<1x1xf32> {
  %y = etch.matmul %x, %w : (tensor<1x5000xf32>, tensor<5000x1xf32>) -> tensor<1x1xf32>
  return %y : tensor<1x1xf32>
}

// -----
// Dot products of a batch.
func.func @main(%x: tensor<37x1x100xf32>,
                %w: tensor<37x100x1xf32>)
    -> tensor<37x1x1xf32> {
  %y = etch.matmul %x, %w : (tensor<37x1x100xf32>, tensor<37x100x1xf32>) -> tensor<37x1x1xf32>
  return %y : tensor<37x1x1xf32>
}

// -----
// One column.
func.func @main(%x: tensor<50x300xf32>,
                %w: tensor<300x1xf32>)
    -> tensor<50x1xf32> {
  %y = etch.matmul %x, %w : (tensor<50x300xf32>, tensor<300x1xf32>) -> tensor<50x1xf32>
  return %y : tensor<50x1xf32>
}

// -----
// One row.
func.func @main(%x: tensor<1x300xf32>,
                %w: tensor<300x50xf32>)
    -> tensor<1x50xf32> {
  %y = etch.matmul %x, %w : (tensor<1x300xf32>, tensor<300x50xf32>) -> tensor<1x50xf32>
  return %y : tensor<1x50xf32>
}

// -----
// Nothing to add.
func.func @main(%x: tensor<4x0xf32>,
                %w: tensor<0x5xf32>)
    -> tensor<4x5xf32> {
  %y = etch.matmul %x, %w : (tensor<4x0xf32>, tensor<0x5xf32>) -> tensor<4x5xf32>
  return %y : tensor<4x5xf32>
}

// -----
// Large tiles.
func.func @main(%x: tensor<512x24xf32>,
                %w: tensor<24x512xf32>,
                %b: tensor<512xf32>)
    -> tensor<512x512xf32> {
  %y = etch.matmul %x, %w : (tensor<512x24xf32>, tensor<24x512xf32>) -> tensor<512x512xf32>
  %bb = etch.broadcast_to %b {shape = array<i64: 512, 512>} : (tensor<512xf32>) -> tensor<512x512xf32>
  %z = etch.add %y, %bb : (tensor<512x512xf32>, tensor<512x512xf32>) -> tensor<512x512xf32>
  %o = etch.relu %z : (tensor<512x512xf32>) -> tensor<512x512xf32>
  return %o : tensor<512x512xf32>
}

// -----
// Symbolic extents.
func.func @main(%x: tensor<?x?xf32>,
                %w: tensor<?x?xf32>)
    -> tensor<?x?xf32> {
  %y = etch.matmul %x, %w : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

// -----
// Vectors; the last tiles are not full.
func.func @main(%a: tensor<68x272xf32>,
                %b: tensor<272x100xf32>,
                %c: tensor<68x100xf32>)
    -> tensor<68x100xf32> {
  %y = etch.matmul %a, %b : (tensor<68x272xf32>, tensor<272x100xf32>) -> tensor<68x100xf32>
  %z = etch.add %y, %c : (tensor<68x100xf32>, tensor<68x100xf32>) -> tensor<68x100xf32>
  return %z : tensor<68x100xf32>
}

// -----
// Vectors along the rows.
func.func @main(%a: tensor<32x132xf32>,
                %b: tensor<32x68xf32>,
                %c: tensor<132x68xf32>)
    -> tensor<132x68xf32> {
  %at = etch.transpose %a {permutation = array<i64: 1, 0>} : (tensor<32x132xf32>) -> tensor<132x32xf32>
  %y = etch.matmul %at, %b : (tensor<132x32xf32>, tensor<32x68xf32>) -> tensor<132x68xf32>
  %z = etch.add %y, %c : (tensor<132x68xf32>, tensor<132x68xf32>) -> tensor<132x68xf32>
  return %z : tensor<132x68xf32>
}

// -----
// Vectors along K.
func.func @main(%a: tensor<67x288xf32>,
                %b: tensor<70x288xf32>,
                %c: tensor<67x70xf32>)
    -> tensor<67x70xf32> {
  %bt = etch.transpose %b {permutation = array<i64: 1, 0>} : (tensor<70x288xf32>) -> tensor<288x70xf32>
  %y = etch.matmul %a, %bt : (tensor<67x288xf32>, tensor<288x70xf32>) -> tensor<67x70xf32>
  %z = etch.add %y, %c : (tensor<67x70xf32>, tensor<67x70xf32>) -> tensor<67x70xf32>
  return %z : tensor<67x70xf32>
}

// -----
// Vectors, batched.
func.func @main(%a: tensor<3x20x16xf32>,
                %b: tensor<3x16x24xf32>,
                %c: tensor<3x20x24xf32>)
    -> tensor<3x20x24xf32> {
  %y = etch.matmul %a, %b : (tensor<3x20x16xf32>, tensor<3x16x24xf32>) -> tensor<3x20x24xf32>
  %z = etch.add %y, %c : (tensor<3x20x24xf32>, tensor<3x20x24xf32>) -> tensor<3x20x24xf32>
  return %z : tensor<3x20x24xf32>
}

// -----
// Large tiles of vectors.
func.func @main(%a: tensor<516x264xf32>,
                %b: tensor<264x520xf32>,
                %c: tensor<516x520xf32>)
    -> tensor<516x520xf32> {
  %y = etch.matmul %a, %b : (tensor<516x264xf32>, tensor<264x520xf32>) -> tensor<516x520xf32>
  %z = etch.add %y, %c : (tensor<516x520xf32>, tensor<516x520xf32>) -> tensor<516x520xf32>
  return %z : tensor<516x520xf32>
}

// -----
// Sums of blocks wait in the result.
func.func @main(%a: tensor<516x528xf32>, %b: tensor<528x520xf32>) -> tensor<516x520xf32> {
  %y = etch.matmul %a, %b : (tensor<516x528xf32>, tensor<528x520xf32>) -> tensor<516x520xf32>
  return %y : tensor<516x520xf32>
}
