// A reduction takes in what feeds it and what follows.
//
// CAPABILITY: C138
// RUN: etch-opt %s -split-input-file -etch-differentiate -etch-simplify -etch-expand -etch-recompute -etch-fuse | FileCheck %s
// RUN: etch-opt %s -split-input-file -etch-differentiate -etch-simplify -etch-expand -etch-recompute -etch-fuse -etch-bufferize | FileCheck %s --check-prefix=MEMORY

// The mean squared error: one kernel forward, one backward, nothing kept.
// MEMORY: module attributes {etch.arena_bytes = 0 : i64, {{.*}}etch.saved_bytes = 0 : i64}
// CHECK-LABEL: func private @k0
// CHECK: etch.sub {{.*}} tensor<1x100x1xf64>
// CHECK: etch.pow
// CHECK: etch.sum {{.*}} -> tensor<1x1xf64>
// CHECK: etch.div
// CHECK-LABEL: func private @k1
// CHECK: etch.sub
// CHECK: return %{{.*}}, %{{.*}} : tensor<100x1xf64>, tensor<100x1xf64>
// CHECK-NOT: func private
// CHECK-LABEL: func @main
// CHECK-COUNT-2: call @
// CHECK-NOT: call @
func.func @main(%a: tensor<100x1xf64>, %b: tensor<100x1xf64>) -> (tensor<f64>, tensor<100x1xf64>, tensor<100x1xf64>) {
  %0 = etch.sub %a, %b : (tensor<100x1xf64>, tensor<100x1xf64>) -> tensor<100x1xf64>
  %1 = etch.pow %0 {exponent = 2.0} : (tensor<100x1xf64>) -> tensor<100x1xf64>
  %2 = etch.sum %1 {axes = array<i64: 0, 1>, keepdims = false} : (tensor<100x1xf64>) -> tensor<f64>
  %n = etch.constant dense<100.0> : tensor<f64>
  %3 = etch.div %2, %n : (tensor<f64>, tensor<f64>) -> tensor<f64>
  %one = etch.constant dense<1.0> : tensor<f64>
  %g:2 = etch.gradient %3 by %one wrt %a, %b : (tensor<f64>, tensor<f64>, tensor<100x1xf64>, tensor<100x1xf64>) -> (tensor<100x1xf64>, tensor<100x1xf64>)
  func.return %3, %g#0, %g#1: tensor<f64>, tensor<100x1xf64>, tensor<100x1xf64>
}

// -----

// What is spread over several axes is seen in three: rows keep their bias.
// CHECK-LABEL: func private @k0
// CHECK-SAME: (%[[B:.*]]: tensor<1x6x1xf32>, %{{.*}}: tensor<4x6x1xf32>)
// CHECK: etch.broadcast_to %[[B]] {shape = array<i64: 4, 6, 1>}
// CHECK: etch.add
// CHECK: etch.exp
// CHECK: etch.sum
// CHECK: etch.log
// CHECK-NOT: func private
// CHECK-LABEL: func @main
func.func @main(%x: tensor<2x2x6xf32>, %b: tensor<6xf32>) -> tensor<2x2xf32> {
  %0 = etch.broadcast_to %b {shape = array<i64: 2, 2, 6>} : (tensor<6xf32>) -> tensor<2x2x6xf32>
  %1 = etch.add %x, %0 : (tensor<2x2x6xf32>, tensor<2x2x6xf32>) -> tensor<2x2x6xf32>
  %2 = etch.exp %1 : (tensor<2x2x6xf32>) -> tensor<2x2x6xf32>
  %3 = etch.sum %2 {axes = array<i64: 2>, keepdims = false} : (tensor<2x2x6xf32>) -> tensor<2x2xf32>
  %4 = etch.log %3 : (tensor<2x2xf32>) -> tensor<2x2xf32>
  func.return %4 : tensor<2x2xf32>
}

// -----

// A row that repeats inside the reduced axis has no place there: two kernels.
// CHECK: func private @k0
// CHECK: etch.add {{.*}} tensor<4x6xf32>
// CHECK: func private @k1
// CHECK: etch.sum {{.*}} (tensor<1x24x1xf32>)
// CHECK-LABEL: func @main
func.func @main(%x: tensor<4x6xf32>, %b: tensor<6xf32>) -> tensor<f32> {
  %0 = etch.broadcast_to %b {shape = array<i64: 4, 6>} : (tensor<6xf32>) -> tensor<4x6xf32>
  %1 = etch.add %x, %0 : (tensor<4x6xf32>, tensor<4x6xf32>) -> tensor<4x6xf32>
  %2 = etch.sum %1 {axes = array<i64: 0, 1>, keepdims = false} : (tensor<4x6xf32>) -> tensor<f32>
  func.return %2 : tensor<f32>
}

