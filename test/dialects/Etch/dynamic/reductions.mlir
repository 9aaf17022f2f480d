// Every op takes extents that are known only when the program runs: reductions.
//
// RUN: etch-opt %s | FileCheck %s

// CHECK-LABEL: func @sum
// CHECK: etch.sum %{{.*}} : (tensor<?x?x4xf32>) -> tensor<?x1x4xf32>
func.func @sum(%x: tensor<?x?x4xf32>) -> tensor<?x1x4xf32> {
  %y = etch.sum %x {axes = array<i64: 1>, keepdims = true} : (tensor<?x?x4xf32>) -> tensor<?x1x4xf32>
  return %y : tensor<?x1x4xf32>
}

// CHECK-LABEL: func @mean
// CHECK: etch.mean %{{.*}} : (tensor<?x?x4xf64>) -> tensor<?x1x4xf64>
func.func @mean(%x: tensor<?x?x4xf64>) -> tensor<?x1x4xf64> {
  %y = etch.mean %x {axes = array<i64: 1>, keepdims = true} : (tensor<?x?x4xf64>) -> tensor<?x1x4xf64>
  return %y : tensor<?x1x4xf64>
}

// CHECK-LABEL: func @max
// CHECK: etch.max %{{.*}} : (tensor<?x?x4xi64>) -> tensor<?x1x4xi64>
func.func @max(%x: tensor<?x?x4xi64>) -> tensor<?x1x4xi64> {
  %y = etch.max %x {axes = array<i64: 1>, keepdims = true} : (tensor<?x?x4xi64>) -> tensor<?x1x4xi64>
  return %y : tensor<?x1x4xi64>
}

// CHECK-LABEL: func @min
// CHECK: etch.min %{{.*}} : (tensor<?x?x4xf32>) -> tensor<?x1x4xf32>
func.func @min(%x: tensor<?x?x4xf32>) -> tensor<?x1x4xf32> {
  %y = etch.min %x {axes = array<i64: 1>, keepdims = true} : (tensor<?x?x4xf32>) -> tensor<?x1x4xf32>
  return %y : tensor<?x1x4xf32>
}

// CHECK-LABEL: func @argmax
// CHECK: etch.argmax %{{.*}} {axis = 1 : i64} : (tensor<?x?xf32>) -> tensor<?xi64>
func.func @argmax(%x: tensor<?x?xf32>) -> tensor<?xi64> {
  %y = etch.argmax %x {axis = 1 : i64} : (tensor<?x?xf32>) -> tensor<?xi64>
  return %y : tensor<?xi64>
}
