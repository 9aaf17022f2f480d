// A network in use normalises with a number for each channel that follows from
// states alone. Behind the convolution it would part what follows from it: it is
// computed before, and the rest is one kernel.
//
// RUN: etch-opt %s -split-input-file -etch-fuse | FileCheck %s

// CHECK-LABEL: func private @k0(
// CHECK: etch.sqrt
// CHECK-LABEL: func private @k1(
// CHECK: etch.conv2d
// CHECK: etch.sub
// CHECK: etch.div
// CHECK: etch.add
// CHECK: etch.relu
// CHECK-NEXT: return

// CHECK-LABEL: func @main
// CHECK: call @k0
// CHECK: call @k1
// CHECK-NOT: call
func.func @main(%x: tensor<4x8x32x32xf32>, %w: tensor<8x8x3x3xf32>, %m: tensor<1x8x1x1xf32>,
    %v: tensor<1x8x1x1xf32>, %r: tensor<4x8x32x32xf32>) -> tensor<4x8x32x32xf32> {
  %0 = etch.conv2d %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 4, 8, 32, 32>} : (tensor<4x8x32x32xf32>, tensor<8x8x3x3xf32>) -> tensor<4x8x32x32xf32>
  %1 = etch.broadcast_to %m {shape = array<i64: 4, 8, 32, 32>} : (tensor<1x8x1x1xf32>) -> tensor<4x8x32x32xf32>
  %2 = etch.sub %0, %1 : (tensor<4x8x32x32xf32>, tensor<4x8x32x32xf32>) -> tensor<4x8x32x32xf32>
  %3 = etch.sqrt %v : (tensor<1x8x1x1xf32>) -> tensor<1x8x1x1xf32>
  %4 = etch.broadcast_to %3 {shape = array<i64: 4, 8, 32, 32>} : (tensor<1x8x1x1xf32>) -> tensor<4x8x32x32xf32>
  %5 = etch.div %2, %4 : (tensor<4x8x32x32xf32>, tensor<4x8x32x32xf32>) -> tensor<4x8x32x32xf32>
  %6 = etch.add %5, %r : (tensor<4x8x32x32xf32>, tensor<4x8x32x32xf32>) -> tensor<4x8x32x32xf32>
  %7 = etch.relu %6 : (tensor<4x8x32x32xf32>) -> tensor<4x8x32x32xf32>
  return %7 : tensor<4x8x32x32xf32>
}

// -----

// What follows from the convolution itself cannot go before it.
// CHECK-LABEL: func private @k0(
// CHECK: etch.conv2d
// CHECK-NOT: etch.div
// CHECK: return
// CHECK-LABEL: func @main
// CHECK: call @k0
// CHECK: call @k1
func.func @main(%x: tensor<4x8x32x32xf32>, %w: tensor<8x8x3x3xf32>) -> tensor<4x8x32x32xf32> {
  %0 = etch.conv2d %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 4, 8, 32, 32>} : (tensor<4x8x32x32xf32>, tensor<8x8x3x3xf32>) -> tensor<4x8x32x32xf32>
  %1 = etch.reshape %0 {shape = array<i64: 32, 1024>} : (tensor<4x8x32x32xf32>) -> tensor<32x1024xf32>
  %2 = etch.sum %1 {axes = array<i64: 1>, keepdims = false} : (tensor<32x1024xf32>) -> tensor<32xf32>
  %3 = etch.sqrt %2 : (tensor<32xf32>) -> tensor<32xf32>
  %4 = etch.reshape %3 {shape = array<i64: 4, 8, 1, 1>} : (tensor<32xf32>) -> tensor<4x8x1x1xf32>
  %5 = etch.broadcast_to %4 {shape = array<i64: 4, 8, 32, 32>} : (tensor<4x8x1x1xf32>) -> tensor<4x8x32x32xf32>
  %6 = etch.div %0, %5 : (tensor<4x8x32x32xf32>, tensor<4x8x32x32xf32>) -> tensor<4x8x32x32xf32>
  return %6 : tensor<4x8x32x32xf32>
}
