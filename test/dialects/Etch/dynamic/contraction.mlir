// Every op takes extents that are known only when the program runs: products and indexing.
//
// RUN: etch-opt %s | FileCheck %s

// CHECK-LABEL: func @matmul
// CHECK: etch.matmul %{{.*}} : (tensor<?x?xf32>, tensor<?x10xf32>) -> tensor<?x10xf32>
func.func @matmul(%x: tensor<?x?xf32>, %w: tensor<?x10xf32>) -> tensor<?x10xf32> {
  %y = etch.matmul %x, %w : (tensor<?x?xf32>, tensor<?x10xf32>) -> tensor<?x10xf32>
  return %y : tensor<?x10xf32>
}

// CHECK-LABEL: func @batched_matmul
// CHECK: etch.matmul %{{.*}} : (tensor<?x?x5xf64>, tensor<?x5x?xf64>) -> tensor<?x?x?xf64>
func.func @batched_matmul(%x: tensor<?x?x5xf64>, %w: tensor<?x5x?xf64>) -> tensor<?x?x?xf64> {
  %y = etch.matmul %x, %w : (tensor<?x?x5xf64>, tensor<?x5x?xf64>) -> tensor<?x?x?xf64>
  return %y : tensor<?x?x?xf64>
}

// CHECK-LABEL: func @gather
// CHECK: etch.gather %{{.*}} : (tensor<?x?x4xf32>, tensor<?x?xi64>) -> tensor<?x?x4xf32>
func.func @gather(%x: tensor<?x?x4xf32>, %i: tensor<?x?xi64>) -> tensor<?x?x4xf32> {
  %y = etch.gather %x, %i : (tensor<?x?x4xf32>, tensor<?x?xi64>) -> tensor<?x?x4xf32>
  return %y : tensor<?x?x4xf32>
}

// CHECK-LABEL: func @scatter_add
// CHECK: etch.scatter_add %{{.*}} : (tensor<1x?x4xf32>, tensor<1x?xi64>, index) -> tensor<1x?x4xf32>
func.func @scatter_add(%x: tensor<1x?x4xf32>, %i: tensor<1x?xi64>, %n: index) -> tensor<1x?x4xf32> {
  %y = etch.scatter_add %x, %i, %n {shape = array<i64: 1, -9223372036854775808, 4>} : (tensor<1x?x4xf32>, tensor<1x?xi64>, index) -> tensor<1x?x4xf32>
  return %y : tensor<1x?x4xf32>
}
