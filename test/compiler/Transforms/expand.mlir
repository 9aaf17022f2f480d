// Reductions take axis 1 of three, groups of axes one after the other.
//
// RUN: etch-opt %s -split-input-file -etch-expand | FileCheck %s

// CHECK-LABEL: func @main
// CHECK-SAME: (%[[X:.*]]: tensor<2x3x4xf32>)
// CHECK-DAG: %[[A:.*]] = etch.reshape %[[X]] {shape = array<i64: 6, 4, 1>}
// CHECK-DAG: %[[S:.*]] = etch.sum %[[A]] {axes = array<i64: 1>, keepdims = false} : (tensor<6x4x1xf32>) -> tensor<6x1xf32>
// CHECK-DAG: %[[B:.*]] = etch.reshape %[[S]] {shape = array<i64: 1, 2, 3>}
// CHECK-DAG: %[[T:.*]] = etch.sum %[[B]] {{.*}} : (tensor<1x2x3xf32>) -> tensor<1x3xf32>
// CHECK: etch.reshape %[[T]] {{.*}} -> tensor<3xf32>
func.func @main(%x: tensor<2x3x4xf32>) -> tensor<3xf32> {
  %0 = etch.sum %x {axes = array<i64: 0, 2>, keepdims = false} : (tensor<2x3x4xf32>) -> tensor<3xf32>
  func.return %0 : tensor<3xf32>
}

// -----

// A mean is a sum and a division; a sum to a shape is a sum.
// CHECK-LABEL: func @main
// CHECK: etch.sum {{.*}} : (tensor<1x6x1xf32>) -> tensor<1x1xf32>
// CHECK: %[[N:.*]] = etch.constant dense<6.0
// CHECK: etch.div %{{.*}}, %[[N]]
// CHECK: etch.sum {{.*}} : (tensor<1x2x3xf32>) -> tensor<1x3xf32>
// CHECK-NOT: etch.mean
// CHECK-NOT: etch.sum_to
func.func @main(%x: tensor<2x3xf32>) -> (tensor<f32>, tensor<1x3xf32>) {
  %0 = etch.mean %x {axes = array<i64: 0, 1>, keepdims = false} : (tensor<2x3xf32>) -> tensor<f32>
  %1 = etch.sum_to %x {shape = array<i64: 1, 3>} : (tensor<2x3xf32>) -> tensor<1x3xf32>
  func.return %0, %1 : tensor<f32>, tensor<1x3xf32>
}

// -----

// Batches have one axis.
// CHECK-LABEL: func @main
// CHECK: etch.matmul {{.*}} : (tensor<6x4x5xf32>, tensor<6x5x7xf32>) -> tensor<6x4x7xf32>
func.func @main(%x: tensor<2x3x4x5xf32>, %w: tensor<2x3x5x7xf32>) -> tensor<2x3x4x7xf32> {
  %0 = etch.matmul %x, %w : (tensor<2x3x4x5xf32>, tensor<2x3x5x7xf32>) -> tensor<2x3x4x7xf32>
  func.return %0 : tensor<2x3x4x7xf32>
}

// -----

// Symbolic extents multiply.
// CHECK-LABEL: func @main
// CHECK-SAME: (%[[X:.*]]: tensor<?x?xf32>)
// CHECK: %[[N:.*]] = arith.muli
// CHECK: %[[R:.*]] = etch.reshape %[[X]], %[[N]] {shape = array<i64: 1, -9223372036854775808, 1>}
// CHECK: etch.sum %[[R]]
func.func @main(%x: tensor<?x?xf32>) -> tensor<f32> {
  %0 = etch.sum %x {axes = array<i64: 0, 1>, keepdims = false} : (tensor<?x?xf32>) -> tensor<f32>
  func.return %0 : tensor<f32>
}

// -----

