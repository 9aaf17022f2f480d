// What follows a convolution, element by element, is part of its kernel; so is
// what follows its gradient in the images. That in the filters stands alone.
//
// RUN: etch-opt %s -etch-fuse | FileCheck %s

// CHECK-LABEL: func private @k0(
// CHECK: etch.conv2d
// CHECK: etch.broadcast_to
// CHECK: etch.add
// CHECK: etch.relu
// CHECK-NEXT: return

// CHECK-LABEL: func private @k1(
// CHECK-NEXT: etch.conv2d_weight_grad
// CHECK-NEXT: return

// CHECK-LABEL: func private @k2(
// CHECK: etch.conv2d_input_grad
// CHECK: etch.mul
// CHECK-NEXT: return

// CHECK-LABEL: func private @k3(
// CHECK-NEXT: etch.max_pool_index
// CHECK-NEXT: return

// CHECK-LABEL: func @main
// CHECK: call @k0
// CHECK: call @k1
// CHECK: call @k2
// CHECK: call @k3
// CHECK-NOT: call
func.func @main(%x: tensor<2x3x8x8xf32>, %w: tensor<4x3x3x3xf32>, %b: tensor<4xf32>)
    -> (tensor<2x4x8x8xf32>, tensor<4x3x3x3xf32>, tensor<2x3x8x8xf32>, tensor<2x4x4x4xi64>) {
  %0 = etch.conv2d %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 2, 4, 8, 8>} : (tensor<2x3x8x8xf32>, tensor<4x3x3x3xf32>) -> tensor<2x4x8x8xf32>
  %1 = etch.reshape %b {shape = array<i64: 1, 4, 1, 1>} : (tensor<4xf32>) -> tensor<1x4x1x1xf32>
  %2 = etch.broadcast_to %1 {shape = array<i64: 2, 4, 8, 8>} : (tensor<1x4x1x1xf32>) -> tensor<2x4x8x8xf32>
  %3 = etch.add %0, %2 : (tensor<2x4x8x8xf32>, tensor<2x4x8x8xf32>) -> tensor<2x4x8x8xf32>
  %4 = etch.relu %3 : (tensor<2x4x8x8xf32>) -> tensor<2x4x8x8xf32>
  %5 = etch.conv2d_weight_grad %x, %4 {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 4, 3, 3, 3>} : (tensor<2x3x8x8xf32>, tensor<2x4x8x8xf32>) -> tensor<4x3x3x3xf32>
  %6 = etch.conv2d_input_grad %4, %w {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 2, 3, 8, 8>} : (tensor<2x4x8x8xf32>, tensor<4x3x3x3xf32>) -> tensor<2x3x8x8xf32>
  %7 = etch.mul %6, %x : (tensor<2x3x8x8xf32>, tensor<2x3x8x8xf32>) -> tensor<2x3x8x8xf32>
  %8 = etch.max_pool_index %4 {kernel = array<i64: 2, 2>, stride = array<i64: 2, 2>, pad = array<i64: 0, 0>, shape = array<i64: 2, 4, 4, 4>} : (tensor<2x4x8x8xf32>) -> tensor<2x4x4x4xi64>
  return %4, %5, %7, %8 : tensor<2x4x8x8xf32>, tensor<4x3x3x3xf32>, tensor<2x3x8x8xf32>, tensor<2x4x4x4xi64>
}
