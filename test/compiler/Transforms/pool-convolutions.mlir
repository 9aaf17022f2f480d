// A convolution whose result only a pool of values reads ends in it, with what
// is between them; equal pairs are one kernel.
//
// RUN: etch-opt %s -split-input-file --etch-fuse="updates=true" --etch-pool-convolutions --mlir-print-local-scope | FileCheck %s

// CHECK: func.func private @[[POOLED:.*]](%arg0: tensor<?x3x10x12xf32>, %arg1: tensor<8x3x3x3xf32>, %arg2: tensor<1x8x1x1xf32>, %arg3: index, %arg4: index) -> tensor<?x25x1xf32> attributes {etch.kernel}
// CHECK-NEXT: %[[SUMS:.*]] = etch.conv2d
// CHECK-NEXT: etch.broadcast_to
// CHECK-NEXT: etch.add
// CHECK-NEXT: %[[X:.*]] = etch.relu
// CHECK-NEXT: etch.max_pool_index %[[X]]
// CHECK-NEXT: etch.reshape %[[X]]
// CHECK-NEXT: etch.reshape
// CHECK-NEXT: %[[Y:.*]] = etch.gather
// CHECK-NEXT: return %[[Y]]
// CHECK-LABEL: func.func @main(
// CHECK: call @[[POOLED]](
// CHECK-NEXT: call @[[POOLED]](
// CHECK-NOT: call
// CHECK: return
func.func @main(%x: tensor<?x3x10x12xf32>, %w: tensor<8x3x3x3xf32>, %v: tensor<8x3x3x3xf32>, %b: tensor<1x8x1x1xf32>) -> (tensor<?x25x1xf32>, tensor<?x25x1xf32>) {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %n = tensor.dim %x, %c0 : tensor<?x3x10x12xf32>
  %planes = arith.muli %n, %c8 : index
  %0 = etch.conv2d %x, %w, %n {stride = array<i64: 1, 1>, pad = array<i64: 1, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: -9223372036854775808, 8, 10, 10>} : (tensor<?x3x10x12xf32>, tensor<8x3x3x3xf32>, index) -> tensor<?x8x10x10xf32>
  %1 = etch.broadcast_to %b, %n {shape = array<i64: -9223372036854775808, 8, 10, 10>} : (tensor<1x8x1x1xf32>, index) -> tensor<?x8x10x10xf32>
  %2 = etch.add %0, %1 : (tensor<?x8x10x10xf32>, tensor<?x8x10x10xf32>) -> tensor<?x8x10x10xf32>
  %3 = etch.relu %2 : (tensor<?x8x10x10xf32>) -> tensor<?x8x10x10xf32>
  %4 = etch.max_pool_index %3, %n {kernel = array<i64: 2, 2>, pad = array<i64: 0, 0>, shape = array<i64: -9223372036854775808, 8, 5, 5>, stride = array<i64: 2, 2>} : (tensor<?x8x10x10xf32>, index) -> tensor<?x8x5x5xi64>
  %5 = etch.reshape %3, %planes {shape = array<i64: -9223372036854775808, 100, 1>} : (tensor<?x8x10x10xf32>, index) -> tensor<?x100x1xf32>
  %6 = etch.reshape %4, %planes {shape = array<i64: -9223372036854775808, 25>} : (tensor<?x8x5x5xi64>, index) -> tensor<?x25xi64>
  %7 = etch.gather %5, %6 : (tensor<?x100x1xf32>, tensor<?x25xi64>) -> tensor<?x25x1xf32>
  %8 = etch.conv2d %x, %v, %n {stride = array<i64: 1, 1>, pad = array<i64: 1, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: -9223372036854775808, 8, 10, 10>} : (tensor<?x3x10x12xf32>, tensor<8x3x3x3xf32>, index) -> tensor<?x8x10x10xf32>
  %9 = etch.broadcast_to %b, %n {shape = array<i64: -9223372036854775808, 8, 10, 10>} : (tensor<1x8x1x1xf32>, index) -> tensor<?x8x10x10xf32>
  %10 = etch.add %8, %9 : (tensor<?x8x10x10xf32>, tensor<?x8x10x10xf32>) -> tensor<?x8x10x10xf32>
  %11 = etch.relu %10 : (tensor<?x8x10x10xf32>) -> tensor<?x8x10x10xf32>
  %12 = etch.max_pool_index %11, %n {kernel = array<i64: 2, 2>, pad = array<i64: 0, 0>, shape = array<i64: -9223372036854775808, 8, 5, 5>, stride = array<i64: 2, 2>} : (tensor<?x8x10x10xf32>, index) -> tensor<?x8x5x5xi64>
  %13 = etch.reshape %11, %planes {shape = array<i64: -9223372036854775808, 100, 1>} : (tensor<?x8x10x10xf32>, index) -> tensor<?x100x1xf32>
  %14 = etch.reshape %12, %planes {shape = array<i64: -9223372036854775808, 25>} : (tensor<?x8x5x5xi64>, index) -> tensor<?x25xi64>
  %15 = etch.gather %13, %14 : (tensor<?x100x1xf32>, tensor<?x25xi64>) -> tensor<?x25x1xf32>
  return %7, %15 : tensor<?x25x1xf32>, tensor<?x25x1xf32>
}

// -----

// Somebody else reads it, too.
// CHECK-LABEL: func.func @main(
// CHECK: %[[X:.*]] = call @
// CHECK: %[[Y:.*]] = call @{{.*}}(%[[X]],
// CHECK: return %[[Y]], %[[X]]
func.func @main(%x: tensor<?x3x10x12xf32>, %w: tensor<8x3x3x3xf32>, %b: tensor<1x8x1x1xf32>) -> (tensor<?x25x1xf32>, tensor<?x8x10x10xf32>) {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %n = tensor.dim %x, %c0 : tensor<?x3x10x12xf32>
  %planes = arith.muli %n, %c8 : index
  %0 = etch.conv2d %x, %w, %n {stride = array<i64: 1, 1>, pad = array<i64: 1, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: -9223372036854775808, 8, 10, 10>} : (tensor<?x3x10x12xf32>, tensor<8x3x3x3xf32>, index) -> tensor<?x8x10x10xf32>
  %1 = etch.broadcast_to %b, %n {shape = array<i64: -9223372036854775808, 8, 10, 10>} : (tensor<1x8x1x1xf32>, index) -> tensor<?x8x10x10xf32>
  %2 = etch.add %0, %1 : (tensor<?x8x10x10xf32>, tensor<?x8x10x10xf32>) -> tensor<?x8x10x10xf32>
  %3 = etch.relu %2 : (tensor<?x8x10x10xf32>) -> tensor<?x8x10x10xf32>
  %4 = etch.max_pool_index %3, %n {kernel = array<i64: 2, 2>, pad = array<i64: 0, 0>, shape = array<i64: -9223372036854775808, 8, 5, 5>, stride = array<i64: 2, 2>} : (tensor<?x8x10x10xf32>, index) -> tensor<?x8x5x5xi64>
  %5 = etch.reshape %3, %planes {shape = array<i64: -9223372036854775808, 100, 1>} : (tensor<?x8x10x10xf32>, index) -> tensor<?x100x1xf32>
  %6 = etch.reshape %4, %planes {shape = array<i64: -9223372036854775808, 25>} : (tensor<?x8x5x5xi64>, index) -> tensor<?x25xi64>
  %7 = etch.gather %5, %6 : (tensor<?x100x1xf32>, tensor<?x25xi64>) -> tensor<?x25x1xf32>
  return %7, %3 : tensor<?x25x1xf32>, tensor<?x8x10x10xf32>
}