// Windows of one place: images of one row.
// CHECK-LABEL: func @main
// CHECK-SAME: (%[[X:.*]]: tensor<?x3x8x8xf32>, %[[W:.*]]: tensor<4x3x1x1xf32>
// CHECK: %[[N:.*]] = tensor.dim %[[X]]
// CHECK: %[[F:.*]] = etch.reshape %[[X]], %[[N]] {shape = array<i64: -9223372036854775808, 3, 1, 64>}
// CHECK: %[[Y:.*]] = etch.conv2d %[[F]], %[[W]], %[[N]] {{.*}} -> tensor<?x4x1x64xf32>
// CHECK: %[[R:.*]] = etch.reshape %[[Y]], %[[N]] {shape = array<i64: -9223372036854775808, 4, 8, 8>}
// CHECK: %[[G:.*]] = etch.conv2d_input_grad %{{.*}}, %[[W]], %[[N]] {{.*}} -> tensor<?x3x1x64xf32>
// CHECK: %[[H:.*]] = etch.reshape %[[G]]
// CHECK: %[[V:.*]] = etch.conv2d_weight_grad {{.*}} (tensor<?x3x1x64xf32>, tensor<?x4x1x64xf32>) -> tensor<4x3x1x1xf32>
// CHECK: return %[[R]], %[[H]], %[[V]]
func.func @main(%x: tensor<?x3x8x8xf32>, %w: tensor<4x3x1x1xf32>, %g: tensor<?x4x8x8xf32>)
    -> (tensor<?x4x8x8xf32>, tensor<?x3x8x8xf32>, tensor<4x3x1x1xf32>) {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x3x8x8xf32>
  %0 = etch.conv2d %x, %w, %n {stride = array<i64: 1, 1>, pad = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: -9223372036854775808, 4, 8, 8>} : (tensor<?x3x8x8xf32>, tensor<4x3x1x1xf32>, index) -> tensor<?x4x8x8xf32>
  %1 = etch.conv2d_input_grad %g, %w, %n {stride = array<i64: 1, 1>, pad = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: -9223372036854775808, 3, 8, 8>} : (tensor<?x4x8x8xf32>, tensor<4x3x1x1xf32>, index) -> tensor<?x3x8x8xf32>
  %2 = etch.conv2d_weight_grad %x, %g {stride = array<i64: 1, 1>, pad = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 4, 3, 1, 1>} : (tensor<?x3x8x8xf32>, tensor<?x4x8x8xf32>) -> tensor<4x3x1x1xf32>
  func.return %0, %1, %2 : tensor<?x4x8x8xf32>, tensor<?x3x8x8xf32>, tensor<4x3x1x1xf32>
}

// -----

// With padding there are places that the windows see outside of the images.
// CHECK-LABEL: func @main
// CHECK-NOT: etch.reshape
func.func @main(%x: tensor<2x3x8x8xf32>, %w: tensor<4x3x1x1xf32>) -> tensor<2x4x10x10xf32> {
  %0 = etch.conv2d %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 2, 4, 10, 10>} : (tensor<2x3x8x8xf32>, tensor<4x3x1x1xf32>) -> tensor<2x4x10x10xf32>
  func.return %0 : tensor<2x4x10x10xf32>
}

// -----

// The transpose of a product is a product.
// CHECK-LABEL: func @main
// CHECK-SAME: (%[[X:.*]]: tensor<3x2xf32>, %[[W:.*]]: tensor<2x4xf32>)
// CHECK: %[[T:.*]] = etch.transpose %[[W]]
// CHECK: %[[Y:.*]] = etch.matmul %[[T]], %{{.*}} : (tensor<4x2xf32>, tensor<2x3xf32>) -> tensor<4x3xf32>
// CHECK-NEXT: return %[[Y]]
func.func @main(%x: tensor<3x2xf32>, %w: tensor<2x4xf32>) -> tensor<4x3xf32> {
  %0 = etch.matmul %x, %w : (tensor<3x2xf32>, tensor<2x4xf32>) -> tensor<3x4xf32>
  %1 = etch.transpose %0 {permutation = array<i64: 1, 0>} : (tensor<3x4xf32>) -> tensor<4x3xf32>
  func.return %1 : tensor<4x3xf32>
}