// -----

// A strided argument of symbolic extents is reduced where it is.
// CHECK: func private @k0(%{{.*}}: tensor<?x?xf32> {etch.strided}
// CHECK: etch.transpose
// CHECK: etch.max {{.*}} (tensor<?x?x1xf32>) -> tensor<?x1xf32>
// CHECK-NOT: func private
// CHECK-LABEL: func @main
func.func @main(%x: tensor<?x?xf32> {etch.strided}) -> tensor<?xf32> {
  %0 = etch.max %x {axes = array<i64: 1>, keepdims = false} : (tensor<?x?xf32>) -> tensor<?xf32>
  func.return %0 : tensor<?xf32>
}

// -----

// A number of each channel cannot be seen over rows of images and channels: it
// is written out for these, and the sum takes in what feeds it.
// CHECK: func private @k0({{.*}} -> tensor<4x6x1x1xf32>
// CHECK: etch.broadcast_to
// CHECK: func private @k1({{.*}} -> tensor<24x1xf32>
// CHECK: etch.sub {{.*}} tensor<24x64x1xf32>
// CHECK: etch.mul
// CHECK: etch.sum
// CHECK-LABEL: func @main
func.func @main(%x: tensor<4x6x8x8xf32>, %m: tensor<1x6x1x1xf32>) -> tensor<6xf32> {
  %0 = etch.broadcast_to %m {shape = array<i64: 4, 6, 8, 8>} : (tensor<1x6x1x1xf32>) -> tensor<4x6x8x8xf32>
  %1 = etch.sub %x, %0 : (tensor<4x6x8x8xf32>, tensor<4x6x8x8xf32>) -> tensor<4x6x8x8xf32>
  %2 = etch.mul %1, %1 : (tensor<4x6x8x8xf32>, tensor<4x6x8x8xf32>) -> tensor<4x6x8x8xf32>
  %3 = etch.sum %2 {axes = array<i64: 0, 2, 3>, keepdims = false} : (tensor<4x6x8x8xf32>) -> tensor<6xf32>
  return %3 : tensor<6xf32>
}

// -----

// Sums of the same array over the same elements read it once: that of x and
// that of x * y, although the one computes nothing for the other.
// CHECK: func private @k0(
// CHECK: etch.mul {{.*}} tensor<1x64x32xf32>
// CHECK: etch.sum
// CHECK: etch.sum
// CHECK: return %{{.*}}, %{{.*}} : tensor<1x32xf32>, tensor<1x32xf32>
// CHECK-NOT: func private
// CHECK-LABEL: func @main
func.func @main(%x: tensor<64x32xf32>, %y: tensor<64x32xf32>) -> (tensor<32xf32>, tensor<32xf32>) {
  %0 = etch.sum %x {axes = array<i64: 0>, keepdims = false} : (tensor<64x32xf32>) -> tensor<32xf32>
  %1 = etch.mul %x, %y : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xf32>
  %2 = etch.sum %1 {axes = array<i64: 0>, keepdims = false} : (tensor<64x32xf32>) -> tensor<32xf32>
  return %0, %2 : tensor<32xf32>, tensor<32xf32>
}

// -----

// Not where the second needs the first, nor over other axes.
// CHECK: func private @k0(
// CHECK-COUNT-1: etch.sum
// CHECK: func private @k1(
// CHECK-COUNT-1: etch.sum
// CHECK: func private @k2(
// CHECK-COUNT-1: etch.sum
// CHECK-LABEL: func @main
func.func @main(%x: tensor<64x32xf32>) -> (tensor<32xf32>, tensor<64xf32>) {
  %0 = etch.sum %x {axes = array<i64: 0>, keepdims = false} : (tensor<64x32xf32>) -> tensor<32xf32>
  %1 = etch.broadcast_to %0 {shape = array<i64: 64, 32>} : (tensor<32xf32>) -> tensor<64x32xf32>
  %2 = etch.sub %x, %1 : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xf32>
  %3 = etch.sum %2 {axes = array<i64: 0>, keepdims = false} : (tensor<64x32xf32>) -> tensor<32xf32>
  %4 = etch.sum %x {axes = array<i64: 1>, keepdims = false} : (tensor<64x32xf32>) -> tensor<64xf32>
  return %3, %4 : tensor<32xf32>, tensor<64xf32>
}
