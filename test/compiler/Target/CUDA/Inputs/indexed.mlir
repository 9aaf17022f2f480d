//===- indexed.mlir - Kernels with indices that are data -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Rows by index.
func.func @main(%x: tensor<2x4x5xf32>,
                %i: tensor<2x7xi64>)
    -> tensor<2x7x5xf32> {
  %y = etch.gather %x, %i : (tensor<2x4x5xf32>, tensor<2x7xi64>) -> tensor<2x7x5xf32>
  return %y : tensor<2x7x5xf32>
}

// -----
// Out of range: an error, and index 0.
func.func @main(%x: tensor<1x2x3xf32>,
                %i: tensor<1x40xi64>)
    -> tensor<1x40x3xf32> {
  %y = etch.gather %x, %i : (tensor<1x2x3xf32>, tensor<1x40xi64>) -> tensor<1x40x3xf32>
  return %y : tensor<1x40x3xf32>
}

// -----
// Additions at indices, several on one.
func.func @main(%x: tensor<2x30x5xf32>,
                %i: tensor<2x30xi64>)
    -> tensor<2x4x5xf32> {
  %y = etch.scatter_add %x, %i {shape = array<i64: 2, 4, 5>} : (tensor<2x30x5xf32>, tensor<2x30xi64>) -> tensor<2x4x5xf32>
  return %y : tensor<2x4x5xf32>
}
