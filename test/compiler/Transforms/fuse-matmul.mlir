// A matrix product takes in transposes of its operands and what follows.
//
// RUN: etch-opt %s -split-input-file -etch-fuse | FileCheck %s

// CHECK-LABEL: func private @k0
// CHECK: %[[T:.*]] = etch.transpose
// CHECK: %[[P:.*]] = etch.matmul %{{.*}}, %[[T]]
// CHECK: %[[S:.*]] = etch.add %[[P]]
// CHECK: %[[R:.*]] = etch.relu %[[S]]
// CHECK: return %[[R]]
// CHECK-NOT: func private
// CHECK-LABEL: func @main
func.func @main(%x: tensor<4x3xf32>, %w: tensor<5x3xf32>, %b: tensor<5xf32>) -> tensor<4x5xf32> {
  %0 = etch.transpose %w {permutation = array<i64: 1, 0>} : (tensor<5x3xf32>) -> tensor<3x5xf32>
  %1 = etch.matmul %x, %0 : (tensor<4x3xf32>, tensor<3x5xf32>) -> tensor<4x5xf32>
  %2 = etch.broadcast_to %b {shape = array<i64: 4, 5>} : (tensor<5xf32>) -> tensor<4x5xf32>
  %3 = etch.add %1, %2 : (tensor<4x5xf32>, tensor<4x5xf32>) -> tensor<4x5xf32>
  %4 = etch.relu %3 : (tensor<4x5xf32>) -> tensor<4x5xf32>
  func.return %4 : tensor<4x5xf32>
}

// -----

// The mask of a relu is part of what follows the product, too.
// CHECK-LABEL: func private @k0
// CHECK: etch.matmul
// CHECK: etch.greater
// CHECK: etch.select
// CHECK-NOT: func private
// CHECK-LABEL: func @main
func.func @main(%g: tensor<4x5xf32>, %w: tensor<5x3xf32>, %y: tensor<4x3xf32>) -> tensor<4x3xf32> {
  %0 = etch.matmul %g, %w {etch.backward} : (tensor<4x5xf32>, tensor<5x3xf32>) -> tensor<4x3xf32>
  %z = etch.constant dense<0.0> : tensor<4x3xf32>
  %1 = etch.greater %y, %z {etch.backward} : (tensor<4x3xf32>, tensor<4x3xf32>) -> tensor<4x3xi1>
  %2 = etch.select %1, %0, %z {etch.backward} : (tensor<4x3xi1>, tensor<4x3xf32>, tensor<4x3xf32>) -> tensor<4x3xf32>
  func.return %2 : tensor<4x3xf32>
}

// -----

// A product with other readers stands alone; so does one whose reader updates a
// state, which is a kernel in place.
// CHECK: func private @k0
// CHECK: etch.matmul
// CHECK-NEXT: return
// CHECK: func private @k1
// CHECK-NEXT: etch.sub
// CHECK-LABEL: func @main
func.func @main(%x: tensor<4x3xf32>, %g: tensor<4x5xf32>, %w: tensor<3x5xf32> {etch.state}) -> (tensor<3x5xf32> {etch.update = 2 : i64}) {
  %0 = etch.transpose %x {permutation = array<i64: 1, 0>} : (tensor<4x3xf32>) -> tensor<3x4xf32>
  %1 = etch.matmul %0, %g : (tensor<3x4xf32>, tensor<4x5xf32>) -> tensor<3x5xf32>
  %2 = etch.sub %w, %1 : (tensor<3x5xf32>, tensor<3x5xf32>) -> tensor<3x5xf32>
  func.return %2 : tensor<3x5xf32>
}

// -----

// A long op is not computed on vectors of which rows of ten leave much empty;
// what is short is, and so are rows of whole vectors.
// CHECK: func private @k0
// CHECK: etch.matmul
// CHECK: etch.add
// CHECK-NOT: etch.sigmoid
// CHECK: func private @k1
// CHECK-NEXT: etch.sigmoid
// CHECK: func private @k2
// CHECK: etch.matmul
// CHECK: etch.sigmoid
// CHECK-LABEL: func @main
func.func @main(%x: tensor<?x4xf32>, %w: tensor<4x10xf32>, %b: tensor<?x10xf32>, %v: tensor<10x32xf32>) -> tensor<?x32xf32> {
  %0 = etch.matmul %x, %w : (tensor<?x4xf32>, tensor<4x10xf32>) -> tensor<?x10xf32>
  %1 = etch.add %0, %b : (tensor<?x10xf32>, tensor<?x10xf32>) -> tensor<?x10xf32>
  %2 = etch.sigmoid %1 : (tensor<?x10xf32>) -> tensor<?x10xf32>
  %3 = etch.matmul %2, %v : (tensor<?x10xf32>, tensor<10x32xf32>) -> tensor<?x32xf32>
  %4 = etch.sigmoid %3 : (tensor<?x32xf32>) -> tensor<?x32xf32>
  func.return %4 : tensor<?x32xf32>
}
